"""Databases as sinks and sources of transfers: what tests of them need, whatever the database is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.core.task import Task
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.reading import read_database
from headrace.dataplane.transfer.databases.writing import write_database
from headrace.dataplane.transfer.request import Parameter, QuerySource, RangeSplit, TableSink
from headrace.dataplane.transfer.rows import RefusedRow, Slice, Working
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import session_in, working


class ArrowStream:
    """A stream of rows that lie in an Arrow table."""

    documents = False
    repeatable = True
    session: TransferSession

    def __init__(self, table: Any, fields: tuple[Field, ...]) -> None:
        self.table, self.fields = table, fields
        self.refused: list[RefusedRow] = []

    def select(self) -> str | None:
        """Return nothing: rows come as batches."""
        return None

    def took(self, count: int) -> None:
        """Ignore it."""

    def batches(self, rows: int, skip: int = 0) -> Iterator[Any]:
        """Yield the rows."""
        yield from self.table.slice(skip).to_batches(rows)

    def refuse(self, row: RefusedRow) -> None:
        """Keep the row."""
        self.refused.append(row)


@dataclass
class TableHouse:
    """A fresh database of one kind. ``sql`` executes a statement on it and returns its rows."""

    kind: str
    info: ConnectionInfo
    sql: Callable[..., list[Any]]
    home: Path
    limits: Limits = field(default_factory=Limits)

    def work(self, *, tolerant: bool = False, key: str = "the-key", epoch: int = 1) -> Working:
        """Return what parts of a transfer may use."""
        task = Task("local", "f", "r", "r", "Copy", 1, epoch, "copy", {}, key)
        return replace(working(self.home, self.limits), tolerant=tolerant, key=key, task=task)

    def write(
        self,
        rows: Sequence[Sequence[Any]],
        fields: Sequence[Field],
        *,
        tolerant: bool = False,
        key: str = "the-key",
        slices: int = 1,
        **options: Any,
    ) -> tuple[list[RefusedRow], int]:
        """Write rows as a transfer does; return those that were refused, and how many are in the sink. ``options`` are those of ``TableSink``."""
        chosen = tuple(fields)
        sink = TableSink(self.info, **{"table": "sink", **options})
        writer = write_database(sink, self.work(tolerant=tolerant, key=key))
        refused: list[RefusedRow] = []
        written = 0
        with closing(writer):
            writer.columns()
            writer.begin(chosen)
            size = -(-len(rows) // slices) or 1
            for number in range(slices):
                stream = ArrowStream(table_of(rows[number * size : (number + 1) * size], chosen), chosen)
                written += writer.write(Slice(f"slice-{number}", f"slice {number}"), stream).rows
                refused += stream.refused
            writer.finish()
        return refused, written

    def read(self, *, tolerant: bool = False, split: RangeSplit | None = None, **options: Any) -> "Read":
        """Read a source as a transfer does; ``options`` are those of ``QuerySource``."""
        source = QuerySource(self.info, split=split or RangeSplit(), **options)
        found = Read()
        with (
            session_in(self.home) as session,
            closing(read_database(source, self.work(tolerant=tolerant))) as reader,
        ):
            for item in reader.slices():
                with reader.open(item, session) as rows:
                    found.fields = rows.fields
                    listed = ", ".join(_plain(one) for one in rows.fields)
                    batches = session.batches(f"SELECT {listed} FROM {rows.relation}", 10_000)
                    found.slices.append([tuple(row.values()) for batch in batches for row in batch.to_pylist()])
                    found.names.append(item.name)
                    found.refused += rows.refused()
        return found


@dataclass
class Read:
    """What was read."""

    fields: tuple[Field, ...] = ()
    slices: list[list[Any]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def rows(self) -> list[Any]:
        """Return the rows of all slices."""
        return [row for item in self.slices for row in item]

    @property
    def types(self) -> list[str]:
        """Return the types of the columns."""
        return [one.type.value for one in self.fields]


def _plain(field: Field) -> str:
    """Return a column as SQL, an instant without its zone."""
    name = '"' + field.name.replace('"', '""') + '"'
    return f"{name} AT TIME ZONE 'UTC' AS {name}" if field.type is ValueType.DATETIME_OFFSET else name


def table_of(rows: Sequence[Sequence[Any]], fields: Sequence[Field]) -> Any:
    """Return rows as an Arrow table."""
    columns = list(zip(*rows, strict=True)) or [()] * len(fields)
    return pa.table(
        [pa.array(column, one.arrow) for column, one in zip(columns, fields, strict=True)],
        schema=pa.schema([pa.field(one.name, one.arrow) for one in fields]),
    )


__all__ = ["ArrowStream", "Parameter", "Read", "TableHouse", "table_of"]
