"""The way in and out: the first page, logging in, logging out."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.service.clients import verify_secret
from headrace.service.tokens import issue_token, revoke_token
from headrace.web import sessions
from headrace.web.console import AtConsole, Console
from headrace.web.forms import Sent

open_router = APIRouter()
router = APIRouter()


@router.get("/")
def first() -> Response:
    """Lead to the runs."""
    return RedirectResponse("/runs", 303)


@open_router.get("/login")
def login_form(request: Request, console: AtConsole) -> Response:
    """Ask who it is; who has a session already is led on."""
    onward = sessions.local_path(request.query_params.get("next"))
    try:
        sessions.who(request, console.tokens, dev=console.dev)
    except Problem as problem:
        if problem.code is not Code.UNAUTHENTICATED:
            raise
        return _form(request, console, onward)
    return RedirectResponse(onward, 303)


@open_router.post("/login")
def login(request: Request, console: AtConsole, form: Sent) -> Response:
    """Begin a session, and lead to where one was."""
    client, onward = form.text("client"), sessions.local_path(form.text("next"))
    address = request.client.host if request.client else ""
    if not console.logins.admit(f"{address} {client}"):
        return _form(request, console, onward, client=client, wrong="Too many tries: wait a minute.", status=429)
    try:
        known = verify_secret(console.desk.database, client, form.text("secret"))
        token = issue_token(console.tokens, known.client_id, sessions.AUDIENCE)
    except Problem as problem:
        if problem.code is not Code.UNAUTHENTICATED:
            raise
        wrong = "That id and secret do not belong together, or the client was revoked."
        return _form(request, console, onward, client=client, wrong=wrong, status=401)
    response = RedirectResponse(onward, 303)
    seconds = (token.expires_at - console.desk.clock.now()) // SECOND
    sessions.begin(response, request, token, seconds, console.public_url)
    return response


@router.post("/logout")
def logout(request: Request, console: AtConsole) -> Response:
    """End the session here and on the server: its token is worthless at once."""
    text = request.cookies.get(sessions.COOKIE)
    if text and not console.dev:
        revoke_token(console.tokens, text, sessions.AUDIENCE)
    response = RedirectResponse("/login", 303)
    sessions.end(response, request, console.public_url)
    return response


def _form(
    request: Request, console: Console, onward: str, *, client: str = "", wrong: str = "", status: int = 200
) -> Response:
    return console.bare(request, "login.html", {"onward": onward, "client": client, "wrong": wrong}, status)
