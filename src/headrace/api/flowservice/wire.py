"""How fields of requests are read: numbers may be numeric strings, booleans any case, unknown fields are no error (1.7)."""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.core.clock import Instant
from headrace.http.bodies import Body, Missing

Item: TypeAlias = dict[str, Any]
"""A JSON object of the dialect, on its way in or out."""

MS = 1_000
"""Microseconds in a millisecond."""
SECONDS_OR_MS = 10**12
"""From here on, a time is read as ms (5.1)."""
MAX_SECONDS = 253_402_300_799
"""The end of the year 9999: what a date can hold."""

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.0*)?")


def body_object(body: Body) -> Item:
    """Return the body as an object.

    Raises:
        Refusal: 1405-400: no body; 1000-400: no object.
    """
    if isinstance(body, Missing):
        raise Refusal(Fault.NO_BODY, "the request has no body; a JSON object is expected")
    if not isinstance(body, Mapping):
        raise Refusal(Fault.BODY, f"the body is {_found(body)}; a JSON object is expected")
    return dict(body)


def object_in(item: Mapping[str, Any], name: str) -> Item:
    """Return the object at ``name``; what is absent, null or no object is an empty one."""
    value = item.get(name)
    return dict(value) if isinstance(value, Mapping) else {}


def list_in(item: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list at ``name``; what is absent, null or no list is an empty one."""
    value = item.get(name)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def text_in(item: Mapping[str, Any], name: str, default: str = "") -> str:
    """Return the text at ``name``, or ``default`` for what is absent, null or no text."""
    value = item.get(name)
    return value if isinstance(value, str) else default


def required_text(item: Mapping[str, Any], name: str, *, where: str = "") -> str:
    """Return the text at ``name``.

    Raises:
        Refusal: B 1304-400: absent, null, empty or no text.
    """
    value = text_in(item, name).strip()
    if not value:
        raise Refusal(Fault.MISSING, f"the field {where}{name} is missing; a text is expected")
    return text_in(item, name)


def integer(value: object) -> int | None:
    """Return ``value`` as an integer: an integer, a whole float or a numeric string; None for all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return None


def number(value: object) -> float | None:
    """Return ``value`` as a number: a number or a numeric string; None for all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 10**300 else None
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,18})?", value.strip()):
        return float(value)
    return None


def flag(value: object) -> bool | None:
    """Return ``value`` as a boolean: a boolean, or ``true``/``false`` in any case; None for all else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    return None


def instant(value: object) -> Instant | None:
    """Return a time given in s, or in ms from 10^12 on; None where it is no number or lies outside of the years 1970 to 9999."""
    given = integer(value)
    if given is None or given < 0:
        return None
    milliseconds = given if given >= SECONDS_OR_MS else given * 1000
    return Instant(milliseconds * MS) if milliseconds // 1000 <= MAX_SECONDS else None


def milliseconds(moment: Instant | None) -> int:
    """Return an instant in ms; None is 0."""
    return 0 if moment is None else moment // MS


def stable_uuid(*parts: str) -> str:
    """Return the UUID, of the form of version 4, that always belongs to ``parts`` (a sandbox)."""
    return str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_URL, "\x1f".join(parts)).bytes, version=4))


def _found(value: object) -> str:
    if value is None:
        return "null"
    return "a list" if isinstance(value, list) else "no object"
