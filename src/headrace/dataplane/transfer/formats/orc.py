"""ORC, by way of Arrow, stripe by stripe.

Types become what they become in Parquet. ORC knows no unsigned integers: written, each goes into the next larger signed type, UINT64 into
DECIMAL(20,0). Timestamps are read with nanoseconds, so one outside of the years 1678 to 2261 fails the file instead of coming out wrong.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
from pyarrow import orc

from headrace.dataplane.transfer.formats import parquet
from headrace.dataplane.transfer.formats.landed import landed
from headrace.dataplane.transfer.formats.parts import PartWriter
from headrace.dataplane.transfer.formats.typed import check_width, unreadable
from headrace.dataplane.transfer.request import Orc, Parquet
from headrace.dataplane.transfer.rows import LocalFile, Rows, Working, Writer, Writing
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field

_BATCH_ROWS = 20_000
_CODECS = {"none": "uncompressed", "zlib": "zlib", "snappy": "snappy", "lz4": "lz4", "zstd": "zstd"}
_SIGNED = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
}


@contextmanager
def read(file: LocalFile, _form: Orc, session: TransferSession, work: Working) -> Iterator[Rows]:
    """Open an ORC file; see ``rows.Reader``. All of it is read at once, into a Parquet file.

    Raises:
        TransferProblem: ``UNREADABLE``.
        Problem: ``LIMIT_EXCEEDED``: too many columns; whatever the cancellation says.
    """
    with ExitStack() as stack:
        try:
            dataset = pa.dataset.dataset(str(file.path), format="orc")
            check_width(file.name, len(dataset.schema), work.limits)
            batches = dataset.scanner(batch_size=_BATCH_ROWS, use_threads=False).to_batches()
            path = stack.enter_context(landed(dataset.schema, batches, work))
        except (pa.ArrowException, ValueError) as error:
            raise unreadable(file.name, "ORC", _said(error, file)) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise unreadable(file.name, "ORC", _said(error, file)) from error
        there = replace(file, path=path)
        yield stack.enter_context(parquet.read(there, Parquet(), session, work))


@contextmanager
def write(form: Orc, fields: tuple[Field, ...], _session: TransferSession, writing: Writing) -> Iterator[Writer]:
    """Begin ORC files; see ``rows.WriterMaker``."""
    writer = _OrcWriter(fields, writing, _CODECS[form.codec])
    try:
        yield writer
    except BaseException:
        writer.discard()
        raise


def _said(error: Exception, file: LocalFile) -> str:
    return str(error).splitlines()[0].replace(str(file.path), file.name)


class _OrcWriter(PartWriter):
    """Files of ORC."""

    def __init__(self, fields: tuple[Field, ...], writing: Writing, codec: str) -> None:
        super().__init__(fields, writing, lambda path: _OrcPart(path, self.schema, codec))


class _OrcPart:
    """One file. The writer of Arrow knows its columns from the first table only, so an empty file needs an empty table."""

    def __init__(self, path: Path, schema: Any, codec: str) -> None:
        self._schema = pa.schema([pa.field(field.name, _SIGNED.get(field.type, field.type)) for field in schema])
        self._writer = orc.ORCWriter(str(path), compression=codec)
        self._begun = False

    def write(self, batch: Any) -> None:
        """Write a record batch."""
        self._begun = True
        self._writer.write(pa.Table.from_batches([batch]).cast(self._schema))

    def close(self) -> None:
        """Write the footer."""
        if not self._begun:
            self._writer.write(self._schema.empty_table())
        self._writer.close()
