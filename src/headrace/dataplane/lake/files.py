"""Data files as a commit lists them, with the statistics by which readers leave files out."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from headrace.core.codec import Json
from headrace.core.schema import Column, Kind, Schema

_LONGEST_TEXT = 128
_EXACT_DIGITS = 15


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a table: ``path`` relative to the table's folder, ``stats`` as Delta's JSON."""

    path: str
    bytes: int
    rows: int
    stats: str
    nulls: Mapping[str, int | None]
    """Nulls by column; None: the writer does not tell."""


def data_file(path: str, size: int, rows: int, columns: Mapping[str, Mapping[str, str]], schema: Schema) -> DataFile:
    """Return a data file from what DuckDB's ``RETURN_STATS`` says of its ``columns`` (by plain name)."""
    lowest: dict[str, Json] = {}
    highest: dict[str, Json] = {}
    nulls: dict[str, int | None] = {}
    for column in schema.columns:
        found = columns.get(column.name)
        nulls[column.name] = int(found["null_count"]) if found and "null_count" in found else None
        if found is None or column.type.kind in (Kind.STRUCT, Kind.LIST):
            continue
        low, high = _bound(column, found, "min"), _bound(column, found, "max")
        if low is not None and high is not None:
            lowest[column.name], highest[column.name] = low, high
    known = {name: count for name, count in nulls.items() if count is not None}
    stats = json.dumps({"numRecords": rows, "minValues": lowest, "maxValues": highest, "nullCount": known})
    return DataFile(path, size, rows, stats, nulls)


def _bound(column: Column, found: Mapping[str, str], which: str) -> Json:
    """Return a bound as Delta writes it; None where it is not exact, not finite, or cannot be written exactly."""
    text = found.get(which)
    if text is None or found.get(f"{which}_is_exact", "true") != "true" or found.get("has_nan") == "true":
        return None
    match column.type.kind:
        case Kind.INTEGER | Kind.LONG:
            return int(text)
        case Kind.FLOAT | Kind.DOUBLE:
            number = float(text)
            return number if math.isfinite(number) else None
        case Kind.DECIMAL:
            exact = Decimal(text)
            return float(exact) if len(exact.as_tuple().digits) <= _EXACT_DIGITS else None
        case Kind.STRING | Kind.TIME | Kind.UUID:
            return text if len(text) <= _LONGEST_TEXT and text.isprintable() else None
        case Kind.DATE:
            return text if len(text) == len("2020-01-01") else None
        case Kind.TIMESTAMP:
            return _instant(text)
        case _:
            return None


def _instant(text: str) -> str | None:
    """Return ``2023-11-14 22:13:20.5+00`` as ``2023-11-14T22:13:20.500000Z``."""
    moment, zone, rest = text.partition("+00")
    day, _, clock = moment.partition(" ")
    if not zone or rest or len(day) != len("2020-01-01"):
        return None
    seconds, _, fraction = clock.partition(".")
    return f"{day}T{seconds}.{fraction:0<6}Z"
