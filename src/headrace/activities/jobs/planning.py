"""The execution plan of a map job (contract 7): built before the job is executed, or as its first step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.activities.jobs.working import Desks, Work, sheet_of_job
from headrace.core import automap
from headrace.core.automap import ENUMS, MOST_VALUES, Match, Values, match, plan_of
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.job import Job, JobStatus
from headrace.core.outcome import Outcome
from headrace.core.record import Selection
from headrace.core.task import Context, Task, WorkFunction
from headrace.core.workspace import Sheet
from headrace.service.jobs import engine_side
from headrace.store import jobs, record_pages, record_values
from headrace.store.database import Transaction

_LOOKED_AT = 1_000
"""First records of a source that previews are taken from."""


def plan_activity(desks: Desks) -> WorkFunction:
    """Return the function that builds the plan of a job that somebody is going to look at before it is executed.

    A plan that a caller has given meanwhile stays. Done again, it changes nothing.
    """

    def act(task: Task, context: Context) -> Outcome:
        context.cancellation.check()
        with desks.jobs.database.reading() as tx:
            job = engine_side.job_of_run(tx, task.run_id)
            if job.status is not JobStatus.CREATED:
                return Outcome()
            plan = _built(tx, job) if job.plan is None else job.plan
        crash_point("jobs-plan-built")
        with desks.jobs.database.transaction() as tx:
            engine_side.planned(tx, desks.jobs, task.run_id, plan)
        crash_point("jobs-plan-kept")
        return Outcome()

    return act


def keep_plan(work: Work) -> Mapping[str, Json]:
    """Return the plan of a job that is executed; one that has none gets it now."""
    if work.job.plan is not None:
        return work.job.plan
    with work.desks.jobs.database.reading() as tx:
        plan = _built(tx, work.job)
    with work.chunk() as chunk:
        job = engine_side.job_of_run(chunk.tx, work.task.run_id)
        if job.plan is None:
            jobs.change(chunk.tx, job, replace(job, plan=plan))
    kept = work.job
    return plan if kept.plan is None else kept.plan


def sheet_of(tx: Transaction, job: Job, name: str) -> Sheet:
    """Return the sheet that a job's configuration names, which must be in the job's own space.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    return sheet_of_job(tx, job, str((job.config or {}).get(name)))


def _built(tx: Transaction, job: Job) -> dict[str, Json]:
    source, destination = sheet_of(tx, job, "sourceSheetId"), sheet_of(tx, job, "destinationSheetId")
    matches = match(source.blueprint, destination.blueprint)
    return plan_of(source.blueprint, destination.blueprint, matches, _values(tx, source, matches))


def _values(tx: Transaction, source: Sheet, matches: Sequence[Match]) -> Values:
    """Return values of each field: a few of the first records, and of those that go to enums as many distinct ones as there may be."""
    first = record_pages.walk(tx, source, Selection(), None, _LOOKED_AT)
    found: dict[str, Sequence[Json]] = {
        field.key: [value for record in first if (value := record.values.get(field.key)) is not None]
        for field in source.blueprint.fields
    }
    for pair in matches:
        if pair.destination.kind in ENUMS:
            key = pair.source.key
            distinct = record_values.record_values(tx, source, key, Selection(), limit=MOST_VALUES)
            seen = set(map(automap.text_of, found[key]))
            more = [item.value for item in distinct if automap.text_of(item.value) not in seen]
            found[key] = [*found[key], *more]
    return found
