"""Queries, tables and procedures of databases as slices of rows.

A query stands in parentheses where it can, and its columns are asked for so that nothing of them is lost; rows come as Arrow. What can stand in no
query (a procedure, ``WITH`` or ``ORDER BY`` on SQL Server) is executed as it is, on a connection that may write, and what it does is committed when
its rows were read. All slices of a read have one snapshot where the database can (PostgreSQL); else each slice has one of its own.
"""

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.databases.dialect import Column
from headrace.dataplane.connectors.databases.opening import open_database
from headrace.dataplane.connectors.databases.relations import find_table
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases import planning
from headrace.dataplane.transfer.databases.columns import selected
from headrace.dataplane.transfer.databases.fitting import Fitter
from headrace.dataplane.transfer.databases.links.link import LinkError
from headrace.dataplane.transfer.databases.links.opening import open_link
from headrace.dataplane.transfer.databases.links.plain import arrow_of
from headrace.dataplane.transfer.databases.parameters import given
from headrace.dataplane.transfer.databases.troubles import met, trouble
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Partitioning, QuerySource
from headrace.dataplane.transfer.rows import Rows, Slice, SourceReader, Working
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field

_LEVELS: Mapping[str, str] = {
    name: name.replace("_", " ").upper()
    for name in ("read_committed", "read_uncommitted", "repeatable_read", "serializable", "snapshot")
}
_LEVELLED = frozenset({"PostgreSQL", "MySQL", "SQL Server"})
_SHARES = frozenset({"postgres"})
"""Databases where several connections read one snapshot."""


def read_database(source: QuerySource, work: Working) -> SourceReader:
    """Begin to read; nothing is asked yet."""
    return DatabaseReader(source, work)


class DatabaseReader:
    """See ``rows.SourceReader``. ``Slice.data`` says all that ``open`` needs, so slices of an earlier try can be read again."""

    def __init__(self, source: QuerySource, work: Working) -> None:
        self._source, self._work = source, work
        self._limits = _limits(source, work)
        self._stack, self._lock = ExitStack(), threading.Lock()
        self._anchor: Session | None = None
        self._name: str | None = None

    @property
    def where(self) -> str:
        """Return what is read, for people."""
        if self._source.table:
            return "the table " + ".".join(part for part in (self._source.schema, self._source.table) if part)
        return f"the procedure {self._source.procedure}" if self._source.procedure else "the query"

    def slices(self) -> tuple[Slice, ...]:
        """Return one slice, or as many as there are ranges or partitions."""
        source = self._source
        if source.split.kind is Partitioning.NONE or source.procedure:
            return planning.whole(source, self.where)
        with self._meeting(Reason.STATEMENT_FAILED):
            return planning.plan(source, self._shared(), self.where)

    @contextmanager
    def open(self, item: Slice, session: TransferSession) -> Iterator[Rows]:
        """Open one slice. Its rows come once; those that no type holds are refused."""
        data: dict[str, str] = item.data if isinstance(item.data, dict) else {}
        with ExitStack() as stack:
            crash_point("query-before-open")
            fields, batches = self._begun(data, stack)
            fitter = Fitter(fields, item.name, tolerant=self._work.tolerant)
            taking = _Taking(batches, fitter)
            stack.enter_context(closing(taking.batches))
            stack.enter_context(session.translating(taking.meaning))
            relation = session.register(pa.RecordBatchReader.from_batches(fitter.schema, taking.batches))
            yield Rows(
                relation, fields, repeatable=False, refused=lambda: tuple(fitter.refused), taken=lambda: taking.bytes
            )

    def _begun(self, data: dict[str, str], stack: ExitStack) -> tuple[tuple[Field, ...], Iterator[list[Any]]]:
        """Return the columns of a slice, and the arrays of its rows, batch by batch."""
        statement = data.get("query") or self._source.query
        if self._source.procedure:
            return self._as_it_is("", stack)
        if self._source.isolation and self._source.connection.kind == "sqlserver" and not self._source.table:
            return self._as_it_is(statement, stack)
        otherwise = Reason.STATEMENT_FAILED if self._source.table else Reason.QUERY_INVALID
        with self._meeting(otherwise):
            session = stack.enter_context(
                open_database(
                    self._source.connection, self._limits, self._work.context.cancellation, self._snapshot(data)
                )
            )
            sql = (
                find_table(session, planning.table_text(self._source, session.dialect))
                if self._source.table
                else f"(\n{statement.strip().rstrip(';')}\n)"
            )
            if data.get("relation"):
                sql = data["relation"]
        try:
            columns = _described(session, sql, self.where, checked=not self._source.table)
        except Problem as problem:
            if self._source.table or problem.code not in (Code.INVALID, Code.SOURCE_DENIED, Code.UNKNOWN_COLUMN):
                raise met(problem, Side.SOURCE, otherwise) from problem
            stack.pop_all().close()
            return self._as_it_is(statement, stack)
        chosen = [selected(column, session.dialect) for column in columns]
        quoted, condition = session.dialect.quoted, data.get("condition", "")
        listed = ", ".join(f"{one.sql} AS {quoted(one.field.name)}" for one in chosen)
        query = f"SELECT {listed} FROM {sql} AS source" + (f" WHERE {condition}" if condition else "")
        if (
            not self._source.table
            and not condition
            and session.dialect.name == "MySQL"
            and all(one.sql == quoted(one.field.name) for one in chosen)
        ):
            query = statement  # it keeps no order in parentheses
        batches = stack.enter_context(closing(session.raw(query, self.where)))
        try:
            first = next(batches, None)
        except Problem as problem:
            if self._source.table or problem.code is not Code.SOURCE_DENIED:
                raise met(problem, Side.SOURCE, Reason.STATEMENT_FAILED) from problem
            stack.pop_all().close()
            return self._as_it_is(statement, stack)  # it calls a function that writes
        return tuple(one.field for one in chosen), self._rest(first, batches)

    def _rest(self, first: list[Any] | None, batches: Iterator[list[Any]]) -> Iterator[list[Any]]:
        if first is not None:
            yield first
        with self._meeting(Reason.STATEMENT_FAILED):
            yield from batches

    def _as_it_is(self, statement: str, stack: ExitStack) -> tuple[tuple[Field, ...], Iterator[list[Any]]]:
        """Execute a procedure, or a statement that cannot stand in parentheses."""
        source = self._source
        values = [given(parameter) for parameter in source.parameters]
        otherwise = Reason.PROCEDURE_INVALID if source.procedure else Reason.QUERY_INVALID
        try:
            link = stack.enter_context(open_link(source.connection, self._limits, self._work.context.cancellation))
            stack.enter_context(link.within(self._limits.statement_timeout_seconds))
            level = _LEVELS.get(source.isolation, "") if link.dialect.name in _LEVELLED else ""
            if link.dialect.name == "PostgreSQL":
                link.begin()  # there the level is said within the transaction, elsewhere before it
            if level:
                known = level if link.dialect.name == "SQL Server" else level.replace("SNAPSHOT", "REPEATABLE READ")
                link.run(f"SET TRANSACTION ISOLATION LEVEL {known}")
            if link.dialect.name != "PostgreSQL":
                link.begin()
            parts = link.stream(link.called(source.procedure, values) if source.procedure else statement)
            fields, rows = next(parts, ((), []))
        except LinkError as error:
            raise _asked_wrongly(error, self.where, otherwise) from error
        if not fields:
            raise TransferProblem(otherwise, Side.SOURCE, f"{self.where} gives no rows")

        def arrays() -> Iterator[list[Any]]:
            found: list[tuple[Any, ...]] | None = rows
            while found is not None:
                if found:
                    columns = zip(*found, strict=True)
                    yield [arrow_of(values, field) for values, field in zip(columns, fields, strict=True)]
                found = next(((more for _, more in parts)), None)
            link.commit()

        return fields, arrays()

    def _snapshot(self, data: dict[str, str]) -> str | None:
        """Return the name of the snapshot that slices share; None: a slice has its own."""
        if not data.get("shared") or self._source.connection.kind not in _SHARES:
            return None
        anchor = self._shared()
        with self._lock:  # slices are opened by several threads, and a session is one thread's at a time
            self._name = self._name or anchor.snapshot()
            return self._name

    def _shared(self) -> Session:
        """Return the session that the ranges are looked up in, which is open until the end."""
        with self._lock:
            if self._anchor is None:
                opened = open_database(self._source.connection, self._limits, self._work.context.cancellation, None)
                self._anchor = self._stack.enter_context(opened)
            return self._anchor

    @contextmanager
    def _meeting(self, otherwise: Reason) -> Iterator[None]:
        try:
            yield
        except TransferProblem:
            raise
        except Problem as problem:
            raise met(problem, Side.SOURCE, otherwise) from problem

    def close(self) -> None:
        """Leave."""
        with self._lock:
            self._anchor = self._name = None
            self._stack.close()


class _Taking:
    """The batches of a slice on their way into DuckDB; what goes wrong in them is kept, since DuckDB tells only words of it."""

    def __init__(self, source: Iterator[list[Any]], fitter: Fitter) -> None:
        self.bytes = 0
        self._fitter = fitter
        self._error: Exception | None = None
        self.batches = self._fitted(source)

    def _fitted(self, source: Iterator[list[Any]]) -> Generator[Any, None, None]:
        try:
            for arrays in source:
                batch = self._fitter.batch(arrays)
                self.bytes += batch.nbytes
                yield batch
        except LinkError as error:
            self._error = trouble(error, Side.SOURCE, "the query")
            raise self._error from error
        except Exception as error:  # whatever it is, DuckDB hands on only its words
            self._error = error
            raise

    def meaning(self, _: duckdb.Error) -> Exception | None:
        """Return what has gone wrong here."""
        return self._error


def _described(session: Session, sql: str, where: str, *, checked: bool) -> tuple[Column, ...]:
    if checked:
        session.check_query(sql.removeprefix("(\n").removesuffix("\n)"))
    columns = session.columns(sql, where)
    names = [column.name for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{where} has more than one column named {twice[0]!r}; give each its own name"
        raise TransferProblem(Reason.QUERY_INVALID, Side.SOURCE, message)
    return columns


def _limits(source: QuerySource, work: Working) -> Limits:
    seconds = work.limits.statement_timeout_seconds
    return replace(work.limits, statement_timeout_seconds=min(seconds, source.timeout_seconds or seconds))


def _asked_wrongly(error: LinkError, where: str, otherwise: Reason) -> TransferProblem:
    problem = trouble(error, Side.SOURCE, where)
    wrong = problem.reason in (Reason.STATEMENT_FAILED, Reason.COLUMN_UNKNOWN, Reason.PROCEDURE_INVALID)
    return (
        TransferProblem(otherwise, Side.SOURCE, problem.message, problem.code)
        if wrong and problem.code is not Code.SOURCE_TIMEOUT
        else problem
    )
