"""Rows of one slice in a DuckDB session, and the protocols that sources, formats and sinks keep to.

Rows are SQL until the very end: a reader says what can stand after FROM, the mapping wraps it, and a writer either lets DuckDB write
(``Stream.select``) or takes Arrow batches (``Stream.batches``). So nothing goes through Python row by row.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from headrace.core.clock import Clock, Instant
from headrace.core.task import Context, Task
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.request import Conversion, Format, Pack
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is left out, or that fails the transfer.

    ``number``: of the row in its file or query, from 1 (0: not known); ``cells``: its values as text (None: null), or the line as it came as the
    only one where it could not be cut into cells. ``column``: the one that is at fault, if one is.
    """

    reason: Reason
    message: str
    cells: tuple[str | None, ...] = ()
    number: int = 0
    column: str = ""


def nothing_refused() -> Iterable[RefusedRow]:
    """Return no rows."""
    return ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one slice.

    ``relation`` is SQL that can stand after FROM, with exactly the columns ``fields``, in their types; its rows come in the order of the source.
    ``documents``: each row is a JSON object: ``fields`` are the top-level properties that were found, and the relation has one more column,
    ``DOCUMENT_COLUMN``, with the whole object as JSON text. ``repeatable``: it may be read several times, with the same rows in the same order (a
    file that lies here); else once (a query). ``refused`` gives the rows that could not be read at all; it is asked after the last row was read.
    ``taken`` gives the bytes that came so far, of a slice whose size nobody knows before.
    """

    relation: str
    fields: tuple[Field, ...]
    documents: bool = False
    repeatable: bool = True
    refused: Callable[[], Iterable[RefusedRow]] = field(default=nothing_refused)
    taken: Callable[[], int] | None = None


DOCUMENT_COLUMN = "\u0001document"
"""The name of the column with whole documents."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the source that is done at once, or again.

    ``id`` is the same whenever the same version of the same part is meant; ``name`` is for people. ``path``: of a file, relative to the dataset's
    folder. ``data``: what its source needs to open it. ``bytes``: its size, where that is known.
    """

    id: str
    name: str
    path: str = ""
    bytes: int | None = None
    data: Any = None


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that lies on this machine, to be read, not to be changed or removed. ``name``: what it is called in its store, for messages."""

    path: Path
    name: str
    bytes: int
    modified_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Working:
    """What all parts of a transfer may use.

    ``folder``: of this try, for files of any kind; it is removed when the transfer has ended, but for what the journal names. ``key`` is the commit
    key, which outlives tries; ``asked`` as in ``Transfer``. ``file_roots``: the directories of this machine that may be read and written.
    """

    task: Task
    context: Context
    limits: Limits
    clock: Clock
    egress: Egress
    file_roots: tuple[Path, ...] | None
    folder: Path
    key: str
    asked: str
    tolerant: bool
    """Whether faulty rows are left out; a reader that is not tolerant may raise at the first."""


class Reader(Protocol):
    """Reads files of one format: the function ``read`` of a module of ``formats/``."""

    def __call__(
        self, file: LocalFile, form: Format, session: TransferSession, work: Working
    ) -> AbstractContextManager[Rows]:
        """Open a file.

        Raises:
            TransferProblem: ``UNREADABLE``, ``COLUMN_NAME_EMPTY``, … at once, or while the relation is read (see ``TransferSession.translating``).
        """
        ...


class Stream(Protocol):
    """Mapped rows of one slice, for a sink (``mapping.stream.MappedStream``)."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return the columns."""
        ...

    @property
    def documents(self) -> bool:
        """Say whether each row is to be written as one JSON object, which is then the only column, ``DOCUMENT_COLUMN``."""
        ...

    @property
    def session(self) -> TransferSession:
        """Return the session that the rows are in."""
        ...

    @property
    def repeatable(self) -> bool:
        """Say whether it may be read more than once, with the same rows in the same order."""
        ...

    def select(self) -> str | None:
        """Return a query of all rows, in order, that DuckDB can write by itself; it fails at the first row that does not convert.

        None: rows cannot be had in this way. A writer that uses it calls ``took(count)`` when DuckDB has written ``count`` rows. Where the query
        fails with ``duckdb.Error`` or a ``TransferProblem``, it removes what it wrote and takes ``batches``, which finds the faulty rows. Never None
        and not ``repeatable`` at once.
        """
        ...

    def took(self, count: int) -> None:
        """Tell that ``count`` rows were taken by way of ``select``."""
        ...

    def batches(self, rows: int, skip: int = 0) -> Iterator[Any]:
        """Yield record batches of about ``rows`` rows, in order, without those that do not convert, which are told of as refused.

        ``skip``: rows at the beginning (as delivered, without refused ones) that the sink has already; they are read over, and count as read.

        Raises:
            TransferProblem: a row does not convert, and none may be left out.
        """
        ...

    def refuse(self, row: RefusedRow) -> None:
        """Tell of a row that the sink has refused (it was among the delivered ones).

        Raises:
            TransferProblem: none may be left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A file that a writer has finished, on this machine."""

    path: Path
    rows: int


class Writer(Protocol):
    """Writes files of one format; several streams with the same fields, one after the other, into the same file or files."""

    def add(self, stream: Stream) -> None:
        """Write all rows of a stream."""
        ...

    def close(self) -> Sequence[Part]:
        """Finish the last file; return all, in order. One without rows is made when none had any: an empty table is a file, too."""
        ...


@dataclass(frozen=True, slots=True)
class Writing:
    """Where and how a writer writes.

    ``place(n)`` is the path of the n-th file (from 0); its folder is there. ``documents``: as in ``Stream``. ``max_rows``: of one file; None: all in
    one. ``alone``: exactly one stream is added, so DuckDB may write the file by itself. ``pack``: how text formats pack what they write;
    ``inner_name`` is what the file is called inside of an archive. ``conversion``: how text formats write values that are no text.
    """

    place: Callable[[int], Path]
    work: Working
    documents: bool = False
    max_rows: int | None = None
    alone: bool = False
    pack: Pack = field(default_factory=Pack)
    inner_name: str = "data"
    conversion: Conversion = field(default_factory=Conversion)


class WriterMaker(Protocol):
    """Begins files of one format: the function ``write`` of a module of ``formats/``. Left by an exception, nothing of them stays."""

    def __call__(
        self, form: Format, fields: tuple[Field, ...], session: TransferSession, writing: Writing
    ) -> AbstractContextManager[Writer]:
        """Begin."""
        ...


class SourceReader(Protocol):
    """A source that is being read: ``files`` (with ``formats``), ``databases.reading`` or ``services.reading``. It is closed at the end."""

    def slices(self) -> Sequence[Slice]:
        """Return the slices, in the order in which they are to be written where that matters."""
        ...

    def open(self, item: Slice, session: TransferSession) -> AbstractContextManager[Rows]:
        """Open one slice; several threads may, each with its own session."""
        ...

    def close(self) -> None:
        """Let go of everything; also from another thread, to break off."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What writing one slice gave: rows that are in the sink now, bytes that were sent to it, and names of files."""

    rows: int
    bytes: int
    files: tuple[str, ...] = ()


class SinkWriter(Protocol):
    """A sink that is being written: ``databases.writing`` or ``services.writing``; files are ``conduct``'s own. It is closed at the end."""

    def columns(self) -> tuple[Field, ...] | None:
        """Return the columns that it has; None: it takes what comes. Asked before the first slice."""
        ...

    def expect(self, items: Sequence[Slice]) -> None:
        """Take in which slices there are, those that earlier tries have written included. Told before ``begin``."""
        ...

    def begin(self, fields: tuple[Field, ...]) -> None:
        """Prepare, once for all slices: make the table, run the script that comes before. Done again after a crash, it does no harm."""
        ...

    def write(self, item: Slice, stream: Stream) -> Written:
        """Write one slice; several threads may at a time, each another one. Done again after a crash at any line, every row is there once."""
        ...

    def finish(self) -> None:
        """Make visible what is only gathered so far (upserts, one transaction for all). Done again after a crash, it does no harm."""
        ...

    def close(self) -> None:
        """Let go of everything; also from another thread, to break off."""
        ...
