"""Tables of SQL Server: what their columns hold, and how new ones are made."""

from collections.abc import Mapping
from typing import Any, Protocol

from headrace.dataplane.connectors.databases.sqlserver import DIALECT
from headrace.dataplane.transfer.databases.links.link import Table, TableColumn
from headrace.dataplane.transfer.values import Field, ValueType

_TYPES: Mapping[str, ValueType] = {
    "bit": ValueType.BOOLEAN,
    "tinyint": ValueType.BYTE,
    "smallint": ValueType.INT16,
    "int": ValueType.INT32,
    "bigint": ValueType.INT64,
    "real": ValueType.SINGLE,
    "float": ValueType.DOUBLE,
    "date": ValueType.DATETIME,
    "datetime": ValueType.DATETIME,
    "datetime2": ValueType.DATETIME,
    "smalldatetime": ValueType.DATETIME,
    "datetimeoffset": ValueType.DATETIME_OFFSET,
    "time": ValueType.TIMESPAN,
    "uniqueidentifier": ValueType.GUID,
    **dict.fromkeys(("decimal", "numeric", "money", "smallmoney"), ValueType.DECIMAL),
    **dict.fromkeys(("binary", "varbinary", "image"), ValueType.BYTES),
}
_MADE: Mapping[ValueType, str] = {
    ValueType.BOOLEAN: "bit",
    ValueType.BYTE: "tinyint",
    ValueType.SBYTE: "smallint",
    ValueType.INT16: "smallint",
    ValueType.UINT16: "int",
    ValueType.INT32: "int",
    ValueType.UINT32: "bigint",
    ValueType.INT64: "bigint",
    ValueType.UINT64: "decimal(20,0)",
    ValueType.SINGLE: "real",
    ValueType.DOUBLE: "float",
    ValueType.DATETIME: "datetime2(6)",
    ValueType.DATETIME_OFFSET: "datetimeoffset(6)",
    ValueType.TIMESPAN: "time(6)",
    ValueType.GUID: "uniqueidentifier",
    ValueType.STRING: "nvarchar(max)",
    ValueType.BYTES: "varbinary(max)",
    ValueType.DOCUMENT: "nvarchar(max)",
}
_GENERATED = frozenset({"timestamp", "rowversion"})


class _Asks(Protocol):
    def rows(self, query: str) -> list[tuple[Any, ...]]: ...


def table(link: _Asks, schema: str, name: str) -> Table | None:
    """Return a table, or None; without a schema it is looked for where the server would."""
    quoted = ".".join(DIALECT.quoted(part) for part in (schema, name) if part)
    here = f"OBJECT_ID({DIALECT.literal(quoted)})"
    described = link.rows(
        "SELECT c.name, t.name, c.precision, c.scale, CAST(c.is_computed AS int) "
        "FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id "
        f"WHERE c.object_id = {here} ORDER BY c.column_id"
    )
    if not described:
        return None
    columns = tuple(
        TableColumn(
            _field_of(str(column), str(kind), int(digits), int(scale)),
            str(kind),
            not computed and str(kind) not in _GENERATED,
        )
        for column, kind, digits, scale, computed in described
    )
    keys = link.rows(
        "SELECT c.name FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id "
        "JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id "
        f"WHERE i.is_primary_key = 1 AND i.object_id = {here} ORDER BY k.key_ordinal"
    )
    return Table(quoted, columns, tuple(str(key) for (key,) in keys), identity_column(link, quoted))


def _field_of(name: str, kind: str, digits: int, scale: int) -> Field:
    value = _TYPES.get(kind, ValueType.STRING)
    return Field(name, value, digits, scale, kind) if value is ValueType.DECIMAL else Field(name, value, native=kind)


def type_of(field: Field) -> str | None:
    """Return the type of a new column that holds ``field``."""
    return f"decimal({field.precision},{field.scale})" if field.type is ValueType.DECIMAL else _MADE.get(field.type)


def identity_column(link: _Asks, quoted: str) -> str:
    """Return the column that counts by itself; empty: there is none."""
    found = link.rows(f"SELECT name FROM sys.identity_columns WHERE object_id = OBJECT_ID({DIALECT.literal(quoted)})")
    return str(found[0][0]) if found else ""
