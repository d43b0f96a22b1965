"""Tables of MySQL and MariaDB: what their columns hold, and how new ones are made."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from headrace.dataplane.connectors.databases.mysql import DIALECT
from headrace.dataplane.connectors.databases.mysql_types import column_of
from headrace.dataplane.transfer.databases.columns import field_of as field_of_column
from headrace.dataplane.transfer.databases.links.link import Table, TableColumn
from headrace.dataplane.transfer.values import Field, ValueType

_TYPES: Mapping[str, ValueType] = {
    "smallint": ValueType.INT16,
    "mediumint": ValueType.INT32,
    "int": ValueType.INT32,
    "bigint": ValueType.INT64,
    "year": ValueType.INT16,
    "float": ValueType.SINGLE,
    "double": ValueType.DOUBLE,
    "date": ValueType.DATETIME,
    "datetime": ValueType.DATETIME,
    "timestamp": ValueType.DATETIME_OFFSET,
    "time": ValueType.TIMESPAN,
    "uuid": ValueType.GUID,
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), ValueType.BYTES),
}
_UNSIGNED: Mapping[str, ValueType] = {
    "tinyint": ValueType.BYTE,
    "smallint": ValueType.UINT16,
    "mediumint": ValueType.UINT32,
    "int": ValueType.UINT32,
    "bigint": ValueType.UINT64,
}
_MADE: Mapping[ValueType, str] = {
    ValueType.BOOLEAN: "tinyint(1)",
    ValueType.BYTE: "tinyint unsigned",
    ValueType.SBYTE: "tinyint",
    ValueType.INT16: "smallint",
    ValueType.UINT16: "smallint unsigned",
    ValueType.INT32: "int",
    ValueType.UINT32: "int unsigned",
    ValueType.INT64: "bigint",
    ValueType.UINT64: "bigint unsigned",
    ValueType.SINGLE: "float",
    ValueType.DOUBLE: "double",
    ValueType.DATETIME: "datetime(6)",
    # Of MySQL's own type for instants there are none before 1970, nor after 2038.
    ValueType.DATETIME_OFFSET: "datetime(6)",
    ValueType.TIMESPAN: "time(6)",
    ValueType.GUID: "char(36)",
    ValueType.STRING: "longtext",
    ValueType.BYTES: "longblob",
    ValueType.DOCUMENT: "json",
}
_MOST_DIGITS, _MOST_SCALE = 38, 30


class _Asks(Protocol):
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...


def table(link: _Asks, schema: str, name: str) -> Table | None:
    """Return a table, or None; without a schema it is one of the connection's database."""
    place = DIALECT.literal(schema) if schema else "DATABASE()"
    described = link.rows(
        "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, EXTRA, NUMERIC_PRECISION, NUMERIC_SCALE FROM information_schema.COLUMNS "
        f"WHERE TABLE_SCHEMA = {place} AND TABLE_NAME = {DIALECT.literal(name)} ORDER BY ORDINAL_POSITION"
    )
    if not described:
        return None
    columns = tuple(
        TableColumn(
            _field_of(str(column), str(kind).lower(), str(declared).lower(), digits, scale),
            str(declared),
            "GENERATED" not in str(extra).upper(),
        )
        for column, kind, declared, extra, digits, scale in described
    )
    keys = link.rows(
        "SELECT COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE CONSTRAINT_NAME = 'PRIMARY' "
        f"AND TABLE_SCHEMA = {place} AND TABLE_NAME = {DIALECT.literal(name)} ORDER BY ORDINAL_POSITION"
    )
    quoted = ".".join(DIALECT.quoted(part) for part in (schema, name) if part)
    return Table(quoted, columns, tuple(str(key) for (key,) in keys))


def _field_of(name: str, kind: str, declared: str, digits: Any, scale: Any) -> Field:
    if re.match(r"tinyint\(1\)|bit\(1\)$", declared):
        return Field(name, ValueType.BOOLEAN, native=declared)
    if "unsigned" in declared and kind in _UNSIGNED:
        return Field(name, _UNSIGNED[kind], native=declared)
    if kind == "tinyint":
        return Field(name, ValueType.SBYTE, native=declared)
    if kind == "decimal":
        if int(digits) > _MOST_DIGITS:
            return Field(name, ValueType.STRING, native=declared)
        return Field(name, ValueType.DECIMAL, int(digits), int(scale), declared)
    return Field(name, _TYPES.get(kind, ValueType.STRING), native=declared)


def type_of(field: Field) -> str | None:
    """Return the type of a new column that holds ``field``; None for a decimal with a longer fraction than MySQL has."""
    if field.type is ValueType.DECIMAL:
        return f"decimal({field.precision},{field.scale})" if field.scale <= _MOST_SCALE else None
    return _MADE.get(field.type)


def fields_of(cursor: Any) -> tuple[Field, ...]:
    """Return the columns of a result that is being read."""
    described = getattr(cursor, "_result", None)
    fields = getattr(described, "fields", ()) or ()
    return tuple(field_of_column(column_of(one, DIALECT)) for one in fields)
