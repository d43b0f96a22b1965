"""Errors over the runs of a flow or a sandbox, an extension of ours."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.flowservice.conftest import Client, flow_body, make_ends, serve
from fakes import ManualClock
from headrace.api.flowservice.app import make_app
from headrace.api.flowservice.door import FlowServiceDoor
from headrace.core.clock import DAY, HOUR
from headrace.core.errors import Code
from headrace.core.outcome import Failure, Figures, ReasonCount
from headrace.core.run import RunStatus
from headrace.service.runs import NEWEST_FIRST
from headrace.store import batches, runs
from ledger_rows import a_batch

SCOPE = "flowservice/acme@AdobeOrg/prod"


@pytest.fixture
def door(make_door: Callable[..., FlowServiceDoor]) -> FlowServiceDoor:
    """Return a door."""
    return make_door()


@pytest.fixture
def caller(door: FlowServiceDoor, tmp_path: Path, clock: ManualClock) -> Iterator[Client]:
    """Return a client of the door."""
    for base in serve(make_app(door)):
        yield Client(base, tmp_path / "files", clock)


def go_wrong(door: FlowServiceDoor) -> None:
    """Let every queued run reject rows for three reasons, and fail."""
    now = door.clock.now()
    reasons = tuple(ReasonCount(code, "age", count, "m") for code, count in (("required", 3), ("type", 2), ("enum", 1)))
    with door.database.transaction() as tx:
        for run in runs.page(tx, runs.RunQuery(statuses=frozenset({RunStatus.QUEUED})), NEWEST_FIRST, 100).items:
            batch = a_batch(f"B{run.id}", run_id=run.id, scope=SCOPE, rejects=reasons, figures=Figures(rows_rejected=6))
            batches.save(tx, batch)
            runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, now)
            runs.set_figures(tx, run.id, Figures(rows_rejected=6))
            failure = Failure(Code.SOURCE_UNAVAILABLE, "the source broke off")
            runs.move(tx, run.id, {RunStatus.RUNNING}, RunStatus.FAILED, now, failure)


def test_errors_of_a_flow_are_grouped_in_the_words_of_the_dialect(caller: Client, door: FlowServiceDoor) -> None:
    """By code, message and column, with counts of rows and runs, and an example run to look at."""
    ends = make_ends(caller)
    flow = caller.make("/flows", flow_body(ends))
    other = caller.make("/flows", flow_body(ends))
    go_wrong(door)
    caller.clock.advance(HOUR)
    answer = caller("GET", f"/flows/{flow}/errors")
    assert answer.status_code == 200
    failure, *rejects = answer.json()["items"]
    assert (failure["type"], failure["code"], failure["runCount"]) == ("Failure", "CONNECTOR-1001-500", 1)
    assert failure["cause"] == "SRC-1005-503"
    assert [(one["code"], one["column"], one["recordCount"]) for one in rejects] == [
        ("INGEST-1555-400", "age", 3),
        ("MAPPER-3700-400", "age", 2),
        ("DCVS-1111-400", "age", 1),
    ]
    assert caller("GET", f"/runs/{rejects[0]['flowRunId']}").json()["items"][0]["flowId"] == flow
    assert other != flow
    assert [one["runCount"] for one in caller("GET", "/errors").json()["items"]] == [2, 2, 2, 2]


def test_errors_have_a_period_and_pages(caller: Client, door: FlowServiceDoor) -> None:
    """A page goes on in the report that the first one began."""
    caller.make("/flows", flow_body(make_ends(caller)))
    go_wrong(door)
    caller.clock.advance(2 * DAY)
    assert caller("GET", "/errors").json() == {"items": [], "_links": {}}
    path, codes = "/errors?since=7d&limit=3", []
    while path:
        page = caller("GET", path).json()
        codes += [one["code"] for one in page["items"]]
        path = page["_links"].get("next", {}).get("href", "")
        caller.clock.advance(10 * DAY)
    assert len(codes) == len(set(codes)) == 4
    assert len(caller("GET", "/errors?since=2023-11-14T00:00:00Z").json()["items"]) == 4
    assert caller("GET", "/errors?since=1699000000&until=1699000001").json()["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=2024-05-20",
        "since=9999d",
        "limit=0",
        "limit=x",
        "until=-1",
        "since=1",
        "continuationToken=x",
        "a=b",
    ],
)
def test_what_cannot_be_meant_is_refused(caller: Client, query: str) -> None:
    """With what is expected."""
    answer = caller("GET", f"/errors?{query}")
    assert answer.status_code == 400, answer.text


def test_another_tenant_sees_no_errors(caller: Client, door: FlowServiceDoor) -> None:
    """Neither of the flow nor that there is one."""
    flow = caller.make("/flows", flow_body(make_ends(caller)))
    go_wrong(door)
    assert caller("GET", f"/flows/{flow}/errors", x_gw_ims_org_id="umbrella@AdobeOrg").status_code == 404
    assert caller("GET", "/errors", x_gw_ims_org_id="umbrella@AdobeOrg").json()["items"] == []
