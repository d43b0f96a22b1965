"""Looking into the lake: the columns of a table, and its first rows."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from deltalake.schema import ArrayType, PrimitiveType, StructType

from headrace.core.codec import JsonObject
from headrace.core.errors import Code, Problem
from headrace.core.explore import MAX_ROWS, Peek, PeekedColumn, PeekLake
from headrace.core.schema import Column, ColumnType, Kind
from headrace.dataplane.exploring.alone import Alone
from headrace.dataplane.exploring.values import shown
from headrace.dataplane.lake.delta import open_table
from headrace.dataplane.lake.tables import table_folder
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.session import Session, identifier, literal
from headrace.dataplane.storage import Roots

_KINDS = {
    "string": Kind.STRING,
    "boolean": Kind.BOOLEAN,
    "byte": Kind.INTEGER,
    "short": Kind.INTEGER,
    "integer": Kind.INTEGER,
    "long": Kind.LONG,
    "float": Kind.FLOAT,
    "double": Kind.DOUBLE,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamp_ntz": Kind.TIMESTAMP,
    "binary": Kind.BINARY,
}


def peek_lake(question: PeekLake, roots: Roots, limits: Limits) -> Peek:
    """Return the columns and first rows of a table, at most ``MAX_ROWS``; none of either when nothing was written yet.

    Raises:
        Problem: ``TARGET_DENIED``, ``INVALID`` (the name), ``TARGET_UNAVAILABLE`` (what is there is no table, or its files are gone).
    """
    folder = table_folder(roots.lake, question.table)
    table = open_table(folder)
    if table is None:
        return Peek(())
    columns = tuple(
        PeekedColumn(field.name, _type(field.type), _original(field.type)) for field in table.schema().fields
    )
    count = max(0, min(question.rows, MAX_ROWS))
    files = list(_files(table, folder, count)) if count else []
    if not files:
        return Peek(columns)
    try:
        return Peek(columns, _rows(folder, files, columns, count, limits))
    except duckdb.Error as error:
        message = f"the files of the table {question.table!r} cannot be read"
        raise Problem(Code.TARGET_UNAVAILABLE, message, context={"error": str(error)}) from error


def _files(table: DeltaTable, folder: Path, count: int) -> Iterator[Path]:
    """Yield data files until they hold ``count`` rows."""
    added = table.get_add_actions(flatten=True)
    names, rows = added.column("path").to_pylist(), added.column("num_records").to_pylist()
    held = 0
    for name, number in zip(names, rows, strict=True):
        yield folder / str(name)
        held += number or 0
        if held >= count:
            return


def _rows(
    folder: Path, files: list[Path], columns: tuple[PeekedColumn, ...], count: int, limits: Limits
) -> tuple[JsonObject, ...]:  # fmt: skip
    paths = ", ".join(literal(str(path)) for path in files)
    reader = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
    with (
        tempfile.TemporaryDirectory(prefix="headrace-peek-") as work,
        Session(Alone(), limits, Path(work), (folder,)) as session,
    ):
        there = {name for name, _ in session.described(f"SELECT * FROM {reader}")}
        known = [column for column in columns if column.name in there]
        selected = ", ".join(f"to_json({identifier(column.name)})" for column in known)
        found = session.rows(f"SELECT {selected} FROM {reader} LIMIT {count}") if known else []
    return tuple(_row(row, known) for row in found)


def _row(row: tuple[Any, ...], columns: list[PeekedColumn]) -> JsonObject:
    pairs = zip(columns, row, strict=True)
    values = ((column.name, shown(None if text is None else json.loads(text), column.type)) for column, text in pairs)
    return {name: value for name, value in values if value is not None}


def _type(type_: Any) -> ColumnType:
    if isinstance(type_, StructType):
        return ColumnType(Kind.STRUCT, fields=tuple(Column(field.name, _type(field.type)) for field in type_.fields))
    if isinstance(type_, ArrayType):
        return ColumnType(Kind.LIST, element=_type(type_.element_type))
    name = _original(type_)
    if name.startswith("decimal("):
        precision, scale = name[len("decimal(") : -1].split(",")
        return ColumnType(Kind.DECIMAL, int(precision), int(scale))
    return ColumnType(_KINDS.get(name, Kind.JSON))


def _original(type_: Any) -> str:
    """Return Delta's own name of a plain type."""
    return str(json.loads(type_.to_json())) if isinstance(type_, PrimitiveType) else ""
