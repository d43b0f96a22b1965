"""The exact reader of delimited records, for files that DuckDB cannot be left alone with.

DuckDB reads a file in parallel by guessing where records begin. Where quoted values hold line ends it can guess wrong, and with rejects stored
it then tells nobody: rows appear twice, or out of the middle of a value. It also gives up on mixed line ends. So a file that has
such things is read here first, once, and written anew as records that cannot be misread, each with its line number in front:

- A record is a line; where the quotes of a line do not pair, it goes on to the next such line, provided that all of it is then a well-formed
  record with the right number of fields. Else that one line is unreadable, and the next line starts afresh: a forgotten quote costs one row.
- A line that is not UTF-8, or has a quote where none may stand, is unreadable on its own.
- Blank lines and comment lines are no records.
"""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.source import FileFormat
from headrace.core.task import Cancellation

_FLUSH = 4 * 1024 * 1024
_LONG = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Dialect:
    """How records are written: single bytes, ``b""`` for none."""

    delimiter: bytes
    quote: bytes
    escape: bytes
    comment: bytes = b""

    @classmethod
    def of(cls, format_: FileFormat) -> "Dialect":
        """Return the dialect of a format; files are UTF-8 by the time that it is used.

        Raises:
            Problem: ``UNSUPPORTED``: quote, escape or comment is not ASCII.
        """
        for name in ("quote", "escape", "comment"):
            if not getattr(format_, name).isascii():
                message = f"the format's {name} is {getattr(format_, name)!r}; only ASCII characters can be used there"
                raise Problem(Code.UNSUPPORTED, message, (FieldError(name, "must be an ASCII character"),))
        texts = (format_.delimiter, format_.quote, format_.escape if format_.quote else "", format_.comment)
        return cls(*(text.encode() for text in texts))

    @property
    def escapes_by_doubling(self) -> bool:
        """Say whether a quote in a quoted value is written twice."""
        return self.escape == self.quote

    def field_pattern(self) -> bytes:
        """Return the regular expression of one field; group 1 is what stands between the quotes."""
        delimiter = re.escape(self.delimiter)
        # A character of several bytes is no member of a class.
        plain = rb"[^" + delimiter + rb"\n]*+" if len(self.delimiter) == 1 else rb"(?:(?!" + delimiter + rb")[^\n])*+"
        if not self.quote:
            return rb"()" + plain
        quote, escape = re.escape(self.quote), re.escape(self.escape)
        if self.escapes_by_doubling:
            inner = rb"(?:[^" + quote + rb"]|" + quote + quote + rb")*+"
        elif self.escape:
            inner = rb"(?:[^" + quote + escape + rb"]|" + escape + rb".)*+"
        else:
            inner = rb"[^" + quote + rb"]*+"
        return rb"(?: *" + quote + rb"(" + inner + rb")" + quote + rb" *|(?! *" + quote + rb")" + plain + rb")"

    def unpaired(self, line: bytes) -> bool:
        """Say whether the quotes of a line do not pair: the line then opens or closes a value that goes over lines."""
        if not self.quote:
            return False
        if self.escape and not self.escapes_by_doubling and self.escape in line:
            line = line.replace(self.escape * 2, b"").replace(self.escape + self.quote, b"")
        return line.count(self.quote) % 2 == 1


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was written: ``records`` in ``path`` (first column: the line), ``damaged`` lines in ``rest`` (NDJSON of line, text, message)."""

    path: Path
    rest: Path
    records: int
    damaged: int
    longest: int
    """Bytes of the longest line in ``rest``."""
    over_lines: bool
    has_long_rows: bool


@dataclass(slots=True)
class Splitter:
    """Splits records into fields, strictly."""

    dialect: Dialect
    _one: re.Pattern[bytes] = field(init=False)
    _all: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        pattern = self.dialect.field_pattern()
        self._one = re.compile(pattern, re.DOTALL)
        self._all = re.compile(pattern + rb"(?:" + re.escape(self.dialect.delimiter) + pattern + rb")*+", re.DOTALL)

    def is_record(self, data: bytes) -> bool:
        """Say whether ``data`` is one well-formed record."""
        return self._all.fullmatch(data) is not None

    def fields(self, data: bytes) -> list[bytes]:
        """Return the raw fields of a well-formed record, quotes and all."""
        found, at = [], 0
        while match := self._one.match(data, at):
            found.append(match[0])
            if match.end() == len(data):
                break
            at = match.end() + len(self.dialect.delimiter)
        return found

    def value(self, raw: bytes) -> bytes:
        """Return what a raw field says."""
        match = self._one.fullmatch(raw)
        dialect = self.dialect
        if match is None or not dialect.quote or not raw.strip(b" ").startswith(dialect.quote):
            return raw
        inner = match[1]
        if dialect.escapes_by_doubling:
            return inner.replace(dialect.quote * 2, dialect.quote)
        return re.sub(re.escape(dialect.escape) + rb"(.)", rb"\1", inner, flags=re.DOTALL) if dialect.escape else inner


class Repair:
    """Writes one file anew; see the module's docstring for the rules."""

    def __init__(self, dialect: Dialect, columns: int, max_row_bytes: int, cancellation: Cancellation) -> None:
        self._dialect = dialect
        self._columns = columns
        self._limit = max_row_bytes
        self._cancellation = cancellation
        self._splitter = Splitter(dialect)
        self._damaged = 0
        self._longest = 0
        self._over_lines = False
        self._long = False

    def write(self, source: BinaryIO, first_line: int, path: Path, rest: Path) -> Repaired:
        """Read records from where ``source`` stands, which is line ``first_line``.

        Raises:
            Problem: what the cancellation says. A line longer than the limit is the caller's to refuse.
        """
        records, buffer, size = 0, [], 0
        self._damaged, self._longest, self._over_lines, self._long = 0, 0, False, False
        with path.open("wb") as out, rest.open("w", encoding="utf-8") as damaged:
            for line, record in self._records(_numbered(source, first_line), damaged):
                row = b"%d%b%b\n" % (line, self._dialect.delimiter, record)
                buffer.append(row)
                records += 1
                size += len(row)
                self._long = self._long or len(row) > _LONG
                if size > _FLUSH:
                    self._cancellation.check()
                    out.write(b"".join(buffer))
                    buffer, size = [], 0
            out.write(b"".join(buffer))
        return Repaired(path, rest, records, self._damaged, self._longest, self._over_lines, self._long)

    def _records(self, lines: Iterator[tuple[int, bytes]], damaged: TextIO) -> Iterator[tuple[int, bytes]]:
        waiting: deque[tuple[int, bytes]] = deque()
        while item := waiting.popleft() if waiting else next(lines, None):
            number, raw = item
            line = _without_end(raw)
            if not line or (self._dialect.comment and line.startswith(self._dialect.comment)):
                continue
            if self._dialect.unpaired(line):
                joined = self._join(item, waiting, lines)
                if joined is None:
                    self._damage(damaged, number, line, "a quoted value is not closed")
                    continue
                line, self._over_lines = joined, True
            elif self._dialect.quote and self._dialect.quote in line and not self._splitter.is_record(line):
                self._damage(damaged, number, line, "a quote stands where none may stand")
                continue
            if (fault := self._fault(line)) is not None:
                self._damage(damaged, number, line, fault)
                continue
            yield number, self._requoted(line) if b"\r" in line else line

    def _join(
        self, first: tuple[int, bytes], waiting: deque[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]]
    ) -> bytes | None:
        """Return the record that begins at ``first`` and ends at the next line whose quotes do not pair; None: there is no such."""
        taken: list[tuple[int, bytes]] = []
        size = len(first[1])
        while size <= self._limit and (item := waiting.popleft() if waiting else next(lines, None)):
            taken.append(item)
            size += len(item[1])
            if self._dialect.unpaired(_without_end(item[1])):
                record = first[1] + b"".join(raw for _, raw in taken[:-1]) + _without_end(item[1])
                if self._splitter.is_record(record) and len(self._splitter.fields(record)) == self._columns:
                    return record
                break
        waiting.extendleft(reversed(taken))
        return None

    def _fault(self, record: bytes) -> str | None:
        """Return why a well-formed record cannot be read all the same."""
        if b"\r" in record and not self._dialect.quote:
            return "a carriage return stands inside of the line"
        if record.isascii():
            return None
        try:
            record.decode("utf-8")
        except UnicodeDecodeError as error:
            return f"byte 0x{record[error.start]:02x} at position {error.start + 1} is not valid UTF-8"
        return None

    def _requoted(self, record: bytes) -> bytes:
        """Return the record with quotes around fields that hold a carriage return, which DuckDB takes for a line end."""
        quote = self._dialect.quote
        escape = self._dialect.escape or quote
        fields = self._splitter.fields(record)
        for index, raw in enumerate(fields):
            if b"\r" in raw and not raw.lstrip(b" ").startswith(quote):
                fields[index] = quote + raw.replace(quote, escape + quote) + quote
        return self._dialect.delimiter.join(fields)

    def _damage(self, damaged: TextIO, number: int, line: bytes, message: str) -> None:
        self._damaged += 1
        text = line.decode("utf-8", "backslashreplace")
        entry = json.dumps({"line": number, "text": text, "message": message})
        self._longest = max(self._longest, len(entry) + 1)
        damaged.write(entry + "\n")


def _without_end(raw: bytes) -> bytes:
    """Return a line without its end; a carriage return at the end of the file is half of one."""
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _numbered(source: BinaryIO, first_line: int) -> Iterator[tuple[int, bytes]]:
    return enumerate(source, first_line)
