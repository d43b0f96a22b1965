"""The catalog's list of batches: uploads from their beginning, and what runs have made, newest first, by what the ledger can select."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.query import Order
from headrace.core.upload import STANDING_OF_BATCH, STANDING_OF_RUN, Standing, UploadState
from headrace.core.window import Window
from headrace.store.database import Transaction
from headrace.store.tables import batches, runs, uploads

NEWEST_FIRST = Order("created_at", descending=True)
"""The order unless a caller asks for another."""

_OF_UPLOAD: Mapping[UploadState, Standing] = {
    UploadState.LOADING: Standing.LOADING,
    UploadState.FAILED: Standing.FAILED,
    UploadState.ABORTED: Standing.ABORTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogQuery:
    """Which batches a list has. ``ids`` and ``standings`` empty: all. ``created``: the half-open time in which they were made."""

    scope: str
    ids: tuple[str, ...] = ()
    standings: frozenset[Standing] = frozenset()
    table: str | None = None
    created: Window | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch of the list."""

    id: str
    standing: Standing
    created_at: Instant
    updated_at: Instant
    is_upload: bool


def page(
    tx: Transaction, query: CatalogQuery, order: Order = NEWEST_FIRST, *, limit: int = 100, offset: int = 0
) -> list[Entry]:
    """Return the entries from ``offset`` on, ordered by ``created_at``, ``updated_at`` or ``id``."""
    made, sent = _of_runs(query, order, offset + limit), _of_uploads(query, order, offset + limit)
    both = sa.union_all(sa.select(made.subquery()), sa.select(sent.subquery())).subquery()
    statement = _ordered(sa.select(both), both.c, order).limit(limit).offset(offset)
    return [
        Entry(row["id"], Standing(row["standing"]), row["created_at"], row["updated_at"], bool(row["is_upload"]))
        for row in tx.rows(statement)
    ]


def _of_runs(query: CatalogQuery, order: Order, most: int) -> sa.Select[Any]:
    standing = _standing_of_batch().label("standing")
    # What began as an upload is listed from its beginning, by the other branch.
    began = sa.exists().where(uploads.c.id == batches.c.id)
    columns = (batches.c.id, standing, batches.c.created_at, batches.c.updated_at, sa.literal(0).label("is_upload"))
    statement = _narrowed(sa.select(*columns).where(sa.not_(began)), batches, standing, query)
    if Standing.REVERTED not in query.standings:
        words = [status.value for status, one in STANDING_OF_BATCH.items() if one in query.standings]
        statement = statement.where(batches.c.status.in_(words)) if query.standings else statement
    return _ordered(statement, batches.c, order).limit(most)


def _of_uploads(query: CatalogQuery, order: Order, most: int) -> sa.Select[Any]:
    of_run = sa.case({status.value: one.value for status, one in STANDING_OF_RUN.items()}, value=runs.c.status)
    of_upload = sa.case({state.value: one.value for state, one in _OF_UPLOAD.items()}, value=uploads.c.state)
    standing = sa.func.coalesce(of_upload, _standing_of_batch(), of_run).label("standing")
    updated = sa.func.coalesce(batches.c.updated_at, runs.c.updated_at, uploads.c.updated_at).label("updated_at")
    joined = uploads.outerjoin(batches, batches.c.id == uploads.c.id).outerjoin(runs, runs.c.id == uploads.c.run_id)
    columns = (uploads.c.id, standing, uploads.c.created_at, updated, sa.literal(1).label("is_upload"))
    statement = _narrowed(sa.select(*columns).select_from(joined), uploads, standing, query)
    keys = {"id": uploads.c.id, "created_at": uploads.c.created_at, "updated_at": updated}
    return _ordered(statement, keys, order).limit(most)


def _standing_of_batch() -> sa.Case[Any]:
    words = [(batches.c.status == status.value, one.value) for status, one in STANDING_OF_BATCH.items()]
    return sa.case((batches.c.reverted_at.is_not(None), Standing.REVERTED.value), *words)


def _narrowed(
    statement: sa.Select[Any], table: sa.Table, standing: sa.ColumnElement[Any], query: CatalogQuery
) -> sa.Select[Any]:
    statement = statement.where(table.c.scope == query.scope)
    if query.ids:
        statement = statement.where(table.c.id.in_(query.ids))
    if query.table is not None:
        statement = statement.where(table.c.target == query.table)
    if query.standings:
        statement = statement.where(standing.in_(sorted(one.value for one in query.standings)))
    if query.created is not None and query.created.start is not None:
        statement = statement.where(table.c.created_at >= query.created.start)
    if query.created is not None and query.created.end is not None:
        statement = statement.where(table.c.created_at < query.created.end)
    return statement


def _ordered(statement: sa.Select[Any], columns: Any, order: Order) -> sa.Select[Any]:
    keys = [columns[order.path]] if order.path == "id" else [columns[order.path], columns["id"]]
    return statement.order_by(*(key.desc() if order.descending else key.asc() for key in keys))
