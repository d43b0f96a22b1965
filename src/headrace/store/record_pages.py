"""Pages, walks and counts of records.

Pages of all records, of the valid and of the wrong ones are found by the counts of blocks: no page costs more than another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.record import FieldCounts, Record, RecordCounts, Selection, Standing
from headrace.core.workspace import Sheet
from headrace.store import record_cells, record_selection
from headrace.store.database import Transaction
from headrace.store.record_filters import HAS_ERROR
from headrace.store.record_rows import COLUMNS, kept_id, record_of, shown_id
from headrace.store.sheet_tables import BLOCK, sheet_blocks, sheet_records

_rows = sheet_records.c
_IN_AT_ONCE = 5_000
"""Positions that one statement names at most."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Positions from ``first`` on and before ``end``, of which the first ``skipped`` records are passed over."""

    first: int
    end: int
    skipped: int = 0

    @property
    def condition(self) -> sa.ColumnElement[bool]:
        """Return that a record stands there.

        Both ends are named: of a table that was just filled PostgreSQL knows so little that it would sort all behind an open end.
        """
        return sa.and_(_rows.position >= self.first, _rows.position < self.end)


def page(tx: Transaction, sheet: Sheet, selection: Selection, limit: int, page_number: int = 1) -> list[Record]:
    """Return page ``page_number`` (from 1 on) of ``limit`` records, in the selection's order; behind the last page it is empty."""
    return [record_of(row) for row in rows(tx, sheet, selection, limit, page_number)]


def rows(
    tx: Transaction, sheet: Sheet, selection: Selection, limit: int, page_number: int = 1
) -> Sequence[Sequence[Any]]:
    """Return what ``page`` does, as rows of ``record_rows.COLUMNS``."""
    compiled = record_selection.compile(sheet, selection, tx.dialect)
    offset = (page_number - 1) * limit
    if _by_blocks(selection):
        span = _page_span(_blocks(tx, sheet), selection.standing, offset, limit)
        if span is None:
            return []
        query = compiled.select(*COLUMNS).where(span.condition).offset(span.skipped)
        return _all(tx, query.order_by(_rows.position).limit(limit))
    if offset >= sum(total for _, total, _ in _blocks(tx, sheet)):
        return []
    # What is sorted or passed over are positions and keys; the records of one page are read after that.
    places = compiled.select(_rows.position).order_by(*compiled.order, _rows.position)
    if compiled.order:
        found_places = _all(tx, places.offset(offset).limit(limit))
    else:
        found_places = _walked(tx, sheet, selection, places, None, offset + limit)[offset:]
    order = [position for (position,) in found_places]
    found = {row[0]: row for row in rows_at(tx, sheet, order)}
    return [found[position] for position in order]


def walk(tx: Transaction, sheet: Sheet, selection: Selection, after: int | None, limit: int) -> list[Record]:
    """Return the next ``limit`` selected records behind position ``after`` (None: the first), in the order of insertion."""
    return [record_of(row) for row in walk_rows(tx, sheet, selection, after, limit)]


def walk_rows(
    tx: Transaction, sheet: Sheet, selection: Selection, after: int | None, limit: int
) -> Sequence[Sequence[Any]]:
    """Return what ``walk`` does, as rows of ``record_rows.COLUMNS``."""
    query = record_selection.compile(sheet, selection, tx.dialect).select(*COLUMNS).order_by(_rows.position)
    return _walked(tx, sheet, selection, query, after, limit)


def positions_between(tx: Transaction, sheet: Sheet, selection: Selection, first: int, stop: int) -> list[int]:
    """Return the positions of the selected records from position ``first`` to before ``stop``, in any order."""
    query = record_selection.compile(sheet, selection, tx.dialect).select(_rows.position)
    return list(tx.execute(query.where(_rows.position >= first, _rows.position < stop)).scalars())


def _walked(
    tx: Transaction, sheet: Sheet, selection: Selection, query: sa.Select[Any], after: int | None, limit: int
) -> Sequence[Sequence[Any]]:
    """Return the next ``limit`` rows of ``query``, which is the selection's and in the order of positions."""
    begin = 0 if after is None else after + 1
    if selection.ids is not None and not selection.excludes:
        # These few are found by their ids.
        return _all(tx, query.where(_rows.position >= begin).limit(limit))
    first, last = record_selection.bounds(tx, sheet, selection)
    begin = max(begin, first)
    found: list[Sequence[Any]] = []
    # A plain selection is found in one go; of others nobody knows how many records have to be looked at, so it is tried with more and more.
    wanted = limit if _by_blocks(selection) else max(limit, 2 * BLOCK)
    blocks = _blocks(tx, sheet)
    # A record that is wrong may be right in the field that is asked for.
    standing = selection.standing if selection.standing_field is None else Standing.ALL
    while len(found) < limit:
        span = _walk_span(blocks, standing, begin, wanted)
        if span is None or (last is not None and span.first > last):
            break
        found += _all(tx, query.where(span.condition).limit(limit - len(found)))
        begin, wanted = span.end, wanted * 2
    return found


def counts(tx: Transaction, sheet: Sheet, selection: Selection, by_field: bool = False) -> RecordCounts:
    """Return how many records are selected, how many of them are valid and wrong.

    ``by_field`` says the same of each field, and how many have it empty, by reading all of them.
    """
    if by_field:
        return _field_counts(tx, sheet, selection)
    if _by_blocks(selection):
        total, error = _standing_counts(tx, sheet, selection.standing)
    else:
        compiled = record_selection.compile(sheet, selection, tx.dialect)
        wrong = sa.func.coalesce(sa.func.sum(sa.case((_rows.valid, 0), else_=1)), 0)
        total, error = _two(tx, compiled.select(sa.func.count().label("total"), wrong.label("error")))
    return RecordCounts(total=total, valid=total - error, error=error)


def indices(tx: Transaction, sheet: Sheet, selection: Selection, ids: Sequence[str]) -> dict[str, int]:
    """Return the place (from 0 on) that each of the records ``ids`` has in the order of the selection; those that are not in it are left out."""
    compiled = record_selection.compile(sheet, selection, tx.dialect)
    named = _rows.record_id.in_([kept_id(item) for item in ids])
    if _by_blocks(selection):
        found = _all(tx, compiled.select(_rows.record_id, _rows.position).where(named))
        before = _before(tx, sheet, selection.standing)
        return {shown_id(kept): _place(tx, sheet, selection, before, position) for kept, position in found}
    place = sa.func.row_number().over(order_by=[*compiled.order, _rows.position]).label("place")
    ordered = compiled.select(_rows.record_id, place).subquery()
    query = sa.select(ordered.c.record_id, ordered.c.place)
    found = _all(tx, query.where(ordered.c.record_id.in_([kept_id(item) for item in ids])))
    return {shown_id(kept): number - 1 for kept, number in found}


def _before(tx: Transaction, sheet: Sheet, standing: Standing) -> dict[int, int]:
    """Return by block how many records of a plain selection stand before it."""
    result, passed = {}, 0
    for block, total, error in _blocks(tx, sheet):
        result[block] = passed
        passed += _of_standing(standing, total, error)
    return result


def _place(tx: Transaction, sheet: Sheet, selection: Selection, before: dict[int, int], position: int) -> int:
    block = position // BLOCK
    here = record_selection.compile(sheet, selection, tx.dialect).select(sa.func.count())
    return before[block] + int(tx.scalar(here.where(_rows.position >= block * BLOCK, _rows.position < position)))


def _field_counts(tx: Transaction, sheet: Sheet, selection: Selection) -> RecordCounts:
    compiled = record_selection.compile(sheet, selection, tx.dialect)
    keys = [field.key for field in sheet.blueprint.fields]
    empty = [
        sa.func.sum(sa.case((record_cells.cell(key, tx.dialect).is_null, 1), else_=0)).label(f"empty_{number}")
        for number, key in enumerate(keys)
    ]
    wrong = sa.func.sum(sa.case((_rows.valid, 0), else_=1)).label("error")
    row = tx.first(compiled.select(sa.func.count().label("total"), wrong, *empty)) or {}
    total, error = row["total"], int(row["error"] or 0)
    key, members, is_error = record_cells.errors_by_field(tx.dialect)
    source = sheet_records.join(members, sa.true())
    errors = sa.select(key, sa.func.count()).select_from(source).where(*compiled.conditions, HAS_ERROR, is_error)
    errors_of: dict[str, int] = {name: number for name, number in _all(tx, errors.group_by(key)) if error}
    by_field = {
        name: FieldCounts(
            total=total,
            valid=total - errors_of.get(name, 0),
            error=errors_of.get(name, 0),
            empty=int(row[f"empty_{number}"] or 0),
        )
        for number, name in enumerate(keys)
    }
    return RecordCounts(total=total, valid=total - error, error=error, by_field=by_field)


def _two(tx: Transaction, query: sa.Select[Any]) -> tuple[int, int]:
    row = tx.first(query) or {"total": 0, "error": 0}
    return row["total"], int(row["error"])


def _by_blocks(selection: Selection) -> bool:
    """Say whether the counts of blocks know where the selection's pages are."""
    plain = Selection(standing=selection.standing)
    return selection == plain and selection.standing is not Standing.NONE


def _standing_counts(tx: Transaction, sheet: Sheet, standing: Standing) -> tuple[int, int]:
    total = error = 0
    for _, block_total, block_error in _blocks(tx, sheet):
        total += block_total
        error += block_error
    match standing:
        case Standing.VALID:
            return total - error, 0
        case Standing.ERROR:
            return error, error
        case _:
            return total, error


def _page_span(blocks: Sequence[tuple[int, int, int]], standing: Standing, offset: int, limit: int) -> _Span | None:
    """Return where the records from number ``offset`` (from 0 on) of a plain selection are, None behind the last one."""
    passed, span = 0, None
    for block, total, error in blocks:
        here = _of_standing(standing, total, error)
        if span is None and passed + here > offset:
            span = _Span(block * BLOCK, (block + 1) * BLOCK, offset - passed)
        passed += here
        if span is not None:
            span = _Span(span.first, (block + 1) * BLOCK, span.skipped)
            if passed >= offset + limit:
                break
    return span


def _walk_span(blocks: Sequence[tuple[int, int, int]], standing: Standing, begin: int, wanted: int) -> _Span | None:
    """Return the next positions from ``begin`` on among which are ``wanted`` records of a standing, or all that there are; None: none is left."""
    passed, span = 0, None
    for block, total, error in blocks:
        here = _of_standing(standing, total, error)
        if (block + 1) * BLOCK <= begin or here == 0:
            continue
        # Of the block in whose middle this begins, nobody knows how many are left.
        passed += here if block * BLOCK >= begin else 0
        span = _Span(begin, (block + 1) * BLOCK)
        if passed >= wanted:
            break
    return span


def _of_standing(standing: Standing, total: int, error: int) -> int:
    return {Standing.VALID: total - error, Standing.ERROR: error}.get(standing, total)


def _blocks(tx: Transaction, sheet: Sheet) -> list[tuple[int, int, int]]:
    blocks = sheet_blocks.c
    query = sa.select(blocks.block, blocks.total, blocks.error).where(blocks.sheet == sheet.number)
    return [tuple(row) for row in tx.execute(query.order_by(blocks.block))]


def _all(tx: Transaction, query: sa.Executable) -> Sequence[Sequence[Any]]:
    return tx.execute(query).all()


def rows_of_ids(tx: Transaction, sheet: Sheet, ids: Sequence[str]) -> Sequence[Sequence[Any]]:
    """Return the records with these ids, as rows of ``record_rows.COLUMNS``, in the order of ``ids``; unknown ones are left out."""
    found = {
        row[1]: row
        for row in _all(tx, record_selection.compile(sheet, Selection(ids=tuple(ids)), tx.dialect).select(*COLUMNS))
    }
    kept = [kept_id(item) for item in ids]
    return [found[item] for item in kept if item in found]


def rows_at(tx: Transaction, sheet: Sheet, positions: Sequence[int]) -> Sequence[Sequence[Any]]:
    """Return the records at these positions, as rows of ``record_rows.COLUMNS``, in no order."""
    query = sa.select(*COLUMNS).where(_rows.sheet == sheet.number)
    return [
        row
        for begin in range(0, len(positions), _IN_AT_ONCE)
        for row in tx.execute(query.where(_rows.position.in_(positions[begin : begin + _IN_AT_ONCE])))
    ]
