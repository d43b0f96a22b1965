"""Spaces (contract 12.2)."""

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.door import JobsDoor
from headrace.api.jobs.errors import bad_request
from headrace.api.jobs.gateway import AtDoor, ByActor, Kind, actor_of, caller_of, token_of
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.workspace import space_item
from headrace.api.jobs.wire import data, page, success
from headrace.core.client import Role
from headrace.core.job import Actor
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.workspace import removal, spaces
from headrace.service.workspace.keys import space_token
from headrace.store.resources import ResourceQuery, SpaceFigures

router = APIRouter()

PAGE = 10
"""Spaces of a page, unless the caller says otherwise."""
_ORDERS = {
    "createdAt": "created_at",
    "lastActivityAt": "updated_at",
    "name": "name",
    "workbooksCount": "workbooks",
    "filesCount": "files",
    "createdByUserName": "created_by",
    # All of a list are in the same one.
    "environmentId": "created_at",
}
_SHARED = "shared_link"


@router.get("/spaces")
def list_spaces(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List spaces, the newest first."""
    asked = Query(request)
    size, number = asked.page(PAGE)
    query = ResourceQuery(
        scope=actor.scope,
        kind=ResourceKind.SPACE,
        slug=asked.text("namespace"),
        search=asked.text("search"),
        archived=asked.flag("archived"),
        ids=None if actor.space_id is None else (actor.space_id,),
        order=_ORDERS[asked.one_of("sortField", _ORDERS) or "createdAt"],
        descending=asked.descending(),
    )
    environment = asked.text("environmentId")
    asked.done()
    if environment not in {None, actor.environment_id}:
        return page([], 0, number, size)
    found, total, figures = spaces.page(door.workspace, query, size, number)
    return page([space_item(space, figures[space.id]) for space in found], total, number, size)


@router.post("/spaces")
def create_space(request: Request, door: AtDoor, body: Object) -> Response:
    """Make a space."""
    actor = actor_of(request, body)
    if body.get("environmentId") not in (None, actor.environment_id):
        raise bad_request("Environment not found", "environmentId")
    return _space(request, door, actor, spaces.create(door.workspace, actor, body))


@router.delete("/spaces")
def delete_spaces(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Remove several spaces."""
    asked = Query(request)
    ids = asked.texts("spaceIds")
    if not ids:
        asked.wrong("spaceIds", "is required")
    asked.done()
    removal.remove_spaces(door.workspace, actor, ids)
    return success()


@router.get("/spaces/{space_id}")
def get_space(space_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Show a space."""
    return _space(request, door, actor, *spaces.get(door.workspace, actor, space_id))


@router.patch("/spaces/{space_id}")
def update_space(space_id: str, request: Request, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change a space."""
    spaces.patch(door.workspace, actor, space_id, body)
    return _space(request, door, actor, *spaces.get(door.workspace, actor, space_id))


@router.delete("/spaces/{space_id}")
def delete_space(space_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a space with everything in it."""
    removal.remove_space(door.workspace, actor, space_id)
    return success()


@router.post("/spaces/{space_id}/archive")
def archive_space(space_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Archive a space."""
    spaces.archive(door.workspace, actor, space_id, archived=True)
    return success()


@router.post("/spaces/{space_id}/unarchive")
def unarchive_space(space_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Take a space out of the archive."""
    spaces.archive(door.workspace, actor, space_id, archived=False)
    return success()


def _space(
    request: Request, door: JobsDoor, actor: Actor, space: Resource, figures: SpaceFigures | None = None
) -> Response:
    token = _token(request, door, actor, space.id)
    guests = space.body.get("guestAuthentication")
    link = None
    if token is not None and isinstance(guests, list) and _SHARED in guests:
        base = door.public_url or str(request.base_url)
        link = f"{base.rstrip('/')}/space/{space.id}?{urlencode({'token': token})}"
    return data(space_item(space, figures, access_token=token, guest_link=link))


def _token(request: Request, door: JobsDoor, actor: Actor, space_id: str) -> str | None:
    """Return a token of the space for those who could change it anyway; None: the caller may only read.

    A guest gets its own back: else it would have new ones for ever, whatever became of the key that the first was made with.
    """
    caller = caller_of(request)
    if caller.kind is Kind.SPACE:
        return token_of(request)
    if not caller.identity.role.includes(Role.OPERATOR):
        return None
    return space_token(door.sealer, door.clock, actor.scope, space_id)
