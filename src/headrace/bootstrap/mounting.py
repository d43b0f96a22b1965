"""Which door answers a request: each has its published paths, and is asked with the path as the client sent it."""

import threading
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send


class Doors:
    """One application of several: the first whose test takes the path, else ``otherwise``."""

    def __init__(self, mounted: Sequence[tuple[Callable[[str], bool], ASGIApp]], otherwise: ASGIApp) -> None:
        self._mounted = tuple(mounted)
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one request on."""
        path = scope.get("path", "")
        app = next((app for takes, app in self._mounted if takes(path)), self._otherwise)
        await app(scope, receive, send)


class Later:
    """An application that is made when it is asked for the first time: what nobody asks for takes no memory."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._made
        if app is None:
            app = await run_in_threadpool(self._get)
        await app(scope, receive, send)

    def _get(self) -> ASGIApp:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
