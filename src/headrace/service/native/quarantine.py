"""Rejected rows: counted, looked at, downloaded, played again."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO

from headrace.core.client import Identity, Role
from headrace.core.codec import decode
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.operation import Download
from headrace.core.native.quarantine import (
    AskBatch,
    AskRejectsFile,
    AskReplay,
    ListBatches,
    ListRejects,
    QuarantineLine,
    QuarantineList,
    QuarantineView,
    RejectLine,
    RejectList,
    ReplayTold,
    RowReason,
)
from headrace.core.query import Cursor, check_limit
from headrace.core.run import BatchStatus
from headrace.dataplane.quarantine import export, layout, pages
from headrace.dataplane.quarantine.corrected import OURS
from headrace.dataplane.quarantine.pages import KeptRow, Place, RowPage, Wanted
from headrace.service.native.batch_lines import batch_line
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns, run_of
from headrace.service.native.source_cells import SourceCells
from headrace.service.quarantine import ReplayRequest, outstanding, replay
from headrace.service.replays import KIND, ReplaySettings
from headrace.store import batches, reject_pages, runs
from headrace.store.database import Transaction
from headrace.store.reject_pages import RejectedBatch, RejectQuery

LATEST = "@latest"
"""Stands for the newest batch with rejects."""
_PIECE = 256 * 1024
_FEW = 6


def list_batches(desk: NativeDesk, caller: Identity, asked: ListBatches) -> QuarantineList:
    """Return a page of batches with rejects, newest first. It may be short and have a next one.

    Raises:
        Problem: ``INVALID``: the limit or the cursor; ``NOT_FOUND``: the scope or the run.
    """
    reached = patterns(caller, asked.scope)
    cursor = None if asked.cursor is None else Cursor.parse(asked.cursor)
    with desk.database.reading() as tx:
        run_id = None if asked.run is None else run_of(tx, caller, asked.run).id
        query = RejectQuery(patterns=reached, run_id=run_id, flow=asked.flow, resolved=asked.resolved)
        page = reject_pages.page(tx, query, asked.limit, cursor)
    return QuarantineList(items=tuple(map(_line, page.items)), next=None if page.next is None else page.next.token())


def show_batch(desk: NativeDesk, caller: Identity, asked: AskBatch) -> QuarantineView:
    """Return a batch's rejects by code and column.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several batches begin so.
    """
    with desk.database.reading() as tx:
        found = _find(tx, caller, asked.batch)
        replayed = batches.replays_of(tx, found.batch.id)
    batch = found.batch
    rejected, left = batch.figures.rows_rejected or 0, outstanding(batch)
    kept = rejected if layout.row_files(desk.roots, batch.id) else 0
    playable = batch.status is BatchStatus.COMMITTED and batch.replay_of is None and left > 0
    return QuarantineView(
        line=_line(found),
        reasons=tuple(sorted(batch.rejects, key=lambda reason: (-reason.count, reason.code, reason.column or ""))),
        rejected=rejected,
        left=left,
        kept=kept,
        replays=tuple(map(batch_line, replayed)),
        can_replay=playable and caller.role.includes(Role.OPERATOR),
    )


def list_rejects(desk: NativeDesk, caller: Identity, asked: ListRejects) -> RejectList:
    """Return a page of a batch's rejected rows. It may be short, or empty, and have a next one.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the limit or the cursor.
    """
    check_limit(asked.limit)
    begin = Place() if asked.cursor is None else _place(asked.cursor)
    with desk.database.reading() as tx:
        batch = _find(tx, caller, asked.batch).batch
        run = runs.get(tx, batch.scope, batch.run_id)
    page = pages.read_page(desk.roots, batch.id, Wanted(asked.code, asked.column), begin, asked.limit)
    with desk.database.reading() as tx:
        resolved = reject_pages.resolved_among(tx, batch.id, [_number(kept) for kept in page.rows])
    cells = SourceCells(run.definition, batch.path)
    lines = tuple(_reject(kept, cells, resolved) for kept in page.rows)
    columns = dict.fromkeys(chain.from_iterable(line.cells for line in lines))
    return RejectList(batch=batch.id, items=lines, columns=tuple(columns), next=_token(page))


def download(desk: NativeDesk, caller: Identity, asked: AskRejectsFile) -> Download:
    """Return a batch's rejected rows as a file: the very bytes that are kept, or CSV.

    Raises:
        Problem: ``NOT_FOUND``: no such batch, or nothing of its rejects is kept; ``INVALID``: the format.
    """
    with desk.database.reading() as tx:
        batch_id = _find(tx, caller, asked.batch).batch.id
    if asked.format not in {"ndjson", "csv"}:
        error = FieldError("format", f"{asked.format!r} is no format of rejected rows", "ndjson or csv")
        raise Problem(Code.INVALID, str(error), (error,))
    if not layout.row_files(desk.roots, batch_id):
        raise Problem(Code.NOT_FOUND, f"no rejected rows of batch {batch_id} are kept (any more)")
    name = f"rejects-{batch_id}.{asked.format}"
    if asked.format == "csv":
        rows = export.to_csv(layout.open_rows(desk.roots, batch_id), raw=asked.raw)
        return Download(name, "text/csv; charset=utf-8", _together(rows))
    return Download(name, "application/x-ndjson", _bytes(desk, batch_id))


def replay_batch(desk: NativeDesk, caller: Identity, asked: AskReplay, body: BinaryIO) -> ReplayTold:
    """Play the corrected rows of ``body`` again, and return the run that does.

    Raises:
        Problem: ``NOT_FOUND``; what ``service.quarantine.replay`` raises.
    """
    with desk.database.reading() as tx:
        batch = _find(tx, caller, asked.batch).batch
    request = ReplayRequest(created_by=caller.client_id, request_key=asked.request_key, file_name=asked.name)
    run = replay(desk.replays, batch.scope, batch.id, body, request)
    settings = decode(ReplaySettings, run.definition.by_name[KIND].settings, what="the replay's settings")
    return ReplayTold(
        run=run.id, created_at=run.created_at, rows=sum(file.rows or 0 for file in settings.landing.files)
    )


def _find(tx: Transaction, caller: Identity, text: str) -> RejectedBatch:
    """Return the batch that ``text`` (an id, the beginning of one, or ``@latest``) stands for among those that the caller may see."""
    reached = patterns(caller)
    if text == LATEST:
        found = list(reject_pages.page(tx, RejectQuery(patterns=reached, resolved=True), 1).items)
    else:
        exact = reject_pages.find(tx, text)
        if exact is not None and caller.reaches(exact.batch.scope):
            return exact
        starts = dict.fromkeys((text, text.upper())) if text else {}
        found = [one for start in starts for one in reject_pages.beginning_with(tx, start, reached, _FEW)]
    if not found:
        raise Problem(Code.NOT_FOUND, f"there is no batch {text!r}")
    if len(found) > 1:
        ids = ", ".join(one.batch.id for one in found[: _FEW - 1])
        raise Problem(Code.INVALID, f"several batches begin with {text!r}: {ids}")
    return found[0]


def _line(found: RejectedBatch) -> QuarantineLine:
    scope = found.batch.scope
    return QuarantineLine(batch=batch_line(found.batch), scope=scope, flow=found.flow_name, flow_id=found.flow_id)


def _reject(kept: KeptRow, source: SourceCells, resolved: set[int]) -> RejectLine:
    row, number = kept.row, _number(kept)
    cells = {} if kept.text else {name: value for name, value in row.items() if name not in OURS}
    raw = row.get("_corrupt_record")
    return RejectLine(
        number=number,
        reasons=tuple(_reason(error, cells, source) for error in row.get("_errors") or ()),
        file=row.get("_filename"),
        line=row.get("_line"),
        cells=cells,
        raw=kept.text or (raw if isinstance(raw, str) else None),
        resolved=number in resolved,
    )


def _reason(error: Mapping[str, Any], cells: Mapping[str, Any], source: SourceCells) -> RowReason:
    column = error.get("column")
    return RowReason(
        code=str(error.get("code")),
        message=str(error.get("message") or ""),
        column=column,
        sources=() if column is None else tuple(name for name in cells if name in source.of(column, cells)),
    )


def _number(kept: KeptRow) -> int:
    return int(kept.row["_reject"])


def _place(token: str) -> Place:
    position = Cursor.parse(token).position
    match position:
        case (int(file), int(offset)):
            return Place(file, offset)
    error = FieldError("cursor", "belongs to another list", "pass it with the batch that it came with")
    raise Problem(Code.INVALID, str(error), (error,))


def _token(page: RowPage) -> str | None:
    return None if page.next is None else Cursor((page.next.file, page.next.offset)).token()


def _bytes(desk: NativeDesk, batch_id: str) -> Iterator[bytes]:
    for name in layout.row_files(desk.roots, batch_id):
        with layout.open_file(desk.roots, batch_id, name) as stream:
            while piece := stream.read(_PIECE):
                yield piece


def _together(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces that are worth sending."""
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "quarantine.list": list_batches,
    "quarantine.show": show_batch,
    "quarantine.rows": list_rejects,
    "quarantine.download": download,
    "quarantine.replay": replay_batch,
}
"""By the operation's name."""
