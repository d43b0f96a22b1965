"""Rows as lists of values in an INSERT, written by Arrow a column at a time; pure.

A text stands in quotes with its quotes doubled, which is right where backslashes mean nothing (``NO_BACKSLASH_ESCAPES``).
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataplane.transfer.databases.links.comma_text import clock_text
from headrace.dataplane.transfer.values import Field, ValueType

_NUMBERS = frozenset(
    {
        ValueType.BYTE,
        ValueType.SBYTE,
        ValueType.INT16,
        ValueType.UINT16,
        ValueType.INT32,
        ValueType.UINT32,
        ValueType.INT64,
        ValueType.UINT64,
        ValueType.DECIMAL,
    }
)


def value_lists(batch: Any, fields: tuple[Field, ...], most_bytes: int) -> Iterator[tuple[str, int]]:
    """Yield ``(1,'a'),(2,NULL)``, about ``most_bytes`` at a time, with how many rows they are."""
    columns = [
        pc.fill_null(_written(column, field), "NULL") for column, field in zip(batch.columns, fields, strict=True)
    ]
    joined = pc.binary_join_element_wise(*columns, ",") if len(columns) > 1 else columns[0]
    rows = pc.binary_join_element_wise("(", joined, ")", "").to_pylist()
    gathered: list[str] = []
    size = 0
    for row in rows:
        if gathered and size + len(row) > most_bytes:
            yield ",".join(gathered), len(gathered)
            gathered, size = [], 0
        gathered.append(row)
        size += len(row) + 1
    if gathered:
        yield ",".join(gathered), len(gathered)


def _written(column: Any, field: Field) -> Any:
    kind = field.type
    if kind is ValueType.BOOLEAN:
        return pc.if_else(column, "1", "0")
    if kind in _NUMBERS:
        return pc.cast(column, pa.string())
    if kind in (ValueType.SINGLE, ValueType.DOUBLE):
        # Seventeen digits are a double; a float's own shortest text is read as another double, which the server makes the same float of.
        return pa.array([None if value is None else _number(value) for value in column.to_pylist()], pa.string())
    if kind is ValueType.BYTES:
        return pa.array([None if value is None else f"X'{value.hex()}'" for value in column.to_pylist()], pa.string())
    if kind is ValueType.TIMESPAN:
        return _quoted(clock_text(column))
    if kind is ValueType.DATETIME_OFFSET:
        column = column.cast(pa.timestamp("us"))
    if kind in (ValueType.DATETIME, ValueType.DATETIME_OFFSET):
        return _quoted(pc.cast(column, pa.string()))
    return _quoted(pc.replace_substring(column, "'", "''"))


def _number(value: float) -> str:
    return repr(value) if value - value == 0 else f"'{value}'"  # one that is none is refused by the server, as a text


def _quoted(column: Any) -> Any:
    return pc.binary_join_element_wise("'", column, "'", "")
