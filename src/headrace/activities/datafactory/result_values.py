"""Values of rows as Lookup and Script give them: JSON in the forms of the contract (8.2)."""

import base64
import datetime as dt
import json
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from headrace.core.codec import Json
from headrace.dataplane.transfer.values import Field, ValueType

_MICROSECONDS = 1_000_000
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY = 86_400 * _MICROSECONDS


def row_object(row: Iterable[tuple[Field, Any]], *, decimals_as_text: bool) -> dict[str, Json]:
    """Return a row as an object; of columns that have one name the last counts, as in JSON."""
    return {field.name: value_json(field.type, value, decimals_as_text=decimals_as_text) for field, value in row}


def value_json(kind: ValueType, value: Any, *, decimals_as_text: bool) -> Json:
    """Return a value: instants as ``yyyy-MM-ddTHH:mm:ss[.fff…]Z``, bytes in base64, decimals as numbers or texts, documents as what they are."""
    if value is None or isinstance(value, bool):
        return value
    if kind is ValueType.TIMESPAN and isinstance(value, int):
        return timespan_text(value)
    if kind is ValueType.DOCUMENT and isinstance(value, str):
        return _document(value)
    if kind is ValueType.GUID:
        return str(value).lower()
    if isinstance(value, Decimal):
        return str(value) if decimals_as_text else decimal_number(value)
    return _time_text(value) or _plain(value)


def _time_text(value: Any) -> str | None:
    match value:
        case dt.datetime():
            return instant_text(value)
        case dt.date():
            return f"{value.isoformat()}T00:00:00Z"
        case dt.timedelta():
            return timespan_text(value // _MICROSECOND)
        case dt.time():
            moment = dt.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
            return timespan_text(moment // _MICROSECOND + value.microsecond)
    return None


def _plain(value: Any) -> Json:
    match value:
        case int():
            return value
        case float():
            return value if math.isfinite(value) else str(value).replace("inf", "Infinity").replace("nan", "NaN")
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode("ascii")
    return str(value)


def instant_text(value: dt.datetime) -> str:
    """Return a date with a time; one without a zone counts as UTC."""
    utc = value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
    whole = utc.replace(microsecond=0).isoformat()
    return f"{whole}{f'.{utc.microsecond:06d}'.rstrip('0') if utc.microsecond else ''}Z"


def timespan_text(microseconds: int) -> str:
    """Return a span of time as .NET writes it: ``[-][d.]hh:mm:ss[.fffffff]``."""
    sign, rest = "-" if microseconds < 0 else "", abs(microseconds)
    days, rest = divmod(rest, _DAY)
    seconds, fraction = divmod(rest, _MICROSECONDS)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}" + (f".{fraction:06d}0" if fraction else "")
    return f"{sign}{f'{days}.' if days else ''}{text}"


def decimal_number(value: Decimal) -> Json:
    """Return a decimal as a JSON number: a whole one where it is whole."""
    if not value.is_finite():
        return str(value)
    return int(value) if value == value.to_integral_value() else float(value)


def _document(text: str) -> Json:
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found
