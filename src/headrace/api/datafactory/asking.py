"""Runs of pipelines, asked for by somebody who did not come through this door: made as createRun makes them, planned as planRun does."""

from collections.abc import Mapping

from headrace.api.datafactory.create_run import Asked, basis_of, make_run, parameters_for, recovery_refusals
from headrace.api.datafactory.door import AUDIENCE, DataFactoryDoor
from headrace.api.datafactory.errors import missing_document
from headrace.api.datafactory.gateway import FACTORY_KIND, Factory, factories_scope
from headrace.api.datafactory.new_runs import Reference, check_definition
from headrace.core.client import Identity, Role
from headrace.core.ids import derived_uuid
from headrace.core.planning import PlanMode, PlanRequest, RunPlan, plan_run
from headrace.core.run import Run
from headrace.service.native.desk import Pipelines, PipelineWish
from headrace.service.recoveries import preview_recovery
from headrace.store import documents, runs

_FROM_FAILURE: Mapping[PlanMode, bool | None] = {PlanMode.FROM_FAILURE: True}


def pipelines_of(door: DataFactoryDoor) -> Pipelines:
    """Return what makes and plans runs of this door's pipelines.

    Raises:
        Problem: what createRun refuses, when they are called.
    """

    def run(wish: PipelineWish) -> Run:
        factory = _factory(door, wish)
        wanted = None if wish.request_key is None else derived_uuid(wish.scope, wish.request_key, "run")
        made = make_run(factory, wish.pipeline, _asked(wish), wanted)
        with door.database.reading() as tx:
            return runs.get(tx, wish.scope, made)

    return Pipelines(run=run, plan=lambda wish: _plan(_factory(door, wish), wish))


def _plan(factory: Factory, wish: PipelineWish) -> RunPlan:
    asked = _asked(wish)
    with factory.door.database.reading() as tx:
        basis = basis_of(factory, tx, wish.pipeline, asked)
        parameters_for(factory, basis, asked)
        check_definition(basis.pipeline, "preview")
        definition = basis.pipeline.plan
        if basis.recovery is None or basis.referenced is None:
            return plan_run(definition, (), PlanRequest("preview"))
        with recovery_refusals(basis.pipeline):
            return preview_recovery(tx, factory.scope, basis.referenced.id, definition, basis.recovery)


def _asked(wish: PipelineWish) -> Asked:
    if wish.recovers is None:
        return Asked(reference=Reference(), override=False, given=dict(wish.parameters or {}))
    reference = Reference(
        run_id=wish.recovers.id,
        is_recovery=True,
        start_activity=wish.activity,
        from_failure=_FROM_FAILURE.get(wish.mode),
    )
    return Asked(reference=reference, override=bool(wish.parameters), given=dict(wish.parameters or {}))


def _factory(door: DataFactoryDoor, wish: PipelineWish) -> Factory:
    subscription, _, subject = wish.scope.removeprefix(f"{AUDIENCE}/").partition("/")
    with door.database.reading() as tx:
        document = documents.find(tx, factories_scope(subscription), FACTORY_KIND, subject)
    if document is None:
        raise missing_document(f"pipeline/{wish.pipeline}")
    return Factory(door, Identity(wish.who, Role.OPERATOR, (wish.scope,)), document)
