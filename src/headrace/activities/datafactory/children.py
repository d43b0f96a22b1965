"""ExecutePipeline (contract 8.1, and 6 for recovery): a child run is made, and waited for without a thread.

What makes runs of pipelines is the door's; here stands what is asked of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from headrace.activities.datafactory.attempt import Attempt, Object, Refused, Result, flag, reference_name, refused
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Outcome, Pause
from headrace.core.run import ActivityRun, Caller, RunStatus

_TOO_MANY = "TooManyRequests"
_LOOK_AGAIN = 2.0
_CHILD = "child"


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """What is asked of whoever starts pipelines.

    ``caller`` is the attempt that asks, and hears of the child's end; one caller has one child, however often it asks. ``recovers`` is the id
    of an earlier child run that this one is to go on with (startFromFailure) if its parameters are the same; else it runs in full.
    """

    scope: str
    caller: Caller
    pipeline: str
    parameters: Mapping[str, Json]
    recovers: str | None = None


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a child run stands. ``message`` is why it failed, ``returned`` what it returns."""

    status: RunStatus
    message: str = ""
    returned: Json = None


class Children(Protocol):
    """Starts pipelines for other pipelines."""

    def start(self, request: ChildRequest) -> str:
        """Return the id of the child run that ``request.caller`` has: a new one, or the one that it was given before.

        Raises:
            Problem: ``NOT_FOUND``: no such pipeline; ``INVALID``: its parameters, or its definition; ``LIMIT_EXCEEDED``: too many runs of it wait.
        """
        ...

    def end_of(self, scope: str, run_id: str) -> ChildEnd:
        """Return how the child run stands.

        Raises:
            Problem: ``NOT_FOUND``: it was removed.
        """
        ...


def execute_pipeline(attempt: Attempt, children: Children) -> Result:
    """Start a pipeline; with ``waitOnCompletion``, end as it ends."""
    name = reference_name(attempt.raw("pipeline"), "pipeline")
    resumed = attempt.task.resumed
    if resumed is not None:
        return _ended(attempt, children, name, str(resumed.state["child"]))
    given = attempt.given("pipeline")
    parameters = given.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise refused(BAD_REQUEST, "The property 'parameters' must be an object.")
    waits = flag(given.get("waitOnCompletion"), "waitOnCompletion")
    run_id = _start(attempt, children, name, parameters)
    # An attempt that is cancelled, or whose time is over, has no output; what it noted stays.
    attempt.context.note({_CHILD: run_id})
    output: Object = {"pipelineName": name, "pipelineRunId": run_id}
    return Pause(hears=True, state={"child": run_id}, output=output) if waits else Outcome(output)


def _start(attempt: Attempt, children: Children, name: str, parameters: Object) -> str:
    task = attempt.task
    caller = Caller(task.run_id, task.path, task.attempt)
    request = ChildRequest(task.scope, caller, name, parameters, _earlier_child(task.recovers))
    try:
        return children.start(request)
    except Problem as problem:
        if problem.code not in {Code.INVALID, Code.NOT_FOUND, Code.LIMIT_EXCEEDED}:
            raise
        label = _TOO_MANY if problem.code is Code.LIMIT_EXCEEDED else BAD_REQUEST
        raise refused(label, problem.message, problem.code) from problem


def _earlier_child(row: ActivityRun | None) -> str | None:
    if row is None:
        return None
    run_id = row.output.get("pipelineRunId") or row.details.get(_CHILD)
    return run_id if isinstance(run_id, str) else None


def _ended(attempt: Attempt, children: Children, name: str, run_id: str) -> Result:
    output: dict[str, Json] = {"pipelineName": name, "pipelineRunId": run_id}
    try:
        end = children.end_of(attempt.task.scope, run_id)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        message = f"The run {run_id} of the pipeline '{name}' was removed."
        raise Refused(refused(BAD_REQUEST, message, Code.NOT_FOUND).failure, output) from problem
    match end.status:
        case RunStatus.SUCCEEDED:
            return Outcome({**output, "pipelineReturnValue": {} if end.returned is None else end.returned})
        case RunStatus.FAILED:
            raise refused(BAD_REQUEST, end.message, Code.EXTERNAL_FAILED, output)
        case RunStatus.CANCELLED:
            message = f"The run {run_id} of the pipeline '{name}' was cancelled."
            raise refused(BAD_REQUEST, message, Code.EXTERNAL_FAILED, output)
        case _:
            # Its signal has been heard already: nothing else would wake this attempt.
            return Pause(seconds=_LOOK_AGAIN, state={"child": run_id}, output=output)
