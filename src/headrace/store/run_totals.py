"""What has ended so far, counted without end: totals that grow, though runs are removed when they are old.

The totals stand in one row with the place up to which runs were counted. Whoever asks counts on from there, a bounded number of runs at a time; so
asking costs what has ended since, and not what the ledger has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import SECOND, Instant
from headrace.core.codec import Json, decode, encode
from headrace.core.outcome import Figures
from headrace.store import settings
from headrace.store.columns import FIGURES
from headrace.store.database import Transaction
from headrace.store.tables import runs
from headrace.store.tables import settings as kept

KEY = "metrics.totals"
"""The row, among the facts about the installation."""
MAX_COUNTED = 5_000
"""Runs that are counted at a time."""
_SETTLED = 5 * SECOND
"""A run whose end was written down so long ago is counted: by then, all ends before it have been committed."""


@dataclass(frozen=True, slots=True)
class DoorTotals:
    """Counts and sums of the ended runs of one door. ``runs``: how many, by status."""

    runs: Mapping[str, int] = field(default_factory=dict)
    figures: Figures = Figures()


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and sums of ended runs, by door. ``at``, ``run_id``: the last one that is in them."""

    at: int
    run_id: str = ""
    doors: Mapping[str, DoorTotals] = field(default_factory=dict)


def counted(tx: Transaction, now: Instant, *, most: int = MAX_COUNTED) -> Totals:
    """Count the runs that have ended since the last time, at most ``most``, and return the totals with them.

    The first time, nothing is counted that ended before. Several callers at once follow one another.
    """
    # Held to the end of the transaction: what two would count at once is counted once.
    value: Json = tx.scalar(sa.select(kept.c.value).where(kept.c.key == KEY).with_for_update())
    if value is None:
        totals = Totals(now - _SETTLED)
        settings.put_once(tx, KEY, encode(totals), now)
        return totals
    totals = decode(Totals, value, what="the totals of ended runs")
    new = ended(totals.at, totals.run_id, Instant(now - _SETTLED), most)
    last = tx.first(sa.select(new.c.ended_at, new.c.id).order_by(new.c.ended_at.desc(), new.c.id.desc()).limit(1))
    if last is not None:
        totals = Totals(last["ended_at"], last["id"], _plus(totals, tx.rows(_summed(new))))
        settings.put(tx, KEY, encode(totals), now)
    return totals


def _plus(totals: Totals, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, DoorTotals]:
    doors = dict(totals.doors)
    for row in rows:
        door, status = str(row["scope"]).partition("/")[0], str(row["status"])
        so_far = doors.get(door, DoorTotals())
        counts = {**so_far.runs, status: so_far.runs.get(status, 0) + int(row["number"])}
        figures = Figures(**{name: None if row[name] is None else int(row[name]) for name in FIGURES})
        doors[door] = DoorTotals(counts, so_far.figures.plus(figures))
    return doors


def _summed(new: sa.Subquery) -> sa.Select[Any]:
    sums = [sa.func.sum(runs.c[name]).label(name) for name in FIGURES]
    joined = sa.select(runs.c.scope, runs.c.status, sa.func.count().label("number"), *sums).join(
        new, new.c.id == runs.c.id
    )
    return joined.group_by(runs.c.scope, runs.c.status)


def ended(at: int, run_id: str, until: Instant, most: int) -> sa.Subquery:
    """Return the runs that ended after the run ``run_id``, which ended ``at``: at most ``most``, by the moment of their end and their ids.

    It is read from an index alone.
    """
    its = runs.c
    behind = sa.or_(its.ended_at > at, sa.and_(its.ended_at == at, its.id > run_id))
    bounds = (its.ended_at.is_not(None), its.ended_at >= at, its.ended_at < until, behind)
    statement = sa.select(its.ended_at, its.id).where(*bounds).order_by(its.ended_at, its.id).limit(most)
    return statement.subquery("ended")
