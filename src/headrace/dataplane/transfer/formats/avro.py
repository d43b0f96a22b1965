"""Avro: containers of records, block by block.

Read: every primitive type as it is; timestamps → DATETIME_OFFSET, date and local timestamps → DATETIME, times → TIMESPAN, uuid → GUID, decimals
with their precision and scale (at most 38 digits), enums → STRING, fixed → BYTES, records, maps and arrays → DOCUMENT. A union with null is its other
member; one of several numbers is the widest; of several records, arrays or maps a DOCUMENT; any other STRING, each value in its text form.
A type that contains itself is refused.

Written: each field is a union with null; TIMESPAN is a long of microseconds, UINT64 a decimal, DOCUMENT a string.
"""

import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fastavro
import pyarrow as pa
from fastavro.schema import SchemaParseException, UnknownType

from headrace.dataplane.promotion.inspection import unique_names
from headrace.dataplane.transfer.combining import nothing
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.avro_blocks import (
    BlockWriter,
    BrokenAvro,
    Header,
    check_schema,
    read_blocks,
    read_header,
)
from headrace.dataplane.transfer.formats.avro_types import Column, column_of, schema_written, values_written
from headrace.dataplane.transfer.formats.landed import landed, rows_in, schema_of
from headrace.dataplane.transfer.formats.parts import PartWriter
from headrace.dataplane.transfer.formats.typed import check_width, unreadable
from headrace.dataplane.transfer.request import Avro
from headrace.dataplane.transfer.rows import LocalFile, Rows, Working, Writer, Writing
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field

_CELLS = 400_000
"""Values that are gathered before they become a batch."""
_BYTES = 32 << 20
_CODECS = {"none": "null", "deflate": "deflate", "snappy": "snappy", "bzip2": "bzip2", "zstd": "zstandard"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMESPACE = re.compile(rf"({_NAME.pattern}(\.{_NAME.pattern})*)?")
_FAULTS = (
    BrokenAvro,
    pa.ArrowException,
    SchemaParseException,
    UnknownType,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    ArithmeticError,
    RecursionError,
)
"""What the libraries raise for records that are not what their schema says."""


@contextmanager
def read(file: LocalFile, _form: Avro, _session: TransferSession, work: Working) -> Iterator[Rows]:
    """Open an Avro file; see ``rows.Reader``. All of it is read at once, into a Parquet file.

    Raises:
        TransferProblem: ``UNREADABLE``.
        Problem: ``LIMIT_EXCEEDED``: too many columns; whatever the cancellation says.
    """
    with ExitStack() as stack:
        try:
            packed = stack.enter_context(file.path.open("rb"))
            header = read_header(packed)
            columns, schema = _columns(file, header, work)
            fields = tuple(column.field for column in columns)
            if fields:
                batches = _batches(packed, header, columns, schema, file, work)
                rows = rows_in(stack.enter_context(landed(schema_of(fields), batches, work)), fields)
            else:
                rows = nothing()
        except _FAULTS as error:
            raise unreadable(file.name, "Avro", str(error) or type(error).__name__) from error
        yield rows


@contextmanager
def write(form: Avro, fields: tuple[Field, ...], _session: TransferSession, writing: Writing) -> Iterator[Writer]:
    """Begin Avro files; see ``rows.WriterMaker``.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: a name that Avro does not know.
    """
    name = form.record_name or "topLevelRecord"
    if not _NAMESPACE.fullmatch(form.record_namespace) or not _NAME.fullmatch(name):
        raise _refused(f"the record's name {form.record_namespace}.{name}")
    for field in fields:
        if not _NAME.fullmatch(field.name):
            raise _refused(f"the column's name {field.name!r}")
    schema = fastavro.parse_schema(schema_written(fields, name, form.record_namespace))
    writer = PartWriter(fields, writing, lambda path: _AvroPart(path, schema, _CODECS[form.codec], form.level))
    try:
        yield writer
    except BaseException:
        writer.discard()
        raise


def _refused(what: str) -> TransferProblem:
    message = f"{what} cannot stand in an Avro file: names are letters, digits and _, and do not begin with a digit; map it to another one"
    return TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)


def _columns(file: LocalFile, header: Header, work: Working) -> tuple[tuple[Column, ...], Any]:
    """Return the columns, and the schema that records are read with."""
    asked: Any = header.schema
    schema: Any = fastavro.parse_schema(asked)
    named = check_schema(schema)
    if not isinstance(schema, dict) or schema["type"] != "record":
        raise BrokenAvro("its rows are no records")
    check_width(file.name, len(schema["fields"]), work.limits)
    names = unique_names([field["name"] for field in schema["fields"]])
    columns = tuple(column_of(field, name, named) for field, name in zip(schema["fields"], names, strict=True))
    read_with = {"type": "record", "name": "row", "fields": [{"name": c.own, "type": c.schema} for c in columns]}
    return columns, fastavro.parse_schema(read_with)


def _batches(
    packed: BinaryIO, header: Header, columns: tuple[Column, ...], schema: Any, file: LocalFile, work: Working
) -> Iterator[Any]:
    most_rows = max(1, _CELLS // len(columns))
    rows: list[Any] = []
    size = 0
    for count, data in read_blocks(packed, header, file.bytes, work.limits.max_row_bytes):
        work.context.cancellation.check()
        stream = io.BytesIO(data)
        for _ in range(count):
            rows.append(fastavro.schemaless_reader(stream, schema, None))
            if len(rows) >= most_rows:
                yield _batch(rows, columns)
                rows, size = [], 0
        if stream.tell() != len(data):
            raise BrokenAvro(f"a block has {len(data) - stream.tell():,} bytes behind its last record")
        size += len(data)
        if size >= _BYTES:
            yield _batch(rows, columns)
            rows, size = [], 0
    if rows:
        yield _batch(rows, columns)


def _batch(rows: list[Any], columns: tuple[Column, ...]) -> Any:
    arrays = [column.build([row[column.own] for row in rows], column.field) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema_of(column.field for column in columns))


class _AvroPart:
    """One file."""

    def __init__(self, path: Path, schema: Any, codec: str, level: int | None) -> None:
        self._names = [field["name"] for field in schema["fields"]]
        self._file = path.open("wb")
        self._writer = BlockWriter(self._file, schema, codec, level)

    def write(self, batch: Any) -> None:
        """Write a record batch."""
        for row in zip(*map(values_written, batch.columns), strict=True):
            self._writer.write(dict(zip(self._names, row, strict=True)))

    def close(self) -> None:
        """Write the last block."""
        with self._file:
            self._writer.flush()
