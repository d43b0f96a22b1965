"""Tokens for those who show other credentials: ``POST /auth`` (contract 1.2)."""

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.door import AUDIENCE
from headrace.api.jobs.errors import unauthenticated
from headrace.api.jobs.gateway import AtDoor, user_id
from headrace.api.jobs.members import Members
from headrace.api.jobs.mounts import API
from headrace.api.jobs.wire import answer
from headrace.core.clock import SECOND
from headrace.service.clients import verify_secret
from headrace.service.tokens import issue_token

open_router = APIRouter(prefix=API)

CREDENTIALS = "apiCredentials"
_USERS = "userCredentials"


@open_router.post("/auth")
def make_token(door: AtDoor, body: Object) -> Response:
    """Return a token for a client's id and secret."""
    asked = Members(body)
    kind = asked.one_of("type", (CREDENTIALS, _USERS)) or CREDENTIALS
    names = ("email", "password") if kind == _USERS else ("clientId", "secret")
    client_id, secret = (asked.required_text(name) for name in names)
    asked.done()
    if kind == _USERS:
        # There are no users here, so nobody's password is right.
        raise unauthenticated("The email or the password is wrong.")
    identity = verify_secret(door.database, client_id, secret)
    if not identity.reaches(door.account.environment_scope) and not any(
        scope.startswith(door.account.scope + "/") for scope in identity.scopes
    ):
        raise unauthenticated("The client does not reach this account.")
    token = issue_token(door.tokens, identity.client_id, AUDIENCE)
    seconds = (token.expires_at - door.clock.now()) // SECOND
    return answer(
        {
            "accessToken": token.text,
            "expiresIn": str(seconds),
            "expires": str(token.expires_at // SECOND),
            "userId": user_id(identity.client_id),
            "accountId": door.account.id,
        }
    )
