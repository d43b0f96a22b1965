"""Record batches as comma-separated text for databases that read it, and values that have no text of their own in Arrow."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from headrace.dataplane.transfer.values import Field, ValueType

_MINUTE, _HOUR = 60_000_000, 3_600_000_000
# A text always stands in quotes, so that an empty one is none; a null is nothing at all.
_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="needed")


def comma_text(batch: Any, fields: tuple[Field, ...]) -> bytes:
    r"""Return the rows of a batch as lines: texts in quotes, nulls as nothing, bytes as ``\x`` and their digits, times as ``HH:MM:SS.ffffff``."""
    columns = [_written(column, field) for column, field in zip(batch.columns, fields, strict=True)]
    lines = io.BytesIO()
    csv.write_csv(pa.RecordBatch.from_arrays(columns, names=[str(at) for at in range(len(columns))]), lines, _OPTIONS)
    return lines.getvalue()


def _written(column: Any, field: Field) -> Any:
    if field.type is ValueType.TIMESPAN:
        return clock_text(column)
    if field.type is ValueType.DATETIME_OFFSET:
        # As Arrow would write it; but it would look for the offset of each value, which takes longer than all the rest.
        return pc.binary_join_element_wise(pc.cast(column.cast(pa.timestamp("us")), pa.string()), "Z", "")
    if field.type is ValueType.BYTES:
        return pa.array([None if value is None else "\\x" + value.hex() for value in column.to_pylist()], pa.string())
    return column


def clock_text(column: Any) -> Any:
    """Return microseconds as ``[-]HH:MM:SS.ffffff``."""
    micros = pc.abs(column)
    hours = pc.divide(micros, _HOUR)
    rest = pc.subtract(micros, pc.multiply(hours, _HOUR))
    minutes = pc.divide(rest, _MINUTE)
    rest = pc.subtract(rest, pc.multiply(minutes, _MINUTE))
    seconds = pc.divide(rest, 1_000_000)
    fraction = pc.subtract(rest, pc.multiply(seconds, 1_000_000))
    padded = [_padded(part, 2) for part in (hours, minutes, seconds)]
    sign = pc.if_else(pc.less(column, 0), "-", "")
    clock = pc.binary_join_element_wise(*padded, ":")
    return pc.binary_join_element_wise(sign, clock, ".", _padded(fraction, 6), "")


def _padded(part: Any, width: int) -> Any:
    return pc.utf8_lpad(pc.cast(part, pa.string()), width, "0")
