"""Old states of records: kept on the first change after a snapshot, forgotten when no snapshot needs them any more."""

from collections.abc import Sequence

import sqlalchemy as sa

from headrace.core.record import Record
from headrace.core.workspace import Sheet
from headrace.store.database import Transaction
from headrace.store.sheet_tables import record_versions, sheet_records, snapshots

_FORGOTTEN_AT_ONCE = 10_000
"""Versions that one statement removes at most."""

_COPIED = ("sheet", "position", "record_id", "created_commit", "values", "messages", "metadata", "config")


def newest_snapshot(tx: Transaction, sheet: Sheet) -> int | None:
    """Return the commit number of the newest snapshot of ``sheet``, None where there is none."""
    query = sa.select(sa.func.max(snapshots.c.commit_number)).where(snapshots.c.sheet == sheet.number)
    number: int | None = tx.scalar(query)
    return number


def keep(tx: Transaction, sheet: Sheet, records: Sequence[Record], commit: int) -> int:
    """Keep the state of ``records`` as it is now, since commit number ``commit`` is about to change or remove them.

    Only those are kept that did not change since the newest snapshot; of a sheet without snapshots none. The caller holds the sheet, and changes
    the rows after this. A commit number changes a record once at most.

    Returns:
        How many were kept.
    """
    if not records:
        return 0
    snapshot = newest_snapshot(tx, sheet)
    if snapshot is None:
        return 0
    rows = sheet_records.c
    changing = (
        sa.select(
            *(rows[name] for name in _COPIED),
            rows.updated_commit.label("since_commit"),
            sa.literal(commit, sa.BigInteger).label("until_commit"),
        )
        .where(rows.sheet == sheet.number, rows.updated_commit <= snapshot)
        .where(rows.position.in_([record.position for record in records]))
    )
    return tx.execute(
        sa.insert(record_versions).from_select([*_COPIED, "since_commit", "until_commit"], changing)
    ).rowcount


def forget(tx: Transaction, sheet: Sheet, after: int = -1, limit: int = _FORGOTTEN_AT_ONCE) -> int | None:
    """Remove versions at the next ``limit`` positions behind ``after`` that no snapshot of ``sheet`` needs.

    A version was the state from ``since_commit`` until before ``until_commit``: a snapshot between them needs it.

    Returns:
        The position to go on behind; None: that was all.
    """
    old = record_versions.c
    ends = sa.select(old.position).where(old.sheet == sheet.number, old.position > after)
    last: int | None = tx.scalar(sa.select(sa.func.max(ends.order_by(old.position).limit(limit).subquery().c.position)))
    if last is None:
        return None
    needed = sa.exists().where(
        snapshots.c.sheet == old.sheet,
        snapshots.c.commit_number >= old.since_commit,
        snapshots.c.commit_number < old.until_commit,
    )
    tx.execute(
        sa.delete(record_versions).where(old.sheet == sheet.number, old.position > after, old.position <= last, ~needed)
    )
    return last


def count(tx: Transaction, sheet: Sheet) -> int:
    """Return how many old states are kept of the records of ``sheet``."""
    query = sa.select(sa.func.count()).select_from(record_versions).where(record_versions.c.sheet == sheet.number)
    return int(tx.scalar(query))
