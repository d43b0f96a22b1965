"""Batches as they come from a driver, made into what lands; values that no type holds are found, not bent."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.core.schema import ColumnType, Kind
from headrace.dataplane.connectors.databases.dialect import Column

_EPOCH = date(1970, 1, 1).toordinal()
_DAYS = (date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH)
_INSTANTS = tuple(
    round(moment.timestamp()) * 1_000_000 + moment.microsecond
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
)
_ANY_DAY = "1970-01-01 "
_LAST_TIME = 86_399_999_999
_MICROSECONDS = 999_999
MOST_DIGITS = 38


class UnfitError(Exception):
    """Values of ``columns`` do not fit their Arrow type; the copy is begun again with those columns as text."""

    def __init__(self, columns: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(columns)))
        self.columns = columns


def schema_of(columns: tuple[Column, ...]) -> Any:
    """Return the schema of the landed Parquet file."""
    return pa.schema([pa.field(column.name, column.landed) for column in columns])


def fitted(arrays: list[Any], columns: tuple[Column, ...]) -> Any:
    """Return the batch with every column as the type that it lands as.

    Raises:
        UnfitError: values that the types cannot hold, with all columns of this batch that have any.
    """
    unfit: set[str] = set()
    landed = []
    for array, column in zip(arrays, columns, strict=True):
        try:
            landed.append(_converted(array, column.landed))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            unfit.add(column.name)
    if unfit:
        raise UnfitError(frozenset(unfit))
    return pa.RecordBatch.from_arrays(landed, schema=schema_of(columns))


def _converted(array: Any, landed: Any) -> Any:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_binary(array.type) and not pa.types.is_binary(landed):
        array = pc.cast(array, pa.string())  # what a driver handed over as it came; checked to be UTF-8
    if array.type != landed:
        if pa.types.is_string(array.type) and pa.types.is_timestamp(landed) and landed.tz:
            array = pc.assume_timezone(pc.cast(array, pa.timestamp("us")), landed.tz)
        elif pa.types.is_string(array.type) and pa.types.is_time(landed):
            dated = pc.binary_join_element_wise(_ANY_DAY, array, "")  # Arrow reads no times by themselves
            array = pc.cast(pc.cast(dated, pa.timestamp("us")), landed)
        elif pa.types.is_string(array.type) and pa.types.is_float32(landed):
            array = pc.cast(pc.cast(array, pa.float64()), landed, safe=False)
        else:
            array = pc.cast(array, landed)
    if not _within(array, landed):
        raise pa.ArrowInvalid("out of the years 1 to 9999, or a time of more than a day")
    return array


def _within(array: Any, landed: Any) -> bool:
    if pa.types.is_date32(landed):
        first, last, number = *_DAYS, pa.int32()
    elif pa.types.is_time64(landed):
        first, last, number = 0, _LAST_TIME, pa.int64()
    elif pa.types.is_timestamp(landed):
        first, last, number = _INSTANTS[0], _INSTANTS[1] + _MICROSECONDS, pa.int64()
    else:
        return True
    ends = pc.min_max(array.view(number)).as_py()
    return ends["min"] is None or (first <= ends["min"] and ends["max"] <= last)


_SHAPES: tuple[tuple[Any, Kind], ...] = (
    (pa.types.is_boolean, Kind.BOOLEAN),
    (lambda landed: pa.types.is_int64(landed) or pa.types.is_uint32(landed), Kind.LONG),
    (pa.types.is_integer, Kind.INTEGER),
    (pa.types.is_float32, Kind.FLOAT),
    (pa.types.is_floating, Kind.DOUBLE),
    (pa.types.is_date, Kind.DATE),
    (pa.types.is_time, Kind.TIME),
    (pa.types.is_timestamp, Kind.TIMESTAMP),
    (pa.types.is_binary, Kind.BINARY),
)


def shape_of(landed: Any) -> ColumnType:
    """Return the Arrow type of a landed column in our words; what is nothing else is text."""
    if pa.types.is_decimal(landed):
        return ColumnType(Kind.DECIMAL, landed.precision, landed.scale)
    return ColumnType(next((kind for test, kind in _SHAPES if test(landed)), Kind.STRING))


def decimal_of(precision: int, scale: int) -> Any:
    """Return the Arrow type of a decimal; text where Arrow has none that holds all of its digits."""
    fits = 1 <= precision <= MOST_DIGITS and 0 <= scale <= precision
    return pa.decimal128(precision, scale) if fits else pa.string()
