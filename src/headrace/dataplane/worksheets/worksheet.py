"""What the readers of files have in common: worksheets of texts, and how their headers are to be found."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from headrace.core.errors import Code, Problem
from headrace.core.headers import HeaderOptions
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits

_CHUNK_PIECES = 16
"""Most pieces of a file that are gathered for a chunk: wide rows make small chunks."""

Row: TypeAlias = Sequence[str | None]
"""The cells of a row; None and empty texts are empty cells, and missing ones at the end are, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a file is to be read. ``delimiter`` and ``encoding`` None: the file says.

    ``header_row``: the number of rows up to and including the header, of files with one worksheet (None: ``header`` says how it is found).
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: HeaderOptions = field(default_factory=HeaderOptions)
    header_row: int | None = None


@dataclass(frozen=True, slots=True)
class Worksheet:
    """A table of a file. ``keys`` name its columns; ``header_row`` is the number of rows up to and including the header.

    ``count``: its rows below the header, but for empty ones at the end. ``chunks(start, most)`` yields them from row ``start`` (from 0) on, in
    lists of at most ``most``, and may be called any number of times while the file is open.
    """

    name: str
    keys: tuple[str, ...]
    header_row: int
    count: int
    chunks: Callable[[int, int], Iterator[list[Row]]]


def _unheard(_done: int, _total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Opening:
    """A file to be read: where it lies, its name for messages, and what the reading may use.

    ``work``: a folder for what it needs meanwhile. ``looked`` is called every now and then while the file is looked at, with the bytes that have
    been and all of them (how many of a workbook have been is not known: it hears 0).
    """

    path: Path
    name: str
    options: ReadOptions
    limits: Limits
    work: Path
    cancellation: Cancellation
    looked: Callable[[int, int], None] = _unheard

    @property
    def size(self) -> int:
        """Return the bytes of the file."""
        return self.path.stat().st_size

    def unreadable(self, why: str, row: int | None = None) -> Problem:
        """Return the problem of a file that is not what its extension says; ``row`` counts from 1, the header included."""
        where = "" if row is None else f" in row {row:,}"
        return Problem(Code.SOURCE_UNREADABLE, f"{self.name!r} cannot be read{where}: {why}")

    def too_large(self, why: str) -> Problem:
        """Return the problem of a file that needs more than is allowed."""
        return Problem(Code.LIMIT_EXCEEDED, f"{self.name!r} {why}")

    def check_width(self, columns: int) -> None:
        """Refuse a table that is too wide.

        Raises:
            Problem: ``LIMIT_EXCEEDED``.
        """
        if columns > self.limits.max_columns:
            raise self.too_large(f"has {columns:,} columns, more than {self.limits.max_columns:,} (max_columns)")


def in_chunks(pieces: Iterable[Sequence[Row]], start: int, count: int, most: int) -> Iterator[list[Row]]:
    """Yield rows ``start`` to ``count`` of all that ``pieces`` have, in lists of at most ``most``."""
    place, gathered, held = 0, list[Row](), 0
    for piece in pieces:
        first = min(max(start - place, 0), len(piece))
        gathered.extend(piece[first : max(count - place, 0)])
        place += len(piece)
        held += 1
        cut = 0
        while len(gathered) - cut >= most:
            yield gathered[cut : cut + most]
            cut += most
        if cut:
            gathered, held = gathered[cut:], 0
        if gathered and held >= _CHUNK_PIECES:
            yield gathered
            gathered, held = [], 0
        if place >= count:
            break
    if gathered:
        yield gathered


def is_blank(row: Row) -> bool:
    """Say whether no cell of a row has anything but white space."""
    return not any(cell and not cell.isspace() for cell in row)


def filled_rows(rows: Sequence[Row]) -> int:
    """Return the number of ``rows`` up to the last that is not blank."""
    count = len(rows)
    while count and is_blank(rows[count - 1]):
        count -= 1
    return count


def filled_width(rows: Sequence[Row], width: int) -> int:
    """Return the number of columns that have something in them, at least ``width``."""
    for row in rows:
        place = len(row)
        while place > width and is_blank(row[place - 1 : place]):
            place -= 1
        width = max(width, place)
    return width
