"""Records: the rows of a sheet, with what is wrong with each cell; and selections of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from headrace.core.clock import Instant
from headrace.core.codec import Json


class Level(StrEnum):
    """How bad a message is; only errors make a cell invalid."""

    ERROR = "error"
    WARN = "warn"
    INFO = "info"


class MessageSource(StrEnum):
    """Where a message comes from. All but ``CUSTOM`` are ours, and made anew with each change."""

    REQUIRED = "required-constraint"
    UNIQUE = "unique-constraint"
    OPTION = "invalid-option"
    UNLINKED = "unlinked"
    TYPE = "is-artifact"
    CUSTOM = "custom-logic"


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said about a cell."""

    level: Level
    source: MessageSource
    text: str
    path: str | None = None


Messages: TypeAlias = Mapping[str, tuple[Message, ...]]
"""Messages by field key; fields without any are left out."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is kept. ``position`` is its place in its sheet, in the order of insertion; it never changes and is never used again.

    ``values`` has what is not null, by field key. ``updated_commit``: the number of the newest commit that touched it.
    """

    position: int
    id: str
    values: Mapping[str, Json]
    messages: Messages
    valid: bool
    metadata: Mapping[str, Json]
    config: Mapping[str, Json]
    updated_commit: int
    updated_at: Instant


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be inserted. ``values`` and ``messages`` (of source ``CUSTOM``) by field key; ``id`` None: one is made."""

    values: Mapping[str, Json]
    messages: Messages = field(default_factory=dict)
    metadata: Mapping[str, Json] = field(default_factory=dict)
    config: Mapping[str, Json] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A change of one record. A field that ``values`` does not have keeps its value; one with null loses it.

    ``messages``: for each field that it has, the place of its ``CUSTOM`` messages is taken (an empty tuple removes them). ``metadata`` and ``config``
    None: they stay; else they are replaced as a whole.
    """

    id: str
    values: Mapping[str, Json] = field(default_factory=dict)
    messages: Messages = field(default_factory=dict)
    metadata: Mapping[str, Json] | None = None
    config: Mapping[str, Json] | None = None


class Standing(StrEnum):
    """Which records a selection begins with."""

    ALL = "all"
    VALID = "valid"
    ERROR = "error"
    NONE = "none"


class Operator(StrEnum):
    """Comparisons of filters."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    GT = "gt"
    LTE = "lte"
    GTE = "gte"
    LIKE = "like"
    ILIKE = "ilike"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class Compare:
    """``field`` (None: any) compares with ``value`` (None: null)."""

    field: str | None
    operator: Operator
    value: str | None


@dataclass(frozen=True, slots=True)
class Is:
    """``field`` (None: any) has an error, has a warning, or has no error (``state``: error, warning, valid)."""

    field: str | None
    state: str


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold."""

    terms: tuple["RecordFilter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them holds."""

    terms: tuple["RecordFilter", ...]


RecordFilter: TypeAlias = Compare | Is | And | Or
"""What a filter language compiles to; fields are keys of the blueprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records of a sheet, in which order. The default is all of them in the order of insertion.

    ``standing`` with ``standing_field``: valid or error in that cell. ``search``: a case-insensitive substring in ``search_field`` (None: any field),
    or the whole value with ``search_whole``. ``ids``: just these; with ``excludes``, all others. ``commit``: touched by the commit with that number;
    ``since_commit``: by it or a later one. ``sort_field`` None: order of insertion.
    """

    standing: Standing = Standing.ALL
    standing_field: str | None = None
    search: str | None = None
    search_field: str | None = None
    search_whole: bool = False
    where: RecordFilter | None = None
    ids: tuple[str, ...] | None = None
    excludes: bool = False
    commit: int | None = None
    since_commit: int | None = None
    sort_field: str | None = None
    descending: bool = False

    @property
    def is_everything(self) -> bool:
        """Say whether every record of the sheet is selected."""
        return self == Selection(sort_field=self.sort_field, descending=self.descending)


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """Of one field: how many records there are, how many have it without and with an error, and how many have it empty."""

    total: int
    valid: int
    error: int
    empty: int


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """How many records a selection has."""

    total: int
    valid: int
    error: int
    by_field: Mapping[str, FieldCounts] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One change of a sheet's records. ``number`` counts within the sheet. ``completed_at`` None: somebody is to say that it is complete."""

    id: str
    sheet_id: str
    number: int
    created_by: str
    created_at: Instant
    completed_by: str | None = None
    completed_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitWish:
    """How a change of records is to be committed.

    ``actor_id``: who changes. ``silent``: nobody is told. ``forced``: listeners are told in any case. ``joins``: the id of a commit of
    the same sheet that this write-back belongs to: nobody is told, and that commit becomes complete. ``request``: as ``Actor.request``.
    """

    actor_id: str
    request: str = ""
    silent: bool = False
    forced: bool = False
    joins: str | None = None
