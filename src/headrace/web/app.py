"""The console as an application: every route needs a session but the login and the static files, and every form its token."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.core.client import Identity
from headrace.core.errors import Code, Problem
from headrace.core.native.table import REPLAY
from headrace.http.authentication import default_deny
from headrace.http.edge import MAX_BODY_BYTES, Edge
from headrace.http.event_stream import Streams
from headrace.http.problems import answer_problems
from headrace.http.rates import Rates
from headrace.service.native.desk import NativeDesk
from headrace.service.tokens import TokenDesk
from headrace.web import sessions, statics
from headrace.web.console import Console, console_of
from headrace.web.failures import answer, answer_bare
from headrace.web.forms import form_of
from headrace.web.pages import (
    activity,
    audit,
    clients,
    connections,
    diff,
    entry,
    flows,
    logs,
    rejects,
    retry,
    run,
    runs,
    schedules,
    selection,
    webhooks,
    workers,
)
from headrace.web.paths import serves

__all__ = ["make_app", "serves"]

OPEN = (entry.open_router, statics.router)
"""What is answered without a session."""
ROUTERS = (
    entry.router,
    runs.router,
    selection.router,
    diff.router,
    activity.router,
    logs.router,
    retry.router,
    run.router,
    rejects.router,
    flows.router,
    schedules.router,
    connections.router,
    webhooks.router,
    workers.router,
    clients.router,
    audit.router,
)
"""What needs one. A path that is spelt out stands before one with an id in its place."""
MAX_FORM_BYTES = 4 << 20
"""Bytes of a form without a file."""
LOGINS_PER_MINUTE = 20
_WITH_FILES = "/rejects/"
"""Below this, forms bring files."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    # With none at all, browsers would not say where a form comes from.
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""What every answer of the console says to browsers."""


class SafeHeaders:
    """Says ``HEADERS`` with every answer, whatever made it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, sending)


def make_app(  # noqa: PLR0913 — what it is made of, each named
    *,
    desk: NativeDesk,
    tokens: TokenDesk,
    streams: Streams,
    dev: bool = False,
    public_url: str | None = None,
    rates: Rates | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """Return the console, complete with its edge.

    ``tokens`` issues and checks those of sessions. ``dev``: nobody logs in. ``rates``: how often one client may ask (None: as it likes).
    ``max_body_bytes``: of a file that is sent.
    """
    guard = default_deny(_admit, open_routes=[route for router in OPEN for route in router.routes])
    app = FastAPI(
        title="Headrace: console",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_readable), Depends(guard), Depends(_own_form)],
    )
    app.state.console = Console(
        desk=desk,
        tokens=tokens,
        streams=streams,
        logins=Rates(LOGINS_PER_MINUTE),
        rates=rates or Rates(),
        dev=dev,
        public_url=public_url,
    )
    # The last one is the outermost.
    app.add_middleware(
        Edge,
        render=answer_bare,
        max_body_bytes=MAX_FORM_BYTES,
        larger={_WITH_FILES: max_body_bytes},
        loopback_only=dev,
    )
    app.add_middleware(SafeHeaders)
    answer_problems(app, answer)
    for router in (*OPEN, *ROUTERS):
        app.include_router(router)
    app.include_router(_last_router())
    return app


def _admit(request: Request) -> Identity:
    console = console_of(request)
    caller = sessions.who(request, console.tokens, dev=console.dev)
    if not console.rates.admit(caller.client_id):
        raise Problem(Code.LIMIT_EXCEEDED, "too many requests; come again in a few seconds")
    return caller


def _readable(request: Request) -> None:
    """Refuse characters that no database keeps, wherever they stand."""
    if "\0" in request.url.path or "%00" in request.url.query:
        raise Problem(Code.INVALID, "the address has the character NUL")


async def _own_form(request: Request) -> AsyncIterator[None]:
    """Let nothing be pressed but in a form of this session's own pages; close the form's file when all is answered."""
    if not sessions.is_safe(request):
        await _check_form(request)
    try:
        yield
    finally:
        await request.close()


async def _check_form(request: Request) -> None:
    console = console_of(request)
    sessions.require_same_origin(request, console.public_url)
    if request.url.path.startswith(_WITH_FILES):
        # Before its file is taken in.
        console.require(request, REPLAY)
    shown = request.headers.get(sessions.HEADER)
    if shown is None:
        shown = (await form_of(request)).text(sessions.FIELD)
    sessions.require_form_token(request, console.desk.sealer, shown)


def _last_router() -> APIRouter:
    router = APIRouter()

    def nothing(request: Request) -> Response:
        """Refuse what is not offered."""
        raise Problem(Code.NOT_FOUND, f"there is no page {request.url.path}")

    router.add_api_route("/{path:path}", nothing, methods=_METHODS, include_in_schema=False)
    return router
