"""How a read is cut into slices: ranges of a column, or the partitions that the table has; and what each slice is asked for."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from headrace.core.clock import from_datetime
from headrace.core.errors import Problem
from headrace.dataplane.connectors.databases.delta import Axis, instant_literal, integer_axis, native_axis
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family
from headrace.dataplane.connectors.databases.relations import find_table
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.transfer.databases.marks import digest
from headrace.dataplane.transfer.databases.ranges import CONDITION, Filling, Range, filled, has_placeholder, ranges_of
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Partitioning, QuerySource
from headrace.dataplane.transfer.rows import Slice

_LEAST, _MOST = -(2**63), 2**63 - 1
_FIRST_INSTANT, _LAST_INSTANT = -62_135_596_800_000_000, 253_402_300_799_000_000
_ID_WIDTH = 32
_WHOLE = re.compile(r"[+-]?\d+")


def whole(source: QuerySource, where: str) -> tuple[Slice, ...]:
    """Return the one slice that has all rows."""
    return (_slice(where, {"query": filled(source.query, Filling())} if source.query else {}),)


def table_text(source: QuerySource, dialect: Dialect) -> str:
    """Return the table as ``find_table`` reads it."""
    # A pipeline for SQL Server says dbo; a SQLite file has one schema.
    schema = "" if dialect.name == "SQLite" and source.schema.lower() == "dbo" else source.schema
    return ".".join(dialect.quoted(part) for part in (schema, source.table) if part)


def plan(source: QuerySource, session: Session, where: str) -> tuple[Slice, ...]:
    """Return the slices of a read that is split.

    Raises:
        TransferProblem: ``PARTITION_COLUMN_UNKNOWN``: there is nothing to split by; ``REQUEST_INVALID``: a bound is no value of the column.
        Problem: what the database says.
    """
    table = find_table(session, table_text(source, session.dialect)) if source.table else ""
    if source.split.kind is Partitioning.PHYSICAL:
        return _physical(source, session, table, where)
    name = source.split.column or (_primary_key(session, table) if table else "")
    if not name:
        message = f"{where} has no primary key to split the read by; name a column of whole numbers or dates (partitionColumnName)"
        raise TransferProblem(Reason.PARTITION_COLUMN_UNKNOWN, Side.SOURCE, message)
    everything = filled(source.query, Filling(column=session.dialect.quoted(name), **_widest())).strip().rstrip(";")
    sql = table or f"(\n{everything}\n)"
    column = _column(session, sql, name, where) or _unselected(source, session.dialect, name)
    if column is None:
        raise _no_column(session, sql, name, where)
    axis = (
        native_axis(column, session.dialect) or integer_axis(column, session.dialect) or _whole_decimal(column, session)
    )
    if axis is None:
        message = f"{where} cannot be split by the column {name!r}: it is {column.original or column.kind}, neither a whole number nor a date"
        raise TransferProblem(Reason.PARTITION_COLUMN_UNKNOWN, Side.SOURCE, message)
    ends = _bounds(source, session, sql, column, axis)
    if ends is None:
        return whole(source, where)
    given = source.split.lower is not None and source.split.upper is not None
    ranges = ranges_of(ends[0], ends[1], source.split.parts, given=given)
    return tuple(
        _slice(f"{where} ({number} of {len(ranges)})", _asked(source, one, column, axis, session.dialect))
        for number, one in enumerate(ranges, 1)
    )


def _widest() -> dict[str, str]:
    return {"low": "NULL", "high": "NULL"}


def _slice(name: str, data: dict[str, str]) -> Slice:
    return Slice(digest(json.dumps(data, sort_keys=True))[:_ID_WIDTH], name, data=data)


def _asked(source: QuerySource, one: Range, column: Column, axis: Axis, dialect: Dialect) -> dict[str, str]:
    """Return what the slice of a range is asked for."""

    def literal(value: int) -> str:
        return axis.literal(value * axis.grain)

    parts = [f"{axis.sql} > {literal(one.low)}"] if one.low is not None else []
    parts += [f"{axis.sql} <= {literal(one.high)}"] if one.high is not None else []
    inside = " AND ".join(parts) or "1 = 1"
    condition = f"({inside} OR {axis.sql} IS NULL)" if one.low is None else f"({inside})"
    if not source.query or not has_placeholder(source.query):
        return {"condition": condition, "shared": "1", **({"query": source.query} if source.query else {})}
    is_date = column.family in (Family.INSTANT, Family.DATE)
    low = (
        literal(one.low + 1)
        if one.low is not None
        else _end(_FIRST_INSTANT if is_date else _LEAST, column, dialect, is_date=is_date)
    )
    high = (
        literal(one.high)
        if one.high is not None
        else _end(_LAST_INSTANT if is_date else _MOST, column, dialect, is_date=is_date)
    )
    return {"query": filled(source.query, Filling(condition, dialect.quoted(column.name), low, high)), "shared": "1"}


def _end(value: int, column: Column, dialect: Dialect, *, is_date: bool) -> str:
    return instant_literal(value, column, dialect) if is_date else str(value)


def _column(session: Session, sql: str, name: str, where: str) -> Column | None:
    columns = session.columns(sql, where)
    found = [column for column in columns if column.name == name] or [
        one for one in columns if one.name.lower() == name.lower()
    ]
    return found[0] if len(found) == 1 else None


def _unselected(source: QuerySource, dialect: Dialect, name: str) -> Column | None:
    """Return the column that a query's own condition is told of, though it does not select it: of what type it is, the bounds say, both of them."""
    bounds = (source.split.lower, source.split.upper)
    if not CONDITION.search(source.query) or None in bounds:
        return None
    quoted = dialect.quoted(name)
    if all(_WHOLE.fullmatch(str(bound).strip()) for bound in bounds):
        return Column(name, "bigint", Family.INTEGER, pa.int64(), quoted, quoted, quoted)
    kind = next((kind for kind in ("timestamp", "datetime2", "datetime") if kind in dialect.instants), None)
    if kind is None:
        return None
    return Column(name, kind, Family.INSTANT, pa.timestamp("us"), quoted, quoted, quoted)


def _no_column(session: Session, sql: str, name: str, where: str) -> TransferProblem:
    known = ", ".join(repr(column.name) for column in session.columns(sql, where))
    message = f"{where} has no column {name!r} to split the read by; it has {known}: select it, or give both bounds of its values"
    return TransferProblem(Reason.PARTITION_COLUMN_UNKNOWN, Side.SOURCE, message)


def _whole_decimal(column: Column, session: Session) -> Axis | None:
    """Return how a decimal without a fraction is compared."""
    if not pa.types.is_decimal(column.landed) or column.landed.scale:
        return None
    return Axis(column.compared, 1, str, session.dialect.printed, int)


def _bounds(source: QuerySource, session: Session, sql: str, column: Column, axis: Axis) -> tuple[int, int] | None:
    """Return the bounds, in steps of the column; None: there are no values."""
    given = [_bound(text, axis, column) for text in (source.split.lower, source.split.upper)]
    if None in given:
        finite = (
            session.dialect.finite.format(column.compared) if column.family in (Family.INSTANT, Family.DATE) else ""
        )
        asked = ", ".join(axis.micros.format(f"{end}({column.compared}){finite}") for end in ("min", "max"))
        found = session.rows(f"SELECT {asked} FROM {sql} AS source")[0]
        seen = [None if end is None else axis.parse(str(end)) for end in found]
        given = [
            mine if mine is not None else None if one is None else one // axis.grain
            for mine, one in zip(given, seen, strict=True)
        ]
    first, last = given
    return None if first is None or last is None else (first, last)


def _bound(text: str | None, axis: Axis, column: Column) -> int | None:
    if text is None:
        return None
    try:
        if column.family in (Family.INSTANT, Family.DATE):
            moment = datetime.fromisoformat(text.strip())
            return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) // axis.grain
        return int(text)
    except ValueError as error:
        message = (
            f"the bound {text!r} is no value of the column {column.name!r}, which is {column.original or column.kind}"
        )
        raise TransferProblem(Reason.REQUEST_INVALID, Side.NEITHER, message) from error


def _primary_key(session: Session, table: str) -> str:
    """Return the first column of a table's primary key; empty: there is none."""
    text = session.dialect.literal
    name = session.dialect.name
    if name == "PostgreSQL":
        query = (
            "SELECT a.attname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
            f"WHERE i.indisprimary AND i.indrelid = {text(table)}::regclass"
        )
    else:
        place, plain = session.dialect.table(table) or (None, table)
        if name == "SQLite":
            query = f"SELECT name FROM pragma_table_info({text(plain)}) WHERE pk = 1"
        else:
            query = (
                "SELECT k.COLUMN_NAME FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS c JOIN INFORMATION_SCHEMA.KEY_COLUMN_USAGE k "
                "ON k.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND k.TABLE_SCHEMA = c.TABLE_SCHEMA AND k.TABLE_NAME = c.TABLE_NAME "
                f"WHERE c.CONSTRAINT_TYPE = 'PRIMARY KEY' AND k.ORDINAL_POSITION = 1 AND c.TABLE_NAME = {text(plain)}"
                + (f" AND c.TABLE_SCHEMA = {text(place)}" if place else "")
            )
    try:
        found = session.rows(query)
    except Problem:
        return ""
    return str(found[0][0]) if found else ""


def _physical(source: QuerySource, session: Session, table: str, where: str) -> tuple[Slice, ...]:
    """Return a slice for each partition; a table without partitions, or a query, is one slice."""
    relations = _partitions(session, table) if table else ()
    if len(relations) < 2:
        return whole(source, where)
    return tuple(_slice(f"{where} ({name})", {"relation": sql, "shared": "1"}) for name, sql in relations)


def _partitions(session: Session, table: str) -> Sequence[tuple[str, str]]:
    """Return the name of each partition of a table, and its SQL in a FROM clause."""
    text, quoted = session.dialect.literal, session.dialect.quoted
    found: list[tuple[Any, ...]] = []
    if session.dialect.name == "PostgreSQL":
        found = session.rows(
            f"SELECT c.relname::text, n.nspname::text FROM pg_partition_tree({text(table)}::regclass) t "
            "JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE t.isleaf ORDER BY 2, 1"
        )
        return [(str(name), f"{quoted(str(place))}.{quoted(str(name))}") for name, place in found]
    if session.dialect.name == "MySQL":
        place, plain = session.dialect.table(table) or (None, table)
        found = session.rows(
            f"SELECT PARTITION_NAME FROM information_schema.PARTITIONS WHERE TABLE_NAME = {text(plain)} AND TABLE_SCHEMA = "
            f"{text(place) if place else 'DATABASE()'} AND PARTITION_NAME IS NOT NULL GROUP BY PARTITION_NAME ORDER BY PARTITION_NAME"
        )
        return [(str(name), f"{table} PARTITION ({quoted(str(name))})") for (name,) in found]
    return ()
