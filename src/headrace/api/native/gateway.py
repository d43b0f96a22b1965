"""Who calls, looked at before anything else. What a caller may do is looked at by ``service.native``: roles first, then scopes."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from headrace.api.native.door import AUDIENCE, NativeDoor
from headrace.api.native.errors import Refusal
from headrace.core.client import Identity, Role, digest_of
from headrace.core.errors import Code, Problem
from headrace.service.tokens import verify_token

DEVELOPER = Identity("dev", Role.ADMIN)
"""Who calls with a token that nobody knows, or with none, where that is allowed."""
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, through which door."""

    door: NativeDoor
    identity: Identity


def door_of(request: Request) -> NativeDoor:
    """Return the door that the request came through."""
    door: NativeDoor = request.app.state.door
    return door


def caller_of(request: Request) -> Caller:
    """Return who calls."""
    caller: Caller = request.state.caller
    return caller


def authenticate(request: Request) -> Caller:
    """Return who calls.

    Raises:
        Problem: ``UNAUTHENTICATED``; ``FORBIDDEN``: another site's page asks; ``LIMIT_EXCEEDED``: too often (429).
    """
    door = door_of(request)
    authorization = request.headers.get("authorization", "")
    if door.dev and not authorization:
        _refuse_other_sites(request)
    identity = identify(door, authorization)
    if not door.rates.admit(identity.client_id):
        raise Refusal(TOO_MANY, Code.LIMIT_EXCEEDED, f"client {identity.client_id} asks too often; come again later")
    return Caller(door, identity)


def identify(door: NativeDoor, authorization: str) -> Identity:
    """Return whom the header ``Authorization`` stands for.

    Raises:
        Problem: ``UNAUTHENTICATED``.
    """
    kind, _, token = authorization.strip().partition(" ")
    token = token.strip() if kind.lower() == "bearer" else ""
    if not token:
        if door.dev:
            return DEVELOPER
        raise Problem(
            Code.UNAUTHENTICATED,
            "a token is needed: Authorization: Bearer …; POST /native/v1/token gives one for a client's id and secret",
        )
    static = door.static_tokens.get(digest_of(token))
    if static is not None:
        return static
    try:
        return verify_token(door.tokens, token, AUDIENCE)
    except Problem as problem:
        if door.dev and problem.code is Code.UNAUTHENTICATED:
            return DEVELOPER
        raise


def _refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site lets the browser of whoever develops here send: without a token, nothing else would keep it out."""
    origin = urlsplit(request.headers.get("origin", ""))
    is_ours = not request.headers.get("origin") or origin.netloc == request.headers.get("host", "")
    if not is_ours or request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise Problem(Code.FORBIDDEN, "pages of other sites may not ask this server; send a token (any will do)")
