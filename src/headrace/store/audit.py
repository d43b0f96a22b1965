"""The audit: who did what to which thing, and when. It is added to and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.query import Cursor, Order, Page
from headrace.store.database import Transaction
from headrace.store.paging import from_position
from headrace.store.tables import audit as table

_RECORD = sa.insert(table)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed. ``scope`` is empty for what concerns the installation; ``action`` is like ``run.cancel``, ``object`` the thing's id."""

    id: int
    scope: str
    who: str
    action: str
    object: str
    at: Instant
    details: Mapping[str, Json] = field(default_factory=dict)


def record(  # noqa: PLR0913, PLR0917 — an entry is who, what, to which thing, where and when
    tx: Transaction,
    scope: str,
    who: str,
    action: str,
    object_id: str,
    at: Instant,
    details: Mapping[str, Json] | None = None,
) -> None:
    """Write an entry, in the transaction of the deed: there is none without the other. ``details`` hold no secrets."""
    values = {"scope": scope, "who": who, "action": action, "object": object_id, "at": at, "details": details or {}}
    tx.execute(_RECORD, values)


def page(tx: Transaction, scope: str | None, limit: int = 50, cursor: Cursor | None = None) -> Page[AuditEntry]:
    """Return entries of the scope (None: of every one), newest first, after ``cursor``.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    statement = sa.select(table) if scope is None else sa.select(table).where(table.c.scope == scope)
    order = Order("at", descending=True)
    rows = tx.rows(from_position(statement, (table.c.at, table.c.id), order, cursor, limit))
    found = tuple(AuditEntry(**row) for row in rows[:limit])
    return Page(found, Cursor((found[-1].at, found[-1].id)) if len(rows) > limit else None)


def forget(tx: Transaction, before: Instant) -> int:
    """Remove entries older than ``before``; return how many."""
    return tx.execute(sa.delete(table).where(table.c.at < before)).rowcount
