"""Counts of records by blocks of positions: how many there are, and how many of them have errors."""

from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.record import RecordCounts
from headrace.core.workspace import Sheet
from headrace.store.database import Transaction
from headrace.store.sheet_tables import BLOCK, sheets
from headrace.store.sheet_tables import sheet_blocks as table
from headrace.store.upserts import upsert

_CHANGE = (
    sa.update(table)
    .where(table.c.sheet == sa.bindparam("its_sheet"), table.c.block == sa.bindparam("its_block"))
    .values(total=table.c.total + sa.bindparam("more"), error=table.c.error + sa.bindparam("wrong"))
)


def added(tx: Transaction, sheet: Sheet, first: int, count: int, wrong: Iterable[int]) -> None:
    """Count ``count`` new records from position ``first`` on, of which those at positions ``wrong`` have errors."""
    if count == 0:
        return
    errors = Counter(position // BLOCK for position in wrong)
    rows = []
    for block in range(first // BLOCK, (first + count - 1) // BLOCK + 1):
        total = min(first + count, (block + 1) * BLOCK) - max(first, block * BLOCK)
        rows.append({"sheet": sheet.number, "block": block, "total": total, "error": errors[block]})
    made = upsert(tx, table)
    more = {"total": table.c.total + made.excluded.total, "error": table.c.error + made.excluded.error}
    tx.execute(made.on_conflict_do_update(index_elements=["sheet", "block"], set_=more).values(rows))


def changed(tx: Transaction, sheet: Sheet, broken: Iterable[int], healed: Iterable[int]) -> None:
    """Count records that were there already and got errors (``broken``), or lost theirs (``healed``): their positions."""
    wrong = Counter(position // BLOCK for position in broken)
    wrong.subtract(position // BLOCK for position in healed)
    _change(tx, sheet, {block: (0, count) for block, count in wrong.items() if count})


def removed(tx: Transaction, sheet: Sheet, positions: Iterable[int], wrong: Iterable[int]) -> None:
    """Count records that are gone, and those of them that had errors."""
    totals = Counter(position // BLOCK for position in positions)
    errors = Counter(position // BLOCK for position in wrong)
    _change(tx, sheet, {block: (-count, -errors[block]) for block, count in totals.items()})


def counts(tx: Transaction, sheet: Sheet) -> RecordCounts:
    """Return how many records ``sheet`` has: a sum over its blocks."""
    sums = sa.select(sa.func.sum(table.c.total).label("total"), sa.func.sum(table.c.error).label("error"))
    row = tx.first(sums.where(table.c.sheet == sheet.number)) or {}
    total, error = int(row.get("total") or 0), int(row.get("error") or 0)
    return RecordCounts(total, total - error, error)


def told(tx: Transaction, sheet: Sheet) -> tuple[Instant | None, Instant | None]:
    """Return when the counts of ``sheet`` were told last, and when they are to be told again since they have changed."""
    row = tx.first(sa.select(sheets.c.counts_told_at, sheets.c.counts_due_at).where(sheets.c.number == sheet.number))
    return (None, None) if row is None else (row["counts_told_at"], row["counts_due_at"])


def set_told(tx: Transaction, sheet: Sheet, now: Instant) -> None:
    """Write down that the counts of ``sheet`` are told now."""
    its = sa.update(sheets).where(sheets.c.number == sheet.number)
    tx.execute(its.values(counts_told_at=now, counts_due_at=None))


def set_due(tx: Transaction, sheet: Sheet, due: Instant) -> None:
    """Write down that the counts of ``sheet`` are to be told at ``due``."""
    tx.execute(sa.update(sheets).where(sheets.c.number == sheet.number).values(counts_due_at=due))


def due(tx: Transaction, now: Instant, limit: int) -> list[str]:
    """Return the ids of sheets whose counts are to be told by ``now``."""
    statement = sa.select(sheets.c.id).where(sheets.c.counts_due_at <= now)
    return list(tx.execute(statement.order_by(sheets.c.counts_due_at, sheets.c.number).limit(limit)).scalars())


def next_due(tx: Transaction) -> Instant | None:
    """Return when counts are to be told next."""
    at = tx.scalar(sa.select(sa.func.min(sheets.c.counts_due_at)).where(sheets.c.counts_due_at.is_not(None)))
    return None if at is None else Instant(int(at))


def forget_due(tx: Transaction, sheet_id: str) -> None:
    """Write down that the counts of a sheet are not to be told: it is gone."""
    tx.execute(sa.update(sheets).where(sheets.c.id == sheet_id).values(counts_due_at=None))


def _change(tx: Transaction, sheet: Sheet, changes: dict[int, tuple[int, int]]) -> None:
    if changes:
        rows = [
            {"its_sheet": sheet.number, "its_block": block, "more": more, "wrong": wrong}
            for block, (more, wrong) in sorted(changes.items())
        ]
        tx.execute(_CHANGE, rows)
