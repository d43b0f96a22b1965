"""Data Access (11): what a run's links lead to. Listings, rejected rows with their reasons, samples, files; all of it streamed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.batches import data_files, find_batch, landed, landed_files, table_of
from headrace.api.flowservice.datasets import KIND as DATASETS
from headrace.api.flowservice.downloads import send
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.shelf import find
from headrace.api.flowservice.translate.batch import BatchRecord, is_mapped
from headrace.api.flowservice.translate.rejects import samples, translate_lines
from headrace.api.flowservice.wire import Item, integer, milliseconds
from headrace.core.clock import DAY, to_iso
from headrace.core.errors import Code, Problem
from headrace.core.explore import PeekLake
from headrace.core.upload import Standing
from headrace.http.downloads import stream
from headrace.service.quarantine import QuarantineFile, list_files, open_file

BASE = "/data/foundation/export"
router = APIRouter(prefix=BASE)
MAX_LIMIT = 100
KEPT_DAYS = 30
"""Days for which diagnostics are shown (11); they lie in the quarantine for as long as the installation keeps runs."""
_INPUTS = "input_files/fileMetaData1.json"

_SAMPLES = "row_error_samples.json"
_SAMPLES_TOO = "row_errors_sample.json"
_FOLDERS = ("row_errors", "input_files")


@dataclass(frozen=True, slots=True)
class _Named:
    """One entry of a listing: its name there, its ``path`` for the link, its length."""

    name: str
    path: str
    length: int


@router.get("/batches/{subject}/meta")
def get_meta(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """List or send a batch's diagnostics: what there is, a folder, or a file."""
    record = find_batch(tenant, subject)
    files = {file.name: file for file in _diagnostics(tenant, record)}
    inputs = _inputs(tenant, record, files)
    if inputs:
        files[_INPUTS] = QuarantineFile(_INPUTS, sum(len(line) for line in inputs))
    path = request.query_params.get("path", "").strip("/")
    here = f"{BASE}/batches/{record.id}/meta"
    if not path:
        return _listing(request, tenant, here, _top(files))
    if path in _FOLDERS and any(name.startswith(path + "/") for name in files):
        inside = [file for name, file in sorted(files.items()) if name.startswith(path + "/")]
        return _listing(request, tenant, here, [_Named(f.name[len(path) + 1 :], f.name, f.bytes) for f in inside])
    if path in {_SAMPLES, _SAMPLES_TOO} and files:
        return _samples(tenant, record, files)
    if path not in files:
        raise Refusal(Fault.NOT_FOUND, f"the batch {subject} has no {path[:200]!r}")
    if path == _INPUTS and inputs:
        return stream(iter(inputs), media_type="application/x-ndjson", name=path.rpartition("/")[2])
    return _file(tenant, record, path)


@router.get("/batches/{subject}/failed")
def get_failed(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """List or send the landed files of a failed batch; empty for others."""
    record = find_batch(tenant, subject)
    failed = record.standing is Standing.FAILED
    return _files(request, tenant, f"{BASE}/batches/{subject}/failed", _failed(tenant, record) if failed else {})


@router.get("/batches/{subject}/files")
def get_files(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Show the dataset file of a batch: one for the whole of its commit."""
    record = find_batch(tenant, subject)
    there = record.batch is not None and record.batch.files and record.standing is not Standing.REVERTED
    entries = [_dataset_file(tenant, record)] if there else []
    limit = min(max(integer(request.query_params.get("limit", "100")) or MAX_LIMIT, 1), MAX_LIMIT)
    chosen = entries[max(integer(request.query_params.get("start", "0")) or 0, 0) :][:limit]
    return JSONResponse({"data": chosen, "_page": {"limit": limit, "count": len(chosen)}, "_links": {}})


@router.api_route("/files/{subject}", methods=["GET", "HEAD"])
def get_file(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """List the parts of a dataset file, or send one, or a range of it."""
    batch_id, dash, number = subject.rpartition("-")
    if not dash or number != "1":
        raise Refusal(Fault.NOT_FOUND, f"the dataset file {subject[:100]!r} does not exist")
    record = find_batch(tenant, batch_id)
    return _files(request, tenant, f"{BASE}/files/{subject}", data_files(tenant, record))


@router.get("/datasets/{subject}/preview")
def preview_dataset(subject: str, tenant: NeighbourTenant) -> Response:
    """Show the first rows of a dataset, as they stand in its newest version."""
    dataset = find(tenant, DATASETS, subject)
    peek = tenant.door.explore(PeekLake(table_of(tenant, dataset.id)))
    return JSONResponse({"data": [dict(row) for row in peek.rows[:MAX_LIMIT]]})


def _diagnostics(tenant: Tenant, record: BatchRecord) -> tuple[QuarantineFile, ...]:
    batch = record.batch
    if batch is None or tenant.door.clock.now() - batch.created_at > KEPT_DAYS * DAY:
        return ()
    try:
        return list_files(tenant.door.database, tenant.door.roots, tenant.scope, batch.id)
    except Problem as problem:
        if problem.code is Code.NOT_FOUND:
            return ()
        raise


def _inputs(tenant: Tenant, record: BatchRecord, files: Mapping[str, QuarantineFile]) -> list[bytes]:
    """Return what was read, where the quarantine has nothing of the batch: no row was rejected, or diagnostics were not asked for."""
    if _INPUTS in files or record.batch is None or record.run is None:
        return []
    if tenant.door.clock.now() - record.batch.created_at > KEPT_DAYS * DAY:
        return []
    found = landed(tenant, record)
    records = record.batch.figures.rows_read if len(found) == 1 else None
    lines: list[Item] = [
        {
            "path": file.name,
            "size": file.bytes,
            "lastModified": None if file.modified_at is None else to_iso(file.modified_at),
            "records": file.rows if file.rows is not None else records,
        }
        for file in found
    ]
    return [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]


def _top(files: Mapping[str, QuarantineFile]) -> list[_Named]:
    entries = []
    for folder in _FOLDERS:
        inside = [file.bytes for name, file in files.items() if name.startswith(folder + "/")]
        if inside:
            entries.append(_Named(folder, folder, sum(inside)))
    entries += [_Named(name, name, file.bytes) for name, file in sorted(files.items()) if "/" not in name]
    return entries


def _file(tenant: Tenant, record: BatchRecord, path: str) -> Response:
    lines = _lines(tenant, record, [path])
    name = path.rpartition("/")[2]
    if path.startswith("row_errors/"):
        lines = translate_lines(lines, mapped=record.run is not None and is_mapped(record.run))
    return stream(_begun(lines), media_type="application/x-ndjson", name=name)


def _samples(tenant: Tenant, record: BatchRecord, files: Mapping[str, QuarantineFile]) -> Response:
    # Parsing errors come first; the names sort the other way round.
    rows = sorted(
        (name for name in files if name.startswith("row_errors/")), key=lambda name: ("parsing" not in name, name)
    )
    chunks = samples(_lines(tenant, record, rows), mapped=record.run is not None and is_mapped(record.run))
    return stream(_begun(chunks), media_type="application/json", name=_SAMPLES)


def _lines(tenant: Tenant, record: BatchRecord, names: list[str]) -> Iterator[bytes]:
    door = tenant.door
    for name in names:
        with ExitStack() as stack:
            file = stack.enter_context(open_file(door.database, door.roots, tenant.scope, record.made.id, name))
            yield from file


def _begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return ``chunks`` after making the first one, so that a file that is gone is refused before the answer begins."""
    first = next(chunks, None)
    return iter(()) if first is None else chain([first], chunks)


def _files(request: Request, tenant: Tenant, here: str, files: Mapping[str, Path | None]) -> Response:
    path = request.query_params.get("path", "")
    if not path:
        sizes = {name: 0 if file is None else file.stat().st_size for name, file in files.items()}
        return _listing(request, tenant, here, [_Named(name, name, size) for name, size in sorted(sizes.items())])
    if path not in files:
        raise Refusal(Fault.NOT_FOUND, f"there is no file {path[:200]!r}")
    file = files[path]
    if file is None:
        return stream(iter(()), media_type="application/octet-stream", name=path)
    return send(request, file, Refusal(Fault.NOT_FOUND, f"the file {path[:200]!r} is gone"))


def _failed(tenant: Tenant, record: BatchRecord) -> dict[str, Path | None]:
    return {"_SUCCESS": None, **landed_files(tenant, record)}


def _listing(request: Request, tenant: Tenant, here: str, entries: list[_Named]) -> Response:
    base = tenant.place.base_url
    limit = min(max(integer(request.query_params.get("limit", "100")) or MAX_LIMIT, 1), MAX_LIMIT)
    rest = _from_start(entries, request.query_params.get("start", ""))
    chosen = rest[:limit]
    links: Item = {}
    if len(rest) > limit:
        path = request.query_params.get("path", "")
        last = f"&path={quote(path, safe='')}" if path else ""
        links = {"next": {"href": f"{base}{here}?start={quote(chosen[-1].name, safe='')}&limit={limit}{last}"}}
    data = [
        {
            "name": entry.name,
            "length": str(entry.length),
            "_links": {"self": {"href": f"{base}{here}?path={quote(entry.path, safe='')}"}},
        }
        for entry in chosen
    ]
    return JSONResponse({"data": data, "_page": {"limit": limit, "count": len(data)}, "_links": links})


def _from_start(entries: list[_Named], start: str) -> list[_Named]:
    """Return the entries from ``start`` on: a number of entries to pass over, or a name to begin after."""
    number = integer(start)
    if number is not None:
        return entries[max(number, 0) :]
    names = [entry.name for entry in entries]
    return entries[names.index(start) + 1 :] if start in names else entries


def _dataset_file(tenant: Tenant, record: BatchRecord) -> Item:
    batch = record.made
    subject = f"{batch.id}-1"
    return {
        "dataSetFileId": subject,
        "dataSetViewId": record.dataset,
        "version": "1.0.0",
        "created": str(milliseconds(batch.created_at)),
        "updated": str(milliseconds(batch.updated_at)),
        "isValid": True,
        "records": str(batch.figures.rows_accepted or 0),
        "size": str(batch.figures.bytes_written or 0),
        "_links": {"self": {"href": f"{tenant.place.base_url}{BASE}/files/{subject}"}},
    }
