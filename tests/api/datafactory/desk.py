"""A door on a ledger, asked without a network, and what tests of its runs have in common."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from fakes import CountingIds, ManualClock
from headrace.api.datafactory.app import make_app
from headrace.api.datafactory.door import DataFactoryDoor
from headrace.core.clock import Instant
from headrace.core.outcome import Failure
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunStatus
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk
from headrace.store import activity_runs, runs
from headrace.store.database import Database

FACTORY = "/subscriptions/Sub/resourceGroups/Rg/providers/Microsoft.DataFactory/factories/Fac"
SCOPE = "datafactory/sub/rg/fac"
VERSION = "2018-06-01"


@dataclass
class Client:
    """A client of the door in this process; who asks needs no token."""

    door: DataFactoryDoor
    clock: ManualClock
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        self.app = make_app(self.door)

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> httpx.Response:
        """Return the answer; ``path`` is below the factory unless it begins with a slash."""
        where = path if path.startswith("/") else f"{FACTORY}/{path}"
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json", **(headers or {})}
        parameters = {"api-version": VERSION, **query}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 50000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                return await client.request(method, where, content=content, headers=given, params=parameters)

        return asyncio.run(send())

    def put_factory(self, **properties: Any) -> None:
        """Make the factory."""
        assert self("PUT", FACTORY, {"location": "eastus", "properties": properties}).status_code == 200

    def put_pipeline(self, name: str, *activities: Any, **properties: Any) -> None:
        """Make or replace a pipeline; without activities it has a Wait."""
        made = {"activities": [*activities] or [wait("Wait")], **properties}
        answer = self("PUT", f"pipelines/{name}", {"properties": made})
        assert answer.status_code == 200, answer.text

    def create_run(self, name: str, body: Any = None, **query: Any) -> str:
        """Return the id of a new run."""
        answer = self("POST", f"pipelines/{name}/createRun", body, **query)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["runId"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a pipeline run as the wire has it."""
        answer = self("GET", f"pipelineruns/{run_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def activities(self, run_id: str, **given: Any) -> list[dict[str, Any]]:
        """Return the first page of a run's activity runs."""
        answer = self("POST", f"pipelineruns/{run_id}/queryActivityruns", {**EVER, **given})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])

    def query(self, **given: Any) -> list[dict[str, Any]]:
        """Return the first page of the factory's runs."""
        answer = self("POST", "queryPipelineRuns", {**EVER, **given})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])

    def stored(self, run_id: str) -> Run:
        """Return the run as the ledger has it."""
        with self.door.database.reading() as tx:
            return runs.get(tx, None, run_id)

    def move(self, run_id: str, *steps: RunStatus, reason: Failure | None = None) -> None:
        """Move the run from status to status, as the engine does."""
        for step in steps:
            with self.door.database.transaction() as tx:
                was = runs.status(tx, run_id)
                assert runs.move(tx, run_id, {was}, step, self.clock.now(), reason)

    def add(self, *rows: ActivityRun) -> None:
        """Write activity runs of a run; second attempts take the place of what the run began with."""
        waiting, never = {ActivityStatus.PENDING}, ActivityStatus.CANCELLED
        with self.door.database.transaction() as tx:
            for one in rows:
                if one.attempt > 1:
                    activity_runs.move(tx, one.run_id, one.path, 1, waiting, never, self.clock.now())
            activity_runs.insert_all(tx, rows)


EVER = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}


def make_client(database: Database, clock: ManualClock, **given: Any) -> Client:
    """Return a client of a door on the ledger, with its factory."""
    ids, sealer = CountingIds(), Sealer([b"k" * 32])
    values = {
        "database": database,
        "clock": clock,
        "ids": ids,
        "sealer": sealer,
        "tokens": TokenDesk(database, sealer, clock, ids),
        "anonymous": True,
    }
    client = Client(DataFactoryDoor(**{**values, **given}), clock)
    client.put_factory(globalParameters={"g": {"type": "String", "value": "gv"}})
    return client


def wait(name: str, *after: Any, **more: Any) -> dict[str, Any]:
    """Return a Wait that depends on the entries ``after``."""
    return {"name": name, "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}, "dependsOn": [*after], **more}


def row(run_id: str, path: str, status: ActivityStatus, at: int, **more: Any) -> ActivityRun:
    """Return an activity run that began at ``at`` and, if it has ended, did so a second later."""
    ends = status.is_final and status is not ActivityStatus.CANCELLED
    values: dict[str, Any] = {
        "run_id": run_id,
        "path": path,
        "attempt": 1,
        "kind": "pipeline_wait",
        "status": status,
        "fingerprint": "",
        "created_at": Instant(at),
        "started_at": Instant(at),
        "updated_at": Instant(at + (1_000_000 if ends else 0)),
        "ended_at": Instant(at + 1_000_000) if status.is_final else None,
        "parent": path.rpartition("/")[0],
    }
    return ActivityRun(**{**values, **more})


def request_id() -> dict[str, str]:
    """Return the header of a request that may be repeated."""
    return {"x-ms-client-request-id": str(uuid.uuid4())}
