"""Looking at jobs, and what the rest of the service asks of many of them."""

from dataclasses import replace

from headrace.core.clock import Instant
from headrace.core.job import Actor, EndedBy, Job, JobAttempt, JobStatus
from headrace.core.job_moves import Act
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import begin, end_all, follow
from headrace.service.jobs.refusals import not_found
from headrace.store import job_attempts, jobs
from headrace.store.database import Transaction
from headrace.store.jobs import JobQuery

_MOST = 2**62
"""Beyond this no database counts; there is no page there either."""


def get(desk: JobDesk, actor: Actor, job_id: str) -> Job:
    """Return the job.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        return _reached(tx, actor, job_id)


def page(
    desk: JobDesk, actor: Actor, query: JobQuery, page_size: int, page_number: int = 1, *, descending: bool = True
) -> tuple[list[Job], int]:
    """Return one page of the jobs that ``query`` selects (numbered from 1; beyond the end it is empty), and how many there are in all.

    They are in the order of their making; another environment than the actor's has none, nor has another space than the only one that it may reach.
    """
    if query.environment_id not in {None, actor.environment_id}:
        return [], 0
    if actor.space_id is not None:
        if query.space_id not in {None, actor.space_id}:
            return [], 0
        query = replace(query, space_id=actor.space_id)
    offset = min((page_number - 1) * page_size, _MOST)
    with desk.database.reading() as tx:
        return jobs.page(tx, actor.scope, query, page_size, offset, descending=descending)


def attempts(desk: JobDesk, actor: Actor, job_id: str) -> tuple[JobAttempt, ...]:
    """Return every attempt at the job, the first one first; one that goes on is as the job is now.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        job = _reached(tx, actor, job_id)
        ended = job_attempts.of_job(tx, job.id)
    if job.status.is_final:
        return tuple(ended)
    return (*ended, _going_on(job))


def cancel_of_space(tx: Transaction, desk: JobDesk, actor: Actor, space_id: str, now: Instant) -> None:
    """Cancel every job of a space that has not ended, within the caller's transaction."""
    work = begin(tx, desk, actor, now)
    found = jobs.open_of_space(tx, actor.scope, space_id)
    end_all(work, found, Act.CANCEL, EndedBy.CANCEL, info="Its space was deleted.")
    follow(work)


def _reached(tx: Transaction, actor: Actor, job_id: str) -> Job:
    job = jobs.find(tx, job_id)
    if job is None or job.scope != actor.scope or actor.space_id not in {None, job.space_id}:
        raise not_found()
    return job


def _going_on(job: Job) -> JobAttempt:
    # What the attempt before has left stays on the job until this one begins.
    started = job.started_at if job.status is JobStatus.EXECUTING else None
    return JobAttempt(
        job_id=job.id,
        number=job.attempt,
        run_id=job.run_id,
        status=job.status,
        progress=job.progress,
        started_at=started,
        info=job.info,
        outcome=job.outcome,
        result=job.result,
        config=job.config,
        input=job.input,
        plan=job.plan,
    )
