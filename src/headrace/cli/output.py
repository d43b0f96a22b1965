"""What the command line prints: one document or table on standard output, everything else on standard error.

In a terminal tables fit its width: columns that can be spared are left out, and long cells are cut, ids never. In a pipe nothing is cut and nothing
has a colour. What comes from data is written without control characters, wherever it goes.
"""

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from headrace import config
from headrace.core.clock import SECOND, Instant, to_datetime
from headrace.core.codec import Json

_GAP = "  "
_LEAST = 8
"""Columns of a terminal that a cut cell keeps."""
_OURS = re.compile(r"(\x1b\[(?:0|2|3[1-5])m|[\n\t])")
"""The only control characters that are ever written: ends of lines, and the colours below."""
_UNSHOWN = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON leaves as it is, though a terminal acts on it, or no encoding has it."""
_COLOURS = {"good": "32", "warn": "33", "bad": "31", "busy": "34", "wait": "35", "faint": "2"}


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with what it means: ``good``, ``warn``, ``bad``, ``busy``, ``wait``, ``faint`` or nothing. The text says it too."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. ``right``: of numbers. ``whole``: never cut. ``spare``: left out of a narrow terminal, the highest number first."""

    name: str
    right: bool = False
    whole: bool = False
    spare: int = 0


_MEDIUM = 24
"""Columns of a terminal to which a cell is cut before a column is left out."""
Row = Sequence["str | Cell"]


@dataclass(frozen=True, slots=True)
class Output:
    """Prints results in the asked-for format."""

    format: Format = Format.TABLE

    @property
    def is_json(self) -> bool:
        """Say whether the result is to be one JSON document."""
        return self.format is Format.JSON

    @property
    def width(self) -> int | None:
        """Return the columns of the terminal that messages go to; None: they go to a pipe or a file."""
        stream = sys.stderr if self.is_json else sys.stdout
        return shutil.get_terminal_size().columns if stream.isatty() else None

    def document(self, value: Json) -> None:
        """Print ``value`` as the one JSON document on standard output."""
        print(_json(value, indent=2), flush=True)

    def line(self, value: Json) -> None:
        """Print ``value`` as one of many JSON documents, a line each."""
        print(_json(value), flush=True)

    def say(self, text: str = "") -> None:
        """Print a message for the person: on standard output, or on standard error when a document goes there."""
        print(harmless(text), file=sys.stderr if self.is_json else sys.stdout, flush=True)

    def note(self, text: str) -> None:
        """Print a message about what is going on: always on standard error."""
        print(harmless(text), file=sys.stderr, flush=True)

    def paint(self, cell: Cell) -> str:
        """Return a cell's text, in its colour where there are colours."""
        colour = _COLOURS.get(cell.tone)
        if not colour or self.width is None or not config.has_colours():
            return cell.text
        return f"\x1b[{colour}m{cell.text}\x1b[0m"

    def table(self, columns: Sequence[Column | str], rows: Sequence[Row], *, right: Sequence[str] = ()) -> None:
        """Print rows under headings, columns as wide as they need and the terminal allows; ``right`` names columns of numbers too."""
        heads = [Column(one, one in right) if isinstance(one, str) else one for one in columns]
        lines = [[_cell(value) for value in row] for row in rows]
        widths = _fitted(heads, lines, self.width)
        for line in [[Cell(head.name) for head in heads], *lines]:
            cells = [
                _laid(self, cell, width, head)
                for cell, width, head in zip(line, widths, heads, strict=True)
                if width is not None
            ]
            self.say(_GAP.join(cells).rstrip())

    def pairs(self, pairs: Sequence[tuple[str, "str | Cell"]]) -> None:
        """Print names and values, one pair a line; nothing is cut."""
        width = max((len(name) for name, _ in pairs), default=0) + 2
        for name, value in pairs:
            self.say(f"{name:<{width}}{self.paint(_cell(value))}".rstrip())


def _cell(value: str | Cell) -> Cell:
    cell = value if isinstance(value, Cell) else Cell(value)
    return cell if cell.text.isprintable() else Cell(one_line(cell.text), cell.tone)


def _fitted(heads: Sequence[Column], lines: Sequence[Sequence[Cell]], room: int | None) -> list[int | None]:
    """Return the width of each column; None: there is no room for it."""
    widths: list[int | None] = [
        max([columns_of(head.name), *(columns_of(line[number].text) for line in lines)])
        for number, head in enumerate(heads)
    ]
    if room is None:
        return widths
    spare = sorted((number for number, head in enumerate(heads) if head.spare), key=lambda n: -heads[n].spare)
    for number in spare:
        least = [w if w is None or heads[n].whole else min(w, _MEDIUM) for n, w in enumerate(widths)]
        if _total(least) > room:
            widths[number] = None
    while (over := _total(widths) - room) > 0:
        soft = [n for n, head in enumerate(heads) if not head.whole and (widths[n] or 0) > _LEAST]
        if not soft:
            break
        widest = max(soft, key=lambda n: widths[n] or 0)
        kept = widths[widest] or 0
        others = [widths[n] or 0 for n in soft if n != widest]
        widths[widest] = max(_LEAST, kept - over, min(kept - 1, max(others, default=0)))
    return widths


def _total(widths: Sequence[int | None]) -> int:
    kept = [width for width in widths if width is not None]
    return sum(kept) + len(_GAP) * (len(kept) - 1)


def _laid(output: Output, cell: Cell, width: int, head: Column) -> str:
    text = cut(cell.text, width)
    padding = " " * (width - columns_of(text))
    painted = output.paint(Cell(text, cell.tone))
    return padding + painted if head.right else painted + padding


def columns_of(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes: wide characters have two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in {"W", "F"} else 1 for c in text
    )


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns of a terminal, with … for what is left out."""
    if columns_of(text) <= width:
        return text
    kept = text[: width - 1]
    while columns_of(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…"


def number(value: int | None) -> str:
    """Return a count with thousands separated; ``-`` for what is not known."""
    return "-" if value is None else f"{value:,}"


def count(amount: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{number(amount)} {noun}{'' if amount == 1 else 's'}"


def size(value: int | None) -> str:
    """Return a count of bytes with a unit."""
    if value is None:
        return "-"
    amount = float(value)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def moment(instant: Instant | None) -> str:
    """Return an instant to the second, UTC, for people."""
    return "-" if instant is None else to_datetime(instant).strftime("%Y-%m-%d %H:%M:%SZ")


def took(start: Instant | None, end: Instant | None) -> str:
    """Return the time between two instants."""
    return "-" if start is None or end is None else duration(end - start)


def duration(microseconds: int) -> str:
    """Return a length of time for people."""
    seconds = microseconds / SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def one_line(text: str) -> str:
    """Return ``text`` without control characters (a cell may hold anything that a source holds), in one line."""
    return "".join(c if c.isprintable() else " " for c in text)


def harmless(text: str) -> str:
    """Return ``text`` without what a terminal acts on, but for ends of lines and our own colours: whoever prints forgets nothing."""
    if text.isprintable():
        return text
    return "".join(piece if number % 2 else one_line(piece) for number, piece in enumerate(_OURS.split(text)))


def _json(value: Json, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shown(value: Json) -> str:
    """Return a JSON value as people read it, in one line."""
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
