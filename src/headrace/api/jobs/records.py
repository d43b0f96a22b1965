"""Records (contract 12.5): read, inserted, changed and removed."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Items, Object, Raw, kind_of
from headrace.api.jobs.door import JobsDoor
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.members import Members
from headrace.api.jobs.queries import Query
from headrace.api.jobs.selections import selection_asked
from headrace.api.jobs.translate.records import changes_of, commit_ids, counts_item, texts_of
from headrace.api.jobs.wire import Item, answer, data, success, told
from headrace.core.codec import Json
from headrace.core.job import Actor
from headrace.core.record import CommitWish
from headrace.service.records import bulk, reading, writing
from headrace.service.records.selecting import MAX_IDS
from headrace.service.records.wishes import wish_of

router = APIRouter()

_PAGE = 10_000
_SHOWN = 5_000
"""Records that the answer to an insert shows at most."""


@router.get("/sheets/{sheet_id}/records")
def get_records(sheet_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return a page of records."""
    query = Query(request)
    size, number = query.page(_PAGE, reading.MAX_PAGE)
    counted = query.flag("includeCounts") or query.flag("includeLength")
    linked = query.flag("includeLinks")
    query.done()
    asked = selection_asked(request)
    page = reading.page(door.database, actor, sheet_id, asked, size, number, counted=counted, linked=linked)
    counts: Item = {} if page.counts is None else {"counts": counts_item(page.counts)}
    records = texts_of(page.sheet.blueprint, asked.fields).texts(page.rows, page.links)
    return told(_with_records(records, {**counts, **commit_ids(page.commit)}))


@router.post("/sheets/{sheet_id}/records")
def insert_records(sheet_id: str, request: Request, door: AtDoor, actor: ByActor, body: Raw) -> Response:
    """Insert records, and show them as they are now."""
    wish = _wish(request, door, actor, sheet_id, may_join=False)
    written = writing.insert_page(door.records, actor, sheet_id, body or b"[]", wish)
    named = commit_ids(written.commit)
    if len(written.created_ids) > _SHOWN:
        return data({"success": True, **named})
    page = reading.of_ids(door.database, actor, sheet_id, written.created_ids)
    return told(_with_records(texts_of(page.sheet.blueprint).texts(page.rows), named))


@router.put("/sheets/{sheet_id}/records")
def update_records(sheet_id: str, request: Request, door: AtDoor, actor: ByActor, body: Items) -> Response:
    """Change records."""
    wish = _wish(request, door, actor, sheet_id, may_join=True)
    return data(commit_ids(writing.update(door.records, actor, sheet_id, changes_of(body), wish).commit))


@router.delete("/sheets/{sheet_id}/records")
def delete_records(sheet_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Remove the records that are named."""
    query = Query(request)
    ids = query.texts("ids")
    if not ids:
        query.wrong("ids", "is required")
    if len(ids) > MAX_IDS:
        query.wrong("ids", f"has {len(ids)} entries; at most {MAX_IDS} are allowed")
    query.done()
    writing.remove(door.records, actor, sheet_id, ids, _wish(request, door, actor, sheet_id, may_join=False))
    return success()


@router.put("/sheets/{sheet_id}/find-replace")
def find_replace(sheet_id: str, request: Request, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Replace what is found in one field of the selected records."""
    members = Members(body)
    key = members.required_text("fieldKey")
    find, replacement = (_plain_text(members, name) for name in ("find", "replace"))
    members.done()
    wish = _wish(request, door, actor, sheet_id, may_join=False)
    asked = selection_asked(request)
    written = bulk.find_replace(door.records, actor, sheet_id, asked, key, find, replacement, wish)
    return data(commit_ids(written.commit))


@router.patch("/sheets/{sheet_id}/records/bulk-update")
def bulk_update(sheet_id: str, request: Request, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Give the selected records the same values."""
    members = Members(body)
    updates = members.object("fieldUpdates")
    if updates is None and not members.errors:
        members.wrong("fieldUpdates", "is required")
    for key, cell in (updates or {}).items():
        if cell is not None and not isinstance(cell, dict):
            members.wrong(f"fieldUpdates.{key}", f"must be an object with a value, not {kind_of(cell)}")
    members.done()
    values = {key: cell["value"] for key, cell in (updates or {}).items() if cell is not None and "value" in cell}
    wish = _wish(request, door, actor, sheet_id, may_join=False)
    written = bulk.bulk_update(door.records, actor, sheet_id, selection_asked(request), values, wish)
    return data(commit_ids(written.commit))


@router.get("/sheets/{sheet_id}/records/indices")
def get_record_indices(sheet_id: str, request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return the places of records in the order of the selection."""
    query = Query(request)
    ids = query.texts("ids")
    if len(ids) > MAX_IDS:
        query.wrong("ids", f"has {len(ids)} entries; at most {MAX_IDS} are allowed")
    query.done()
    places = reading.indices(door.database, actor, sheet_id, selection_asked(request, with_ids=False), ids)
    return answer([{"id": item, "index": places[item]} for item in ids if item in places])


def _wish(request: Request, door: JobsDoor, actor: Actor, sheet_id: str, *, may_join: bool) -> CommitWish:
    query = Query(request)
    silent = query.flag("silent")
    query.done()
    commit_id = query.text("commitId") or query.text("versionId")
    with door.database.reading() as tx:
        return wish_of(
            tx,
            actor,
            reading.reachable(tx, actor, sheet_id),
            commit_id=commit_id if may_join else None,
            event_id=query.text("for") if may_join else None,
            silent=silent,
            forced=request.headers.get("x-force-hooks", "").strip().lower() == "true",
        )


def _with_records(records: bytes, more: Item) -> bytes:
    """Return ``{"data": {"success": true, "records": …}}`` with the members of ``more``."""
    rest = b"" if not more else b"," + msgspec.json.encode(more)[1:-1]
    return b'{"data":{"success":true,"records":%b%b}}' % (records, rest)


def _plain_text(members: Members, name: str) -> str | None:
    """Return a text; a number or a boolean counts as its text, since a form may send it so."""
    value: Json = members.value(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return msgspec.json.encode(value).decode()
    return members.text(name)
