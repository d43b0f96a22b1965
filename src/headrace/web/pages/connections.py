"""Connections of all doors: where they lead, who uses them, whether they can be reached now."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.native.places import AskConnection, ConnectionTested, ListConnections
from headrace.core.native.table import LIST_CONNECTIONS, SHOW_CONNECTION, TEST_CONNECTION
from headrace.web.addresses import href
from headrace.web.console import AtConsole, Console
from headrace.web.forms import Sent
from headrace.web.queries import asked_in

router = APIRouter()


@router.get("/connections")
def connections(request: Request, console: AtConsole) -> Response:
    """Show connections."""
    asked = asked_in(request, ListConnections)
    told = console.ask(request, LIST_CONNECTIONS, asked)
    return console.page(request, "connections.html", {"asked": asked, "told": told})


@router.get("/connections/{connection}")
def connection_page(connection: str, request: Request, console: AtConsole) -> Response:
    """Show one connection, what is secret masked."""
    return _connection_page(console, request, asked_in(request, AskConnection, connection=connection))


@router.get("/connections/{connection}/test")
def again(connection: str, request: Request, console: AtConsole) -> Response:
    """Lead back to the connection's page: a page that says how a test went has this address."""
    return console.go(request, href("connections", connection, scope=request.query_params.get("scope")))


@router.post("/connections/{connection}/test")
def test(connection: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Say on its page whether a connection can be reached now."""
    asked = AskConnection(connection=connection, scope=form.text("scope"))
    tested = console.ask(request, TEST_CONNECTION, asked)
    if request.headers.get("hx-request"):
        return console.part(request, "connection.html", "answer", {"tested": tested})
    return _connection_page(console, request, asked, tested)


def _connection_page(
    console: Console, request: Request, asked: AskConnection, tested: ConnectionTested | None = None
) -> Response:
    view = console.ask(request, SHOW_CONNECTION, asked)
    return console.page(request, "connection.html", {"view": view, "connection": view.line, "tested": tested})
