"""Tables of databases that only an ODBC driver knows."""

from collections.abc import Mapping
from typing import Any

from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.connectors.databases.odbc import column_of
from headrace.dataplane.transfer.databases.columns import field_of
from headrace.dataplane.transfer.databases.links.link import Table, TableColumn
from headrace.dataplane.transfer.values import Field, ValueType

_MADE: Mapping[ValueType, str] = {
    ValueType.BOOLEAN: "smallint",
    **dict.fromkeys((ValueType.BYTE, ValueType.SBYTE, ValueType.INT16), "smallint"),
    **dict.fromkeys((ValueType.UINT16, ValueType.INT32), "integer"),
    **dict.fromkeys((ValueType.UINT32, ValueType.INT64), "bigint"),
    ValueType.UINT64: "decimal(20,0)",
    ValueType.SINGLE: "real",
    ValueType.DOUBLE: "double precision",
    ValueType.DATETIME: "timestamp",
    ValueType.DATETIME_OFFSET: "timestamp",
    ValueType.TIMESPAN: "varchar(30)",
    ValueType.GUID: "char(36)",
    ValueType.STRING: "varchar(4000)",
}


def table(cursor: Any, dialect: Dialect, schema: str, name: str) -> Table | None:
    """Return a table as the driver lists it, or None."""
    known = [row for row in cursor.tables(table=name, schema=schema or None) if row.table_name == name]
    if not known:
        return None
    quoted = ".".join(dialect.quoted(part) for part in (schema, name) if part)
    cursor.execute(f"SELECT * FROM {quoted} WHERE 1 = 0")
    columns = tuple(TableColumn(field_of(column_of(one, dialect)), "") for one in cursor.description)
    keys = sorted((int(row.key_seq), str(row.column_name)) for row in cursor.primaryKeys(name, schema=schema or None))
    return Table(quoted, columns, tuple(column for _, column in keys))


def type_of(field: Field) -> str | None:
    """Return a type of the SQL standard that holds ``field``; None: bytes and documents have none that every database knows."""
    return f"decimal({field.precision},{field.scale})" if field.type is ValueType.DECIMAL else _MADE.get(field.type)
