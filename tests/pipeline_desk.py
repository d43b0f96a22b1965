"""Activities of pipelines, called as the engine calls them, over the real language."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fakes import ManualClock
from headrace.activities.datafactory.attempt import Attempt, Installation, Result, activity
from headrace.activities.datafactory.dialect import PipelineDialect
from headrace.core.codec import Json
from headrace.core.flow import Plan
from headrace.core.outcome import Figures, Outcome
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunKind
from headrace.core.task import Cancellation, Resumed, Task
from headrace.service.sealing import Sealer, parse_keys

SCOPE = "datafactory/s/g/f"
RUN_ID = "52588188-5b08-4976-acc3-6f294595d5e2"
SEALER = Sealer(parse_keys(base64.b64encode(bytes(32)).decode()))
VARIABLES: Mapping[str, Json] = {
    "text": {"type": "String", "default": "first"},
    "Flag": {"type": "Boolean"},
    "count": {"type": "integer", "default": 1},
    "list": {"type": "Array"},
    "filled": {"type": "array", "default": [1]},
}


def a_run(**changes: Any) -> Run:
    """Return a run of the pipeline ``p``."""
    details: Mapping[str, Json] = {
        "pipeline": "p",
        "factory": "f",
        "invokedBy": {"id": "abc", "name": "Manual", "invokedByType": "Manual"},
        "trigger": {"type": "Manual", "id": "abc", "name": "Manual", "time": "2026-03-18T20:47:27.4564490Z"},
        "globalParameters": {"g": "gv"},
        "variables": VARIABLES,
    }
    made = Run(RUN_ID, SCOPE, "flow", "p", RunKind.ON_DEMAND, RUN_ID, Plan(()), ManualClock().now(), details=details)
    return replace(made, **changes)


@dataclass
class HandMade:
    """What an expression may refer to, by hand."""

    run: Run
    path: str = "A"
    items: tuple[Json, ...] = ()
    values: dict[str, Json] = field(default_factory=dict)
    rows: dict[str, ActivityRun] = field(default_factory=dict)

    def item(self) -> Json:
        """Return the item."""
        if not self.items:
            raise LookupError("item")
        return self.items[-1]

    def variable(self, name: str) -> Json:
        """Return a variable that was set."""
        return self.values[name.lower()]

    def ended(self, name: str) -> ActivityRun:
        """Return an activity that has ended."""
        return self.rows[name.lower()]


@dataclass
class Desk:
    """Calls one activity function; ``notes`` is what it noted."""

    run: Run = field(default_factory=a_run)
    clock: ManualClock = field(default_factory=ManualClock)
    around: HandMade = field(default_factory=lambda: HandMade(a_run()))
    cancellation: Cancellation = field(default_factory=Cancellation)
    notes: dict[str, Json] = field(default_factory=dict)
    opened: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.around.run = self.run

    @property
    def dialect(self) -> PipelineDialect:
        """Return the dialect."""
        return PipelineDialect(self.clock, SEALER)

    @property
    def installation(self) -> Installation:
        """Return what functions need."""
        return Installation(self.clock, SEALER, lambda _id: self.run, self._open)

    def evaluate(self, template: Json, *items: Json) -> Json:
        """Evaluate as the engine does."""
        return self.dialect.evaluate(template, replace(self.around, items=(*self.around.items, *items)))

    def note(self, details: Mapping[str, Json]) -> None:
        """Keep what is noted."""
        self.notes.update(details)

    def progress(self, figures: Figures) -> None:
        """Take figures."""

    def act(
        self,
        function: Callable[[Attempt], Result],
        properties: Mapping[str, Any],
        *,
        path: str = "A",
        **changes: Any,
    ) -> Any:
        """Return what the function says to an activity with these ``typeProperties``; ``changes`` are fields of its task."""
        settings = {"type": "T", "typeProperties": properties, **changes.pop("settings", {})}
        task = Task(
            SCOPE,
            "flow",
            RUN_ID,
            RUN_ID,
            path,
            1,
            1,
            "k",
            settings,
            "key",
            self.run.parameters,
            started_at=self.clock.now(),
        )
        return activity(self.installation, function)(replace(task, **changes), self)

    def resume(
        self,
        function: Callable[[Attempt], Result],
        properties: Mapping[str, Any],
        state: Mapping[str, Json],
        signal: Mapping[str, Json] | None = None,
        **changes: Any,
    ) -> Any:
        """Return what the function says when it is gone on with."""
        return self.act(function, properties, resumed=Resumed(state, signal), **changes)

    def _open(self, properties: Mapping[str, Json], scope: str, name: str) -> Mapping[str, Json]:
        self.opened.append((scope, name))
        return properties


@dataclass
class Shelf:
    """Documents by kind and name."""

    documents: dict[tuple[str, str], Mapping[str, Json]] = field(default_factory=dict)

    def find(self, scope: str, kind: str, name: str) -> tuple[str, Mapping[str, Json]] | None:
        """Return a document of the one factory that there is."""
        assert scope == SCOPE
        found = self.documents.get((kind, name))
        return None if found is None else (name, found)


def ended(status: ActivityStatus = ActivityStatus.SUCCEEDED, **changes: Any) -> ActivityRun:
    """Return the row of an activity that has ended."""
    row = ActivityRun(RUN_ID, "Look", 1, "web", status, "print", output={"rows": 5})
    return replace(row, **changes)


def failure_of(result: Any) -> tuple[str, str]:
    """Return errorCode and message of an outcome that failed."""
    assert isinstance(result, Outcome)
    assert result.failure is not None
    return result.failure.label, result.failure.message
