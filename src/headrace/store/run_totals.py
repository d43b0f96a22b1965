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
from headrace.store.columns import FIGURES, figures_of
from headrace.store.database import Transaction
from headrace.store.tables import runs
from headrace.store.tables import settings as kept

KEY = "metrics.totals"
"""The row, among the facts about the installation."""
MAX_COUNTED = 20_000
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
    rows = tx.rows(_ended(totals, Instant(now - _SETTLED), most))
    if rows:
        totals = _plus(totals, rows)
        settings.put(tx, KEY, encode(totals), now)
    return totals


def _plus(totals: Totals, rows: Sequence[Mapping[str, Any]]) -> Totals:
    doors = dict(totals.doors)
    for row in rows:
        door, status = str(row["scope"]).partition("/")[0], str(row["status"])
        so_far = doors.get(door, DoorTotals())
        counts = {**so_far.runs, status: so_far.runs.get(status, 0) + 1}
        doors[door] = DoorTotals(counts, so_far.figures.plus(figures_of(row)))
    return Totals(rows[-1]["ended_at"], rows[-1]["id"], doors)


def _ended(totals: Totals, until: Instant, most: int) -> sa.Select[Any]:
    its = runs.c
    behind = sa.or_(its.ended_at > totals.at, sa.and_(its.ended_at == totals.at, its.id > totals.run_id))
    columns = [its.id, its.scope, its.status, its.ended_at, *(its[name] for name in FIGURES)]
    bounds = (its.ended_at.is_not(None), its.ended_at >= totals.at, its.ended_at < until, behind)
    return sa.select(*columns).where(*bounds).order_by(its.ended_at, its.id).limit(most)
