"""Paths (contract 1): fixed segments match in any case, names arrive percent-encoded. Both are settled here, before anything is routed.

A path alternates fixed segments and names: ``/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataFactory/factories/{f}/pipelines/{p}``.
Routes are written with their fixed segments in lower case; names go through as they were sent.
"""

from collections.abc import Iterator
from enum import Enum
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.api.datafactory.errors import bad_request
from headrace.core.errors import Problem
from headrace.http.problems import Renderer

SUBSCRIPTION = "/subscriptions/{subscription}/providers/microsoft.datafactory"
"""The beginning of all paths of a subscription that are in no resource group, as routes have it."""
PROVIDER = "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.datafactory"
"""The beginning of all paths of a resource group, as routes have it."""
FACTORY = f"{PROVIDER}/factories/{{factory}}"
"""The beginning of all paths of a factory, as routes have it."""
SUBSCRIPTIONS = "subscriptions"
"""The first segment of the paths of resources, in lower case."""
_TOKENS = "oauth2"


class _Turn(Enum):
    """What the next segment is: a fixed word, the provider's name (fixed as well), or a name."""

    KIND = 1
    PROVIDER = 2
    NAME = 3


class Paths:
    """Wraps the router: it sees fixed segments in lower case. ``request.state.segments`` are all segments, decoded, as they were sent."""

    def __init__(self, app: ASGIApp, *, render: Renderer) -> None:
        self._app = app
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            given = segments_of(scope)
        except Problem as problem:
            await self._render(Request(scope), problem)(scope, receive, send)
            return
        path = "/" + "/".join(canonical(given))
        await self._app({**scope, "path": path, "state": {**scope["state"], "segments": given}}, receive, send)


def segments_of(scope: Scope) -> tuple[str, ...]:
    """Return the segments of a request's path, decoded.

    Raises:
        Refusal: 400: one holds an encoded slash, or is no UTF-8.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("ascii", "replace").partition("?")[0]
    return tuple(map(_decoded, path.removeprefix("/").split("/")))


def canonical(segments: tuple[str, ...]) -> list[str]:
    """Return the segments with the fixed ones in lower case."""
    lowered = [segment.lower() for segment in segments]
    if lowered[0] == SUBSCRIPTIONS:
        return list(_alternating(segments, lowered))
    if len(segments) > 1 and lowered[1] == _TOKENS:
        return [segments[0], *lowered[1:]]
    return list(segments)


def _alternating(segments: tuple[str, ...], lowered: list[str]) -> Iterator[str]:
    turn = _Turn.KIND
    for segment, lower in zip(segments, lowered, strict=True):
        yield segment if turn is _Turn.NAME else lower
        after = _Turn.PROVIDER if lower == "providers" else _Turn.NAME
        turn = after if turn is _Turn.KIND else _Turn.KIND


def _decoded(segment: str) -> str:
    try:
        name = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise bad_request("The path of the request is not UTF-8 where it is percent-encoded.", segment) from None
    if "/" in name:
        raise bad_request(f"The name '{name}' has a slash, which no name can have.", name)
    return name
