"""Says whether the bytes of a delimited file are clean: whether its records are its lines, so that DuckDB may read it in parallel."""

import codecs
from dataclasses import dataclass, field
from typing import BinaryIO

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.limits import MIB
from headrace.dataplane.promotion.repair import Dialect

_TAIL = 64 * 1024
_PIECE = 256 * 1024
"""Bytes looked at together: they stay in the processor's cache meanwhile."""


def too_long(name: str, longest: int) -> Problem:
    """Return the problem of a line over the limit."""
    message = f"{name!r} has a line of more than {longest:,} bytes (max_row_bytes); is the delimiter or the line end another one?"
    return Problem(Code.LIMIT_EXCEEDED, message)


@dataclass(slots=True)
class Look:
    """One look at the bytes of one file; ``line_feeds`` and ``returns`` begin with those of the lines before the records.

    After ``is_clean`` said yes: ``records`` is their number, ``returns`` is not 0 when lines end in CRLF, ``has_long_rows`` when a row of a MiB
    or more occurs.
    """

    dialect: Dialect
    longest: int
    line_feeds: int
    returns: int
    records: int = 0
    has_long_rows: bool = False
    _run: int = 0
    _before: bytes = b"\n"
    _blank: bytes = b""
    _open: bytes = b""
    _quotes: bool = False
    _escapes: bool = False
    _others: bytes = field(init=False)
    _decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def __post_init__(self) -> None:
        kept = b"\n" + self.dialect.quote
        self._others = bytes(byte for byte in range(256) if byte not in kept)

    def is_clean(self, stream: BinaryIO, name: str, one_column: bool, cancellation: Cancellation) -> bool:
        """Look at ``stream`` from where it stands.

        Blank lines between records are not looked for where there are more columns than one: they are rare, DuckDB leaves them out, and the
        counts, which do not add up then, tell. Where there is one column DuckDB would take them for nulls.

        Raises:
            Problem: ``LIMIT_EXCEEDED``: a line is too long; what the cancellation says.
        """
        start = stream.tell()
        end, ends = _trailing_line_ends(stream, start)
        if ends is None or (one_column and ends.count(b"\n") > 1):
            return False
        stream.seek(start)
        self._blank = b"\n\n" if one_column else b""
        left = end - start
        before = self.line_feeds
        while left > 0 and (data := stream.read(min(_PIECE, left))):
            left -= len(data)
            if not self._takes(data):
                return False
            if self._run > self.longest:
                raise too_long(name, self.longest)
            cancellation.check()
        if self._open or not self._decoded(b"", final=True):
            return False
        self.records = self.line_feeds - before + (1 if end > start else 0)
        self.line_feeds += ends.count(b"\n")
        self.returns += ends.count(b"\r")
        return self.returns in (0, self.line_feeds) and ends.count(b"\r") == ends.count(b"\r\n")

    def _takes(self, data: bytes) -> bool:
        last = data.rfind(b"\n")
        if last < 0:
            self._run += len(data)
            self.has_long_rows = self.has_long_rows or self._run >= MIB
        else:
            self._run = len(data) - last - 1
        self.line_feeds += data.count(b"\n")
        return (
            ((data.isascii() and not self._decoder.getstate()[0]) or self._decoded(data))
            and self._takes_line_ends(data)
            and self._takes_quotes(data)
        )

    def _decoded(self, data: bytes, *, final: bool = False) -> bool:
        try:
            self._decoder.decode(data, final=final)
        except UnicodeDecodeError:
            return False
        return True

    def _takes_line_ends(self, data: bytes) -> bool:
        before, self._before = self._before, data[-2:]
        returns = b"\r" in data or b"\r" in before
        if not (returns or self._blank or self.dialect.comment):
            return True
        seam = before + data
        if self._blank and self._blank in seam:
            return False
        if self.dialect.comment and b"\n" + self.dialect.comment in seam:
            return False
        if not returns:
            return True
        self.returns += data.count(b"\r")
        # The last byte may be the first half of a line end.
        alone = seam[:-1].count(b"\r") - seam.count(b"\r\n")
        return alone == 0 and not (self._blank and b"\n\r" in seam)

    def _takes_quotes(self, data: bytes) -> bool:
        quote, escape = self.dialect.quote, self.dialect.escape
        if not quote:
            return True
        if not self.dialect.escapes_by_doubling and escape:
            self._escapes = self._escapes or escape in data
        if quote not in data:
            return not (self._open and b"\n" in data)
        self._quotes = True
        if self._escapes:
            return False
        left = (self._open + data.translate(None, self._others)).replace(quote + quote, b"")
        last = left.rfind(b"\n")
        self._open = left[last + 1 :]
        return quote not in left[: max(last, 0)]


def _trailing_line_ends(stream: BinaryIO, start: int) -> tuple[int, bytes | None]:
    """Return where the last record ends, and the line ends after it (None: too many to look at)."""
    size = stream.seek(0, 2)
    first = max(start, size - _TAIL)
    stream.seek(first)
    tail = stream.read()
    kept = tail.rstrip(b"\r\n")
    if not kept and first > start:
        return size, None
    return first + len(kept), tail[len(kept) :]
