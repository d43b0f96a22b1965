"""Runs of pipelines, asked for by somebody who did not come through this door: made as createRun makes them, planned as planRun does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from headrace.api.datafactory.create_run import Asked, make_run
from headrace.api.datafactory.door import DataFactoryDoor
from headrace.api.datafactory.errors import MISSING_DOCUMENT, Refusal, missing_document
from headrace.api.datafactory.gateway import Factory, factory_at
from headrace.api.datafactory.new_runs import Reference
from headrace.api.datafactory.preview import decide
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.planning import PlanMode, RunPlan
from headrace.core.run import Run
from headrace.service.native.desk import Pipelines, PipelineWish
from headrace.store import runs

_FROM_FAILURE: Mapping[PlanMode, bool | None] = {PlanMode.FROM_FAILURE: True}


def pipelines_of(door: DataFactoryDoor) -> Pipelines:
    """Return what makes and plans runs of this door's pipelines.

    Raises:
        Problem: what createRun refuses, when they are called; ``ILLEGAL_STATE``: a pipeline whose run is to be recovered is not there any more.
    """

    def run(wish: PipelineWish) -> Run:
        wanted = None if wish.request_key is None else derived_uuid(wish.scope, wish.request_key, "run")
        with _told_what_is_missing(wish):
            made = make_run(_factory(door, wish), wish.pipeline, _asked(wish), wanted)
        with door.database.reading() as tx:
            return runs.get(tx, wish.scope, made)

    def plan(wish: PipelineWish) -> RunPlan:
        with _told_what_is_missing(wish):
            return decide(_factory(door, wish), wish.pipeline, _asked(wish))[0]

    return Pipelines(run=run, plan=plan)


@contextmanager
def _told_what_is_missing(wish: PipelineWish) -> Iterator[None]:
    """The service's own message does not say which document; and the run that is asked about is there."""
    try:
        yield
    except Refusal as refusal:
        if refusal.message != MISSING_DOCUMENT:
            raise
        missing = f"the pipeline {wish.pipeline!r} is not there any more"
        if wish.recovers is None:
            raise Problem(Code.NOT_FOUND, missing) from refusal
        advice = "a pipeline is recovered by its present definition: make it again, then retry"
        raise Problem(Code.ILLEGAL_STATE, f"{missing}; {advice}") from refusal


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
    found = factory_at(door, wish.scope, wish.who)
    if found is None:
        raise missing_document(f"pipeline/{wish.pipeline}")
    return found
