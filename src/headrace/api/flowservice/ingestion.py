"""Batch Ingestion (12): clients make a batch, send its files, and say when that is all."""

import csv
import io
import re
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.batches import find_batch, table_of
from headrace.api.flowservice.datasets import KIND as DATASETS
from headrace.api.flowservice.errors import Fault, Refusal, render, unknown
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.shelf import find
from headrace.api.flowservice.translate.batch import batch_object
from headrace.api.flowservice.translate.ingestion import MAX_HEADER_BYTES, read_format, read_upload
from headrace.api.flowservice.upload_actions import abort, check_references, complete, fail, revert
from headrace.api.flowservice.wire import body_object, integer, object_in, text_in
from headrace.core.errors import Code, Problem
from headrace.core.source import FileType
from headrace.core.upload import Upload
from headrace.http.bodies import Body, json_body
from headrace.service import uploads
from headrace.service.uploads import Incoming, UploadDesk, UploadDraft

router = APIRouter(prefix="/data/foundation/import")
MAX_PART_BYTES = 512_000_000
"""Bytes of one part of a large file (12)."""
MAX_PREVIEW_ROWS = 100

_WRITTEN_AT_ONCE = 1 << 20
_FILES = "/batches/{subject}/datasets/{dataset}/files/{path:path}"
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})")
_ACTIONS = {"COMPLETE": complete, "ABORT": abort, "FAIL": fail, "REVERT": revert}


def desk_of(tenant: NeighbourTenant) -> UploadDesk:
    """Return what uploads need of the installation."""
    door = tenant.door
    return UploadDesk(door.database, door.roots, door.clock, door.ids)


Desk = Annotated[UploadDesk, Depends(desk_of)]


@router.post("/batches")
def create_batch(tenant: NeighbourTenant, desk: Desk, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a batch, which takes files from now on."""
    given = body_object(body)
    subject = text_in(given, "datasetId") or text_in(given, "dataSetId")
    if not subject:
        raise Refusal(Fault.NO_DATASET, "datasetId is missing; name the dataset that the rows are for")
    dataset = find(tenant, DATASETS, subject)
    kept = read_upload(given)
    if "diagnostics" not in kept:
        kept["diagnostics"] = dataset.item["enableErrorDiagnostics"]
    table = table_of(tenant, dataset.id)
    check_references(tenant, dataset, kept, table)
    kept |= {"user": tenant.user, "client": tenant.client}
    draft = UploadDraft(scope=tenant.scope, dataset=dataset.id, table=table, body=kept, who=tenant.user)
    upload = uploads.create_upload(desk, draft)
    return JSONResponse(batch_object(find_batch(tenant, upload.id), tenant.place), status_code=201)


@router.post("/batches/{subject}")
def act(subject: str, request: Request, tenant: NeighbourTenant, desk: Desk) -> Response:
    """Complete a batch, give it up, or take it back; the answer is the batch as it stands then."""
    given = request.query_params.get("action", "")
    action = _ACTIONS.get(given.strip().upper())
    if action is None:
        known = ", ".join(_ACTIONS)
        raise Refusal(Fault.VALUE, f"the query parameter action is {given[:40]!r}; one of {known} is expected")
    try:
        action(tenant, desk, find_batch(tenant, subject))
    except Problem as problem:
        if problem.code is not Code.ILLEGAL_STATE:
            raise
        raise Refusal(Fault.ACTION_STATE, problem.message) from problem
    return JSONResponse(batch_object(find_batch(tenant, subject), tenant.place))


@router.put(_FILES)
async def put_file(
    subject: str, dataset: str, path: str, request: Request, tenant: NeighbourTenant, desk: Desk
) -> Response:
    """Take the bytes of a file; another one with its name is replaced once all have come."""
    _check_media_type(request)
    upload = await run_in_threadpool(_upload, tenant, subject, dataset)
    incoming = await run_in_threadpool(_begun, desk, upload, path, None)
    replaced = await _received(request, desk, upload, incoming)
    return Response(status_code=200 if replaced else 201)


@router.patch(_FILES)
async def patch_file(
    subject: str, dataset: str, path: str, request: Request, tenant: NeighbourTenant, desk: Desk
) -> Response:
    """Take a part of a large file; parts come in any order, and may come again."""
    _check_media_type(request)
    part = _part(request)
    upload = await run_in_threadpool(_upload, tenant, subject, dataset)
    incoming = await run_in_threadpool(_begun, desk, upload, path, part)
    again = await _received(request, desk, upload, incoming)
    return Response(status_code=200 if again else 201)


@router.post(_FILES)
def act_on_file(
    subject: str, dataset: str, path: str, request: Request, tenant: NeighbourTenant, desk: Desk
) -> Response:
    """Begin a large file that comes in parts, or make it of its parts."""
    action = request.query_params.get("action", "").strip().upper()
    upload = _upload(tenant, subject, dataset)
    try:
        if action == "INITIALIZE":
            uploads.begin_parts(desk, upload, path)
            return Response(status_code=201)
        if action == "COMPLETE":
            uploads.complete_parts(desk, upload, path)
            return Response(status_code=200)
    except Problem as problem:
        raise _told(problem) from problem
    raise Refusal(Fault.VALUE, f"the query parameter action is {action[:40]!r}; INITIALIZE or COMPLETE is expected")


@router.head(_FILES)
def look_at_file(
    subject: str, dataset: str, path: str, request: Request, tenant: NeighbourTenant, desk: Desk
) -> Response:
    """Say what has come of a file; with ``Range``, whether all of that part has (206) or not (416)."""
    upload = _upload(tenant, subject, dataset)
    try:
        sent = uploads.look(desk, upload, path)
    except Problem as problem:
        raise _told(problem) from problem
    if sent is None:
        raise unknown("files", path[:200])
    shown = ",".join(f"{start}-{end - 1}" for start, end in sent.ranges[:100])
    headers = {"accept-ranges": "bytes", "content-length": str(sent.bytes), "range": f"bytes={shown}"}
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    first, last = (int(asked[1]), int(asked[2])) if asked else (0, -1)
    if last < first:
        return Response(status_code=200, headers=headers, media_type="application/octet-stream")
    total = str(sent.bytes) if sent.complete else "*"
    if any(start <= first and last < end for start, end in sent.ranges):
        headers |= {"content-range": f"bytes {first}-{last}/{total}", "content-length": str(last - first + 1)}
        return Response(status_code=206, headers=headers, media_type="application/octet-stream")
    refused = render(request, Refusal(Fault.RANGE, f"of the bytes {first}-{last} not all have come"))
    refused.headers.update({"content-range": f"bytes */{sent.bytes}", "range": headers["range"]})
    return refused


@router.get("/batches/{subject}/datasets/{dataset}/preview")
def preview(subject: str, dataset: str, request: Request, tenant: NeighbourTenant, desk: Desk) -> Response:
    """Show the first rows of the first CSV file that has come."""
    upload = _upload(tenant, subject, dataset)
    query = request.query_params
    given = {name: query[name] for name in ("delimiter", "quote", "escape", "charset", "header") if query.get(name)}
    form = {**object_in(dict(upload.body), "inputFormat"), **given, "format": query.get("format", "csv")}
    read = read_format(form)
    if read.type is not FileType.DELIMITED:
        raise Refusal(Fault.FORMAT, f"format is {query.get('format')!r}; previews are made of csv")
    count = min(max(integer(query.get("nrow")) or integer(query.get("nrows")) or 5, 1), MAX_PREVIEW_ROWS)
    beginning = uploads.beginning_of_first(desk, upload, MAX_HEADER_BYTES)
    if beginning is None:
        raise unknown("files", f"{subject}: no file has come yet")
    text = beginning.decode("iso-8859-1" if read.encoding.value == "iso-8859-1" else "utf-8-sig", errors="replace")
    escape = read.escape if read.escape != read.quote else None
    try:
        lines = csv.reader(
            io.StringIO(text, newline=""), delimiter=read.delimiter, quotechar=read.quote, escapechar=escape
        )
        rows = [row for row, _ in zip(lines, range(count + 1), strict=False)]
    except csv.Error as error:
        raise Refusal(Fault.VALUE, f"the file cannot be read as CSV: {error}") from error
    names = rows[0] if read.header and rows else list(read.columns)
    shown = rows[1:] if read.header else rows[:count]
    params = {
        "format": "csv",
        "delimiter": read.delimiter,
        "quote": read.quote,
        "escape": read.escape,
        "header": read.header,
        "charset": read.encoding.value.upper(),
        "nrow": count,
    }
    columns = [{"cid": str(number), "name": name} for number, name in enumerate(names)]
    cells = [{str(number): value for number, value in enumerate(row)} for row in shown]
    return JSONResponse({"formatParams": params, "preview": {"columns": columns, "rows": cells}})


def _upload(tenant: Tenant, subject: str, dataset: str) -> Upload:
    """Return the upload that a path names.

    Raises:
        Refusal: 404: no such batch, it is no upload, or it is for another dataset.
    """
    upload = find_batch(tenant, subject).upload
    if upload is None:
        raise unknown("uploads", subject[:100])
    if upload.dataset != dataset:
        raise unknown("dataSets", dataset[:100])
    return upload


def _begun(desk: UploadDesk, upload: Upload, path: str, part: tuple[int, int] | None) -> Incoming:
    try:
        return uploads.receive(desk, upload, path, part)
    except Problem as problem:
        raise _told(problem) from problem


async def _received(request: Request, desk: UploadDesk, upload: Upload, incoming: Incoming) -> bool:
    """Write the body to the disk as it comes, never much of it in memory; return whether it took the place of what was there."""
    waiting = bytearray()
    try:
        with incoming:
            async for chunk in request.stream():
                waiting += chunk
                if len(waiting) >= _WRITTEN_AT_ONCE:
                    await run_in_threadpool(incoming.write, bytes(waiting))
                    waiting.clear()
            await run_in_threadpool(incoming.write, bytes(waiting))
            return await run_in_threadpool(uploads.keep, desk, upload, incoming)
    except Problem as problem:
        raise _told(problem) from problem


def _told(problem: Problem) -> Problem:
    """Return a problem of an upload in the service's words."""
    if problem.code is Code.LIMIT_EXCEEDED:
        return Refusal(Fault.TOO_LARGE, problem.message)
    if problem.code is Code.ILLEGAL_STATE:
        return Refusal(Fault.ACTION_STATE, problem.message)
    return problem


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/octet-stream":
        raise Refusal(Fault.MEDIA_TYPE, f"the content type is {given[:100]!r}; application/octet-stream is expected")


def _part(request: Request) -> tuple[int, int]:
    """Return the half-open part of a file that ``Content-Range`` names."""
    given = request.headers.get("content-range", "").strip()
    match = _CONTENT_RANGE.fullmatch(given)
    if match is None:
        raise Refusal(Fault.VALUE, f"Content-Range is {given[:100]!r}; bytes first-last/total is expected")
    first, last = int(match[1]), int(match[2])
    if last < first or (match[3] != "*" and last >= int(match[3])):
        raise Refusal(Fault.VALUE, f"Content-Range {given[:100]!r} ends before it begins, or after the file")
    if last - first + 1 > MAX_PART_BYTES or last >= uploads.MAX_BYTES:
        what = f"a part has at most {MAX_PART_BYTES} bytes, a batch {uploads.MAX_BYTES}"
        raise Refusal(Fault.TOO_LARGE, f"Content-Range {given[:100]!r} is too large: {what}")
    return first, last + 1
