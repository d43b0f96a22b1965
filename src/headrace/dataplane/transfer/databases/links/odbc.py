"""Whatever database an ODBC driver reaches: rows go in one statement after the other, with their values as parameters.

Drivers that take arrays of parameters would be faster, and some of those that say they do break the process; only Microsoft's is trusted with it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.connectors.databases.odbc import Running, close, column_of, connect, dialect_of, said_by
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.columns import field_of as field_of_column
from headrace.dataplane.transfer.databases.links import (
    mysql_tables,
    odbc_tables,
    postgres_tables,
    sqlite_tables,
    sqlserver_tables,
)
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError, Table
from headrace.dataplane.transfer.databases.links.named import QUESTION, marked
from headrace.dataplane.transfer.databases.links.plain import (
    answer_of,
    bound_columns,
    outputs_of,
    plain_columns,
    plain_value,
    procedure_parts,
)
from headrace.dataplane.transfer.values import Field

try:
    import pyodbc  # type: ignore[import-not-found]  # a compiled module without types
except ImportError:  # said when it is used
    pyodbc = None

_FETCHED = 5_000
_FAST = re.compile(r"msodbcsql", re.IGNORECASE)
_STATES: tuple[tuple[str, Fault], ...] = (
    ("23505", Fault.DUPLICATE),
    ("23", Fault.CONSTRAINT),
    ("22001", Fault.TOO_LONG),
    ("22", Fault.VALUE),
    ("HYC00", Fault.OTHER),
    ("42S02", Fault.TABLE),
    ("42P01", Fault.TABLE),
    ("42S22", Fault.COLUMN),
    ("42703", Fault.COLUMN),
    ("42501", Fault.DENIED),
    ("28", Fault.DENIED),
    ("42", Fault.SYNTAX),
    ("HYT", Fault.TIMEOUT),
    ("HY008", Fault.TIMEOUT),
    ("57014", Fault.TIMEOUT),
    ("08", Fault.AWAY),
    ("40", Fault.AWAY),
    ("IM", Fault.AWAY),
    ("01000", Fault.AWAY),
)
_PHRASES: tuple[tuple[str, Fault], ...] = (
    (r"UNIQUE constraint|[Dd]uplicate (key|entry)|PRIMARY KEY constraint", Fault.DUPLICATE),
    (r"datatype mismatch", Fault.VALUE),
    (r"constraint failed", Fault.CONSTRAINT),
    (r"no such table", Fault.TABLE),
    (r"no such column|has no column", Fault.COLUMN),
    (r"syntax error", Fault.SYNTAX),
)
_TABLES = {
    "PostgreSQL": (postgres_tables.table, postgres_tables.type_of),
    "SQLite": (sqlite_tables.table, sqlite_tables.type_of),
    "MySQL": (mysql_tables.table, mysql_tables.type_of),
    "SQL Server": (sqlserver_tables.table, sqlserver_tables.type_of),
}


def link_error(error: Exception, info: ConnectionInfo, row: int | None = None) -> LinkError:
    """Return what an error of a driver means."""
    state, text = said_by(error, info)
    by_phrase = next((fault for phrase, fault in _PHRASES if re.search(phrase, text)), None)
    by_state = next((fault for start, fault in _STATES if state.startswith(start)), None)
    fault = by_phrase if by_phrase and by_state in (None, Fault.CONSTRAINT) else by_state or by_phrase or Fault.OTHER
    return LinkError(fault, text, row)


@dataclass(slots=True)
class OdbcLink:
    """See ``link.Link``."""

    connection: Any
    info: ConnectionInfo
    cancellation: Cancellation
    dialect: Dialect
    is_fast: bool = False
    takes_back_definitions: bool = False
    rows_at_once: int = 10_000
    messages: list[str] = field(default_factory=list)
    running: Running = field(default_factory=Running)

    def run(self, statement: str) -> None:
        """Execute one or more statements, as far as the driver takes several."""
        for one in self._statements(statement):
            with self._cursor() as cursor:
                cursor.execute(one)
                while cursor.nextset():
                    pass

    def _statements(self, text: str) -> list[str]:
        return list(sqlite_tables.statements(text)) if self.dialect.name == "SQLite" else [text]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor:
            return [tuple(row) for row in cursor.execute(query).fetchall()]

    def changed(self, statement: str) -> int:
        """Execute a statement; return how many rows it has changed."""
        with self._cursor() as cursor:
            return max(0, int(cursor.execute(statement).rowcount))

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Stop what takes longer than ``seconds``, as far as the driver can."""
        with self.running.within(seconds):
            yield

    def begin(self) -> None:
        """Begin a transaction."""
        with self._telling():
            self.connection.autocommit = False

    def commit(self) -> None:
        """End the transaction; its changes stay."""
        with self._telling():
            self.connection.commit()
            self.connection.autocommit = True

    def rollback(self) -> None:
        """End the transaction; its changes go."""
        with suppress(pyodbc.Error):  # lost already, and with it what was not committed
            self.connection.rollback()
            self.connection.autocommit = True

    def save(self) -> None:
        """Mark a place in the transaction."""
        self.run("SAVE TRANSACTION headrace_row" if self.dialect.name == "SQL Server" else "SAVEPOINT headrace_row")

    def restore(self) -> None:
        """Undo what came after ``save``."""
        self.run(
            "ROLLBACK TRANSACTION headrace_row"
            if self.dialect.name == "SQL Server"
            else "ROLLBACK TO SAVEPOINT headrace_row"
        )

    def release(self) -> None:
        """Forget the place."""
        if self.dialect.name != "SQL Server":
            self.run("RELEASE SAVEPOINT headrace_row")

    def table(self, schema: str, name: str) -> Table | None:
        """Return a table."""
        known = _TABLES.get(self.dialect.name)
        if known is not None:
            return known[0](self, schema, name)
        with self._cursor() as cursor:
            return odbc_tables.table(cursor, self.dialect, schema, name)

    def load(self, table: str, fields: tuple[Field, ...], batch: Any) -> int:
        """Write rows with a statement for each."""
        columns = ", ".join(self.dialect.quoted(one.name) for one in fields)
        places = ", ".join("?" * len(fields))
        values = plain_columns(batch, fields) if self.dialect.name == "SQLite" else bound_columns(batch, fields)
        taken = -1

        def counted() -> Iterator[tuple[Any, ...]]:
            nonlocal taken
            for row in zip(*values, strict=True):
                taken += 1
                yield row

        with self._cursor(lambda: None if self.is_fast else taken) as cursor:
            cursor.fast_executemany = self.is_fast
            cursor.executemany(
                f"INSERT INTO {table} ({columns}) VALUES ({places})", list(counted()) if self.is_fast else counted()
            )
        return int(batch.nbytes)

    def type_of(self, field: Field) -> str | None:
        """Return the type of a new table's column."""
        known = _TABLES.get(self.dialect.name)
        return odbc_tables.type_of(field) if known is None else known[1](field)

    def ask(self, text: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Execute statements with named parameters."""
        answers = []
        known = {one.name.lstrip("@:"): one for one in values}
        for one in self._statements(text):
            found = marked(one, frozenset(known), self.dialect.opaque, QUESTION)
            with self._cursor() as cursor:
                cursor.execute(found.text, *(self._parameter(known[name]) for name in found.names))
                answers += self._answers(cursor, most_rows)
        return answers, outputs_of(values)

    def _answers(self, cursor: Any, most_rows: int) -> list[Answer]:
        answers = [answer_of(cursor, most_rows)]
        while cursor.nextset():
            answers.append(answer_of(cursor, most_rows))
        self.messages += [str(message) for _, message in cursor.messages or ()]
        return answers

    def _parameter(self, given: Given) -> Any:
        if self.dialect.name == "SQLite":
            return plain_value(given)
        return str(given.value) if isinstance(given.value, UUID) else given.value

    def called(self, procedure: str, values: Sequence[Given]) -> str:
        """Return ODBC's form of a call, with literals for the parameters, in their order."""
        name = ".".join(self.dialect.quoted(part) for part in procedure_parts(self.dialect, procedure) if part)
        return f"{{CALL {name}({', '.join(self._literal(one.value) for one in values)})}}"

    def _literal(self, value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return self.dialect.true if value else self.dialect.false
        if isinstance(value, int | float | Decimal):
            return str(value)
        return self.dialect.literal(value.hex() if isinstance(value, bytes) else str(value))

    def call(self, procedure: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Call a procedure; its outputs are not told: what drivers make of them differs too much."""
        with self._cursor() as cursor:
            cursor.execute(self.called(procedure, values))
            return self._answers(cursor, most_rows), outputs_of(values)

    def stream(self, text: str) -> Iterator[tuple[tuple[Field, ...], list[tuple[Any, ...]]]]:
        """Yield the rows of a statement."""
        with self._cursor() as cursor:
            cursor.execute(text)
            fields = tuple(field_of_column(column_of(one, self.dialect)) for one in cursor.description or ())
            rows = cursor.fetchmany(_FETCHED) if fields else []
            yield fields, rows
            while rows and (rows := cursor.fetchmany(_FETCHED)):
                yield fields, rows

    def close(self) -> None:
        """Leave."""
        self.running.closed.set()
        close(self.connection)

    def interrupt(self) -> None:
        """Stop what runs, again and again until it is closed; returns at once."""
        self.running.stop()

    @contextmanager
    def _cursor(self, row: Callable[[], int | None] = lambda: None) -> Iterator[Any]:
        with self._telling(row):
            cursor = self.connection.cursor()
            self.running.cursor = cursor
            try:
                yield cursor
            finally:
                self.running.cursor = None
                with suppress(pyodbc.Error):  # it is lost already
                    cursor.close()

    @contextmanager
    def _telling(self, row: Callable[[], int | None] = lambda: None) -> Iterator[None]:
        self.cancellation.check()
        try:
            yield
        except pyodbc.Error as error:
            self.cancellation.check()
            if self.running.late:
                raise LinkError(Fault.TIMEOUT, "it has taken too long") from error
            raise link_error(error, self.info, row()) from error


def connect_odbc(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> OdbcLink:
    """Connect; what is executed is committed at once until a transaction is begun.

    Raises:
        LinkError: ``AWAY``, ``DENIED``.
        Problem: ``INVALID``: there is no connection string.
    """
    try:
        connection = connect(info, limits, cancellation)
    except pyodbc.Error as error:
        failed = link_error(error, info)
        fault = Fault.DENIED if failed.fault is Fault.DENIED else Fault.AWAY
        raise LinkError(fault, f"cannot connect to the database: {failed.message}") from error
    is_fast = bool(_FAST.search(str(connection.getinfo(pyodbc.SQL_DRIVER_NAME))))
    return OdbcLink(connection, info, cancellation, dialect_of(connection), is_fast)
