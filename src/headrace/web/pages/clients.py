"""Clients and their roles, and the keys of the Jobs door. Secrets are shown once, on the page that answers the form."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.client import EVERYWHERE, Role
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.installation import AddClient, AddKey, AskClient, AskKey, ClientLine, KeyLine
from headrace.core.native.operation import Nothing
from headrace.core.native.table import ADD_CLIENT, ADD_KEY, LIST_CLIENTS, LIST_KEYS, REVOKE_CLIENT, REVOKE_KEY
from headrace.web.console import AtConsole, Console
from headrace.web.failures import STATUS
from headrace.web.forms import Form, Sent

router = APIRouter()
_KINDS = ("secret", "publishable", "personal")


@router.get("/clients")
def clients(request: Request, console: AtConsole) -> Response:
    """Show clients and keys, and the forms for new ones."""
    return _page(console, request, {})


@router.post("/clients")
def add_client(request: Request, console: AtConsole, form: Sent) -> Response:
    """Make a client, and show its secret this once."""
    try:
        made = console.ask(request, ADD_CLIENT, _client_of(form))
    except Problem as problem:
        return _refused(console, request, form, problem, "client")
    values = {
        "title": f"Client {made.client.name} is made",
        "shown": (("Client id", made.client.id), ("Secret", made.secret)),
        "facts": (("Role", made.client.role.value), ("Scopes", _words(made.client.scopes))),
    }
    return console.page(request, "secret.html", values)


@router.get("/clients/keys")
def keys(request: Request, console: AtConsole) -> Response:
    """Lead to the page that has them: a page that shows a new key has this address."""
    return console.go(request, "/clients")


@router.post("/clients/keys")
def add_key(request: Request, console: AtConsole, form: Sent) -> Response:
    """Make a key, and show its token this once."""
    asked = AddKey(kind=form.text("kind"), name=form.text("name"), environment=form.text("environment") or None)
    try:
        made = console.ask(request, ADD_KEY, asked)
    except Problem as problem:
        return _refused(console, request, form, problem, "key")
    values = {
        "title": "The key is made",
        "shown": (("Key", made.token),),
        "facts": (
            ("Name", made.key.name or "without a name"),
            ("Kind", made.key.kind),
            ("Environment", made.key.environment or "every one"),
        ),
    }
    return console.page(request, "secret.html", values)


@router.get("/clients/keys/{key}/revoke")
def confirm_revoke_key(key: str, request: Request, console: AtConsole) -> Response:
    """Ask whether a key is to be revoked."""
    line = _key(console, request, key)
    values = {
        "title": "Revoke this key?",
        "facts": (("Name", line.name or "without a name"), ("Kind", line.kind), ("Id", line.id)),
        "consequence": "Whoever shows it is refused from now on. This cannot be taken back; another key can be made.",
        "verb": "Revoke the key",
        "back": "/clients",
    }
    return console.page(request, "confirm.html", values)


@router.post("/clients/keys/{key}/revoke")
def revoke_key(key: str, request: Request, console: AtConsole) -> Response:
    """Make a key worthless."""
    console.ask(request, REVOKE_KEY, AskKey(key=key))
    return console.go(request, "/clients")


@router.get("/clients/{client}/revoke")
def confirm_revoke(client: str, request: Request, console: AtConsole) -> Response:
    """Ask whether a client is to lose all its rights."""
    line = _client(console, request, client)
    values = {
        "title": f"Revoke client {line.name}?",
        "facts": (("Id", line.id), ("Role", line.role.value), ("Scopes", _words(line.scopes))),
        "consequence": "It loses all its rights at once, and so does every token and session that it has. This cannot be taken back.",
        "verb": "Revoke the client",
        "back": "/clients",
    }
    return console.page(request, "confirm.html", values)


@router.post("/clients/{client}/revoke")
def revoke(client: str, request: Request, console: AtConsole) -> Response:
    """Take all rights of a client."""
    console.ask(request, REVOKE_CLIENT, AskClient(client=client))
    return console.go(request, "/clients")


def _words(scopes: Sequence[str]) -> str:
    """Return scopes as the list of clients has them."""
    return ", ".join("every scope" if scope == EVERYWHERE else scope for scope in scopes)


def _client_of(form: Form) -> AddClient:
    role = form.text("role")
    if role not in set(Role):
        error = FieldError("role", f"{role!r} is no role", f"one of {', '.join(Role)}")
        raise Problem.of_fields(Code.INVALID, "the client", (error,))
    return AddClient(
        name=form.text("name"),
        role=Role(role),
        scopes=tuple(form.text("scopes").split()) or ("*",),
        service=form.text("service") == "yes",
    )


def _refused(console: Console, request: Request, form: Form, problem: Problem, which: str) -> Response:
    if problem.code is Code.FORBIDDEN:
        raise problem
    sent = {name: text for name in form.fields for text in form.texts(name)}
    return _page(console, request, {"problem": problem, "which": which, "sent": sent})


def _page(console: Console, request: Request, refused: Mapping[str, Any]) -> Response:
    values = {
        "clients": console.ask(request, LIST_CLIENTS, Nothing()).items,
        "keys": console.ask(request, LIST_KEYS, Nothing()).items,
        "roles": tuple(Role),
        "kinds": _KINDS,
        "problem": None,
        "which": "",
        "sent": {},
        **refused,
    }
    return console.page(request, "clients.html", values, STATUS[refused["problem"].code] if refused else 200)


def _client(console: Console, request: Request, client: str) -> ClientLine:
    for line in console.ask(request, LIST_CLIENTS, Nothing()).items:
        if line.id == client:
            return line
    raise Problem(Code.NOT_FOUND, f"there is no client {client!r}")


def _key(console: Console, request: Request, key: str) -> KeyLine:
    for line in console.ask(request, LIST_KEYS, Nothing()).items:
        if line.id == key:
            return line
    raise Problem(Code.NOT_FOUND, f"there is no key {key!r}")
