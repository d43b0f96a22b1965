"""The installation itself, as it is asked for and told of: workers, clients, keys, the audit, who is asking."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.client import Role
from headrace.core.clock import Instant
from headrace.core.codec import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who asks. ``scopes``: ``*``, or the beginnings of scopes."""

    client: str
    name: str
    role: Role
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The installation: its version, its database (``sqlite``, ``postgresql``), how much is open, and the scopes that the caller may see.

    ``oldest_queued``: when the run was made that waits longest for a worker. ``problems``: what is wrong, a sentence each (no worker alive …).
    """

    version: str
    database: str
    now: Instant
    workers: int
    open: Mapping[str, int]
    scopes: tuple[str, ...]
    oldest_queued: Instant | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLine:
    """A worker. ``status``: ``alive``, ``dead``, ``stopped``. ``late``: its heartbeat is overdue. ``activities``: what it does, as ``run path``."""

    id: str
    status: str
    host: str
    pid: int
    started_at: Instant
    heartbeat_at: Instant
    ended_at: Instant | None = None
    generation: int = 1
    late: bool = False
    running: int = 0
    activities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerList:
    """All workers that the ledger still knows, the living ones first."""

    items: tuple[WorkerLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLine:
    """Somebody who may call."""

    id: str
    name: str
    role: Role
    scopes: tuple[str, ...]
    created_at: Instant
    revoked_at: Instant | None = None
    service: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientList:
    """All clients, revoked ones too, oldest first."""

    items: tuple[ClientLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClient:
    """A new client."""

    name: str
    role: Role = Role.OPERATOR
    scopes: tuple[str, ...] = ("*",)
    service: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMade:
    """A new client and its secret: nobody can show it again."""

    client: ClientLine
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskClient:
    """A client, by id."""

    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """A key of the Jobs door. ``kind``: ``secret``, ``publishable``, ``personal``. ``environment``: its id; None: every one."""

    id: str
    name: str
    kind: str
    environment: str | None
    created_at: Instant
    created_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList:
    """The keys that are good."""

    items: tuple[KeyLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """A new key. ``environment``: its id or name; None: the first one."""

    kind: str = "secret"
    name: str = ""
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    """A new key and its token: nobody can show it again."""

    key: KeyLine
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskKey:
    """A key, by id."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAudit:
    """Who did what, newest first. ``who``, ``action``, ``object``: exactly these; ``action`` may end with ``.*``."""

    scope: str | None = None
    who: str | None = None
    action: str | None = None
    object: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One deed. ``scope`` is empty for what concerns the installation."""

    id: int
    at: Instant
    who: str
    action: str
    object: str
    scope: str = ""
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditList:
    """A page of deeds."""

    items: tuple[AuditLine, ...]
    next: str | None = None
