"""Files of spaces (contract 12.7)."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object, kind_of, parse
from headrace.api.jobs.errors import bad_request, missing
from headrace.api.jobs.forms import Form, read_form
from headrace.api.jobs.gateway import AtDoor, ByActor, actor_of
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.workspace import file_item
from headrace.api.jobs.wire import data, page, success
from headrace.core.headers import detect, options_of
from headrace.core.workspace import Resource, ResourceKind
from headrace.dataplane.space_files import Incoming
from headrace.http.downloads import send_file
from headrace.service.workspace import files
from headrace.service.workspace.desk import space_asked
from headrace.service.workspace.files import NewFile
from headrace.store.resources import ResourceQuery

router = APIRouter()

PAGE = 20
"""Files of a page, unless the caller says otherwise."""
MAX_HEADER_ROWS = 10_000
"""Rows in which a header is looked for."""


@router.get("/files")
def list_files(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List files, the newest first."""
    asked = Query(request)
    size, number = asked.page(PAGE)
    space_id = asked.text("spaceId") or actor.space_id
    query = ResourceQuery(
        scope=actor.scope,
        kind=ResourceKind.FILE,
        space_id=space_id,
        slug=asked.one_of("mode", files.MODES) or files.IMPORT,
        descending=True,
    )
    asked.done()
    if actor.space_id not in {None, space_id}:
        return page([], 0, number, size)
    found, total = files.page(door.workspace, query, size, number)
    return page([file_item(file) for file in found], total, number, size)


@router.post("/files")
async def upload_file(request: Request, door: AtDoor) -> Response:
    """Take a file."""
    with Incoming(door.roots) as incoming:
        form = await read_form(request, incoming, door.limits.max_file_bytes)
        return await run_in_threadpool(_store, request, form, incoming)


@router.post("/files/detect-header")
def detect_header(actor: ByActor, body: Object) -> Response:
    """Find the header of a table."""
    del actor
    options = body.get("options")
    found = detect(_rows(body), options_of(options if isinstance(options, Mapping) else {}))
    return data(
        {
            "header": list(found.header),
            "headerRow": found.header_row,
            "skip": found.header_row,
            "letters": list(found.letters),
        }
    )


@router.get("/files/{file_id}")
def get_file(file_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show a file."""
    return data(file_item(files.get(door.workspace, actor, file_id)))


@router.patch("/files/{file_id}")
def update_file(file_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change name, mode, status, workbook or actions of a file."""
    return data(file_item(files.patch(door.workspace, actor, file_id, body)))


@router.delete("/files/{file_id}")
def delete_file(file_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a file."""
    files.remove(door.workspace, actor, file_id)
    return success()


@router.get("/files/{file_id}/download")
def download_file(file_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Send the bytes of a file, or the part that ``Range`` names."""
    file = files.get(door.workspace, actor, file_id)
    try:
        return send_file(
            request,
            files.path(door.workspace, file.id),
            media_type=str(file.body["mimetype"]),
            name=file.name,
        )
    except FileNotFoundError as error:
        raise missing("File", "fileId") from error


@router.post("/files/{file_id}/clone")
def clone_file(file_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Make another file of the same bytes."""
    prefix = body.get("prefix")
    if prefix is not None and not isinstance(prefix, str):
        raise bad_request("prefix must be a text", "prefix")
    return data(file_item(files.clone(door.workspace, actor, file_id, prefix or "")))


def _store(request: Request, form: Form, incoming: Incoming) -> Response:
    if form.file_name is None:
        raise bad_request("file is required", "file")
    door = request.app.state.door
    given = {name: form.text(name) for name in ("spaceId", "environmentId", "mode", "origin")}
    actor = actor_of(request, given)
    if given["environmentId"] not in {None, actor.environment_id}:
        raise bad_request("Environment not found", "environmentId")
    space_id = space_asked(actor, given["spaceId"])
    actions = _actions(form)
    files.check_new({**given, "actions": actions})
    new = NewFile(
        name=form.file_name,
        mode=given["mode"] or files.IMPORT,
        origin=given["origin"],
        actions=actions,
    )
    stored: Resource = files.store(door.workspace, actor, space_id, new, incoming)
    return data(file_item(stored))


def _actions(form: Form) -> list[Any]:
    """Return the actions, each a field of its own; some clients send one field with all of them."""
    found: list[Any] = []
    for text in form.fields.get("actions", []):
        value = parse(text.encode())
        found.extend(value if isinstance(value, list) else [value] if value else [])
    return found


def _rows(body: Mapping[str, Any]) -> list[list[str]]:
    rows = body.get("data")
    if not isinstance(rows, list):
        raise bad_request(f"data must be an array of arrays, not {kind_of(rows)}", "data")
    found = []
    for number, row in enumerate(rows[:MAX_HEADER_ROWS]):
        if not isinstance(row, list):
            raise bad_request(f"data[{number}] must be an array, not {kind_of(row)}", f"data[{number}]")
        found.append(["" if cell is None else cell if isinstance(cell, str) else str(cell) for cell in row])
    return found
