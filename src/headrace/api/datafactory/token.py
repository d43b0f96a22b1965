"""Access tokens: the OAuth2 endpoint of every tenant, v1 and v2.0, for client credentials. It is open: it is how a caller gets in.

The tenant's name does not matter: clients and their rights are those of the installation.
"""

import secrets
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.door import AUDIENCE, DataFactoryDoor
from headrace.api.datafactory.gateway import door_of
from headrace.api.datafactory.wire import Item, answer
from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.http.links import base_url
from headrace.service.clients import verify_secret
from headrace.service.tokens import issue_token

router = APIRouter()
_MAX_FIELDS = 50
_MAX_BODY = 64 << 10
"""Bytes of a body: whoever sends it is not known yet."""
_GRANT = "client_credentials"
_KEEP_NOTHING = {"cache-control": "no-store"}


@router.post("/{tenant}/oauth2/v2.0/token")
@router.post("/{tenant}/oauth2/token")
async def issue(tenant: str, request: Request) -> Response:
    """Answer with an access token for a client's id and secret."""
    del tenant
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return _refused(413, "invalid_request", f"The body has more than {_MAX_BODY} bytes.")
    fields = _form(bytes(body))
    if fields.get("grant_type", _GRANT) != _GRANT:
        return _refused(400, "unsupported_grant_type", f"The grant type must be {_GRANT}.")
    missing = [name for name in ("grant_type", "client_id", "client_secret") if not fields.get(name)]
    if missing:
        return _refused(400, "invalid_request", f"The request misses: {', '.join(missing)}.")
    door = door_of(request)
    try:
        text, seconds = await run_in_threadpool(_issued, door, fields["client_id"], fields["client_secret"])
    except Problem as problem:
        # INVALID: characters that no id has.
        if problem.code not in {Code.UNAUTHENTICATED, Code.INVALID}:
            raise
        if not door.anonymous:
            return _refused(401, "invalid_client", "The client id or the secret is wrong.")
        # Nobody has to be known here, so nobody is refused: clients that insist on a token get one that opens nothing more.
        text, seconds = f"anonymous-{secrets.token_urlsafe(24)}", door.tokens.minutes * 60
    times: Item = {"expires_in": seconds, "ext_expires_in": seconds}
    if "resource" in fields:
        # v1 has its numbers as texts, and says them twice.
        now = door.clock.now() // SECOND
        numbers = {**times, "expires_on": now + seconds, "not_before": now}
        times = {**{name: str(value) for name, value in numbers.items()}, "resource": fields["resource"]}
    return answer({"token_type": "Bearer", **times, "access_token": text}, headers=_KEEP_NOTHING)


@router.get("/{tenant}/v2.0/.well-known/openid-configuration")
@router.get("/{tenant}/.well-known/openid-configuration")
def show_metadata(tenant: str, request: Request) -> Response:
    """Say where tokens are issued: what clients with an authority of their own ask first."""
    base = f"{base_url(request, door_of(request).public_url)}/{tenant}"
    return answer(
        {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "issuer": f"{base}/v2.0",
            "response_types_supported": ["token"],
            "grant_types_supported": [_GRANT],
        }
    )


def _issued(door: DataFactoryDoor, client_id: str, secret: str) -> tuple[str, int]:
    """Return a token and for how many seconds it is good."""
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
    return answer({"error": error, "error_description": description}, status, _KEEP_NOTHING)
