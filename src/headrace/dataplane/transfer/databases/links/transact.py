"""Transact-SQL: literals, variables for parameters, calls of procedures, and tables as parameters; pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from headrace.dataplane.connectors.databases.sqlserver import DIALECT
from headrace.dataplane.transfer.databases.links.link import Given
from headrace.dataplane.transfer.databases.links.plain import clock, instant_text
from headrace.dataplane.transfer.values import Field, ValueType

_TYPES: Mapping[str, str] = {
    "boolean": "bit",
    "byte": "tinyint",
    "datetime": "datetime2(6)",
    "datetimeoffset": "datetimeoffset(6)",
    "double": "float",
    "single": "real",
    "guid": "uniqueidentifier",
    "int": "int",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "timespan": "time(6)",
}
_SIZED: Mapping[str, str] = {"string": "nvarchar", "byte[]": "varbinary"}
_MOST_SIZED = 4000
_KINDS: Mapping[type, ValueType] = {
    bool: ValueType.BOOLEAN,
    int: ValueType.INT64,
    float: ValueType.DOUBLE,
    datetime: ValueType.DATETIME,
    date: ValueType.DATETIME,
    time: ValueType.TIMESPAN,
    bytes: ValueType.BYTES,
    bytearray: ValueType.BYTES,
    UUID: ValueType.GUID,
}


def literal(value: Any) -> str:
    """Return the SQL of a value."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, datetime):
        if value.tzinfo:
            return DIALECT.literal(instant_text(value.astimezone(UTC)) + " +00:00")
        return DIALECT.literal(value.isoformat(timespec="microseconds"))
    if isinstance(value, timedelta):
        return DIALECT.literal(clock(value // timedelta(microseconds=1)))
    return DIALECT.literal(str(value))


def type_of(given: Given) -> str:
    """Return the type of a parameter's variable."""
    if given.type in _SIZED:
        size = str(given.size) if given.size and 0 < given.size <= _MOST_SIZED else "max"
        return f"{_SIZED[given.type]}({size})"
    if given.type == "decimal":
        sign, digits, exponent = (given.value if isinstance(given.value, Decimal) else Decimal(0)).as_tuple()
        del sign, digits
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        return f"decimal(38, {max(scale, 10) if given.output else scale})"
    return _TYPES.get(given.type, "nvarchar(max)")


def with_variables(text: str, values: Sequence[Given]) -> str:
    """Return a batch in which each parameter is a variable; the last result has the outputs, where there are any."""
    lines = [f"DECLARE {_variable(one)} {type_of(one)} = {literal(one.value)};" for one in values]
    outputs = _outputs(values)
    return "\n".join([*lines, text, *([outputs] if outputs else [])])


def called(procedure: str, values: Sequence[Given], *, outputs: bool) -> str:
    """Return a batch that calls a procedure with its parameters by name."""
    asked = [one for one in values if one.output] if outputs else []
    lines = [f"DECLARE {_variable(one)} {type_of(one)} = {literal(one.value)};" for one in asked]
    passed = ", ".join(
        f"{_variable(one)} = " + (f"{_variable(one)} OUTPUT" if one in asked else literal(one.value)) for one in values
    )
    return "\n".join(
        [*lines, f"EXEC {dotted(procedure)} {passed};".replace(" ;", ";"), *([_outputs(asked)] if asked else [])]
    )


def dotted(name: str) -> str:
    """Return the name of a procedure or a type in quotes; one that has some is left as it is."""
    if "[" in name or '"' in name:
        return name
    return ".".join(DIALECT.quoted(part) for part in name.split("."))


def _variable(given: Given) -> str:
    return "@" + given.name.lstrip("@:")


def _outputs(values: Sequence[Given]) -> str:
    listed = ", ".join(f"{_variable(one)} AS {DIALECT.quoted(one.name)}" for one in values if one.output)
    return f"SELECT {listed};" if listed else ""


def fields_of(description: Sequence[Any]) -> tuple[Field, ...]:
    """Return the columns of a result as the driver describes them."""
    fields = []
    for name, kind, _, _, precision, scale, _ in description:
        if kind is Decimal:
            fields.append(Field(str(name), ValueType.DECIMAL, int(precision or 38), int(scale or 0)))
        else:
            fields.append(Field(str(name), _KINDS.get(kind, ValueType.STRING)))
    return tuple(fields)
