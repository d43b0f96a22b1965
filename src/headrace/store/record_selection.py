"""Selections of records as SQL, with the same meaning on both databases."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.record import Selection, Standing
from headrace.core.workspace import Sheet
from headrace.store.record_rows import kept_id
from headrace.store.sheet_tables import commit_ranges, sheet_records

Condition = sa.ColumnElement[bool]

_rows = sheet_records.c
_other = sheet_records.alias("touched")
HAS_ERROR: Condition = sa.literal_column("NOT sheet_records.valid", sa.Boolean)
"""As it stands in the partial index of records that are wrong, since SQLite compares the terms."""


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
    del dialect
    conditions: list[Condition] = [_rows.sheet == sheet.number, *_standing(selection)]
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
        named = _rows.record_id.in_([kept_id(item) for item in selection.ids])
        conditions.append(~named if selection.excludes else named)
    return Compiled(tuple(conditions))


def _standing(selection: Selection) -> list[Condition]:
    match selection.standing:
        case Standing.ALL:
            return []
        case Standing.NONE:
            return [] if selection.ids is not None and not selection.excludes else [sa.false()]
        case Standing.VALID:
            return [_rows.valid]
        case Standing.ERROR:
            return [HAS_ERROR]


def _since(sheet: Sheet, commit: int) -> list[Condition]:
    ranges = commit_ranges.c
    touched = sa.select(sa.func.min(ranges.first)).where(ranges.sheet == sheet.number, ranges.commit_number >= commit)
    # What a commit has touched lies behind the first of its positions: in a large sheet that grows this passes over most of it.
    return [_rows.updated_commit >= commit, _rows.position >= touched.scalar_subquery()]
