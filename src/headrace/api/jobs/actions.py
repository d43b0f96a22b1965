"""Actions that stand for themselves (contract 12.9).

One of the official clients reads a single action from ``data``, the other without that envelope: the answer has it both ways.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Items, Object, kind_of
from headrace.api.jobs.errors import bad_request
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.workspace import action_item
from headrace.api.jobs.wire import answer, success
from headrace.core.job import Actor
from headrace.core.workspace import Resource
from headrace.service.workspace import actions
from headrace.service.workspace.desk import space_asked

router = APIRouter()

MAX_AT_ONCE = 1_000
"""Actions that one request makes."""


@router.get("/actions")
def list_actions(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List the actions of a space, without an envelope."""
    found = actions.list_all(door.workspace, actor, _space(request, actor))
    return answer([action_item(action) for action in found])


@router.post("/actions")
def create_action(request: Request, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Make an action."""
    return _action(actions.create(door.workspace, actor, _space(request, actor), [body])[0])


@router.post("/actions/bulk")
def create_actions(request: Request, door: AtDoor, actor: ByActor, body: Items) -> Response:
    """Make several actions; the answer has no envelope."""
    if len(body) > MAX_AT_ONCE:
        raise bad_request(f"There are {len(body)} actions; {MAX_AT_ONCE} are allowed at once.")
    for number, item in enumerate(body):
        if not isinstance(item, dict):
            raise bad_request(f"This is {kind_of(item)}; a JSON object is expected.", f"[{number}]")
    made = actions.create(door.workspace, actor, _space(request, actor), body, several=True)
    return answer([action_item(action) for action in made])


@router.get("/actions/{action_id}")
def get_action(action_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show an action."""
    return _action(actions.get(door.workspace, actor, action_id))


@router.patch("/actions/{action_id}")
def update_action(action_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change an action."""
    return _action(actions.patch(door.workspace, actor, action_id, body))


@router.delete("/actions/{action_id}")
def delete_action(action_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove an action."""
    actions.remove(door.workspace, actor, action_id)
    return success()


def _space(request: Request, actor: Actor) -> str:
    return space_asked(actor, Query(request).text("spaceId"))


def _action(action: Resource) -> Response:
    item = action_item(action)
    return answer({**item, "data": item})
