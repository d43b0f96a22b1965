"""What every page has at hand: whom it works for, how it asks, and how it becomes HTML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO
from urllib.parse import urlencode

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from headrace.core.client import Identity, Role
from headrace.core.errors import Code, Problem
from headrace.core.native.installation import About, Me
from headrace.core.native.operation import Asked, Nothing, Operation, Told
from headrace.core.native.table import SHOW_ABOUT, SHOW_ME
from headrace.http.compression import squeeze
from headrace.http.event_stream import Streams
from headrace.http.rates import Rates
from headrace.service.native.answering import ask
from headrace.service.native.desk import NativeDesk
from headrace.service.tokens import TokenDesk
from headrace.web import sessions
from headrace.web.templating import render

LIVE_SECONDS = 1.0
"""How often the server looks for those who watch."""
_NAVIGATION = (
    ("Work", (("runs", "Runs"), ("rejects", "Rejects"), ("flows", "Flows"), ("schedules", "Schedules"))),
    ("Places", (("connections", "Connections"), ("webhooks", "Webhooks"))),
    ("Installation", (("workers", "Workers"), ("clients", "Clients"), ("audit", "Audit"))),
)
_OF_ADMINS = frozenset({"clients"})
_WITHOUT_SCOPE = frozenset({"workers", "clients"})


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation."""

    name: str
    title: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around a page: the navigation in groups, who looks, the scope that lists are narrowed down to, and the installation's state."""

    navigation: tuple[tuple[str, tuple[Link, ...]], ...]
    me: Me
    about: About
    scope: str | None
    scope_action: str
    dev: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What pages need.

    ``public_url``: where people reach this server, if that is known. ``logins``: how often one may try to log in; ``rates``: how often one may ask.
    """

    desk: NativeDesk
    tokens: TokenDesk
    streams: Streams
    logins: Rates
    rates: Rates
    dev: bool = False
    public_url: str | None = None

    def caller(self, request: Request) -> Identity:
        """Return who asks: it was looked at before the handler was called."""
        caller: Identity = request.state.caller
        return caller

    def ask(
        self,
        request: Request,
        operation: Operation[Asked, Told],
        asked: Asked,
        body: BinaryIO | None = None,
    ) -> Told:
        """Return what the operation tells whoever asks.

        Raises:
            Problem: as the operation does; the console makes a page of it.
        """
        return ask(self.desk, self.caller(request), operation, asked, body)

    def require(self, request: Request, operation: Operation[Any, Any]) -> None:
        """Refuse a page whose button who looks may not press.

        Raises:
            Problem: ``FORBIDDEN``.
        """
        role = self.caller(request).role
        if not role.includes(operation.role):
            raise Problem(Code.FORBIDDEN, f"this needs the role {operation.role}; you are {role}")

    def page(self, request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """Return a page. Beside ``values``, its template has ``frame`` and what ``part`` has."""
        known = {**self._known(request), "frame": self._frame(request), **values}
        return html(request, render(template, known), status)

    def part(
        self, request: Request, template: str, block: str, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        """Return one block of a template alone, for what is live.

        It has ``ui``, ``static``, ``now``, ``csrf``, ``path``, ``operator`` and ``admin`` (whether who looks may press what they may); no ``frame``.
        """
        return html(request, render(template, {**self._known(request), **values}, block), status)

    def live(self, request: Request, look: Callable[[], str | None], every_seconds: float = LIVE_SECONDS) -> Response:
        """Return a stream that tells whenever ``look`` returns another text, and ends when the session does."""
        since = request.headers.get("last-event-id") or request.query_params.get("since")

        def looking() -> str | None:
            sessions.who(request, self.tokens, dev=self.dev)
            return look()

        return self.streams.open(looking, every_seconds, since, self.caller(request).client_id)

    def go(self, request: Request, path: str) -> Response:
        """Return what leads to another page after something was pressed (303, or what htmx understands). ``path`` is one of the console's."""
        if request.headers.get("hx-request"):
            return Response(status_code=204, headers={"hx-redirect": path})
        return RedirectResponse(path, 303)

    def bare(self, request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """Return a page without anything around it: for those who are not logged in, and for failures of all kinds."""
        known = {
            "now": self.desk.clock.now(),
            "csrf": sessions.form_token(request, self.desk.sealer),
            "path": request.url.path,
            "frame": None,
            "operator": False,
            "admin": False,
        }
        return html(request, render(template, {**known, **values}), status)

    def _known(self, request: Request) -> dict[str, Any]:
        caller = self.caller(request)
        return {
            "now": self.desk.clock.now(),
            "csrf": sessions.form_token(request, self.desk.sealer),
            "path": request.url.path,
            "operator": caller.role.includes(Role.OPERATOR),
            "admin": caller.role.includes(Role.ADMIN),
        }

    def _frame(self, request: Request) -> Frame:
        caller = self.caller(request)
        scope = request.query_params.get("scope") or None
        current = request.url.path.split("/")[1] or "runs"
        navigation = tuple(
            (
                title,
                tuple(
                    Link(name, words, _href(name, scope), name == current)
                    for name, words in entries
                    if name not in _OF_ADMINS or caller.role.includes(Role.ADMIN)
                ),
            )
            for title, entries in _NAVIGATION
        )
        return Frame(
            navigation=navigation,
            me=self.ask(request, SHOW_ME, Nothing()),
            about=self.ask(request, SHOW_ABOUT, Nothing()),
            scope=scope,
            scope_action=f"/{'runs' if current in _WITHOUT_SCOPE else current}",
            dev=self.dev,
        )


def html(request: Request, text: str, status: int = 200) -> Response:
    """Return a page, packed where it is long. For the thread of a handler: that takes a moment."""
    # Halves of characters, which data may have, have no UTF-8.
    return squeeze(request, HTMLResponse(text.encode(errors="replace"), status))


def _href(name: str, scope: str | None) -> str:
    kept = f"?{urlencode({'scope': scope})}" if scope and name not in _WITHOUT_SCOPE else ""
    return f"/{name}{kept}"


def console_of(request: Request) -> Console:
    """Return the console that the request came to."""
    console: Console = request.app.state.console
    return console


AtConsole = Annotated[Console, Depends(console_of)]
"""What a handler declares to be given the console."""
