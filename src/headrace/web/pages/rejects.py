"""Rejected rows: batches that have some, why, the rows themselves, as a file, and played again once they were corrected."""

from io import BytesIO

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.errors import Code, Problem
from headrace.core.native.quarantine import AskBatch, AskRejectsFile, AskReplay, ListBatches, ListRejects
from headrace.core.native.table import LIST_BATCHES, LIST_REJECTS, REJECTS_FILE, REPLAY, SHOW_BATCH
from headrace.http.downloads import stream
from headrace.web.addresses import href
from headrace.web.console import AtConsole, Console
from headrace.web.failures import STATUS
from headrace.web.forms import Sent
from headrace.web.queries import asked_in
from headrace.web.reject_table import table_of

router = APIRouter()
_ORDER = "order"
"""Of the columns: ``file`` keeps wide rows as they came."""


@router.get("/rejects")
def rejects(request: Request, console: AtConsole) -> Response:
    """Show batches with rejected rows. Whoever asks for those of a run, and nothing else, is led to its one batch where there is only one."""
    asked = asked_in(request, ListBatches)
    told = console.ask(request, LIST_BATCHES, asked)
    if set(request.query_params) == {"run"} and len(told.items) == 1 and not told.next:
        return console.go(request, href("rejects", told.items[0].batch.id))
    return console.page(request, "rejects.html", {"asked": asked, "told": told})


@router.get("/rejects/{batch}")
def batch_page(batch: str, request: Request, console: AtConsole) -> Response:
    """Show a batch's rejects by code and column, and its rows."""
    asked = asked_in(request, ListRejects, passing=(_ORDER, "scope"), keeping=("column",), batch=batch)
    return _batch_page(console, request, asked)


@router.get("/rejects/{batch}/file")
def download(batch: str, request: Request, console: AtConsole) -> Response:
    """Send the rejected rows as a file."""
    told = console.ask(request, REJECTS_FILE, asked_in(request, AskRejectsFile, batch=batch))
    return stream(told.pieces, media_type=told.media_type, name=told.name)


@router.get("/rejects/{batch}/replay")
def again(batch: str, request: Request, console: AtConsole) -> Response:
    """Lead back to the batch's page: a page that refused a file has this address."""
    return console.go(request, href("rejects", batch))


@router.post("/rejects/{batch}/replay")
def replay(batch: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Play corrected rows again; what is wrong with the file is told on the batch's page."""
    asked = AskReplay(
        batch=batch, name=form.file_name or "corrected.json", request_key=form.text("request_key") or None
    )
    try:
        # Without a file there is one of no rows: whoever may not play rows again is told that first.
        told = console.ask(request, REPLAY, asked, form.file or BytesIO())
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.FORBIDDEN}:
            raise
        return _batch_page(console, request, ListRejects(batch=batch), problem)
    return console.go(request, f"/runs/{told.run}")


def _batch_page(console: Console, request: Request, asked: ListRejects, problem: Problem | None = None) -> Response:
    view = console.ask(request, SHOW_BATCH, AskBatch(batch=asked.batch))
    told = console.ask(request, LIST_REJECTS, asked)
    as_in_file = request.query_params.get(_ORDER) == "file"
    values = {
        "asked": asked,
        "view": view,
        "told": told,
        "table": table_of(told, as_in_file=as_in_file),
        "as_in_file": as_in_file,
        "problem": problem,
    }
    return console.page(request, "rejects_batch.html", values, 200 if problem is None else STATUS[problem.code])
