"""Looks at very many records: without a ``Record`` for each, and set-wise where SQL can do it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.core.workspace import Sheet
from headrace.store.database import Transaction
from headrace.store.sheet_tables import sheet_keys as keys
from headrace.store.sheet_tables import sheet_records as table

_LONGEST = 64
"""As ``service.records.keys.LONGEST``: what is longer is kept as a digest, which SQL leaves to Python."""


def after(tx: Transaction, sheet: Sheet, position: int, limit: int) -> Sequence[Any]:
    """Return (position, values, messages, valid) of the next ``limit`` records behind ``position``, documents as text."""
    columns = (
        table.c.position,
        sa.cast(table.c["values"], sa.Text),
        sa.cast(table.c.messages, sa.Text),
        table.c.valid,
    )
    which = (table.c.sheet == sheet.number, table.c.position > position)
    return tx.execute(sa.select(*columns).where(*which).order_by(table.c.position).limit(limit)).all()


def with_messages(tx: Transaction, sheet: Sheet, position: int, limit: int) -> list[int]:
    """Return the positions of the next ``limit`` records behind ``position`` of which something is said."""
    which = (table.c.sheet == sheet.number, table.c.messages.is_not(None), table.c.position > position)
    return list(tx.execute(sa.select(table.c.position).where(*which).order_by(table.c.position).limit(limit)).scalars())


def repeated(tx: Transaction, sheet: Sheet, rule: str) -> list[int]:
    """Return the positions of records whose key of ``rule`` others have too, in order."""
    mine = (keys.c.sheet == sheet.number, keys.c.rule == rule)
    twice = sa.select(keys.c.key).where(*mine).group_by(keys.c.key)
    twice = twice.having(sa.func.min(keys.c.position) < sa.func.max(keys.c.position))
    return list(
        tx.execute(sa.select(keys.c.position).where(*mine, keys.c.key.in_(twice)).order_by(keys.c.position)).scalars()
    )


def unlinked(tx: Transaction, sheet: Sheet, rule: str, target: Sheet | None, target_rule: str) -> list[int]:
    """Return the positions of records that have a key of ``rule`` which ``target`` does not have (None: any key), in order."""
    which = [keys.c.sheet == sheet.number, keys.c.rule == rule]
    if target is not None:
        there = keys.alias("there")
        same = (there.c.sheet == target.number, there.c.rule == target_rule, there.c.key == keys.c.key)
        which.append(~sa.exists().where(*same))
    return list(tx.execute(sa.select(keys.c.position).where(*which).distinct().order_by(keys.c.position)).scalars())


def enter_texts(tx: Transaction, sheet: Sheet, rule: str, field: str, *, sensitive: bool) -> None:
    """Write the keys of ``rule`` for those records whose value of ``field`` is plain: a short text, ASCII where case is folded; see ``left``."""
    value = _text(tx, field)
    key = value if sensitive else sa.func.lower(value)
    which = (table.c.sheet == sheet.number, _is_plain(tx, field, sensitive=sensitive))
    rows = sa.select(table.c.sheet, sa.literal(rule, sa.Text), key, table.c.position).where(*which)
    # In the order of the index, which then grows at its end.
    ordered = rows.order_by(key if tx.dialect == "sqlite" else sa.collate(key, "C"), table.c.position)
    tx.execute(sa.insert(keys).from_select(["sheet", "rule", "key", "position"], ordered))


def left(
    tx: Transaction, sheet: Sheet, field: str, position: int, limit: int, *, sensitive: bool
) -> list[tuple[int, str]]:
    """Return (position, values as text) of the next ``limit`` records behind ``position`` that ``enter_texts`` left."""
    there = _kind(tx, field)
    which = (
        table.c.sheet == sheet.number,
        table.c.position > position,
        there.is_not(None),
        there != "null",
        ~_is_plain(tx, field, sensitive=sensitive),
    )
    columns = (table.c.position, sa.cast(table.c["values"], sa.Text))
    statement = sa.select(*columns).where(*which).order_by(table.c.position).limit(limit)
    rows: Sequence[Any] = tx.execute(statement).all()
    return [(row[0], row[1]) for row in rows]


def _is_plain(tx: Transaction, field: str, *, sensitive: bool) -> sa.ColumnElement[bool]:
    text = _text(tx, field)
    short = sa.func.length(text) <= _LONGEST
    if sensitive:
        return sa.and_(_kind(tx, field) == _TEXT[tx.dialect], short)
    # SQLite counts bytes of a blob, PostgreSQL those of a text: as many as letters where all are ASCII.
    size = sa.func.length(sa.cast(text, sa.LargeBinary)) if tx.dialect == "sqlite" else sa.func.octet_length(text)
    return sa.and_(_kind(tx, field) == _TEXT[tx.dialect], short, size == sa.func.length(text))


_TEXT = {"sqlite": "text", "postgresql": "string"}


def _kind(tx: Transaction, field: str) -> sa.ColumnElement[Any]:
    if tx.dialect == "sqlite":
        return sa.func.json_type(table.c["values"], _path(field))
    return sa.func.jsonb_typeof(_of_postgres(field))


def _text(tx: Transaction, field: str) -> sa.ColumnElement[Any]:
    if tx.dialect == "sqlite":
        return sa.func.json_extract(table.c["values"], _path(field), type_=sa.Text)
    return sa.type_coerce(table.c["values"], postgresql.JSONB).op("->>", return_type=sa.Text())(
        sa.literal(field, sa.Text)
    )


def _of_postgres(field: str) -> sa.ColumnElement[Any]:
    return sa.type_coerce(table.c["values"], postgresql.JSONB).op("->", return_type=postgresql.JSONB())(
        sa.literal(field, sa.Text)
    )


def _path(field: str) -> str:
    """Return SQLite's path to a key; one with a quotation mark has no path, and is read in Python."""
    return f'$."{field}"'


def has_path(tx: Transaction, field: str) -> bool:
    """Say whether SQL can look for ``field``: SQLite's paths cannot name every key."""
    return tx.dialect != "sqlite" or not ('"' in field or "\\" in field or not field.isprintable())
