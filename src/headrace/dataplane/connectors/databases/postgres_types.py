"""Which Arrow type each PostgreSQL column lands as, and how it is selected so that nothing of it is lost.

    bool, int2/4/8, float4/8, text, varchar, char, bytea, date, time, timestamp, timestamptz    natively
    numeric(p, s) up to 38 digits                                                              decimal(p, s)
    arrays                                                                                     JSON text
    everything else (numeric without precision, uuid, json, enum, interval, inet, …)           text, as PostgreSQL prints it

A value that the native type cannot hold (a NaN in a decimal, an infinite date, one outside of the years 1 to 9999, the time 24:00) makes the
whole column of that copy land as text: the promotion then rejects or converts it row by row.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataplane.connectors.databases.delta import quoted

_NATIVE = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
_TYPE = b"POSTGRESQL:type"
_TYPMOD = b"POSTGRESQL:typmod"
_MOST_DIGITS = 38
_FIRST_DAY, _LAST_DAY = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))
_FIRST = round(datetime(1, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_LAST = round(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000 + 999_999
_RANGES = {"date": (_FIRST_DAY, _LAST_DAY, pa.int32()), "time": (0, 86_399_999_999, pa.int64())}
_RANGES |= dict.fromkeys(("timestamp", "timestamptz"), (_FIRST, _LAST, pa.int64()))


class UnfitError(Exception):
    """Values of ``columns`` do not fit their Arrow type; the copy is begun again with those columns as text."""

    def __init__(self, columns: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(columns)))
        self.columns = columns


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its PostgreSQL type, how it is selected, and what it lands as."""

    name: str
    kind: str
    select: str
    type: Any


def kind_of(field: Any) -> str:
    """Return the PostgreSQL type of a described column (``int4``, ``_text``, ``unnamed<oid:1>``)."""
    metadata = field.metadata or {}
    return bytes(metadata.get(_TYPE, b"")).decode()


def column_of(field: Any, *, as_text: bool) -> Column:
    """Return how a described column is selected and what it lands as."""
    kind, name = kind_of(field), quoted(field.name)
    if kind in _NATIVE and not as_text:
        return Column(field.name, kind, name, _NATIVE[kind])
    if kind.startswith("_"):
        return Column(field.name, kind, f"to_json({name})::text AS {name}", pa.string())
    decimal = _decimal_of(int((field.metadata or {}).get(_TYPMOD, b"-1"))) if kind == "numeric" else None
    landed = pa.string() if decimal is None or as_text else decimal
    return Column(field.name, kind, f"{name}::text AS {name}", landed)


def _decimal_of(typmod: int) -> Any:
    if typmod < 0:
        return None
    precision, scale = (typmod - 4) >> 16, (typmod - 4) & 0x7FF
    fits = precision <= _MOST_DIGITS and 0 <= scale <= precision
    return pa.decimal128(precision, scale) if fits else None


def fitted(batch: Any, columns: tuple[Column, ...]) -> Any:
    """Return the batch with every column as the type that it lands as.

    Raises:
        UnfitError: values that the types cannot hold, with all columns of this batch that have any.
    """
    unfit = frozenset(
        column.name for column, array in zip(columns, batch.columns, strict=True) if not _fits(array, column)
    )
    if unfit:
        raise UnfitError(unfit)
    arrays = [
        pc.cast(array, column.type) if pa.types.is_decimal(column.type) else array
        for column, array in zip(columns, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema_of(columns))


def _fits(array: Any, column: Column) -> bool:
    if pa.types.is_decimal(column.type):
        return not pc.any(pc.match_substring_regex(array, "[Nn]")).as_py()  # NaN and Infinity are the only letters
    if column.kind not in _RANGES or column.type == pa.string():
        return True
    first, last, number = _RANGES[column.kind]
    ends = pc.min_max(array.view(number)).as_py()
    return ends["min"] is None or (first <= ends["min"] and ends["max"] <= last)


def schema_of(columns: tuple[Column, ...]) -> Any:
    """Return the schema of the landed Parquet file."""
    return pa.schema([pa.field(column.name, column.type) for column in columns])


def table_name(text: str) -> tuple[str | None, str] | None:
    """Return schema (None: not given) and name of ``schema.table``; either may stand in double quotes. None: it has another form."""
    part = r'("(?:[^"]|"")+"|[^".]+)'
    match = re.fullmatch(rf"(?:{part}\.)?{part}", text)
    if match is None:
        return None
    schema, name = (
        None if p is None else p[1:-1].replace('""', '"') if p.startswith('"') else p for p in match.groups()
    )
    return None if name is None else (schema, name)
