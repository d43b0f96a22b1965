"""The values that a field has (contract 12.3)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.queries import Query
from headrace.api.jobs.selections import selection_asked
from headrace.api.jobs.translate.records import value_item
from headrace.api.jobs.wire import data
from headrace.service.records import reading

router = APIRouter()

_PAGE = 1_000


@router.get("/sheets/{sheet_id}/cells")
def get_cells(sheet_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return the distinct values of a field, sorted by type, or with ``distinct=false`` the value of each record."""
    query = Query(request)
    key = query.required("fieldKey")
    size, number = query.page(_PAGE, reading.MAX_PAGE)
    counted, distinct = query.flag("includeCounts"), query.flag("distinct", default=True)
    descending = query.descending(default=False)
    query.done()
    asked = selection_asked(request)
    if distinct:
        found = reading.values(door.database, actor, sheet_id, key, asked, size, number, descending=descending)
        return data({key: [value_item(value, counted=counted) for value in found]})
    cells = reading.cells(door.database, actor, sheet_id, key, asked, size, number)
    return data({key: [{"value": value} for value in cells]})
