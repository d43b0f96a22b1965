"""Rows of transfers into a table: each row once, whatever dies on the way.

Each batch is one transaction, and the mark of its slice moves in it (see ``marks``), so a later try begins where the last batch that stayed has
ended. That needs rows which are the same the next time: ``needs_repeatable``. Upserts, and transfers of one transaction, gather their rows in a table
of their own first, batch by batch; ``finish`` takes them over in one transaction (see ``merging``).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code
from headrace.dataplane.transfer.databases import merging, procedures
from headrace.dataplane.transfer.databases.links.link import ROW_FAULTS, Link, LinkError, Table
from headrace.dataplane.transfer.databases.links.opening import open_link
from headrace.dataplane.transfer.databases.locking import lock_statement
from headrace.dataplane.transfer.databases.marks import Mark, Marks
from headrace.dataplane.transfer.databases.settling import refused, settle
from headrace.dataplane.transfer.databases.troubles import told, trouble
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import TableMode, TableSink
from headrace.dataplane.transfer.rows import SinkWriter, Slice, Stream, Working, Written
from headrace.dataplane.transfer.values import Field

_ARROW_ROWS = 20_480
"""Rows that are taken at once, where a transaction has more; up to four times as many are in memory (see ``ahead``)."""
_TRANSACTION_BYTES = 128 * 1024 * 1024
"""A transaction of a size that nobody asked for ends after this many bytes, too."""
_ONE_WRITER = frozenset({"sqlite"})
Load = Callable[[tuple[Field, ...], Any, int], int]
"""Writes a batch, before which so many rows of its slice came; returns the bytes that were sent."""

_BEFORE, _FINISH = "\u0001before", "\u0001finish"


def write_database(sink: TableSink, work: Working) -> SinkWriter:
    """Begin to write into a table, or to call a procedure with rows; nothing is done yet."""
    return DatabaseWriter(sink, work)


class DatabaseWriter:
    """See ``rows.SinkWriter``."""

    needs_repeatable = True

    def __init__(self, sink: TableSink, work: Working) -> None:
        if sink.create and sink.mode is TableMode.PROCEDURE:
            raise TransferProblem(
                Reason.REQUEST_INVALID, Side.SINK, "a table is not made where rows go to a stored procedure"
            )
        self._sink, self._work = sink, work
        self._gathers = sink.mode is TableMode.UPSERT or (sink.transactional and sink.mode is TableMode.INSERT)
        self._table: Table | None = None
        self._target: tuple[str, tuple[Field, ...]] | None = None
        self._expected: dict[str, None] = {}
        self._turn = threading.Lock()
        self._stack = ExitStack()
        self._marks: Marks | None = None
        self._closed = False

    @property
    def where(self) -> str:
        """Return what is written to, for people."""
        if self._sink.mode is TableMode.PROCEDURE:
            return f"the procedure {self._sink.procedure}"
        return "the table " + ".".join(part for part in (self._sink.schema, self._sink.table) if part)

    def columns(self) -> tuple[Field, ...] | None:
        """Return the columns of the table; None: there is none yet, or rows go to a procedure."""
        if self._sink.mode is TableMode.PROCEDURE:
            return None
        with self._link() as link:
            self._table = link.table(self._sink.schema, self._sink.table)
        if self._table is None and not self._sink.create and not self._sink.before:
            raise self._missing()
        return None if self._table is None else self._table.fields

    def expect(self, items: Sequence[Slice]) -> None:
        """Take in which slices there are; rows of others, which were gathered from an older version of the source, are not taken over."""
        self._expected.update(dict.fromkeys(item.id for item in items))

    def begin(self, fields: tuple[Field, ...]) -> None:
        """Run the script that comes before, once, and make the table, and the one that rows are gathered in.

        Raises:
            TransferProblem: ``STATEMENT_FAILED``, ``TYPE_UNKNOWN``, ``COLUMN_UNKNOWN``, ``REQUEST_INVALID`` (no keys), and what connecting gives.
        """
        with self._link() as link:
            marks = self._marks_of(link)
            marks.prepare(link)
            crash_point("table-before-script")
            self._before(link, marks)
            crash_point("table-after-script")
            if self._sink.mode is TableMode.PROCEDURE:
                self._target = ("", fields)
                return
            table = self._make(link, fields)
            chosen = _chosen(table, fields, self.where)
            self._table, name = table, table.name
            if self._gathers:
                keys = merging.keys_of(self._sink, table, chosen, self.where)
                name = merging.interim_name(self._sink, link.dialect, self._work.key, self._work.asked)
                self._gather(link, marks, name, table, chosen, keys)
            self._target = (name, chosen)

    def _before(self, link: Link, marks: Marks) -> None:
        if not self._sink.before:
            return
        if marks.take(link, _BEFORE).finished or (self._gathers and self._sink.transactional):
            return  # one transaction for all: the script belongs to it
        link.begin()
        try:
            self._script(link, marks)
            link.commit()
        except BaseException:
            link.rollback()
            raise

    def _script(self, link: Link, marks: Marks) -> None:
        """Run the script that comes before, once, within a transaction."""
        if marks.hold(link, _BEFORE):
            with told(Side.SINK, "the script before the copy"):
                link.run(self._sink.before)
            marks.move(link, _BEFORE, Mark(), Mark(finished=True))
            crash_point("table-in-script")

    def _gather(
        self, link: Link, marks: Marks, name: str, table: Table, fields: tuple[Field, ...], keys: tuple[str, ...]
    ) -> None:
        """Make the table that rows are gathered in. Where they were taken over, and a slice has come since, gathering begins anew."""
        if not marks.take(link, _FINISH).finished:
            merging.make_interim(link, name, table, fields, keys)
        elif not all(state.finished for state in marks.states(link, self._expected).values()):
            merging.drop(link, name)
            merging.make_interim(link, name, table, fields, keys)
            crash_point("table-before-reopened")
            marks.reopen(link, _FINISH)

    def _make(self, link: Link, fields: tuple[Field, ...]) -> Table:
        sink = self._sink
        table = link.table(sink.schema, sink.table)
        if table is None and sink.create:
            columns = ", ".join(f"{link.dialect.quoted(field.name)} {self._type(link, field)}" for field in fields)
            name = ".".join(link.dialect.quoted(part) for part in (sink.schema, sink.table) if part)
            try:
                link.run(f"CREATE TABLE {name} ({columns})")
            except LinkError as error:
                table = link.table(sink.schema, sink.table)  # another copy may have made it at the same moment
                if table is None:
                    raise trouble(error, Side.SINK, f"{self.where} cannot be made") from error
            crash_point("table-after-create")
            table = table or link.table(sink.schema, sink.table)
        if table is None:
            raise self._missing()
        return table

    def _type(self, link: Link, field: Field) -> str:
        declared = link.type_of(field)
        if declared is None:
            message = (
                f"{self.where}: {link.dialect.name} has no type for the column {field.name!r}, which is {field.type}"
            )
            if field.type.value == "decimal":
                message += f"({field.precision},{field.scale})"
            raise TransferProblem(Reason.TYPE_UNKNOWN, Side.SINK, message)
        return declared

    def _missing(self) -> TransferProblem:
        message = (
            f"there is no such table: {self.where.removeprefix('the table ')}; make it, or let it be made (autoCreate)"
        )
        return TransferProblem(Reason.STATEMENT_FAILED, Side.SINK, message, Code.SOURCE_NOT_FOUND)

    def has_begun(self, item: Slice) -> bool:
        """Say whether rows of the slice were committed; if not, no earlier try commits any from now on.

        Raises:
            Problem: ``FENCED``: a newer try owns it. TransferProblem: what connecting gives.
        """
        turn = self._turn if self._sink.connection.kind in _ONE_WRITER else threading.Lock()
        with turn, self._link() as link:
            marks = self._marks_of(link)
            marks.prepare(link)
            mark = marks.take(link, item.id)
        return mark.finished or mark.rows_done > 0

    def write(self, item: Slice, stream: Stream) -> Written:
        """Write the rows of one slice, as far as they are not written already."""
        self._expected.setdefault(item.id)
        turn = self._turn if self._sink.connection.kind in _ONE_WRITER else threading.Lock()
        with turn, self._link() as link:
            return _SliceWriter(
                self._sink, self._work, link, self._marks_of(link), self._loader(link, item), self._lock(link)
            ).write(item, stream)

    def _loader(self, link: Link, item: Slice) -> Load:
        assert self._target is not None  # noqa: S101 — begin comes first
        name, _ = self._target
        if self._sink.mode is TableMode.PROCEDURE:
            return lambda fields, batch, _: procedures.send(link, self._sink, fields, batch)
        if self._gathers:
            return lambda fields, batch, before: link.load(
                name, (*fields, merging.SLICE, merging.ROW), merging.marked_batch(batch, item.id, before)
            )
        return lambda fields, batch, _: link.load(name, fields, batch)

    def _lock(self, link: Link) -> str:
        is_held = self._sink.lock_table and not self._gathers and self._table is not None
        return lock_statement(link.dialect.name, self._table.name) if is_held and self._table else ""

    def finish(self) -> None:
        """Take over what was gathered, in one transaction; remove the table that it was gathered in."""
        if not self._gathers or self._target is None or self._table is None:
            return
        name, fields = self._target
        with self._link() as link:
            marks = self._marks_of(link)
            crash_point("table-before-merge")
            link.begin()
            try:
                if marks.hold(link, _FINISH):
                    self._merge(link, marks, self._table, name, fields)
                link.commit()
            except BaseException:
                link.rollback()
                raise
            crash_point("table-after-merge")
            merging.drop(link, name)

    def _merge(self, link: Link, marks: Marks, table: Table, name: str, fields: tuple[Field, ...]) -> None:
        if self._sink.transactional and self._sink.before:
            self._script(link, marks)
        states = {item: state for item, state in marks.states(link, self._expected).items() if not state.merged}
        merging.keep_only(link, name, {item: state.rows_written for item, state in states.items()})
        lock = lock_statement(link.dialect.name, table.name) if self._sink.mode is TableMode.UPSERT else ""
        if lock:
            link.run(lock)  # two that upsert the same new key would both insert it
        merging.merge(link, self._sink, table, name, fields)
        marks.note_merged(link, states)
        marks.move(link, _FINISH, Mark(), Mark(finished=True))
        crash_point("table-in-merge")

    def close(self) -> None:
        """Leave; links are closed by whoever opened them, and the cancellation interrupts what they do."""
        self._closed = True

    def _marks_of(self, link: Link) -> Marks:
        if self._marks is None:
            schema = (
                self._sink.schema
                if self._sink.mode is not TableMode.PROCEDURE and link.dialect.name != "SQLite"
                else ""
            )
            owner = f"{self._work.task.folder}"
            self._marks = Marks(link.dialect, schema, self._work.key, self._work.asked, owner)
        return self._marks

    @contextmanager
    def _link(self) -> Iterator[Link]:
        work = self._work
        with (
            told(Side.SINK, self.where),
            open_link(self._sink.connection, work.limits, work.context.cancellation) as link,
        ):
            yield link


class _SliceWriter:
    """Writes one slice on one connection."""

    def __init__(self, sink: TableSink, work: Working, link: Link, marks: Marks, load: Load, lock: str) -> None:
        self._sink, self._work, self._link, self._marks, self._load = sink, work, link, marks, load
        self._lock = lock
        self._rows = sink.batch_rows or link.rows_at_once
        self._sent = 0

    def write(self, item: Slice, stream: Stream) -> Written:
        mark = self._marks.take(self._link, item.id)
        batches = stream.batches(min(self._rows, _ARROW_ROWS), skip=mark.rows_done)
        if mark.finished:
            for _ in batches:  # so that whoever counts knows of the rows that were read, and of those that were refused
                pass
            return Written(mark.rows_written, 0)
        for group in _grouped(batches, self._rows, bounded=self._sink.batch_rows is None):
            crash_point("table-before-batch")
            mark = self._transaction(item, stream, mark, group)
            crash_point("table-after-batch")
        self._moved(item, mark, Mark(mark.rows_done, mark.rows_written, finished=True))
        return Written(mark.rows_written, self._sent)

    def _transaction(self, item: Slice, stream: Stream, mark: Mark, group: Iterator[Any]) -> Mark:
        link, done, written = self._link, mark.rows_done, mark.rows_written
        with link.within(self._sink.batch_timeout_seconds):
            link.begin()
            try:
                if self._lock:
                    link.run(self._lock)
                for batch in group:
                    took = self._batch(stream, batch, done)
                    done, written = done + batch.num_rows, written + took
                after = Mark(done, written)
                self._marks.move(link, item.id, mark, after)
                crash_point("table-in-batch")
                link.commit()
            except LinkError as error:
                link.rollback()
                raise trouble(error, Side.SINK, batch=True) from error
            except BaseException:
                link.rollback()
                raise
        return after

    def _batch(self, stream: Stream, batch: Any, before: int) -> int:
        fields = stream.fields
        if self._work.tolerant and self._sink.mode is not TableMode.PROCEDURE:
            took, sent = settle(self._link, batch, fields, self._load, before, stream.refuse)
            self._sent += sent
            return took
        try:
            self._sent += self._load(fields, batch, before)
        except LinkError as error:
            if error.fault in ROW_FAULTS and error.row is not None and error.row < batch.num_rows:
                row = refused(error, batch, fields, error.row, before)
                error.message = f"row {row.number}: {error.message}"
            raise
        return int(batch.num_rows)

    def _moved(self, item: Slice, before: Mark, after: Mark) -> None:
        self._link.begin()
        try:
            self._marks.move(self._link, item.id, before, after)
            self._link.commit()
        except BaseException:
            self._link.rollback()
            raise


def _grouped(batches: Iterator[Any], rows: int, *, bounded: bool) -> Iterator[Iterator[Any]]:
    """Yield batches as groups of about ``rows`` rows, each to be read to its end before the next; ``bounded``: of not too many bytes either."""
    ended = False
    waiting: list[Any] = []

    def group() -> Iterator[Any]:
        nonlocal ended
        taken = size = 0
        while taken < rows and not (bounded and size > _TRANSACTION_BYTES):
            batch = waiting.pop() if waiting else next(batches, None)
            if batch is None:
                ended = True
                return
            taken, size = taken + batch.num_rows, size + batch.nbytes
            yield batch

    while not ended:
        first = next(batches, None)
        if first is None:
            return
        waiting.append(first)
        yield group()


def _chosen(table: Table, fields: tuple[Field, ...], where: str) -> tuple[Field, ...]:
    """Check that the table has all columns."""
    known = {column.field.name: column for column in table.columns}
    for field in fields:
        if field.name not in known:
            message = f"{where} has no column {field.name!r}; it has {', '.join(map(repr, known))}"
            raise TransferProblem(Reason.COLUMN_UNKNOWN, Side.SINK, message, Code.UNKNOWN_COLUMN)
        if not known[field.name].writable:
            message = f"{where}: the column {field.name!r} is generated by the database, and takes no values"
            raise TransferProblem(Reason.COLUMN_UNKNOWN, Side.SINK, message)
    return fields
