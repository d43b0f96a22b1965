"""The types that values have between a source and a sink, and how Arrow and DuckDB hold each.

A value of every type is null or:

    BOOLEAN … UINT64, SINGLE, DOUBLE   as the name says
    DECIMAL          exact, with the field's precision and scale
    DATETIME         a date with a time, without a zone, to the microsecond
    DATETIME_OFFSET  an instant, held in UTC, to the microsecond
    TIMESPAN         microseconds, as a whole number (a time of the day counts from midnight)
    GUID             text in lower case, with hyphens
    STRING           text
    BYTES            bytes
    DOCUMENT         an object or array, as JSON text
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any


class ValueType(StrEnum):
    """What a column's values are."""

    BOOLEAN = "boolean"
    BYTE = "byte"
    """8 bits, unsigned."""
    SBYTE = "sbyte"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    SINGLE = "single"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATETIME = "datetime"
    DATETIME_OFFSET = "datetime_offset"
    TIMESPAN = "timespan"
    GUID = "guid"
    STRING = "string"
    BYTES = "bytes"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Field:
    """A column on its way: ``precision`` (at most 38) and ``scale`` belong to decimals. ``native``: the source's own word for its type, if any."""

    name: str
    type: ValueType = ValueType.STRING
    precision: int = 38
    scale: int = 18
    native: str = ""

    @property
    def sql(self) -> str:
        """Return DuckDB's type."""
        return f"DECIMAL({self.precision},{self.scale})" if self.type is ValueType.DECIMAL else DUCKDB[self.type]

    @property
    def arrow(self) -> Any:
        """Return Arrow's type."""
        if self.type is ValueType.DECIMAL:
            return import_module("pyarrow").decimal128(self.precision, self.scale)
        return ARROW[self.type]


DUCKDB: Mapping[ValueType, str] = {
    ValueType.BOOLEAN: "BOOLEAN",
    ValueType.BYTE: "UTINYINT",
    ValueType.SBYTE: "TINYINT",
    ValueType.INT16: "SMALLINT",
    ValueType.UINT16: "USMALLINT",
    ValueType.INT32: "INTEGER",
    ValueType.UINT32: "UINTEGER",
    ValueType.INT64: "BIGINT",
    ValueType.UINT64: "UBIGINT",
    ValueType.SINGLE: "FLOAT",
    ValueType.DOUBLE: "DOUBLE",
    ValueType.DATETIME: "TIMESTAMP",
    ValueType.DATETIME_OFFSET: "TIMESTAMPTZ",
    ValueType.TIMESPAN: "BIGINT",
    ValueType.GUID: "VARCHAR",
    ValueType.STRING: "VARCHAR",
    ValueType.BYTES: "BLOB",
    ValueType.DOCUMENT: "VARCHAR",
}
"""DuckDB's type of each but ``DECIMAL``."""

_MAKERS: Mapping[ValueType, tuple[str, tuple[str, ...]]] = {
    ValueType.BOOLEAN: ("bool_", ()),
    ValueType.BYTE: ("uint8", ()),
    ValueType.SBYTE: ("int8", ()),
    ValueType.INT16: ("int16", ()),
    ValueType.UINT16: ("uint16", ()),
    ValueType.INT32: ("int32", ()),
    ValueType.UINT32: ("uint32", ()),
    ValueType.INT64: ("int64", ()),
    ValueType.UINT64: ("uint64", ()),
    ValueType.SINGLE: ("float32", ()),
    ValueType.DOUBLE: ("float64", ()),
    ValueType.DATETIME: ("timestamp", ("us",)),
    ValueType.DATETIME_OFFSET: ("timestamp", ("us", "UTC")),
    ValueType.TIMESPAN: ("int64", ()),
    ValueType.GUID: ("string", ()),
    ValueType.STRING: ("string", ()),
    ValueType.BYTES: ("binary", ()),
    ValueType.DOCUMENT: ("string", ()),
}
"""Functions of Arrow that make the types, and what they are given."""


class _ArrowTypes(Mapping[ValueType, Any]):
    """Arrow's types, made when they are asked for: who only speaks of values need not have the library loaded."""

    def __getitem__(self, kind: ValueType) -> Any:
        name, arguments = _MAKERS[kind]
        return getattr(import_module("pyarrow"), name)(*arguments)

    def __iter__(self) -> Iterator[ValueType]:
        return iter(_MAKERS)

    def __len__(self) -> int:
        return len(_MAKERS)


ARROW: Mapping[ValueType, Any] = _ArrowTypes()
"""Arrow's type of each but ``DECIMAL``."""
