"""Sheets (contract 12.3). Their records, counts, cells and commits stand in files of their own."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.queries import Query
from headrace.api.jobs.selections import selection_asked
from headrace.api.jobs.translate.workspace import sheet_item
from headrace.api.jobs.wire import data, success
from headrace.http.downloads import stream
from headrace.service.workspace import downloading, duplicating, removal, sheets

router = APIRouter()

_CSV = "text/csv; charset=utf-8"


@router.get("/sheets")
def list_sheets(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List the sheets of a workbook."""
    asked = Query(request)
    workbook_id = asked.required("workbookId")
    asked.done()
    return data([sheet_item(*found) for found in sheets.list_all(door.workspace, actor, workbook_id)])


@router.get("/sheets/{sheet_id}")
def get_sheet(sheet_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show a sheet."""
    return data(sheet_item(*sheets.get(door.workspace, actor, sheet_id)))


@router.patch("/sheets/{sheet_id}")
def update_sheet(sheet_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change name, slug or metadata of a sheet."""
    return data(sheet_item(sheets.patch(door.workspace, actor, sheet_id, body)))


@router.delete("/sheets/{sheet_id}")
def delete_sheet(sheet_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a sheet with its records."""
    removal.remove_sheet(door.workspace, actor, sheet_id)
    return success()


@router.post("/sheets/{sheet_id}/validate")
def validate_sheet(sheet_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Look at every record anew."""
    sheets.validate(door.workspace, actor, sheet_id)
    return success()


@router.post("/sheets/{sheet_id}/lock")
def lock_sheet(sheet_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Lock a sheet."""
    sheets.lock(door.workspace, actor, sheet_id, locked=True)
    return success()


@router.post("/sheets/{sheet_id}/unlock")
def unlock_sheet(sheet_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Unlock a sheet."""
    sheets.lock(door.workspace, actor, sheet_id, locked=False)
    return success()


@router.post("/sheets/{sheet_id}/duplicate")
def duplicate_sheet(sheet_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Make another sheet with the same fields and records."""
    return data(sheet_item(duplicating.duplicate(door.workspace, actor, sheet_id, body)))


@router.get("/sheets/{sheet_id}/download")
def download_sheet(sheet_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Send the records of a selection as CSV."""
    sheet, lines = downloading.as_csv(door.workspace, actor, sheet_id, selection_asked(request))
    return stream(lines, media_type=_CSV, name=f"{sheet.name}.csv")
