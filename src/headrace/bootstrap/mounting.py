"""Which door answers a request: each has its published paths, and is asked with the path as the client sent it."""

from collections.abc import Callable, Sequence

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
