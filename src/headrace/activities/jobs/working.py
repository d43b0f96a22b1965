"""The frame of every operation that the engine does for a job.

An operation is a function from ``Work`` to ``Done``. All that it changes, it changes in *chunks*: a chunk is one transaction, in which the job is
still this attempt's (else the operation stops), the records are written and the position is kept from which a next worker goes on. So an operation
reads its position first (``work.position``), may be killed at any line, and is called again:

    def operate(work: Work) -> Done:
        while True:
            with work.chunk() as chunk:
                sheet = work.hold_sheet(chunk.tx, sheet_id)
                records = record_pages.walk(chunk.tx, sheet, selection, chunk.position.get("after"), limit)
                ...
                chunk.position["after"] = records[-1].position
                chunk.report(done, total, "records looked at")
        return Done(result={...}, message="...")

Word of progress goes out with chunks, at most once a second; where an operation works for long without one, it calls ``work.tick``.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from headrace.activities.jobs.figures import figures_of
from headrace.core.clock import SECOND, Instant
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import TRANSIENT, Code, FieldError, Problem
from headrace.core.job import Actor, Job, JobStatus
from headrace.core.outcome import Failure, Outcome
from headrace.core.record import CommitWish
from headrace.core.scripts import ScriptRunner
from headrace.core.task import Context, Task, WorkFunction
from headrace.core.workspace import Sheet
from headrace.dataplane.limits import Limits
from headrace.service.jobs import engine_side
from headrace.service.jobs.desk import JobDesk
from headrace.service.records import snapshots
from headrace.service.records.desk import RecordDesk
from headrace.service.records.writing import hold
from headrace.service.workspace.desk import WorkspaceDesk
from headrace.store import sheets
from headrace.store.database import Transaction

TELL_EVERY = SECOND
"""Shortest time between two words of progress."""
NEVER = Instant(0)
_BY = "by"
"""Where a position says which try at the activity wrote it."""
_SAID = 5
"""Faults that a failed job tells in detail."""
_STOPPED = frozenset({Code.CANCELLED, Code.FENCED, Code.TIMED_OUT})
"""Whoever stopped an operation so has moved its job already, or the timekeeper will."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Desks:
    """What operations need of an installation. ``work``: the folder of files that are being written; ``limits``: what readers of files may use."""

    jobs: JobDesk
    workspace: WorkspaceDesk
    records: RecordDesk
    scripts: ScriptRunner
    work: Path
    limits: Limits = field(default_factory=Limits)


def _nothing_more(_tx: Transaction, _job: Job) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How an operation ended. ``result`` is the job's; ``message`` and ``next`` (if it has one) make its outcome.

    ``last`` is called in the transaction that completes the job, before it does: what must be there exactly if the job is complete.
    """

    result: Mapping[str, Json]
    message: str
    next: Mapping[str, Json] | None = None
    last: Callable[[Transaction, Job], None] = _nothing_more

    @property
    def outcome(self) -> dict[str, Json]:
        """Return the job's outcome."""
        return {"message": self.message} | ({} if self.next is None else {"next": self.next})


@dataclass(slots=True)
class Chunk:
    """A transaction of an operation. What ``position`` has at its end is kept, and so are ``config`` (None: unchanged), progress and info."""

    tx: Transaction
    now: Instant
    position: dict[str, Json]
    config: Mapping[str, Json] | None = None
    progress: int | None = None
    info: str | None = None

    def report(self, done: int, total: int, what: str) -> None:
        """Say how far it is: ``done`` of ``total`` things, ``what`` they are (``records changed``)."""
        self.progress = percent(done, total)
        self.info = f"{done:,} of {max(done, total):,} {what}"


@dataclass(slots=True)
class Work:
    """A job in hand: the job as it was at the last chunk, and what there is to work with."""

    desks: Desks
    task: Task
    context: Context
    job: Job
    told_at: Instant = NEVER
    when_failing: list[Callable[[Transaction, Job, Problem], None]] = field(default_factory=list)
    """Called in the transaction that fails the job, before it does."""
    when_given_up: list[Callable[[], None]] = field(default_factory=list)
    """Called when the job has failed, or was found cancelled: what nobody wants any more is removed."""

    @property
    def position(self) -> Mapping[str, Json]:
        """Return where to go on: what the last chunk kept (empty: at the beginning)."""
        return self.job.position

    @property
    def config(self) -> Mapping[str, Json]:
        """Return the job's configuration."""
        return self.job.config or {}

    @property
    def input(self) -> Mapping[str, Json]:
        """Return the job's input."""
        return self.job.input or {}

    @property
    def actor(self) -> Actor:
        """Return who asked for the job: what it makes and changes is theirs."""
        return Actor(self.job.created_by, self.job.scope)

    @property
    def wish(self) -> CommitWish:
        """Return how changes of records are committed."""
        return CommitWish(actor_id=self.job.created_by)

    @property
    def folder(self) -> Path:
        """Return the folder of this try's own files; it is removed when the operation ends, and with it what killed tries left there."""
        return self.desks.work / self.task.folder

    @contextmanager
    def chunk(self) -> Iterator[Chunk]:
        """Begin a chunk; it is committed with its position at the end of the block, and nothing of it is there when the block raises.

        Raises:
            Problem: ``CANCELLED``, ``FENCED``: the job is not to be done by this attempt any more.
        """
        self.context.cancellation.check()
        with self.desks.jobs.database.transaction() as tx:
            job = _held(tx, self)
            now = self.desks.jobs.clock.now()
            chunk = Chunk(tx, now, dict(job.position))
            yield chunk
            chunk.position[_BY] = _number_of(self.task)
            tells = chunk.progress is not None and now - self.told_at >= TELL_EVERY
            self.job = engine_side.chunk(
                tx,
                self.desks.jobs,
                self.task.run_id,
                position=chunk.position,
                progress=chunk.progress if tells else None,
                info=chunk.info if tells else None,
                config=chunk.config,
            )
            crash_point("jobs-chunk-written")
        if tells:
            self.told_at = now
        self.context.progress(figures_of(self.job))
        crash_point("jobs-chunk-committed")

    def tick(self, done: int, total: int, what: str) -> None:
        """Say how far it is, if it is time to; stop, if that was asked for.

        Raises:
            Problem: as of ``chunk``.
        """
        self.context.cancellation.check()
        if self.desks.jobs.clock.now() - self.told_at >= TELL_EVERY:
            with self.chunk() as chunk:
                chunk.report(done, total, what)

    def sheet_id(self, key: str) -> str:
        """Return the id of a sheet that the configuration has under ``key``.

        Raises:
            Problem: ``INVALID``: it has none.
        """
        value = self.config.get(key)
        if not isinstance(value, str) or not value:
            raise Problem(Code.INVALID, f"config.{key} names no sheet", (FieldError(key, "is the id of a sheet"),))
        return value

    def sheet(self, tx: Transaction, sheet_id: str) -> Sheet:
        """Return a sheet that the job may reach.

        Raises:
            Problem: ``NOT_FOUND``: there is none in the job's space.
        """
        return sheet_of_job(tx, self.job, sheet_id)

    def hold_sheet(self, tx: Transaction, sheet_id: str) -> Sheet:
        """Return a sheet that the job may reach, and keep its writers away until the end of the transaction, with all that writing to it needs.

        Raises:
            Problem: ``NOT_FOUND``: there is none in the job's space.
        """
        sheet_of_job(tx, self.job, sheet_id)
        return hold(tx, self.job.scope, sheet_id)

    def take_snapshot_first(self, sheet_id: str) -> None:
        """Take the snapshot that ``config.snapshotLabel`` asks for, once; its id is in ``config.snapshotId`` then."""
        label = self.config.get("snapshotLabel")
        if isinstance(label, str) and "snapshot" not in self.position:
            with self.chunk() as chunk:
                taken = self.take_snapshot(chunk, sheet_id, label)
                chunk.config = {**self.config, "snapshotId": taken}

    def take_snapshot(self, chunk: Chunk, sheet_id: str, label: str | None) -> str:
        """Return the id of the job's snapshot of a sheet, which is taken if there is none yet."""
        known = chunk.position.get("snapshot")
        if isinstance(known, str):
            return known
        sheet = self.hold_sheet(chunk.tx, sheet_id)
        taken = snapshots.take(chunk.tx, self.desks.records, self.actor, sheet, label, chunk.now)
        chunk.position["snapshot"] = taken.id
        return taken.id


def sheet_of_job(tx: Transaction, job: Job, sheet_id: str) -> Sheet:
    """Return a sheet that a job may reach.

    Raises:
        Problem: ``NOT_FOUND``: there is none in the job's space.
    """
    sheet = sheets.find(tx, job.scope, sheet_id)
    # A job of a space keeps to it, whatever its configuration names: who made it may reach nothing else.
    if sheet is None or job.space_id not in {None, sheet.space_id}:
        place = "here" if job.space_id is None else f"in the space of this job, {job.space_id}"
        raise Problem(Code.NOT_FOUND, f"there is no sheet {sheet_id!r} {place}")
    return sheet


Operation = Callable[[Work], Done]


def working(desks: Desks, operate: Operation) -> WorkFunction:
    """Return the activity function that does ``operate`` for the job of its run.

    It claims the job, and completes or fails it, each once: called again after a crash, it goes on where the last chunk was committed; after the end,
    it answers as before.
    """

    def act(task: Task, context: Context) -> Outcome:
        with desks.jobs.database.transaction() as tx:
            job = engine_side.claim(tx, desks.jobs, task.run_id)
        crash_point("jobs-claimed")
        _clear(desks, task)
        if job.status.is_final:
            return _ended(job)
        work = Work(desks, task, context, job)
        try:
            return _complete(work, operate(work))
        except Problem as problem:
            if problem.code in _STOPPED or (problem.code in TRANSIENT and task.attempt <= task.policy.retries):
                # Who was fenced removes nothing: another worker goes on with it.
                _give_up(work, only_if=problem.code is Code.CANCELLED)
                if problem.code is Code.CANCELLED:
                    # What was committed stays, and is counted.
                    return Outcome(figures=figures_of(work.job), failure=Failure.of(problem))
                raise
            return _fail(work, problem)
        except Exception:
            # A bug: whoever waits for the job is told, and the engine writes down the trace.
            _log.exception("an operation failed unexpectedly", job=job.id, operation=job.name)
            _fail(work, Problem(Code.INTERNAL, "an unexpected failure; the server's log says more"))
            raise
        finally:
            _clear(desks, task)

    return act


def _clear(desks: Desks, task: Task) -> None:
    # What killed tries left there, too; nothing in it is read by another try.
    shutil.rmtree(desks.work / task.run_id, ignore_errors=True)


def percent(done: int, total: int) -> int:
    """Return how much of ``total`` is ``done``, in whole percents, at most 99: only a complete job is done entirely."""
    return min(99, done * 100 // total) if total > 0 else 0


def _complete(work: Work, done: Done) -> Outcome:
    desks = work.desks
    work.context.cancellation.check()
    with desks.jobs.database.transaction() as tx:
        job = _held(tx, work)
        done.last(tx, job)
        job = engine_side.finish(
            tx, desks.jobs, work.task.run_id, result=done.result, outcome=done.outcome, info=done.message
        )
        crash_point("jobs-finish-written")
    crash_point("jobs-finished")
    return _ended(job)


def _fail(work: Work, problem: Problem) -> Outcome:
    desks = work.desks
    with desks.jobs.database.transaction() as tx:
        job = _held(tx, work)
        for call in work.when_failing:
            call(tx, job, problem)
        job = engine_side.fail(tx, desks.jobs, work.task.run_id, message=_said(problem))
    crash_point("jobs-failed")
    _give_up(work)
    return Outcome(figures=figures_of(job), failure=Failure.of(problem))


def _said(problem: Problem) -> str:
    """Return a problem in one line, with the first of what is wrong in detail: all that the people of a job get to see of it."""
    return " ".join(str(replace(problem, fields=problem.fields[:_SAID])).split("\n  "))


def same_place(one: Mapping[str, Json], other: Mapping[str, Json]) -> bool:
    """Say whether two positions are the same place, whoever wrote them."""
    return {**one, _BY: None} == {**other, _BY: None}


def _held(tx: Transaction, work: Work) -> Job:
    """Return the job, held until the end of the transaction.

    Raises:
        Problem: ``CANCELLED``, ``FENCED``: it is not to be done by this attempt any more, or another worker has taken it over.
    """
    job = engine_side.chunk(tx, work.desks.jobs, work.task.run_id)
    by = job.position.get(_BY)
    if isinstance(by, list | tuple) and list(by) > _number_of(work.task):
        raise Problem(Code.FENCED, f"another worker has taken over the job {job.id}")
    return job


def _number_of(task: Task) -> list[int]:
    """Return what grows with each worker that takes the activity up."""
    return [task.attempt, task.epoch]


def _give_up(work: Work, *, only_if: bool = True) -> None:
    for call in work.when_given_up if only_if else ():
        call()


def _ended(job: Job) -> Outcome:
    if job.status is JobStatus.COMPLETE:
        return Outcome(dict(job.result or {}), figures_of(job))
    # Why it failed is known in words only, since it was another call that found it out.
    failure = Failure(Code.INVALID, job.info or f"job {job.id} is {job.status}")
    return Outcome(figures=figures_of(job), failure=failure)
