"""Counts of records (contract 12.3)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.queries import Query
from headrace.api.jobs.selections import selection_asked
from headrace.api.jobs.translate.records import counts_item
from headrace.api.jobs.wire import data
from headrace.service.records import reading

router = APIRouter()


@router.get("/sheets/{sheet_id}/counts")
def get_counts(sheet_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Count the selected records, with ``byField`` for each field too."""
    query = Query(request)
    by_field = query.flag("byField")
    query.done()
    counts = reading.counts(door.database, actor, sheet_id, selection_asked(request), by_field=by_field)
    return data({"counts": counts_item(counts), "success": True})
