"""Which Arrow type each PostgreSQL column lands as, and how it is selected so that nothing of it is lost.

    bool, int2/4/8, float4/8, text, varchar, char, bytea, date, time, timestamp, timestamptz    natively
    numeric(p, s) up to 38 digits                                                              decimal(p, s)
    arrays                                                                                     JSON text
    everything else (numeric without precision, uuid, json, enum, interval, inet, …)           text, as PostgreSQL prints it

A value that the native type cannot hold (a NaN in a decimal, an infinite date, one outside of the years 1 to 9999, the time 24:00) makes the
whole column of that copy land as text: the promotion then rejects or converts it row by row.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headrace.core.schema import ColumnType, Kind
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family
from headrace.dataplane.connectors.databases.fitting import decimal_of, shape_of

_NATIVE: dict[str, tuple[Any, Family]] = {
    "bool": (pa.bool_(), Family.BOOLEAN),
    "int2": (pa.int16(), Family.INTEGER),
    "int4": (pa.int32(), Family.INTEGER),
    "int8": (pa.int64(), Family.INTEGER),
    "float4": (pa.float32(), Family.NUMBER),
    "float8": (pa.float64(), Family.NUMBER),
    "text": (pa.string(), Family.TEXT),
    "varchar": (pa.string(), Family.TEXT),
    "bpchar": (pa.string(), Family.TEXT),
    "bytea": (pa.binary(), Family.OTHER),
    "date": (pa.date32(), Family.DATE),
    "time": (pa.time64("us"), Family.TIME),
    "timestamp": (pa.timestamp("us"), Family.INSTANT),
    "timestamptz": (pa.timestamp("us", tz="UTC"), Family.INSTANT),
}
_PRINTED = {
    "oid": Family.INTEGER,
    "name": Family.TEXT,
    "numeric": Family.NUMBER,
    "json": Family.OTHER,
    "jsonb": Family.OTHER,
}
_SHAPES = {"uuid": ColumnType(Kind.UUID), "json": ColumnType(Kind.JSON), "jsonb": ColumnType(Kind.JSON)}
_TYPE = b"POSTGRESQL:type"
_TYPMOD = b"POSTGRESQL:typmod"
_FINEST = 6


@dataclass(frozen=True, slots=True)
class Declared:
    """What a table's definition says of a column: its type as people write it, and its modifier (-1: none)."""

    text: str
    modifier: int


def kind_of(field: Any) -> str:
    """Return the PostgreSQL type of a described column (``int4``, ``_text``, ``unnamed<oid:1>``)."""
    metadata = field.metadata or {}
    return bytes(metadata.get(_TYPE, b"")).decode()


def column_of(field: Any, declared: Declared | None, dialect: Dialect) -> Column:
    """Return a described column; ``declared`` is what its table says of it (None: it is a query's)."""
    kind, name = kind_of(field), dialect.quoted(field.name)
    printed = f"{name}::text"
    original = declared.text if declared else kind
    if kind in _NATIVE:
        landed, family = _NATIVE[kind]
        modifier = declared.modifier if declared and family is Family.INSTANT else -1
        grain = 10 ** (_FINEST - modifier) if modifier >= 0 else 1
        return Column(field.name, kind, family, landed, name, printed, name, original, grain, shape_of(landed))
    if kind.startswith("_"):
        array = f"to_json({name})::text"
        shape = ColumnType(Kind.JSON)
        return Column(field.name, kind, Family.OTHER, pa.string(), array, array, name, original, 1, shape)
    family = _PRINTED.get(kind, Family.LABEL)
    landed = _decimal(int((field.metadata or {}).get(_TYPMOD, b"-1"))) if kind == "numeric" else pa.string()
    compared = printed if family is Family.LABEL else name
    shape = _SHAPES.get(kind, shape_of(landed))
    return Column(field.name, kind, family, landed, printed, printed, compared, original, 1, shape)


def _decimal(typmod: int) -> Any:
    return pa.string() if typmod < 0 else decimal_of((typmod - 4) >> 16, (typmod - 4) & 0x7FF)
