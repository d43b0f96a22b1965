"""The values that a field has in a selection of records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.core.codec import Json
from headrace.core.record import Selection
from headrace.core.workspace import Sheet
from headrace.store import record_selection
from headrace.store.database import Transaction
from headrace.store.record_cells import SQLITE, Expression, json_sort_keys, member
from headrace.store.sheet_tables import sheet_records

_rows = sheet_records.c


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value, how many records have it, and how many of these are wrong."""

    value: Json
    total: int
    error: int


def record_values(  # noqa: PLR0913 — what, of which records, and which page of it
    tx: Transaction,
    sheet: Sheet,
    key: str,
    selection: Selection | None = None,
    *,
    limit: int,
    offset: int = 0,
    descending: bool = False,
) -> list[ValueCount]:
    """Return the distinct values of field ``key``, sorted by type with null last, each with its counts; from number ``offset`` on."""
    compiled = record_selection.compile(sheet, selection or Selection(), tx.dialect)
    value: Expression = member(key, tx.dialect)
    error = sa.func.sum(sa.case((_rows.valid, 0), else_=1)).label("error")
    if tx.dialect == SQLITE:
        # 1 and 1.0 are one value, as on PostgreSQL.
        is_number = sa.func.json_type(value).in_(["integer", "real"])
        same = [sa.case((is_number, None), else_=value), sa.case((is_number, sa.cast(value, sa.Numeric)))]
        each = compiled.select(sa.func.min(value).label("value"), sa.func.count().label("total"), error).group_by(*same)
    else:
        each = compiled.select(value.label("value"), sa.func.count().label("total"), error).group_by(value)
    # What is sorted is each value once, not each record's.
    groups = each.subquery()
    rank, *others = json_sort_keys(groups.c.value, sheet.blueprint.by_key[key].kind, tx.dialect)
    direction = sa.desc if descending else sa.asc
    query = sa.select(sa.cast(groups.c.value, sa.Text), groups.c.total, groups.c.error)
    query = query.order_by(rank, *(direction(other) for other in others)).offset(offset).limit(limit)
    rows: Sequence[Sequence[Any]] = tx.execute(query).all()
    return [ValueCount(_decoded(text), total, int(error)) for text, total, error in rows]


def _decoded(text: str | None) -> Json:
    value: Json = None if text is None else msgspec.json.decode(text)
    return value
