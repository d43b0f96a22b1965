"""The beginning of a delimited file: lines that are skipped, and the names of its columns."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import Code
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.delimited_cutting import Broken, Cutter, Dialect, Record
from headrace.dataplane.transfer.formats.typed import check_width
from headrace.dataplane.transfer.request import Delimited

_FIRST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """``columns`` None: the file has no row at all. The first row of data begins at byte ``offset`` and has the ``number``.

    Every line counts in numbers, so a row's number is its line as long as no cell holds line ends. ``lines``: how many lines are before it;
    ``plain``: DuckDB can skip them as such.
    """

    columns: tuple[str, ...] | None
    offset: int
    number: int
    lines: int
    plain: bool
    end: str = ""
    """What ends the lines before it, where there are any."""


def head_of(path: Path, start: int, name: str, form: Delimited, limits: Limits) -> Head:
    """Return the head of a file in UTF-8 whose text begins at byte ``start``.

    Raises:
        TransferProblem: ``COLUMN_NAME_EMPTY``; ``UNREADABLE``: names that are equal, or a header that is no row.
        Problem: ``LIMIT_EXCEEDED``: too many columns.
    """
    size = _FIRST
    while True:
        text, final = _beginning(path, start, size)
        found = _head_in(text, name, form, limits, final=final)
        if found is not None:
            break
        if size > 2 * limits.max_row_bytes * (form.skip_lines + 2):
            raise _unreadable(
                name,
                f"the first line of {name!r} does not end within {size:,} bytes; is the row delimiter another one?",
            )
        size *= 4
    head, used = found
    if head.columns is not None:
        check_width(name, len(head.columns), limits)
    bytes_used = len(text[:used].encode("utf-8", "surrogateescape"))
    ends = set(re.findall("\r\n|\r|\n", text[:used]))
    plain = head.plain and (not ends or ends in ({"\n"}, {"\r\n"}))
    return Head(head.columns, start + bytes_used, head.number, head.lines, plain, next(iter(ends), ""))


def _beginning(path: Path, start: int, size: int) -> tuple[str, bool]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with path.open("rb") as stream:
        stream.seek(start)
        data = stream.read(size)
        final = not stream.read(1)
    return decoder.decode(data, final), final


def _head_in(text: str, name: str, form: Delimited, limits: Limits, *, final: bool) -> tuple[Head, int] | None:
    dialect = Dialect.of(form, Side.SOURCE)
    cutter = Cutter(dialect, limits.max_row_bytes)
    place, number, plain = 0, 1, True
    skipped = 0
    while skipped < form.skip_lines and place < len(text):
        end = cutter.line_end(text, place)
        if end is None and not final:
            return None
        stop, after = end.span() if end else (len(text), len(text))
        if not final and after == len(text):
            return None
        plain = plain and stop > place and not (dialect.quote and dialect.quote in text[place:stop])
        skipped += stop > place
        place, number = after, number + 1
    while True:
        if place == len(text):
            return (Head(None, 0, number, number - 1, plain), place) if final else None
        found = cutter.record(text, place, final=final)
        if found is None:
            return None
        record, after = found
        if isinstance(record, Broken) or record or (not dialect.quote and not form.header):
            break
        place, number, plain = after, number + 1, False
    if isinstance(record, Broken):
        raise _unreadable(name, f"the first row of {name!r} (line {number}) cannot be read: {record.why}")
    if not form.header:
        columns = tuple(f"Prop_{at}" for at in range(max(1, len(record))))
        return Head(columns, 0, number, number - 1, plain), place
    plain = plain and _is_plain(text[place:after].rstrip("\r\n"), dialect)
    return Head(_names(name, record, dialect.null), 0, number + 1, number, plain), after


def _is_plain(header: str, dialect: Dialect) -> bool:
    """Say whether DuckDB can skip a header as a line: it looks for quotes in it."""
    if (
        "\n" in header
        or "\r" in header
        or (dialect.escape != dialect.quote and dialect.escape + dialect.quote in header)
    ):
        return False
    delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
    return not quote or quote not in re.sub(
        f"(?:^|(?<={delimiter})){quote}(?:[^{quote}]|{quote}{quote})*{quote}(?={delimiter}|$)", "", header
    )


def _names(name: str, record: Record, null: str) -> tuple[str, ...]:
    assert not isinstance(record, Broken)  # noqa: S101 — the caller has looked
    seen: dict[str, str] = {}
    # A name is a name, also where its text stands for null in rows.
    for at, cell in enumerate((null if cell is None else cell for cell in record), 1):
        if not cell.strip():
            message = f"The name of column index {at - 1} is empty in the header of {name!r}; name every column, or set firstRowAsHeader to false"
            raise TransferProblem(Reason.COLUMN_NAME_EMPTY, Side.SOURCE, message, Code.SOURCE_UNREADABLE)
        if cell.lower() in seen:
            other = seen[cell.lower()]
            same = "twice" if other == cell else f"and {other!r}, which differ by case only"
            raise _unreadable(name, f"the header of {name!r} has {cell!r} {same}; give each column a name of its own")
        seen[cell.lower()] = cell
    for cell in seen.values():
        if any("\udc80" <= letter <= "\udcff" for letter in cell):
            raise _unreadable(name, f"the header of {name!r} is not valid UTF-8; is the encoding another one?")
    return tuple(seen.values())


def _unreadable(name: str, message: str) -> TransferProblem:
    del name
    return TransferProblem(Reason.UNREADABLE, Side.SOURCE, message, Code.SOURCE_UNREADABLE)
