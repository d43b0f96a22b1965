"""Doing jobs again (contract 5.1): the same job, the next attempt; the one before is frozen in the ledger."""

from collections.abc import Sequence
from dataclasses import replace

from headrace.core.job import Actor, Job, JobStatus, Verb
from headrace.core.job_moves import Act
from headrace.core.job_moves import check as check_move
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import announce, renew, restart_parts, touch_parent, working
from headrace.service.jobs.refusals import check, refuse
from headrace.service.jobs.work import Work
from headrace.store import audit, jobs


def retry(desk: JobDesk, actor: Actor, job_id: str) -> Job:
    """Return the job at its next attempt: ready, or waiting for a predecessor that is open again.

    Of a split job only the parts that failed or were cancelled are done again, and its own listener is not told.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it goes on, or it is complete and its outcome does not offer to do it again; ``INVALID``: a
            predecessor has failed, was cancelled or is gone, or it is a part whose parent has ended.
    """
    with working(desk, actor) as work:
        job = work.hold(job_id)
        check(Verb.RETRY, job)
        _check_parent(work, job)
        waits = _waits(work, job.predecessors)
        split = jobs.has_parts(work.tx, job.id)
        audit.record(work.tx, job.scope, actor.id, "job.retry", job.id, work.now)
        fresh = renew(work, job)
        if waits or split:
            status = JobStatus.WAITING if waits else JobStatus.READY
            check_move(Act.RETRY, job.status, status)
            kept = work.change(job, replace(fresh, status=status, restarted_parts=split))
            return kept if waits else restart_parts(work, kept)
        ready = announce(work, job, Act.RETRY, fresh)
        touch_parent(work, ready)
        return ready


def _check_parent(work: Work, job: Job) -> None:
    if job.parent_id is None:
        return
    parent = jobs.find(work.tx, job.parent_id)
    if parent is None or parent.status.is_final:
        refuse("parentId", f"{job.parent_id} has ended: retry it, and its parts that have to be done again are")


def _waits(work: Work, predecessors: Sequence[str]) -> bool:
    known = jobs.known(work.tx, predecessors) if predecessors else {}
    for other_id in predecessors:
        other = known.get(other_id)
        if other is None or other.status in {JobStatus.FAILED, JobStatus.CANCELLED}:
            how = "is gone" if other is None else "failed" if other.status is JobStatus.FAILED else "was canceled"
            refuse("predecessorIds", f"{other_id} {how}: retry it first")
    return any(known[other_id].status is not JobStatus.COMPLETE for other_id in predecessors)
