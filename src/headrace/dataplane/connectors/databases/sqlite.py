"""SQLite through Python's own driver: one file, one moment of it for each connection.

SQLite's columns have wishes, not types. What the values of a query are is looked at before they are read, in the same transaction: a column is
what it was declared as where all of its values are that, else text.
"""

import re
import sqlite3
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family, doubled
from headrace.dataplane.connectors.databases.fitting import decimal_of, fitted, shape_of
from headrace.dataplane.limits import Limits

_FORM = "sqlite:////absolute/path/of/file.db"
_BATCH_ROWS = 20_000
_BUSY_MILLISECONDS = 60_000
_INTERRUPT_SECONDS = 0.05

_PRAGMAS = frozenset(
    {
        *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"),
        *("foreign_key_check", "integrity_check", "quick_check", "user_version", "application_id", "encoding"),
        *(
            "foreign_keys",
            "defer_foreign_keys",
            "recursive_triggers",
            "case_sensitive_like",
            "ignore_check_constraints",
        ),
        *("journal_mode", "locking_mode", "synchronous", "busy_timeout", "wal_checkpoint", "auto_vacuum", "page_size"),
        *("incremental_vacuum", "optimize", "analysis_limit", "secure_delete", "query_only", "read_uncommitted"),
        *("cache_size", "automatic_index", "reverse_unordered_selects", "max_page_count"),
    }
)
"""Settings of one connection and one file. Others are the whole process's (heap limits, where temporary files lie), map the file into its memory,
or let a statement write the schema as it likes."""
_DENIED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})

DIALECT = Dialect(
    name="SQLite",
    quotes='"',
    text=doubled,
    instants={"datetime": "'{}'", "date": "'{}'"},
    ordered="CAST({} AS TEXT) COLLATE BINARY",
    printed="CAST({} AS TEXT)",
    floored="CAST(CAST(floor(({}) * {}) AS INTEGER) AS TEXT)",
    tables=(
        "SELECT 'main' AS place, name, 0 AS distance FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    ),
    opaque=r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/",
    default_place="main",
    true="1",
    false="0",
)


def file_of(info: ConnectionInfo) -> Path:
    """Return the file that ``sqlite:////absolute/file.db`` names.

    Raises:
        Problem: ``INVALID``: the URL has another form, or the connection has options.
    """
    parts = urlsplit(info.url)
    path = unquote(parts.path).removeprefix("/")
    errors = []
    if parts.scheme != "sqlite" or parts.netloc or parts.query or not path.startswith("/") or "\0" in path:
        errors.append(FieldError("url", "is not the absolute path of a SQLite file", _FORM))
    errors += [FieldError(f"options.{name}", "is not allowed: SQLite has no options") for name in sorted(info.options)]
    if errors:
        raise Problem.of_fields(Code.INVALID, "the connection", tuple(errors))
    return Path(path)


def connect(info: ConnectionInfo, limits: Limits, *, writes: bool) -> sqlite3.Connection:
    """Open the file; statements are committed as they come until a transaction is begun. One that is only read has to be there.

    Raises:
        Problem: ``INVALID``, ``SOURCE_NOT_FOUND``, ``SOURCE_DENIED``.
    """
    path = file_of(info)
    if not writes and not path.is_file():
        raise Problem(Code.SOURCE_NOT_FOUND, f"cannot connect to the database: there is no file {path.name!r}")
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=limits.connect_timeout_seconds
        )
        # What an SQL text can do to other files of this machine is nothing: no ATTACH, no extensions.
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.max_row_bytes)
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        # Whoever may write the file's bytes says nothing by what they have put into its schema.
        connection.execute("PRAGMA trusted_schema = OFF")
        if not writes:
            connection.execute("PRAGMA temp_store = MEMORY")
        connection.set_authorizer(_authorized)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise problem_of(error, "cannot connect to the database") from error
    return connection


def _authorized(action: int, first: str | None, second: str | None, _place: str | None, _trigger: str | None) -> int:
    """Say what a statement may do: everything with its own file."""
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and second is not None and (first or "").lower() not in _PRAGMAS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _DENIED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def problem_of(error: Exception, where: str) -> Problem:
    """Return what an error of the driver means to the caller."""
    text = str(error)
    for phrase, code in (
        (r"no such table", Code.SOURCE_NOT_FOUND),
        (r"no such column", Code.UNKNOWN_COLUMN),
        (r"unable to open|readonly|not authorized", Code.SOURCE_DENIED),
        (r"interrupted", Code.SOURCE_TIMEOUT),
        (r"locked|busy|disk I/O|malformed|not a database", Code.SOURCE_UNAVAILABLE),
    ):
        if re.search(phrase, text):
            return Problem(code, f"{where}: {text}")
    return Problem(Code.INVALID, f"{where}: {text}")


@dataclass(slots=True)
class Alarm:
    """Interrupts what a connection does: after ``seconds`` (``within``), or at once and from then on (``stop``)."""

    connection: sqlite3.Connection
    closed: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Interrupt it again and again until it is closed; returns at once."""
        threading.Thread(target=self._interrupt, name="database-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self.closed.is_set():
            with suppress(sqlite3.Error):  # closed meanwhile
                self.connection.interrupt()
            self.closed.wait(_INTERRUPT_SECONDS)

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Interrupt what runs after ``seconds``."""
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self.connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@dataclass(slots=True)
class SqliteSession:
    """A read transaction; see ``session.Session``."""

    connection: sqlite3.Connection
    limits: Limits
    cancellation: Cancellation
    alarm: Alarm
    now: int = 0
    dialect: Dialect = DIALECT

    def begin(self) -> None:
        """Begin the transaction: from its first statement on it reads one moment."""
        self.now = time.time_ns() // 1000
        self.connection.execute("BEGIN")
        self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def snapshot(self) -> str | None:
        """Return None: no other connection can be given the rows of this one."""
        return None

    def check_query(self, query: str) -> None:
        """Check that the query can stand in parentheses."""
        DIALECT.check_single(query)

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql``, whose values are all looked at."""
        with self._telling(where):
            # A view tells what its columns were declared as, where they come from a table.
            self.connection.execute(f"CREATE TEMP VIEW headrace_seen AS SELECT * FROM {sql} AS source")
            try:
                declared = self.connection.execute("PRAGMA temp.table_info(headrace_seen)").fetchall()
                names = [(str(row[1]), str(row[2] or "").lower()) for row in declared]
                looked = ", ".join(_looks(DIALECT.quoted(name)) for name, _ in names)
                seen = self.connection.execute(f"SELECT {looked} FROM temp.headrace_seen").fetchone()
            finally:
                self.connection.execute("DROP VIEW temp.headrace_seen")
        width = len(_LOOKS)
        return tuple(
            _column(name, kind, _Seen(*(bool(one) for one in seen[number * width : (number + 1) * width])))
            for number, (name, kind) in enumerate(names)
        )

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        with self._telling(where):
            return list(self.connection.execute(query).fetchall())

    def tables(self, place: str | None, name: str | None, most: int) -> list[tuple[str, str]]:
        """Return schema and name of tables and views."""
        found = self.rows(DIALECT.tables_query(place, name, most), "the tables")
        return [(str(one), str(other)) for one, other in found]

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``."""
        with closing(self.raw(query, where)) as found:
            for arrays in found:
                yield fitted(arrays, columns)

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query."""
        with self._telling(where):
            cursor = self.connection.execute(query)
        try:
            while True:
                with self._telling(where):
                    rows = cursor.fetchmany(_BATCH_ROWS)
                if not rows:
                    return
                yield [_array(values) for values in zip(*rows, strict=True)]
        finally:
            cursor.close()

    @contextmanager
    def _telling(self, where: str) -> Iterator[None]:
        """Turn an error of the driver into a problem, or into the interruption that it is."""
        self.cancellation.check()
        try:
            with self.alarm.within(self.limits.statement_timeout_seconds):
                yield
        except sqlite3.Error as error:
            self.cancellation.check()
            raise problem_of(error, where) from error


_LOOKS = (
    "max(typeof({0}) = 'integer')",
    "max(typeof({0}) = 'real')",
    "max(typeof({0}) = 'text')",
    "max(typeof({0}) = 'blob')",
    # A date that Arrow reads as well: ISO, without a zone, at most microseconds.
    "max(typeof({0}) = 'text' AND (julianday({0}) IS NULL OR {0} NOT GLOB '[0-9][0-9][0-9][0-9]-*' OR {0} GLOB '*[Z+]*' OR length({0}) > 26))",
    "max(typeof({0}) = 'integer' AND {0} NOT IN (0, 1))",
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What values of a column there are."""

    integers: bool
    reals: bool
    texts: bool
    blobs: bool
    undated: bool
    numbers: bool


def _looks(name: str) -> str:
    return ", ".join(look.format(name) for look in _LOOKS)


def _column(name: str, kind: str, seen: _Seen) -> Column:
    quoted = DIALECT.quoted(name)
    printed = f"CAST({quoted} AS TEXT)"
    numeric = re.fullmatch(r"(?:decimal|numeric)(?:_text)?\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", kind)
    dated = not (seen.undated or seen.integers or seen.reals or seen.blobs)
    select, family, landed = quoted, Family.TEXT, pa.string()
    if seen.blobs and not (seen.integers or seen.reals or seen.texts):
        family, landed = Family.OTHER, pa.binary()
    elif re.match(r"datetime|timestamp|date\b", kind) and dated:
        family, landed = Family.INSTANT, pa.timestamp("us")
    elif seen.texts or seen.blobs:
        select = printed
    elif re.match(r"bool|bit\b", kind) and not (seen.numbers or seen.reals):
        family, landed = Family.BOOLEAN, pa.bool_()
    elif numeric:
        landed = decimal_of(int(numeric[1]), int(numeric[2] or 0))
        family, select = Family.NUMBER, printed
    elif seen.reals or re.match(r"real|float|double", kind):
        family, landed = Family.NUMBER, pa.float64()
        select = f"CAST({quoted} AS REAL)"
    elif seen.integers or "int" in kind:
        family, landed = Family.INTEGER, pa.int64()
    elif re.match(r"blob|binary|varbinary", kind):
        family, landed = Family.OTHER, pa.binary()
    known = "datetime" if family is Family.INSTANT else (kind.partition("(")[0].strip() or "text")
    return Column(name, known, family, landed, select, printed, quoted, kind, 1, shape_of(landed))


def _array(values: tuple[Any, ...]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])


@contextmanager
def open_sqlite(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[SqliteSession]:
    """Open the file, begin a transaction, and end both.

    Raises:
        Problem: ``SOURCE_NOT_FOUND``, ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``INVALID`` (the URL).
    """
    if snapshot is not None:
        raise Problem(Code.INVALID, "SQLite has no snapshots that another connection can read")
    connection = connect(info, limits, writes=False)
    alarm = Alarm(connection)
    forget = cancellation.on_stop(alarm.stop)
    try:
        session = SqliteSession(connection, limits, cancellation, alarm)
        session.begin()
        yield session
    finally:
        forget()
        alarm.closed.set()
        connection.close()
