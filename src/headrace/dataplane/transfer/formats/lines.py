"""Text files of one piece of text a row: DuckDB makes the pieces, and the bytes of its text go to the file as they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from headrace.core.errors import Code
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.encodings import UTF_8
from headrace.dataplane.transfer.formats.parts import PartWriter
from headrace.dataplane.transfer.packing import open_packed
from headrace.dataplane.transfer.request import Packing
from headrace.dataplane.transfer.rows import RefusedRow, Stream, Writing
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field

_LINE = Field("line")
_UNPROTECTED = "a value holds a delimiter or a line end, and without a quote nothing protects it; set quoteChar"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file is made of.

    ``select`` gives, for a relation, a query of one column, the piece of text of each row; null: the row cannot be written. A file is ``before``, the
    pieces, ``after``; of its first piece the first ``separator`` bytes are left out. ``codec`` is as in ``encodings.codec_of``.
    """

    select: Callable[[str], str]
    codec: str = UTF_8
    before: str = ""
    separator: int = 0
    after: str = ""


class LineWriter(PartWriter):
    """A ``rows.Writer`` of text files."""

    def __init__(self, shape: Shape, session: TransferSession, writing: Writing) -> None:
        super().__init__((_LINE,), writing, lambda path: _TextFile(path, shape, writing))
        self._shape = shape
        self._batch = _Batch()
        self._source = ""
        self._session = session

    def add(self, stream: Stream) -> None:
        """Write all rows of a stream; see ``rows.Writer``.

        Raises:
            TransferProblem: what ``Stream.batches`` says; ``VALUE_INVALID``: a row cannot be written, and may not be left out.
            Problem: ``DISK_FULL``.
        """
        if self._can_go_back and self._added_at_once(stream):
            return
        done = 0
        for batch in stream.batches(self.batch_rows):
            self._batch.batch = batch
            self._source = self._source or self._session.register(self._batch)
            within = 0
            for lines in self._session.batches(self._shape.select(self._source), self.batch_rows):
                writable = self._writable(lines, batch.slice(within, lines.num_rows), done + within, stream)
                with self._noticing_a_full_disk():
                    self._write(writable)
                within += lines.num_rows
            done += batch.num_rows

    @property
    def _can_go_back(self) -> bool:
        """Say whether what is written of a stream could be taken back: the file can be cut, or be begun anew."""
        is_plain = self.writing.max_rows is None and self.writing.pack.type is Packing.NONE
        return is_plain or (self._file is None and not self.parts)

    def _added_at_once(self, stream: Stream) -> bool:
        sql = stream.select()
        if sql is None:
            return False
        file = self._file
        mark, rows = (file.tell() if isinstance(file, _TextFile) else (0, False)), self._rows
        count = 0
        try:
            for lines in stream.session.batches(self._shape.select(f"({sql})"), self.batch_rows):
                count += lines.num_rows
                with self._noticing_a_full_disk():
                    self._write(lines)
        except (duckdb.Error, TransferProblem):
            if isinstance(file, _TextFile):
                file.cut(mark)
                self._rows = rows
            else:
                self.discard()
            return False
        stream.took(count)
        return True

    def _writable(self, lines: Any, rows: Any, done: int, stream: Stream) -> Any:
        """Return those of the lines that can be written; tell the stream of the other rows."""
        bad: dict[int, str] = {}
        codec = self._shape.codec
        if lines.column(0).null_count or codec != UTF_8:
            for at, text in enumerate(lines.column(0).to_pylist()):
                if why := _wrong(text, codec):
                    bad[at] = why
        if not bad:
            return lines
        for at, why in bad.items():
            values = rows.slice(at, 1).to_pylist()[0].values()
            cells = tuple(None if value is None else str(value) for value in values)
            stream.refuse(RefusedRow(Reason.VALUE_INVALID, why, cells, done + at + 1))
        return lines.filter(pa.array([at not in bad for at in range(lines.num_rows)]))


@contextmanager
def writing_lines(shape: Shape, session: TransferSession, writing: Writing) -> Iterator[LineWriter]:
    """Begin files; left by an exception, nothing of them stays."""
    # Lines of single batches are made while the stream's own query goes on, so not in its session.
    with session.engine.session() as own:
        writer = LineWriter(shape, own, writing)
        try:
            yield writer
        except BaseException:
            writer.discard()
            raise


class _Batch:
    """Rows that are to be made lines of, known to DuckDB by one name all the time."""

    def __init__(self) -> None:
        self.batch: Any = None

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the rows to whoever takes Arrow."""
        return pa.Table.from_batches([self.batch]).__arrow_c_stream__(requested_schema)


class _TextFile:
    """One file that is being written."""

    def __init__(self, path: Path, shape: Shape, writing: Writing) -> None:
        self._shape = shape
        self._out: BinaryIO = open_packed(path, writing.pack, writing.inner_name)
        self._out.write(shape.before.encode(shape.codec))
        self._began = False

    def write(self, batch: Any) -> None:
        """Write a batch of lines."""
        texts = batch.column(0)
        if texts.null_count:
            raise _cannot(_UNPROTECTED)
        if not len(texts):
            return
        data = _bytes_of(texts)
        if self._shape.separator and not self._began:
            data = data[self._shape.separator :]
        self._began = True
        if self._shape.codec != UTF_8:
            try:
                data = memoryview(str(data, UTF_8).encode(self._shape.codec))
            except UnicodeEncodeError as error:
                raise _cannot(_foreign(error, self._shape.codec)) from error
        self._out.write(data)

    def tell(self) -> tuple[int, bool]:
        """Return how far it is written."""
        self._out.flush()
        return self._out.tell(), self._began

    def cut(self, mark: tuple[int, bool]) -> None:
        """Take back what was written behind a mark."""
        self._out.seek(mark[0])
        self._out.truncate()
        self._began = mark[1]

    def close(self) -> None:
        """Write the end."""
        with self._out:
            self._out.write(self._shape.after.encode(self._shape.codec))


def _bytes_of(texts: Any) -> memoryview:
    """Return the bytes of all texts of an array, one after the other."""
    _, offsets, data = texts.buffers()
    places: memoryview[int] = memoryview(offsets).cast("q" if texts.type == pa.large_string() else "i")
    start, stop = places[texts.offset], places[texts.offset + len(texts)]
    return memoryview(data)[start:stop] if data is not None else memoryview(b"")


def _wrong(text: str | None, codec: str) -> str:
    """Return why a line cannot be written; empty: it can."""
    if text is None:
        return _UNPROTECTED
    try:
        text.encode(codec)
    except UnicodeEncodeError as error:
        return _foreign(error, codec)
    return ""


def _foreign(error: UnicodeEncodeError, codec: str) -> str:
    return f"{error.object[error.start]!a} is no letter of the encoding {codec}; write UTF-8"


def _cannot(why: str) -> TransferProblem:
    return TransferProblem(Reason.VALUE_INVALID, Side.SINK, f"a row cannot be written: {why}", Code.INVALID)
