"""What formats whose values have types share: DuckDB's types as fields, and columns brought into the types of their fields."""

from collections.abc import Sequence
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.session import identifier
from headrace.dataplane.transfer.values import Field, ValueType

_PLAIN = {
    "boolean": ValueType.BOOLEAN,
    "utinyint": ValueType.BYTE,
    "tinyint": ValueType.SBYTE,
    "smallint": ValueType.INT16,
    "usmallint": ValueType.UINT16,
    "integer": ValueType.INT32,
    "uinteger": ValueType.UINT32,
    "bigint": ValueType.INT64,
    "ubigint": ValueType.UINT64,
    "float": ValueType.SINGLE,
    "double": ValueType.DOUBLE,
    "varchar": ValueType.STRING,
    "blob": ValueType.BYTES,
    "uuid": ValueType.GUID,
    "date": ValueType.DATETIME,
    "timestamp": ValueType.DATETIME,
    "timestamp_s": ValueType.DATETIME,
    "timestamp_ms": ValueType.DATETIME,
    "timestamp_ns": ValueType.DATETIME,
    "timestamp with time zone": ValueType.DATETIME_OFFSET,
    "timestamptz_ns": ValueType.DATETIME_OFFSET,
    "time": ValueType.TIMESPAN,
    "time_ns": ValueType.TIMESPAN,
    "time with time zone": ValueType.TIMESPAN,
}
_NESTED = frozenset({"list", "array", "struct", "map", "union", "variant"})
_WIDE = {"hugeint": (38, 0)}
_FLOATS = frozenset({"float", "double"})
_DATE_TIMES = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})
_ISO = "%Y-%m-%dT%H:%M:%S.%f"


def field_of(name: str, found: Any) -> Field:
    """Return the field that holds values of one of DuckDB's types; what has no counterpart becomes text."""
    kind, native = str(found.id), str(found)
    if kind == "decimal":
        (_, precision), (_, scale) = found.children
        return Field(name, ValueType.DECIMAL, int(precision), int(scale), native)
    if kind in _WIDE:
        return Field(name, ValueType.DECIMAL, *_WIDE[kind], native)
    if kind in _NESTED:
        return Field(name, ValueType.DOCUMENT, native=native)
    if native == "JSON":
        # It may hold a bare number or text, which is no document.
        return Field(name, ValueType.STRING, native=native)
    return Field(name, _PLAIN.get(kind, ValueType.STRING), native=native)


def select_typed(described: Sequence[tuple[str, Any]], fields: Sequence[Field], relation: str) -> str:
    """Return ``relation`` with its columns (as ``described``) in the names and types of ``fields``, as SQL that can stand after FROM."""
    columns = ", ".join(
        f"{_converted(identifier(name), found, field)} AS {identifier(field.name)}"
        for (name, found), field in zip(described, fields, strict=True)
    )
    return f"(SELECT {columns} FROM {relation})"


def _converted(column: str, found: Any, field: Field) -> str:
    if field.type is ValueType.TIMESPAN:
        return f"epoch_us(CAST({column} AS TIME))"
    if field.type is ValueType.DOCUMENT:
        return f"CAST(to_json({json_value(column, found)}) AS VARCHAR)"
    return column if str(found) == field.sql else f"CAST({column} AS {field.sql})"


def json_value(value: str, found: Any, depth: int = 0) -> str:
    """Return SQL of ``value`` (of DuckDB's type ``found``) that ``to_json`` writes well.

    Bytes become base64, date-times ISO 8601, and numbers that JSON does not have (NaN, infinities) null.
    """
    kind = str(found.id)
    if kind in _FLOATS:
        return f"CASE WHEN isfinite({value}) THEN {value} END"
    if kind == "blob":
        return f"to_base64({value})"
    if kind in _DATE_TIMES:
        return f"strftime(CAST({value} AS TIMESTAMP), '{_ISO}')"
    if kind in ("timestamp with time zone", "timestamptz_ns"):
        return f"strftime(CAST({value} AS TIMESTAMPTZ), '{_ISO}Z')"
    if kind == "struct":
        parts = ", ".join(
            f"{identifier(name)} := {json_value(f'{value}.{identifier(name)}', child, depth)}"
            for name, child in found.children
        )
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({parts}) END"
    if kind in ("list", "array"):
        each = f"e{depth}"
        inner = json_value(each, found.children[0][1], depth + 1)
        return value if inner == each else f"list_transform({value}, lambda {each}: {inner})"
    if kind == "map":
        return _json_map(value, found, depth)
    return value


def _json_map(value: str, found: Any, depth: int) -> str:
    each = f"e{depth}"
    inner = json_value(f"{each}.value", dict(found.children)["value"], depth + 1)
    entry = f"struct_pack(k := CAST({each}.key AS VARCHAR), v := {inner})"
    return f"map_from_entries(list_transform(map_entries({value}), lambda {each}: {entry}))"


def check_width(name: str, columns: int, limits: Limits) -> None:
    """Refuse a file of too many columns.

    Raises:
        Problem: ``LIMIT_EXCEEDED``.
    """
    if columns > limits.max_columns:
        message = f"{name!r} has {columns:,} columns, more than {limits.max_columns:,} (max_columns)"
        raise Problem(Code.LIMIT_EXCEEDED, message)


def unreadable(name: str, format_name: str, what: str) -> TransferProblem:
    """Return the problem that a file is not what its format says."""
    said = what.encode("ascii", "backslashreplace").decode()[:300]
    return TransferProblem(
        Reason.UNREADABLE, Side.SOURCE, f"{name!r} cannot be read as {format_name}: {said}", Code.SOURCE_UNREADABLE
    )
