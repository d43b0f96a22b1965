"""Delimited text cut into records: the exact reading of contract 9.5, for every dialect.

A cell that begins with the quote ends at the next quote that is not escaped, and may hold anything. In it an odd number of escape characters
before a quote makes the quote text, each further pair of them is one escape character, and a doubled quote is text whatever the escape character
is. Elsewhere escape characters are text. Without a quote, the escape character before a delimiter makes the delimiter text, in the same way. A
quote within a cell that does not begin with one is text. Behind the closing quote must be a delimiter or the end of the row: if not, the line is
no row, and the next line is read as if nothing had been. Lines without any character are no rows (but they count), except where there is one
column and no quoting: there such a line is an empty cell.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Delimited

_ANY_END = re.compile(r"\r\n|\r|\n")
_NO_DELIMITER = "\ud800\ud800"
"""Stands in no text: each line is one cell."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no row."""

    text: str
    why: str


Record = Sequence[str | None] | Broken
"""A row's cells; none: a line without any character."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Records that were cut, and how many characters they took. ``nulls``: cells that are null are None already."""

    records: list[Record]
    used: int
    nulls: bool


@dataclass(frozen=True, slots=True)
class Dialect:
    """``end`` empty: any of CRLF, LF, CR; ``escape`` is never empty where there is a quote."""

    delimiter: str
    end: str
    quote: str
    escape: str
    null: str

    @classmethod
    def of(cls, form: Delimited, side: Side) -> "Dialect":
        """Return the dialect of a format.

        Raises:
            TransferProblem: ``REQUEST_INVALID``: its characters cannot be told apart.
        """
        for what, text in (("quoteChar", form.quote), ("escapeChar", form.escape)):
            if len(text) > 1:
                raise TransferProblem(Reason.REQUEST_INVALID, side, f"{what} is {text!r}; take one character or none")
        for text in (form.quote, form.escape):
            if text and (text in form.delimiter or text in (form.row_delimiter or "\r\n")):
                message = f"{text!r} stands in the column delimiter or the row delimiter, too; take another quoteChar or escapeChar"
                raise TransferProblem(Reason.REQUEST_INVALID, side, message)
        end = form.row_delimiter
        if form.delimiter and (form.delimiter in (end or "\r\n") or (not end and re.search("[\r\n]", form.delimiter))):
            message = f"the column delimiter {form.delimiter!r} is no other than the row delimiter; take another one"
            raise TransferProblem(Reason.REQUEST_INVALID, side, message)
        escape = form.escape or form.quote
        return cls(form.delimiter, "" if end == "\r\n|\r|\n" else end, form.quote, escape, form.null)


class Cutter:
    """Cuts text into records; a record of more than ``longest`` characters with an open quote is broken."""

    def __init__(self, dialect: Dialect, longest: int) -> None:
        self._dialect = dialect
        self._longest = longest
        self._delimiter = dialect.delimiter or _NO_DELIMITER
        self._end = re.compile(re.escape(dialect.end)) if dialect.end else _ANY_END
        self._reach = max(len(self._delimiter), len(dialect.end or "\r\n"))
        # Python's own reader has one character of each, and does not tell what was quoted.
        self._is_usual = len(dialect.delimiter) == 1 and not dialect.null and dialect.end in ("", "\n")

    def cut(self, text: str, *, final: bool) -> Cut:
        """Return the records that are complete in ``text``; all of them when nothing ``final`` is to come."""
        quote, escape = self._dialect.quote, self._dialect.escape
        if quote and quote in text:
            quick = self._by_library(text, final=final) if self._is_usual else None
            return quick or self._with_quotes(text, final=final)
        end = self._dialect.end
        if end:
            lines = text.split(end)
            used = len(text) - len(lines[-1])
        else:
            if text.endswith("\r") and not final:
                text = text[:-1]  # perhaps the first half of CRLF
            used = max(text.rfind("\n"), text.rfind("\r")) + 1
            lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        last = lines.pop()
        if final and last:
            lines.append(last)
            used += len(last)
        delimiter = self._delimiter
        if not quote and escape and escape in text:
            return Cut([self._unescaped(line) for line in lines], used, nulls=False)
        cut: list[Record] = [line.split(delimiter) if line else () for line in lines]
        return Cut(cut, used, nulls=False)

    def line_end(self, text: str, start: int) -> "re.Match[str] | None":
        """Return the next end of a line."""
        return self._end.search(text, start)

    def record(self, text: str, start: int, *, final: bool) -> tuple[Record, int] | None:
        """Return the record that begins at ``start``, and where the next one does; None: it is not complete."""
        quote, delimiter = self._dialect.quote, self._delimiter
        cells: list[str | None] = []
        place = start
        stop: tuple[int, int] | None = None
        if not quote:
            stop = self._stop(text, start, final=final)
            return stop and (self._unescaped(text[start : stop[0]]), stop[1])
        while True:
            if text.startswith(quote, place):
                quoted = self._quoted(text, place, final=final)
                if quoted is None:
                    return self._unclosed(text, start, final=final)
                value, after = quoted
                cells.append(value)
                if after == len(text):
                    return (cells, after) if final else None
                if not final and len(text) - after < self._reach:
                    return None
                end = self._end.match(text, after)
                if end is not None:
                    return cells, end.end()
                if not text.startswith(delimiter, after):
                    why = f"something stands behind the closing {quote} of cell {len(cells)}"
                    return self._broken(text, start, after, why, final=final)
                place = after + len(delimiter)
            else:
                if stop is None or stop[0] < place:
                    stop = self._stop(text, place, final=final)
                if stop is None:
                    return None
                found = text.find(delimiter, place, stop[0])
                cell = text[place : found if found >= 0 else stop[0]]
                cells.append(None if cell == self._dialect.null else cell)
                if found < 0:
                    return cells if stop[0] > start else (), stop[1]
                place = found + len(delimiter)

    def _by_library(self, text: str, *, final: bool) -> Cut | None:
        """Return what Python's own reader makes of text that it reads as we do; None: this is none, or it cannot say."""
        dialect = self._dialect
        returns = text.count("\r")
        if returns and (dialect.end or returns != text.count("\r\n")):
            return None
        if dialect.escape != dialect.quote and dialect.escape + dialect.quote in text:
            return None
        lines = [f"{line}\n" for line in text.split("\n")]
        last = lines.pop()[:-1]
        if final and last:
            lines.append(last)
        reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
        records: list[Record] = []
        done = 0
        try:
            for record in reader:
                records.append(record)
                done = reader.line_num
        except csv.Error:
            # At the end it is a row that is not complete, perhaps.
            if final or reader.line_num < len(lines):
                return None
        return Cut(records, sum(map(len, lines[:done])), nulls=True) if done else None

    def _with_quotes(self, text: str, *, final: bool) -> Cut:
        quote, delimiter, null = self._dialect.quote, self._delimiter, self._dialect.null
        records: list[Record] = []
        place = 0
        while place < len(text):
            stop = self._stop(text, place, final=final)
            if stop is not None and text.find(quote, place, stop[0]) < 0:
                line = text[place : stop[0]]
                cells = line.split(delimiter) if line else ()
                records.append([None if cell == null else cell for cell in cells] if null in line else cells)
                place = stop[1]
                continue
            found = self.record(text, place, final=final)
            if found is None:
                break
            records.append(found[0])
            place = found[1]
        return Cut(records, place, nulls=True)

    def _stop(self, text: str, place: int, *, final: bool) -> tuple[int, int] | None:
        """Return where the line ends, and where the next one begins."""
        end = self._end.search(text, place)
        if end is None:
            return (len(text), len(text)) if final else None
        if not final and not self._dialect.end and end.end() == len(text) and text.endswith("\r"):
            return None
        return end.span()

    def _quoted(self, text: str, start: int, *, final: bool) -> tuple[str, int] | None:
        """Return the value of the quoted cell that begins at ``start``, and what follows its closing quote; None: it does not end here."""
        quote, escape = self._dialect.quote, self._dialect.escape
        doubled = quote + quote
        pieces: list[str] = []
        begin = place = start + 1
        while (at := text.find(quote, place)) >= 0:
            run = 0
            if escape != quote:
                while at - run - 1 >= begin and text[at - run - 1] == escape:
                    run += 1
                if run:
                    pieces.append(text[begin : at - run] + escape * (run // 2))
                    begin = at
                if run % 2:
                    pieces.append(quote)
                    begin = place = at + 1
                    continue
            if at + 1 == len(text) and not final:
                return None
            if not text.startswith(doubled, at):
                pieces.append(text[begin:at])
                return "".join(pieces), at + 1
            pieces.append(text[begin : at + 1])
            begin = place = at + 2
        return None

    def _unclosed(self, text: str, start: int, *, final: bool) -> tuple[Record, int] | None:
        if not final and len(text) - start <= self._longest:
            return None
        why = f"a cell begins with {self._dialect.quote} and does not end" + (
            "" if final else f" within {self._longest:,} characters"
        )
        return self._broken(text, start, start, why, final=True)

    def _broken(self, text: str, start: int, after: int, why: str, *, final: bool) -> tuple[Record, int] | None:
        stop = self._stop(text, after, final=final)
        return None if stop is None else (Broken(text[start : stop[0]], why), stop[1])

    def _unescaped(self, line: str) -> Record:
        if not line:
            return ()
        delimiter, escape = self._delimiter, self._dialect.escape
        cells: list[str | None] = []
        cell = ""
        if not escape:
            return list(line.split(delimiter))
        *pieces, last = line.split(delimiter)
        for piece in pieces:
            bare = piece.rstrip(escape)
            run = len(piece) - len(bare)
            cell += bare + escape * (run // 2)
            if run % 2:
                cell += delimiter
            else:
                cells.append(cell)
                cell = ""
        cells.append(cell + last)
        return cells
