"""Commits: which changes of a sheet's records there were, by whom, whether they are complete, and which positions they touched."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.record import Commit
from headrace.core.workspace import Sheet
from headrace.store.database import Transaction
from headrace.store.sheet_tables import commit_ranges as ranges
from headrace.store.sheet_tables import sheet_commits as table
from headrace.store.sheet_tables import sheets

_COLUMNS = (
    table.c.id,
    sheets.c.id.label("sheet_id"),
    table.c.number,
    table.c.created_by,
    table.c.created_at,
    table.c.completed_by,
    table.c.completed_at,
)
_FROM = sa.select(*_COLUMNS).join(sheets, sheets.c.number == table.c.sheet)


def insert(tx: Transaction, sheet: Sheet, commit: Commit) -> None:
    """Write a new commit of ``sheet``."""
    tx.execute(
        sa.insert(table),
        {
            "id": commit.id,
            "sheet": sheet.number,
            "number": commit.number,
            "created_by": commit.created_by,
            "created_at": commit.created_at,
            "completed_by": commit.completed_by,
            "completed_at": commit.completed_at,
        },
    )


def find(tx: Transaction, commit_id: str) -> Commit | None:
    """Return the commit, or None. Its sheet says whether the caller may see it."""
    return _commit(tx.first(_FROM.where(table.c.id == commit_id)))


def newest(tx: Transaction, sheet: Sheet) -> Commit | None:
    """Return the newest commit of ``sheet``, None where there was no change."""
    return _commit(tx.first(_FROM.where(table.c.sheet == sheet.number).order_by(table.c.number.desc()).limit(1)))


def of_sheets(tx: Transaction, numbers: Iterable[int], *, completed: bool | None = None) -> list[Commit]:
    """Return the commits of sheets, the oldest first; ``completed``: only those that are, or are not."""
    statement = _FROM.where(table.c.sheet.in_(list(numbers))).order_by(
        table.c.created_at, table.c.sheet, table.c.number
    )
    if completed is not None:
        statement = statement.where((table.c.completed_at.is_not(None)) == completed)
    return [Commit(**row) for row in tx.rows(statement)]


def complete(tx: Transaction, commit: Commit, by: str, now: Instant) -> Commit | None:
    """Write down that ``commit`` is complete, and return it so; None: it was already."""
    statement = sa.update(table).where(table.c.id == commit.id, table.c.completed_at.is_(None))
    if tx.execute(statement.values(completed_by=by, completed_at=now)).rowcount == 0:
        return None
    return replace(commit, completed_by=by, completed_at=now)


def open_before(tx: Transaction, instant: Instant, limit: int) -> list[Commit]:
    """Return commits that are not complete and were made before ``instant``, the oldest first."""
    statement = _FROM.where(table.c.completed_at.is_(None), table.c.created_at < instant)
    return [Commit(**row) for row in tx.rows(statement.order_by(table.c.created_at, table.c.id).limit(limit))]


def oldest_open(tx: Transaction) -> Instant | None:
    """Return when the oldest commit that is not complete was made."""
    made = tx.scalar(sa.select(sa.func.min(table.c.created_at)).where(table.c.completed_at.is_(None)))
    return None if made is None else Instant(int(made))


def touch(tx: Transaction, sheet: Sheet, number: int, positions: Iterable[int]) -> None:
    """Add ``positions`` to those that commit ``number`` touched. Its ranges are as long as can be, and never meet."""
    mine = (ranges.c.sheet == sheet.number, ranges.c.commit_number == number)
    before = tx.rows(sa.select(ranges.c.first, ranges.c.last).where(*mine))
    parts = [(int(row["first"]), int(row["last"])) for row in before]
    parts.extend(runs(positions))
    if not parts:
        return
    if before:
        tx.execute(sa.delete(ranges).where(*mine))
    rows = [
        {"sheet": sheet.number, "commit_number": number, "first": first, "last": last} for first, last in _joined(parts)
    ]
    tx.execute(sa.insert(ranges), rows)


def runs(positions: Iterable[int]) -> list[tuple[int, int]]:
    """Return ``positions`` as ranges, both ends included."""
    if isinstance(positions, range):
        return [(positions[0], positions[-1])] if positions else []
    return _joined([(position, position) for position in positions])


def _joined(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _commit(row: Mapping[str, Any] | None) -> Commit | None:
    return None if row is None else Commit(**row)
