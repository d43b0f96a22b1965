"""Server-sent events: a page or a script hears when something has changed, and then asks for it as it always does."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from headrace.core.errors import Code, Problem

Look = Callable[[], str | None]
"""Returns a text that is another one when something has changed, or None when nothing more can change. It may block: it is called in a thread."""

MEDIA_TYPE = "text/event-stream"
QUIET_SECONDS = 15.0
"""After so long without an event a comment is sent, so that nobody between takes the connection for dead."""
_RECONNECT_MS = 2000
_LOOKS_AT_ONCE = 4
"""Threads that look at the same time, however many listen: requests need threads, too."""


class Streams:
    """The streams that a process has open, at most ``limit`` of them, and at most half of these for one caller."""

    def __init__(self, limit: int, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._limit = limit
        self._quiet_seconds = quiet_seconds
        self._lock = threading.Lock()
        self._open: set[_Stream] = set()
        self._stopped = False
        self._threads: CapacityLimiter | None = None

    def open(self, look: Look, every_seconds: float = 1.0, since: str | None = None, whose: str = "") -> Response:
        """Return an answer that tells ``event: changed`` with ``look``'s text as soon as that is another one than before.

        ``since``: the text that the caller knows already (None: the first one is told in any case). The stream ends with ``event: ended`` when
        ``look`` gives None or raises a ``Problem`` that trying again does not mend (through an outage, ``UNAVAILABLE``, it is silent); and
        without a word when the process stops: then the caller comes again. ``whose``: the caller who is counted, if that is known. For the
        event loop only.

        Raises:
            Problem: ``UNAVAILABLE``: so many streams are open already, or the process stops.
        """
        stream = _Stream(look, every_seconds, since, whose)
        with self._lock:
            own = sum(one.whose == whose for one in self._open) if whose else 0
            if self._stopped or len(self._open) >= self._limit:
                raise Problem(Code.UNAVAILABLE, f"{self._limit} event streams are open, the limit of this server")
            if own >= max(1, self._limit // 2):
                raise Problem(Code.UNAVAILABLE, f"{whose} has {own} event streams open, the limit for one caller")
            self._open.add(stream)
        return _EventResponse(self, stream)

    def stop(self) -> None:
        """End all streams, and refuse further ones. From any thread."""
        with self._lock:
            self._stopped = True
            open_now = tuple(self._open)
        for stream in open_now:
            stream.wake()

    @property
    def count(self) -> int:
        """Return how many streams are open."""
        with self._lock:
            return len(self._open)

    def close(self, stream: "_Stream") -> None:
        """Forget a stream that has ended."""
        with self._lock:
            self._open.discard(stream)

    async def events(self, stream: "_Stream") -> AsyncIterator[str]:
        """Yield what a stream says, as it goes over the wire."""
        stream.begin()
        known, spoken = stream.since, time.monotonic()
        yield f"retry: {_RECONNECT_MS}\n\n"
        while not self._stopped:
            try:
                seen = await to_thread.run_sync(stream.look, limiter=self._limiter())
                over = seen is None
            except Problem as problem:
                # In an outage nothing new is known; a stream that ended then would not be opened again: browsers give up on a refused one.
                seen, over = known, problem.code is not Code.UNAVAILABLE
            if over:
                yield _event("ended", "")
                return
            if seen is not None and seen != known:
                known, spoken = seen, time.monotonic()
                yield _event("changed", seen)
            elif time.monotonic() - spoken >= self._quiet_seconds:
                spoken = time.monotonic()
                yield ": still here\n\n"
            await stream.pause()

    def _limiter(self) -> CapacityLimiter:
        # Made by the first that needs it, since it belongs to a loop.
        if self._threads is None:
            self._threads = CapacityLimiter(_LOOKS_AT_ONCE)
        return self._threads


@dataclass(eq=False)
class _Stream:
    """One listener."""

    look: Look
    every_seconds: float
    since: str | None
    whose: str
    loop: asyncio.AbstractEventLoop | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """Say which loop the stream is in."""
        self.loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """End the pause. From any thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.woken.set)

    async def pause(self) -> None:
        """Wait for the next look."""
        try:
            async with asyncio.timeout(self.every_seconds):
                await self.woken.wait()
        except TimeoutError:
            return


class _EventResponse(StreamingResponse):
    """The answer that goes on; its place is free again however it ends."""

    def __init__(self, streams: Streams, stream: _Stream) -> None:
        super().__init__(streams.events(stream), media_type=MEDIA_TYPE, headers={"x-accel-buffering": "no"})
        self._streams = streams
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until there is nothing more to say, or nobody to say it to."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.close(self._stream)


def _event(kind: str, text: str) -> str:
    """Return an event. A text that is no single line has no id, which could not hold it."""
    lines = text.splitlines() or [""]
    identity = f"id: {text}\n" if text and len(lines) == 1 and "\0" not in text else ""
    return f"event: {kind}\n{identity}{''.join(f'data: {line}' + chr(10) for line in lines)}\n"
