"""Progress of a run: bars on a terminal, plain lines elsewhere; always on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from headrace.cli.output import Output, number, size
from headrace.core.outcome import Figures
from headrace.core.run import ActivityRun, ActivityStatus
from headrace.service.runs import RunDetails

_PAUSE_SECONDS = 5.0
"""Plain lines about figures come at most so often."""
_QUIET = {ActivityStatus.PENDING, ActivityStatus.QUEUED}


@contextmanager
def show_progress(output: Output) -> Iterator[Callable[[RunDetails], None]]:
    """Yield what is to be called with every change of a run."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(output).show
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress).show


@dataclass(slots=True)
class _Bars:
    progress: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def show(self, details: RunDetails) -> None:
        landed = next((row.figures.bytes_written for row in details.activities if row.kind == "copy"), None)
        for row in _newest(details):
            if row.status in _QUIET:
                continue
            if row.path not in self.tasks:
                self.tasks[row.path] = self.progress.add_task(row.path, total=None, figures="")
            total, done = _share(row, landed)
            self.progress.update(
                self.tasks[row.path],
                total=total,
                completed=done,
                figures=f"{_words(row.figures)} {_status(row)}".strip(),
            )
            if row.status.is_final:
                self.progress.stop_task(self.tasks[row.path])


@dataclass(slots=True)
class _Lines:
    output: Output
    said: dict[str, str] = field(default_factory=dict)
    at: float = 0.0

    def show(self, details: RunDetails) -> None:
        for row in _newest(details):
            key = f"{row.attempt} {row.status.value}"
            if row.status in _QUIET:
                continue
            if self.said.get(row.path) != key:
                self.said[row.path] = key
            elif row.status is not ActivityStatus.RUNNING or time.monotonic() < self.at + _PAUSE_SECONDS:
                continue
            self.at = time.monotonic()
            attempt = f" (attempt {row.attempt})" if row.attempt > 1 else ""
            words = "" if row.status is ActivityStatus.CARRIED else _words(row.figures)
            self.output.note(f"{row.path}{attempt}: {row.status.value}{', ' + words if words else ''}")
        sys.stderr.flush()


def _newest(details: RunDetails) -> list[ActivityRun]:
    return list({row.path: row for row in details.activities}.values())


def _share(row: ActivityRun, landed: int | None) -> tuple[float | None, float]:
    if row.status.is_final:
        return 1.0, 1.0
    if row.kind == "promote" and landed and row.figures.bytes_read:
        return float(landed), float(min(row.figures.bytes_read, landed))
    return None, 0.0


def _status(row: ActivityRun) -> str:
    return "" if row.status in {ActivityStatus.RUNNING, ActivityStatus.SUCCEEDED} else f"({row.status.value})"


def _words(figures: Figures) -> str:
    parts = []
    if figures.files_read:
        parts.append(_count(figures.files_read, "file"))
    if figures.rows_read is not None:
        parts.append(_count(figures.rows_read, "row"))
    if figures.bytes_read:
        parts.append(size(figures.bytes_read))
    if figures.rows_rejected:
        parts.append(f"{number(figures.rows_rejected)} rejected")
    return ", ".join(parts)


def _count(amount: int, noun: str) -> str:
    return f"{number(amount)} {noun}{'' if amount == 1 else 's'}"
