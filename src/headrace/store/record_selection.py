"""Selections of records as SQL, with the same meaning on both databases."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.core.record import Selection, Standing
from headrace.core.workspace import Sheet
from headrace.store import record_cells, record_filters
from headrace.store.columns import dump
from headrace.store.database import Transaction
from headrace.store.record_rows import kept_id
from headrace.store.sheet_tables import commit_ranges, sheet_records

Condition = sa.ColumnElement[bool]

_rows = sheet_records.c
_other = sheet_records.alias("touched")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A selection as SQL: what must hold of them, and their order beside the position (empty: of insertion)."""

    conditions: tuple[Condition, ...]
    order: tuple[sa.ColumnElement[Any], ...] = ()

    def select(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Return a query of ``columns`` of the selected records, in no order."""
        return sa.select(*columns).select_from(sheet_records).where(*self.conditions)


def compile(sheet: Sheet, selection: Selection, dialect: str) -> Compiled:  # noqa: A001 — as in `re.compile`; used with the module's name
    """Return ``selection`` of the records of ``sheet`` for ``dialect`` (``sqlite`` or ``postgresql``)."""
    conditions: list[Condition] = [_rows.sheet == sheet.number, *_standing(selection, dialect)]
    if selection.commit is not None:
        ranges = commit_ranges.c
        # Few ranges lead to few records; ranges of one commit may lie over one another, since a write-back joins it.
        touched = sa.select(_other.c.position).select_from(
            commit_ranges.join(
                _other,
                sa.and_(
                    _other.c.sheet == ranges.sheet, _other.c.position >= ranges.first, _other.c.position <= ranges.last
                ),
            )
        )
        conditions.append(
            _rows.position.in_(touched.where(ranges.sheet == sheet.number, ranges.commit_number == selection.commit))
        )
    if selection.since_commit is not None:
        conditions += _since(sheet, selection.since_commit)
    if selection.ids is not None:
        conditions.append(_named(selection.ids, dialect, excludes=selection.excludes))
    if selection.where is not None:
        conditions.append(record_filters.compile_filter(selection.where, sheet.blueprint, dialect))
    if selection.search is not None:
        whole = selection.search_whole
        conditions.append(
            record_filters.search(selection.search, selection.search_field, sheet.blueprint, dialect, whole=whole)
        )
    return Compiled(tuple(conditions), _order(sheet, selection, dialect))


def bounds(tx: Transaction, sheet: Sheet, selection: Selection) -> tuple[int, int | None]:
    """Return the first and the last position (None: there is no bound) among which the selected records are, as far as commits say."""
    ranges = commit_ranges.c
    edges = sa.select(sa.func.min(ranges.first).label("first"), sa.func.max(ranges.last).label("last"))
    edges = edges.where(ranges.sheet == sheet.number)
    if selection.commit is not None:
        row = tx.first(edges.where(ranges.commit_number == selection.commit)) or {}
        return row.get("first") or 0, -1 if row.get("last") is None else row["last"]
    if selection.since_commit is not None:
        row = tx.first(edges.where(ranges.commit_number >= selection.since_commit)) or {}
        return row.get("first") or 0, None
    return 0, None


def _named(ids: tuple[str, ...], dialect: str, *, excludes: bool) -> Condition:
    # One parameter, since there may be thousands of ids, and a statement takes so many parameters only.
    kept = [kept_id(item) for item in ids]
    if dialect != record_cells.SQLITE:
        each: sa.ColumnElement[Any] = sa.literal(kept, postgresql.ARRAY(sa.Text))
        return _rows.record_id != sa.all_(each) if excludes else _rows.record_id == sa.any_(each)
    names = sa.select(sa.func.json_each(sa.literal(dump(kept), sa.Text)).table_valued("value", name="names").c.value)
    return _rows.record_id.not_in(names) if excludes else _rows.record_id.in_(names)


def _standing(selection: Selection, dialect: str) -> list[Condition]:
    match selection.standing:
        case Standing.ALL:
            return []
        case Standing.NONE:
            return [] if selection.ids is not None and not selection.excludes else [sa.false()]
        case Standing.VALID | Standing.ERROR:
            return [record_filters.has_state(selection.standing_field, selection.standing.value, dialect)]


def _since(sheet: Sheet, commit: int) -> list[Condition]:
    ranges = commit_ranges.c
    touched = sa.select(sa.func.min(ranges.first)).where(ranges.sheet == sheet.number, ranges.commit_number >= commit)
    # What a commit has touched lies behind the first of its positions: in a large sheet that grows this passes over most of it.
    return [_rows.updated_commit >= commit, _rows.position >= touched.scalar_subquery()]


def _order(sheet: Sheet, selection: Selection, dialect: str) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the keys to sort by: what fits the field's type first, then other types, nulls last in either direction."""
    key = selection.sort_field
    if key is None:
        return ()
    rank, *keys = record_cells.sort_keys(key, sheet.blueprint.by_key[key].kind, dialect)
    return (rank, *(sa.desc(item) if selection.descending else sa.asc(item) for item in keys))
