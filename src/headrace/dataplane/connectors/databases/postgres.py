"""PostgreSQL through ADBC: connections that can only read, all in one snapshot, and can be interrupted."""

import difflib
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.delta import quoted, text_literal
from headrace.dataplane.connectors.databases.postgres_address import parse_url, problem_of
from headrace.dataplane.connectors.databases.postgres_types import table_name
from headrace.dataplane.limits import Limits

_BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes"
_RECANCEL_SECONDS = 0.25
_ERRORS = (adbc_driver_manager.Error, pa.ArrowException, OSError)


@dataclass(slots=True)
class Session:
    """One connection in one read-only transaction. Used by one thread; ``interrupt`` may come from another."""

    connection: Any
    info: ConnectionInfo
    cancellation: Cancellation
    limits: Limits
    closed: threading.Event = field(default_factory=threading.Event)
    running: Any = None

    def begin(self, snapshot: str | None) -> None:
        """Begin the transaction, on the rows of ``snapshot`` (of another session) or of its own."""
        self.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if snapshot is not None:
            self.run(f"SET TRANSACTION SNAPSHOT {text_literal(snapshot)}")
        timeout = round(self.limits.statement_timeout_seconds * 1000)
        for setting in (
            f"statement_timeout = {timeout}",
            "idle_in_transaction_session_timeout = 0",
            "timezone = 'UTC'",
            "datestyle = 'ISO, YMD'",
            "intervalstyle = 'iso_8601'",
            "standard_conforming_strings = on",
            "extra_float_digits = 1",
        ):
            self.run(f"SET LOCAL {setting}")

    def snapshot(self) -> str:
        """Return the name under which other sessions can read the same rows, as long as this one is open."""
        return str(self.rows("SELECT pg_export_snapshot() AS name")[0]["name"])

    def run(self, statement: str) -> None:
        """Execute a statement without a result."""
        with self._cursor() as cursor, self._told("the database"):
            cursor.execute(statement)

    def rows(self, query: str, where: str = "the database") -> list[dict[str, Any]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor, self._told(where):
            cursor.execute(query)
            rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
            return rows

    def describe(self, query: str, where: str) -> Any:
        """Return the Arrow schema of a query without executing it; its fields' metadata tell the PostgreSQL types.

        Raises:
            Problem: what is wrong with the query; ``INVALID`` when it is more than one statement.
        """
        with self._cursor() as cursor, self._told(where):
            return cursor.adbc_execute_schema(query)

    def batches(self, query: str, where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query, as they come."""
        with self._cursor() as cursor:
            with self._told(where):
                cursor.adbc_statement.set_options(**{_BATCH_BYTES: str(self.limits.batch_bytes)})
                cursor.execute(query)
                reader = cursor.fetch_record_batch()
            while True:
                with self._told(where):
                    batch = next(reader, None)
                if batch is None:
                    return
                yield batch

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        self.cancellation.check()
        with self.connection.cursor() as cursor:
            self.running = cursor
            try:
                yield cursor
            finally:
                self.running = None

    @contextmanager
    def _told(self, where: str) -> Iterator[None]:
        """Turn an error of the driver into a problem, or into the interruption that it is."""
        try:
            yield
        except _ERRORS as error:
            self.cancellation.check()
            raise problem_of(error, where, self.info) from error

    def interrupt(self) -> None:
        """Cancel what the server does for this session, again and again until it is closed; returns at once."""
        threading.Thread(target=self._interrupt, name="postgres-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self.closed.is_set():
            running = self.running
            if running is not None:
                with suppress(*_ERRORS):  # the statement or the connection has ended by itself
                    running.adbc_cancel()
            self.closed.wait(_RECANCEL_SECONDS)


@contextmanager
def connect(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[Session]:
    """Connect, begin a read-only transaction, and end both.

    Raises:
        Problem: ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_NOT_FOUND`` (the database), ``INVALID`` (the URL).
    """
    url = parse_url(info, limits)
    connection = _connected(lambda: adbc_driver_postgresql.dbapi.connect(url, autocommit=True), info, cancellation)
    session = Session(connection, info, cancellation, limits)
    forget = cancellation.on_stop(session.interrupt)
    try:
        session.begin(snapshot)
        yield session
    finally:
        forget()
        session.closed.set()
        with suppress(*_ERRORS):  # it is lost already
            connection.close()


def _connected(open_connection: Callable[[], Any], info: ConnectionInfo, cancellation: Cancellation) -> Any:
    """Connect in a thread of its own: a host that does not answer must not keep a cancellation waiting."""
    done, abandoned = threading.Event(), threading.Event()
    results: list[Any] = []

    def work() -> None:
        try:
            connection = open_connection()
        except _ERRORS as error:
            results.append(error)
        else:
            results.append(connection)
            if abandoned.is_set():
                connection.close()
        done.set()

    forget = cancellation.on_stop(done.set)
    threading.Thread(target=work, name="postgres-connect", daemon=True).start()
    done.wait()
    forget()
    if cancellation.problem is not None:
        abandoned.set()
        for result in results:
            if not isinstance(result, Exception):
                result.close()
    cancellation.check()
    if isinstance(results[0], Exception):
        raise problem_of(results[0], "cannot connect to the database", info) from results[0]
    return results[0]


def find_table(session: Session, text: str) -> str:
    """Return the quoted name of the table or view that ``text`` names.

    Raises:
        Problem: ``SOURCE_NOT_FOUND``, with similar names; ``INVALID``: it has not the form of a name.
    """
    name = table_name(text)
    if name is None:
        raise Problem(
            Code.INVALID, f'{text!r} is no table; write schema.table, with "…" around names that have a dot in them'
        )
    schema, table = name
    namespace = "= ANY (current_schemas(false))" if schema is None else f"= {text_literal(schema)}"
    found = session.rows(
        "SELECT n.nspname::text AS schema FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = {text_literal(table)} AND n.nspname {namespace} "
        "ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1"
    )
    if not found:
        raise Problem(Code.SOURCE_NOT_FOUND, f"there is no table {text!r} in the database{_similar(session, text)}")
    return f"{quoted(found[0]['schema'])}.{quoted(table)}"


def _similar(session: Session, text: str) -> str:
    known = session.rows(
        "SELECT n.nspname || '.' || c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') "
        "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1 LIMIT 10000"
    )
    full = text if "." in text else f"public.{text}"
    by_lower = {str(row["name"]).lower(): str(row["name"]) for row in known}
    matches = difflib.get_close_matches(full.lower(), list(by_lower), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(by_lower[match]) for match in matches)}?" if matches else ""
