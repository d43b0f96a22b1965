"""Tables of SQLite: what their columns hold, how new ones are made; and texts of several statements."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from headrace.dataplane.connectors.databases.dialect import doubled
from headrace.dataplane.connectors.databases.sqlite import DIALECT
from headrace.dataplane.transfer.databases.links.link import Table, TableColumn
from headrace.dataplane.transfer.values import Field, ValueType

_TYPES: tuple[tuple[str, ValueType], ...] = (
    (r"bool|bit$", ValueType.BOOLEAN),
    (r".*int", ValueType.INT64),
    (r"datetimeoffset|timestamptz", ValueType.DATETIME_OFFSET),
    (r"date|timestamp", ValueType.DATETIME),
    (r"time(span)?$|interval", ValueType.TIMESPAN),
    (r"real|float|double", ValueType.DOUBLE),
    (r"uuid|guid|uniqueidentifier", ValueType.GUID),
    (r".*blob|.*binary", ValueType.BYTES),
    (r"decimal|numeric|number|money", ValueType.DECIMAL),
)
_MADE: Mapping[ValueType, str] = {
    ValueType.BOOLEAN: "BOOLEAN",
    **dict.fromkeys(
        (
            ValueType.BYTE,
            ValueType.SBYTE,
            ValueType.INT16,
            ValueType.UINT16,
            ValueType.INT32,
            ValueType.UINT32,
            ValueType.INT64,
        ),
        "INTEGER",
    ),
    ValueType.UINT64: "DECIMAL_TEXT(20,0)",
    ValueType.SINGLE: "REAL",
    ValueType.DOUBLE: "REAL",
    ValueType.DATETIME: "DATETIME",
    ValueType.DATETIME_OFFSET: "DATETIMEOFFSET",
    ValueType.TIMESPAN: "TIMESPAN",
    ValueType.GUID: "GUID",
    ValueType.STRING: "TEXT",
    ValueType.BYTES: "BLOB",
    ValueType.DOCUMENT: "TEXT",
}
_MOST_DIGITS, _DOUBLE_DIGITS = 38, 15


class _Asks(Protocol):
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...


def table(link: _Asks, schema: str, name: str) -> Table | None:
    """Return a table, or None. ``schema`` may be empty, ``main``, or ``dbo``, which pipelines for SQL Server say."""
    if schema.lower() not in ("", "main", "dbo"):
        return None
    described = link.rows(f"PRAGMA main.table_xinfo({doubled(name)})")
    if not described:
        return None
    columns = tuple(
        TableColumn(field_of(str(row[1]), str(row[2] or "")), str(row[2] or "") or "BLOB", writable=int(row[6]) == 0)
        for row in described
    )
    keys = sorted((int(row[5]), str(row[1])) for row in described if row[5])
    return Table(DIALECT.quoted(name), columns, tuple(column for _, column in keys))


def field_of(name: str, declared: str) -> Field:
    """Return what a column is declared to hold."""
    kind = declared.strip().lower()
    base = kind.split("(")[0].strip()
    value = next((value for pattern, value in _TYPES if re.match(pattern, base)), ValueType.STRING)
    if value is not ValueType.DECIMAL:
        return Field(name, value, native=declared)
    digits = re.search(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", kind)
    precision, scale = (int(digits[1]), int(digits[2] or 0)) if digits else (_MOST_DIGITS, 18)
    if not 1 <= precision <= _MOST_DIGITS or scale > precision:
        return Field(name, ValueType.STRING, native=declared)
    return Field(name, value, precision, scale, declared)


def type_of(field: Field) -> str | None:
    """Return the type of a new column that holds ``field``."""
    if field.type is ValueType.DECIMAL:
        # A number of more digits than a double has would lose some: what has TEXT in its name is kept as text.
        kind = "DECIMAL" if field.precision <= _DOUBLE_DIGITS else "DECIMAL_TEXT"
        return f"{kind}({field.precision},{field.scale})"
    return _MADE.get(field.type)


def statements(text: str) -> Iterator[str]:
    """Yield the statements of a text: each ends at a semicolon that SQLite says it ends at."""
    at = start = 0
    for token in re.finditer(rf"{DIALECT.opaque}|;", text, re.DOTALL):
        at = token.end()
        if token[0] == ";" and sqlite3.complete_statement(text[start:at]):
            if text[start : at - 1].strip():
                yield text[start:at]
            start = at
    if text[start:].strip():
        yield text[start:]


def fields_seen(description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> tuple[Field, ...]:
    """Return the columns of a result by the values that are seen."""
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(description)
    return tuple(Field(str(one[0]), _seen(values)) for one, values in zip(description, columns, strict=True))


def _seen(values: Sequence[Any]) -> ValueType:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return ValueType.INT64
    if kinds and kinds <= {int, float}:
        return ValueType.DOUBLE
    return ValueType.BYTES if kinds == {bytes} else ValueType.STRING
