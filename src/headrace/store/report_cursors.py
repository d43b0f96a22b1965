"""Up to which run's end somebody outside was told: one row for each of those who are told, among the facts about the installation.

Whoever tells takes a lease first. When it dies, its lease ends and the next one tells the same runs again: everything is told once or more, and
nothing is forgotten.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.core.clock import SECOND, Instant
from headrace.core.codec import Json, decode, encode
from headrace.store import run_totals, settings
from headrace.store.database import Transaction
from headrace.store.tables import settings as kept

LEASE = 60 * SECOND
"""How long whoever tells has, before somebody else does."""
_SETTLED = 2 * SECOND
"""A run whose end was written down so long ago is told of: by then, all ends before it have been committed."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last run that was told of, and until when somebody is telling of the next ones."""

    at: int
    run_id: str = ""
    leased_until: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """Runs (ids, in the order of their ends) that are to be told of, and the cursor once they are."""

    run_ids: tuple[str, ...]
    then: Cursor


def take(tx: Transaction, name: str, now: Instant, most: int) -> Due | None:
    """Return the runs that have ended since the last time, at most ``most``, with a lease on them; None: none, or somebody else has it.

    The first time, nothing is told of what ended before.
    """
    # Held to the end of the transaction: a lease is given to one.
    value: Json = tx.scalar(sa.select(kept.c.value).where(kept.c.key == _key(name)).with_for_update())
    if value is None:
        settings.put_once(tx, _key(name), encode(Cursor(now - _SETTLED)), now)
        return None
    cursor = decode(Cursor, value, what=f"the cursor of {name}")
    if cursor.leased_until > now:
        return None
    ended = run_totals.ended(cursor.at, cursor.run_id, Instant(now - _SETTLED), most)
    rows = tx.rows(sa.select(ended.c.ended_at, ended.c.id).order_by(ended.c.ended_at, ended.c.id))
    if not rows:
        return None
    _put(tx, name, Cursor(cursor.at, cursor.run_id, now + LEASE), now)
    return Due(tuple(row["id"] for row in rows), Cursor(rows[-1]["ended_at"], rows[-1]["id"]))


def advance(tx: Transaction, name: str, due: Due, now: Instant) -> None:
    """Say that these runs were told of, and give the lease back."""
    _put(tx, name, due.then, now)


def _put(tx: Transaction, name: str, cursor: Cursor, now: Instant) -> None:
    settings.put(tx, _key(name), encode(cursor), now)


def _key(name: str) -> str:
    return f"reports.{name}"
