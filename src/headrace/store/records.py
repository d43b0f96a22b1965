"""Writing rows of records, as text that is made already: through the driver, in the caller's transaction, as fast as the databases take them."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from types import MappingProxyType
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.record import Record
from headrace.core.workspace import Sheet
from headrace.store import bulk
from headrace.store.database import Transaction
from headrace.store.record_rows import COLUMNS, kept_id, record_of
from headrace.store.sheet_tables import sheet_records as table

_NAMES = 'sheet, position, record_id, "values", messages, valid, metadata, config, created_commit, updated_commit, updated_at'
# SQLite takes a statement with few parameters faster: what is the same in all rows stands in the text.
_SQLITE_INSERT = (
    f"INSERT INTO sheet_records ({_NAMES}) VALUES ({{sheet}}, ?, ?, ?, ?, ?, ?, ?, {{commit}}, {{commit}}, {{now}})"
)
_POSTGRES_COPY = f"COPY sheet_records ({_NAMES}) FROM STDIN"
_PIECE = 1_000
"""Rows that are handed to PostgreSQL at once."""
_CHANGED = 1_000
"""Rows of one change on PostgreSQL: so few that it looks for each of them, whatever it knows of the table."""
_POSTGRES_TYPES = {"values": "jsonb", "messages": "jsonb", "valid": "boolean", "metadata": "text", "config": "text"}
_BETWEEN = "\x1e"
"""Stands in no JSON text."""
_TEXTS = "string_to_array(%s, chr(30), '')"
_FLAGS = "CAST(%s AS boolean[])"
_NOTHING: Mapping[str, int] = MappingProxyType({})
_AT_ONCE = 5_000
"""Parameters of one statement."""


@dataclass(frozen=True, slots=True)
class NewRows:
    """Records to be written. ``ids``: as the column has them (``record_rows.kept_id``); ``values``: a JSON object each.

    By index, where there is any: ``messages``, ``metadata``, ``config`` (JSON objects). ``wrong``: indexes of those with errors.
    """

    ids: Sequence[str]
    values: Sequence[str]
    messages: Mapping[int, str] = field(default_factory=dict)
    wrong: Collection[int] = ()
    metadata: Mapping[int, str] = field(default_factory=dict)
    config: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a row is to have. ``values``, ``metadata``, ``config`` as JSON text (``metadata`` and ``config`` None: empty); ``messages`` None: none."""

    position: int
    values: str
    messages: str | None
    valid: bool
    metadata: str | None
    config: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of a row from now on, whose values stay."""

    position: int
    messages: str | None
    valid: bool


def insert(tx: Transaction, sheet: Sheet, first: int, rows: NewRows, commit: int, now: Instant) -> None:
    """Write ``rows`` at the positions from ``first`` on; ``commit`` made them."""
    if tx.dialect == "sqlite":
        bulk.many(tx, _SQLITE_INSERT.format(sheet=sheet.number, commit=commit, now=now), _tuples(first, rows))
    else:
        bulk.copy(tx, _POSTGRES_COPY, _copied(sheet.number, first, rows, f"{commit}\t{commit}\t{now}\n"))


def _tuples(first: int, rows: NewRows) -> Iterable[tuple[Any, ...]]:
    count = len(rows.ids)
    valid: Iterable[int] = repeat(1)
    if rows.wrong:
        flags = [1] * count
        for index in rows.wrong:
            flags[index] = 0
        valid = flags
    parts = (_column(part, count) for part in (rows.messages, rows.metadata, rows.config))
    messages, metadata, config = parts
    # Everything in this runs in C.
    return zip(range(first, first + count), rows.ids, rows.values, messages, valid, metadata, config, strict=False)


def _column(part: Mapping[int, str], count: int) -> Iterable[str | None]:
    if not part:
        return repeat(None)
    column: list[str | None] = [None] * count
    for index, text in part.items():
        column[index] = text
    return column


def _copied(sheet: int, first: int, rows: NewRows, tail: str) -> Iterator[str]:
    """Yield the lines of ``rows`` in pieces: the database works on one while the next is made."""
    clean = f"\t\\N\tt\t\\N\t\\N\t{tail}"
    ids = rows.ids if "".join(rows.ids).isalnum() else [bulk.field(kept) for kept in rows.ids]
    special = sorted(rows.messages.keys() | rows.metadata.keys() | rows.config.keys())
    for start in range(0, len(ids), _PIECE):
        stop = start + _PIECE
        # JSON text has no character that means something to COPY but the backslash.
        texts = [text.replace("\\", "\\\\") for text in rows.values[start:stop]]
        lines = [
            f"{sheet}\t{position}\t{kept}\t{values}{clean}"
            for position, (kept, values) in enumerate(zip(ids[start:stop], texts, strict=True), first + start)
        ]
        for index in special[bisect_left(special, start) : bisect_left(special, stop)]:
            parts = (rows.messages.get(index), rows.metadata.get(index), rows.config.get(index))
            said, metadata, config = map(bulk.field, parts)
            valid = "f" if index in rows.wrong else "t"
            head = f"{sheet}\t{first + index}\t{ids[index]}\t{texts[index - start]}"
            lines[index - start] = f"{head}\t{said}\t{valid}\t{metadata}\t{config}\t{tail}"
        yield "".join(lines)


def update(tx: Transaction, sheet: Sheet, changes: Sequence[RowChange], commit: int, now: Instant) -> None:
    """Write ``changes``; ``commit`` made them."""
    names = ("values", "messages", "valid", "metadata", "config")
    rows = [(*(getattr(change, name) for name in names), change.position) for change in changes]
    _set(tx, sheet, names, rows, {"updated_commit": commit, "updated_at": now})


def judge(tx: Transaction, sheet: Sheet, judgements: Sequence[Judgement]) -> None:
    """Write what is to be said of rows; their values, and the commit that touched them last, stay."""
    _set(tx, sheet, ("messages", "valid"), [(one.messages, one.valid, one.position) for one in judgements])


def recast(tx: Transaction, sheet: Sheet, values: Sequence[tuple[int, str]]) -> None:
    """Write values of rows, as text by position, that are the same in another form; the commit that touched them last stays."""
    _set(tx, sheet, ("values",), [(text, position) for position, text in values])


def _set(
    tx: Transaction,
    sheet: Sheet,
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    alike: Mapping[str, int] = _NOTHING,
) -> None:
    """Give columns ``names`` of rows values, each with the position of its row behind them, and those of ``alike`` one value for all."""
    same = [f"{name} = {value:d}" for name, value in alike.items()]
    if tx.dialect == "sqlite":
        given = ", ".join([f'"{name}" = ?' for name in names] + same)
        which = f"sheet = {sheet.number:d} AND position = ?"
        bulk.many(tx, f"UPDATE sheet_records SET {given} WHERE {which}", rows)
        return
    given = ", ".join([f'"{name}" = CAST(given."{name}" AS {_POSTGRES_TYPES[name]})' for name in names] + same)
    arrays = ", ".join([*(_FLAGS if name == "valid" else _TEXTS for name in names), "CAST(%s AS bigint[])"])
    listed = ", ".join(f'"{name}"' for name in (*names, "place"))
    statement = (
        f"UPDATE sheet_records SET {given} FROM unnest({arrays}) AS given ({listed}) "
        f"WHERE sheet = {sheet.number:d} AND position = given.place"
    )
    for start in range(0, len(rows), _CHANGED):
        *columns, places = zip(*rows[start : start + _CHANGED], strict=True)
        parameters = [_array(name, column) for name, column in zip(names, columns, strict=True)]
        bulk.execute(tx, statement, [*parameters, f"{{{','.join(map(str, places))}}}"])


def _array(name: str, column: Sequence[Any]) -> str:
    if name == "valid":
        return f"{{{','.join(['t' if good else 'f' for good in column])}}}"
    # The driver takes long to write such texts as an array. Null is empty here: no JSON is.
    return _BETWEEN.join([text or "" for text in column])


def delete(tx: Transaction, sheet: Sheet, positions: Sequence[int]) -> None:
    """Remove the rows at ``positions``."""
    for start in range(0, len(positions), _AT_ONCE):
        part = positions[start : start + _AT_ONCE]
        tx.execute(sa.delete(table).where(table.c.sheet == sheet.number, table.c.position.in_(part)))


def of_ids(tx: Transaction, sheet: Sheet, ids: Collection[str]) -> dict[str, Record]:
    """Return the records with those ids that there are, by id."""
    kept = [kept_id(shown) for shown in ids]
    found: dict[str, Record] = {}
    for start in range(0, len(kept), _AT_ONCE):
        part = kept[start : start + _AT_ONCE]
        for record in _read(tx, table.c.sheet == sheet.number, table.c.record_id.in_(part)):
            found[record.id] = record
    return found


def at(tx: Transaction, sheet: Sheet, positions: Sequence[int]) -> list[Record]:
    """Return the records at ``positions``, in order; positions without one are left out."""
    found: list[Record] = []
    for start in range(0, len(positions), _AT_ONCE):
        part = positions[start : start + _AT_ONCE]
        found.extend(_read(tx, table.c.sheet == sheet.number, table.c.position.in_(part)))
    return found


def after(tx: Transaction, sheet: Sheet, position: int, limit: int) -> list[Record]:
    """Return the next ``limit`` records behind ``position``, in order."""
    statement = sa.select(*COLUMNS).where(table.c.sheet == sheet.number, table.c.position > position)
    rows = tx.execute(statement.order_by(table.c.position).limit(limit)).all()
    return [record_of(row) for row in rows]


def taken(tx: Transaction, sheet: Sheet, ids: Collection[str]) -> set[str]:
    """Return those of the ids (as the column has them) that records have."""
    found: set[str] = set()
    kept = list(ids)
    for start in range(0, len(kept), _AT_ONCE):
        part = kept[start : start + _AT_ONCE]
        which = (table.c.sheet == sheet.number, table.c.record_id.in_(part))
        found.update(tx.execute(sa.select(table.c.record_id).where(*which)).scalars())
    return found


def _read(tx: Transaction, *where: sa.ColumnElement[bool]) -> list[Record]:
    return [record_of(row) for row in tx.execute(sa.select(*COLUMNS).where(*where).order_by(table.c.position)).all()]


def texts(values: Sequence[object]) -> list[str]:
    """Return each of ``values`` (objects without null, or structs whose defaults are left out) as JSON text."""
    lines = msgspec.json.Encoder().encode_lines(values).decode()
    return lines.split("\n")[: len(values)]
