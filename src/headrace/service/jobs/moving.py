"""What makes a job ready, what ends it, and what follows from that for others: parts, parents, and jobs that wait behind it.

What follows from an end is done in the transaction of the end, one job after the other and not in each other, however long the chain is.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.engine_operations import has_plan
from headrace.core.job import SYSTEM, Actor, EndedBy, Job, JobStatus, JobTrigger, PartExecution
from headrace.core.job_moves import OPEN, STARTED, Act, check
from headrace.service.jobs import attempts
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.refusals import shown
from headrace.service.jobs.work import COMPLETED, FAILED, PARTS_COMPLETED, READY, UPDATED, Ended, Work
from headrace.store import jobs, jobs_at_once
from headrace.store.database import Transaction

_TOPICS = {JobStatus.COMPLETE: COMPLETED, JobStatus.FAILED: FAILED, JobStatus.CANCELLED: UPDATED}
"""What tells of an end: there is no topic for a cancellation."""
_ALL = 100


@contextmanager
def working(desk: JobDesk, actor: Actor) -> Iterator[Work]:
    """Begin a transaction about jobs of the actor's environment; what its ends bring about is done before it is committed."""
    with desk.database.transaction() as tx:
        work = begin(tx, desk, actor, desk.clock.now())
        yield work
        follow(work)


def begin(tx: Transaction, desk: JobDesk, actor: Actor, now: Instant) -> Work:
    """Hold the actor's environment, and return the work of the caller's transaction; the caller calls ``follow`` when it is done."""
    jobs.hold_environment(tx, actor.scope)
    return Work(tx, desk, actor, now)


def system(scope: str) -> Actor:
    """Return the actor when nobody asked: the engine, the clock."""
    return Actor(SYSTEM, scope)


def announce(work: Work, job: Job, act: Act, fresh: Job | None = None) -> Job:
    """Let a job be ready, and say so: to listeners, or to the engine. ``fresh``: how it is to be beside that."""
    check(act, job.status, JobStatus.READY)
    ready = replace(
        job if fresh is None else fresh,
        status=JobStatus.READY,
        announced=True,
        restarted_parts=False,
        delivered_at=None,
        deadline_at=None,
        due_at=None,
    )
    kept = work.change(job, ready)
    tell_ready(work, kept)
    return kept


def tell_ready(work: Work, job: Job) -> None:
    """Say that a job is ready: to listeners, and to the engine if it is the one that does it."""
    if job.engine:
        attempts.enqueue(work, job)
    work.tell(job, READY)


def end(  # noqa: PLR0913, PLR0917 — an end is what, why, by whom, and what is said of it
    work: Work,
    job: Job,
    act: Act,
    ended_by: EndedBy,
    outcome: Mapping[str, Json] | None = None,
    info: str | None = None,
    result: Mapping[str, Json] | None = None,
) -> Job:
    """End the attempt that ``job`` is at; what is None stays as it was. What follows from it is left to ``follow``."""
    changes = _changes(work, act, outcome, info)
    check(act, job.status, changes["status"])
    complete = changes["status"] is JobStatus.COMPLETE
    ended = replace(
        job,
        **changes,
        progress=_ALL if complete else job.progress,
        result=job.result if result is None else result,
    )
    kept = work.change(job, ended)
    attempts.end(work, kept, ended_by, started=job.status is JobStatus.EXECUTING)
    _say_ended(work, kept)
    return kept


def end_all(
    work: Work,
    found: Sequence[Job],
    act: Act,
    ended_by: EndedBy,
    outcome: Mapping[str, Json] | None = None,
    info: str | None = None,
) -> None:
    """Fail or cancel jobs, each as ``end`` does and in their order, in few statements."""
    if not found:
        return
    changes = _changes(work, act, outcome, info)
    for job in found:
        check(act, job.status, changes["status"])
    ended = jobs_at_once.change_all(work.tx, found, {**changes, "updated_at": work.now})
    begun = [before.status is JobStatus.EXECUTING for before in found]
    attempts.end_all(work, list(zip(ended, begun, strict=True)), ended_by)
    for job in ended:
        _say_ended(work, job)


def _changes(work: Work, act: Act, outcome: Mapping[str, Json] | None, info: str | None) -> dict[str, Any]:
    """Return what every end by ``act`` changes of a job."""
    said = {name: value for name, value in (("outcome", outcome), ("info", info)) if value is not None}
    return {"status": _status_after(act), "finished_at": work.now, "deadline_at": None, "due_at": None, **said}


def _say_ended(work: Work, job: Job) -> None:
    work.tell(job, _TOPICS[job.status])
    work.ended.append(Ended(job))
    work.over.add(job.id)


@dataclass(slots=True)
class _Known:
    """What following knows of jobs that have ended, asked for many of them at once: nothing that it does gives them parts, or jobs behind them.

    ``done``: complete parents without open parts.
    """

    asked: set[str] = field(default_factory=set)
    awaited: set[str] = field(default_factory=set)
    split: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def ask(self, work: Work, ended: Ended) -> None:
        """Ask of a job, and of all whose turn comes, unless that was asked."""
        if ended.job.id in self.asked:
            return
        new = [one for one in (ended, *work.ended) if one.job.id not in self.asked]
        ids = [one.job.id for one in new]
        self.asked.update(ids)
        self.awaited |= jobs_at_once.awaited(work.tx, ids)
        self.split |= jobs_at_once.split(work.tx, [one.job.id for one in new if _ends_parts(one)])


def _ends_parts(ended: Ended) -> bool:
    # A part has no parts.
    return not ended.gone and not ended.job.is_part and ended.job.status is not JobStatus.COMPLETE


def follow(work: Work) -> None:
    """Do what follows from the ends so far, and from those that this brings about; then write down what listeners are told of all of it."""
    known = _Known()
    while work.ended:
        ended = work.ended.popleft()
        job = ended.job
        known.ask(work, ended)
        if job.id in known.split:
            _cancel_parts(work, job)
        if job.id in known.awaited:
            _follow_predecessor(work, ended)
        if job.parent_id is not None and job.parent_id not in work.over and job.parent_id not in known.done:
            _follow_part(work, job.parent_id, known)
    work.write_down()


def release(work: Work, job: Job) -> Job:
    """Let a job go on that waited: ready if it was to be so without being asked, else to be asked for."""
    if job.restarted_parts:
        check(Act.RELEASE, job.status, JobStatus.READY)
        return restart_parts(work, work.change(job, replace(job, status=JobStatus.READY)))
    if job.trigger is JobTrigger.IMMEDIATE or job.executed:
        return announce(work, job, Act.RELEASE)
    check(Act.RELEASE, job.status, JobStatus.CREATED)
    created = work.change(job, replace(job, status=JobStatus.CREATED))
    work.tell(created, UPDATED)
    want_plan(work, created)
    return created


def want_plan(work: Work, job: Job) -> None:
    """Have the plan built of a job that waits to be asked for, if such jobs have one and it has none."""
    if job.engine and has_plan(job.type, job.operation) and job.plan is None:
        attempts.begin_plan(work, job)


def renew(work: Work, job: Job) -> Job:
    """Return the job at the beginning of its next attempt, with its run; it is not written yet."""
    # An attempt that still has the place of the one before has never come to go on from it.
    earlier = job.position.get("earlier") or job.position
    fresh = replace(
        job,
        attempt=job.attempt + 1,
        progress=0,
        outcome=None,
        info=None,
        finished_at=None,
        outcome_acknowledged_at=None,
        estimated_at=None,
        announced=False,
        executed=True,
        restarted_parts=False,
        delivered_at=None,
        deadline_at=None,
        # What the attempt before has done stays done; each operation knows what that means for it.
        position={"earlier": earlier} if job.engine and earlier else job.position if not job.engine else {},
    )
    return attempts.begin(work, fresh, job.run_id)


def restart_parts(work: Work, parent: Job) -> Job:
    """Make the failed and cancelled parts of ``parent`` ready anew, and return the parent, whose listener is not told that it is ready.

    In sequence: the first one, and the others wait; each is a new attempt. With nothing left to do, the parent is told so at once.
    """
    parts = jobs.parts_of(work.tx, parent.id)
    sequential = parent.part_execution is PartExecution.SEQUENTIAL
    busy = sequential and any(part.status in STARTED for part in parts)
    for part in parts:
        if part.status not in {JobStatus.FAILED, JobStatus.CANCELLED} or not can_start(work, part):
            continue
        fresh = renew(work, part)
        waiting = work.change(part, replace(fresh, status=JobStatus.WAITING))
        if not (sequential and busy):
            announce(work, waiting, Act.RELEASE)
            busy = True
    if jobs.has_open_parts(work.tx, parent.id):
        return parent
    return _parts_completed(work, parent)


def can_start(work: Work, job: Job) -> bool:
    """Say whether all predecessors of a job are complete."""
    known = jobs.known(work.tx, job.predecessors) if job.predecessors else {}
    return all(other in known and known[other].status is JobStatus.COMPLETE for other in job.predecessors)


def deadline(work: Work, job: Job) -> Instant | None:
    """Return when the clock ends a listener's job of which somebody has given a sign of life now; None: never.

    While it has open parts, these are waited for. Before the first acknowledgement another limit counts, which begins with the delivery.
    """
    if job.engine or job.status not in STARTED or jobs.has_open_parts(work.tx, job.id):
        return None
    if job.status is JobStatus.EXECUTING or goes_on_by_parts(work, job):
        return Instant(work.now + work.desk.limits.heartbeat_timeout)
    return job.deadline_at


def goes_on_by_parts(work: Work, job: Job) -> bool:
    """Say whether a ready job is one whose parts have been done: its listener has it in hand without an acknowledgement."""
    return (job.announced or job.restarted_parts) and jobs.has_parts(work.tx, job.id)


def touch_parent(work: Work, part: Job) -> None:
    """Begin the time anew that the listener of the part's parent has, or suspend it: a part was changed."""
    parent = None if part.parent_id is None else jobs.find(work.tx, part.parent_id, hold=True)
    if parent is not None and parent.status in STARTED:
        later = deadline(work, parent)
        if later != parent.deadline_at:
            jobs.change(work.tx, parent, replace(parent, deadline_at=later))


def _status_after(act: Act) -> JobStatus:
    if act is Act.COMPLETE:
        return JobStatus.COMPLETE
    return JobStatus.CANCELLED if act in {Act.CANCEL, Act.PREDECESSOR_CANCELLED} else JobStatus.FAILED


def _cancel_parts(work: Work, parent: Job) -> None:
    parts = jobs.parts_of(work.tx, parent.id, only_open=True)
    end_all(work, parts, Act.CANCEL, EndedBy.CANCEL, info=f"Its parent {_called(parent)} {_how(parent)}.")


def _follow_predecessor(work: Work, ended: Ended) -> None:
    other = ended.job
    behind = jobs.waiting_behind(work.tx, other.id)
    if ended.gone:
        info = f"Predecessor {_called(other)} was deleted."
        end_all(work, behind, Act.PREDECESSOR_CANCELLED, EndedBy.PREDECESSOR, info=info)
        return
    for job in behind:
        after_predecessor(work, job, other)


def after_predecessor(work: Work, job: Job, other: Job) -> Job:
    """Let a waiting job go on, or end, as one of its predecessors has; it goes on waiting if another one has not ended."""
    info = f"Predecessor {_called(other)} {_how(other)}."
    if other.status is JobStatus.FAILED:
        return end(work, job, Act.PREDECESSOR_FAILED, EndedBy.PREDECESSOR, {"message": info}, info)
    if other.status is JobStatus.CANCELLED:
        return end(work, job, Act.PREDECESSOR_CANCELLED, EndedBy.PREDECESSOR, info=info)
    return release(work, job) if can_start(work, job) else job


def _follow_part(work: Work, parent_id: str, known: _Known) -> None:
    parent = jobs.find(work.tx, parent_id, hold=True)
    if parent is None or parent.status not in {*OPEN, JobStatus.COMPLETE}:
        return
    # Parts go on where their parent was completed before them; there is nobody then to be told of their end.
    if parent.part_execution is PartExecution.SEQUENTIAL and not jobs.has_parts_at_work(work.tx, parent.id):
        following = jobs.next_part(work.tx, parent.id)
        if following is not None:
            announce(work, following, Act.RELEASE)
    if parent.status is JobStatus.COMPLETE and not jobs.has_open_parts(work.tx, parent.id):
        known.done.add(parent.id)
    # Of several parts that ended together, the last one says it.
    if (
        parent.status in OPEN
        and not any(ended.job.parent_id == parent.id for ended in work.ended)
        and not jobs.has_open_parts(work.tx, parent.id)
    ):
        _parts_completed(work, parent)


def _parts_completed(work: Work, parent: Job) -> Job:
    counts = jobs.part_counts(work.tx, parent.id)
    total = sum(counts.values())
    told: dict[str, Json] = {"total": total}
    told |= {
        name: counts.get(status, 0)
        for name, status in (
            ("completed", JobStatus.COMPLETE),
            ("failed", JobStatus.FAILED),
            ("canceled", JobStatus.CANCELLED),
        )
    }
    kept = parent
    if parent.status in STARTED:
        kept = jobs.change(work.tx, parent, replace(parent, deadline_at=deadline(work, parent)))
    if total:
        work.tell(kept, PARTS_COMPLETED, {"parts": told})
    return kept


def _called(job: Job) -> str:
    return f"{job.id} ({job.name})"


def _how(job: Job) -> str:
    return "failed" if job.status is JobStatus.FAILED else f"was {shown(job.status)}"
