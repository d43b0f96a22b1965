"""Reads a workbook in a process of its own and lays the texts of its cells down, a line for each row.

Calamine holds a whole worksheet as one block, and a hostile file may make it ask for any amount of memory, which ends the process. So it is one that
may be lost: its memory, its time and what it writes are limited.

Called as ``python -m … <workbook> <folder>``. Files ``<n>.rows`` have the rows of worksheet n; ``sheets.json`` comes last:
``[[name, rows, columns], …]``. A workbook that cannot be read is the last line of what it says, with status ``UNREADABLE``.
"""

import ctypes
import resource
import signal
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

UNREADABLE = 3
"""The status when the file is not what it should be."""
TOO_MUCH = 4
"""The status when it has more texts than a file of its size may have."""
MEMORY_BYTES = 3 << 30
CPU_SECONDS = 1_800
FILE_BYTES = 8 << 30
"""Of all texts: few shared texts can be shown in very many cells."""
SPARE_BYTES, RATIO = 64 << 20, 200
"""And of a workbook of ``n`` bytes no more than ``SPARE_BYTES + RATIO * n``: a small file has no business with all of the disk."""
_DIES_WITH_PARENT = 1
"""Linux's number of that wish."""
_BATCH = 1_000
_WHOLE = 2.0**53


def main() -> None:
    """Read the workbook that the arguments name; end when whoever asked for it is lost."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    for what, most in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        _read(path, folder)
    except CalamineError as error:
        _refuse(str(error) or type(error).__name__)
    except BaseException as error:
        # What the library did not foresee comes as an exception of a class that cannot be imported, outside of the tree of Exception.
        if type(error).__name__ != "PanicException":
            raise
        _refuse("its content makes no sense")


def _refuse(why: str) -> None:
    sys.stderr.write(f"\n{why.splitlines()[0]}\n")
    sys.exit(UNREADABLE)


def _read(path: Path, folder: Path) -> None:
    left = min(FILE_BYTES, SPARE_BYTES + RATIO * path.stat().st_size)
    with path.open("rb") as raw:
        book = CalamineWorkbook.from_filelike(raw)
        sheets: list[tuple[str, int, int]] = []
        for about in book.sheets_metadata:
            if about.typ is not SheetTypeEnum.WorkSheet:
                continue
            rows, columns = 0, 0
            sheet = book.get_sheet_by_name(about.name)
            with (folder / f"{len(sheets)}.rows").open("wb") as out:
                for number, cells in enumerate(_rows(sheet), 1):
                    if cells:
                        rows, columns = number, max(columns, len(cells))
                    left -= out.write(msgspec.json.encode(cells) + b"\n")
                    if left < 0:
                        sys.exit(TOO_MUCH)
            sheets.append((about.name, rows, columns))
    (folder / "sheets.json").write_bytes(msgspec.json.encode(sheets))


def _rows(sheet: Any) -> Iterator[list[str]]:
    """Yield the texts of each row, without the empty ones at its end."""
    if sheet.start is None:
        return
    rows = sheet.iter_rows()
    while batch := list(islice(rows, _BATCH)):
        for row in batch:
            cells = [cell if type(cell) is str else text_of(cell) for cell in row]
            while cells and not cells[-1].strip():
                del cells[-1]
            yield cells


def text_of(cell: Any) -> str:
    """Return the text of a cell: dates in ISO, whole numbers without a point, truth values as JSON has them."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float() if abs(cell) < _WHOLE and cell == int(cell):
            return str(int(cell))
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return _span(cell)
        case _:
            return str(cell)


def _span(cell: timedelta) -> str:
    sign = "-" if cell < timedelta() else ""
    seconds, rest = divmod(abs(cell), timedelta(seconds=1))
    fraction = f".{rest.microseconds:06}" if rest else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


if __name__ == "__main__":
    main()
