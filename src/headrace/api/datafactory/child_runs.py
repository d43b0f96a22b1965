"""Runs that ExecutePipeline makes (8.1, and 6 for recovery). Whoever executes activities asks; one attempt has one child run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.datafactory.compiled import Pipeline
from headrace.api.datafactory.door import DataFactoryDoor
from headrace.api.datafactory.errors import missing_document
from headrace.api.datafactory.global_parameters import values_of
from headrace.api.datafactory.new_runs import Origin, Reference, RunDraft, check_definition, run_of
from headrace.api.datafactory.parameters import Parameters, make_parameters
from headrace.api.datafactory.pipeline_runs import RETURNED
from headrace.api.datafactory.translate.activity_run import activity_run_id
from headrace.api.datafactory.wire import Item, date
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.planning import PlanMode
from headrace.core.run import Caller, Run, RunStatus
from headrace.service.recoveries import Recovery, recover_run
from headrace.service.runs import queue_first_run
from headrace.service.secret_values import open_value
from headrace.store import runs
from headrace.store.database import Transaction
from headrace.store.run_history import variables_of

BY_PIPELINE = "PipelineActivity"
"""What runs that an activity made are invoked by."""
MAX_DEPTH = 100
"""Runs made by runs made by runs: a pipeline that runs itself comes to an end here."""
MAX_BELOW = 50_000
"""Runs that the runs that a run has made may make, all together: a pipeline that runs itself twice would make more than any disk holds."""
_BELOW = "below"


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a child run stands: ``message`` is why it failed, ``returned`` what its pipeline returns."""

    status: RunStatus
    message: str
    returned: Json


@dataclass(frozen=True, slots=True)
class ChildRuns:
    """Makes runs for runs; ``most``: as ``MAX_BELOW``."""

    door: DataFactoryDoor
    most: int = MAX_BELOW

    def start(self, caller: Caller, pipeline: str, parameters: Mapping[str, Json], recovers: str | None = None) -> str:
        """Return the id of the child run of ``caller``: a new one, or the one that it has already.

        With ``recovers``, an earlier run of the same pipeline, it goes on with what that one has not done if its parameters are the same, and
        does all of it again in its group if they are not.

        Raises:
            Problem: ``NOT_FOUND``: no such pipeline, or the caller is not there any more; ``INVALID``: its parameters, or its definition, or too many
                runs are made by one another; ``LIMIT_EXCEEDED``: too many of them, all together; ``CANCELLED``: the caller is being stopped.
        """
        run_id = derived_uuid(caller.run_id, caller.path, str(caller.attempt), "child")
        now = self.door.clock.now()
        try:
            with self.door.database.transaction() as tx:
                root = _held_root(tx, caller)
                # Held: whoever cancels the parent with all that it has made either sees this child, or is seen here.
                parent = runs.get(tx, None, caller.run_id, hold=True)
                if run_id not in runs.statuses(tx, [run_id]):
                    _check_goes_on(parent)
                    self._count(tx, root)
                    self._make(tx, run_id, _Call(parent, caller, pipeline, parameters, recovers), now)
        except Problem as problem:
            # Another worker, which has taken over, made it at the same moment.
            if problem.code is not Code.CONFLICT or not self._is_there(run_id):
                raise
        return run_id

    def end_of(self, scope: str, run_id: str) -> ChildEnd:
        """Return how the child run stands.

        Raises:
            Problem: ``NOT_FOUND``: it was removed.
        """
        with self.door.database.reading() as tx:
            run = runs.get(tx, scope, run_id)
            returned = variables_of(tx, [run.id], RETURNED).get(run.id)
        return ChildEnd(run.status, "" if run.reason is None else run.reason.message, returned)

    def _count(self, tx: Transaction, root: Run | None) -> None:
        if root is None:
            return
        below: Any = root.details.get(_BELOW, 0)
        if below >= self.most:
            text = f"The run {root.id} has led to {below} runs of pipelines already; does a pipeline execute itself without an end?"
            raise Problem(Code.LIMIT_EXCEEDED, text)
        runs.note(tx, root.id, {**root.details, _BELOW: below + 1})

    def _is_there(self, run_id: str) -> bool:
        with self.door.database.reading() as tx:
            return run_id in runs.statuses(tx, [run_id])

    def _make(self, tx: Transaction, run_id: str, call: "_Call", now: Instant) -> None:
        door, scope = self.door, call.parent.scope
        found = door.pipelines.find(tx, scope, call.pipeline, door.sealer)
        if found is None:
            raise missing_document(f"pipeline/{call.pipeline}")
        parameters = make_parameters(found.declared, call.parameters, found.target, door.sealer, scope)
        earlier = _earlier(tx, scope, found, call.recovers)
        draft = RunDraft(
            run_id=run_id,
            pipeline=found,
            parameters=parameters,
            global_parameters=values_of(tx, scope),
            factory=str(call.parent.details.get("factory", "")),
            origin=_origin(call, now),
            reference=_reference(earlier, same=earlier is not None and self._is_same(earlier, parameters)),
            depth=_depth(call.parent),
            root=str(call.parent.details.get("root") or call.parent.id),
        )
        check_definition(found, run_id)
        if earlier is None:
            queue_first_run(tx, run_of(draft, now))
        else:
            mode = PlanMode.FROM_FAILURE if draft.reference.from_failure else PlanMode.ALL
            recover_run(tx, earlier.id, run_of(draft, now), Recovery(mode))

    def _is_same(self, earlier: Run, parameters: Parameters) -> bool:
        return self._opened(earlier.scope, earlier.parameters) == self._opened(earlier.scope, parameters.values)

    def _opened(self, scope: str, values: Mapping[str, Json]) -> Item:
        return {name: open_value(self.door.sealer, scope, value) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class _Call:
    """What an attempt of ``parent`` asks for."""

    parent: Run
    caller: Caller
    pipeline: str
    parameters: Mapping[str, Json]
    recovers: str | None


def _check_goes_on(parent: Run) -> None:
    if parent.status is RunStatus.CANCELLING or parent.status.is_final:
        raise Problem(Code.CANCELLED, f"run {parent.id} is {parent.status}: it makes no further runs")


def _earlier(tx: Transaction, scope: str, pipeline: Pipeline, run_id: str | None) -> Run | None:
    """Return the run that is to be gone on with, if it is there and one of the same pipeline."""
    if run_id is None:
        return None
    try:
        run = runs.get(tx, scope, run_id)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return None
    return run if run.flow_id == pipeline.flow_id else None


def _reference(earlier: Run | None, *, same: bool) -> Reference:
    if earlier is None:
        return Reference()
    return Reference(run_id=earlier.id, is_recovery=True, from_failure=True if same else None)


def _origin(call: _Call, now: Instant) -> Origin:
    parent, caller = call.parent, call.caller
    asking = activity_run_id(caller.run_id, caller.path, caller.attempt)
    name = parent.details.get("pipeline", parent.flow_name)
    return Origin(
        invoked_by={
            "id": asking,
            "name": name,
            "invokedByType": BY_PIPELINE,
            "pipelineName": name,
            "pipelineRunId": parent.id,
        },
        trigger={"type": BY_PIPELINE, "id": asking, "name": name, "time": date(now)},
        who=parent.created_by,
        caller=caller,
    )


def _held_root(tx: Transaction, caller: Caller) -> Run | None:
    """Return the run that the caller's run goes back to, held; None: it is that run itself, whose plan says what it makes, or is not there any more.

    It is held before the caller's run is: always from above, so that nobody waits in a circle.
    """
    root_id = runs.get(tx, None, caller.run_id).details.get("root")
    if not isinstance(root_id, str) or not root_id:
        return None
    try:
        return runs.get(tx, None, root_id, hold=True)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return None


def _depth(parent: Run) -> int:
    before: Any = parent.details.get("depth", 0)
    if before >= MAX_DEPTH:
        text = f"More than {MAX_DEPTH} runs of pipelines were made by one another; does a pipeline execute itself without an end?"
        raise Problem(Code.INVALID, text)
    return int(before) + 1
