"""The wire's forms (contract 1): dates with seven digits, compact JSON, bodies without duplicate keys, and the headers of every answer."""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.core.clock import Clock, Instant, to_datetime

Item: TypeAlias = dict[str, Any]
"""A JSON object of the dialect."""

_MEDIA_TYPE = "application/json; charset=utf-8"
_FIXED = {
    "cache-control": "no-cache",
    "pragma": "no-cache",
    "expires": "-1",
    "x-content-type-options": "nosniff",
}
_REMAINING = "11999"
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,200}")
_OURS = b"x-request-id"


def answer(value: object, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """Return ``value`` as compact JSON."""
    return told(json_text(value), status, headers)


def told(text: str, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """Return ``text``, which is JSON already."""
    return Response(text.encode(), status, dict(headers), media_type=_MEDIA_TYPE)


def json_text(value: object) -> str:
    """Return ``value`` as compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def empty(status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """Return an answer without a body."""
    return Response(status_code=status, headers=dict(headers))


def date(instant: Instant) -> str:
    """Return ``instant`` as ISO 8601 in UTC with seven digits of the second and ``Z``."""
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


class Conventions:
    """The outermost layer: it gives every answer the headers of Azure Resource Manager.

    The request's id is always a new one of ours (``request.state.request_id``, in the answer and in the log); the caller's own
    ``x-ms-client-request-id`` is repeated beside it.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-ms-client-request-id", "")
        inner = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != _OURS]}

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._stamp(MutableHeaders(scope=message), scope, given)
            await send(message)

        await self._app(inner, receive, sender)

    def _stamp(self, headers: MutableHeaders, scope: Scope, given: str) -> None:
        keeps_nothing = headers.get("cache-control") == "no-store" and "/oauth2/" in scope["path"].lower()
        for name, value in _FIXED.items():
            if name != "cache-control" or not keeps_nothing:
                headers[name] = value
        request_id = headers.get(_OURS.decode()) or str(uuid.uuid4())
        headers["x-ms-request-id"] = request_id
        headers["x-ms-correlation-request-id"] = request_id
        at = datetime.fromtimestamp(self._clock.now() // 1_000_000, UTC)
        headers["x-ms-routing-request-id"] = f"LOCAL:{at:%Y%m%dT%H%M%SZ}:{request_id}"
        headers[f"x-ms-ratelimit-remaining-subscription-{_KINDS.get(scope['method'], 'writes')}"] = _REMAINING
        if _CLIENT_ID.fullmatch(given):
            headers["x-ms-client-request-id"] = given
