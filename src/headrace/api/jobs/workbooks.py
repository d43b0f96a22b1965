"""Workbooks (contract 12.3)."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor, actor_of
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.workspace import workbook_item
from headrace.api.jobs.wire import data, success
from headrace.core.job import Actor
from headrace.core.workspace import ResourceKind
from headrace.service.workspace import removal, workbooks
from headrace.service.workspace.desk import space_asked
from headrace.service.workspace.workbooks import WorkbookQuery
from headrace.store.resources import ResourceQuery

router = APIRouter()

MAX_WORKBOOKS = 10_000
"""Workbooks of one list, which has no pages."""
_NOT = "-"


@router.get("/workbooks")
def list_workbooks(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List workbooks with their sheets, the oldest first."""
    asked = Query(request)
    query, with_sheets = _query(asked, actor), asked.flag("includeSheets", default=True)
    asked.done()
    if query is None:
        return data([])
    found = workbooks.list_all(door.workspace, query, MAX_WORKBOOKS)
    return data([workbook_item(workbook, sheets if with_sheets else None) for workbook, sheets in found])


@router.post("/workbooks")
def create_workbook(request: Request, door: AtDoor, body: Object) -> Response:
    """Make a workbook with its sheets."""
    actor = actor_of(request, body)
    given = body.get("spaceId")
    space_id = space_asked(actor, given if isinstance(given, str) else None)
    return data(workbook_item(*workbooks.create(door.workspace, actor, space_id, body)))


@router.get("/workbooks/{workbook_id}")
def get_workbook(workbook_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show a workbook."""
    return data(workbook_item(*workbooks.get(door.workspace, actor, workbook_id)))


@router.patch("/workbooks/{workbook_id}")
def update_workbook(workbook_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change a workbook and those of its sheets that are listed."""
    return data(workbook_item(*workbooks.patch(door.workspace, actor, workbook_id, body)))


@router.delete("/workbooks/{workbook_id}")
def delete_workbook(workbook_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a workbook with its sheets."""
    removal.remove_workbook(door.workspace, actor, workbook_id)
    return success()


@router.post("/workbooks/{workbook_id}/rebuild")
def rebuild_workbook(workbook_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Do nothing: there is nothing here that would have to be built anew."""
    workbooks.get(door.workspace, actor, workbook_id)
    return success()


def _query(asked: Query, actor: Actor) -> WorkbookQuery | None:
    """Return what is asked for; None: what the caller does not reach."""
    space_id = asked.text("spaceId") or actor.space_id
    if actor.space_id not in {None, space_id}:
        return None
    given: dict[str, Any] = {}
    for parameter, name in (("name", "name"), ("namespace", "slug"), ("label", "label")):
        value = asked.text(parameter)
        if value is not None and value.startswith(_NOT):
            given[f"{name}_not"] = value.removeprefix(_NOT)
        else:
            given[name] = value
    labels = {name: given.pop(name) for name in ("label", "label_not") if name in given}
    query = ResourceQuery(scope=actor.scope, kind=ResourceKind.WORKBOOK, space_id=space_id, **given)
    return WorkbookQuery(resources=query, treatment=asked.text("treatment"), **labels)
