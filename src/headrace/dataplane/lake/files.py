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
    """Nulls by column, and by the dotted path of a struct's field; None, or no entry: the writer does not tell."""


def data_file(path: str, size: int, rows: int, columns: Mapping[str, Mapping[str, str]], schema: Schema) -> DataFile:
    """Return a data file from what DuckDB's ``RETURN_STATS`` says of its ``columns`` (by name, and by dotted path of what is in one)."""
    lowest: dict[str, Json] = {}
    highest: dict[str, Json] = {}
    nulls = {path: int(found["null_count"]) if "null_count" in found else None for path, found in columns.items()}
    known: dict[str, int] = {}
    for column in schema.columns:
        # What is said of an object or a list would have to be told of what is in it.
        if column.type.kind in (Kind.STRUCT, Kind.LIST) or column.name not in columns:
            continue
        count = nulls[column.name]
        if count is not None:
            known[column.name] = count
        low, high = (_bound(column, columns[column.name], which) for which in ("min", "max"))
        if low is not None and high is not None:
            lowest[column.name], highest[column.name] = low, high
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
