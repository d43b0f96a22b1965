"""What the command line prints: one document or table on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.clock import SECOND, Instant, to_datetime
from headrace.core.codec import Json


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Output:
    """Prints results in the asked-for format."""

    format: Format = Format.TABLE

    @property
    def is_json(self) -> bool:
        """Say whether the result is to be one JSON document."""
        return self.format is Format.JSON

    def document(self, value: Json) -> None:
        """Print ``value`` as the one JSON document on standard output."""
        print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)

    def say(self, text: str) -> None:
        """Print a message for the person: on standard output, or on standard error when a document goes there."""
        print(text, file=sys.stderr if self.is_json else sys.stdout, flush=True)

    def note(self, text: str) -> None:
        """Print a message about what is going on: always on standard error."""
        print(text, file=sys.stderr, flush=True)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """Print rows under headings, columns as wide as they need; ``right`` names the columns of numbers."""
        widths = [max([len(heading), *(len(row[number]) for row in rows)]) for number, heading in enumerate(headings)]
        for line in [headings, *rows]:
            cells = [
                cell.rjust(width) if heading in right else cell.ljust(width)
                for cell, width, heading in zip(line, widths, headings, strict=True)
            ]
            self.say("  ".join(cells).rstrip())


def number(value: int | None) -> str:
    """Return a count with thousands separated; ``-`` for what is not known."""
    return "-" if value is None else f"{value:,}"


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
    if start is None or end is None:
        return "-"
    seconds = (end - start) / SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def one_line(text: str) -> str:
    """Return ``text`` without control characters (a cell may hold anything that a source holds), in one line."""
    return "".join(c if c.isprintable() else " " for c in text)
