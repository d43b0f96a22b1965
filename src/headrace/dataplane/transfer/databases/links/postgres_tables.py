"""Tables of PostgreSQL: what their columns hold, and how new ones are made."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from headrace.dataplane.connectors.databases.dialect import doubled
from headrace.dataplane.connectors.databases.postgres import DIALECT
from headrace.dataplane.transfer.databases.links.link import Table, TableColumn
from headrace.dataplane.transfer.values import Field, ValueType

_TYPES: Mapping[str, ValueType] = {
    "bool": ValueType.BOOLEAN,
    "int2": ValueType.INT16,
    "int4": ValueType.INT32,
    "int8": ValueType.INT64,
    "oid": ValueType.INT64,
    "float4": ValueType.SINGLE,
    "float8": ValueType.DOUBLE,
    "numeric": ValueType.DECIMAL,
    "money": ValueType.DECIMAL,
    "date": ValueType.DATETIME,
    "timestamp": ValueType.DATETIME,
    "timestamptz": ValueType.DATETIME_OFFSET,
    "time": ValueType.TIMESPAN,
    "interval": ValueType.TIMESPAN,
    "uuid": ValueType.GUID,
    "bytea": ValueType.BYTES,
}
_MADE: Mapping[ValueType, str] = {
    ValueType.BOOLEAN: "boolean",
    ValueType.BYTE: "smallint",
    ValueType.SBYTE: "smallint",
    ValueType.INT16: "smallint",
    ValueType.UINT16: "integer",
    ValueType.INT32: "integer",
    ValueType.UINT32: "bigint",
    ValueType.INT64: "bigint",
    ValueType.UINT64: "numeric(20,0)",
    ValueType.SINGLE: "real",
    ValueType.DOUBLE: "double precision",
    ValueType.DATETIME: "timestamp",
    ValueType.DATETIME_OFFSET: "timestamptz",
    ValueType.TIMESPAN: "interval",
    ValueType.GUID: "uuid",
    ValueType.STRING: "text",
    ValueType.BYTES: "bytea",
    ValueType.DOCUMENT: "jsonb",
}
_MOST_DIGITS = 38
_COLUMNS = """
SELECT a.attname::text, t.typname::text, format_type(a.atttypid, a.atttypmod), a.attgenerated::text,
       coalesce(array_position(k.conkey, a.attnum), 0)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type b ON b.oid = a.atttypid
JOIN pg_catalog.pg_type t ON t.oid = coalesce(nullif(b.typbasetype, 0), b.oid)
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = {}::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


class _Asks(Protocol):
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...


def table(link: _Asks, schema: str, name: str) -> Table | None:
    """Return a table, or None; without a schema it is looked for where the server would."""
    quoted = ".".join(DIALECT.quoted(part) for part in (schema, name) if part)
    found = link.rows(f"SELECT to_regclass({doubled(quoted)})::oid")
    if found[0][0] is None:
        return None
    described = link.rows(_COLUMNS.format(doubled(quoted)))
    columns = tuple(
        TableColumn(field_of(str(column), str(kind), str(declared)), str(declared), writable=not generated)
        for column, kind, declared, generated, _ in described
    )
    keys = sorted((int(at), str(column)) for column, _, _, _, at in described if int(at))
    return Table(quoted, columns, tuple(column for _, column in keys))


def field_of(name: str, kind: str, declared: str) -> Field:
    """Return what a column holds: ``kind`` is its type's name, ``declared`` how people write it."""
    value = _TYPES.get(kind, ValueType.STRING)
    if value is not ValueType.DECIMAL:
        return Field(name, value, native=declared)
    if kind == "money":
        return Field(name, value, 19, 2, declared)
    digits = re.search(r"\((\d+),(-?\d+)\)", declared)
    precision, scale = (int(digits[1]), int(digits[2])) if digits else (_MOST_DIGITS, 18)
    if precision > _MOST_DIGITS or not 0 <= scale <= precision:
        return Field(
            name, ValueType.STRING, native=declared
        )  # more digits than a decimal holds: text, which the server reads
    return Field(name, value, precision, scale, declared)


def type_of(field: Field) -> str | None:
    """Return the type of a new column that holds ``field``."""
    if field.type is ValueType.DECIMAL:
        return f"numeric({field.precision},{field.scale})"
    return _MADE.get(field.type)
