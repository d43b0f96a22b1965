"""What an activity is handed, and what it may ask of the engine while it works."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Policy
from headrace.core.outcome import Expansion, Figures, Outcome, Pause
from headrace.core.run import ActivityRun
from headrace.core.window import Window


@dataclass(frozen=True, slots=True)
class Resumed:
    """Why a function is called again: the ``state`` of its pause or expansion, and the ``signal`` that came.

    ``signal`` None: the time was over, or the bodies have ended.
    """

    state: Mapping[str, Json]
    signal: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One activity to be done: all that it may know.

    Files that it writes are named after ``run_id``, ``path``, ``attempt`` and ``epoch``, so that a worker declared dead
    never writes into a newer one's files. ``commit_key`` outlives tries. ``inputs`` are the outputs of the activities that it depends on (and of
    those that they depend on), by path; carried-over ones included. ``previous`` is the output of the newest earlier try that did not succeed, of
    this activity with the same fingerprint (empty: none): finished slices can be taken from there.
    ``resumed``: it is gone on with after a pause, or after its bodies (None: this call begins the attempt). ``recovers``: the newest attempt at this
    path in the run that this one repairs, where the planner wants it looked into (None: it is done from its beginning).
    ``started_at``: when the attempt began, whoever began it.
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
    resumed: Resumed | None = None
    recovers: ActivityRun | None = None
    started_at: Instant | None = None

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


class DynamicContext(Context, Protocol):
    """What an activity of a plan with a dialect may ask besides."""

    def evaluate(self, template: Json, *items: Json) -> Json:
        """Return ``template`` with its expressions evaluated in the plan's dialect, as of now; ``items`` (at most one) stands for the loop's item.

        Raises:
            Problem: ``EXPRESSION_SYNTAX``, ``EXPRESSION_TYPE``, ``UNKNOWN_FUNCTION``: it cannot be evaluated; ``UNSUPPORTED``: there is no dialect.
        """
        ...

    def note(self, details: Mapping[str, Json]) -> None:
        """Keep ``details`` beside the attempt, over those noted before, however it ends (``ActivityRun.details``)."""
        ...


ActivityFunction = Callable[[Task, DynamicContext], Outcome | Pause | Expansion]
"""Does one activity, or what can be done of it now. It is called at least once for each attempt and each resumption, so it is idempotent. It raises
``Problem`` or returns an outcome with a ``failure``; anything else that it raises is ``INTERNAL``."""

WorkFunction = Callable[[Task, Context], Outcome]
"""An activity function that does all of it in one call."""
