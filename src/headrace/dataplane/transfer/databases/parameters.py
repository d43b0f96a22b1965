"""Parameters of statements and procedures: JSON's values as those of their types."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from headrace.core.codec import Json
from headrace.dataplane.transfer.databases.links.link import Given
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Parameter

_SPAN = re.compile(r"(-?)(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?")
_BITS = {
    "byte": (0, 2**8),
    "int16": (-(2**15), 2**15),
    "int32": (-(2**31), 2**31),
    "int": (-(2**31), 2**31),
    "int64": (-(2**63), 2**63),
}


def given(parameter: Parameter) -> Given:
    """Return a parameter with the value of its type.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the value is none of its type, or the type is not known.
    """
    kind = parameter.type.lower()
    output = parameter.direction.lower() in ("output", "inputoutput")
    if kind not in _READS:
        known = ", ".join(sorted(_READS))
        raise _invalid(f"the parameter {parameter.name!r} has the type {parameter.type!r}; there are {known}")
    value = parameter.value
    if value is not None:
        try:
            value = _READS[kind](value)
        except (ValueError, TypeError, InvalidOperation, OverflowError, binascii.Error) as error:
            raise _invalid(f"the parameter {parameter.name!r} is no {parameter.type}: {str(value)[:80]!r}") from error
        bits = _BITS.get(kind)
        if bits and not bits[0] <= value < bits[1]:
            raise _invalid(f"the parameter {parameter.name!r} is out of range of {parameter.type}: {value}")
    return Given(parameter.name, value, kind, output, parameter.size)


def _invalid(message: str) -> TransferProblem:
    return TransferProblem(Reason.REQUEST_INVALID, Side.NEITHER, message)


def _boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise ValueError(text)


def _whole(value: Json) -> int:
    if isinstance(value, bool):
        return int(value)
    number = Decimal(str(value).strip())
    if number != number.to_integral_value():
        raise ValueError(value)
    return int(number)


def _instant(value: Json) -> datetime:
    # More digits of a fraction than Python reads (seven, as .NET writes) say nothing that a database keeps.
    text = re.sub(r"(\.\d{6})\d+", r"\1", str(value).strip())
    return datetime.fromisoformat(text)


def _datetime(value: Json) -> datetime:
    moment = _instant(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _offset(value: Json) -> datetime:
    moment = _instant(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _span(value: Json) -> timedelta:
    match = _SPAN.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(value)
    sign, days, hours, minutes, seconds, fraction = match.groups()
    micros = int((fraction or "0").ljust(7, "0")[:6])
    span = timedelta(int(days or 0), int(seconds or 0), micros, 0, int(minutes), int(hours))
    return -span if sign else span


def _bytes(value: Json) -> bytes:
    return base64.b64decode(str(value), validate=True)


_READS: Mapping[str, Callable[[Json], Any]] = {
    "boolean": _boolean,
    "datetime": _datetime,
    "datetimeoffset": _offset,
    "decimal": lambda value: Decimal(str(value).strip()),
    "double": lambda value: float(str(value)),
    "single": lambda value: float(str(value)),
    "guid": lambda value: UUID(str(value)),
    "byte": _whole,
    "int": _whole,
    "int16": _whole,
    "int32": _whole,
    "int64": _whole,
    "string": lambda value: value if isinstance(value, str) else _text(value),
    "timespan": _span,
    "byte[]": _bytes,
}


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    return str(value)
