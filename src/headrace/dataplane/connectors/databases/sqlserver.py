"""SQL Server through mssql-python. Written by its driver's and its server's documentation: no server could be had to run it against.

Where the database allows snapshot isolation, all statements of a copy read one moment; else each statement reads what is committed when it comes
there, and the end of a window is fixed before its rows are read. There is no transaction that only reads: a query stands in parentheses, where
nothing but a query can stand, and the login should have no other rights.
"""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.connecting import Address, coded, in_thread
from headrace.dataplane.connectors.databases.dialect import FAR, Column, Dialect
from headrace.dataplane.connectors.databases.drivers import require
from headrace.dataplane.connectors.databases.fitting import fitted
from headrace.dataplane.connectors.databases.sqlserver_types import column_of
from headrace.dataplane.limits import Limits

try:
    import mssql_python as driver
except ImportError:  # said when it is used
    driver = None  # type: ignore[assignment]  # None stands for a driver that is not there

ALLOWED_OPTIONS = frozenset({"encrypt", "trust_server_certificate"})
_PORT = 1433
_BATCH_ROWS = 20_000
_RECANCEL_SECONDS = 0.25
_YES = {"true": "yes", "false": "no"}
_PHRASES: tuple[tuple[str, Code], ...] = (
    (r"Failed to load the driver", Code.UNSUPPORTED),
    (
        r"Login timeout expired|TCP Provider|SSL Provider|network-related|[Cc]ommunication link failure",
        Code.SOURCE_UNAVAILABLE,
    ),
    (r"Cannot open database", Code.SOURCE_NOT_FOUND),
    (r"Login failed|password of the account", Code.SOURCE_UNAUTHENTICATED),
    (r"Invalid object name", Code.SOURCE_NOT_FOUND),
    (r"Invalid column name", Code.UNKNOWN_COLUMN),
    (r"permission was denied|not able to access the database", Code.SOURCE_DENIED),
    (r"[Tt]imeout expired|Operation canceled", Code.SOURCE_TIMEOUT),
    (r"Snapshot isolation transaction (aborted|failed)", Code.SOURCE_CHANGED),
    (r"deadlock|is being recovered|resource", Code.SOURCE_UNAVAILABLE),
    (
        r"Incorrect syntax|[Cc]onversion failed|overflow|Divide by zero|Ambiguous|No column name|not a recognized",
        Code.INVALID,
    ),
)


def _text(text: str) -> str:
    return "N'" + text.replace("'", "''") + "'"


DIALECT = Dialect(
    name="SQL Server",
    quotes="[]",
    text=_text,
    instants={
        "datetimeoffset": "CAST('{} +00:00' AS datetimeoffset(6))",
        "date": "CAST('{}' AS date)",
        "time": "CAST('{}' AS time(6))",
        **dict.fromkeys(("datetime2", "datetime", "smalldatetime"), "CAST('{}' AS datetime2(6))"),
    },
    ordered="{} COLLATE Latin1_General_100_BIN2",
    printed="CONVERT(nvarchar(60), {}, 126)",
    floored="CONVERT(nvarchar(60), CAST(FLOOR(({}) * {}) AS decimal(38, 0)))",
    tables=(
        "SELECT TABLE_SCHEMA AS place, TABLE_NAME AS name, "
        f"CASE WHEN TABLE_SCHEMA = SCHEMA_NAME() THEN 0 WHEN TABLE_SCHEMA = 'dbo' THEN 1 ELSE {FAR} END AS distance "
        "FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA NOT IN ('sys', 'INFORMATION_SCHEMA')"
    ),
    opaque=r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\[(?:[^\]]|\]\])*\]|--[^\n]*|/\*.*?\*/",
    pattern=lambda text: text.replace("!", "!!").replace("[", "!["),
    true="1",
    false="0",
    first="SELECT TOP ({2}) {0} {1}",
    default_place="dbo",
)


def connection_string(info: ConnectionInfo) -> str:
    """Return what the driver is given: an address, a login, and nothing that names a file.

    Raises:
        Problem: ``INVALID``, with every error; no message has the password.
    """
    address = Address(info, ("mssql", "sqlserver"), _PORT, "mssql://user@host:1433/database")
    address.demand(user=address.user, database=address.database)
    options = {"encrypt": "true", "trust_server_certificate": "false", **address.options(info, ALLOWED_OPTIONS)}
    for name in sorted(ALLOWED_OPTIONS):
        if options[name] not in _YES:
            address.refuse(f"options.{name}", f"{options[name]!r} is neither true nor false")
    address.check()
    parts = {
        "Server": f"tcp:{address.host},{address.port}",
        "Database": address.database,
        "UID": address.user,
        "PWD": address.password,
        "Encrypt": _YES[options["encrypt"]],
        "TrustServerCertificate": _YES[options["trust_server_certificate"]],
        "ApplicationIntent": "ReadOnly",
        "ConnectRetryCount": "0",
        "KeepAlive": "30",
    }
    return ";".join(f"{name}={_braced(value)}" for name, value in parts.items())


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}"


def problem_of(error: Exception, where: str, info: ConnectionInfo) -> Problem:
    """Return what an error of the driver means to the caller; secrets are left out."""
    problem = coded(str(error), _PHRASES, where, info)
    if problem.code is Code.UNSUPPORTED:
        message = "SQL Server needs its driver's system libraries, which are missing (Debian: apt-get install libltdl7 libgssapi-krb5-2)"
        return Problem(Code.UNSUPPORTED, message)
    return problem


@dataclass(slots=True)
class SqlserverSession:
    """A session whose reads are of one snapshot where the database has them; see ``session.Session``."""

    connection: Any
    info: ConnectionInfo
    limits: Limits
    cancellation: Cancellation
    closed: threading.Event = field(default_factory=threading.Event)
    running: Any = None
    now: int = 0
    dialect: Dialect = DIALECT

    def begin(self) -> None:
        """Read the clock, and begin a transaction on a snapshot where the database allows one."""
        self.connection.timeout = max(1, round(self.limits.statement_timeout_seconds))
        self.now = int(self.rows("SELECT DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME())")[0][0])
        allowed = self.rows("SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()")
        if allowed and int(allowed[0][0]) == 1:
            self._run("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
            self.connection.setautocommit(False)

    def snapshot(self) -> str | None:
        """Return None: sessions share no snapshot."""
        return None

    def check_query(self, query: str) -> None:
        """Check that the query can stand in parentheses."""
        DIALECT.check_single(query)

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql`` as the server describes them, without executing it."""
        described = DIALECT.literal(f"SELECT * FROM {sql} AS source")
        found = self.rows(
            "SELECT name, system_type_name, CAST(error_message AS nvarchar(2000)) "
            f"FROM sys.dm_exec_describe_first_result_set({described}, NULL, 0) ORDER BY column_ordinal",
            where,
        )
        wrong = next((message for _, _, message in found if message), None)
        if wrong is not None:
            raise coded(f"Incorrect syntax or name: {wrong}", _PHRASES, where, self.info)
        return tuple(column_of(str(name), str(kind or "sql_variant"), DIALECT) for name, kind, _ in found)

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor, self._telling(where):
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def tables(self, place: str | None, name: str | None, most: int) -> list[tuple[str, str]]:
        """Return schema and name of tables and views."""
        found = self.rows(DIALECT.tables_query(place, name, most), "the tables")
        return [(str(one), str(other)) for one, other in found]

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``; what is left of it is stopped with its cursor."""
        with closing(self.raw(query, where)) as found:
            for arrays in found:
                yield fitted(arrays, columns)

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query."""
        with self._cursor() as cursor:
            with self._telling(where):
                cursor.execute(query)
            while True:
                with self._telling(where):
                    batch = cursor.arrow_batch(_BATCH_ROWS)
                if not batch.num_rows:
                    return
                yield list(batch.columns)

    def _run(self, statement: str) -> None:
        with self._cursor() as cursor, self._telling("the database"):
            cursor.execute(statement)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        self.cancellation.check()
        with self._telling("the database"):
            cursor = self.connection.cursor()
        self.running = cursor
        try:
            yield cursor
        finally:
            self.running = None
            with suppress(driver.Error, RuntimeError):  # it is lost already
                cursor.close()

    @contextmanager
    def _telling(self, where: str) -> Iterator[None]:
        """Turn an error of the driver into a problem, or into the interruption that it is."""
        try:
            yield
        except (driver.Error, RuntimeError, OSError) as error:
            self.cancellation.check()
            raise problem_of(error, where, self.info) from error

    def interrupt(self) -> None:
        """Cancel what the server does for this session, again and again until it is closed; returns at once."""
        threading.Thread(target=self._interrupt, name="database-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self.closed.is_set():
            running = self.running
            if running is not None:
                with suppress(driver.Error, RuntimeError, AttributeError):  # the statement has ended by itself
                    running.hstmt._cancel()  # noqa: SLF001 — the driver's own way of stopping a fetch from another thread
            self.closed.wait(_RECANCEL_SECONDS)

    def close(self) -> None:
        """Leave; a transaction that was begun is given up."""
        self.closed.set()
        _close(self.connection)


@contextmanager
def open_sqlserver(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[SqlserverSession]:
    """Connect, and close at the end.

    Raises:
        Problem: as ``problem_of`` says; ``INVALID`` (the address), ``UNSUPPORTED`` (no driver, or not its libraries).
    """
    if snapshot is not None:
        raise Problem(Code.INVALID, "SQL Server has no snapshots that another connection can read")
    text = connection_string(info)
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
        raise problem_of(error, "cannot connect to the database", info) from error
    session = SqlserverSession(connection, info, limits, cancellation)
    forget = cancellation.on_stop(session.interrupt)
    try:
        session.begin()
        yield session
    finally:
        forget()
        session.close()


def _close(connection: Any) -> None:
    with suppress(driver.Error, RuntimeError, OSError):  # it is lost already
        connection.close()
