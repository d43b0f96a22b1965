"""What all units of one transfer share, and how several of them go on side by side."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from headrace.core import run_log
from headrace.core.errors import TRANSIENT, Code, Problem
from headrace.core.outcome import Figures
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.journal import Done, Journal
from headrace.dataplane.transfer.means import Means
from headrace.dataplane.transfer.refusing.spool import Spool
from headrace.dataplane.transfer.request import FilesSink, FilesSource, Transfer
from headrace.dataplane.transfer.rows import Working
from headrace.dataplane.transfer.session import TransferEngine
from headrace.dataplane.transfer.tally import Tally

T = TypeVar("T")

_PASSING = frozenset(
    {
        Reason.STORE_FAILED,
        Reason.CONNECT_FAILED,
        Reason.BATCH_TIMEOUT,
        Reason.REST_CLIENT_ERROR,
        Reason.HTTP_CLIENT_ERROR,
    }
)
"""Reasons for which the same thing may go well the next time."""


@dataclass(frozen=True)
class Conducting:
    """One transfer under way."""

    request: Transfer
    work: Working
    means: Means
    journal: Journal
    tally: Tally
    engine: TransferEngine

    def spool(self, unit: str, *, earlier: bool = False) -> Spool:
        """Return a new spool for the refused rows of a unit; with ``earlier`` it knows those of broken tries."""
        stem = f"refused-{digest(unit)}"
        found = sorted(self.journal.folder.glob(f"{stem}-*.ndjson"))
        path = self.journal.folder / f"{stem}-{self.journal.tried}-{len(found)}.ndjson"
        log = self.request.tolerance.log
        return Spool(path, self.means.clock, tuple(found) if earlier else (), reliable=log is not None and log.reliable)

    def finish(self, done: Done) -> None:
        """Note a unit as finished, and count it."""
        self.journal.note_done(done)
        self.count(done)

    def count(self, done: Done) -> None:
        """Count a finished unit: it is a part of this transfer, whoever did it."""
        source, sink = self.request.source, self.request.sink
        read = len(done.slices) if isinstance(source, FilesSource) else None
        written = len(done.files) if isinstance(sink, FilesSink) else None
        self.journal.counted[done.unit] = done
        self.tally.add(figures_of(done).plus(Figures(files_read=read, files_written=written)))

    def again(self, action: Callable[[], T]) -> T:
        """Return what ``action`` returns; where a side fails that may be well the next time, do it again as often as is asked for.

        Raises:
            Problem: that of the last time; what the cancellation says.
        """
        left = {Side.SOURCE: self.request.source_retries, Side.SINK: self.request.sink_retries}
        pauses = {Side.SOURCE: self.request.source_retry_seconds, Side.SINK: self.request.sink_retry_seconds}
        while True:
            try:
                return action()
            except Problem as problem:
                side = _side_of(problem)
                if side is None or left[side] <= 0 or self.work.context.cancellation.problem is not None:
                    raise
                left[side] -= 1
                pause(self.work, pauses[side])


def figures_of(done: Done) -> Figures:
    """Return the figures of a finished unit, but for files."""
    return Figures(
        bytes_read=done.bytes_read,
        bytes_written=done.bytes_written,
        rows_read=done.read,
        rows_accepted=done.delivered,
        rows_rejected=done.refused,
    )


def digest(text: str) -> str:
    """Return what can stand in a file's name for ``text``."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def pause(work: Working, seconds: float) -> None:
    """Wait, unless the transfer has to stop.

    Raises:
        Problem: what the cancellation says.
    """
    stopped = threading.Event()
    forget = work.context.cancellation.on_stop(stopped.set)
    try:
        stopped.wait(seconds)
    finally:
        forget()
    work.context.cancellation.check()


def side_by_side(items: Sequence[T], action: Callable[[T], None], threads: int, work: Working) -> None:
    """Do ``action`` with every item, ``threads`` at a time, in their order. When one fails, no further one is begun, and those under way end.

    Raises:
        Problem: what the cancellation says; else that of the first item that failed.
    """
    failed = threading.Event()

    def guarded(item: T) -> Problem | None:
        if failed.is_set():
            return None
        try:
            work.context.cancellation.check()
            action(item)
        except Problem as problem:
            failed.set()
            return problem
        except BaseException:
            failed.set()
            # A connection that was cut off breaks in ways of its own; else it is a bug, which the pool raises below.
            if work.context.cancellation.problem is None:
                raise
        return None

    with ThreadPoolExecutor(max(1, min(threads, len(items))), thread_name_prefix="transfer") as pool:
        ends = list(pool.map(run_log.along(guarded), items))
    # What broke since the transfer was told to stop is not what was wrong.
    work.context.cancellation.check()
    for problem in ends:
        if problem is not None:
            raise problem


@contextmanager
def cut_off(work: Working, close: Callable[[], None]) -> Iterator[None]:
    """Close something at the end of the block, and at once when the transfer has to stop."""
    forget = work.context.cancellation.on_stop(close)
    try:
        yield
    except Problem:
        work.context.cancellation.check()
        raise
    finally:
        forget()
        close()


def _side_of(problem: Problem) -> Side | None:
    """Return the side that failed in a way that may pass; None: it is of no use to try again here."""
    if isinstance(problem, TransferProblem):
        passing = problem.reason in _PASSING or (problem.code in TRANSIENT and problem.code is not Code.SOURCE_CHANGED)
        return problem.side if passing and problem.side is not Side.NEITHER else None
    if problem.code in {Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT}:
        return Side.SOURCE
    return Side.SINK if problem.code is Code.TARGET_UNAVAILABLE else None
