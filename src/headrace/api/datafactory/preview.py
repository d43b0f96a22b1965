"""planRun, an extension: what a run would do that createRun would make of the same request, activity by activity, with reasons."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of
from headrace.api.datafactory.create_run import Asked, basis_of, parameters_for, read_asked, recovery_refusals
from headrace.api.datafactory.gateway import Factory, InFactory
from headrace.api.datafactory.new_runs import check_definition
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.translate.plan import activities_of
from headrace.api.datafactory.wire import Item, answer
from headrace.core.flow import Plan
from headrace.core.planning import PlanMode, PlannedActivity, PlanRequest, RunPlan, Verdict, plan_run
from headrace.service.recoveries import preview_recovery

router = APIRouter(prefix=FACTORY)

_PREVIEW = "preview"
_MODES: Mapping[PlanMode, str] = {
    PlanMode.FRESH: "Fresh",
    PlanMode.FROM_FAILURE: "FromFailure",
    PlanMode.FROM_ACTIVITY: "FromActivity",
    PlanMode.ALL: "All",
    PlanMode.CARRY: "Carry",
}
_VERDICTS: Mapping[Verdict, str] = {
    Verdict.RUN: "Run",
    Verdict.REEVALUATE: "Reevaluate",
    Verdict.CARRY_OVER: "CarryOver",
}


@router.post("/pipelines/{pipeline}/planrun")
def plan(pipeline: str, request: Request, factory: InFactory, body: DocumentBody) -> Response:
    """Show what a run would do; nothing is made. What createRun would refuse is refused."""
    decided, definition = decide(factory, pipeline, read_asked(request, object_of(body, optional=True)))
    return answer(_shown(decided, definition))


def decide(factory: Factory, pipeline: str, asked: Asked) -> tuple[RunPlan, Plan]:
    """Return what a run would do that is asked for so, and the definition that it would do it by.

    Raises:
        Refusal: what createRun would refuse.
    """
    with factory.door.database.reading() as tx:
        basis = basis_of(factory, tx, pipeline, asked)
        parameters_for(factory, basis, asked)
        check_definition(basis.pipeline, _PREVIEW)
        definition = basis.pipeline.plan
        if basis.recovery is None or basis.referenced is None:
            return plan_run(definition, (), PlanRequest(_PREVIEW)), definition
        with recovery_refusals(basis.pipeline):
            return preview_recovery(tx, factory.scope, basis.referenced.id, definition, basis.recovery), definition


def _shown(decided: RunPlan, definition: Plan) -> Item:
    types = {activity.name: activity.settings.get("type", "") for activity in activities_of(definition)}
    return {"mode": _MODES[decided.mode], "activities": [_activity(one, types) for one in decided.activities]}


def _activity(planned: PlannedActivity, types: Mapping[str, object]) -> Item:
    shown: Item = {
        "name": planned.path,
        "type": types.get(planned.path, ""),
        "verdict": _VERDICTS[planned.verdict],
        "reason": planned.reason,
    }
    if planned.carried_from is not None:
        shown["carriedOverFrom"] = planned.carried_from
    return shown
