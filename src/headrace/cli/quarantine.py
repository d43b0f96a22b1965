"""``headrace quarantine``: batches with rejected rows."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from headrace.cli import listing, rendering
from headrace.cli.desk import LocalDesk, asking
from headrace.cli.finishing import finish, queued
from headrace.cli.listing import Listing
from headrace.cli.options import At
from headrace.cli.output import Column, Output, Row, moment, number, one_line
from headrace.cli.rejects import print_row
from headrace.cli.watching import watch_with
from headrace.core.errors import Code, Problem
from headrace.core.native.quarantine import (
    AskBatch,
    AskRejectsFile,
    AskReplay,
    ListBatches,
    ListRejects,
    QuarantineLine,
)
from headrace.core.native.runs import AskRun
from headrace.core.native.table import LIST_BATCHES, LIST_REJECTS, REJECTS_FILE, REPLAY, SHOW_BATCH, SHOW_RUN
from headrace.core.native.wire import to_wire

_SUFFIXES = {"ndjson": "json", "csv": "csv"}


def _row(line: QuarantineLine) -> Row:
    batch = line.batch
    return (
        batch.id,
        batch.run_id[: rendering.SHORT],
        line.flow,
        batch.table,
        batch.status.value,
        number(batch.figures.rows_rejected),
        number(batch.rejects_left),
        moment(batch.created_at),
    )


_BATCHES = Listing(
    (
        Column("batch", whole=True),
        Column("run", whole=True),
        Column("flow"),
        Column("table", spare=2),
        Column("status", spare=1),
        Column("rejected", right=True),
        Column("left", right=True),
        Column("created", whole=True, spare=3),
    ),
    _row,
    "no rejected rows are left",
)


def show_list(at: At, output: Output, asked: ListBatches, *, every_page: bool = False) -> int:
    """List batches with rejects, newest first."""
    return listing.show(at, output, (LIST_BATCHES, asked), _BATCHES, every_page=every_page)


def show(at: At, batch: str, output: Output) -> int:
    """Count a batch's rejects by reason."""
    with asking(at) as desk:
        view = desk.ask(SHOW_BATCH, AskBatch(batch=batch))
    if output.is_json:
        output.document(to_wire(view))
        return 0
    line = view.line
    output.pairs(
        [
            ("batch", line.batch.id),
            ("run", line.batch.run_id),
            ("flow", one_line(f"{line.flow} ({line.scope})")),
            ("table", one_line(line.batch.table)),
            ("rejected", f"{number(view.rejected)}, {number(view.left)} of them left"),
        ]
    )
    if view.kept < view.left:
        output.note(f"only {number(view.kept)} of them were kept")
    output.say()
    rendering.reasons_table("rejected rows", view.reasons, output)
    if view.replays:
        output.say("\nplayed again:")
        rendering.batches_table(view.replays, output)
    output.note(f"the rows: headrace quarantine rows {line.batch.id}")
    if view.can_replay:
        output.note(f"to correct them: headrace quarantine download {line.batch.id}")
    return 0


def rows(at: At, asked: ListRejects, output: Output) -> int:
    """Show rejected rows of a batch, in their order."""
    with asking(at) as desk:
        told = desk.ask(LIST_REJECTS, asked)
    if output.is_json:
        output.document(to_wire(told))
        return 0
    for row in told.items:
        print_row(row, output)
    if not told.items:
        output.note("no such rows")
    if told.next is not None:
        output.note(f"more: --cursor {told.next}")
    return 0


def download(at: At, asked: AskRejectsFile, to: str | None) -> int:
    """Write the batch's rejected rows to a file, or to standard output."""
    notes = Output()
    with asking(at) as desk:
        found = desk.ask(SHOW_BATCH, AskBatch(batch=asked.batch)).line.batch.id
        told = desk.ask(REJECTS_FILE, AskRejectsFile(batch=found, format=asked.format, raw=asked.raw))
        if to == "-":
            _write(told.pieces, sys.stdout.buffer)
            return 0
        # The id may be another server's word; where a file goes is not.
        name = "".join(one if one.isalnum() else "-" for one in found)
        path = Path(to or f"rejects-{name}.{_SUFFIXES.get(asked.format, asked.format)}")
        with _new_file(path) as target:
            _write(told.pieces, target)
    if asked.format == "ndjson":
        notes.note(f"{path}: correct the rows, keep _reject, then: headrace quarantine replay {found} {path}")
    return 0


def replay(at: At, batch: str, file: Path, output: Output, *, detach: bool) -> int:
    """Play corrected rows again, and report as for every run."""
    with asking(at) as desk:
        found = desk.ask(SHOW_BATCH, AskBatch(batch=batch)).line.batch.id
        try:
            corrected = file.open("rb")
        except OSError as error:
            raise Problem(Code.NOT_FOUND, f"{file} cannot be read: {error.strerror}") from None
        with corrected:
            told = desk.ask(REPLAY, AskReplay(batch=found, name=file.name), corrected)
        if isinstance(desk, LocalDesk):
            return finish(desk, told.run, output, detach=detach)
        if detach:
            queued(desk.ask(SHOW_RUN, AskRun(run=told.run)), output)
            return 0
        return watch_with(desk, told.run, output)


def _new_file(path: Path) -> BinaryIO:
    try:
        return path.open("xb")
    except FileExistsError:
        raise Problem(Code.CONFLICT, f"{path} is there already; --to names another file") from None
    except OSError as error:
        raise Problem(Code.TARGET_DENIED, f"{path} cannot be written: {error.strerror}") from None


def _write(pieces: Iterable[bytes], target: BinaryIO) -> None:
    target.writelines(pieces)
    target.flush()
