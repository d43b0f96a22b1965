"""Formats that DuckDB cannot read: their rows are written into a Parquet file of the try's folder, and read from there, as often as needed."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.dataplane.transfer.rows import Rows, Working
from headrace.dataplane.transfer.session import identifier, literal
from headrace.dataplane.transfer.values import Field


@contextmanager
def landed(schema: Any, batches: Iterable[Any], work: Working) -> Iterator[Path]:
    """Yield a Parquet file of record batches; it is removed at the end.

    Raises:
        Problem: whatever the cancellation says; what ``batches`` raises comes through.
    """
    path = empty_file(work, ".parquet")
    try:
        with pq.ParquetWriter(path, schema, compression="lz4") as writer:
            for batch in batches:
                work.context.cancellation.check()
                writer.write_table(pa.Table.from_batches([batch], schema))
        yield path
    finally:
        path.unlink(missing_ok=True)


def schema_of(fields: Iterable[Field]) -> Any:
    """Return Arrow's schema of fields."""
    return pa.schema([pa.field(field.name, field.arrow) for field in fields])


def rows_in(path: Path, fields: tuple[Field, ...]) -> Rows:
    """Return the rows of a file that was landed with ``schema_of(fields)``."""
    columns = ", ".join(identifier(field.name) for field in fields)
    return Rows(f"(SELECT {columns} FROM read_parquet({literal(str(path))}))", fields)


def empty_file(work: Working, ending: str) -> Path:
    """Make a file of no bytes in the try's folder."""
    handle, name = tempfile.mkstemp(suffix=ending, prefix="landed_", dir=work.folder)
    os.close(handle)
    return Path(name)
