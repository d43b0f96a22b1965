"""Delimited text as a worksheet: csv, tsv, psv, txt.

The file is read twice, piece by piece: once to see that all of it can be read, how wide it is and where it ends, and once for its rows. So nothing
is written of a file that breaks off in the middle. Rows are cut by ``delimited_cutting``: DuckDB's own reader guesses where rows begin and is
generous with what is none, and its rows would have to be made lists of texts all the same. A line without any character is no row, but it counts.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.core.headers import Detected, HeaderAlgorithm, HeaderOptions, detect, keys_of
from headrace.dataplane.limits import MIB
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.formats.delimited_cutting import Broken, Cutter, Dialect, Record
from headrace.dataplane.transfer.formats.encodings import UTF_8, codec_of, marked
from headrace.dataplane.worksheets.separators import dialect_of, separator_of
from headrace.dataplane.worksheets.worksheet import Opening, Row, Worksheet, filled_rows, filled_width, in_chunks

SHEET_NAME = "Sheet1"
"""Name of the one worksheet of files that have no names for theirs."""
_HEAD = 256 * 1024
_NO_UTF_8 = "latin-1"
"""What a text is that says nothing of its encoding and is no UTF-8 (contract 11.2)."""


def read(opening: Opening, ext: str) -> Worksheet:
    """Return the worksheet of a file; one without any row has no columns.

    Raises:
        Problem: ``SOURCE_UNREADABLE``: bytes that the encoding does not have, quotes that do not end; with the row. ``INVALID``: an encoding or a
            delimiter that cannot be; a header row that is not there. ``LIMIT_EXCEEDED``; what the cancellation says.
    """
    encoding = opening.options.encoding
    codec, start = marked(opening.path, codec_of(encoding, Side.SOURCE) if encoding else "")
    for candidate in (codec,) if codec else (UTF_8, _NO_UTF_8):
        text = _Text(opening, candidate, start, _dialect(opening, ext, candidate, start))
        try:
            return text.worksheet()
        except UnicodeDecodeError:
            if candidate == _NO_UTF_8 or codec:
                raise text.bad_bytes() from None
    raise opening.unreadable("it is no text")


def _dialect(opening: Opening, ext: str, codec: str, start: int) -> Dialect:
    delimiter = opening.options.delimiter
    if delimiter is None:
        with opening.path.open("rb") as stream:
            stream.seek(start)
            delimiter = separator_of(ext, codecs.getincrementaldecoder(codec)("replace").decode(stream.read(_HEAD)))
    return dialect_of(delimiter)


@dataclass(slots=True)
class _Text:
    """A file in one encoding and dialect.

    Of the reading that goes on: ``read`` bytes, ``done`` rows that were cut, and ``rest``, the text behind them that could be decoded.
    """

    opening: Opening
    codec: str
    start: int
    dialect: Dialect
    read: int = 0
    done: int = 0
    rest: str = ""

    def worksheet(self) -> Worksheet:
        """Look at all of it; see ``read``. Bytes that are no text are a ``UnicodeDecodeError``."""
        options = self._header_options()
        head: list[Record] = []
        records = self._records()
        for piece in records:
            head.extend(piece)
            if len(head) >= options.rows_needed:
                break
        found = self._detected(head, options)
        width, count, last = len(found.header), 0, 0
        size = self.opening.size
        for rows in self._rows(found.header_row):
            self.opening.looked(min(self.read, size), size)
            width = filled_width(rows, width) if max(map(len, rows), default=0) > width else width
            self.opening.check_width(width)
            filled = filled_rows(rows)
            last = count + filled if filled else last
            count += len(rows)
        keys = keys_of([*found.header, *[""] * (width - len(found.header))])
        return Worksheet(
            SHEET_NAME,
            keys,
            found.header_row,
            last,
            lambda start, most: in_chunks(self._rows(found.header_row), start, last, most),
        )

    def _header_options(self) -> HeaderOptions:
        options, row = self.opening.options.header, self.opening.options.header_row
        if row is None or options.algorithm is HeaderAlgorithm.EXPLICIT:
            return options
        return replace(options, algorithm=HeaderAlgorithm.SPECIFIC, row_numbers=(max(row - 1, 0),), skip=None)

    def _detected(self, head: Sequence[Record], options: HeaderOptions) -> Detected:
        for number, record in enumerate(head[: options.rows_needed], 1):
            if isinstance(record, Broken):
                raise self.opening.unreadable(record.why, number)
        rows = [[cell or "" for cell in record] for record in head if not isinstance(record, Broken)]
        return detect(rows, options) if any(rows) or options.headers else Detected((), 0, ())

    def _rows(self, header_row: int) -> Iterator[list[Row]]:
        """Yield the rows below the header, piece by piece."""
        number = 0
        for records in self._records():
            rows: list[Any] = [record for record in records[max(header_row - number, 0) :] if record]
            if any(type(row) is Broken for row in rows):
                at, why = next((at, record.why) for at, record in enumerate(records) if isinstance(record, Broken))
                raise self.opening.unreadable(why, number + at + 1)
            number += len(records)
            yield rows

    def _records(self) -> Iterator[list[Record]]:
        longest = self.opening.limits.max_row_bytes
        cutter = Cutter(self.dialect, longest)
        decoder: Any = codecs.getincrementaldecoder(self.codec)("strict")
        self.read, self.done, self.rest = self.start, 0, ""
        with self.opening.path.open("rb") as stream:
            stream.seek(self.start)
            while True:
                self.opening.cancellation.check()
                # A row that goes on and on is looked at again at twice its size only.
                data = stream.read(max(MIB, len(self.rest)))
                self.read += len(data)
                self.rest += self._decoded(decoder, data)
                if (place := self.rest.find("\0")) >= 0:
                    self.rest = self.rest[:place]
                    raise self.opening.unreadable("it has NUL characters; is the encoding another one?", self._row())
                cut = cutter.cut(self.rest, final=not data)
                yield cut.records
                if not data:
                    return
                self.done += len(cut.records)
                self.rest = self.rest[cut.used :]
                if len(self.rest) > 2 * longest + MIB:
                    raise self.opening.too_large(
                        f"has a row ({self.done + 1:,}) of more than {longest:,} bytes (max_row_bytes); is the delimiter another one?"
                    )

    def _decoded(self, decoder: Any, data: bytes) -> str:
        try:
            return str(decoder.decode(data, not data))
        except UnicodeDecodeError as error:
            self.rest += error.object[: error.start].decode(self.codec, "ignore")
            raise

    def bad_bytes(self) -> Exception:
        """Return the problem of the bytes that ended the last reading."""
        why = f"it has bytes that are no {self.codec}; is the encoding another one?"
        return self.opening.unreadable(why, self._row())

    def _row(self) -> int:
        """Return the number of the row in which the text goes on behind ``rest``, from 1."""
        cutter = Cutter(self.dialect, self.opening.limits.max_row_bytes)
        quoted = self.rest.count('"') % 2
        return self.done + len(cutter.cut(self.rest + ('"' if quoted else "x"), final=True).records)
