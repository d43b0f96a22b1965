"""What tests of file formats need: a session, what parts of a transfer may use, and a stream of rows without a mapping."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from copy_alone import Alone
from fakes import ManualClock
from headrace.core.task import Cancellation, Task
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import TransferProblem
from headrace.dataplane.transfer.rows import LocalFile, Part, RefusedRow, Rows, Working, Writer, Writing
from headrace.dataplane.transfer.session import TransferEngine, TransferSession
from headrace.dataplane.transfer.values import Field

OpenFile = Callable[[LocalFile, Any, TransferSession, Working], AbstractContextManager[Rows]]
"""The function ``read`` of a module of formats."""
BeginFiles = Callable[[Any, tuple[Field, ...], TransferSession, Writing], AbstractContextManager[Writer]]
"""The function ``write`` of a module of formats."""


def working(folder: Path, limits: Limits | None = None, egress: Egress | None = None) -> Working:
    """Return what parts of a transfer may use, with ``folder`` as the folder of the try."""
    task = Task("local", "f", "r", "r", "Copy", 1, 1, "copy", {}, "the-key")
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return Working(
        task,
        Alone(),
        limits or Limits(),
        ManualClock(),
        egress or Egress(("127.0.0.1", "localhost")),
        None,
        work,
        "the-key",
        "asked",
        tolerant=False,
    )


@contextmanager
def session_in(
    folder: Path, limits: Limits | None = None, cancellation: Cancellation | None = None
) -> Iterator[TransferSession]:
    """Yield a session that reads and writes below ``folder``: of one engine for all tests, unless one of its own is needed."""
    if limits is None and cancellation is None and folder.is_relative_to(tempfile.gettempdir()):
        with _shared().session() as session:
            yield session
        return
    used = limits or Limits(threads=1)
    with TransferEngine(cancellation or Cancellation(), used, folder, (folder,)) as engine, engine.session() as session:
        yield session


@cache
def _shared() -> TransferEngine:
    # An engine takes 40 ms to begin, most tests far less.
    folder = Path(tempfile.mkdtemp(prefix="headrace-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return TransferEngine(Cancellation(), Limits(threads=1), folder, (Path(tempfile.gettempdir()),))


def local(path: Path, name: str = "") -> LocalFile:
    """Return a file of this machine as a reader takes it."""
    return LocalFile(path, name or path.name, path.stat().st_size)


class PlainStream:
    """All rows of a relation as they are. ``broken``: the query that DuckDB may write fails."""

    def __init__(
        self,
        session: TransferSession,
        relation: str,
        fields: tuple[Field, ...],
        *,
        fast: bool = True,
        broken: bool = False,
        documents: bool = False,
    ) -> None:
        self.session, self.relation, self.fields = session, relation, fields
        self.fast, self.broken, self.documents = fast, broken, documents
        self.repeatable = True
        self.taken = 0
        self.refused: list[RefusedRow] = []

    def select(self) -> str | None:
        """Return the query."""
        if self.broken:
            return f"SELECT * FROM {self.relation} WHERE CAST('x' AS INTEGER) = 1"
        return f"SELECT * FROM {self.relation}" if self.fast else None

    def took(self, count: int) -> None:
        """Count."""
        self.taken = count

    def batches(self, rows: int, skip: int = 0) -> Iterator[Any]:
        """Yield the rows."""
        return self.session.batches(f"SELECT * FROM {self.relation} OFFSET {skip}", rows)

    def refuse(self, row: RefusedRow) -> None:
        """Note the row."""
        self.refused.append(row)


def rows_of(
    read: OpenFile, form: Any, path: Path, *, limits: Limits | None = None
) -> tuple[tuple[Field, ...], list[Any]]:
    """Return fields and rows of a file, read twice where that must give the same."""
    with (
        session_in(path.parent, limits) as session,
        read(local(path), form, session, working(path.parent, limits)) as rows,
    ):
        described = session.described(f"SELECT * FROM {rows.relation}")[: len(rows.fields)]
        assert [str(found).replace(" WITH TIME ZONE", "TZ") for _, found in described] == [
            field.sql for field in rows.fields
        ]
        assert [name for name, _ in described] == [field.name for field in rows.fields]
        found = plain(session, rows.relation)
        assert not rows.repeatable or repr(plain(session, rows.relation)) == repr(found)
        return rows.fields, found


def plain(session: TransferSession, relation: str) -> list[Any]:
    """Return the rows of a relation, instants as text."""
    described = session.described(f"SELECT * FROM {relation}")
    columns = ", ".join(
        f'CAST("{name}" AS VARCHAR)' if "ZONE" in str(found) else '"' + name.replace('"', '""') + '"'
        for name, found in described
    )
    return session.rows(f"SELECT {columns} FROM {relation}")


def fault_of(read: OpenFile, form: Any, path: Path, limits: Limits | None = None) -> TransferProblem:
    """Return the problem that a file has."""
    try:
        rows_of(read, form, path, limits=limits)
    except TransferProblem as problem:
        return problem
    raise AssertionError("it was read")


def written(
    write: BeginFiles, form: Any, folder: Path, columns: str, fields: Sequence[Field], **options: Any
) -> tuple[Part, ...]:
    """Write the rows of ``columns`` (SQL of a relation), and return the files; ``options`` are those of ``Writing`` and ``PlainStream``."""
    streams = {name: options.pop(name) for name in ("fast", "broken") if name in options}
    writing = Writing(lambda number: folder / f"part_{number}", working(folder), **options)
    with session_in(folder) as session:
        stream = PlainStream(session, columns, tuple(fields), **streams)
        with write(form, tuple(fields), session, writing) as writer:
            writer.add(stream)
            parts = writer.close()
    return tuple(parts)


__all__ = ["PlainStream", "fault_of", "local", "plain", "rows_of", "session_in", "working", "written"]
