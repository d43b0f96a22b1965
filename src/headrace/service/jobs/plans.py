"""Execution plans of map jobs (contract 7), as callers read and change them. The engine builds them (``activities.jobs.map``)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from headrace.core.automap import EMPTY_PLAN
from headrace.core.codec import Json
from headrace.core.engine_operations import has_plan
from headrace.core.errors import Problem
from headrace.core.job import Actor, Job, Verb
from headrace.core.mapping_plans import AskedPlan, read_plan, with_parts
from headrace.core.workspace import Sheet
from headrace.service.jobs import lists
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import working
from headrace.service.jobs.refusals import check, refuse
from headrace.service.jobs.work import UPDATED, Work
from headrace.service.records.fields import with_fields
from headrace.service.records.writing import hold
from headrace.store import sheets

_KEY = "plan"
_FILE = "fileId"


def get(desk: JobDesk, actor: Actor, job_id: str) -> tuple[Job, Mapping[str, Json]]:
    """Return a job and its plan, which is empty until it is there.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: such jobs have no plan.
    """
    job = lists.get(desk, actor, job_id)
    _check_has_plan(job)
    return job, plan_of(job)


def put(desk: JobDesk, actor: Actor, job_id: str, raw: Mapping[str, Json]) -> tuple[Job, Mapping[str, Json]]:
    """Replace the plan of a job as a whole, and return both. One that was given before the engine's own is there stays.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: the job is being done, or has ended; ``INVALID``: it can have no plan, or what is wrong in ``raw``.
    """
    return _change(desk, actor, job_id, raw, lambda _job, asked: with_parts(None, asked), whole=True)


def patch(desk: JobDesk, actor: Actor, job_id: str, raw: Mapping[str, Json]) -> tuple[Job, Mapping[str, Json]]:
    """Replace the parts of a plan that ``raw`` has, and return the job and the plan.

    Raises:
        Problem: as ``put``.
    """
    return _change(desk, actor, job_id, raw, lambda job, asked: with_parts(job.plan, asked), whole=False)


def plan_of(job: Job) -> Mapping[str, Json]:
    """Return the plan that callers see: what else is kept with it is left out."""
    plan = EMPTY_PLAN if job.plan is None else job.plan
    return {name: value for name, value in plan.items() if name != _FILE}


def _change(
    desk: JobDesk,
    actor: Actor,
    job_id: str,
    raw: Mapping[str, Json],
    merged: Callable[[Job, AskedPlan], dict[str, Json]],
    *,
    whole: bool,
) -> tuple[Job, Mapping[str, Json]]:
    if raw.get("jobId") not in (None, job_id):
        refuse("jobId", f"jobId is another job's than {job_id!r}, whose plan is changed")
    with working(desk, actor) as work:
        job = work.hold(job_id)
        _check_has_plan(job)
        check(Verb.CHANGE_PLAN, job)
        source = _sheet(work, job, "sourceSheetId")
        destination = _sheet(work, job, "destinationSheetId")
        asked = read_plan(raw, source.blueprint, destination.blueprint, whole=whole)
        if asked.new_fields:
            held = hold(work.tx, job.scope, destination.id)
            keys = [field.key for field in asked.new_fields]
            renewed = with_fields(work.tx, desk.ids, held, keys, actor, work.now)
            asked = read_plan(raw, source.blueprint, renewed.blueprint, whole=whole)
        plan = merged(job, asked)
        if isinstance(raw.get(_FILE), str):
            plan[_FILE] = raw[_FILE]
        kept = work.change(job, replace(job, plan=plan))
        work.tell(kept, UPDATED)
    return kept, plan_of(kept)


def _check_has_plan(job: Job) -> None:
    if not (job.engine and has_plan(job.type, job.operation)):
        refuse(_KEY, "This job has no execution plan.")


def _sheet(work: Work, job: Job, name: str) -> Sheet:
    """Return a sheet that the configuration names, which is in the job's own space."""
    sheet_id = str((job.config or {}).get(name))
    try:
        sheet = sheets.get(work.tx, job.scope, sheet_id)
    except Problem:
        sheet = None
    if sheet is None or job.space_id not in {None, sheet.space_id}:
        refuse(f"config.{name}", f"there is no sheet {sheet_id!r} any more")
    return sheet
