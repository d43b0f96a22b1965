"""Where the door stands (contract 1.1), and the outer layers that every request goes through."""

from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.service.happenings.open_requests import OpenRequests

API = "/v1"
"""Where the routes are; ``/api/v1`` is the same."""
JSONL = "/v2-alpha/records.jsonl"
_PREFIX = "/api"
_MOUNTS = (API, "/v2-alpha", "/v2/subscribe", "/v2/presence", "/time")
_PREFIXED = (_PREFIX + API, _PREFIX + "/v2-alpha")


def serves(path: str) -> bool:
    """Say whether a path is one of this door."""
    return any(path == mount or path.startswith(mount + "/") for mount in (*_MOUNTS, *_PREFIXED))


class Mounts:
    """The outermost layer: ``/api/…`` is ``/…``, and a request is open until its answer was sent.

    ``request.state.open_request`` is the word for it, which nobody but this server can name: what listeners are told waits for it (9.1).
    """

    def __init__(self, app: ASGIApp, *, open_requests: OpenRequests) -> None:
        self._app = app
        self._open = open_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        inner = _without_prefix(scope)
        if scope["method"] in {"GET", "HEAD"}:
            # It causes nothing, and may be a long one that waits for what others cause.
            inner["state"] = {**scope.get("state", {}), "open_request": ""}
            await self._app(inner, receive, send)
            return
        request = self._open.begin()
        inner["state"] = {**scope.get("state", {}), "open_request": request}
        try:
            await self._app(inner, receive, send)
        finally:
            self._open.end(request)


def _without_prefix(scope: Scope) -> Scope:
    inner = dict(scope)
    path: str = scope["path"]
    if path.startswith(_PREFIX + "/"):
        inner["path"] = path.removeprefix(_PREFIX)
        raw: bytes | None = scope.get("raw_path")
        if raw is not None:
            inner["raw_path"] = raw.removeprefix(_PREFIX.encode())
    return inner
