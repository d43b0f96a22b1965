"""ExecutePipeline: one child for each attempt, waited for by its signal, gone on with in a recovery."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.children import ChildEnd, ChildRequest, execute_pipeline
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Outcome, Pause
from headrace.core.run import ActivityStatus, Caller, RunStatus
from pipeline_desk import RUN_ID, SCOPE, Desk, ended, failure_of

CHILD = "00000000-0000-4000-8000-000000000001"
WAITING: Mapping[str, Json] = {
    "pipeline": {"referenceName": "c", "type": "PipelineReference"},
    "parameters": {"n": "@add(1,1)"},
    "waitOnCompletion": True,
}


@dataclass
class Nursery:
    """Starts nothing, and says what it was asked."""

    asked: list[ChildRequest] = field(default_factory=list)
    end: ChildEnd = field(default_factory=lambda: ChildEnd(RunStatus.RUNNING))
    problem: Problem | None = None

    def start(self, request: ChildRequest) -> str:
        """Note the request."""
        self.asked.append(request)
        if self.problem is not None:
            raise self.problem
        return CHILD

    def end_of(self, scope: str, run_id: str) -> ChildEnd:
        """Return the end that a test has set."""
        assert (scope, run_id) == (SCOPE, CHILD)
        return self.end

    def act(self, attempt: Attempt) -> Result:
        """Execute a pipeline."""
        return execute_pipeline(attempt, self)


OUTPUT: Mapping[str, Json] = {"pipelineName": "c", "pipelineRunId": CHILD}


def test_a_child_is_started_with_evaluated_parameters_and_waited_for() -> None:
    """The row shows the child's id while it waits, and no thread does."""
    nursery, desk = Nursery(), Desk()
    assert desk.act(nursery.act, WAITING) == Pause(hears=True, state={"child": CHILD}, output=OUTPUT)
    assert nursery.asked == [ChildRequest(SCOPE, Caller(RUN_ID, "A", 1), "c", {"n": 2})]
    assert desk.notes["input"] == {**WAITING, "parameters": {"n": 2}}
    assert desk.notes["child"] == CHILD


@pytest.mark.parametrize("flag", [None, False, "false"])
def test_a_child_that_is_not_waited_for_is_a_success_at_once(flag: Json) -> None:
    """Waiting has to be asked for, as in the API's definition."""
    properties = {**WAITING, "waitOnCompletion": flag}
    assert Desk().act(Nursery().act, properties) == Outcome(OUTPUT)


@pytest.mark.parametrize(
    ("end", "label", "message"),
    [
        (
            ChildEnd(RunStatus.FAILED, "Operation on target X failed: no"),
            "BadRequest",
            "Operation on target X failed: no",
        ),
        (ChildEnd(RunStatus.CANCELLED), "BadRequest", f"The run {CHILD} of the pipeline 'c' was cancelled."),
    ],
)
def test_a_child_that_did_not_succeed_fails_the_activity(end: ChildEnd, label: str, message: str) -> None:
    """The message is the child's; its id stays in the output, so that a recovery finds it."""
    result = Desk().resume(Nursery(end=end).act, WAITING, {"child": CHILD}, {"run_id": CHILD})
    assert failure_of(result) == (label, message)
    assert result.output == OUTPUT


@pytest.mark.parametrize(("returned", "shown"), [({"k": 1}, {"k": 1}), (None, {})])
def test_what_a_child_returns_is_in_the_output(returned: Json, shown: Json) -> None:
    """A child that returns nothing gives an empty object."""
    nursery = Nursery(end=ChildEnd(RunStatus.SUCCEEDED, returned=returned))
    result = Desk().resume(nursery.act, WAITING, {"child": CHILD}, {"run_id": CHILD})
    assert result == Outcome({**OUTPUT, "pipelineReturnValue": shown})


def test_a_recovery_goes_on_with_the_earlier_child() -> None:
    """Whoever starts it compares the parameters; here only the earlier run's id is handed on."""
    nursery = Nursery()
    earlier = replace(ended(ActivityStatus.FAILED), output={"pipelineName": "c", "pipelineRunId": "earlier"})
    Desk().act(nursery.act, WAITING, recovers=earlier)
    Desk().act(nursery.act, WAITING, recovers=replace(earlier, output={}, details={"child": "cancelled"}))
    assert [request.recovers for request in nursery.asked] == ["earlier", "cancelled"]


@pytest.mark.parametrize(
    ("code", "label"),
    [(Code.INVALID, "BadRequest"), (Code.NOT_FOUND, "BadRequest"), (Code.LIMIT_EXCEEDED, "TooManyRequests")],
)
def test_a_child_that_cannot_be_started_fails_the_activity(code: Code, label: str) -> None:
    """A parameter of the wrong type, a pipeline that is gone, too many waiting runs: each is told."""
    assert failure_of(Desk().act(Nursery(problem=Problem(code, "why")).act, WAITING)) == (label, "why")


def test_a_pipeline_has_to_be_named() -> None:
    """The message names the property."""
    message = "The property 'pipeline' must be a reference with a 'referenceName'."
    assert failure_of(Desk().act(Nursery().act, {})) == ("BadRequest", message)
