"""The live tree of a run: its activities with status, figures, attempts and waits; drawn anew with every change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text
from rich.tree import Tree

from headrace.cli import rendering
from headrace.cli.output import count, cut, duration, number, one_line, size
from headrace.core.clock import Instant
from headrace.core.native.runs import ActivityLine, RunView
from headrace.core.outcome import Figures
from headrace.core.run import ActivityStatus

_STYLES = {"good": "green", "warn": "yellow", "bad": "red", "busy": "blue", "wait": "magenta", "faint": "dim"}
_QUIET = {ActivityStatus.PENDING, ActivityStatus.SKIPPED, ActivityStatus.INACTIVE}
_BAR = 20
_MOST_LINES = 100
"""Lines that a tree has at most: what has ended well goes first."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn of an activity: its newest attempt, and what lies in it."""

    line: ActivityLine
    children: "tuple[Drawn, ...]"


def tree_of(view: RunView, now: Instant) -> Tree:
    """Return the run as a tree, as it is ``now``."""
    run = view.run
    cell = rendering.status_cell(run)
    title = Text(f"{one_line(run.flow)}  ", style="bold")
    title.append(cell.text, style=_STYLES.get(cell.tone, ""))
    title.append(f"  {_elapsed(run.started_at, run.ended_at, now)}  run {run.id[: rendering.SHORT]}")
    if run.attempt > 1:
        title.append(f"  attempt {run.attempt}")
    tree = Tree(title)
    landed = next((row.figures.bytes_written for row in view.activities if row.kind == "copy"), None)
    _grow(tree, arranged(view.activities), now, landed)
    if view.more_activities:
        tree.add(Text("… and more", style="dim"))
    return tree


def arranged(lines: Sequence[ActivityLine]) -> tuple[Drawn, ...]:
    """Return the newest attempt at each activity, with those that lie in it below it."""
    newest: dict[str, ActivityLine] = {}
    for line in lines:
        if line.path not in newest or newest[line.path].attempt <= line.attempt:
            newest[line.path] = line
    while len(newest) > _MOST_LINES:
        spare = next((p for p, line in reversed(newest.items()) if line.depth and line.status.is_final), None)
        if spare is None:
            break
        del newest[spare]
    by_parent: dict[str, list[ActivityLine]] = {}
    for line in newest.values():
        parent = line.parent if line.parent in newest else ""
        by_parent.setdefault(parent, []).append(line)
    return _below("", by_parent)


def _below(parent: str, by_parent: dict[str, list[ActivityLine]]) -> tuple[Drawn, ...]:
    return tuple(Drawn(line, _below(line.path, by_parent)) for line in by_parent.get(parent, ()))


def _grow(tree: Tree, drawn: Sequence[Drawn], now: Instant, landed: int | None) -> None:
    for one in drawn:
        _grow(tree.add(_label(one.line, now, landed)), one.children, now, landed)


def _label(line: ActivityLine, now: Instant, landed: int | None) -> Text:
    cell = rendering.activity_cell(line.status)
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(cell.text.partition(" ")[0] + " ", style=_STYLES.get(cell.tone, ""))
    text.append(one_line(line.name or line.path.rpartition("/")[2]), style="dim" if line.status in _QUIET else "")
    for part, style in _parts(line, now, landed):
        text.append(f"  {part}", style=style)
    return text


def _parts(line: ActivityLine, now: Instant, landed: int | None) -> Iterator[tuple[str, str]]:
    cell = rendering.activity_cell(line.status)
    yield cell.text.partition(" ")[2], _STYLES.get(cell.tone, "")
    if line.status is ActivityStatus.CARRIED:
        yield f"from run {(line.carried_from or '')[: rendering.SHORT]}", "dim"
        return
    if line.attempt > 1:
        yield f"attempt {line.attempt}", "yellow"
    if line.lost:
        yield f"taken over {line.lost} times" if line.lost > 1 else "taken over: its worker was lost", "yellow"
    share = share_of(line, landed)
    if share is not None:
        yield bar(share), "blue"
    if line.started_at is not None:
        yield _elapsed(line.started_at, line.ended_at, now), ""
    words = figures_words(line.figures)
    if words:
        yield words, ""
    if line.bodies:
        yield ", ".join(f"{number(amount)} {status}" for status, amount in line.bodies.items()), ""
    waits = waiting_words(line, now)
    if waits:
        yield waits, "magenta"
    if line.reason is not None:
        yield cut(one_line(f"{line.reason.code.value}: {line.reason.message}"), 120), "red"


def waiting_words(line: ActivityLine, now: Instant) -> str:
    """Say what an activity waits for, and how long still."""
    if line.status.is_final or line.status is ActivityStatus.RUNNING:
        return ""
    words = one_line(line.waits_for)
    if line.wakes_at is not None and line.wakes_at > now:
        again = "tried again" if line.status is ActivityStatus.QUEUED else "goes on"
        words = ", ".join(part for part in (words, f"{again} in {duration(line.wakes_at - now)}") if part)
    return words


def share_of(line: ActivityLine, landed: int | None) -> float | None:
    """Return how much of an activity is done, where that is known."""
    if line.kind != "promote" or line.status is not ActivityStatus.RUNNING or not landed or not line.figures.bytes_read:
        return None
    return min(line.figures.bytes_read / landed, 1.0)


def bar(share: float) -> str:
    """Return a bar that is filled to ``share``."""
    filled = round(share * _BAR)
    return f"{'━' * filled}{'─' * (_BAR - filled)} {share:.0%}"


def figures_words(figures: Figures) -> str:
    """Return figures in words; empty: there are none."""
    parts = []
    if figures.files_read:
        parts.append(count(figures.files_read, "file"))
    if figures.rows_read is not None:
        parts.append(count(figures.rows_read, "row"))
    if figures.bytes_read:
        parts.append(size(figures.bytes_read))
    if figures.rows_rejected:
        parts.append(f"{number(figures.rows_rejected)} rejected")
    return ", ".join(parts)


def _elapsed(start: Instant | None, end: Instant | None, now: Instant) -> str:
    return "not begun" if start is None else duration(max(0, (end or now) - start))
