"""SQLite: one writer at a time; a row that is refused leaves those before it."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.connectors.databases.sqlite import DIALECT, Alarm, connect
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.links import sqlite_tables
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError, Table
from headrace.dataplane.transfer.databases.links.named import NAMED, marked
from headrace.dataplane.transfer.databases.links.plain import answer_of, outputs_of, plain_columns, plain_value
from headrace.dataplane.transfer.values import Field

_FETCHED = 5_000
_PHRASES: tuple[tuple[str, Fault], ...] = (
    (r"UNIQUE constraint|PRIMARY KEY", Fault.DUPLICATE),
    (r"datatype mismatch|cannot store|integer overflow", Fault.VALUE),
    (r"string or blob too big|too big", Fault.TOO_LONG),
    (r"constraint failed", Fault.CONSTRAINT),
    (r"no such table", Fault.TABLE),
    (r"no such column|has no column|no column named", Fault.COLUMN),
    (r"readonly|not authorized|unable to open", Fault.DENIED),
    (r"interrupted", Fault.TIMEOUT),
    (r"locked|busy|disk I/O|malformed|not a database|full", Fault.AWAY),
    (r"syntax error|incomplete input|unrecognized token|no such function", Fault.SYNTAX),
)
_COLUMN = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: (?:[^,]*\.)?([^,.]+)$")


def link_error(error: sqlite3.Error, row: int | None = None) -> LinkError:
    """Return what an error of the driver means."""
    text = str(error)
    fault = next((fault for phrase, fault in _PHRASES if re.search(phrase, text)), Fault.OTHER)
    named = _COLUMN.search(text)
    return LinkError(fault, text, row, named[1] if named else "")


@dataclass(slots=True)
class SqliteLink:
    """See ``link.Link``."""

    connection: sqlite3.Connection
    cancellation: Cancellation
    alarm: Alarm
    dialect: Dialect = DIALECT
    takes_back_definitions: bool = True
    rows_at_once: int = 50_000
    messages: list[str] = field(default_factory=list)

    def run(self, statement: str) -> None:
        """Execute one or more statements; a transaction that is open stays open."""
        with self._telling():
            for one in sqlite_tables.statements(statement):
                self.connection.execute(one)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._telling():
            return list(self.connection.execute(query).fetchall())

    def changed(self, statement: str) -> int:
        """Execute a statement; return how many rows it has changed."""
        with self._telling():
            return max(0, self.connection.execute(statement).rowcount)

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Interrupt the block after ``seconds``."""
        with self.alarm.within(seconds):
            yield

    def begin(self) -> None:
        """Begin a transaction that writes: two writers wait for each other here, and nowhere else."""
        self.run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """End the transaction; its changes stay."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """End the transaction, if there is one; its changes go."""
        with suppress(sqlite3.Error):  # closed already, and with it what was not committed
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def save(self) -> None:
        """Mark a place in the transaction."""
        self.run("SAVEPOINT headrace_row")

    def restore(self) -> None:
        """Undo what came after ``save``."""
        self.run("ROLLBACK TO headrace_row")

    def release(self) -> None:
        """Forget the place."""
        self.run("RELEASE headrace_row")

    def table(self, schema: str, name: str) -> Table | None:
        """Return a table."""
        return sqlite_tables.table(self, schema, name)

    def load(self, table: str, fields: tuple[Field, ...], batch: Any) -> int:
        """Write rows one after the other; the one that fails is known."""
        columns = ", ".join(self.dialect.quoted(one.name) for one in fields)
        # SQLite keeps what it is given: a day gets no time of day where the column is one of days.
        places = ", ".join("date(?)" if one.native.strip().lower() == "date" else "?" for one in fields)
        taken = -1

        def counted() -> Iterator[tuple[Any, ...]]:
            nonlocal taken
            for row in zip(*plain_columns(batch, fields), strict=True):
                taken += 1
                yield row

        with self._telling(lambda: taken):
            self.connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", counted())
        return int(batch.nbytes)

    def type_of(self, field: Field) -> str | None:
        """Return the type of a new table's column."""
        return sqlite_tables.type_of(field)

    def ask(self, text: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Execute statements with named parameters; return the result of each that has one."""
        answers = []
        known = {one.name.lstrip("@:"): plain_value(one) for one in values}
        with self._telling():
            for one in sqlite_tables.statements(text):
                found = marked(one, frozenset(known), DIALECT.opaque, NAMED)
                cursor = self.connection.execute(found.text, {name: known[name] for name in found.names})
                answers.append(answer_of(cursor, most_rows))
        return answers, outputs_of(values)

    def call(self, procedure: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Refuse: SQLite has no procedures."""
        return self.ask(self.called(procedure, values), values, most_rows)

    def called(self, procedure: str, values: Sequence[Given]) -> str:
        """Refuse: SQLite has no procedures."""
        raise LinkError(
            Fault.PROCEDURE,
            f"SQLite has no procedures: {procedure!r} cannot be called, with or without parameters ({len(values)})",
        )

    def stream(self, text: str) -> Iterator[tuple[tuple[Field, ...], list[tuple[Any, ...]]]]:
        """Yield the rows of a query; its columns are texts, but for those whose first values are all numbers or bytes."""
        with self._telling():
            cursor = self.connection.execute(text)
            rows = cursor.fetchmany(_FETCHED)
            fields = sqlite_tables.fields_seen(cursor.description or (), rows)
            yield fields, rows
            while rows := cursor.fetchmany(_FETCHED):
                yield fields, rows

    def close(self) -> None:
        """Leave."""
        self.alarm.closed.set()
        self.connection.close()

    def interrupt(self) -> None:
        """Interrupt what runs, again and again until it is closed; returns at once."""
        self.alarm.stop()

    @contextmanager
    def _telling(self, row: Any = lambda: None) -> Iterator[None]:
        self.cancellation.check()
        try:
            yield
        except sqlite3.Error as error:
            self.cancellation.check()
            raise link_error(error, row()) from error
        except OverflowError as error:
            raise LinkError(Fault.VALUE, f"a number does not fit: {error}", row()) from error


def connect_sqlite(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> SqliteLink:
    """Open the file, or make it.

    Raises:
        Problem: ``INVALID`` (the URL), ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``.
    """
    connection = connect(info, limits, writes=True)
    # Synchronous stays FULL, and the journal what the file has: a commit is one when it returns, also for the power's failing.
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA foreign_keys = ON")
    return SqliteLink(connection, cancellation, Alarm(connection))
