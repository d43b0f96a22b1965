"""DuckDB connections of one transfer: one instance, bounded in memory and shut in, and a session of its own for each slice."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.duckdb_settings import FULL, bounded, literal, shut_in
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.session import identifier
from headrace.dataplane.storage import no_room

__all__ = ["TransferEngine", "TransferSession", "Translate", "identifier", "literal"]

Translate = Callable[[duckdb.Error], Exception | None]
"""Returns what an error of DuckDB means; None: it does not know."""

_ERRORS: Mapping[str, type[duckdb.Error]] = {
    "Out of Memory Error": duckdb.OutOfMemoryException,
    "Conversion Error": duckdb.ConversionException,
    "Out of Range Error": duckdb.OutOfRangeException,
    "Invalid Input Error": duckdb.InvalidInputException,
    "IO Error": duckdb.IOException,
    "INTERRUPT Error": duckdb.InterruptException,
}
"""What DuckDB's errors begin with."""


class TransferEngine:
    """A DuckDB instance that reads and writes only below ``folders``, and spills to ``work``. Several threads may make sessions of it."""

    def __init__(self, cancellation: Cancellation, limits: Limits, work: Path, folders: Sequence[Path]) -> None:
        self.cancellation, self.limits, self.work = cancellation, limits, work
        self._folders = tuple(folders)
        self._connection = duckdb.connect(":memory:", config=bounded(limits, work))
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        shut_in(self._connection, (work, *folders))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextmanager
    def session(self) -> Iterator["TransferSession"]:
        """Open a session: used by one thread."""
        connection = self._connection.cursor()
        try:
            yield TransferSession(self, connection)
        finally:
            connection.close()

    def problem_of(self, error: duckdb.Error) -> Exception:
        """Return what an error of DuckDB means for whoever asked; ``error`` itself where it is not known."""
        stopped = self.cancellation.problem
        if stopped is not None:
            return stopped
        text = str(error).lower()
        if any(sign in text for sign in FULL):
            named = (folder for folder in self._folders if f"{folder}/" in str(error) and folder.is_dir())
            return no_room(next(named, self.work))
        if isinstance(error, duckdb.OutOfMemoryException):
            message = f"the copy needs more memory than memory_limit = {self.limits.memory_limit} allows; raise it, or make rows smaller"
            return Problem(Code.LIMIT_EXCEEDED, message, context={"duckdb": str(error)})
        return error


class TransferSession:
    """One connection.

    Its methods raise what the cancellation says, ``DISK_FULL``, ``LIMIT_EXCEEDED``, what ``translating`` makes of an error, else ``duckdb.Error``.
    """

    def __init__(self, engine: TransferEngine, connection: Any) -> None:
        self.engine = engine
        self._connection = connection
        self._numbers = itertools.count(1)
        self._translators: list[Translate] = []

    @contextmanager
    def translating(self, translate: Translate) -> Iterator[None]:
        """Let ``translate`` say what errors mean that come until the end of the block, wherever the statement is made (a reader knows its format)."""
        self._translators.append(translate)
        try:
            yield
        finally:
            self._translators.remove(translate)

    def register(self, source: Any) -> str:
        """Make a table, batches or a ``RecordBatchReader`` of Arrow known; return the quoted name that it has in SQL. A reader may be read once."""
        name = f"arrow_{next(self._numbers)}"
        self._connection.register(name, source)
        return identifier(name)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement; for results that are known to be small."""
        with self._asking():
            return list(self._connection.execute(sql, list(parameters)).fetchall())

    def one(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Return the one value of a statement."""
        return self.rows(sql, parameters)[0][0]

    def described(self, sql: str) -> list[tuple[str, Any]]:
        """Return names and DuckDB's types of the columns that a query yields."""
        self.rows(f"SELECT * FROM ({sql}) LIMIT 0")
        return [(column[0], column[1]) for column in self._connection.description or ()]

    def batches(self, sql: str, rows: int) -> Iterator[Any]:
        """Yield the record batches of a query, little by little, in order; one query at a time."""
        with self._asking():
            reader = self._connection.sql(sql).to_arrow_reader(rows)
        while True:
            with self._asking():
                try:
                    batch = next(reader, None)
                except (OSError, pa.ArrowException) as error:
                    # Arrow hands on the words of DuckDB's error, and no more of it.
                    raise _as_duckdb_error(str(error)) from error
            if batch is None:
                return
            yield batch

    @contextmanager
    def _asking(self) -> Iterator[None]:
        cancellation = self.engine.cancellation
        cancellation.check()
        forget = cancellation.on_stop(self._connection.interrupt)
        try:
            yield
        except duckdb.Error as error:
            raise self._meant(error) from error
        finally:
            forget()

    def _meant(self, error: duckdb.Error) -> Exception:
        known = self.engine.problem_of(error)
        if known is not error:
            return known
        found = (translate(error) for translate in reversed(self._translators))
        return next((meaning for meaning in found if meaning is not None), error)


def _as_duckdb_error(said: str) -> duckdb.Error:
    kind = next((kind for start, kind in _ERRORS.items() if said.startswith(start)), duckdb.Error)
    return kind(said)
