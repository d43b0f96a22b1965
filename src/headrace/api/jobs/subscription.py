"""Tokens for the stream of events (contract 9.3)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.gateway import AtDoor, ByActor, caller_of
from headrace.api.jobs.queries import Query
from headrace.api.jobs.wire import data
from headrace.service.happenings import subscriptions

router = APIRouter()

SUBSCRIBE_KEY = "sub-c-headrace"
"""What the driver puts into the paths of the stream; any will do."""


@router.get("/subscription")
def subscribe(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return a token for an environment or a space."""
    asked = Query(request)
    return _token(request, door, actor, asked.text("scope") or asked.text("spaceId"))


@router.get("/environments/subscription-token")
def subscribe_to_environment(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return a token for an environment."""
    return _token(request, door, actor, Query(request).text("environmentId") or actor.environment_id)


def _token(request: Request, door: AtDoor, actor: ByActor, target: str | None) -> Response:
    token = subscriptions.issue(door.happenings, actor, target, caller_of(request).identity.client_id)
    return data(
        {
            "accountId": actor.account_id,
            "subscribeKey": SUBSCRIBE_KEY,
            "ttl": subscriptions.MINUTES,
            "token": token,
        }
    )
