"""Workbooks as worksheets: xlsx, xls, xlsb, ods. Another process reads them whole (``spreadsheet_process``), and lays their rows down."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import msgspec

from headrace.core.errors import Problem
from headrace.core.headers import Detected, HeaderAlgorithm, HeaderOptions, detect, keys_of
from headrace.dataplane.duckdb_settings import FULL
from headrace.dataplane.storage import no_room
from headrace.dataplane.worksheets import spreadsheet_process
from headrace.dataplane.worksheets.spreadsheet_process import (
    CPU_SECONDS,
    FILE_BYTES,
    MEMORY_BYTES,
    TOO_MUCH,
    UNREADABLE,
)
from headrace.dataplane.worksheets.worksheet import Opening, Row, Worksheet, filled_width, in_chunks

EXTENSIONS = frozenset({"xlsx", "xlsm", "xls", "xlsb", "ods"})
_BATCH = 1_000
_MAGICS = (b"PK", b"\xd0\xcf\x11\xe0")
_Sheets = msgspec.json.Decoder(list[tuple[str, int, int]])
_Cells = msgspec.json.Decoder(list[str])


def read(opening: Opening, stack: ExitStack) -> tuple[Worksheet, ...]:
    """Return the worksheets of a workbook, empty ones too; ``stack`` removes what they need.

    Dates are ISO text, formulas what they were when the file was saved; of merged cells the first has the value.

    Raises:
        Problem: ``SOURCE_UNREADABLE``; ``LIMIT_EXCEEDED``: it takes more memory, time or room than a workbook may; what the cancellation says.
    """
    with opening.path.open("rb") as stream:
        if not stream.read(4).startswith(_MAGICS):
            raise opening.unreadable("it is no workbook: it begins as neither .xlsx nor .xls files do")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=opening.work)))
    _lay_down(opening, folder)
    sheets = _Sheets.decode((folder / "sheets.json").read_bytes())
    return tuple(_worksheet(opening, folder / f"{number}.rows", *sheet) for number, sheet in enumerate(sheets))


def _lay_down(opening: Opening, folder: Path) -> None:
    # Isolated: it needs nothing of ours, and hears nothing of this process's environment.
    command = [sys.executable, "-I", spreadsheet_process.__file__]
    with (folder / "said").open("wb+") as said:
        process = subprocess.Popen(  # noqa: S603 — our own module, with paths that we made
            [*command, str(opening.path), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            # A library that reads strangers' files has no use for our secrets.
            env={},
        )
        forget = opening.cancellation.on_stop(process.kill)
        try:
            status = _waited(opening, process)
        finally:
            forget()
            process.kill()
            process.wait()
        opening.cancellation.check()
        if status:
            said.seek(0)
            raise _problem(opening, status, said.read().decode("utf-8", "replace"))


def _waited(opening: Opening, process: "subprocess.Popen[bytes]") -> int:
    """Return the status of a process when it has ended; whoever waits for the file hears that it goes on."""
    while True:
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            opening.looked(0, opening.size)


def _problem(opening: Opening, status: int, said: str) -> Problem:
    last = (said.strip().splitlines() or [""])[-1]
    if status == UNREADABLE:
        return opening.unreadable(f"it is no workbook that can be read ({last})")
    if any(sign in last.lower() for sign in FULL):
        return no_room(opening.work)
    if status == TOO_MUCH:
        return opening.too_large(
            "shows few texts in so many cells that a small file would fill the disk; save it as csv"
        )
    gib = 1 << 30
    bounds = f"{MEMORY_BYTES // gib} GiB of memory, {CPU_SECONDS:,} seconds or {FILE_BYTES // gib} GiB of texts"
    problem = opening.too_large(f"takes more than {bounds} to read; save it as csv, or in several files")
    problem.context = {"status": status, "said": last}
    return problem


def _worksheet(opening: Opening, path: Path, name: str, rows: int, columns: int) -> Worksheet:
    opening.check_width(columns)
    options = opening.options.header
    head = [[cell or "" for cell in cells] for batch in _pieces(path, 0, options.rows_needed) for cells in batch]
    found = _detected(head, options, rows)
    first = min(found.header_row, rows)
    width = len(found.header)
    for batch in _pieces(path, first, rows):
        width = filled_width(batch, width)
    keys = keys_of([*found.header, *[""] * (width - len(found.header))])
    return Worksheet(
        name,
        keys,
        found.header_row,
        rows - first,
        lambda start, most: in_chunks(_pieces(path, first, rows), start, rows - first, most),
    )


def _detected(head: Sequence[Sequence[str]], options: HeaderOptions, rows: int) -> Detected:
    """Return the header of one of the worksheets; one that does not reach as far as the header is empty."""
    if options.algorithm is not HeaderAlgorithm.EXPLICIT and not any(map(any, head)):
        return Detected((), 0, ())
    if options.algorithm is HeaderAlgorithm.SPECIFIC and max(options.row_numbers) >= rows:
        return Detected((), rows, ())
    return detect(head, options)


def _pieces(path: Path, first: int, last: int) -> Iterator[list[Row]]:
    """Yield rows ``first`` to ``last`` of what was laid down."""
    with path.open("rb") as stream:
        lines = islice(stream, first, last)
        while batch := [_Cells.decode(line) for line in islice(lines, _BATCH)]:
            yield [*batch]
