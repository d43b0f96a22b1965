"""The outermost layer of a door: request ids, body limits, safe headers, and the last answer when something breaks."""

import asyncio
import re
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.core.errors import Code, Problem
from headrace.http.links import is_loopback
from headrace.http.problems import Renderer

MAX_BODY_BYTES = 64 << 20
"""Bytes of a request's body, unless the installation says otherwise."""

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}")
_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}

BODY_SECONDS = 60.0
"""Seconds that a body may take, and one more for every ``SLOWEST_BYTES`` of it that have come."""
SLOWEST_BYTES = 1024
_ONCE = frozenset({"authorization", "content-length", "content-type", "host"})
_LATER = frozenset({429, 503})
_RETRY_AFTER_SECONDS = "2"
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::\d{1,5})?")

_log = structlog.get_logger("headrace.http")


class BodyTooLarge(Problem):
    """A body has more bytes than the door takes. Its code is ``LIMIT_EXCEEDED``, which other problems have too."""


class Edge:
    """Wraps a door.

    - ``request.state.request_id`` is the caller's ``x-request-id``, or a new one; the answer repeats it. ``request.state.given_request_id`` is the
      caller's own, or None: only that one may make a creation safe to repeat.
    - A path answers with and without a trailing slash.
    - A body over ``max_body_bytes`` is refused while it is read, whether it says its length or comes in chunks; below the paths that ``larger``
      names, bodies may have as many bytes as it says (files, which are streamed to the disk).
    - A body that comes more slowly than ``SLOWEST_BYTES`` a second is given up after ``body_seconds``.
    - A header of ``once`` that comes twice is refused, and so is a body of two lengths: a proxy before this server may have read the other one.
    - A 429 or 503 says when to come again.
    - With ``loopback_only``, a ``Host`` that is no loopback name is refused: a page whose own name was rebound to 127.0.0.1 gets no answer.
    - What is raised and is no ``Problem`` is logged under the request id and rendered as ``INTERNAL``, without its text.
    """

    body_seconds = BODY_SECONDS

    def __init__(
        self,
        app: ASGIApp,
        *,
        render: Renderer,
        max_body_bytes: int = MAX_BODY_BYTES,
        larger: Mapping[str, int] = MappingProxyType({}),
        loopback_only: bool = False,
        once: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._larger = larger
        self._loopback_only = loopback_only
        self._once = _ONCE | once
        self._render = render
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id")
        given = given if given and _REQUEST_ID.fullmatch(given) else None
        request_id = given or str(uuid.uuid4())
        inner = _without_trailing_slash(scope)
        inner["state"] = {**scope.get("state", {}), "request_id": request_id, "given_request_id": given}
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._answer(inner, receive, _Sender(send, request_id))

    async def _answer(self, inner: Scope, receive: Receive, sender: "_Sender") -> None:
        headers = Headers(scope=inner)
        if self._loopback_only and not _is_loopback(headers.get("host", "")):
            refusal = Problem(Code.FORBIDDEN, "this server is for development and answers to localhost only")
            await self._render(Request(inner), refusal)(inner, receive, sender)
            return
        ambiguous = self._ambiguous(headers)
        if ambiguous is not None:
            await self._render(Request(inner), ambiguous)(inner, receive, sender)
            return
        try:
            await self._app(inner, _limited(inner, receive, self._limit(inner["path"]), self.body_seconds), sender)
        except ClientDisconnect:
            # Nobody is there to be answered, and it is no failure of ours.
            return
        except Exception as error:  # the outermost edge: whatever is left is a bug, and must not show its insides
            # The trace as text: a log that shows the values of variables would show bodies and secrets.
            trace = "".join(traceback.format_exception(error))
            _log.error("a request failed unexpectedly", request_id=sender.request_id, path=inner["path"], trace=trace)
            if sender.started:
                raise
            problem = error if isinstance(error, Problem) else Problem(Code.INTERNAL, "an unexpected failure")
            response = self._render(Request(inner), problem)
            await response(inner, receive, sender)

    def _ambiguous(self, headers: Headers) -> Problem | None:
        """Return what is wrong with headers that two readers could read differently; None: nothing."""
        names = Counter(headers.keys())
        twice = sorted(name for name in self._once if names[name] > 1)
        if twice:
            return Problem(Code.INVALID, f"the header {twice[0]} comes {names[twice[0]]} times; once is expected")
        if "transfer-encoding" in names and "content-length" in names:
            return Problem(
                Code.INVALID, "the body has a Content-Length and a Transfer-Encoding; one of them is expected"
            )
        return None

    def _limit(self, path: str) -> int:
        larger = [limit for prefix, limit in self._larger.items() if path.startswith(prefix)]
        return max([self._max_body_bytes, *larger])


class _Sender:
    """Adds the headers that every answer has."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers["x-request-id"] = self.request_id
            if message["status"] in _LATER:
                headers.setdefault("retry-after", _RETRY_AFTER_SECONDS)
        await self._send(message)


def _is_loopback(host: str) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and is_loopback(match[1].strip("[]"))


def _without_trailing_slash(scope: Scope) -> Scope:
    inner = dict(scope)
    path: str = scope["path"]
    if len(path) > 1 and path.endswith("/"):
        inner["path"] = path.rstrip("/") or "/"
        raw: bytes | None = scope.get("raw_path")
        if raw is not None:
            inner["raw_path"] = raw.rstrip(b"/") or b"/"
    return inner


def _limited(scope: Scope, receive: Receive, limit: int, seconds: float) -> Receive:
    declared = Headers(scope=scope).get("content-length", "0")
    seen = int(declared) if declared.isdecimal() and int(declared) > limit else 0
    begun, complete = time.monotonic(), False

    async def limited() -> Message:
        nonlocal seen, complete
        _check(seen, limit)
        if complete:
            # What comes after the body is that the client has gone, however late.
            return await receive()
        try:
            async with asyncio.timeout(begun + seconds + seen / SLOWEST_BYTES - time.monotonic()):
                message = await receive()
        except TimeoutError as error:
            raise Problem(Code.LIMIT_EXCEEDED, f"the body comes too slowly: {seen} bytes in {seconds:g} s") from error
        seen += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        _check(seen, limit)
        return message

    return limited


def _check(seen: int, limit: int) -> None:
    if seen > limit:
        raise BodyTooLarge(Code.LIMIT_EXCEEDED, f"the body has more than {limit} bytes, the limit of this server")
