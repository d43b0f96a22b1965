"""Delimited files read by ourselves, as Arrow: for every dialect and every file that DuckDB does not read exactly."""

import codecs
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.limits import MIB
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.delimited_cutting import Broken, Cut, Cutter, Dialect, Record
from headrace.dataplane.transfer.rows import RefusedRow

_BAD = re.compile("[\ud800-\udfff]")
"""Bytes that are no UTF-8, as Python keeps them."""
_NULL = pa.scalar(None, pa.string())


@dataclass(slots=True)
class ExactReader:
    """Rows of a file in UTF-8, from byte ``offset`` on; the first has the ``number``. It can be read as Arrow any number of times.

    ``refusals``: where rows go that cannot be read, when they may be left out; None: the first of them ends the reading. ``problem``: what ended
    the reading that went on last, since DuckDB hands on the words of it only.
    """

    path: Path
    name: str
    dialect: Dialect
    columns: tuple[str, ...]
    offset: int
    number: int
    longest: int
    cancellation: Cancellation
    refusals: Path | None
    problem: Problem | None = field(default=None, init=False)
    _empty_lines: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._empty_lines = not self.dialect.quote and len(self.columns) == 1

    @property
    def schema(self) -> Any:
        """Return the columns in Arrow: all of them text."""
        return pa.schema([pa.field(column, pa.string()) for column in self.columns])

    def __arrow_c_schema__(self) -> Any:
        """Return the columns to whoever takes Arrow."""
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return all rows to whoever takes Arrow, from the first on."""
        reader = pa.RecordBatchReader.from_batches(self.schema, self.guarded())
        return reader.__arrow_c_stream__(requested_schema)

    def batches(self) -> Iterator[Any]:
        """Yield the rows as record batches.

        Raises:
            TransferProblem: ``MORE_CELLS_THAN_COLUMNS``, ``UNREADABLE``: a row that may not be left out.
            Problem: ``LIMIT_EXCEEDED``: a line is too long; ``DISK_FULL``; what the cancellation says.
        """
        if self.refusals is not None:
            self.refusals.write_bytes(b"")
        number = self.number
        for cut in self._cuts():
            rows, refused = self._sorted(cut.records, number)
            batch = None
            try:
                batch = self._batch(rows, nulls=cut.nulls)
            except UnicodeEncodeError:
                rows, refused = self._sorted(cut.records, number, looking_at_bytes=True)
                batch = self._batch(rows, nulls=cut.nulls)
            self._refuse(refused)
            number += len(cut.records)
            if batch.num_rows:
                yield batch

    def refused(self) -> Iterable[RefusedRow]:
        """Yield the rows that the last reading left out."""
        if self.refusals is None or not self.refusals.exists():
            return
        with self.refusals.open(encoding="utf-8") as lines:
            for line in lines:
                reason, message, cells, number = json.loads(line)
                yield RefusedRow(Reason(reason), message, tuple(cells), number)

    def guarded(self) -> Iterator[Any]:
        """Yield as ``batches`` does, and keep the problem."""
        self.problem = None
        try:
            yield from self.batches()
        except Problem as problem:
            self.problem = problem
            raise

    def _cuts(self) -> Iterator[Cut]:
        cutter = Cutter(self.dialect, self.longest)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        text = ""
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            while True:
                self.cancellation.check()
                # A record that goes on and on is looked at again at twice its size only.
                data = stream.read(max(MIB, len(text)))
                text += decoder.decode(data, not data)
                cut = cutter.cut(text, final=not data)
                yield cut
                if not data:
                    return
                text = text[cut.used :]
                if len(text) > 2 * self.longest + MIB:
                    raise self._too_long()

    def _sorted(
        self, records: list[Record], number: int, *, looking_at_bytes: bool = False
    ) -> tuple[list[Any], list[RefusedRow]]:
        """Return the rows among records, each with as many cells as there are columns, and those that are refused."""
        count = len(self.columns)
        if not looking_at_bytes and all(type(record) is list and len(record) == count for record in records):
            return records, []
        rows: list[Any] = []
        refused: list[RefusedRow] = []
        for at, record in enumerate(records, number):
            if isinstance(record, Broken):
                refused.append(self._refused_row(Reason.UNREADABLE, record.why, (record.text,), at))
            elif looking_at_bytes and any(cell and _BAD.search(cell) for cell in record):
                why = "it has bytes that are no UTF-8; is the encoding another one?"
                refused.append(self._refused_row(Reason.UNREADABLE, why, tuple(record), at))
            elif len(record) > count:
                why = f"found more columns than expected column count {count}."
                refused.append(self._refused_row(Reason.MORE_CELLS_THAN_COLUMNS, why, tuple(record), at))
            elif record:
                rows.append([*record, *itertools.repeat(None, count - len(record))])
            elif self._empty_lines:
                rows.append([""])
        return rows, refused

    def _refused_row(self, reason: Reason, why: str, cells: tuple[str | None, ...], number: int) -> RefusedRow:
        message = (
            f"Error found when processing 'Csv/Tsv Format Text' source {self.name!r} with row number {number}: {why}"
        )
        shown = tuple(cell and _BAD.sub("\ufffd", cell) for cell in cells)
        return RefusedRow(reason, message, shown, number)

    def _refuse(self, rows: list[RefusedRow]) -> None:
        if not rows:
            return
        if self.refusals is None:
            raise TransferProblem(rows[0].reason, Side.SOURCE, rows[0].message, Code.SOURCE_UNREADABLE)
        try:
            with self.refusals.open("a", encoding="utf-8") as out:
                out.writelines(json.dumps([row.reason, row.message, row.cells, row.number]) + "\n" for row in rows)
        except OSError as error:
            raise disk_full(error, self.refusals.parent) or error from error

    def _batch(self, rows: list[Any], *, nulls: bool) -> Any:
        if not rows:
            return pa.record_batch([pa.array([], pa.string()) for _ in self.columns], schema=self.schema)
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        if not (nulls and self.dialect.null):
            # Where the null is no text at all, quoted cells without any are null, too.
            columns = [self._with_nulls(column) for column in columns]
        return pa.record_batch(columns, schema=self.schema)

    def _with_nulls(self, column: Any) -> Any:
        null = pc.equal(column, self.dialect.null)
        return pc.if_else(null, _NULL, column) if pc.any(null).as_py() else column

    def _too_long(self) -> Problem:
        message = f"{self.name!r} has a row of more than {self.longest:,} bytes (max_row_bytes); is the delimiter or the row delimiter another one?"
        return Problem(Code.LIMIT_EXCEEDED, message)
