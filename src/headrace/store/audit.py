"""The audit: who did what to which thing, and when. It is added to and never changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.query import Cursor, Order, Page
from headrace.store import scanning, scopes
from headrace.store.database import Transaction
from headrace.store.paging import from_position
from headrace.store.scanning import Scan
from headrace.store.tables import audit as table

MOST = 5000
"""Entries that one page looks at in a scope, if nothing else is said."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which entries a list has. ``patterns``: scopes with all that lies below them; None: every one, and what concerns the installation.

    ``action`` may end with ``.*``; ``since``/``until`` are half-open.
    """

    patterns: tuple[str, ...] | None = None
    who: str | None = None
    action: str | None = None
    object: str | None = None
    since: Instant | None = None
    until: Instant | None = None


def search(
    tx: Transaction, query: AuditQuery, limit: int = 50, cursor: Cursor | None = None, *, most: int = MOST
) -> Page[AuditEntry]:
    """Return entries of ``query``, newest first, after ``cursor``. ``most``: how many are looked at; a page may be short and have a next one.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    branches, passed_over = scopes.branches(tx, table.c.scope, query.patterns)
    span = list(_span(query))

    def wanted(looked: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        over = [] if not passed_over else [scopes.within(looked.c.scope, query.patterns or ())]
        return [*over, *_wanted(query, looked)]

    selected = [sa.select(table).where(*branch, *span) for branch in branches]
    rows, following = scanning.page(tx, Scan(selected, (table.c.at, table.c.id), wanted, most), limit, cursor)
    return Page(tuple(AuditEntry(**row) for row in rows), following)


def forget(tx: Transaction, before: Instant) -> int:
    """Remove entries older than ``before``; return how many."""
    return tx.execute(sa.delete(table).where(table.c.at < before)).rowcount


def _span(query: AuditQuery) -> Iterator[sa.ColumnElement[bool]]:
    if query.since is not None:
        yield table.c.at >= query.since
    if query.until is not None:
        yield table.c.at < query.until


def _wanted(query: AuditQuery, looked: sa.Subquery) -> Iterator[sa.ColumnElement[bool]]:
    if query.who is not None:
        yield looked.c.who == query.who
    if query.action is not None and query.action.endswith(".*"):
        yield looked.c.action.startswith(query.action.removesuffix("*"), autoescape=True)
    elif query.action is not None:
        yield looked.c.action == query.action
    if query.object is not None:
        yield looked.c.object == query.object
