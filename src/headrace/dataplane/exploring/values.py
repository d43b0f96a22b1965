"""Values of typed rows as JSON that people and doors read: instants in ISO 8601, binary in base64, no nulls in objects."""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.core.codec import Json
from headrace.core.schema import STRING, ColumnType, Kind

_BYTE = re.compile(rb"\\x([0-9A-F]{2})")


def shown(value: Any, type_: ColumnType) -> Json:
    """Return ``value``, as DuckDB's ``to_json`` writes one of ``type_``, as JSON."""
    if value is None:
        return None
    if type_.kind is Kind.STRUCT and isinstance(value, Mapping):
        fields = ((field.name, shown(value.get(field.name), field.type)) for field in type_.fields)
        return {name: item for name, item in fields if item is not None}
    if type_.kind is Kind.LIST and isinstance(value, Sequence):
        return [shown(item, type_.element or STRING) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _SCALARS[type_.kind](value) if type_.kind in _SCALARS and isinstance(value, str) else value


def document(text: str) -> Json:
    """Return the JSON document that is written in a JSON column; a text that is none stays a text."""
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found


def _instant(text: str) -> str:
    return text.replace(" ", "T", 1).removesuffix("+00") + "Z" if text.endswith("+00") else text


def _base64(text: str) -> str:
    data = _BYTE.sub(lambda match: bytes([int(match[1], 16)]), text.encode("latin-1", "replace"))
    return base64.b64encode(data).decode()


_SCALARS: Mapping[Kind, Callable[[str], Json]] = {Kind.TIMESTAMP: _instant, Kind.BINARY: _base64}
