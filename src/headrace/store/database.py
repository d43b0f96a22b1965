"""The database of the ledger, and all that differs between SQLite and PostgreSQL.

``DBOS`` works on the same engine, so the driver's own transaction handling stays as DBOS expects it: on SQLite the legacy
mode in which a statement that writes begins an ``IMMEDIATE`` transaction by itself. Our write transactions begin one at once, so that
what they read cannot change before they write, and nothing is ever upgraded from a reader to a writer ("database is locked").
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from headrace.core.errors import Code, Problem

BUSY_SECONDS = 30
"""How long a writer waits for the one before it."""
POOL_SIZE = 20
"""Connections that one process keeps at most."""

_OUT_OF_REACH = ("unable to open", "disk I/O", "readonly", "interrupted")
_PREPARE = "the ledger is not prepared, or is of another version: run `headrace db upgrade`"


class Transaction:
    """One transaction. Other floors hand it on and look no further; ``writable`` says what it is for."""

    def __init__(self, connection: sa.Connection, *, writable: bool) -> None:
        self.connection = connection
        self.writable = writable
        self.dialect = connection.dialect.name
        self.fenced: set[object] = set()
        """Claims of workers that were found valid, and are locked until the end of this transaction."""

    def execute(
        self,
        statement: sa.Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> sa.CursorResult[Any]:
        """Return the result of ``statement``. A statement that writes is refused in a transaction that reads: that is a bug."""
        if not self.writable and getattr(statement, "is_dml", False):
            message = "a transaction that reads was asked to write"
            raise RuntimeError(message)
        return self.connection.execute(statement, parameters)

    def rows(
        self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return all rows of ``statement``, by the names of their columns."""
        return cast("Sequence[Mapping[str, Any]]", self.execute(statement, parameters).mappings().all())

    def first(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        """Return the first row of ``statement``, or None."""
        return cast("Mapping[str, Any] | None", self.execute(statement, parameters).mappings().first())

    def scalar(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return the first column of the first row of ``statement``, or None."""
        return self.execute(statement, parameters).scalar()


class LedgerAway(Problem):
    """The ledger is busy, or cannot be reached: it may be in a moment. Its code is ``UNAVAILABLE``, which other problems have that last."""


class Database:
    """A ledger at ``url``: ``sqlite:///<file>`` or ``postgresql://…``. Making one connects to nothing.

    Raises:
        Problem: ``INVALID``: the URL is not one of these (a SQLite database in memory is none: each connection would see its own).
    """

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE) -> None:
        parsed = _parse(url)
        self.dialect = parsed.get_backend_name()
        self.url = parsed.render_as_string(hide_password=False)
        """The URL with its password: not for logs."""
        self.engine = _sqlite(parsed, pool_size) if self.dialect == "sqlite" else _postgres(parsed, pool_size)
        self._writer = threading.Lock()
        self._owner: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction that may write; it is committed at the end of the block, rolled back when the block raises.

        On SQLite there is one at a time. Keep it short, and never begin a second one inside.

        Raises:
            Problem: ``UNAVAILABLE``: the database is busy or cannot be reached (safe to repeat); ``INVALID``: a value that it cannot
                keep; ``DISK_FULL``.
        """
        with self._alone(), _translated(), self.engine.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            # An exception leaves the connection uncommitted, and closing it rolls back.
            yield Transaction(connection, writable=True)
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Begin a transaction that sees one moment of the ledger and changes nothing.

        Raises:
            Problem: ``UNAVAILABLE``: the database cannot be reached; ``INVALID``: a value that it cannot look for.
        """
        with _translated(), self.engine.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield Transaction(connection, writable=False)
            connection.rollback()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # Writers of one process queue up here, in order and without polling; those of other processes by SQLite's busy handler.
        if self.dialect != "sqlite":
            yield
            return
        if self._owner == threading.get_ident():
            message = "a write transaction was begun inside another one of the same thread"
            raise RuntimeError(message)
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise _busy()
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = None
            self._writer.release()


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise Problem(
            Code.INVALID, "the database URL cannot be read; give sqlite:///<file> or postgresql://…"
        ) from None
    backend = {"postgres": "postgresql"}.get(parsed.drivername, parsed.drivername.split("+")[0])
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise Problem(
            Code.INVALID, f"the ledger cannot be kept in {backend!r}; give sqlite:///<file> or postgresql://…"
        )
    if not parsed.database or parsed.database == ":memory:" or "mode" in parsed.query:
        raise Problem(Code.INVALID, "a SQLite ledger is a file, as in sqlite:////var/lib/headrace/ledger.db")
    return parsed.set(drivername="sqlite")


def _sqlite(url: sa.URL, pool_size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": "IMMEDIATE", "check_same_thread": False},
    )

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA foreign_keys=ON")
        # SQLite's own lower() knows ASCII only; PostgreSQL's knows all letters.
        connection.create_function("lower", 1, _lower, deterministic=True)
        connection.create_function("number_text", 1, _number_text, deterministic=True)

    sa.event.listen(engine, "connect", prepare)
    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging. The mode stays with the file; switching ignores the busy timeout, so it is repeated here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _lower(value: str | bytes | float | None) -> str | bytes | float | None:
    return value.lower() if isinstance(value, str) else value


def _number_text(value: float | None) -> str | None:
    """Return a number's shortest text without an exponent, as PostgreSQL's JSON has it; SQLite's own has 15 digits."""
    return None if value is None else format(Decimal(repr(value + 0.0)), "f")


def _postgres(url: sa.URL, pool_size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"application_name": "headrace", "connect_timeout": 10},
    )

    def prepare(connection: psycopg.Connection[Any], _record: object) -> None:
        # A plan that was kept from when a table was empty reads a whole tenant to find one row, the checks of foreign keys among them.
        connection.execute("SET plan_cache_mode = force_custom_plan")
        connection.commit()

    sa.event.listen(engine, "connect", prepare)
    return engine


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what the database reports as a ``Problem`` where a caller or an operator can act on it."""
    try:
        yield
    except IntegrityError:
        # What a rule of the schema means is known where the statement stands; untranslated, it is a bug.
        raise
    except DataError as error:
        raise Problem(Code.INVALID, "a value cannot be kept in the ledger", context=_context(error)) from error
    except (OperationalError, InterfaceError) as error:
        problem = _of_operation(error)
        if problem is None:
            raise
        raise problem from error
    except ProgrammingError as error:
        if type(error.orig).__name__ in {"UndefinedTable", "UndefinedColumn"}:
            raise Problem(Code.UNAVAILABLE, _PREPARE, context=_context(error)) from error
        raise
    except OverflowError as error:
        raise Problem(Code.INVALID, "a number has more than 64 bits, so it cannot be kept in the ledger") from error
    except PoolTimeoutError as error:
        raise _busy() from error
    except StatementError as error:
        if isinstance(error.orig, Problem):
            raise error.orig from None
        raise


def _of_operation(error: DBAPIError) -> Problem | None:
    text = str(error.orig)
    if "no such table" in text or "no such column" in text:
        return Problem(Code.UNAVAILABLE, _PREPARE, context=_context(error))
    if "disk is full" in text or type(error.orig).__name__ == "DiskFull":
        return Problem(Code.DISK_FULL, "no room is left for the ledger", context=_context(error))
    if "locked" in text or "busy" in text:
        return _busy()
    if isinstance(error.orig, sqlite3.Error) and not any(words in text for words in _OUT_OF_REACH):
        # SQLite reports a wrong statement in the same way, and that is a bug.
        return None
    return LedgerAway(Code.UNAVAILABLE, "the ledger cannot be reached now; try again", context=_context(error))


def _busy() -> Problem:
    return LedgerAway(Code.UNAVAILABLE, f"the ledger was busy for {BUSY_SECONDS} s; try again")


def _context(error: DBAPIError) -> dict[str, object]:
    return {"database": f"{type(error.orig).__name__}: {error.orig}"}


def refused(error: IntegrityError, *names: str) -> bool:
    """Say whether one of the rules ``names`` refused the write: a constraint's name, or what SQLite says of it (``runs.id``, ``FOREIGN KEY``)."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return diagnosis.constraint_name in names
    text = str(error.orig)
    return any(text.endswith(f"constraint failed: {name}") or text == f"{name} constraint failed" for name in names)


def file_of(database: Database) -> Path | None:
    """Return the file of a SQLite ledger, None for PostgreSQL."""
    return Path(str(database.engine.url.database)) if database.dialect == "sqlite" else None
