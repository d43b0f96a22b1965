"""The wire's forms (contract 1.4, 1.5): envelopes, pages, and dates with milliseconds and ``Z``."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
from starlette.responses import Response

from headrace.core.clock import Instant, from_datetime, to_datetime

Item: TypeAlias = dict[str, Any]
"""A JSON object of the dialect."""

MEDIA_TYPE = "application/json; charset=utf-8"
_LONGEST_DATE = 40


def answer(value: object, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """Return ``value`` as it is, for the few answers without an envelope."""
    return told(msgspec.json.encode(value), status, headers)


def told(raw: bytes, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """Return ``raw``, which is JSON already."""
    return Response(raw, status, dict(headers), media_type=MEDIA_TYPE)


def data(value: object) -> Response:
    """Return ``{"data": value}``."""
    return answer({"data": value})


def success() -> Response:
    """Return the answer of actions that have no other: ``{"data": {"success": true}}``."""
    return data({"success": True})


def page(items: Sequence[object], total: int, number: int, size: int) -> Response:
    """Return one page of a list: ``items`` are those of page ``number`` (from 1) of ``total`` in pages of ``size``."""
    pagination = {"currentPage": number, "pageCount": -(-total // size), "totalCount": total}
    return answer({"pagination": pagination, "data": items})


def present(item: Mapping[str, Any]) -> Item:
    """Return ``item`` without the keys whose value is absent (None); what is inside of its values stays as it is."""
    return {key: value for key, value in item.items() if value is not None}


def date(instant: Instant) -> str:
    """Return ``instant`` as ISO 8601 in UTC with three digits of the second and ``Z``."""
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def date_or_none(instant: Instant | None) -> str | None:
    """Return ``date`` of an instant that may be absent."""
    return None if instant is None else date(instant)


def instant_of(text: str) -> Instant | None:
    """Return the instant that ``text`` (ISO 8601; without a zone: UTC) names, or None when it names none."""
    if len(text) > _LONGEST_DATE:
        return None
    try:
        # A "+" of an offset arrives as a blank where nobody encoded it.
        moment = datetime.fromisoformat(
            text.strip().replace(" ", "+") if text.count(" ") == 1 and "T" in text else text
        )
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return from_datetime(moment)
    except (ValueError, OverflowError):
        return None
