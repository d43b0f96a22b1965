"""MySQL and MariaDB through pymysql: one connection, in one consistent read, whose rows come as the server finds them."""

import re
import socket
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.connecting import in_thread
from headrace.dataplane.connectors.databases.dialect import FAR, Column, Dialect
from headrace.dataplane.connectors.databases.drivers import require
from headrace.dataplane.connectors.databases.fitting import fitted
from headrace.dataplane.connectors.databases.mysql_address import NONSENSE, arguments, problem_of
from headrace.dataplane.connectors.databases.mysql_types import column_of
from headrace.dataplane.connectors.databases.mysql_wire import Result
from headrace.dataplane.limits import Limits

try:
    import pymysql  # type: ignore[import-untyped]  # it ships no type information
except ImportError:  # said when it is used
    pymysql = None

_PLAIN = re.compile(r"[A-Za-z0-9 _:.,+/@-]*")
_INTERRUPTED = 1317
_KILL_SECONDS = 1.0
"""Longest that a second connection tries to stop a statement; then the first one's socket is closed."""
_PATIENCE_SECONDS = 60.0
"""How much longer than the server's own limit an answer is waited for."""
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


def _text(text: str) -> str:
    """Return a text literal that means the same whatever the server's ``sql_mode`` makes of backslashes."""
    return f"'{text}'" if _PLAIN.fullmatch(text) else f"_utf8mb4 X'{text.encode().hex()}'"


DIALECT = Dialect(
    name="MySQL",
    quotes="`",
    text=_text,
    instants={"datetime": "TIMESTAMP'{}'", "timestamp": "TIMESTAMP'{}'", "date": "DATE'{}'", "time": "TIME'{}'"},
    ordered="CONVERT({} USING utf8mb4) COLLATE utf8mb4_bin",
    printed="CAST({} AS CHAR)",
    floored="CAST(FLOOR(({}) * {}) AS CHAR)",
    tables=(
        f"SELECT TABLE_SCHEMA AS place, TABLE_NAME AS name, IF(TABLE_SCHEMA = DATABASE(), 0, {FAR}) AS distance "
        "FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') "
        "AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')"
    ),
    opaque=r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`|--[^\n]*|#[^\n]*|/\*.*?\*/",
    true="1",
    false="0",
)


@dataclass(slots=True)
class MysqlSession:
    """A read-only transaction; see ``session.Session``. ``interrupt`` may come from another thread."""

    connection: Any
    login: Mapping[str, Any]
    info: ConnectionInfo
    limits: Limits
    cancellation: Cancellation
    closed: threading.Event = field(default_factory=threading.Event)
    now: int = 0
    dialect: Dialect = DIALECT

    def begin(self) -> None:
        """Begin the transaction; the clock is read before, so that it is not later than the snapshot."""
        seconds = self.limits.statement_timeout_seconds
        is_mariadb = "mariadb" in str(self.connection.get_server_info()).lower()
        timeout = f"max_statement_time = {seconds:f}" if is_mariadb else f"max_execution_time = {round(seconds * 1000)}"
        for setting in (
            "time_zone = '+00:00'",
            # A text in a query ends at its quote, as the standard has it: a literal made for one database is none other's way out.
            "sql_mode = CONCAT(@@SESSION.sql_mode, ',NO_BACKSLASH_ESCAPES')",
            "sql_select_limit = 18446744073709551615",
            "net_write_timeout = 600",
            timeout,
            "TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        ):
            self.run(f"SET SESSION {setting}")
        self.now = int(self.rows("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)")[0][0])
        self.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def run(self, statement: str) -> None:
        """Execute a statement without a result."""
        with self._telling("the database"):
            self.connection.query(statement)

    def snapshot(self) -> str | None:
        """Return None: no other connection can be given the rows of this one."""
        return None

    def check_query(self, query: str) -> None:
        """Let the server look at the query alone: what closes a parenthesis of ours is no query."""
        with self._telling("the query"):
            self.connection.query(f"SET @headrace_query = {DIALECT.literal(query)}")
            self.connection.query("PREPARE headrace_query FROM @headrace_query")
            self.connection.query("DEALLOCATE PREPARE headrace_query")

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql`` as a result describes them."""
        with self._telling(where):
            result = Result(self.connection, f"SELECT * FROM {sql} AS source LIMIT 0")
            while not result.ended:
                result.packet()
            return tuple(column_of(one, DIALECT) for one in result.fields)

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result, as texts."""
        with self._telling(where):
            result = Result(self.connection, query)
            found = [
                [array.cast("string").to_pylist() for array in batch]
                for batch in result.batches(self.limits.batch_bytes)
            ]
            return [row for batch in found for row in zip(*batch, strict=True)]

    def tables(self, place: str | None, name: str | None, most: int) -> list[tuple[str, str]]:
        """Return schema and name of tables and views."""
        found = self.rows(DIALECT.tables_query(place, name, most), "the tables")
        return [(str(one), str(other)) for one, other in found]

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``; what is left of it is stopped on the server."""
        with closing(self.raw(query, where)) as found:
            for arrays in found:
                yield fitted(arrays, columns)

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query, each as the bytes that the server sent."""
        with self._telling(where):
            result = Result(self.connection, query)
        try:
            batches = result.batches(self.limits.batch_bytes)
            while True:
                with self._telling(where):
                    arrays = next(batches, None)
                if arrays is None:
                    return
                yield arrays
        finally:
            if not result.ended:
                self._abandon(result)

    def _abandon(self, result: Result) -> None:
        """Stop a statement, and read what it has sent already; the transaction goes on."""
        try:
            if self.cancellation.problem is None and self.connection.open:
                self._kill()
                while not result.ended:
                    result.packet()
        except pymysql.Error as error:
            if not error.args or error.args[0] != _INTERRUPTED:
                self._shut()
        except (OSError, *NONSENSE):
            self._shut()
        finally:
            result.forget()
        # Where the statement had ended by itself, the next one is the one that is stopped: this one, which nobody needs.
        with suppress(pymysql.Error, OSError, *NONSENSE):
            self.connection.query("DO 0")

    @contextmanager
    def _telling(self, where: str) -> Iterator[None]:
        """Turn an error of the driver into a problem, or into the interruption that it is."""
        self.cancellation.check()
        try:
            yield
        except (pymysql.Error, OSError, *NONSENSE) as error:
            self.cancellation.check()
            raise problem_of(error, where, self.info) from error

    def interrupt(self) -> None:
        """Stop what the server does for this session, and close its socket; returns at once."""
        threading.Thread(target=self._interrupt, name="database-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        if not self.closed.is_set():
            with suppress(pymysql.Error, OSError, *NONSENSE):  # then closing the socket has to do
                self._kill()
        self._shut()

    def _kill(self) -> None:
        waits = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), _KILL_SECONDS)
        with pymysql.connect(**{**self.login, **waits}) as second:
            second.query(f"KILL QUERY {self.connection.thread_id()}")

    def _shut(self) -> None:
        """Close the connection's socket for both sides, whichever thread waits at it."""
        opened = getattr(self.connection, "_sock", None)
        if opened is not None:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def close(self) -> None:
        """Leave: what is still running is not waited for."""
        self.closed.set()
        _close(self.connection)


@contextmanager
def open_mysql(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[MysqlSession]:
    """Connect, begin a read-only transaction, and end both.

    Raises:
        Problem: ``SOURCE_UNAUTHENTICATED``, ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_NOT_FOUND`` (the database), ``INVALID`` (the
            address), ``UNSUPPORTED`` (no driver).
    """
    if snapshot is not None:
        raise Problem(Code.INVALID, "MySQL has no snapshots that another connection can read")
    login = arguments(info, limits)
    require(pymysql, "MySQL", "mysql")
    try:
        connection = in_thread(lambda: pymysql.connect(**login), _close, cancellation)
    except (pymysql.Error, OSError, *NONSENSE) as error:
        raise problem_of(error, "cannot connect to the database", info) from error
    _patient(connection, limits)
    session = MysqlSession(connection, login, info, limits, cancellation)
    forget = cancellation.on_stop(session.interrupt)
    try:
        session.begin()
        yield session
    finally:
        forget()
        session.close()


def _patient(connection: Any, limits: Limits) -> None:
    """Let answers take as long as statements may; a host that is gone is found by the network's own means."""
    connection._read_timeout = limits.statement_timeout_seconds + _PATIENCE_SECONDS  # noqa: SLF001 — it has no setter
    with suppress(OSError):  # gone already: the next statement tells it
        for option, value in _KEEPALIVE:
            connection._sock.setsockopt(socket.IPPROTO_TCP, option, value)  # noqa: SLF001 — as above


def _close(connection: Any) -> None:
    with suppress(pymysql.Error, OSError, *NONSENSE):  # it is lost already
        connection.close()
