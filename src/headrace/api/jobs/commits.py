"""Commits, also called versions (contract 12.6)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor, actor_of
from headrace.api.jobs.members import Members
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.records import commit_item
from headrace.api.jobs.wire import data, success
from headrace.core.short_ids import short_id
from headrace.service.records import commits, reading

router = APIRouter()


@router.get("/commits/{commit_id}")
def get_commit(commit_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show a commit."""
    with door.database.reading() as tx:
        _, commit = commits.find(tx, actor, commit_id)
    return data(commit_item(commit))


@router.post("/commits/{commit_id}/complete")
def complete_commit(commit_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Say that nothing more belongs to a commit."""
    commits.complete(door.records, actor, commit_id)
    return success()


@router.post("/commits/{commit_id}/replay")
def replay_commit(commit_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Tell of a commit once more."""
    commits.replay(door.records, actor, commit_id)
    return success()


@router.get("/sheets/{sheet_id}/commits")
def list_sheet_commits(sheet_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List the commits of a sheet."""
    query = Query(request)
    completed = query.maybe_flag("completed")
    query.done()
    found = reading.commits_of_sheet(door.database, actor, sheet_id, completed=completed)
    return data([commit_item(commit) for commit in found])


@router.get("/workbooks/{workbook_id}/commits")
def list_workbook_commits(workbook_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List the commits of all sheets of a workbook."""
    query = Query(request)
    completed = query.maybe_flag("completed")
    query.done()
    found = reading.commits_of_workbook(door.database, actor, workbook_id, completed=completed)
    return data([commit_item(commit) for commit in found])


@router.post("/versions")
def create_version(request: Request, door: AtDoor, body: Object) -> Response:
    """Mark a version of a sheet, since which changes can be asked for; without a sheet, return a new id."""
    actor = actor_of(request, body)
    members = Members(body)
    sheet_id = members.text("sheetId")
    members.done()
    if sheet_id is None:
        return data({"versionId": short_id("vr", door.ids)})
    return data({"versionId": reading.mark(door.records, actor, sheet_id).id})
