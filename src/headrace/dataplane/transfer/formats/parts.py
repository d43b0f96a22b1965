"""Files that are written from Arrow batches: one after the other, each with at most so many rows, and removed when writing is broken off."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from headrace.dataplane.storage import no_room
from headrace.dataplane.transfer.rows import Part, Stream, Writing
from headrace.dataplane.transfer.values import Field

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class PartFile(Protocol):
    """One file that is being written."""

    def write(self, batch: Any) -> None:
        """Write a record batch."""
        ...

    def close(self) -> None:
        """Write what is still held back, and the end."""
        ...


class PartWriter:
    """A ``rows.Writer`` over a format that takes record batches; ``begin`` makes the file at a path."""

    batch_rows = 20_000
    """Rows that are asked for at once."""

    def __init__(self, fields: Sequence[Field], writing: Writing, begin: Callable[[Path], PartFile]) -> None:
        self.writing = writing
        self.schema = pa.schema([pa.field(field.name, field.arrow) for field in fields])
        self._begin = begin
        self._file: PartFile | None = None
        self._rows = 0
        self.parts: list[Part] = []

    def add(self, stream: Stream) -> None:
        """Write all rows of a stream; see ``rows.Writer``.

        Raises:
            TransferProblem: what ``Stream.batches`` says.
            Problem: ``DISK_FULL``.
        """
        for batch in stream.batches(self.batch_rows):
            with self._noticing_a_full_disk():
                self._write(batch if batch.schema == self.schema else batch.cast(self.schema))

    def close(self) -> Sequence[Part]:
        """Finish the last file; return all; see ``rows.Writer``.

        Raises:
            Problem: ``DISK_FULL``.
        """
        with self._noticing_a_full_disk():
            if self._file is None and not self.parts:
                self._file = self._begin(self._path)
            self._finish()
        return tuple(self.parts)

    def discard(self) -> None:
        """Remove all that was written."""
        unfinished, self._file = self._file, None
        if unfinished is not None:
            # What it holds back may not be writable any more; it goes anyhow.
            with suppress(OSError, ValueError, pa.ArrowException):
                unfinished.close()
            self._path.unlink(missing_ok=True)
        for part in self.parts:
            part.path.unlink(missing_ok=True)
        self.parts.clear()

    @property
    def _path(self) -> Path:
        return self.writing.place(len(self.parts))

    def _write(self, batch: Any) -> None:
        most, start = self.writing.max_rows, 0
        while start < batch.num_rows:
            if self._file is None:
                self._file = self._begin(self._path)
            count = batch.num_rows - start if most is None else min(batch.num_rows - start, most - self._rows)
            self._file.write(batch.slice(start, count))
            self._rows += count
            start += count
            if self._rows == most:
                self._finish()

    def _finish(self) -> None:
        if self._file is None:
            return
        self._file.close()
        part = Part(self._path, self._rows)
        self._file, self._rows = None, 0
        self.parts.append(part)

    @contextmanager
    def _noticing_a_full_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise no_room(self._path.parent) from error
