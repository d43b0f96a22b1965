"""Runs of Data Factory pipelines at the command line."""

import pytest

from headrace.cli.pipelines import recovery_call
from headrace.core.clock import Instant
from headrace.core.flow import Plan
from headrace.core.planning import PlanMode
from headrace.core.run import Run, RunKind

_CALL = "/subscriptions/s/resourceGroups/r%20g/providers/Microsoft.DataFactory/factories/f/pipelines/My%20load"


def _run(plan: Plan) -> Run:
    known = {"id": "r1", "scope": "datafactory/s/r g/f", "flow_id": "p", "flow_name": "My load", "group_id": "r1"}
    return Run(**known, kind=RunKind.ON_DEMAND, definition=plan, created_at=Instant(1))  # type: ignore[arg-type]  # all are texts


@pytest.mark.parametrize(
    ("mode", "activity", "preview", "ends"),
    [
        (PlanMode.FROM_FAILURE, None, False, "createRun?api-version=2018-06-01&referencePipelineRunId=r1&isRecovery=true&startFromFailure=true"),
        (PlanMode.ALL, None, True, "planRun?api-version=2018-06-01&referencePipelineRunId=r1&isRecovery=true"),
        (PlanMode.FROM_ACTIVITY, "a b", False, "&isRecovery=true&startActivityName=a%20b"),
    ],
)  # fmt: skip
def test_the_call_that_recovers_a_run_of_a_pipeline(
    mode: PlanMode, activity: str | None, preview: bool, ends: str
) -> None:
    """Whoever asks for a retry is told what to ask for instead, with nothing to fill in."""
    call = recovery_call(_run(Plan((), "datafactory")), mode, activity, preview=preview)
    assert call is not None
    assert call.startswith(f"POST {_CALL}/")
    assert call.endswith(ends)


def test_a_run_of_a_flow_is_retried_here() -> None:
    """There is no such call for it."""
    assert recovery_call(_run(Plan(()))) is None
