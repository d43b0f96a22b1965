"""SQL Server through mssql-python. Written by its driver's and its server's documentation: no server could be had to run it against.

Rows go in by arrays of parameters, in the transaction of their mark; the driver's bulk copy has a connection, and so a transaction, of its own.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.connecting import in_thread, without_secrets
from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.connectors.databases.drivers import require
from headrace.dataplane.connectors.databases.sqlserver import DIALECT, connection_string
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.links import sqlserver_tables, transact
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError, Table
from headrace.dataplane.transfer.databases.links.plain import answer_of, bound_columns, kind_of
from headrace.dataplane.transfer.values import Field

try:
    import mssql_python as driver
except ImportError:  # said when it is used
    driver = None  # type: ignore[assignment]  # None stands for a driver that is not there

_FETCHED = 5_000
_RECANCEL_SECONDS = 0.25
_PHRASES: tuple[tuple[str, Fault], ...] = (
    (r"Violation of (?:PRIMARY|UNIQUE) KEY|Cannot insert duplicate key", Fault.DUPLICATE),
    (r"conflicted with the|Cannot insert the value NULL", Fault.CONSTRAINT),
    (r"would be truncated", Fault.TOO_LONG),
    (
        r"[Cc]onversion failed|Arithmetic overflow|Error converting|out.of.range|[Ii]nvalid character value|Divide by zero",
        Fault.VALUE,
    ),
    (r"Invalid object name", Fault.TABLE),
    (r"Invalid column name|cannot be modified because it is", Fault.COLUMN),
    (r"Could not find stored procedure|is not a parameter for procedure|expects parameter", Fault.PROCEDURE),
    (r"Login failed|permission was denied|not able to access the database", Fault.DENIED),
    (
        r"Login timeout expired|TCP Provider|SSL Provider|network-related|[Cc]ommunication link failure|Cannot open database",
        Fault.AWAY,
    ),
    (r"deadlock|is being recovered", Fault.AWAY),
    (r"[Tt]imeout expired|Operation canceled", Fault.TIMEOUT),
    (r"Incorrect syntax", Fault.SYNTAX),
)


def link_error(error: Exception, info: ConnectionInfo) -> LinkError:
    """Return what an error of the driver means."""
    text = " ".join(without_secrets(str(error), info).split())
    text = re.sub(r"^Driver Error: [^;]*; DDBC Error: |\[Microsoft\]|\[ODBC Driver[^\]]*\]|\[SQL Server\]", "", text)[
        :500
    ]
    fault = next((fault for phrase, fault in _PHRASES if re.search(phrase, text)), Fault.OTHER)
    return LinkError(fault, text)


@dataclass(slots=True)
class SqlserverLink:
    """See ``link.Link``."""

    connection: Any
    info: ConnectionInfo
    cancellation: Cancellation
    dialect: Dialect = DIALECT
    takes_back_definitions: bool = True
    rows_at_once: int = 10_000
    messages: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    running: Any = None
    counting: dict[str, str] = field(default_factory=dict)

    def run(self, statement: str) -> None:
        """Execute a batch of statements."""
        with self._cursor() as cursor:
            cursor.execute(statement)
            while cursor.nextset():
                pass

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def changed(self, statement: str) -> int:
        """Execute a statement; return how many rows it has changed."""
        with self._cursor() as cursor:
            cursor.execute(statement)
            return max(0, int(cursor.rowcount))

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Let no statement of the block take longer than ``seconds``, in whole ones."""
        before = self.connection.timeout
        if seconds is not None:
            self.connection.timeout = max(1, round(seconds))
        try:
            yield
        finally:
            self.connection.timeout = before

    def begin(self) -> None:
        """Begin a transaction."""
        with self._telling():
            self.connection.setautocommit(False)

    def commit(self) -> None:
        """End the transaction; its changes stay."""
        with self._telling():
            self.connection.commit()
            self.connection.setautocommit(True)

    def rollback(self) -> None:
        """End the transaction; its changes go."""
        with suppress(driver.Error, RuntimeError):  # lost already, and with it what was not committed
            self.connection.rollback()
            self.connection.setautocommit(True)

    def save(self) -> None:
        """Mark a place in the transaction."""
        self.run("SAVE TRANSACTION headrace_row")

    def restore(self) -> None:
        """Undo what came after ``save``."""
        self.run("ROLLBACK TRANSACTION headrace_row")

    def release(self) -> None:
        """Do nothing: the next place takes the name over."""

    def table(self, schema: str, name: str) -> Table | None:
        """Return a table."""
        return sqlserver_tables.table(self, schema, name)

    def load(self, table: str, fields: tuple[Field, ...], batch: Any) -> int:
        """Write rows as arrays of parameters."""
        if table not in self.counting:
            self.counting[table] = sqlserver_tables.identity_column(self, table)
        is_counted = self.counting[table] in {one.name for one in fields}
        columns = ", ".join(self.dialect.quoted(one.name) for one in fields)
        rows = list(zip(*bound_columns(batch, fields), strict=True))
        if not rows:
            return 0
        if is_counted:
            self.run(f"SET IDENTITY_INSERT {table} ON")
        with self._cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(fields))})", rows)
        if is_counted:
            self.run(f"SET IDENTITY_INSERT {table} OFF")
        return int(batch.nbytes)

    def type_of(self, field: Field) -> str | None:
        """Return the type of a new table's column."""
        return sqlserver_tables.type_of(field)

    def ask(self, text: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Execute a batch in which the parameters are variables."""
        return self._answered(transact.with_variables(text, values), values, most_rows)

    def called(self, procedure: str, values: Sequence[Given]) -> str:
        """Return the batch that calls a procedure with its parameters by name; outputs are not asked for."""
        return transact.called(procedure, values, outputs=False)

    def call(self, procedure: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Call a procedure with its parameters by name."""
        return self._answered(transact.called(procedure, values, outputs=True), values, most_rows)

    def _answered(self, text: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        outputs = [one.name for one in values if one.output]
        answers: list[Answer] = []
        with self._cursor() as cursor:
            cursor.execute(text)
            while True:
                answers.append(answer_of(cursor, max(1, most_rows)))
                self.messages += [str(message) for _, message in cursor.messages or ()]
                if not cursor.nextset():
                    break
        told = [one for one in answers if one.fields or one.affected]
        if not outputs:
            return told, {}
        last = told.pop() if told and told[-1].rows else Answer(rows=((None,) * len(outputs),))
        return told, dict(zip(outputs, last.rows[0], strict=True))

    def stream(self, text: str) -> Iterator[tuple[tuple[Field, ...], list[tuple[Any, ...]]]]:
        """Yield the rows of the first result of a batch that has any."""
        with self._cursor() as cursor:
            cursor.execute(text)
            while cursor.description is None and cursor.nextset():
                pass
            if cursor.description is None:
                return
            rows = [tuple(row) for row in cursor.fetchmany(_FETCHED)]
            fields = transact.fields_of(cursor.description)
            seen = zip(*rows, strict=True) if rows else [()] * len(fields)
            # An instant with an offset is described as any other.
            fields = tuple(
                replace(one, type=kind_of(values)) if one.type.value == "datetime" and any(values) else one
                for one, values in zip(fields, seen, strict=True)
            )
            yield fields, rows
            while rows:
                rows = [tuple(row) for row in cursor.fetchmany(_FETCHED)]
                if rows:
                    yield fields, rows

    def close(self) -> None:
        """Leave."""
        self.closed.set()
        _close(self.connection)

    def interrupt(self) -> None:
        """Cancel what the server does for this connection, again and again until it is closed; returns at once."""
        threading.Thread(target=self._interrupt, name="database-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self.closed.is_set():
            running = self.running
            if running is not None:
                with suppress(driver.Error, RuntimeError, AttributeError):  # the statement has ended by itself
                    running.hstmt._cancel()  # noqa: SLF001 — the driver's own way of stopping a statement from another thread
            self.closed.wait(_RECANCEL_SECONDS)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with self._telling():
            cursor = self.connection.cursor()
            self.running = cursor
            try:
                yield cursor
            finally:
                self.running = None
                with suppress(driver.Error, RuntimeError):  # it is lost already
                    cursor.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        self.cancellation.check()
        try:
            yield
        except (driver.Error, RuntimeError, OSError) as error:
            self.cancellation.check()
            raise link_error(error, self.info) from error


def connect_sqlserver(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> SqlserverLink:
    """Connect; what is executed is committed at once until a transaction is begun.

    Raises:
        LinkError: ``AWAY``, ``DENIED``.
        Problem: ``INVALID`` (the address), ``UNSUPPORTED`` (no driver).
    """
    text = connection_string(info).replace("ApplicationIntent={ReadOnly}", "ApplicationIntent={ReadWrite}")
    require(driver, "SQL Server", "sqlserver")
    driver.pooling(enabled=False)  # a connection that was used has settings of its own
    patience = max(1, round(limits.connect_timeout_seconds))
    try:
        connection = in_thread(
            lambda: driver.connect(text, autocommit=True, timeout=patience, native_uuid=False),
            _close,
            cancellation,
            2.0 * patience,
        )
    except (driver.Error, RuntimeError, OSError) as error:
        failed = link_error(error, info)
        fault = Fault.DENIED if failed.fault is Fault.DENIED else Fault.AWAY
        raise LinkError(fault, f"cannot connect to the database: {failed.message}") from error
    connection.timeout = max(1, round(limits.statement_timeout_seconds))
    return SqlserverLink(connection, info, cancellation)


def _close(connection: Any) -> None:
    with suppress(driver.Error, RuntimeError, OSError):  # it is lost already
        connection.close()
