"""Snapshots: a sheet as it was after a commit, and what has become of its records since.

A snapshot costs nothing when it is taken: the old state of a record is kept when the record changes (``record_versions``). What a snapshot
holds is the version that was good at its commit where there is one, else the record as it is, if it was there. Records are the same by their
id: one that was removed and brought back is so, at another position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.record import Messages, Record
from headrace.core.workspace import Sheet, Snapshot
from headrace.store.database import Transaction
from headrace.store.record_rows import COLUMNS, document_of, messages_of, record_of, shown_id, values_of
from headrace.store.sheet_tables import record_versions, sheet_records, sheets
from headrace.store.sheet_tables import snapshots as table

_COLUMNS = (
    table.c.id,
    sheets.c.id.label("sheet_id"),
    table.c.commit_number,
    table.c.created_by,
    table.c.created_at,
    table.c.label,
    table.c.fields,
)
_FROM = sa.select(*_COLUMNS).join(sheets, sheets.c.number == table.c.sheet)
_rows = sheet_records.c
_old = record_versions.c
_VERSION = (
    _old.position,
    _old.record_id,
    sa.cast(_old["values"], sa.Text),
    sa.cast(_old.messages, sa.Text),
    sa.cast(_old.metadata, sa.Text),
    sa.cast(_old.config, sa.Text),
)


@dataclass(frozen=True, slots=True)
class Old:
    """A record as it was. ``position``: where it stood then."""

    position: int
    id: str
    values: Mapping[str, Json]
    messages: Messages
    metadata: Mapping[str, Json]
    config: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Changed:
    """A record as it was, and as it is."""

    old: Old
    now: Record


def insert(tx: Transaction, sheet: Sheet, snapshot: Snapshot) -> None:
    """Write a new snapshot of ``sheet``."""
    tx.execute(
        sa.insert(table).values(
            id=snapshot.id,
            sheet=sheet.number,
            commit_number=snapshot.commit,
            label=snapshot.label,
            fields=list(snapshot.fields),
            created_by=snapshot.created_by,
            created_at=snapshot.created_at,
        )
    )


def find(tx: Transaction, snapshot_id: str) -> Snapshot | None:
    """Return the snapshot, or None. Its sheet says whether the caller may see it."""
    row = tx.first(_FROM.where(table.c.id == snapshot_id))
    return None if row is None else _snapshot(row)


def of_sheet(tx: Transaction, sheet: Sheet) -> list[Snapshot]:
    """Return the snapshots of ``sheet``, the oldest first."""
    query = _FROM.where(table.c.sheet == sheet.number).order_by(table.c.created_at, table.c.id)
    return [_snapshot(row) for row in tx.rows(query)]


def remove(tx: Transaction, snapshot_id: str) -> None:
    """Remove a snapshot; the versions that nobody needs any more are removed by ``record_versions.forget``."""
    tx.execute(sa.delete(table).where(table.c.id == snapshot_id))


def created_since(
    tx: Transaction, sheet: Sheet, snapshot: Snapshot, after: int | None, limit: int, *, before: int | None = None
) -> list[Record]:
    """Return the next ``limit`` records behind position ``after`` (and before position ``before``) that the snapshot does not have."""
    query = sa.select(*COLUMNS).where(*_created(sheet, snapshot))
    if after is not None:
        query = query.where(_rows.position > after)
    if before is not None:
        query = query.where(_rows.position < before)
    rows: Sequence[Sequence[Any]] = tx.execute(query.order_by(_rows.position).limit(limit)).all()
    return [record_of(row) for row in rows]


def count_created(tx: Transaction, sheet: Sheet, snapshot: Snapshot) -> int:
    """Return how many records the snapshot does not have."""
    return int(tx.scalar(sa.select(sa.func.count()).select_from(sheet_records).where(*_created(sheet, snapshot))))


def deleted_since(tx: Transaction, sheet: Sheet, snapshot: Snapshot, after: int | None, limit: int) -> list[Old]:
    """Return the next ``limit`` records behind position ``after`` that are gone, as the snapshot has them."""
    query = sa.select(*_VERSION).where(*_deleted(sheet, snapshot))
    if after is not None:
        query = query.where(_old.position > after)
    rows: Sequence[Sequence[Any]] = tx.execute(query.order_by(_old.position).limit(limit)).all()
    return [_of_version(row) for row in rows]


def count_deleted(tx: Transaction, sheet: Sheet, snapshot: Snapshot) -> int:
    """Return how many records are gone that the snapshot has."""
    return int(tx.scalar(sa.select(sa.func.count()).select_from(record_versions).where(*_deleted(sheet, snapshot))))


def touched_since(tx: Transaction, sheet: Sheet, snapshot: Snapshot, after: int | None, limit: int) -> list[Changed]:
    """Return the next ``limit`` records behind position ``after`` (of then) that were changed since; some of them may be again as they were."""
    same = sa.and_(_rows.sheet == _old.sheet, _rows.record_id == _old.record_id)
    query = sa.select(*_VERSION, *COLUMNS).select_from(record_versions.join(sheet_records, same))
    query = query.where(*_as_of(sheet, snapshot))
    if after is not None:
        query = query.where(_old.position > after)
    rows: Sequence[Sequence[Any]] = tx.execute(query.order_by(_old.position).limit(limit)).all()
    width = len(_VERSION)
    return [Changed(_of_version(row[:width]), record_of(row[width:])) for row in rows]


def _as_of(sheet: Sheet, snapshot: Snapshot) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what holds of the versions that the snapshot has: one for a record at most."""
    return (
        _old.sheet == sheet.number,
        _old.until_commit > snapshot.commit,
        _old.since_commit <= snapshot.commit,
    )


def _created(sheet: Sheet, snapshot: Snapshot) -> tuple[sa.ColumnElement[bool], ...]:
    known = sa.exists().where(*_as_of(sheet, snapshot), _old.record_id == _rows.record_id)
    return (_rows.sheet == sheet.number, _rows.created_commit > snapshot.commit, ~known)


def _deleted(sheet: Sheet, snapshot: Snapshot) -> tuple[sa.ColumnElement[bool], ...]:
    still_there = sa.exists().where(_rows.sheet == _old.sheet, _rows.record_id == _old.record_id)
    return (*_as_of(sheet, snapshot), ~still_there)


def _of_version(row: Sequence[Any]) -> Old:
    position, kept, values, messages, metadata, config = row
    return Old(
        position, shown_id(kept), values_of(values), messages_of(messages), document_of(metadata), document_of(config)
    )


def _snapshot(row: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        id=row["id"],
        sheet_id=row["sheet_id"],
        commit=row["commit_number"],
        created_by=row["created_by"],
        created_at=Instant(row["created_at"]),
        label=row["label"],
        fields=tuple(row["fields"]),
    )
