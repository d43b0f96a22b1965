"""Cells of workbooks: the names of ranges, and what is looked at before the library may read an archive.

The library holds a sheet as one block from its first to its last cell, so two cells in opposite corners would take hundreds of gigabytes, and an
archive may unpack to any size. Both are measured first, in one pass over the unpacked bytes that keeps nothing.
"""

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.limits import GIB, MIB
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.typed import unreadable

MOST_CELLS = 32_000_000
"""Cells from the first to the last of a sheet, empty ones included: about 1 GiB."""
MOST_BYTES = GIB
"""Of all that is in an archive, unpacked."""
_MOST_MEMBERS = 10_000
_CHUNK = MIB
_OVERLAP = 64
_PLACE = re.compile(rb"""\sr\s*=\s*["']\$?([A-Za-z]{0,3})\$?([0-9]{1,7})["']""")
_RANGE = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})(?::\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6}))?")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Area:
    """Cells from the first to the last, which belongs to it; rows and columns count from 0. ``None``: as far as there are values."""

    top: int
    left: int
    bottom: int | None = None
    right: int | None = None


def parse_cells(text: str) -> Area | None:
    """Return what ``A3:H5`` or ``A3`` means; None for an empty text.

    Raises:
        TransferProblem: ``REQUEST_INVALID``.
    """
    if not text.strip():
        return None
    found = _RANGE.fullmatch(text.strip())
    if found is not None:
        left, top, right, bottom = found.groups()
        area = Area(int(top) - 1, _column(left), int(bottom) - 1 if bottom else None, _column(right) if right else None)
        if (area.bottom is None or area.bottom >= area.top) and (area.right is None or area.right >= area.left):
            return area
    message = f"{text!r} is no range of cells; write A3:H5, or A3 for all from there on"
    raise TransferProblem(Reason.REQUEST_INVALID, Side.SOURCE, message)


def check_archive(path: Path, name: str, cancellation: Cancellation) -> None:
    """Look at all members of a workbook that is an archive.

    Raises:
        TransferProblem: ``UNREADABLE``: no archive, broken, or no workbook. Problem: ``LIMIT_EXCEEDED``; what the cancellation says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MOST_MEMBERS:
                raise _too_large(name, f"{len(members):,} parts, more than {_MOST_MEMBERS:,}")
            if "xl/workbook.xml" not in {member.filename.lower().lstrip("/") for member in members}:
                raise unreadable(name, "an Excel workbook", "it is an archive of something else")
            left = MOST_BYTES
            for member in members:
                # The size that is written there may be a lie; the library goes by what there is.
                member.file_size = 1 << 62
                with archive.open(member) as part:
                    left = _check_part(part, name, left, cancellation)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise unreadable(name, "an Excel workbook", str(error) or type(error).__name__) from error


def _check_part(part: IO[bytes], name: str, left: int, cancellation: Cancellation) -> int:
    """Return how many bytes the other parts may still have."""
    widest = lowest = 0
    tail = b""
    while chunk := part.read(_CHUNK):
        cancellation.check()
        left -= len(chunk)
        if left < 0:
            raise _too_large(name, f"more than {MOST_BYTES:,} bytes when it is unpacked")
        if not tail and chunk.startswith(_UTF_16):
            raise unreadable(name, "an Excel workbook", "a part of it is not written in UTF-8")
        found = _PLACE.findall(tail + chunk)
        columns = {letters for letters, _ in found}
        widest = max(widest, max((_column(letters.decode()) + 1 for letters in columns), default=0))
        lowest = max(lowest, max((int(number) for _, number in found), default=0))
        if widest * lowest > MOST_CELLS:
            raise _too_large(name, f"a sheet of {lowest:,} rows and {widest:,} columns, more than {MOST_CELLS:,} cells")
        tail = chunk[-_OVERLAP:]
    return left


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _too_large(name: str, what: str) -> Problem:
    return Problem(Code.LIMIT_EXCEEDED, f"{name!r} has {what}; save it in another format, or in several files")
