"""Fields of sheets (contract 12.3)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.queries import Query
from headrace.api.jobs.wire import data, success
from headrace.service.workspace import sheets

router = APIRouter()


@router.post("/sheets/{sheet_id}/fields")
def add_field(sheet_id: str, request: Request, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Add a field."""
    asked = Query(request)
    index = asked.number("insertAtIndex")
    asked.done()
    return data(sheets.add_field(door.workspace, actor, sheet_id, body, index))


@router.delete("/sheets/{sheet_id}/fields/{field_key:path}")
def delete_field(sheet_id: str, field_key: str, door: AtDoor, actor: ByActor) -> Response:
    """Take a field out."""
    sheets.remove_field(door.workspace, actor, sheet_id, field_key)
    return success()
