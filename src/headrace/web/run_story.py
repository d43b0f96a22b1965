"""What a run's page tells of a run beyond its facts: what failed and who has to act, what is waited for, how its rows divide."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Blame
from headrace.core.native.runs import ActivityLine, RunLine, RunView
from headrace.core.outcome import Figures, ReasonCount
from headrace.core.run import BODY, ActivityStatus, RunKind, RunStatus
from headrace.web.charts.gantt import Row

HEADLINES: Mapping[Blame, str] = {
    Blame.YOURS: "The flow or the request has to be changed",
    Blame.SOURCE: "The source failed or refused",
    Blame.TARGET: "The target failed or refused",
    Blame.SCHEMA: "The data does not fit the target schema",
    Blame.PLATFORM: "Headrace or its machine failed",
}
"""Who has to act, as the first words of a failure."""
KINDS: Mapping[RunKind, str] = {
    RunKind.ON_DEMAND: "on demand",
    RunKind.SCHEDULED: "by schedule",
    RunKind.RETRY: "a retry",
    RunKind.REPLAY: "a replay of rejects",
}
MOST_FAILURES = 5
"""Failed activities that are told of beside the run's own reason."""
_RUN = re.compile(r"\brun ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
_FAILED = frozenset({ActivityStatus.FAILED, ActivityStatus.TIMED_OUT})
_AFOOT = frozenset({ActivityStatus.RUNNING, ActivityStatus.WAITING})


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the rows that were read; ``left`` and ``width`` are per cent of the bar."""

    name: str
    count: int
    left: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """Rows of one batch that one reason concerns."""

    batch: str
    table: str
    reason: ReasonCount


def shares(figures: Figures) -> tuple[Share, ...]:
    """Return how the rows divide; nothing where no rows were read. Rows with warnings are accepted ones, and stand for themselves here."""
    warned = min(figures.rows_warned or 0, figures.rows_accepted or 0)
    counts = {
        "accepted": (figures.rows_accepted or 0) - warned,
        "warned": warned,
        "rejected": figures.rows_rejected or 0,
        "skipped": figures.rows_skipped or 0,
    }
    total = sum(counts.values())
    found: list[Share] = []
    left = 0.0
    for name, count in counts.items():
        if count:
            width = round(count * 100 / total, 3)
            found.append(Share(name, count, round(left, 3), width))
            left += width
    return tuple(found)


def failures(view: RunView) -> tuple[ActivityLine, ...]:
    """Return the activities because of which the run failed: the newest attempts, the innermost ones."""
    newest = _newest(view.activities)
    failed = {path for path, line in newest.items() if line.status in _FAILED}
    outer = {path for path in failed if any(other.startswith(path + "/") for other in failed)}
    return tuple(line for path, line in newest.items() if path in failed - outer and line.kind != BODY)


def afoot(view: RunView) -> tuple[ActivityLine, ...]:
    """Return what goes on or is waited for now: innermost activities, no containers."""
    newest = _newest(view.activities)
    parents = {line.parent for line in newest.values()}
    return tuple(
        line
        for line in newest.values()
        if line.status in _AFOOT and line.kind != BODY and not line.bodies and line.path not in parents
    )


def standing(run: RunLine, now: Instant) -> str:
    """Return a sentence on a run that has not ended and of which no activity says more; empty: there is nothing to say."""
    match run.status:
        case RunStatus.QUEUED if run.due_at is not None and run.due_at > now:
            return "It begins when its time has come."
        case RunStatus.QUEUED:
            return "It waits for a free worker, or for other runs of the flow to end."
        case RunStatus.CANCELLING:
            return "Somebody asked for its end: what is going on is being stopped."
        case _:
            return ""


def table_rows(rows: Sequence[Row]) -> Iterator[Row]:
    """Return what the table of activities has: all that the timeline shows at first, and of what is closed there the failed ones."""
    for row in rows:
        yield row
        yield from table_rows(row.rows) if row.is_open else _failed_ones(row.rows)


def _failed_ones(rows: Sequence[Row]) -> Iterator[Row]:
    for row in rows:
        if row.line.status in _FAILED:
            yield row
        yield from _failed_ones(row.rows)


def reasons(view: RunView, *, warnings: bool = False) -> tuple[ReasonRow, ...]:
    """Return why rows were rejected (or warned of), by batch, most rows first."""
    found = [
        ReasonRow(batch=batch.id, table=batch.table, reason=reason)
        for batch in view.batches
        for reason in (batch.warnings if warnings else batch.rejects)
    ]
    return tuple(sorted(found, key=lambda row: -row.reason.count))


def before(view: RunView) -> str | None:
    """Return the run of the group that came before this one; for a first run the one after it, None where it is alone."""
    ids = [run.id for run in view.group]
    if view.run.id not in ids or len(ids) < 2:
        return None
    place = ids.index(view.run.id)
    return ids[place - 1] if place else ids[1]


def later(view: RunView) -> RunLine | None:
    """Return the newest run that was made of this one's group after it, None: there is none."""
    ids = [run.id for run in view.group]
    return view.group[-1] if view.run.id in ids and ids[-1] != view.run.id else None


def linked(text: str) -> Markup:
    """Return a sentence of which the runs that it names are links, with the beginnings of their ids."""
    pieces = _RUN.split(text)
    link = Markup('run <a href="/runs/{0}"><code title="{0}">{1}</code></a>')
    return Markup("").join(
        link.format(piece, piece[:8]) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


def details_of(details: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the door's facts that are worth a line."""
    return {name: value for name, value in details.items() if value not in (None, "", [], {})}


def _newest(lines: Sequence[ActivityLine]) -> Mapping[str, ActivityLine]:
    found: dict[str, ActivityLine] = {}
    for line in lines:
        known = found.get(line.path)
        if known is None or known.attempt < line.attempt:
            found[line.path] = line
    return found
