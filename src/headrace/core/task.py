"""What an activity is handed, and what it may ask of the engine while it works."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Policy
from headrace.core.outcome import Figures, Outcome
from headrace.core.window import Window


@dataclass(frozen=True, slots=True)
class Task:
    """One activity to be done: all that it may know.

    Files that it writes are named after ``run_id``, ``path``, ``attempt`` and ``epoch``, so that a worker declared dead
    never writes into a newer one's files. ``commit_key`` outlives tries. ``inputs`` are the outputs of the activities that it depends on (and of
    those that they depend on), by path; carried-over ones included. ``previous`` is the output of the newest earlier try that did not succeed, of
    this activity with the same fingerprint (empty: none): finished slices can be taken from there.
    """

    scope: str
    flow_id: str
    run_id: str
    group_id: str
    path: str
    attempt: int
    epoch: int
    kind: str
    settings: Mapping[str, Json]
    commit_key: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    window: Window | None = None
    inputs: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    previous: Mapping[str, Json] = field(default_factory=dict)
    policy: Policy = Policy()

    @property
    def folder(self) -> str:
        """Return the name of the folder that this try may write to: ``<run>/<path>/<attempt>.<epoch>``, without surprises for file systems."""
        safe = "".join(c if c.isalnum() or c in "-_." else f"~{ord(c):x}~" for c in self.path)
        return f"{self.run_id}/{safe}/{self.attempt}.{self.epoch}"


class Cancellation:
    """Tells a working activity to stop: cancelled by a person, out of time, or fenced.

    ``on_stop`` callbacks (interrupt a query, close a socket) are called from another thread, once, and must not block.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problem: Problem | None = None
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0

    def stop(self, code: Code, message: str) -> None:
        """Ask the activity to stop; the first reason counts. ``code``: ``CANCELLED``, ``TIMED_OUT`` or ``FENCED``."""
        with self._lock:
            if self._problem is not None:
                return
            self._problem = Problem(code, message)
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            callback()

    @property
    def problem(self) -> Problem | None:
        """Return why to stop, or None."""
        return self._problem

    def check(self) -> None:
        """Raise when the activity has to stop.

        Raises:
            Problem: ``CANCELLED``, ``TIMED_OUT`` or ``FENCED``.
        """
        if self._problem is not None:
            raise self._problem

    def on_stop(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` when the activity has to stop (now, if it has to already); return what takes it back."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._callbacks[number] = callback
            stopped = self._problem is not None
        if stopped:
            callback()

        def forget() -> None:
            with self._lock:
                self._callbacks.pop(number, None)

        return forget


class Context(Protocol):
    """What an activity may ask of the engine."""

    @property
    def cancellation(self) -> Cancellation:
        """Return the request to stop."""
        ...

    def progress(self, figures: Figures) -> None:
        """Report the figures so far; cheap, may be called often (it is written at most once a second)."""
        ...


ActivityFunction = Callable[[Task, Context], Outcome]
"""Does one activity. It is called at least once for each attempt, so it is idempotent. It raises ``Problem`` or returns an outcome
with a ``failure``; anything else that it raises is ``INTERNAL``."""
