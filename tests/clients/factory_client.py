"""Microsoft's client of Data Factory, pointed at a server of ours as the contract says (14.1): either version, whichever is found first."""

import time
from datetime import UTC, datetime
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt import datafactory
from azure.mgmt.datafactory import DataFactoryManagementClient, aio

from waiting import until

VERSION: str = datafactory.__version__
NINE = VERSION.startswith("9.")
GROUP = "rg"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
FINAL = {"Succeeded", "Failed", "Cancelled"}
ALWAYS: dict[str, Any] = {
    "last_updated_after": datetime(2000, 1, 1, tzinfo=UTC),
    "last_updated_before": datetime(2100, 1, 1, tzinfo=UTC),
}


class NoCredential:
    """Stands where a credential stands."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token that nobody looks at."""
        return AccessToken(f"{scopes}{options}", int(time.time()) + 3600)


class BearerHeader(SansIOHTTPPolicy[Any, Any]):
    """Sends a token over plain HTTP, which the client's own policy refuses to do."""

    def __init__(self, token: str) -> None:
        self._token = token

    def on_request(self, request: Any) -> None:
        """Add the header."""
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"


def client(base: str, token: str = "my-token") -> Any:
    """Return the client."""
    return DataFactoryManagementClient(
        NoCredential(),  # type: ignore[arg-type,unused-ignore]  # all that is asked of it
        SUBSCRIPTION,
        base_url=base,
        authentication_policy=BearerHeader(token),
    )


def asynchronous_client(base: str) -> Any:
    """Return the client for ``async`` programs."""
    return aio.DataFactoryManagementClient(
        NoCredential(),  # type: ignore[arg-type,unused-ignore]  # all that is asked of it
        SUBSCRIPTION,
        base_url=base,
        authentication_policy=SansIOHTTPPolicy(),
    )


def ended(found: Any, factory: str, run: str) -> Any:
    """Return the run once it has ended."""

    def final() -> Any:
        now = found.pipeline_runs.get(GROUP, factory, run)
        return now if now.status in FINAL else None

    return until(final, seconds=60, what=f"the end of run {run}", every=0.15)


def rows_of(found: Any, factory: str, run: str, **asked: Any) -> list[dict[str, Any]]:
    """Return all activity runs of a run with their fields on the wire, over all pages."""
    rows: list[dict[str, Any]] = []
    while True:
        page = found.activity_runs.query_by_pipeline_run(GROUP, factory, run, filtered(**asked))
        rows += [wire(row) for row in page.value]
        if not page.continuation_token:
            return rows
        asked["continuation_token"] = page.continuation_token


def filtered(*, filters: list[Any] | None = None, **asked: Any) -> Any:
    """Return the client's model of a filter for runs."""
    return datafactory.models.RunFilterParameters(**ALWAYS, filters=filters, **asked)


def filter_of(operand: str, operator: str, values: list[str]) -> Any:
    """Return the client's model of one filter; the versions call its values by different names."""
    named = {"values" if NINE else "values_property": values}
    return datafactory.models.RunQueryFilter(operand=operand, operator=operator, **named)


def wire(model: Any) -> dict[str, Any]:
    """Return a model as it stood on the wire."""
    told: dict[str, Any] = model.serialize(keep_readonly=True) if NINE else model.as_dict()
    return told | (model.additional_properties or {} if NINE else {})
