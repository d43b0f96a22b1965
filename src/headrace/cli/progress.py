"""Progress of a run: a live tree on a terminal, plain lines elsewhere; always on standard error."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.tree import Tree

from headrace.cli.output import Output, duration, one_line
from headrace.cli.run_tree import figures_words, tree_of, waiting_words
from headrace.core.clock import Instant
from headrace.core.native.runs import ActivityLine, RunView
from headrace.core.run import BODY, ActivityStatus

_PAUSE_SECONDS = 5.0
"""Plain lines about figures come at most so often."""
_QUIET = {ActivityStatus.PENDING, ActivityStatus.SKIPPED}


@contextmanager
def show_progress(output: Output) -> Iterator[Callable[[RunView], None]]:
    """Yield what is to be called with every change of a run."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(output).show
        return
    drawing = _Drawing()
    # Elapsed times and countdowns move between changes: the tree is asked for anew with each refresh.
    with Live(get_renderable=drawing.tree, console=console, refresh_per_second=4, transient=True):
        yield drawing.show


def _now() -> Instant:
    return Instant(time.time_ns() // 1000)


@dataclass(slots=True)
class _Drawing:
    view: RunView | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def show(self, view: RunView) -> None:
        with self.lock:
            self.view = view

    def tree(self) -> Tree:
        with self.lock:
            view = self.view
        return Tree("…") if view is None else tree_of(view, _now())


@dataclass(slots=True)
class _Lines:
    output: Output
    said: dict[str, str] = field(default_factory=dict)
    at: float = 0.0

    def show(self, view: RunView) -> None:
        newest = {row.path: row for row in sorted(view.activities, key=lambda row: row.attempt)}
        for path in dict.fromkeys(row.path for row in view.activities):
            self._say(newest[path])

    def _say(self, row: ActivityLine) -> None:
        if row.status in _QUIET or row.kind == BODY or (row.status is ActivityStatus.QUEUED and row.attempt == 1):
            return
        key = f"{row.attempt} {row.status.value}"
        if self.said.get(row.path) != key:
            self.said[row.path] = key
        elif row.status is not ActivityStatus.RUNNING or time.monotonic() < self.at + _PAUSE_SECONDS:
            return
        self.at = time.monotonic()
        self.output.note(line_of(row, _now()))


def line_of(row: ActivityLine, now: Instant) -> str:
    """Say in a line how an activity stands."""
    attempt = f" (attempt {row.attempt})" if row.attempt > 1 else ""
    words = [row.status.value.replace("_", " ")]
    is_carried = row.status is ActivityStatus.CARRIED
    if not is_carried:
        words.append(figures_words(row.figures))
    if row.status.is_final and not is_carried and row.started_at is not None and row.ended_at is not None:
        words.append(duration(row.ended_at - row.started_at))
    words.append(waiting_words(row, now))
    if row.reason is not None:
        words.append(f"{row.reason.code.value}: {one_line(row.reason.message)}")
    return f"{one_line(row.path)}{attempt}: {', '.join(word for word in words if word)}"
