"""Uploads: batches whose files a client sends, until a run has them."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.upload import Upload, UploadState
from headrace.store.columns import searchable
from headrace.store.database import Transaction
from headrace.store.tables import uploads as table


def insert(tx: Transaction, upload: Upload) -> None:
    """Write a new upload."""
    values = {name: getattr(upload, name) for name in ("id", "scope", "dataset", "run_id", "created_at", "updated_at")}
    body = searchable(upload.body, "the upload")
    tx.execute(sa.insert(table).values({**values, "target": upload.table, "state": upload.state.value, "body": body}))


def find(tx: Transaction, scope: str | None, upload_id: str) -> Upload | None:
    """Return the upload, or None; with ``scope`` None, whichever it is in. A transaction that writes holds it until its end."""
    statement = sa.select(table).where(table.c.id == upload_id)
    if scope is not None:
        statement = statement.where(table.c.scope == scope)
    row = tx.first(statement.with_for_update() if tx.writable else statement)
    return None if row is None else _upload(row)


def of_ids(tx: Transaction, scope: str, ids: Iterable[str]) -> dict[str, Upload]:
    """Return those of the uploads that there are, by id."""
    rows = tx.rows(sa.select(table).where(table.c.scope == scope, table.c.id.in_(list(ids))))
    return {row["id"]: _upload(row) for row in rows}


def touch(tx: Transaction, upload: Upload, now: Instant) -> None:
    """Hold the upload until the transaction's end, while files may still arrive.

    Raises:
        Problem: ``ILLEGAL_STATE``: they may not any more.
    """
    move(tx, upload, UploadState.LOADING, now)


def move(
    tx: Transaction,
    upload: Upload,
    to: UploadState,
    now: Instant,
    *,
    run_id: str | None = None,
    body: Mapping[str, Json] | None = None,
) -> None:
    """Let the upload, which is loading, go on to another state; ``run_id`` is given with ``LOADED``; ``body`` None: it stays.

    Raises:
        Problem: ``ILLEGAL_STATE``: it is loading no more.
    """
    mine = (table.c.id == upload.id, table.c.scope == upload.scope, table.c.state == UploadState.LOADING.value)
    values: dict[str, Any] = {"state": to.value, "run_id": run_id, "updated_at": now}
    if body is not None:
        values["body"] = searchable(body, "the upload")
    if tx.execute(sa.update(table).where(*mine).values(values)).rowcount == 0:
        found = find(tx, upload.scope, upload.id)
        state = "not there any more" if found is None else found.state.value
        raise Problem(Code.ILLEGAL_STATE, f"batch {upload.id} is {state}: it takes no files any more")


def page(tx: Transaction, states: Iterable[UploadState], before: Instant, limit: int) -> list[Upload]:
    """Return uploads in these states that nothing has happened to since ``before``, the longest forgotten first, of every scope."""
    old = (table.c.state.in_([state.value for state in states]), table.c.updated_at < before)
    statement = sa.select(table).where(*old).order_by(table.c.updated_at, table.c.id).limit(limit)
    return [_upload(row) for row in tx.rows(statement)]


def delete(tx: Transaction, upload: Upload) -> None:
    """Remove the upload; what is gone already is no failure."""
    tx.execute(sa.delete(table).where(table.c.id == upload.id, table.c.scope == upload.scope))


def _upload(row: Mapping[str, Any]) -> Upload:
    values = {name: value for name, value in row.items() if name not in {"target", "state"}}
    return Upload(**values, table=row["target"], state=UploadState(row["state"]))
