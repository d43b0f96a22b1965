"""One factory of a server, by plain HTTP: what a client needs to define pipelines, run them, look and recover."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from compare import fits

FINAL = ("Succeeded", "Failed", "Cancelled")
_ALWAYS = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
_LOOK = 0.2
"""Seconds between two looks at a run."""


class RefusedError(Exception):
    """The server refused a call: its status, and the ``code`` and ``message`` of the error."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        error = body.get("error", body)
        super().__init__(f"{status} {error.get('code')}: {error.get('message')}")
        self.told = {"status": status, "code": error.get("code"), "message": error.get("message")}


class Factory:
    """The factory ``name``; it is made with its global parameters."""

    def __init__(self, server: str, name: str, properties: Mapping[str, Any], token: str = "") -> None:
        address = urlsplit(server)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.netloc, timeout=60)
        self._path = f"/subscriptions/examples/resourceGroups/examples/providers/Microsoft.DataFactory/factories/{name}"
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.ask("PUT", "", {"location": "local", "properties": properties})

    def put(self, collection: str, document: Mapping[str, Any]) -> None:
        """Store a document of a factory's repository: ``{"name", "properties"}``."""
        self.ask("PUT", f"/{collection}/{quote(document['name'])}", {"properties": document["properties"]})

    def create_run(self, pipeline: str, parameters: Mapping[str, Any], options: Mapping[str, Any]) -> str:
        """Start a run and return its id; ``options`` are the query parameters of createRun."""
        found: str = self.ask("POST", f"/pipelines/{quote(pipeline)}/createRun", parameters, _query_of(options))[
            "runId"
        ]
        return found

    def plan_run(self, pipeline: str, parameters: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``create_run`` would execute and carry over (an extension)."""
        path = f"/pipelines/{quote(pipeline)}/planRun"
        found: dict[str, Any] = self.ask("POST", path, parameters, _query_of(options))
        return found

    def run(self, run: str) -> dict[str, Any]:
        """Return the run."""
        found: dict[str, Any] = self.ask("GET", f"/pipelineruns/{run}")
        return found

    def ended(self, run: str, seconds: float = 60) -> dict[str, Any]:
        """Return the run when it has ended."""
        deadline = time.monotonic() + seconds
        while (found := self.run(run))["status"] not in FINAL:
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {run} is {found['status']} after {seconds:.0f} s")
            time.sleep(_LOOK)
        return found

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs of the factory, newest first."""
        return self._query("/queryPipelineRuns")

    def activity_runs(self, run: str) -> list[dict[str, Any]]:
        """Return all activity runs of a run, oldest first."""
        return self._query(f"/pipelineruns/{run}/queryActivityruns")

    def start(self, trigger: str) -> None:
        """Start a trigger."""
        self.ask("POST", f"/triggers/{quote(trigger)}/start")

    def stop(self, trigger: str) -> None:
        """Stop a trigger."""
        self.ask("POST", f"/triggers/{quote(trigger)}/stop")

    def rerun(self, trigger_run: Mapping[str, Any]) -> None:
        """Run again what a trigger run ran."""
        self.ask(
            "POST", f"/triggers/{quote(trigger_run['triggerName'])}/triggerRuns/{trigger_run['triggerRunId']}/rerun"
        )

    def trigger_runs(self) -> list[dict[str, Any]]:
        """Return all trigger runs of the factory, newest first."""
        return self._query("/queryTriggerRuns")

    def _query(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        asked: dict[str, Any] = dict(_ALWAYS)
        while True:
            page = self.ask("POST", path, asked)
            found += page["value"]
            if "continuationToken" not in page:
                return found
            asked["continuationToken"] = page["continuationToken"]

    def until_activity(self, run: str, row: Mapping[str, Any], seconds: float = 60) -> None:
        """Return when the run has an activity run like ``row``."""
        deadline = time.monotonic() + seconds
        while not any(fits(row, one) for one in self.activity_runs(run)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {run} has no activity run {dict(row)} after {seconds:.0f} s")
            time.sleep(_LOOK)

    def cancel(self, run: str, *, recursive: bool) -> None:
        """Cancel a run, and what it started when ``recursive``."""
        self.ask("POST", f"/pipelineruns/{run}/cancel", None, {"isRecursive": str(recursive).lower()})

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """Return what the server answers to a call below the factory; RefusedError when it refuses."""
        target = f"{self._path}{path}?{urlencode({'api-version': '2018-06-01', **(query or {})})}"
        self._connection.request(method, target, None if body is None else json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        found = json.loads(content) if content else {}
        if answer.status >= http.client.BAD_REQUEST:
            raise RefusedError(answer.status, found)
        return found


def _query_of(options: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else value for key, value in options.items()}
