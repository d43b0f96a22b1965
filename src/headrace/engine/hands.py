"""What this worker has in hand: runs that go on here, and activities that work in its threads.

Everything here is of this process alone and is lost with it; what must not be lost stands in the ledger and in DBOS.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from headrace.core.errors import Code
from headrace.core.task import Cancellation


class Halted(BaseException):
    """This execution stops without a word, since the worker leaves or somebody else has the run.

    No ``Exception``, so that DBOS records nothing: the run stays where it was, and whoever has it goes on from there.
    """


class Moved(Halted):
    """This execution stops since it has put its run into another queue."""


@dataclass(frozen=True, slots=True)
class Timeout:
    """The time that an attempt has: ``seconds`` in all, of which ``left`` are left."""

    seconds: float
    left: float

    @property
    def message(self) -> str:
        """Say that the time is over."""
        return f"it did not end within {self.seconds:g} s"


@dataclass(eq=False)
class Held:
    """A run in hand. ``wake`` is called from another thread when it is cancelled or has to halt."""

    run_id: str
    wake: Callable[[], None]
    cancelled: bool = False


@dataclass(eq=False)
class Working:
    """An activity at work. ``deadline`` (monotonic seconds) is the end of its time; ``abandon`` is called when it does not stop."""

    run_id: str
    path: str
    cancellation: Cancellation
    abandon: Callable[[], None]
    deadline: float | None
    timeout_seconds: float | None
    stopped_at: float | None = field(default=None)

    def stop(self, code: Code, message: str, now: float) -> None:
        """Tell the activity to stop, once."""
        if self.stopped_at is None:
            self.stopped_at = now
            self.cancellation.stop(code, message)


class Hands:
    """Runs and activities in hand, and whether this worker may go on."""

    def __init__(self, *, stop_seconds: float) -> None:
        self._lock = threading.Lock()
        self._emptied = threading.Condition(self._lock)
        self._held: list[Held] = []
        self._working: list[Working] = []
        self._stop_seconds = stop_seconds
        self._leaving = ""
        self._moved: set[str] = set()
        self._listening: dict[tuple[str, str, int], Callable[[], None]] = {}

    @property
    def leaving(self) -> str:
        """Say why this worker takes nothing up any more; empty: it does."""
        return self._leaving

    def check(self) -> None:
        """Raise ``Halted`` when this worker is leaving; called before anything is begun."""
        if self._leaving:
            raise Halted(self._leaving)

    def moved(self, run_ids: Iterable[str]) -> None:
        """Remember runs that this worker put into a queue, where nobody would notice that they are cancelled."""
        with self._lock:
            self._moved.update(run_ids)

    def holds(self, run_id: str) -> bool:
        """Say whether an execution of the run goes on here."""
        with self._lock:
            return any(held.run_id == run_id for held in self._held)

    def looked_after(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the ids of the runs in hand, and of those that were put into a queue from here."""
        with self._lock:
            held = frozenset(held.run_id for held in self._held)
            return held, frozenset(self._moved) - held

    def forget(self, run_ids: Iterable[str]) -> None:
        """Look no more after runs that were put into a queue."""
        with self._lock:
            self._moved.difference_update(run_ids)

    def working(self) -> int:
        """Return how many activities are at work."""
        with self._lock:
            return len(self._working)

    @contextmanager
    def hold(self, run_id: str, wake: Callable[[], None]) -> Iterator[Held]:
        """Have the run in hand for the time of the block."""
        held = Held(run_id, wake)
        with self._lock:
            self._held.append(held)
        try:
            yield held
        finally:
            with self._lock:
                self._held.remove(held)
                self._emptied.notify_all()

    @contextmanager
    def listen(self, run_id: str, path: str, attempt: int, wake: Callable[[], None]) -> Iterator[None]:
        """Call ``wake``, from another thread, when there is a signal to the attempt, for the time of the block."""
        key = (run_id, path, attempt)
        with self._lock:
            self._listening[key] = wake
        try:
            yield
        finally:
            with self._lock:
                self._listening.pop(key, None)

    def listening(self) -> frozenset[str]:
        """Return the ids of the runs in hand in which something waits for a signal."""
        with self._lock:
            return frozenset(run_id for run_id, _, _ in self._listening)

    def signal(self, run_id: str, path: str, attempt: int) -> None:
        """Say that there is a signal to an attempt; nothing, if it is not waited for here."""
        with self._lock:
            wake = self._listening.get((run_id, path, attempt))
        if wake is not None:
            wake()

    def stop_below(self, run_id: str, path: str, message: str) -> None:
        """Stop the activities at work in the bodies of the container at ``path``."""
        now = time.monotonic()
        with self._lock:
            working = [one for one in self._working if one.run_id == run_id and one.path.startswith(f"{path}/")]
        for one in working:
            one.stop(Code.CANCELLED, message, now)

    @contextmanager
    def work(
        self, run_id: str, path: str, cancellation: Cancellation, timeout: Timeout | None, abandon: Callable[[], None]
    ) -> Iterator[None]:
        """Have the activity watched for the time of the block: for cancellation, the end of its time, and the worker's end."""
        deadline = None if timeout is None else time.monotonic() + timeout.left
        seconds = None if timeout is None else timeout.seconds
        working = Working(run_id, path, cancellation, abandon, deadline, seconds)
        with self._lock:
            self._working.append(working)
            cancelled = any(held.cancelled for held in self._held if held.run_id == run_id)
        if cancelled:
            working.stop(Code.CANCELLED, "the run was cancelled", time.monotonic())
        try:
            yield
        finally:
            with self._lock:
                self._working.remove(working)
                self._emptied.notify_all()

    def cancel(self, run_ids: frozenset[str]) -> None:
        """Stop what is done for these runs."""
        now = time.monotonic()
        with self._lock:
            held = [held for held in self._held if held.run_id in run_ids and not held.cancelled]
            for one in held:
                one.cancelled = True
            working = [one for one in self._working if one.run_id in run_ids]
        for one in held:
            one.wake()
        for activity in working:
            activity.stop(Code.CANCELLED, "the run was cancelled", now)

    def keep_time(self) -> float | None:
        """Stop what is out of time, leave to itself what does not stop, and return the seconds until the next one is due."""
        now = time.monotonic()
        with self._lock:
            working = list(self._working)
        waits: list[float] = []
        for one in working:
            if one.stopped_at is None and one.deadline is not None:
                if one.deadline <= now:
                    one.stop(Code.TIMED_OUT, Timeout(one.timeout_seconds or 0, 0).message, now)
                else:
                    waits.append(one.deadline - now)
            if one.stopped_at is not None and now >= one.stopped_at + self._stop_seconds:
                one.abandon()
        return min(waits, default=None)

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until nothing is in hand, at most for ``seconds``; say whether that is so."""
        with self._emptied:
            return self._emptied.wait_for(lambda: not self._held and not self._working, timeout=seconds)

    def leave(self, why: str) -> None:
        """Take nothing up any more, and wake what rests, so that it halts; activities at work go on."""
        with self._lock:
            self._leaving = self._leaving or why
            held = list(self._held)
        for one in held:
            one.wake()

    def drop(self, why: str) -> None:
        """Leave at once: activities at work are told to stop, and what they have done does not count."""
        self.leave(why)
        now = time.monotonic()
        with self._lock:
            working = list(self._working)
        for one in working:
            one.stop(Code.FENCED, why, now)
