"""Whatever database an ODBC driver of this machine reaches; how its SQL is written is seen from what the driver calls it.

Drivers run in this process: one that is broken breaks it. So nothing is asked of them that only some can do.
"""

import re
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as daytime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases import mysql, postgres, sqlite, sqlserver
from headrace.dataplane.connectors.databases.connecting import in_thread
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family, doubled
from headrace.dataplane.connectors.databases.drivers import require
from headrace.dataplane.connectors.databases.fitting import decimal_of, fitted, shape_of
from headrace.dataplane.limits import Limits

try:
    import pyodbc  # type: ignore[import-not-found]  # a compiled module without types
except ImportError:  # said when it is used
    pyodbc = None

_BATCH_ROWS = 5_000
_RECANCEL_SECONDS = 0.25
_SHORT, _INTEGER = 5, 10
"""Most digits of numbers of 16 and of 32 bits."""
_PASSWORD = re.compile(r"(?:pwd|password)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*)", re.IGNORECASE)
_DATA_SOURCE = re.compile(r"(?:^|;)\s*dsn\s*=", re.IGNORECASE)
_OPENING = ("sqlite", "duckdb")
"""Databases whose statements open files of this machine, and load libraries."""
_NAMED: tuple[tuple[str, Dialect], ...] = (
    ("postgresql", postgres.DIALECT),
    ("sqlite", sqlite.DIALECT),
    ("mysql", mysql.DIALECT),
    ("mariadb", mysql.DIALECT),
    ("sql server", sqlserver.DIALECT),
)
_STATES: tuple[tuple[str, Code], ...] = (
    ("28", Code.SOURCE_UNAUTHENTICATED),
    ("42501", Code.SOURCE_DENIED),
    ("42S02", Code.SOURCE_NOT_FOUND),
    ("42P01", Code.SOURCE_NOT_FOUND),
    ("42S22", Code.UNKNOWN_COLUMN),
    ("42703", Code.UNKNOWN_COLUMN),
    ("HYT", Code.SOURCE_TIMEOUT),
    ("HY008", Code.SOURCE_TIMEOUT),
    ("57014", Code.SOURCE_TIMEOUT),
    ("08", Code.SOURCE_UNAVAILABLE),
    ("40", Code.SOURCE_UNAVAILABLE),
    ("IM", Code.UNSUPPORTED),
    ("01000", Code.UNSUPPORTED),
)


def connection_string(info: ConnectionInfo) -> str:
    """Return the connection string, which whoever made the connection has checked.

    Raises:
        Problem: ``INVALID``: there is none.
    """
    text = info.options.get("connection_string", "")
    if not text:
        error = FieldError("options.connection_string", "is missing", "Driver={PostgreSQL Unicode};Server=…;Database=…")
        raise Problem.of_fields(Code.INVALID, "the connection", (error,))
    return text


def said_by(error: Exception, info: ConnectionInfo) -> tuple[str, str]:
    """Return the state of an error (``23000``), and what it says, without the password."""
    state = str(error.args[0]) if error.args else ""
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    for secret in _PASSWORD.findall(info.options.get("connection_string", "")):
        for form in {secret, secret.strip("{}")} - {""}:
            text = text.replace(form, "***")
    text = re.sub(r"^\[\w+\]\s*|;\s*Error while executing the query|(?:\s*\(-?\d+\))*\s*\(SQL\w+\)$", "", text)
    return state, " ".join(text.split())[:500]


def problem_of(error: Exception, where: str, info: ConnectionInfo) -> Problem:
    """Return what an error of a driver means to the caller."""
    state, text = said_by(error, info)
    code = next((code for start, code in _STATES if state.startswith(start)), Code.INVALID)
    if re.search(r"no such table", text):
        code = Code.SOURCE_NOT_FOUND
    return Problem(code, f"{where}: {text}")


def dialect_of(connection: Any) -> Dialect:
    """Return how the database writes SQL; one that is not known writes as the standard has it, with the quotes that its driver tells."""
    name = str(connection.getinfo(pyodbc.SQL_DBMS_NAME))
    known = next((dialect for part, dialect in _NAMED if part in name.lower()), None)
    if known is not None:
        return known
    quote = str(connection.getinfo(pyodbc.SQL_IDENTIFIER_QUOTE_CHAR)).strip() or '"'
    return Dialect(
        name=name or "ODBC",
        quotes=quote,
        text=doubled,
        instants={"datetime": "TIMESTAMP '{}'", "date": "DATE '{}'"},
        ordered="{}",
        printed="CAST({} AS varchar(100))",
        floored="CAST(FLOOR(({}) * {}) AS varchar(100))",
        tables="",
        opaque=r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/",
        true="1",
        false="0",
    )


def connect(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> Any:
    """Connect; statements are committed as they come until ``autocommit`` is switched off; raise ``pyodbc.Error`` where it cannot be."""
    text = connection_string(info)
    require(pyodbc, "ODBC", "odbc")
    patience = max(1, round(limits.connect_timeout_seconds))
    connection = in_thread(
        lambda: pyodbc.connect(text, autocommit=True, timeout=patience), close, cancellation, 2.0 * patience
    )
    database = str(connection.getinfo(pyodbc.SQL_DBMS_NAME)).lower()
    if "postgresql" in database:
        connection.execute("SET timezone = 'UTC'")
    if any(one in database for one in _OPENING) and _DATA_SOURCE.search(text):
        close(connection)
        message = "the data source is a file, of which any statement could open others; name it with Driver=SQLite3;Database=… instead"
        raise Problem(Code.UNSUPPORTED, f"cannot connect to the database: {message}")
    return connection


def close(connection: Any) -> None:
    """Leave."""
    with suppress(pyodbc.Error):  # it is lost already
        connection.close()


@dataclass(slots=True)
class Running:
    """What runs on a connection, so that another thread can stop it."""

    cursor: Any = None
    closed: threading.Event = field(default_factory=threading.Event)
    late: bool = False

    def stop(self) -> None:
        """Stop it again and again until the connection is closed; returns at once."""
        threading.Thread(target=self._stop, name="database-cancel", daemon=True).start()

    def _stop(self) -> None:
        while not self.closed.is_set():
            self.cancel()
            self.closed.wait(_RECANCEL_SECONDS)

    def cancel(self) -> None:
        """Stop what runs now."""
        cursor = self.cursor
        if cursor is not None:
            with suppress(pyodbc.Error):  # it has ended by itself
                cursor.cancel()

    def _too_late(self) -> None:
        self.late = True
        self.cancel()

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Stop what still runs after ``seconds``."""
        self.late = False
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@dataclass(slots=True)
class OdbcSession:
    """A transaction that is given up in the end; see ``session.Session``."""

    connection: Any
    info: ConnectionInfo
    limits: Limits
    cancellation: Cancellation
    dialect: Dialect
    running: Running = field(default_factory=Running)
    now: int = 0

    def snapshot(self) -> str | None:
        """Return None: sessions share no snapshot."""
        return None

    def check_query(self, query: str) -> None:
        """Check that the query can stand in parentheses."""
        self.dialect.check_single(query)

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql`` as a result without rows describes them."""
        with self._cursor(where) as cursor:
            cursor.execute(f"SELECT * FROM {sql} AS source WHERE 1 = 0")
            return tuple(column_of(one, self.dialect) for one in cursor.description or ())

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._cursor(where) as cursor:
            return [tuple(row) for row in cursor.execute(query).fetchall()]

    def tables(self, place: str | None, name: str | None, most: int) -> list[tuple[str, str]]:
        """Return schema and name of tables and views, as the driver lists them; those with the name written otherwise come last."""
        with self._cursor("the tables") as cursor:
            found = [(str(row.table_schem or ""), str(row.table_name)) for row in cursor.tables()]
        chosen = [
            (schema, table)
            for schema, table in found
            if (place is None or schema == place) and (name is None or table.lower() == name.lower())
        ]
        return sorted(chosen, key=lambda one: (one[1] != name, one))[:most]

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``."""
        with closing(self.raw(query, where)) as found:
            for arrays in found:
                yield fitted(arrays, columns)

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query."""
        with self._cursor(where) as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(_BATCH_ROWS):
                yield [array_of(values) for values in zip(*rows, strict=True)]

    @contextmanager
    def _cursor(self, where: str) -> Iterator[Any]:
        self.cancellation.check()
        cursor = self.connection.cursor()
        self.running.cursor = cursor
        try:
            with self.running.within(self.limits.statement_timeout_seconds):
                yield cursor
        except pyodbc.Error as error:
            self.cancellation.check()
            if self.running.late:
                raise Problem(Code.SOURCE_TIMEOUT, f"{where}: it has taken too long") from error
            raise problem_of(error, where, self.info) from error
        finally:
            self.running.cursor = None
            with suppress(pyodbc.Error):  # it is lost already
                cursor.close()


def array_of(values: Sequence[Any]) -> Any:
    """Return values of a column as an Arrow array, as text where they are of several kinds."""
    plain = [
        bytes(value) if isinstance(value, bytearray) else str(value) if isinstance(value, UUID) else value
        for value in values
    ]
    try:
        return pa.array(plain)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in plain], pa.string())


def column_of(described: Sequence[Any], dialect: Dialect) -> Column:
    """Return a column as ``Cursor.description`` has it: name, Python's type, and digits."""
    name, kind, _, _, precision, scale, _ = described
    quoted = dialect.quoted(str(name))
    family, landed, original = Family.TEXT, pa.string(), "text"
    if kind is bool:
        family, landed, original = Family.BOOLEAN, pa.bool_(), "boolean"
    elif kind is int:
        family = Family.INTEGER
        landed = pa.int16() if precision <= _SHORT else pa.int32() if precision <= _INTEGER else pa.int64()
        original = str(landed)
        if dialect.name == "SQLite":
            landed = pa.int64()  # its driver says ten digits of every whole number
    elif kind is float:
        family, landed, original = Family.NUMBER, pa.float64(), "double"
    elif kind is Decimal:
        family, landed, original = (
            Family.NUMBER,
            decimal_of(int(precision), int(scale)),
            f"decimal({precision},{scale})",
        )
    elif kind is datetime:
        family, landed, original = (
            Family.INSTANT,
            pa.timestamp("us"),
            "timestamp" if "timestamp" in dialect.instants else "datetime",
        )
    elif kind is date:
        family, landed, original = Family.DATE, pa.date32(), "date"
    elif kind is daytime:
        family, landed, original = Family.TIME, pa.time64("us"), "time"
    elif kind in (bytearray, bytes):
        family, landed, original = Family.OTHER, pa.binary(), "binary"
    elif kind is UUID:
        original = "uuid"
    known = original if family in (Family.INSTANT, Family.DATE) or original == "uuid" else "odbc"
    return Column(str(name), known, family, landed, quoted, quoted, quoted, original, 1, shape_of(landed))


@contextmanager
def open_odbc(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[OdbcSession]:
    """Connect, begin a transaction, and give it up at the end.

    Raises:
        Problem: as ``problem_of`` says; ``INVALID``: there is no connection string.
    """
    if snapshot is not None:
        raise Problem(Code.INVALID, "ODBC has no snapshots that another connection can read")
    try:
        connection = connect(info, limits, cancellation)
        connection.autocommit = False
    except pyodbc.Error as error:
        raise problem_of(error, "cannot connect to the database", info) from error
    session = OdbcSession(connection, info, limits, cancellation, dialect_of(connection), now=time.time_ns() // 1000)
    forget = cancellation.on_stop(session.running.stop)
    try:
        yield session
    finally:
        forget()
        session.running.closed.set()
        with suppress(pyodbc.Error):  # it is lost already
            connection.rollback()
        close(connection)
