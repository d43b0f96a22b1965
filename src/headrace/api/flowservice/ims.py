"""Access tokens (1.2): the three paths of the identity service. These routes are open: they are how a caller gets in."""

import secrets
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.door import AUDIENCE, FlowServiceDoor
from headrace.api.flowservice.gateway import door_of
from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.service.clients import verify_secret
from headrace.service.tokens import issue_token

router = APIRouter()
_MAX_FIELDS = 50
_MAX_BODY = 64 << 10
"""Bytes of a body: whoever sends it is not known yet."""


@router.post("/ims/token")
@router.post("/ims/token/v2")
@router.post("/ims/token/v3")
async def token(request: Request) -> Response:
    """Answer with an access token for a client's id and secret; a body value wins over one of the query."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return _refused(413, "invalid_request", f"the body has more than {_MAX_BODY} bytes")
    fields = dict(request.query_params) | _form(bytes(body))
    if fields.get("grant_type", "client_credentials") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "the grant type must be client_credentials")
    missing = [name for name in ("grant_type", "client_id", "client_secret") if not fields.get(name)]
    if missing:
        return _refused(400, "invalid_request", f"missing: {', '.join(missing)}")
    try:
        text, seconds = await run_in_threadpool(_issue, door_of(request), fields["client_id"], fields["client_secret"])
    except Problem as problem:
        # INVALID: characters that no id has.
        if problem.code not in {Code.UNAUTHENTICATED, Code.INVALID}:
            raise
        return _refused(401, "invalid_client", "the client id or the secret is wrong")
    return JSONResponse({"access_token": text, "token_type": "bearer", "expires_in": seconds})


@router.post("/ims/exchange/jwt", include_in_schema=False)
def exchange() -> Response:
    """Refuse the older way to a token, by a signed assertion, as what is not there (1.2)."""
    return _refused(404, "not_found", "tokens are issued at /ims/token/v3 for grant_type=client_credentials")


def no_exchange(_: Request) -> Response:
    """Say that tokens are not had for a JWT: 404, also for those who have no token yet."""
    return _refused(404, "not_found", "tokens for a JWT are not offered; use /ims/token/v3 with client_credentials")


router.add_route("/ims/exchange/jwt", no_exchange, methods=["GET", "POST"])


def _issue(door: FlowServiceDoor, client_id: str, secret: str) -> tuple[str, int]:
    """Return a token and for how many seconds it is good; in development anyone gets one."""
    if door.dev:
        return f"dev-{secrets.token_urlsafe(24)}", 86399
    identity = verify_secret(door.database, client_id, secret)
    issued = issue_token(door.tokens, identity.client_id, AUDIENCE)
    # One second less than it lives, so that nobody shows it in its last one.
    return issued.text, max(1, issued.expires_at // SECOND - door.clock.now() // SECOND - 1)


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=_MAX_FIELDS, errors="strict"))
    except ValueError:
        return {}


def _refused(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status_code=status)
