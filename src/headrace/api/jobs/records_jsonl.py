"""Records line by line, in both directions as streams (contract 12.6)."""

from collections.abc import Iterator
from itertools import starmap

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from headrace.api.jobs.bodies import unpacked
from headrace.api.jobs.errors import bad_request
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.mounts import JSONL
from headrace.api.jobs.queries import Query
from headrace.api.jobs.selections import selection_asked
from headrace.api.jobs.translate.jsonl import Extras, Lines, head_of
from headrace.api.jobs.wire import answer
from headrace.core.workspace import Sheet
from headrace.service.records import jsonl
from headrace.service.records.linking import links_of
from headrace.service.records.selecting import selection_of
from headrace.store import record_pages

router = APIRouter()

_MEDIA_TYPE = "application/jsonl"
_MAX_PAGE = 50_000
_WHICH = "sheetId, or workbookId and sheetSlug, are required"


@router.get(JSONL)
def get_record_lines(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return the selected records, one a line; with ``pageSize`` one page of them."""
    query = Query(request)
    paged = query.text("pageSize") is not None
    size, number = query.page(_MAX_PAGE, _MAX_PAGE)
    flags = {
        name: query.flag(f"include{name}")
        for name in ("Messages", "Metadata", "Config", "Timestamps", "EmptyCells", "Sheet", "SheetSlug", "Links")
    }
    bare = query.flag("noContext")
    query.done()
    asked = selection_asked(request, event_parameter="for" if query.text("for") else "forEvent")
    # What is wrong with the request is said before the first line.
    with door.database.reading() as tx:
        sheet = jsonl.sheet_named(tx, actor, query.text("sheetId"), query.text("workbookId"), query.text("sheetSlug"))
        if sheet is None:
            raise bad_request(_WHICH, "sheetId")
        selection = selection_of(tx, sheet, asked)
        page = record_pages.rows(tx, sheet, selection, size, number) if paged else None
        links = links_of(tx, sheet, page) if page is not None and flags["Links"] else None
    extras = Extras(
        head=b"" if bare else _context(sheet, with_id=flags["Sheet"], with_slug=flags["SheetSlug"]),
        messages=flags["Messages"],
        metadata=flags["Metadata"],
        config=flags["Config"],
        timestamps=flags["Timestamps"],
        empty_cells=flags["EmptyCells"],
    )
    lines = Lines(sheet.blueprint, asked.fields, extras)
    pieces = iter([(page, links)]) if page is not None else None
    pieces = pieces or jsonl.walked(door.database, sheet, selection, linked=flags["Links"])
    texts: Iterator[bytes] = starmap(lines.text, pieces)
    return StreamingResponse(texts, media_type=_MEDIA_TYPE)


@router.post(JSONL)
async def write_record_lines(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Insert, change and remove records, one a line, as they come."""
    query = Query(request)
    how = {name: query.flag(name) for name in ("truncate", "snapshot", "silent")}
    query.done()
    named = request.headers.get("x-sheet-id", "").strip() or query.text("sheetId")
    workbook_id, slug = query.text("workbookId"), query.text("sheetSlug")

    def begun() -> jsonl.Writer:
        with door.database.reading() as tx:
            sheet = jsonl.sheet_named(tx, actor, named, workbook_id, slug)
        writer = jsonl.Writer(
            door.records,
            actor,
            jsonl.How(
                sheet_id=None if sheet is None else sheet.id,
                workbook_id=workbook_id,
                forced=request.headers.get("x-force-hooks", "").strip().lower() == "true",
                event_id=query.text("for"),
                **how,
            ),
        )
        writer.begin()
        return writer

    writer = await run_in_threadpool(begun)
    async for piece in unpacked(request):
        await run_in_threadpool(writer.feed, piece)
    sums = await run_in_threadpool(writer.end)
    return answer({"success": True, "created": sums.created, "updated": sums.updated})


def _context(sheet: Sheet, *, with_id: bool, with_slug: bool) -> bytes:
    return head_of({**({"__s": sheet.id} if with_id else {}), **({"__n": sheet.slug} if with_slug else {})})
