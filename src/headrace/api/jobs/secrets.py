"""Secrets (contract 12.9); the gateway keeps publishable keys and the tokens of spaces from them."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.errors import bad_request
from headrace.api.jobs.gateway import AtDoor, ByActor, actor_of
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.workspace import secret_item
from headrace.api.jobs.wire import data
from headrace.service.workspace import secrets

router = APIRouter()


@router.get("/secrets")
def list_secrets(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List the secrets of the environment, of a space and of an actor, the wide scopes first."""
    asked = Query(request)
    if asked.text("environmentId") not in {None, actor.environment_id}:
        return data([])
    found = secrets.list_all(door.workspace, actor, asked.text("spaceId"), asked.text("actorId"))
    return data([secret_item(secret) for secret in found])


@router.post("/secrets")
def upsert_secret(request: Request, door: AtDoor, body: Object) -> Response:
    """Write a secret; the answer is the list."""
    actor = actor_of(request, body)
    if body.get("environmentId") not in (None, actor.environment_id):
        raise bad_request("Environment not found", "environmentId")
    return data([secret_item(secret) for secret in secrets.put(door.workspace, actor, body)])


@router.delete("/secrets/{secret_id}")
def delete_secret(secret_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a secret; the answer is the list."""
    return data([secret_item(secret) for secret in secrets.remove(door.workspace, actor, secret_id)])
