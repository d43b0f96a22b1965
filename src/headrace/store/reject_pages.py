"""Batches with rejected rows, with the flows that they are of; and which rejects were resolved."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.query import Cursor, Page
from headrace.core.run import Batch
from headrace.store import scanning, scopes
from headrace.store.batches import batch_of
from headrace.store.database import Transaction
from headrace.store.scanning import Scan
from headrace.store.tables import batches as table
from headrace.store.tables import resolved_rejects, runs

MOST = 1000
"""Batches that one page looks at in a scope, if nothing else is said."""
_OF_FLOW = (runs.c.flow_id, runs.c.flow_name)
# The zero is written out, as the index has it: of a bound value SQLite cannot see that it fits.
_REJECTED = table.c.rows_rejected > sa.literal_column("0", sa.Integer)
_JOINED = sa.join(table, runs, runs.c.id == table.c.run_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectQuery:
    """Which batches a list has. ``patterns``: scopes with all that lies below them (None: every one). ``resolved``: those too that have none left."""

    patterns: tuple[str, ...] | None = None
    run_id: str | None = None
    flow: str | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class RejectedBatch:
    """A batch, and the flow that its run is of."""

    batch: Batch
    flow_id: str
    flow_name: str


def page(
    tx: Transaction, query: RejectQuery, limit: int = 50, cursor: Cursor | None = None, *, most: int = MOST
) -> Page[RejectedBatch]:
    """Return batches with rejects, newest first, after ``cursor``. A page may be short and have a next one.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    if query.run_id is None:
        branches, over = scopes.branches(tx, table.c.scope, query.patterns)
    else:
        branches, over = [[table.c.run_id == query.run_id]], [sa.true()] * (query.patterns is not None)

    def wanted(looked: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        found = [scopes.within(looked.c.scope, query.patterns or ())] if over else []
        if not query.resolved:
            found.append(looked.c.rows_rejected > looked.c.resolved)
        if query.flow is not None:
            found.append(sa.or_(looked.c.flow_id == query.flow, looked.c.flow_name == query.flow))
        return found

    selected = [sa.select(table, *_OF_FLOW).select_from(_JOINED).where(_REJECTED, *branch) for branch in branches]
    rows, following = scanning.page(tx, Scan(selected, (table.c.created_at, table.c.id), wanted, most), limit, cursor)
    return Page(tuple(map(_rejected, rows)), following)


def find(tx: Transaction, batch_id: str) -> RejectedBatch | None:
    """Return a batch with its flow, whichever scope it is in, or None."""
    row = tx.first(sa.select(table, *_OF_FLOW).select_from(_JOINED).where(table.c.id == batch_id))
    return None if row is None else _rejected(row)


def beginning_with(tx: Transaction, text: str, patterns: Collection[str] | None, limit: int) -> list[RejectedBatch]:
    """Return batches whose ids begin with ``text``, in scopes of ``patterns`` (None: of every one), at most ``limit``."""
    mine = [] if patterns is None else [scopes.within(table.c.scope, patterns)]
    # U+FFFF sorts behind every letter that an id has: one range of the primary key.
    condition = sa.and_(table.c.id >= text, table.c.id < text + "\uffff")
    statement = sa.select(table, *_OF_FLOW).select_from(_JOINED).where(condition, *mine)
    return [_rejected(row) for row in tx.rows(statement.order_by(table.c.id).limit(limit))]


def resolved_among(tx: Transaction, batch_id: str, numbers: Collection[int]) -> set[int]:
    """Return those of the batch's rejects, by number, that a replay has accepted."""
    its = resolved_rejects.c
    statement = sa.select(its.reject_number).where(its.batch_id == batch_id, its.reject_number.in_(numbers))
    return {int(row["reject_number"]) for row in tx.rows(statement)}


def _rejected(row: Mapping[str, Any]) -> RejectedBatch:
    values = dict(row)
    flow_id, flow_name = values.pop("flow_id"), values.pop("flow_name")
    return RejectedBatch(batch_of(values), flow_id, flow_name)
