"""Says whether DuckDB reads a delimited file exactly as contract 9.5 has it, by a look at all of its bytes.

DuckDB 2.0 reads in parallel by guessing where rows begin, and is generous with what is no well-formed row. So it gets files only whose rows are
their lines: valid UTF-8, one kind of line end, no NUL bytes, no line of a MiB. Where there are quotes, an expression proves of each line
that its quoted cells are well-formed, and that every other cell has no quote. What DuckDB would take although the contract refuses it (one cell
too many, which is null) is looked for, too. Looking costs about 0.04 s for 100 MB, with quotes or empty last cells 0.4 s.
"""

import re
from pathlib import Path

from headrace.core.task import Cancellation
from headrace.dataplane.limits import MIB
from headrace.dataplane.transfer.formats.delimited_cutting import Dialect

_PIECE = 256 * 1024
"""Bytes looked at together: they stay in the processor's cache meanwhile."""
_ENDS = {"\n": False, "\r\n": True}


class Look:
    """A look at one file, which has ``columns`` columns; ``end`` ends the lines of its head, where there are any.

    ``crlf`` is set when ``proves`` has said yes.
    """

    def __init__(self, dialect: Dialect, columns: int, end: str) -> None:
        self._dialect = dialect
        self._columns = columns
        self._quote = dialect.quote.encode()
        self._delimiter = dialect.delimiter.encode()
        self._null = dialect.null.encode()
        self._escaped = b"" if dialect.escape in ("", dialect.quote) else (dialect.escape + dialect.quote).encode()
        self._pattern: tuple[re.Pattern[bytes], re.Pattern[bytes]] | None = None
        self.crlf = _ENDS.get(dialect.end or end, False)
        self._ends_known = (dialect.end or end) in _ENDS

    def proves(self, path: Path, offset: int, cancellation: Cancellation) -> bool:
        """Say whether DuckDB reads all from byte ``offset`` on exactly.

        Raises:
            Problem: what the cancellation says.
        """
        if not self._is_simple():
            return False
        rest = b""
        with path.open("rb") as stream:
            stream.seek(offset)
            while data := stream.read(_PIECE):
                cancellation.check()
                data = rest + data
                cut = data.rfind(b"\n") + 1
                rest = data[cut:]
                if len(rest) > MIB or (cut and not self._takes(data[:cut])):
                    return False
        if b"\r" in rest:
            return False
        return self._takes(rest + (b"\r\n" if self.crlf else b"\n")) if rest else True

    def _is_simple(self) -> bool:
        """Say whether the dialect is one that DuckDB has."""
        dialect = self._dialect
        asked = (dialect.delimiter, dialect.quote, dialect.escape)
        return (
            len(dialect.delimiter) == 1
            and all(not text or (text.isascii() and not text.isalnum() and text not in " \0") for text in asked)
            and (not dialect.end or dialect.end in _ENDS)
            and (bool(dialect.quote) or self._columns > 1)
        )

    def _takes(self, data: bytes) -> bool:
        if b"\0" in data or not self._is_utf8(data) or not self._has_one_kind_of_line_end(data):
            return False
        if not self._quote and self._dialect.escape and self._dialect.escape.encode() in data:
            return False
        if self._columns == 1 and re.search(rb"(?:\A|\n)\r?\n", data):
            return False
        end = b"\r\n" if self.crlf else b"\n"
        if self._quote and self._quote in data:
            return not (self._escaped and self._escaped in data) and self._is_well_formed(data, end)
        return not self._may_hide_a_cell(data, end) or self._is_well_formed(data, end)

    def _is_utf8(self, data: bytes) -> bool:
        if data.isascii():
            return True
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    def _has_one_kind_of_line_end(self, data: bytes) -> bool:
        if not self._ends_known:
            self.crlf = data[-2:-1] == b"\r"
            self._ends_known = True
        if not self.crlf:
            return b"\r" not in data
        pairs = data.count(b"\r\n")
        return pairs == data.count(b"\n") == data.count(b"\r")

    def _may_hide_a_cell(self, data: bytes, end: bytes) -> bool:
        """Say whether a row may have one cell too many that is null: DuckDB leaves it out, without a word."""
        return self._delimiter + end in data or self._delimiter + self._null + end in data

    def _is_well_formed(self, data: bytes, end: bytes) -> bool:
        if self._pattern is None:
            self._pattern = self._rows(end)
        found = self._pattern[self._may_hide_a_cell(data, end)].match(data)
        return found is not None and found.end() == len(data)

    def _rows(self, end: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        """Return expressions of rows: any without quotes, and those that are not too long; those that have a cell for each column."""
        delimiter, quote = re.escape(self._delimiter), re.escape(self._quote)
        bare = b"[^" + delimiter + quote + rb"\r\n]*+"
        quoted = quote + b"[^" + quote + rb"\r\n]*+(?:" + quote * 2 + b"[^" + quote + rb"\r\n]*+)*+" + quote
        cell = b"(?:" + quoted + b"|" + bare + b")" if quote else bare
        most = self._columns - 1
        row = cell + b"(?:" + delimiter + cell + b"){%d}" % most
        shorter = cell + b"(?:" + delimiter + cell + b"){0,%d}" % most
        plain = b"[^" + quote + rb"\r\n]*+"
        end = re.escape(end)
        return (
            re.compile(b"(?:" + plain + end + b"|" + shorter + end + b")*+"),
            re.compile(b"(?:" + row + end + b")*+"),
        )
