"""Looks at very many records: without a ``Record`` for each, and set-wise where SQL can do it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.core.workspace import Sheet
from headrace.store import bulk
from headrace.store.database import Transaction
from headrace.store.sheet_tables import sheet_keys as keys
from headrace.store.sheet_tables import sheet_records as table

_LONGEST = 64
"""As ``service.records.keys.LONGEST``: what is longer is kept as a digest, which SQL leaves to Python."""


_BETWEEN = """
SELECT {what} FROM sheet_records WHERE sheet = {sheet} AND position >= {first} AND position < {stop} ORDER BY position
"""
_VALUES = sa.type_coerce(table.c["values"], postgresql.JSONB)


def between(tx: Transaction, sheet: Sheet, first: int, stop: int) -> Sequence[Any]:
    """Return (position, values, messages, valid) of the records from position ``first`` to before ``stop``, documents as text.

    Ranges of positions, and no limit: PostgreSQL would sort the rest of a sheet of which it has no statistics yet.
    """
    what = 'position, CAST("values" AS TEXT), CAST(messages AS TEXT), valid'
    return bulk.tuples(tx, _BETWEEN.format(what=what, sheet=sheet.number, first=first, stop=stop))


def values_between(tx: Transaction, sheet: Sheet, first: int, stop: int) -> Sequence[Any]:
    """Return (position, values as text) of the same records."""
    what = 'position, CAST("values" AS TEXT)'
    return bulk.tuples(tx, _BETWEEN.format(what=what, sheet=sheet.number, first=first, stop=stop))


def with_messages(tx: Transaction, sheet: Sheet, first: int, stop: int) -> list[int]:
    """Return the positions of records from ``first`` to before ``stop`` of which something is said, in order."""
    statement = sa.select(table.c.position).where(*_within(sheet, first, stop), table.c.messages.is_not(None))
    return list(tx.execute(statement.order_by(table.c.position)).scalars())


def repeated(tx: Transaction, sheet: Sheet, rule: str) -> list[str]:
    """Return the keys of ``rule`` that several records have."""
    twice = sa.select(keys.c.key).where(keys.c.sheet == sheet.number, keys.c.rule == rule).group_by(keys.c.key)
    return list(tx.execute(twice.having(sa.func.count() > 1)).scalars())


def unlinked(tx: Transaction, sheet: Sheet, rule: str, target: Sheet | None, target_rule: str) -> list[int]:
    """Return the positions of records that have a key of ``rule`` which ``target`` does not have (None: any key), in order."""
    which = [keys.c.sheet == sheet.number, keys.c.rule == rule]
    if target is not None:
        there = keys.alias("there")
        same = (there.c.sheet == target.number, there.c.rule == target_rule, there.c.key == keys.c.key)
        which.append(~sa.exists().where(*same))
    return list(tx.execute(sa.select(keys.c.position).where(*which).distinct().order_by(keys.c.position)).scalars())


def enter_texts(tx: Transaction, sheet: Sheet, rule: str, field: str, *, sensitive: bool) -> None:
    """Write the keys of ``rule`` for those records whose value of ``field`` is plain: a short text, ASCII where case is folded; see ``left``.

    On PostgreSQL only: SQLite would parse the text of each record several times.
    """
    value = _text(field)
    key = value if sensitive else sa.func.lower(value)
    which = (table.c.sheet == sheet.number, _is_plain(field, sensitive=sensitive))
    rows = sa.select(table.c.sheet, sa.literal(rule, sa.Text), key, table.c.position).where(*which)
    # In the order of the index, which then grows at its end.
    ordered = rows.order_by(sa.collate(key, "C"), table.c.position)
    tx.execute(sa.insert(keys).from_select(["sheet", "rule", "key", "position"], ordered))


def left(tx: Transaction, sheet: Sheet, field: str, first: int, stop: int, *, sensitive: bool) -> list[tuple[int, str]]:
    """Return (position, values as text) of those records from ``first`` to before ``stop`` that ``enter_texts`` left."""
    there = _kind(field)
    which = (*_within(sheet, first, stop), there.is_not(None), ~_is_plain(field, sensitive=sensitive))
    columns = (table.c.position, sa.cast(table.c["values"], sa.Text))
    rows: Sequence[Any] = tx.execute(sa.select(*columns).where(*which).order_by(table.c.position)).all()
    return [(row[0], row[1]) for row in rows]


def _within(sheet: Sheet, first: int, stop: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.sheet == sheet.number, table.c.position >= first, table.c.position < stop)


def _is_plain(field: str, *, sensitive: bool) -> sa.ColumnElement[bool]:
    text = _text(field)
    size = sa.func.length(text)
    plain = sa.and_(_kind(field) == "string", size <= _LONGEST)
    return plain if sensitive else sa.and_(plain, sa.func.octet_length(text) == size)


def _kind(field: str) -> sa.ColumnElement[Any]:
    return sa.func.jsonb_typeof(_VALUES.op("->", return_type=postgresql.JSONB())(sa.literal(field, sa.Text)))


def _text(field: str) -> sa.ColumnElement[Any]:
    return _VALUES.op("->>", return_type=sa.Text())(sa.literal(field, sa.Text))
