"""One DuckDB connection of one promotion: shut in, bounded, and stopped within two seconds when somebody asks for it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb

from headrace.core.errors import Code, Problem
from headrace.core.mapping import NativeFunction
from headrace.core.outcome import Figures
from headrace.core.task import Context
from headrace.dataplane.duckdb_settings import FULL, bounded, literal, shut_in
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.natives import called, register
from headrace.dataplane.storage import no_room

__all__ = ["REJECTS", "SCANS", "Session", "identifier", "literal"]

_POLL_SECONDS = 0.5

REJECTS = "unreadable_rows"
"""DuckDB's table of lines that are no rows."""
SCANS = "unreadable_scans"


def identifier(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


class Session:
    """A DuckDB connection that reads and writes only below ``folders`` and spills to ``work``.

    Its methods raise ``Problem``: what the cancellation says, ``DISK_FULL``, ``LIMIT_EXCEEDED`` when memory does not do; any other
    failure of DuckDB comes through as ``duckdb.Error``. Of ``natives`` it registers those that a statement calls.
    """

    def __init__(
        self,
        context: Context,
        limits: Limits,
        work: Path,
        folders: Sequence[Path],
        natives: Sequence[NativeFunction] = (),
    ) -> None:
        self.context = context
        self.limits = limits
        self.work = work
        self._folders = tuple(folders)
        self._natives = {native.name: native for native in natives}
        # A filter that is pushed below a projection would compute every mapping twice.
        config = {**bounded(limits, work), "disabled_optimizers": "filter_pushdown"}
        self._connection = duckdb.connect(":memory:", config=config)
        for setting in ("TimeZone = 'UTC'", "enable_progress_bar = true", "enable_progress_bar_print = false"):
            self._connection.execute(f"SET {setting}")
        # A folder's own name does not lie below the folder: DuckDB asks for it when it numbers the files in it.
        shut_in(self._connection, (work, *folders), paths=folders, settings=["preserve_insertion_order"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement; for results that are known to be small."""
        self.context.cancellation.check()
        for name in called(sql) & self._natives.keys():
            register(self._connection, self._natives.pop(name))
        forget = self.context.cancellation.on_stop(self._connection.interrupt)
        try:
            return self._connection.execute(sql, list(parameters)).fetchall()
        except duckdb.Error as error:
            raise self._problem(error) from error
        finally:
            forget()

    def one(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Return the one value of a statement."""
        return self.rows(sql, parameters)[0][0]

    def described(self, sql: str) -> list[tuple[str, Any]]:
        """Return names and DuckDB's types of the columns that a query yields."""
        self.rows(f"SELECT * FROM ({sql}) LIMIT 0")
        return [(column[0], column[1]) for column in self._connection.description or ()]

    def keep_order(self, *, keep: bool) -> None:
        """Say whether rows must come in the order of the files; not keeping it is faster and needs less memory."""
        self.rows(f"SET preserve_insertion_order = {str(keep).lower()}")

    @contextmanager
    def reporting(self, rows: int | None) -> Iterator[None]:
        """Report rows read so far about twice a second, while a statement that reads ``rows`` rows is carried out."""
        done = threading.Event()

        def report() -> None:
            while not done.wait(_POLL_SECONDS):
                percent = self._connection.query_progress()
                if rows is not None and percent > 0:
                    self.context.progress(Figures(rows_read=min(rows, int(rows * percent / 100))))

        thread = threading.Thread(target=report, name="headrace-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _problem(self, error: duckdb.Error) -> Exception:
        stopped = self.context.cancellation.problem
        if stopped is not None:
            return stopped
        text = str(error).lower()
        if any(sign in text for sign in FULL):
            # DuckDB names the file that it failed to write, unless it was spilling.
            named = (folder for folder in self._folders if f"{folder}/" in str(error) and folder.is_dir())
            return no_room(next(named, self.work))
        if isinstance(error, duckdb.OutOfMemoryException):
            message = f"the promotion needs more memory than memory_limit = {self.limits.memory_limit} allows; raise it, or make rows smaller"
            return Problem(Code.LIMIT_EXCEEDED, message, context={"duckdb": str(error)})
        return error
