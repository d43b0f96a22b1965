"""Parquet: DuckDB reads it where it lies, and writes it by itself where it may.

Types, read: integers, floats, decimals (precision and scale kept), text, bytes and UUIDs as they are; DATE and every TIMESTAMP without a zone (int96
too) → DATETIME, with one → DATETIME_OFFSET, to the microsecond; TIME → TIMESPAN; lists, structs and maps → DOCUMENT; INTERVAL and JSON → STRING.
Written: each type as ``values`` says that DuckDB holds it, so GUID and DOCUMENT are text and TIMESPAN is INT64, microseconds. A decimal of more than
38 digits is refused, since nothing on the way holds it exactly.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.dataplane.limits import MIB
from headrace.dataplane.transfer.combining import nothing
from headrace.dataplane.transfer.faults import TransferProblem
from headrace.dataplane.transfer.formats.parts import PartWriter
from headrace.dataplane.transfer.formats.typed import check_width, field_of, select_typed, unreadable
from headrace.dataplane.transfer.request import Parquet
from headrace.dataplane.transfer.rows import LocalFile, Part, Rows, Stream, Working, Writer, Writing
from headrace.dataplane.transfer.session import TransferSession, literal
from headrace.dataplane.transfer.values import Field

GROUP_ROWS = 122_880
"""Rows of a row group: what DuckDB reads at once in one thread."""
_GROUP_BYTES = 64 * MIB
_MOST_DIGITS = 38
_CODECS = {"none": "uncompressed", "gzip": "gzip", "snappy": "snappy", "lz4": "lz4", "zstd": "zstd"}
_NO_COLUMNS = "Need at least one non-root column"
_SIGNS = ("parquet", "decompress", "corrupt", "dictionary", "page", "thrift", "snappy", "magic bytes", "utf8", "utf-8")


@contextmanager
def read(file: LocalFile, _form: Parquet, session: TransferSession, work: Working) -> Iterator[Rows]:
    """Open a Parquet file; see ``rows.Reader``.

    Raises:
        TransferProblem: ``UNREADABLE``, also while the relation is read.
        Problem: ``LIMIT_EXCEEDED``: too many columns.
    """

    def meaning(error: duckdb.Error) -> Exception | None:
        said = str(error).splitlines()[0].replace(str(file.path), file.name)
        return unreadable(file.name, "Parquet", said) if _is_about(error, file.path) else None

    with session.translating(meaning):
        path = literal(exactly(file.path))
        scan = f"read_parquet({path}, hive_partitioning = false)"
        try:
            described = _described(scan, session)
            if described:
                _check_digits(file, path, session)
        except RuntimeError as error:
            # Names that are no UTF-8 are refused by what makes Python's text of them, not by DuckDB.
            raise unreadable(file.name, "Parquet", "a name in it is no UTF-8") from error
        if not described:
            yield nothing()
            return
        check_width(file.name, len(described), work.limits)
        fields = tuple(field_of(name, found) for name, found in described)
        yield Rows(select_typed(described, fields, scan), fields)


@contextmanager
def write(form: Parquet, fields: tuple[Field, ...], _session: TransferSession, writing: Writing) -> Iterator[Writer]:
    """Begin Parquet files; see ``rows.WriterMaker``."""
    writer = _ParquetWriter(fields, writing, form.codec)
    try:
        yield writer
    except BaseException:
        writer.discard()
        raise


def _described(scan: str, session: TransferSession) -> list[tuple[str, Any]]:
    try:
        return session.described(f"SELECT * FROM {scan}")
    except TransferProblem as problem:
        # A table without columns is what a source of no bytes becomes.
        if _NO_COLUMNS in problem.message:
            return []
        raise


def exactly(path: Path) -> str:
    """Return a pattern for DuckDB that only this path matches."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def _is_about(error: duckdb.Error, path: Path) -> bool:
    if isinstance(error, (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.OutOfMemoryException)):
        return False
    # What the reader did not foresee in a file is an error inside of DuckDB; what it found in Thrift and types has no class of its own.
    if isinstance(error, duckdb.InternalException):
        return True
    text = str(error).lower()
    return type(error) is duckdb.Error or str(path).lower() in text or any(sign in text for sign in _SIGNS)


def _check_digits(file: LocalFile, path: str, session: TransferSession) -> None:
    found = session.rows(f"SELECT name, precision FROM parquet_schema({path}) WHERE precision > {_MOST_DIGITS}")
    if found:
        name, digits = found[0]
        what = f"the column {name!r} is a decimal of {digits} digits; at most {_MOST_DIGITS} can be held exactly"
        raise unreadable(file.name, "Parquet", what)


class _ParquetWriter(PartWriter):
    """Lets DuckDB write the one file of one stream; everything else goes through Arrow."""

    def __init__(self, fields: Sequence[Field], writing: Writing, codec: str) -> None:
        self._codec = codec
        super().__init__(fields, writing, lambda path: _ParquetPart(path, self.schema, codec))

    def add(self, stream: Stream) -> None:
        """Write all rows of a stream; see ``rows.Writer``."""
        alone = self.writing.alone and self.writing.max_rows is None
        query = stream.select() if alone else None
        if query is None or not self._copied(stream, query):
            super().add(stream)

    def _copied(self, stream: Stream, query: str) -> bool:
        path = self.writing.place(0)
        options = f"FORMAT parquet, COMPRESSION {_CODECS[self._codec]}, ROW_GROUP_SIZE {GROUP_ROWS}, USE_TMP_FILE false"
        try:
            count = int(stream.session.one(f"COPY ({query}) TO {literal(str(path))} ({options})"))
        except (duckdb.Error, TransferProblem):
            path.unlink(missing_ok=True)
            return False
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self.parts.append(Part(path, count))
        stream.took(count)
        return True


class _ParquetPart:
    """A file through Arrow: batches are gathered until they make a row group."""

    def __init__(self, path: Path, schema: Any, codec: str) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression=codec, store_schema=False)
        self._held: list[Any] = []

    def write(self, batch: Any) -> None:
        """Write a record batch."""
        self._held.append(batch)
        rows, size = sum(held.num_rows for held in self._held), sum(held.nbytes for held in self._held)
        if rows >= GROUP_ROWS or size >= _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held:
            self._writer.write_table(pa.Table.from_batches(held, self._schema))
