"""The workspace that jobs work in: environments, spaces, workbooks, sheets, files and what belongs to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.core.blueprint import Blueprint
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.record import Commit


class ResourceKind(StrEnum):
    """Kinds of resources; each has the fields of its own in ``Resource.body``."""

    ACCOUNT = "account"
    ENVIRONMENT = "environment"
    SPACE = "space"
    WORKBOOK = "workbook"
    FILE = "file"
    DOCUMENT = "document"
    ACTION = "action"
    SECRET = "secret"  # noqa: S105 — a kind, no secret
    KEY = "key"
    """A secret key, a publishable key or a personal access token: ``name`` is the digest by which it is found."""


class KeyKind(StrEnum):
    """Kinds of keys."""

    SECRET = "secret"  # noqa: S105 — a kind, no secret
    """All of one environment."""
    PUBLISHABLE = "publishable"
    """Some operations of one environment, for what everybody can read."""
    PERSONAL = "personal"
    """All environments of the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A thing of the workspace. ``parent_id`` is what it belongs to (the space of a workbook, the target of an action).

    ``name`` is what it is found by, beside its id; ``slug`` is its namespace (spaces, workbooks), its mode (files). ``body`` has what was sent.
    """

    scope: str
    kind: ResourceKind
    id: str
    name: str
    body: Mapping[str, Json]
    created_by: str
    created_at: Instant
    updated_at: Instant
    parent_id: str | None = None
    space_id: str | None = None
    slug: str | None = None
    archived_at: Instant | None = None
    revision: int = 1


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A sheet without its records. ``number`` is its key in the tables of records.

    ``next_position``, ``next_commit``: what the next record and the next commit get. ``place``: its place in the workbook. Counts are of its records.
    """

    id: str
    number: int
    scope: str
    space_id: str
    workbook_id: str
    name: str
    slug: str
    blueprint: Blueprint
    created_at: Instant
    updated_at: Instant
    place: int = 0
    next_position: int = 0
    next_commit: int = 1
    metadata: Json = None
    locked_by: str | None = None
    locked_at: Instant | None = None
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The records of a sheet as they were after commit ``commit``. ``fields``: the blueprint's raw fields then."""

    id: str
    sheet_id: str
    commit: int
    created_by: str
    created_at: Instant
    label: str | None = None
    fields: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What a write of records did: its commit (of several, the last; None: nothing changed), and how many records it made, changed and removed."""

    commit: Commit | None
    created: int = 0
    updated: int = 0
    deleted: int = 0
    created_ids: tuple[str, ...] = field(default=())
