"""A door whose triggers fire when a test says so, on a clock that only the test moves."""

from dataclasses import dataclass
from typing import Any

from api.datafactory.desk import EVER, Client, make_client
from fakes import ManualClock
from headrace.api.datafactory.door import AUDIENCE
from headrace.api.datafactory.firing import maker
from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.core.query import Order
from headrace.core.run import RunStatus
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.due import fire_due
from headrace.store import runs
from headrace.store.database import Database
from headrace.store.runs import RunQuery

NOON = Instant(1_767_268_800_000_000)
"""2026-01-01T12:00Z, where every clock begins."""


@dataclass
class Triggers:
    """A client of a door, and who fires its triggers."""

    client: Client
    desk: TriggerDesk

    def put(self, kind: str, properties: Any, name: str = "t", pipeline: str = "p", **parameters: Any) -> None:
        """Make or replace a trigger of one pipeline."""
        answer = self.try_put(kind, properties, name, pipeline, **parameters)
        assert answer.status_code == 200, answer.text

    def try_put(self, kind: str, properties: Any, name: str = "t", pipeline: str = "p", **parameters: Any) -> Any:
        """Return the answer to the same."""
        reference = {
            "pipelineReference": {"referenceName": pipeline, "type": "PipelineReference"},
            "parameters": parameters,
        }
        runs_it = {"pipeline": reference} if kind == "TumblingWindowTrigger" else {"pipelines": [reference]}
        body = {"properties": {"type": kind, "typeProperties": properties, **runs_it}}
        return self.client("PUT", f"triggers/{name}", body)

    def schedule(self, name: str = "t", **recurrence: Any) -> None:
        """Make a schedule trigger of the pipeline ``p``, which gets the scheduled time, and start it."""
        self.put("ScheduleTrigger", {"recurrence": recurrence}, name, when="@trigger().scheduledTime")
        self.start(name)

    def start(self, name: str = "t") -> None:
        """Start a trigger."""
        self.act("start", name)

    def stop(self, name: str = "t") -> None:
        """Stop a trigger."""
        self.act("stop", name)

    def act(self, action: str, name: str = "t") -> None:
        """Do something that is answered with nothing."""
        answer = self.client("POST", f"triggers/{name}/{action}")
        assert (answer.status_code, answer.content) == (200, b""), answer.text

    def fire(self, microseconds: int = 0) -> None:
        """Let time pass, and do all that there is to do then."""
        self.client.clock.advance(microseconds)
        while fire_due(self.desk):
            pass

    def runs(self, **given: Any) -> list[dict[str, Any]]:
        """Return the first page of the factory's trigger runs, newest first."""
        answer = self.client("POST", "queryTriggerRuns", {**EVER, **given})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])

    def pipeline_runs(self) -> list[dict[str, Any]]:
        """Return the first page of the factory's pipeline runs, oldest first."""
        return self.client.query(orderBy=[{"orderBy": "RunStart", "order": "ASC"}])

    def end(self, status: RunStatus = RunStatus.SUCCEEDED, count: int = 100) -> int:
        """Let queued pipeline runs, oldest first, begin and end with a status; return how many."""
        database, clock = self.desk.database, self.client.clock
        with database.reading() as tx:
            query = RunQuery(statuses=frozenset({RunStatus.QUEUED}))
            found = runs.page(tx, query, Order("created_at"), count).items
        reason = Failure(Code.INTERNAL, "it broke") if status is RunStatus.FAILED else None
        with database.transaction() as tx:
            for run in found:
                if status is not RunStatus.CANCELLED:
                    runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, clock.now())
                was = {RunStatus.QUEUED, RunStatus.RUNNING}
                runs.move(tx, run.id, was, status, clock.now(), reason)
        return len(found)


def make_triggers(database: Database, **given: Any) -> Triggers:
    """Return triggers of a factory that has a pipeline ``p`` with optional parameters."""
    clock = ManualClock(NOON)
    client = make_client(database, clock, **given)
    names = ("when", "begin", "end", "n")
    client.put_pipeline("p", parameters={name: {"type": "String", "defaultValue": "-"} for name in names})
    door = client.door
    return Triggers(client, TriggerDesk(database, clock, door.ids, {AUDIENCE: maker(door)}))
