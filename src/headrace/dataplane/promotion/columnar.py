"""Parquet files as a relation: rows of tables and queries, and files that came as Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from headrace.core.errors import Code, Problem
from headrace.core.schema import Column, ColumnType, Kind
from headrace.dataplane.promotion.inspection import RESERVED, unique_names
from headrace.dataplane.promotion.reading import Opened, Scan, Source
from headrace.dataplane.promotion.session import Session, identifier, literal

_KINDS = {
    "boolean": Kind.BOOLEAN,
    "tinyint": Kind.INTEGER,
    "smallint": Kind.INTEGER,
    "integer": Kind.INTEGER,
    "utinyint": Kind.INTEGER,
    "usmallint": Kind.INTEGER,
    "bigint": Kind.LONG,
    "uinteger": Kind.LONG,
    "float": Kind.FLOAT,
    "double": Kind.DOUBLE,
    "varchar": Kind.STRING,
    "enum": Kind.STRING,
    "blob": Kind.BINARY,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "timestamp": Kind.TIMESTAMP,
    "timestamp_s": Kind.TIMESTAMP,
    "timestamp_ms": Kind.TIMESTAMP,
    "timestamp_ns": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMP,
}
_READ_AS = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "INTEGER",
    Kind.LONG: "BIGINT",
    Kind.FLOAT: "FLOAT",
    Kind.DOUBLE: "DOUBLE",
    Kind.STRING: "VARCHAR",
    Kind.BINARY: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.UUID: "UUID",
    Kind.JSON: "JSON",
    Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
}
_WIDE = {"ubigint": (20, 0), "hugeint": (38, 0)}


def open_parquet(session: Session, files: Iterator[tuple[str, Path, int | None]]) -> Source:
    """Return the source that Parquet files are. Columns are matched by name; one that a file lacks is null there.

    Timestamps without a zone are taken as UTC. What has no counterpart among the column types (intervals, maps, bits) becomes text or JSON.

    Raises:
        Problem: ``SOURCE_EMPTY``, ``SOURCE_UNREADABLE`` (names the file), ``LIMIT_EXCEEDED`` (columns).
    """
    opened = tuple(_open(session, *file) for file in files)
    paths = ", ".join(literal(str(file.path)) for file in opened)
    function = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false"
    try:
        described = session.described(f"SELECT * FROM {function})")
    except duckdb.Error as error:
        message = f"the Parquet files do not go together: {str(error).splitlines()[0]}"
        raise Problem(Code.SOURCE_UNREADABLE, message) from error
    if len(described) > session.limits.max_columns:
        message = (
            f"the Parquet files have {len(described):,} columns, more than {session.limits.max_columns:,} (max_columns)"
        )
        raise Problem(Code.LIMIT_EXCEEDED, message)
    names = unique_names([name for name, _ in described], RESERVED)
    types = {name: column_type(found) for name, (_, found) in zip(names, described, strict=True)}
    read = {name: duckdb_type(type_) for name, type_ in types.items()}
    projection = {
        name: f"CAST({identifier(own)} AS {read[name]})" for name, (own, _) in zip(names, described, strict=True)
    }
    return Source((Scan(opened, names, function, projection=projection),), types, read)


def _open(session: Session, name: str, path: Path, modified_at: int | None) -> Opened:
    size = path.stat().st_size
    if size == 0:
        raise Problem(Code.SOURCE_EMPTY, f"{name!r} has 0 bytes")
    try:
        rows = session.one(f"SELECT num_rows FROM parquet_file_metadata({literal(str(path))})")
    except duckdb.Error as error:
        message = f"{name!r} cannot be read as Parquet: {str(error).splitlines()[0].replace(str(path), name)}"
        raise Problem(Code.SOURCE_UNREADABLE, message) from error
    return Opened(name, path, size, modified_at, int(rows), first_line=1)


def column_type(found: Any) -> ColumnType:
    """Return the column type of one of DuckDB's types."""
    kind = str(found.id)
    if str(found) == "JSON":
        return ColumnType(Kind.JSON)
    if kind == "decimal":
        (_, precision), (_, scale) = found.children
        return ColumnType(Kind.DECIMAL, int(precision), int(scale))
    if kind in _WIDE:
        return ColumnType(Kind.DECIMAL, *_WIDE[kind])
    if kind in ("list", "array"):
        return ColumnType(Kind.LIST, element=column_type(found.children[0][1]))
    if kind == "struct":
        return ColumnType(Kind.STRUCT, fields=tuple(Column(name, column_type(child)) for name, child in found.children))
    if kind == "map":
        return ColumnType(Kind.JSON)
    return ColumnType(_KINDS.get(kind, Kind.STRING))


def duckdb_type(type_: ColumnType) -> str:
    """Return the type of DuckDB as which a column is read."""
    if type_.kind is Kind.DECIMAL:
        return f"DECIMAL({type_.precision},{type_.scale})"
    if type_.kind is Kind.LIST and type_.element is not None:
        return duckdb_type(type_.element) + "[]"
    if type_.kind is Kind.STRUCT:
        return "STRUCT(" + ", ".join(f"{identifier(f.name)} {duckdb_type(f.type)}" for f in type_.fields) + ")"
    return _READ_AS[type_.kind]
