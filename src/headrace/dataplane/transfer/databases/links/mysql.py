"""MySQL and MariaDB through pymysql: rows go in as lists of values, which Arrow writes as text.

``LOAD DATA LOCAL`` is not used: a server may answer it by asking for any file of this machine, and it takes rows that do not fit by bending them.
"""

import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.connecting import in_thread, without_secrets
from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.connectors.databases.drivers import require
from headrace.dataplane.connectors.databases.mysql import DIALECT
from headrace.dataplane.connectors.databases.mysql_address import NONSENSE, arguments
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.links import mysql_tables, value_lists
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError, Table
from headrace.dataplane.transfer.databases.links.named import PERCENT, marked
from headrace.dataplane.transfer.databases.links.plain import answer_of, outputs_of, procedure_parts
from headrace.dataplane.transfer.values import Field

try:
    import pymysql  # type: ignore[import-untyped]  # it ships no type information
    from pymysql.constants import CLIENT  # type: ignore[import-untyped]  # as above
    from pymysql.cursors import SSCursor  # type: ignore[import-untyped]  # as above
except ImportError:  # said when it is used
    pymysql = None

_FETCHED = 5_000
_KILL_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_STATEMENT_BYTES = 1_000_000
"""An INSERT of this size is under every server's ``max_allowed_packet`` as it comes (16 MB in MariaDB, 64 MB in MySQL)."""
_OPAQUE = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|--[^\n]*|#[^\n]*|/\*.*?\*/"
_NUMBERS: Mapping[Fault, tuple[int, ...]] = {
    Fault.DUPLICATE: (1022, 1062, 1169, 1586, 1761),
    Fault.CONSTRAINT: (1048, 1216, 1217, 1364, 1451, 1452, 3819, 4025),
    Fault.TOO_LONG: (1406,),
    Fault.VALUE: (1264, 1265, 1292, 1365, 1366, 1367, 1411, 1425, 1426, 1441, 1690, 3140, 3141, 3156),
    Fault.TABLE: (1049, 1051, 1146),
    Fault.COLUMN: (1054, 1110, 1136, 3105, 1906),
    Fault.PROCEDURE: (1305, 1318),
    Fault.SYNTAX: (1064, 1065, 1149),
    Fault.DENIED: (1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698, 1792, 1820, 3118),
    Fault.TIMEOUT: (1969, 3024),
    Fault.AWAY: (1021, 1040, 1041, 1053, 1129, 1203, 1205, 1213, 1226, 1317, 1927, 4031),
}
_BY_NUMBER = {number: fault for fault, numbers in _NUMBERS.items() for number in numbers}
_ROW = re.compile(r" at row (\d+)$")
_COLUMN = re.compile(r"[Cc]olumn '(?:[^']*`)?([^'`]+)`?'")
_CLIENT_NUMBERS = range(2000, 3000)


def link_error(error: Exception, info: ConnectionInfo) -> LinkError:
    """Return what an error of the driver means."""
    if isinstance(error, NONSENSE):
        return LinkError(Fault.AWAY, "what answers does not speak as MySQL does")
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = (
        without_secrets(str(error.args[1]) if len(error.args) > 1 else str(error), info)
        .replace("\n", " ")
        .strip()[:500]
    )
    lost = number in _CLIENT_NUMBERS or isinstance(error, OSError) or number <= 0
    fault = _BY_NUMBER.get(number, Fault.AWAY if lost else Fault.OTHER)
    row, column = _ROW.search(text), _COLUMN.search(text)
    return LinkError(fault, text, int(row[1]) - 1 if row else None, column[1] if column else "")


@dataclass(slots=True)
class MysqlLink:
    """See ``link.Link``."""

    connection: Any
    login: Mapping[str, Any]
    info: ConnectionInfo
    cancellation: Cancellation
    is_mariadb: bool = False
    dialect: Dialect = DIALECT
    takes_back_definitions: bool = False
    rows_at_once: int = 20_000
    messages: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def run(self, statement: str) -> None:
        """Execute one or more statements."""
        with self._cursor() as cursor:
            cursor.execute(statement)
            while cursor.nextset():
                pass

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def changed(self, statement: str) -> int:
        """Execute a statement; return how many rows it has met (which are more than those that it has changed)."""
        with self._cursor() as cursor:
            return max(0, int(cursor.execute(statement)))

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Let no statement of the block take longer than ``seconds``; MySQL itself stops only those that read."""
        if seconds is None:
            yield
            return
        name, unit = ("max_statement_time", 1.0) if self.is_mariadb else ("max_execution_time", 1000.0)
        self.run(
            f"SET SESSION {name} = {seconds * unit:.3f}"
            if self.is_mariadb
            else f"SET SESSION {name} = {round(seconds * unit)}"
        )
        try:
            yield
        finally:
            with suppress(LinkError):  # it is lost, and the setting with it
                self.run(f"SET SESSION {name} = 0")

    def begin(self) -> None:
        """Begin a transaction."""
        self.run("START TRANSACTION")

    def commit(self) -> None:
        """End the transaction; its changes stay."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """End the transaction; its changes go."""
        with suppress(pymysql.Error, OSError, *NONSENSE):  # lost already, and with it what was not committed
            if self.connection.open:
                self.connection.query("ROLLBACK")

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
        return mysql_tables.table(self, schema, name)

    def load(self, table: str, fields: tuple[Field, ...], batch: Any) -> int:
        """Write rows with INSERTs of many."""
        columns = ", ".join(self.dialect.quoted(one.name) for one in fields)
        sent = done = 0
        for lines, count in value_lists.value_lists(batch, fields, _STATEMENT_BYTES):
            try:
                self.changed(f"INSERT INTO {table} ({columns}) VALUES {lines}")
            except LinkError as error:
                # MySQL counts the rows of the statement, and names none where a key is there already.
                error.row = None if error.row is None or error.fault is Fault.DUPLICATE else error.row + done
                raise
            sent, done = sent + len(lines), done + count
        return sent

    def type_of(self, field: Field) -> str | None:
        """Return the type of a new table's column."""
        return mysql_tables.type_of(field)

    def ask(self, text: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Execute one or more statements with named parameters."""
        known = {one.name.lstrip("@:"): one.value for one in values}
        # Rows come as they are taken: a result need not have room in memory.
        with self._cursor(SSCursor) as cursor:
            found = marked(text, frozenset(known), _OPAQUE, PERCENT, lambda piece: piece.replace("%", "%%"))
            cursor.execute(*((found.text, {name: known[name] for name in found.names}) if found.names else (text,)))
            return self._answers(cursor, most_rows), outputs_of(values)

    def _answers(self, cursor: Any, most_rows: int) -> list[Answer]:
        answers = [answer_of(cursor, most_rows)]
        while cursor.nextset():
            answers.append(answer_of(cursor, most_rows))
        return answers

    def called(self, procedure: str, values: Sequence[Given]) -> str:
        """Return the statement that calls a procedure, with its parameters in order."""
        name = ".".join(DIALECT.quoted(part) for part in procedure_parts(DIALECT, procedure) if part)
        places = ", ".join(f"@headrace_{number}" if one.output else "%s" for number, one in enumerate(values))
        with self._cursor() as cursor:
            return str(
                cursor.mogrify(
                    f"CALL {name.replace('%', '%%')}({places})", tuple(one.value for one in values if not one.output)
                )
            )

    def call(self, procedure: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Call a procedure; outputs come by way of variables."""
        outputs = {number: one for number, one in enumerate(values) if one.output}
        statement = self.called(procedure, values)
        with self._cursor() as cursor:
            for number, one in outputs.items():
                cursor.execute(f"SET @headrace_{number} = %s", (one.value,))
            cursor.execute(statement)
            answers = [answer for answer in self._answers(cursor, most_rows) if answer.fields or answer.affected]
            if not outputs:
                return answers, {}
            cursor.execute("SELECT " + ", ".join(f"@headrace_{number}" for number in outputs))
            found = cursor.fetchone()
        return answers, {one.name: value for one, value in zip(outputs.values(), found, strict=True)}

    def stream(self, text: str) -> Iterator[tuple[tuple[Field, ...], list[tuple[Any, ...]]]]:
        """Yield the rows of a statement."""
        with self._cursor(SSCursor) as cursor:
            cursor.execute(text)
            rows = list(cursor.fetchmany(_FETCHED))
            fields = mysql_tables.fields_of(cursor)
            yield fields, rows
            while rows := list(cursor.fetchmany(_FETCHED)):
                yield fields, rows

    def close(self) -> None:
        """Leave."""
        self.closed.set()
        _close(self.connection)

    def interrupt(self) -> None:
        """Stop what the server does for this connection, and close its socket; returns at once."""
        threading.Thread(target=self._interrupt, name="database-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        if not self.closed.is_set():
            waits = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), _KILL_SECONDS)
            with (
                suppress(pymysql.Error, OSError, *NONSENSE),  # then closing the socket has to do
                pymysql.connect(**{**self.login, **waits}) as second,
            ):
                second.query(f"KILL QUERY {self.connection.thread_id()}")
        opened = getattr(self.connection, "_sock", None)
        if opened is not None:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    @contextmanager
    def _cursor(self, kind: Any = None) -> Iterator[Any]:
        self.cancellation.check()
        try:
            with self.connection.cursor(kind) as cursor:
                yield cursor
        except (pymysql.Error, OSError, *NONSENSE) as error:
            self.cancellation.check()
            raise link_error(error, self.info) from error


def connect_mysql(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> MysqlLink:
    """Connect; what is executed is committed at once until a transaction is begun.

    Raises:
        LinkError: ``AWAY``, ``DENIED``.
        Problem: ``INVALID``: the URL.
    """
    require(pymysql, "MySQL", "mysql")
    login = {**arguments(info, limits), "client_flag": CLIENT.MULTI_STATEMENTS | CLIENT.FOUND_ROWS}
    try:
        connection = in_thread(lambda: pymysql.connect(**login), _close, cancellation)
    except (pymysql.Error, OSError, *NONSENSE) as error:
        failed = link_error(error, info)
        fault = Fault.DENIED if failed.fault is Fault.DENIED else Fault.AWAY
        raise LinkError(fault, f"cannot connect to the database: {failed.message}") from error
    connection._read_timeout = limits.statement_timeout_seconds + _PATIENCE_SECONDS  # noqa: SLF001 — it has no setter
    connection._write_timeout = connection._read_timeout  # noqa: SLF001 — as above
    link = MysqlLink(connection, login, info, cancellation, "mariadb" in str(connection.get_server_info()).lower())
    link.run("SET SESSION time_zone = '+00:00'")
    # A text ends at its quote, as the standard has it; a value that does not fit is an error, not another value.
    link.run(
        "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO')"
    )
    connection.server_status |= (
        512  # the driver looks here how to write a text; the server tells it with its next answer only
    )
    return link


def _close(connection: Any) -> None:
    with suppress(pymysql.Error, OSError, *NONSENSE):  # it is lost already
        connection.close()
