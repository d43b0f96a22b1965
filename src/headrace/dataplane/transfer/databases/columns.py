"""Which value of a transfer each column of a source is, and how it is selected so that nothing of it is lost."""

from dataclasses import dataclass

import pyarrow as pa

from headrace.core.schema import Kind
from headrace.dataplane.connectors.databases.dialect import Column, Dialect
from headrace.dataplane.transfer.values import Field, ValueType

_FIRST, _LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"
"""What an infinite date becomes, as .NET's driver of PostgreSQL has it."""
_BY_ARROW = (
    (pa.types.is_boolean, ValueType.BOOLEAN),
    (pa.types.is_uint8, ValueType.BYTE),
    (pa.types.is_int8, ValueType.SBYTE),
    (pa.types.is_int16, ValueType.INT16),
    (pa.types.is_int32, ValueType.INT32),
    (pa.types.is_int64, ValueType.INT64),
    (pa.types.is_uint32, ValueType.UINT32),
    (pa.types.is_float32, ValueType.SINGLE),
    (pa.types.is_floating, ValueType.DOUBLE),
    (pa.types.is_date, ValueType.DATETIME),
    (pa.types.is_time, ValueType.TIMESPAN),
    (pa.types.is_binary, ValueType.BYTES),
)
_MONEY_DIGITS = (19, 2)
_GUIDS = frozenset({"uuid", "uniqueidentifier"})


@dataclass(frozen=True, slots=True)
class Selected:
    """A column as it is asked for: its field, and the SQL of its values."""

    field: Field
    sql: str


def selected(column: Column, dialect: Dialect) -> Selected:
    """Return how a column of a source is read. Documents and arrays are text, as the database prints them."""
    if dialect.name == "PostgreSQL" and column.kind in _POSTGRES:
        template, kind = _POSTGRES[column.kind]
        precision, scale = _MONEY_DIGITS if column.kind == "money" else (38, 18)
        if column.kind == "numeric" and pa.types.is_decimal(column.landed):
            precision, scale = column.landed.precision, column.landed.scale
        sql = template.format(dialect.quoted(column.name), first=_FIRST, last=_LAST)
        return Selected(Field(column.name, kind, precision, scale, column.original or column.kind), sql)
    return Selected(field_of(column), _sql(column, dialect))


def field_of(column: Column) -> Field:
    """Return the field of a described column."""
    landed, native = column.landed, column.original or column.kind
    if pa.types.is_decimal(landed):
        return Field(column.name, ValueType.DECIMAL, landed.precision, landed.scale, native)
    if pa.types.is_timestamp(landed):
        kind = ValueType.DATETIME_OFFSET if landed.tz else ValueType.DATETIME
        return Field(column.name, kind, native=native)
    if column.kind in _GUIDS or column.shape.kind is Kind.UUID:
        return Field(column.name, ValueType.GUID, native=native)
    kind = next((kind for test, kind in _BY_ARROW if test(landed)), ValueType.STRING)
    if native == "tinyint" and kind is ValueType.INT16:  # SQL Server's has no sign
        kind = ValueType.INT16
    return Field(column.name, kind, native=native)


def _sql(column: Column, dialect: Dialect) -> str:
    if dialect.name == "PostgreSQL" and column.kind.startswith("_"):
        return column.as_text.replace("to_json(", "(", 1)
    return column.select


_INFINITE = "CASE {0} WHEN 'infinity' THEN '{last}' WHEN '-infinity' THEN '{first}' ELSE {0} END"
_POSTGRES = {
    "date": (_INFINITE.replace("{last}", "9999-12-31").replace("{first}", "0001-01-01"), ValueType.DATETIME),
    "timestamp": (_INFINITE, ValueType.DATETIME),
    "timestamptz": (
        _INFINITE.replace("{last}", "{last}+00").replace("{first}", "{first}+00"),
        ValueType.DATETIME_OFFSET,
    ),
    "interval": ("(extract(epoch FROM {0}) * 1000000)::int8", ValueType.TIMESPAN),
    "numeric": ("{0}::text", ValueType.DECIMAL),
    "money": ("{0}::numeric::text", ValueType.DECIMAL),
    "uuid": ("{0}::text", ValueType.GUID),
}
"""What is read otherwise than by the flow's copies, and what it is then."""
