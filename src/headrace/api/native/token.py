"""Access tokens for a client's id and secret. The route is open: it is how a caller gets in."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.native.door import AUDIENCE, PREFIX, NativeDoor
from headrace.api.native.errors import Refusal
from headrace.api.native.gateway import TOO_MANY, door_of
from headrace.core.clock import SECOND
from headrace.core.errors import Code, FieldError, Problem
from headrace.http.bodies import parse
from headrace.service.clients import verify_secret
from headrace.service.tokens import issue_token

router = APIRouter()
GRANT = "client_credentials"
MAX_BODY = 64 << 10
"""Bytes of a body: whoever sends it is not known yet."""
_MAX_FIELDS = 50
_WRONG = "the client id or its secret is wrong, or the client was revoked"


@router.post(PREFIX + "/token")
async def issue(request: Request) -> Response:
    """Answer with an access token."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refusal(413, Code.LIMIT_EXCEEDED, f"the body has more than {MAX_BODY} bytes")
    given = {**_fields(request, bytes(body)), **_basic(request)}
    if given.get("grant_type", GRANT) != GRANT:
        raise _wrong("grant_type", "is not offered", f"{GRANT} is expected")
    door = door_of(request)
    if door.dev:
        text, seconds = f"dev-{secrets.token_urlsafe(24)}", door.tokens.minutes * 60
    else:
        missing = [name for name in ("client_id", "client_secret") if not given.get(name)]
        if missing:
            fields = tuple(FieldError(name, "is missing", "a form, JSON, or HTTP Basic") for name in missing)
            raise Problem.of_fields(Code.INVALID, "the request", fields)
        text, seconds = await run_in_threadpool(_issued, door, given["client_id"], given["client_secret"])
    return JSONResponse({"access_token": text, "token_type": "Bearer", "expires_in": seconds})


def _issued(door: NativeDoor, client_id: str, secret: str) -> tuple[str, int]:
    """Return a token and for how many seconds it is good."""
    if not door.rates.admit(f"token {client_id[:100]}"):
        raise Refusal(TOO_MANY, Code.LIMIT_EXCEEDED, "tokens of this client are asked for too often; come again later")
    try:
        identity = verify_secret(door.desk.database, client_id, secret)
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        # Characters that no id has.
        raise Problem(Code.UNAUTHENTICATED, _WRONG) from None
    issued = issue_token(door.tokens, identity.client_id, AUDIENCE)
    # One second less than it lives, so that nobody shows it in its last one.
    return issued.text, max(1, issued.expires_at // SECOND - door.desk.clock.now() // SECOND - 1)


def _fields(request: Request, body: bytes) -> Mapping[str, str]:
    if not body.strip():
        return {}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        try:
            return dict(parse_qsl(body.decode("ascii"), max_num_fields=_MAX_FIELDS, errors="strict"))
        except ValueError as error:
            raise Problem(Code.MALFORMED, "the form cannot be read") from error
    found = parse(body)
    if not isinstance(found, dict):
        raise Problem(Code.INVALID, "the body is no object")
    wrong = [name for name in ("grant_type", "client_id", "client_secret") if not isinstance(found.get(name, ""), str)]
    if wrong:
        fields = tuple(FieldError(name, "does not fit", "a text is expected") for name in wrong)
        raise Problem.of_fields(Code.INVALID, "the request", fields)
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _basic(request: Request) -> Mapping[str, str]:
    """Return the id and secret of HTTP Basic, whose parts are URL-encoded (RFC 6749, 2.3.1)."""
    kind, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    if kind.lower() != "basic":
        return {}
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Problem(Code.UNAUTHENTICATED, _WRONG) from error
    name, _, secret = text.partition(":")
    return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}


def _wrong(name: str, message: str, hint: str) -> Problem:
    return Problem.of_fields(Code.INVALID, "the request", (FieldError(name, message, hint),))
