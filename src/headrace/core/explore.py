"""Looking into sources and data before anything is run: what may be asked, and what is answered.

The questions are small and their answers bounded; a process of its own answers them (reading a hostile file must not end the process that
serves), so questions and answers are plain values. ``Explorer`` is that process as its callers see it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol, TypeAlias, overload

from headrace.core.clock import Instant
from headrace.core.codec import Json, JsonObject
from headrace.core.condition import Condition
from headrace.core.schema import ColumnType, Schema
from headrace.core.source import FileFormat

MAX_ROWS = 100
"""Most rows of a preview."""
MAX_PLACES = 10_000
"""Most places that one listing answers with."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection document: the process that answers opens it, within ``scope`` and through the guard of what may be reached."""

    KIND: ClassVar[str] = "connection"

    scope: str
    connection: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine: an absolute ``file:///…`` URL within the folders that ``scope`` may read."""

    KIND: ClassVar[str] = "folder"

    scope: str
    root: str


Where: TypeAlias = Connected | Folder


class PlaceType(StrEnum):
    """What a listing finds."""

    FILE = "file"
    FOLDER = "folder"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Place:
    """One thing of a listing.

    ``path`` is what names it in a source: relative to the root, folders with a trailing ``/``; tables as ``schema.table``.
    """

    type: PlaceType
    name: str
    path: str
    bytes: int | None = None
    modified_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the source lets us in; answered with no places, or a problem that says why not."""

    KIND: ClassVar[str] = "check"

    where: Where


@dataclass(frozen=True, slots=True)
class ListPlaces:
    """What lies in ``folder`` (``""``: the root; buckets, containers, or tables and views outside of system schemas), by name."""

    KIND: ClassVar[str] = "list"

    where: Where
    folder: str = ""


@dataclass(frozen=True, slots=True)
class PeekFile:
    """The columns of a file, and its first rows. ``format`` None: find out what it is by its name and its first bytes."""

    KIND: ClassVar[str] = "file"

    where: Where
    path: str
    format: FileFormat | None = None
    rows: int = MAX_ROWS


@dataclass(frozen=True, slots=True)
class PeekTable:
    """The columns of a table, and its first rows that fulfil ``condition``."""

    KIND: ClassVar[str] = "table"

    where: Where
    table: str
    rows: int = MAX_ROWS
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class PeekLake:
    """The first rows of a table of the lake (``table`` as in ``DeltaTarget``); no columns and no rows when nothing was written yet."""

    KIND: ClassVar[str] = "lake"

    table: str
    rows: int = MAX_ROWS


@dataclass(frozen=True, slots=True)
class TryMapping:
    """What a mapping makes of ``rows`` (JSON objects as a JSON file would have them), each validated by ``schema``.

    ``mapping`` is as in ``PromoteSettings``. Answered by ``Tried``.
    """

    KIND: ClassVar[str] = "mapping"

    rows: tuple[JsonObject, ...]
    mapping: Mapping[str, str]
    schema: Schema | None = None


Question: TypeAlias = Check | ListPlaces | PeekFile | PeekTable | PeekLake


@dataclass(frozen=True, slots=True)
class Places:
    """The answer to ``Check`` and ``ListPlaces``; ``complete`` is false when there are more than ``MAX_PLACES``."""

    items: tuple[Place, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class PeekedColumn:
    """A column of a source; ``original`` is the source's own name of its type (``varchar(20)``), where it has one."""

    name: str
    type: ColumnType
    original: str = ""


@dataclass(frozen=True, slots=True)
class Peek:
    """Columns and first rows; values as JSON (instants as ISO 8601 text, binary as base64). ``format``: how a file was read."""

    columns: tuple[PeekedColumn, ...]
    rows: tuple[JsonObject, ...] = ()
    format: FileFormat | None = None


@dataclass(frozen=True, slots=True)
class TriedError:
    """What went wrong in one row: ``row`` counts from 0, ``target`` is the mapping's key (None: the row as a whole)."""

    row: int
    code: str
    message: str
    target: str | None = None
    value: Json = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What a mapping made of rows: one object each, nested as the target is, without nulls."""

    rows: tuple[JsonObject, ...]
    errors: tuple[TriedError, ...] = ()


class Explorer(Protocol):
    """Answers questions, each within a time and memory of its own; ``Problem``s come through as they are."""

    @overload
    def __call__(self, question: Check | ListPlaces, /) -> Places: ...

    @overload
    def __call__(self, question: PeekFile | PeekTable | PeekLake, /) -> Peek: ...

    @overload
    def __call__(self, question: TryMapping, /) -> Tried: ...
