"""What happens to jobs by the clock: deadlines of listeners, occurrences that are due, and jobs of the engine whose run ended without them.

Every worker process looks; each job is looked at again under its lock, so what one does, no other repeats.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.job import EndedBy, Job, JobStatus
from headrace.core.job_moves import STARTED, Act
from headrace.core.run import Run, RunStatus
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import announce, end, goes_on_by_parts, system, working
from headrace.service.jobs.scheduling import follow_occurrence
from headrace.service.jobs.words import length
from headrace.service.jobs.work import Work
from headrace.store import jobs, runs
from headrace.store.database import Database

_log = structlog.get_logger(__name__)

_AT_ONCE = 100
Look = Callable[[Work, Job], bool]
"""Does what is to be done with a job now, and says whether that was anything."""


def tick(desk: JobDesk) -> bool:
    """Do what is to be done now, and say whether there may be more of it at once.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached.
    """
    with desk.database.reading() as tx:
        now = desk.clock.now()
        late = jobs.expired(tx, now, _AT_ONCE)
        due = jobs.due(tx, now, _AT_ONCE)
        left = jobs.left_behind(tx, _AT_ONCE)
    done = [_each(desk, late, _expire), _each(desk, due, _begin), _each(desk, left, _take_leave)]
    return any(done)


def next_at(database: Database, now: Instant) -> Instant | None:
    """Return the next moment at which there is something to do by the clock, ``now`` if it is past; None: none is known."""
    with database.reading() as tx:
        moment = jobs.next_at(tx)
    return None if moment is None else max(moment, now)


def _each(desk: JobDesk, found: Iterable[tuple[str, str]], look: Look) -> bool:
    done = 0
    for scope, job_id in found:
        try:
            with working(desk, system(scope)) as work:
                job = jobs.find(work.tx, job_id, hold=True)
                done += job is not None and look(work, job)
        except Problem as problem:
            # The ledger is busy: the next look finds it again.
            _log.warning("a job could not be looked at now", job=job_id, problem=problem.message)
        except Exception:  # noqa: BLE001 — a bug that one job brings to light must not stop the clock for all others
            _log.exception("a look at a job failed", job=job_id)
    return done > 0


def _expire(work: Work, job: Job) -> bool:
    if job.deadline_at is None or job.deadline_at > work.now:
        return False
    if job.engine or job.status not in STARTED or jobs.has_open_parts(work.tx, job.id):
        jobs.change(work.tx, job, replace(job, deadline_at=None))
        return True
    limits = work.desk.limits
    if job.status is JobStatus.EXECUTING or goes_on_by_parts(work, job):
        message = f"No progress reported within {length(limits.heartbeat_timeout)}."
    else:
        message = f"No acknowledgement within {length(limits.ack_timeout)}."
    end(work, job, Act.EXPIRE, EndedBy.TIMEOUT, {"acknowledge": True, "message": message}, message)
    return True


def _begin(work: Work, job: Job) -> bool:
    if job.due_at is None or job.due_at > work.now:
        return False
    if job.status is not JobStatus.SCHEDULED:
        jobs.change(work.tx, job, replace(job, due_at=None))
        return True
    if work.place(job.source) is None:
        end(work, job, Act.CANCEL, EndedBy.CANCEL, info=f"{job.source} is gone.")
        return True
    announce(work, job, Act.EXECUTE)
    follow_occurrence(work, job)
    return True


def _take_leave(work: Work, job: Job) -> bool:
    """End a job of the engine as its run has ended: a worker was lost too often, or somebody cancelled the run and not the job."""
    if job.status.is_final or not job.engine:
        return False
    run = _run(work, job)
    if run is not None and not run.status.is_final:
        return False
    message = run.reason.message if run is not None and run.reason is not None else "its run ended without a word"
    if run is not None and run.status is RunStatus.CANCELLED:
        end(work, job, Act.CANCEL, EndedBy.CANCEL, info=message)
    else:
        end(work, job, Act.FAIL, EndedBy.ENGINE, {"acknowledge": True, "message": message}, message)
    return True


def _run(work: Work, job: Job) -> Run | None:
    try:
        return runs.get(work.tx, job.scope, job.run_id)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return None
