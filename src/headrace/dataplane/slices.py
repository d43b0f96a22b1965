"""Slices of a copy done by a few threads: figures that add up, and failures that are gathered, not the first only."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from headrace.core import run_log
from headrace.core.clock import SECOND, Clock, Instant
from headrace.core.errors import RETRYABLE, Code, FieldError, Problem
from headrace.core.outcome import Figures
from headrace.core.task import Context, Task
from headrace.dataplane.landing import Folder
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots

S = TypeVar("S")
R = TypeVar("R")

_STOPS_ALL = frozenset({Code.CANCELLED, Code.TIMED_OUT, Code.FENCED, Code.DISK_FULL, Code.LIMIT_EXCEEDED})
_MOST_NAMED = 1_000
_MOST_IN_MESSAGE = 10
_MOST_BEHIND = 30 * SECOND
"""How far a source's clock may be behind the end of a window to be waited for; a later end was meant to lie in the future."""


class Tally:
    """Adds up the figures of all threads of one copy, and reports them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._figures = Figures()

    @property
    def figures(self) -> Figures:
        """Return the figures so far."""
        return self._figures

    def add(self, figures: Figures) -> None:
        """Add and report, and stop here when the copy has to stop.

        Raises:
            Problem: ``CANCELLED``, ``TIMED_OUT``, ``FENCED``.
        """
        self._context.cancellation.check()
        with self._lock:
            self._figures = self._figures.plus(figures)
            self._context.progress(self._figures)

    def restart(self) -> None:
        """Begin at nothing again: what was read so far has to be read another way."""
        with self._lock:
            self._figures = Figures()


@dataclass(frozen=True, slots=True)
class Copying:
    """All that the slices of one copy share."""

    task: Task
    context: Context
    folder: Folder
    tally: Tally
    roots: Roots
    limits: Limits
    clock: Clock

    def let_pass(self, end: Instant, present: Instant) -> bool:
        """Wait until the source's clock, which shows ``present``, has reached the ``end`` of the window; say whether that was to be waited for.

        A source whose clock is behind ours still writes rows and files that are dated before the end. Read too early they would be in no
        window: the next one begins there.

        Raises:
            Problem: ``CANCELLED``, ``TIMED_OUT``, ``FENCED``.
        """
        if not 0 < end - present <= _MOST_BEHIND:
            return False
        stopped = threading.Event()
        forget = self.context.cancellation.on_stop(stopped.set)
        try:
            stopped.wait((end - present) / SECOND)
        finally:
            forget()
        self.context.cancellation.check()
        return True


@dataclass(frozen=True, slots=True)
class Done(Generic[S, R]):
    """What became of slices: results in the slices' order, and failures by the slice's name."""

    results: tuple[R, ...]
    failures: tuple[tuple[str, Problem], ...]


def run_slices(slices: Sequence[S], work: Callable[[S], R], name: Callable[[S], str], *, threads: int) -> Done[S, R]:
    """Do every slice with at most ``threads`` at a time; a slice that fails does not keep the others from being done.

    Only a problem that concerns all of them (cancelled, no room, a limit) keeps further slices from being started.
    """
    stopped = threading.Event()

    def guarded(item: S) -> R | Problem | None:
        if stopped.is_set():
            return None
        try:
            return work(item)
        except Problem as problem:
            if problem.code in _STOPS_ALL:
                stopped.set()
            return problem
        except BaseException:
            stopped.set()  # a bug: the pool raises it below, and nothing else is begun
            raise

    with ThreadPoolExecutor(max_workers=max(1, min(threads, len(slices))), thread_name_prefix="copy") as pool:
        ends = list(pool.map(run_log.along(guarded), slices))
    failures = tuple((name(item), end) for item, end in zip(slices, ends, strict=True) if isinstance(end, Problem))
    return Done(tuple(end for end in ends if end is not None and not isinstance(end, Problem)), failures)


def one_problem(failures: Sequence[tuple[str, Problem]], total: int, what: str) -> Problem:
    """Return the one problem that ``failures`` (at least one) of ``total`` slices are; ``what`` is their plural (``files``).

    What stops everything speaks for itself. Else the code is one that no retry helps against, where there is one, and every failing slice is
    named: in the fields all (up to a thousand), in the message the first ten.
    """
    for _, problem in failures:
        if problem.code in _STOPS_ALL:
            return problem
    if len(failures) == 1 and total == 1:
        return failures[0][1]
    final = [problem for _, problem in failures if problem.code not in RETRYABLE]
    code = (final or [failures[0][1]])[0].code
    names = ", ".join(repr(name) for name, _ in failures[:_MOST_IN_MESSAGE])
    more = f" and {len(failures) - _MOST_IN_MESSAGE} more" if len(failures) > _MOST_IN_MESSAGE else ""
    fields = tuple(FieldError(name, problem.message) for name, problem in failures[:_MOST_NAMED])
    return Problem(code, f"{len(failures)} of {total} {what} could not be copied: {names}{more}", fields)
