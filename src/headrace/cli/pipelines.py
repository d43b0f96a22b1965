"""Runs of Data Factory pipelines, of which the command line knows only how they are recovered."""

from urllib.parse import quote

from headrace.core.planning import PlanMode
from headrace.core.run import Run

_WORDS = {PlanMode.FROM_FAILURE: "&startFromFailure=true", PlanMode.ALL: ""}


def recovery_call(
    run: Run, mode: PlanMode = PlanMode.FROM_FAILURE, activity: str | None = None, *, preview: bool = False
) -> str | None:
    """Return the request that recovers the run, or shows what that would do; None: it is no run of a pipeline."""
    if not run.definition.dialect:
        return None
    _, subscription, group, factory = (quote(part) for part in run.scope.split("/"))
    start = _WORDS.get(mode) if activity is None else f"&startActivityName={quote(activity)}"
    return (
        f"POST /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"
        f"/pipelines/{quote(run.flow_name)}/{'planRun' if preview else 'createRun'}"
        f"?api-version=2018-06-01&referencePipelineRunId={run.id}&isRecovery=true{start}"
    )
