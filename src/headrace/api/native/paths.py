"""Which paths are the door's, and how they are read."""

from starlette.types import ASGIApp, Receive, Scope, Send

ROOT = "native"
HEALTH, READY, METRICS = "/healthz", "/readyz", "/metrics"
_ALONE = frozenset({HEALTH, READY, METRICS})


def serves(path: str) -> bool:
    """Say whether a path is one of this door: ``/native/…``, ``/healthz``, ``/readyz``, ``/metrics``."""
    return path.split("/", 2)[1:2] == [ROOT] or (path.rstrip("/") or "/") in _ALONE


class Raw:
    """Hands paths on as they were sent, without decoding them: what is named in one may have a slash in its name.

    The names are decoded by who reads them (``routes.path_values``).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        raw: bytes | None = scope.get("raw_path")
        if scope["type"] == "http" and raw is not None:
            scope = {**scope, "path": raw.decode("latin-1")}
        await self._app(scope, receive, send)
