"""The layer around all doors: counts what is answered and, where that is wanted, writes a line for each answer."""

import time
from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.core.traffic import Traffic

_log = structlog.get_logger("headrace.access")
LONGEST_SEGMENT = 80
"""Characters of a part of a path that lines of answers show."""
_NO_ANSWER = 499
"""Stands for the status of a request whose client has gone before it was answered."""


class Measured:
    """Wraps an application. ``door_of`` names the door that a path belongs to. Streams are counted by the time to their first byte."""

    def __init__(self, app: ASGIApp, traffic: Traffic, door_of: Callable[[str], str], *, log: bool = False) -> None:
        self._app = app
        self._traffic = traffic
        self._door_of = door_of
        self._logs = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status, request_id, answered = _NO_ANSWER, "", 0.0

        async def sender(message: Message) -> None:
            nonlocal status, request_id, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter() - begun
                request_id = next((v.decode() for k, v in message["headers"] if k.lower() == b"x-request-id"), "")
            await send(message)

        try:
            await self._app(scope, receive, sender)
        finally:
            took = answered or time.perf_counter() - begun
            door = self._door_of(scope["path"])
            self._traffic.answered(door, status, took)
            if self._logs:
                self._write(scope, door, status, took, request_id)

    def _write(self, scope: Scope, door: str, status: int, took: float, request_id: str) -> None:
        client = scope.get("client")
        _log.info(
            "request",
            method=scope["method"],
            path=_shown(scope["path"]),
            status=status,
            ms=round(took * 1000, 1),
            door=door,
            client=client[0] if client else "",
            request_id=request_id,
        )


def _shown(path: str) -> str:
    """Return a path without what is as long as a token (callbacks have theirs in the path). The query, which may have one too, is no part of it."""
    return "/".join("…" if len(segment) > LONGEST_SEGMENT else segment for segment in path.split("/"))
