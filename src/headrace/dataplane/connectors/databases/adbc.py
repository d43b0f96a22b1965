"""Connections through ADBC, whose drivers hand over Arrow batches and can be interrupted: PostgreSQL, Snowflake, BigQuery."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import adbc_driver_manager
import pyarrow as pa

from headrace.core.errors import Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.databases.connecting import in_thread
from headrace.dataplane.connectors.databases.dialect import Column
from headrace.dataplane.connectors.databases.fitting import fitted

_RECANCEL_SECONDS = 0.25
ERRORS = (adbc_driver_manager.Error, pa.ArrowException, OSError)

Told = Callable[[Exception, str], Problem]
"""Turns an error of the driver into a problem; the text names what was read."""


@dataclass(slots=True)
class AdbcConnection:
    """One connection. Used by one thread; ``interrupt`` may come from another. ``options`` go to statements that read many rows."""

    connection: Any
    told: Told
    cancellation: Cancellation
    options: Mapping[str, str | int] = field(default_factory=dict)
    closed: threading.Event = field(default_factory=threading.Event)
    running: Any = None

    def run(self, statement: str) -> None:
        """Execute a statement without a result."""
        with self._cursor() as cursor, self._telling("the database"):
            cursor.execute(statement)

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor, self._telling(where):
            cursor.execute(query)
            columns = [column.to_pylist() for column in cursor.fetch_arrow_table().columns]
            return list(zip(*columns, strict=True))

    def schema(self, query: str, where: str) -> Any:
        """Return the Arrow schema of a query without executing it.

        Raises:
            Problem: what is wrong with the query; ``INVALID`` when it is more than one statement.
        """
        with self._cursor() as cursor, self._telling(where):
            return cursor.adbc_execute_schema(query)

    def described(self, query: str, where: str) -> Any:
        """Return the Arrow schema of a query that gives no rows, by executing it: for drivers that describe nothing by themselves."""
        with self._cursor() as cursor, self._telling(where):
            cursor.execute(query)
            return cursor.fetch_arrow_table().schema

    def listed(self) -> list[tuple[str, str]]:
        """Return schema and name of every table and view that the driver lists."""
        with self._telling("the tables"):
            self.cancellation.check()
            catalogs = self.connection.adbc_get_objects(depth="tables").read_all().to_pylist()
        return [
            (str(schema["db_schema_name"]), str(table["table_name"]))
            for catalog in catalogs
            for schema in catalog["catalog_db_schemas"] or ()
            for table in schema["db_schema_tables"] or ()
        ]

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``, as they come; one that is left before its end is cancelled.

        Raises:
            UnfitError: a value does not fit its column's type.
        """
        with closing(self.raw(query, where)) as found:
            for arrays in found:
                yield fitted(arrays, columns)

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query as the driver hands them over; one that is left before its end is cancelled."""
        with self._cursor() as cursor:
            with self._telling(where):
                if self.options:
                    cursor.adbc_statement.set_options(**self.options)
                cursor.execute(query)
                reader = cursor.fetch_record_batch()
            ended = False
            try:
                while not ended:
                    with self._telling(where):
                        batch = next(reader, None)
                    ended = batch is None
                    if batch is not None:
                        yield list(batch.columns)
            finally:
                if not ended:
                    with suppress(*ERRORS):  # it has ended by itself
                        cursor.adbc_cancel()

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
    def _telling(self, where: str) -> Iterator[None]:
        """Turn an error of the driver into a problem, or into the interruption that it is."""
        try:
            yield
        except ERRORS as error:
            self.cancellation.check()
            raise self.told(error, where) from error

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cancel what runs after ``seconds``: for drivers that try forever to reach a server."""
        timer = threading.Timer(seconds, self._cancel)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def interrupt(self) -> None:
        """Cancel what the server does for this connection, again and again until it is closed; returns at once."""
        threading.Thread(target=self._interrupt, name="database-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self.closed.is_set():
            self._cancel()
            self.closed.wait(_RECANCEL_SECONDS)

    def _cancel(self) -> None:
        running = self.running
        if running is not None:
            with suppress(*ERRORS):  # the statement or the connection has ended by itself
                running.adbc_cancel()


@contextmanager
def adbc(
    open_connection: Callable[[], Any],
    told: Told,
    cancellation: Cancellation,
    options: Mapping[str, str | int] | None = None,
    patience: float | None = None,
) -> Iterator[AdbcConnection]:
    """Connect, and close at the end; interrupt what runs when ``cancellation`` asks for it.

    Raises:
        Problem: why there is no connection, as ``told`` says, or within ``patience`` seconds.
    """
    try:
        connection = in_thread(open_connection, _close, cancellation, patience)
    except ERRORS as error:
        raise told(error, "cannot connect to the database") from error
    opened = AdbcConnection(connection, told, cancellation, options or {})
    forget = cancellation.on_stop(opened.interrupt)
    try:
        yield opened
    finally:
        forget()
        opened.closed.set()
        _close(connection)


def _close(connection: Any) -> None:
    with suppress(*ERRORS):  # it is lost already
        connection.close()
