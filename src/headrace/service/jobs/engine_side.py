"""The engine's side of its jobs: begin, go on, end (contract rows 5, 16 to 18), each within the caller's transaction.

All of it can be done again: a worker that takes over after a crash finds how the job stands, and goes on from its ``position``. Whoever works on an
attempt that is not the job's any more, or on a job that was cancelled, is refused, so nothing of its transaction is kept. The environment is held
from here on to the end of the transaction: call these before anything else is held.
"""

from collections.abc import Mapping
from dataclasses import replace

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.job import EndedBy, Job, JobStatus
from headrace.core.job_moves import Act, check
from headrace.service.jobs.attempts import JOB
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import begin, end, follow, system
from headrace.service.jobs.words import percents
from headrace.service.jobs.work import UPDATED, Work
from headrace.store import jobs, runs
from headrace.store.database import Transaction

_HAS_ENDED = frozenset({JobStatus.COMPLETE, JobStatus.FAILED})


def job_of_run(tx: Transaction, run_id: str) -> Job:
    """Return the job that a run is an attempt at, or builds the plan of; the attempt need not be the newest one.

    Raises:
        Problem: ``CANCELLED``: the job was deleted; ``NOT_FOUND``: no such run.
    """
    run = runs.get(tx, None, run_id)
    job = jobs.find(tx, str(run.details.get(JOB)), hold=tx.writable)
    if job is None:
        raise Problem(Code.CANCELLED, "the job was deleted")
    return job


def claim(tx: Transaction, desk: JobDesk, run_id: str) -> Job:
    """Return the job, which the engine begins now, or has begun or ended before in this very attempt.

    Raises:
        Problem: ``CANCELLED``: it was cancelled or deleted; ``FENCED``: the run is an earlier attempt, or the job is not to be done now.
    """
    work, job = _held(tx, desk, run_id)
    if job.status is JobStatus.EXECUTING or job.status in _HAS_ENDED:
        return job
    if job.status is not JobStatus.READY or not job.announced:
        raise Problem(Code.FENCED, f"the job {job.id} is {job.status}: it is not to be done now")
    check(Act.CLAIM, job.status, JobStatus.EXECUTING)
    kept = work.change(job, replace(job, status=JobStatus.EXECUTING, started_at=work.now))
    work.tell(kept, UPDATED)
    follow(work)
    return kept


def chunk(  # noqa: PLR0913 — what a chunk may leave behind, by keyword
    tx: Transaction,
    desk: JobDesk,
    run_id: str,
    *,
    position: Mapping[str, Json] | None = None,
    progress: float | None = None,
    info: str | None = None,
    config: Mapping[str, Json] | None = None,
) -> Job:
    """Return the job that goes on, with what is given kept; listeners hear of progress, info and configuration where these are others now.

    Called with nothing at the beginning of a chunk's transaction, it keeps every verb out until the end of it.

    Raises:
        Problem: ``CANCELLED`` or ``FENCED``: the job does not go on in this attempt.
    """
    work, job = _held(tx, desk, run_id)
    if job.status is not JobStatus.EXECUTING:
        raise Problem(Code.FENCED, f"the job {job.id} is {job.status}: this attempt at it has ended")
    shown = replace(
        job,
        progress=job.progress if progress is None else percents(progress),
        info=job.info if info is None else info,
        config=job.config if config is None else config,
    )
    if shown == job and position is None:
        return job
    kept = work.change(job, replace(shown, position=job.position if position is None else position))
    if shown != job:
        work.tell(kept, UPDATED)
        follow(work)
    return kept


def finish(
    tx: Transaction,
    desk: JobDesk,
    run_id: str,
    *,
    result: Mapping[str, Json] | None,
    outcome: Mapping[str, Json] | None,
    info: str | None = None,
) -> Job:
    """Return the job, which is done. Saying so again changes nothing.

    Raises:
        Problem: ``CANCELLED`` or ``FENCED``: it does not go on in this attempt.
    """
    work, job = _held(tx, desk, run_id)
    if job.status in _HAS_ENDED:
        return job
    ended = end(work, job, Act.COMPLETE, EndedBy.ENGINE, outcome, info, result)
    follow(work)
    return ended


def fail(
    tx: Transaction, desk: JobDesk, run_id: str, *, message: str, outcome: Mapping[str, Json] | None = None
) -> Job:
    """Return the job, which cannot be done, for the reason ``message``. Saying so again changes nothing.

    Raises:
        Problem: ``CANCELLED`` or ``FENCED``: it does not go on in this attempt.
    """
    work, job = _held(tx, desk, run_id)
    if job.status in _HAS_ENDED:
        return job
    said: Mapping[str, Json] = {"acknowledge": True, "message": message} if outcome is None else outcome
    ended = end(work, job, Act.FAIL, EndedBy.ENGINE, said, message)
    follow(work)
    return ended


def planned(tx: Transaction, desk: JobDesk, run_id: str, plan: Mapping[str, Json]) -> Job:
    """Return the job, whose plan was built; a plan that somebody has given meanwhile stays, and a job that goes on already is left alone.

    Raises:
        Problem: ``CANCELLED``: the job was deleted.
    """
    work = _work(tx, desk, run_id)
    job = job_of_run(tx, run_id)
    if job.status is not JobStatus.CREATED:
        return job
    check(Act.PLAN, job.status, JobStatus.PLANNING)
    own = plan if job.plan is None else job.plan
    kept = work.change(job, replace(job, status=JobStatus.PLANNING, plan=own))
    work.tell(kept, UPDATED)
    follow(work)
    return kept


def _work(tx: Transaction, desk: JobDesk, run_id: str) -> Work:
    return begin(tx, desk, system(runs.get(tx, None, run_id).scope), desk.clock.now())


def _held(tx: Transaction, desk: JobDesk, run_id: str) -> tuple[Work, Job]:
    work = _work(tx, desk, run_id)
    job = job_of_run(tx, run_id)
    if job.run_id != run_id:
        raise Problem(Code.FENCED, f"the job {job.id} is at attempt {job.attempt}, and this is an earlier one")
    if job.status is JobStatus.CANCELLED:
        raise Problem(Code.CANCELLED, f"the job {job.id} was cancelled")
    return work, job
