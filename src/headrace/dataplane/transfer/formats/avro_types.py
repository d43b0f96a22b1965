"""Types of Avro and interim types, in both directions; values of a column at once wherever Arrow can do it."""

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.core.codec import Json
from headrace.dataplane.transfer.formats.avro_blocks import BrokenAvro
from headrace.dataplane.transfer.values import Field, ValueType

MOST_DIGITS = 38
_SIMPLE = {
    "null": ValueType.STRING,
    "boolean": ValueType.BOOLEAN,
    "int": ValueType.INT32,
    "long": ValueType.INT64,
    "float": ValueType.SINGLE,
    "double": ValueType.DOUBLE,
    "bytes": ValueType.BYTES,
    "fixed": ValueType.BYTES,
    "string": ValueType.STRING,
    "enum": ValueType.STRING,
}
_NESTED = frozenset({"record", "error", "array", "map"})
_WHOLE = frozenset({"int", "long"})
_NUMBERS = frozenset({"int", "long", "float", "double"})
_MOMENTS = {
    "timestamp-millis": pa.timestamp("ms", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "timestamp-nanos": pa.timestamp("ns", "UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
    "local-timestamp-nanos": pa.timestamp("ns"),
}


def _as_is(values: list[Any], field: Field) -> Any:
    return pa.array(values, field.arrow)


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the record: ``schema`` is what it is read with, ``own`` its name in the file, ``build`` makes Arrow's array of its values."""

    field: Field
    own: str
    schema: Json
    build: Callable[[list[Any], Field], Any] = _as_is


def column_of(field: Mapping[str, Any], name: str, named: Mapping[str, Any]) -> Column:
    """Return the column that a field of a record is.

    Integers that stand for times are read as integers; everything else as the library reads it.

    Raises:
        BrokenAvro: a decimal of more than 38 digits.
    """
    schema: Any = field["type"]
    members = [member for member in schema if member != "null"] if isinstance(schema, list) else [schema]
    if len(members) > 1:
        kinds = [_kind(member, named) for member in members]
        return _union(Column(Field(name), field["name"], schema), kinds)
    if not members:
        return Column(Field(name, native="null"), field["name"], schema)
    column = _single(Column(Field(name), field["name"], members[0]), named)
    return replace(
        column, schema=["null", column.schema] if isinstance(schema, list) and "null" in schema else column.schema
    )


def _kind(schema: Any, named: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(schema, str):
        found = named.get(schema, {"type": schema})
        return found if isinstance(found, Mapping) else {"type": found}
    return schema if isinstance(schema["type"], str) else _kind(schema["type"], named)


def _union(column: Column, kinds: Sequence[Mapping[str, Any]]) -> Column:
    found = {str(kind["type"]) for kind in kinds}
    plain = not any("logicalType" in kind for kind in kinds)
    if found <= _NESTED:
        return _built(column, ValueType.DOCUMENT, _documents)
    if plain and found <= _WHOLE:
        return _built(column, ValueType.INT64, _as_is)
    if plain and found <= _NUMBERS:
        return _built(column, ValueType.DOUBLE, _floats)
    return _built(column, ValueType.STRING, _texts)


def _built(column: Column, kind: ValueType, build: Callable[[list[Any], Field], Any]) -> Column:
    return replace(column, field=replace(column.field, type=kind), build=build)


def _single(column: Column, named: Mapping[str, Any]) -> Column:
    found = _kind(column.schema, named)
    kind, logical = str(found["type"]), found.get("logicalType", "")
    column = replace(column, field=replace(column.field, native=logical or kind))
    if kind in _NESTED:
        return _built(column, ValueType.DOCUMENT, _documents)
    if logical == "decimal" and kind in {"bytes", "fixed"}:
        return _decimal(column, found)
    if logical == "uuid" and kind == "string":
        return _built(column, ValueType.GUID, _texts)
    if logical == "uuid" and found.get("size") == 16:
        return _built(column, ValueType.GUID, _guids)
    if logical in _MOMENTS and kind == "long":
        unit = _MOMENTS[logical]
        type_ = ValueType.DATETIME if unit.tz is None else ValueType.DATETIME_OFFSET
        return replace(_built(column, type_, _moments(unit)), schema=kind)
    if logical == "date" and kind == "int":
        return replace(_built(column, ValueType.DATETIME, _days), schema=kind)
    if (logical, kind) in {("time-millis", "int"), ("time-micros", "long")}:
        return replace(_built(column, ValueType.TIMESPAN, _spans(1000 if kind == "int" else 1)), schema=kind)
    return _built(column, _SIMPLE[kind], _as_is)


def _decimal(column: Column, found: Mapping[str, Any]) -> Column:
    precision, scale = int(found["precision"]), int(found.get("scale", 0))
    if precision > MOST_DIGITS:
        what = f"{column.own!r} is a decimal of {precision} digits; at most {MOST_DIGITS} can be held exactly"
        raise BrokenAvro(f"the field {what}")
    field = replace(column.field, type=ValueType.DECIMAL, precision=precision, scale=scale)
    return replace(column, field=field)


def _floats(values: list[Any], field: Field) -> Any:
    return pa.array([None if value is None else float(value) for value in values], field.arrow)


def _texts(values: list[Any], field: Field) -> Any:
    return pa.array([None if value is None else text_of(value) for value in values], field.arrow)


def _guids(values: list[Any], field: Field) -> Any:
    return pa.array([None if value is None else str(uuid.UUID(bytes=value)) for value in values], field.arrow)


def _documents(values: list[Any], field: Field) -> Any:
    return pa.array([None if value is None else text_of(value) for value in values], field.arrow)


def _days(values: list[Any], field: Field) -> Any:
    return pa.array(values, pa.int32()).cast(pa.date32()).cast(field.arrow)


def _spans(factor: int) -> Callable[[list[Any], Field], Any]:
    def build(values: list[Any], field: Field) -> Any:
        return pc.multiply_checked(pa.array(values, field.arrow), factor)

    return build


def _moments(unit: Any) -> Callable[[list[Any], Field], Any]:
    def build(values: list[Any], field: Field) -> Any:
        # Only what is below a microsecond may be cut off; more than the type can hold is refused.
        return pa.array(values, pa.int64()).cast(unit).cast(field.arrow, safe=unit.unit != "ns")

    return build


def text_of(value: Any) -> str:
    """Return a value as text; objects and arrays as JSON."""
    plain = jsonable(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def jsonable(value: Any) -> Any:
    """Return a value as JSON has it: bytes in base64, date-times in ISO 8601, decimals as numbers where that is exact, NaN and infinities as null."""
    match value:
        case dict():
            return {key: jsonable(inner) for key, inner in value.items()}
        case list():
            return [jsonable(inner) for inner in value]
        case float():
            return value if isfinite(value) else None
        case bytes():
            return base64.b64encode(value).decode()
        case Decimal():
            number = float(value)
            return number if Decimal(repr(number)) == value else str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
        case _:
            return value


_WRITTEN: Mapping[ValueType, Json] = {
    ValueType.BOOLEAN: "boolean",
    ValueType.BYTE: "int",
    ValueType.SBYTE: "int",
    ValueType.INT16: "int",
    ValueType.UINT16: "int",
    ValueType.INT32: "int",
    ValueType.UINT32: "long",
    ValueType.INT64: "long",
    ValueType.UINT64: {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 0},
    ValueType.SINGLE: "float",
    ValueType.DOUBLE: "double",
    ValueType.DATETIME: {"type": "long", "logicalType": "local-timestamp-micros"},
    ValueType.DATETIME_OFFSET: {"type": "long", "logicalType": "timestamp-micros"},
    ValueType.TIMESPAN: "long",
    ValueType.GUID: {"type": "string", "logicalType": "uuid"},
    ValueType.STRING: "string",
    ValueType.BYTES: "bytes",
    ValueType.DOCUMENT: "string",
}


def schema_written(fields: Iterable[Field], name: str, namespace: str) -> dict[str, Any]:
    """Return the schema of a record with these fields, each of which may be null."""
    columns = [{"name": field.name, "type": ["null", _written(field)], "default": None} for field in fields]
    return {"type": "record", "name": name, **({"namespace": namespace} if namespace else {}), "fields": columns}


def _written(field: Field) -> Json:
    if field.type is ValueType.DECIMAL:
        return {"type": "bytes", "logicalType": "decimal", "precision": field.precision, "scale": field.scale}
    return _WRITTEN[field.type]


def values_written(column: Any) -> list[Any]:
    """Return the values of one of Arrow's arrays as the writer takes them: moments as integers."""
    if pa.types.is_timestamp(column.type):
        return list(column.cast(pa.int64()).to_pylist())
    if pa.types.is_uint64(column.type):
        return list(column.cast(pa.decimal128(20, 0)).to_pylist())
    return list(column.to_pylist())
