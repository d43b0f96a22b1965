"""PostgreSQL through psycopg: rows go in by COPY, as text that the server makes values of."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.connecting import in_thread, without_secrets
from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.connectors.databases.postgres import DIALECT
from headrace.dataplane.connectors.databases.postgres_address import parse_url
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.links import postgres_asking, postgres_tables
from headrace.dataplane.transfer.databases.links.comma_text import comma_text
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError, Table
from headrace.dataplane.transfer.values import Field

_RECANCEL_SECONDS = 0.25
_SENT_BYTES = 256 * 1024
"""COPY's messages are of this size: larger ones would be held in memory twice."""
_TEXT_ROWS = 2048
"""Rows that are made text of at once: the server reads those of before meanwhile."""
_FAULTS: tuple[tuple[str, Fault], ...] = (
    ("23505", Fault.DUPLICATE),
    ("23P01", Fault.DUPLICATE),
    ("23", Fault.CONSTRAINT),
    ("22001", Fault.TOO_LONG),
    ("22P04", Fault.OTHER),
    ("22", Fault.VALUE),
    ("42P01", Fault.TABLE),
    ("3F", Fault.TABLE),
    ("42703", Fault.COLUMN),
    ("428C9", Fault.COLUMN),
    ("42883", Fault.PROCEDURE),
    ("42809", Fault.PROCEDURE),
    ("42501", Fault.DENIED),
    ("28", Fault.DENIED),
    ("25006", Fault.DENIED),
    ("42", Fault.SYNTAX),
    ("57014", Fault.TIMEOUT),
    ("3D", Fault.AWAY),
    ("08", Fault.AWAY),
    ("40", Fault.AWAY),
    ("53", Fault.AWAY),
    ("55", Fault.AWAY),
    ("57", Fault.AWAY),
    ("58", Fault.AWAY),
    ("XX", Fault.AWAY),
)
_LINE = re.compile(r"^COPY .*, line (\d+)(?:, column ([^:\n]+))?", re.MULTILINE)


def link_error(error: psycopg.Error, info: ConnectionInfo) -> LinkError:
    """Return what an error of the driver means."""
    state = error.sqlstate or ""
    fault = next((fault for start, fault in _FAULTS if state.startswith(start)), Fault.OTHER if state else Fault.AWAY)
    diag = error.diag
    parts = [diag.message_primary or str(error), diag.message_detail]
    message = without_secrets(" ".join(filter(None, parts)), info).replace("\n", " ").strip()[:500]
    place = _LINE.search(diag.context or "")
    row = None if place is None else int(place[1]) - 1
    column = (place[2] if place and place[2] else diag.column_name) or ""
    return LinkError(fault, message, row, column)


@dataclass(slots=True)
class PostgresLink:
    """See ``link.Link``."""

    connection: psycopg.Connection[Any]
    info: ConnectionInfo
    cancellation: Cancellation
    dialect: Dialect = DIALECT
    takes_back_definitions: bool = True
    rows_at_once: int = 100_000
    messages: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    running: bool = False

    def run(self, statement: str) -> None:
        """Execute one or more statements."""
        with self._cursor() as cursor:
            cursor.execute(statement.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor:
            return cursor.execute(query.encode()).fetchall()

    def changed(self, statement: str) -> int:
        """Execute a statement; return how many rows it has changed."""
        with self._cursor() as cursor:
            return max(0, cursor.execute(statement.encode()).rowcount)

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Let no statement of the block take longer than ``seconds``."""
        if seconds is None:
            yield
            return
        self.run(f"SET statement_timeout = {max(1, round(seconds * 1000))}")
        try:
            yield
        finally:
            with suppress(LinkError):  # in a failed transaction; its end takes the setting back
                self.run("SET statement_timeout = 0")

    def begin(self) -> None:
        """Begin a transaction."""
        self.run("BEGIN")

    def commit(self) -> None:
        """End the transaction; its changes stay."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """End the transaction, if there is one; its changes go."""
        with suppress(psycopg.Error):  # lost already, and with it what was not committed
            if (
                not self.connection.closed
                and self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
            ):
                self.connection.execute("ROLLBACK")

    def save(self) -> None:
        """Mark a place in the transaction."""
        self.run("SAVEPOINT headrace_row")

    def restore(self) -> None:
        """Undo what came after ``save``."""
        self.run("ROLLBACK TO SAVEPOINT headrace_row")

    def release(self) -> None:
        """Forget the place."""
        self.run("RELEASE SAVEPOINT headrace_row")

    def table(self, schema: str, name: str) -> Table | None:
        """Return a table."""
        return postgres_tables.table(self, schema, name)

    def load(self, table: str, fields: tuple[Field, ...], batch: Any) -> int:
        """Write rows with COPY."""
        columns = ", ".join(self.dialect.quoted(one.name) for one in fields)
        sent = 0
        with (
            self._cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)".encode()) as copy,
        ):
            for start in range(0, batch.num_rows, _TEXT_ROWS):
                text = memoryview(comma_text(batch.slice(start, _TEXT_ROWS), fields))
                for at in range(0, len(text), _SENT_BYTES):
                    self.cancellation.check()
                    copy.write(text[at : at + _SENT_BYTES])
                sent += len(text)
        return sent

    def type_of(self, field: Field) -> str | None:
        """Return the type of a new table's column."""
        return postgres_tables.type_of(field)

    def ask(self, text: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Execute a statement with named parameters."""
        with self._cursor() as cursor:
            return postgres_asking.ask(cursor.connection, text, values, most_rows)

    def call(self, procedure: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Call a procedure, or a function that is no procedure."""
        with self._cursor() as cursor:
            return postgres_asking.call(cursor.connection, procedure, values, most_rows)

    def called(self, procedure: str, values: Sequence[Given]) -> str:
        """Return the statement that calls a procedure or a function."""
        with self._cursor() as cursor:
            return postgres_asking.called(cursor.connection, procedure, values)[0]

    def stream(self, text: str) -> Iterator[tuple[tuple[Field, ...], list[tuple[Any, ...]]]]:
        """Yield the rows of a statement."""
        with self._cursor() as cursor:
            yield from postgres_asking.stream(cursor.connection, text)

    def close(self) -> None:
        """Leave."""
        self.closed.set()
        _close(self.connection)

    def interrupt(self) -> None:
        """Cancel what the server does for this connection, again and again until it is closed; returns at once."""
        threading.Thread(target=self._interrupt, name="database-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self.closed.is_set():
            if self.running:
                with suppress(psycopg.Error):  # it has ended by itself
                    self.connection.cancel_safe(timeout=_RECANCEL_SECONDS)
            self.closed.wait(_RECANCEL_SECONDS)

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.Cursor[Any]]:
        self.cancellation.check()
        try:
            with self.connection.cursor() as cursor:
                self.running = True
                yield cursor
        except psycopg.Error as error:
            self.cancellation.check()
            raise link_error(error, self.info) from error
        finally:
            self.running = False


def connect_postgres(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> PostgresLink:
    """Connect; what is executed is committed at once until a transaction is begun.

    Raises:
        LinkError: ``AWAY``, ``DENIED``.
        Problem: ``INVALID``: the URL.
    """
    url = parse_url(info, limits)
    try:
        connection = in_thread(
            lambda: psycopg.connect(url, autocommit=True, prepare_threshold=None), _close, cancellation
        )
    except psycopg.OperationalError as error:
        raise _no_connection(error, info) from error
    link = PostgresLink(connection, info, cancellation)
    connection.add_notice_handler(lambda notice: link.messages.append(notice.message_primary or ""))
    for setting in (
        "client_encoding = 'UTF8'",
        "timezone = 'UTC'",
        "datestyle = 'ISO, YMD'",
        "standard_conforming_strings = on",
    ):
        link.run(f"SET {setting}")
    return link


def _no_connection(error: psycopg.Error, info: ConnectionInfo) -> LinkError:
    text = without_secrets(str(error), info).replace("\n", " ").strip()[:300]
    denied = re.search(
        r"authentication failed|no password supplied|role .* does not exist|pg_hba|permission denied", text
    )
    return LinkError(Fault.DENIED if denied else Fault.AWAY, f"cannot connect to the database: {text}")


def _close(connection: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.Error, OSError):  # it is lost already
        connection.close()
