"""Snapshots of sheets (contract 12.8)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor, actor_of
from headrace.api.jobs.members import Members
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.snapshots import CHANGES, difference_item, snapshot_item
from headrace.api.jobs.wire import data, success
from headrace.service.records import snapshots

router = APIRouter()

_PAGE = 1_000
_MAX_PAGE = 10_000
_FLAGS = {"created": "createdSince", "updated": "updatedSince", "deleted": "deletedSince"}


@router.post("/snapshots")
def create_snapshot(request: Request, door: AtDoor, body: Object) -> Response:
    """Take a snapshot of a sheet."""
    actor = actor_of(request, body)
    members = Members(body)
    sheet_id = members.required_text("sheetId")
    label = members.text("label", longest=snapshots.MAX_LABEL)
    members.done()
    return data(snapshot_item(snapshots.create(door.records, actor, sheet_id, label)))


@router.get("/snapshots")
def list_snapshots(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List the snapshots of a sheet."""
    query = Query(request)
    sheet_id = query.required("sheetId")
    query.done()
    return data([snapshot_item(item) for item in snapshots.of_sheet(door.database, actor, sheet_id)])


@router.get("/snapshots/{snapshot_id}")
def get_snapshot(snapshot_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Show a snapshot, with ``includeSummary`` how its sheet differs from it."""
    query = Query(request)
    summed = query.flag("includeSummary")
    query.done()
    sheet, snapshot, summary = snapshots.get(door.database, actor, snapshot_id, summed=summed)
    return data(snapshot_item(snapshot, sheet, summary))


@router.delete("/snapshots/{snapshot_id}")
def delete_snapshot(snapshot_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a snapshot."""
    snapshots.remove(door.records, actor, snapshot_id)
    return success()


@router.post("/snapshots/{snapshot_id}/restore")
def restore_snapshot(snapshot_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Bring a sheet back to a snapshot, as far as the flags say."""
    members = Members(body)
    chosen = frozenset(CHANGES[_FLAGS[name]] for name in _FLAGS if members.flag(name))
    members.done()
    return data(snapshot_item(snapshots.restore(door.records, actor, snapshot_id, chosen)))


@router.get("/snapshots/{snapshot_id}/records")
def get_snapshot_records(snapshot_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return records that differ from a snapshot."""
    query = Query(request)
    size, number = query.page(_PAGE, _MAX_PAGE)
    change = query.one_of("changeType", CHANGES)
    query.done()
    kind = None if change is None else CHANGES[change]
    sheet, found = snapshots.differences(door.database, actor, snapshot_id, kind, size, number)
    return data([difference_item(item, sheet) for item in found])
