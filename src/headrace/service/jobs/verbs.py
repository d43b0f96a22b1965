"""What callers do with jobs (contract 4): each verb is a transaction, and all that follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headrace.core.clock import Instant, to_iso
from headrace.core.codec import Json
from headrace.core.engine_operations import is_for_engine
from headrace.core.errors import Problem
from headrace.core.job import Actor, EndedBy, Job, JobStatus, Verb
from headrace.core.job_moves import OPEN, Act, check
from headrace.service.jobs import attempts
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import announce, deadline, end, touch_parent, working
from headrace.service.jobs.refusals import check as check_verb
from headrace.service.jobs.refusals import check_sizes, illegal, refuse, shown
from headrace.service.jobs.scheduling import follow_occurrence
from headrace.service.jobs.words import percents
from headrace.service.jobs.work import DELETED, OUTCOME_ACKNOWLEDGED, UPDATED, Ended, Work
from headrace.store import audit, job_attempts, jobs, jobs_at_once

_VERBS: Mapping[JobStatus, Verb] = {
    JobStatus.READY: Verb.EXECUTE,
    JobStatus.EXECUTING: Verb.ACKNOWLEDGE,
    JobStatus.COMPLETE: Verb.COMPLETE,
    JobStatus.FAILED: Verb.FAIL,
    JobStatus.CANCELLED: Verb.CANCEL,
}
"""Which verb leads to a status that a change asks for."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life: what is being done, how far it is (any number: it is rounded and kept within 0 and 100), when it will be done."""

    info: str | None = None
    progress: float | None = None
    estimated_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What is said of an end; None: nothing."""

    outcome: Mapping[str, Json] | None = None
    info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """What a change asks for; None: to be left as it is."""

    config: Mapping[str, Json] | None = None
    status: JobStatus | None = None
    progress: float | None = None
    outcome_acknowledged_at: Instant | None = None
    info: str | None = None
    metadata: Mapping[str, Json] | None = None
    result: Mapping[str, Json] | None = None
    estimated_at: Instant | None = None


def execute(desk: JobDesk, actor: Actor, job_id: str) -> Job:
    """Return the job, which is to be done now; one that waits is done as soon as it can be. Saying so again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it has ended.
    """
    with working(desk, actor) as work:
        return _execute(work, work.hold(job_id))


def acknowledge(desk: JobDesk, actor: Actor, job_id: str, sign: Sign) -> Job:
    """Return the job, which a listener has taken, or goes on with. It is never refused; of a job that has ended it changes nothing.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with working(desk, actor) as work:
        return _acknowledge(work, work.hold(job_id), sign)


def complete(desk: JobDesk, actor: Actor, job_id: str, ending: Ending) -> Job:
    """Return the job, which its listener has done.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it is not ready nor being done, or the engine does it; ``LIMIT_EXCEEDED``: the outcome.
    """
    return _end_by_client(desk, actor, job_id, ending, Verb.COMPLETE)


def fail(desk: JobDesk, actor: Actor, job_id: str, ending: Ending) -> Job:
    """Return the job, which could not be done; its open parts are cancelled.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it has ended, or the engine does it; ``LIMIT_EXCEEDED``: the outcome.
    """
    return _end_by_client(desk, actor, job_id, ending, Verb.FAIL)


def cancel(desk: JobDesk, actor: Actor, job_id: str, info: str | None = None) -> Job:
    """Return the job, which is not to be done any more; its open parts neither. The engine stops between two chunks.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it has ended.
    """
    with working(desk, actor) as work:
        return _cancel(work, work.hold(job_id), info)


def acknowledge_outcome(desk: JobDesk, actor: Actor, job_id: str) -> Job:
    """Return the job, whose outcome somebody has seen; the first time counts.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it is neither complete nor failed.
    """
    with working(desk, actor) as work:
        return _acknowledge_outcome(work, work.hold(job_id), work.now)


def patch(desk: JobDesk, actor: Actor, job_id: str, wanted: JobChange) -> Job:
    """Return the job as ``wanted`` (contract 4.4): a status is moved to by its verb; of a job that has ended little can be changed.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: as the verb; ``INVALID``: a status that nobody can ask for, or a configuration with which the
            engine cannot do its job; ``LIMIT_EXCEEDED``: a document.
    """
    late: Problem | None = None
    with working(desk, actor) as work:
        check_sizes({"config": wanted.config, "result": wanted.result, "metadata": wanted.metadata}, _most(desk))
        job = work.hold(job_id)
        verb = _verb_of(job, wanted)
        late = None if verb is None else _late(work, job, verb)
        if late is None:
            job = _patched(work, job, wanted, verb)
    if late is not None:
        raise late
    return job


def delete(desk: JobDesk, actor: Actor, job_id: str) -> Job:
    """Remove the job and its parts, after stopping what goes on of them, and return it as it was; its attempts stay in the ledger.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with working(desk, actor) as work:
        job = work.hold(job_id)
        _remove(work, [*jobs.parts_of(work.tx, job.id), job])
        audit.record(work.tx, job.scope, actor.id, "job.delete", job.id, work.now)
        return job


def _execute(work: Work, job: Job) -> Job:
    check_verb(Verb.EXECUTE, job)
    if job.status is JobStatus.WAITING:
        return job if job.executed else work.change(job, replace(job, executed=True))
    if job.announced or job.status is JobStatus.EXECUTING:
        return job
    ready = announce(work, job, Act.EXECUTE)
    if job.status is JobStatus.SCHEDULED:
        follow_occurrence(work, job)
    return ready


def _acknowledge(work: Work, job: Job, sign: Sign, patched: Job | None = None) -> Job:
    """Acknowledge ``job``; ``patched`` is how it is to be beside that."""
    if job.status.is_final or job.engine:
        return job
    base = job if patched is None else patched
    begins = job.status in {JobStatus.CREATED, JobStatus.READY}
    status = JobStatus.EXECUTING if begins else job.status
    check(Act.ACKNOWLEDGE, job.status, status)
    taken = replace(
        base,
        status=status,
        info=base.info if sign.info is None else sign.info,
        progress=base.progress if sign.progress is None else percents(sign.progress),
        started_at=work.now if begins else job.started_at,
    )
    if status is JobStatus.EXECUTING:
        estimated = base.estimated_at if sign.estimated_at is None else sign.estimated_at
        taken = replace(taken, estimated_at=estimated, deadline_at=deadline(work, taken))
    kept = work.change(job, taken)
    if begins:
        attempts.start(work, kept)
    work.tell(kept, UPDATED)
    return kept


def _end_by_client(desk: JobDesk, actor: Actor, job_id: str, ending: Ending, verb: Verb) -> Job:
    with working(desk, actor) as work:
        job = work.hold(job_id)
        late = _late(work, job, verb)
        if late is None:
            job = _ended(work, job, ending, verb)
    # What came too late is refused, but the ledger keeps that it came.
    if late is not None:
        raise late
    return job


def _ended(work: Work, job: Job, ending: Ending, verb: Verb) -> Job:
    check_verb(verb, job)
    check_sizes({"outcome": ending.outcome}, _most(work.desk))
    act = Act.COMPLETE if verb is Verb.COMPLETE else Act.FAIL
    ended = end(work, job, act, EndedBy.CLIENT, ending.outcome, ending.info)
    if job.status is JobStatus.SCHEDULED:
        follow_occurrence(work, job)
    return ended


def _cancel(work: Work, job: Job, info: str | None) -> Job:
    check_verb(Verb.CANCEL, job)
    ended = end(work, job, Act.CANCEL, EndedBy.CANCEL, info=info)
    audit.record(work.tx, job.scope, work.actor.id, "job.cancel", job.id, work.now)
    if job.status is JobStatus.SCHEDULED:
        follow_occurrence(work, job)
    return ended


def _acknowledge_outcome(work: Work, job: Job, at: Instant) -> Job:
    check_verb(Verb.ACKNOWLEDGE_OUTCOME, job)
    if job.outcome_acknowledged_at is not None:
        return job
    kept = work.change(job, replace(job, outcome_acknowledged_at=at))
    work.tell(kept, OUTCOME_ACKNOWLEDGED)
    return kept


def _late(work: Work, job: Job, verb: Verb) -> Problem | None:
    """Return the refusal of a word that comes after the clock has ended the attempt, with a note of it in the ledger; None: it is not so late."""
    if verb not in {Verb.COMPLETE, Verb.FAIL} or job.engine or job.status is not JobStatus.FAILED:
        return None
    attempt = job_attempts.get(work.tx, job.id, job.attempt)
    if attempt is None or attempt.ended_by is not EndedBy.TIMEOUT:
        return None
    job_attempts.note(work.tx, job.id, job.attempt, f"{work.actor.id} said {verb} at {to_iso(work.now)}, too late")
    return illegal(verb, job.status)


def _verb_of(job: Job, wanted: JobChange) -> Verb | None:
    """Return the verb that leads to the status that is wanted; None: it has that status, or none is wanted."""
    if wanted.status is None or wanted.status is job.status:
        return None
    if wanted.status not in _VERBS:
        refuse("status", f'The status of a job cannot be set to "{shown(wanted.status)}".')
    return _VERBS[wanted.status]


def _patched(work: Work, job: Job, wanted: JobChange, verb: Verb | None) -> Job:
    if verb is not None:
        check_verb(verb, job)
    kept = _patched_ended(work, job, wanted, verb) if job.status.is_final else _patched_open(work, job, wanted, verb)
    if wanted.outcome_acknowledged_at is not None:
        kept = _acknowledge_outcome(work, kept, wanted.outcome_acknowledged_at)
    return kept


def _patched_ended(work: Work, job: Job, wanted: JobChange, verb: Verb | None) -> Job:
    # Of an acknowledgement that comes late nothing is kept.
    del verb
    if wanted.metadata is None:
        return job
    kept = work.change(job, replace(job, metadata=wanted.metadata))
    work.tell(kept, UPDATED)
    touch_parent(work, kept)
    return kept


def _patched_open(work: Work, job: Job, wanted: JobChange, verb: Verb | None) -> Job:
    patched = replace(
        job,
        config=job.config if wanted.config is None else wanted.config,
        metadata=job.metadata if wanted.metadata is None else wanted.metadata,
        result=job.result if wanted.result is None else wanted.result,
        info=job.info if wanted.info is None else wanted.info,
        progress=job.progress if wanted.progress is None else percents(wanted.progress),
        estimated_at=job.estimated_at if wanted.estimated_at is None else wanted.estimated_at,
    )
    _check_config(work, patched)
    if verb is Verb.ACKNOWLEDGE and not job.engine:
        return _acknowledge(work, job, Sign(), patched)
    if verb is None or verb is Verb.ACKNOWLEDGE:
        kept = work.change(job, replace(patched, deadline_at=deadline(work, patched)))
        work.tell(kept, UPDATED)
        return kept
    kept = work.change(job, patched)
    if verb is Verb.EXECUTE:
        return _execute(work, kept)
    if verb is Verb.CANCEL:
        return _cancel(work, kept, None)
    return _ended(work, kept, Ending(), verb)


def _check_config(work: Work, job: Job) -> None:
    enabled = work.desk.limits.engine_operations | {job.operation}
    if job.engine and not is_for_engine(job.type, job.operation, job.source, job.config, enabled):
        refuse("config", f"config lacks what the engine needs to do {job.name}")


def _remove(work: Work, found: Sequence[Job]) -> None:
    """Remove jobs after stopping what goes on of them, and tell of it in their order."""
    # Not told of as an end: that it was removed says it.
    gone = [
        replace(job, status=JobStatus.CANCELLED, finished_at=work.now) if job.status in OPEN else job for job in found
    ]
    stopped = [
        (after, before.status is JobStatus.EXECUTING)
        for before, after in zip(found, gone, strict=True)
        if before.status in OPEN
    ]
    attempts.end_all(work, stopped, EndedBy.CANCEL)
    jobs_at_once.remove_all(work.tx, [job.id for job in found])
    for before, after in zip(found, gone, strict=True):
        work.tell(before, DELETED)
        work.ended.append(Ended(after, gone=True))
        work.over.add(before.id)
        if before.status is JobStatus.SCHEDULED:
            follow_occurrence(work, before)


def _most(desk: JobDesk) -> int:
    return desk.limits.max_document_bytes
