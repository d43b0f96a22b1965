"""Connections: where databases are and how to log in there. What is secret in them is sealed, and never given back to a caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Clock
from headrace.core.query import Page
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.service.sealing import Sealer
from headrace.store.database import Database

KIND = "connection"
"""The kind of connection documents in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDraft:
    """A connection as it comes in. ``url`` may carry a password; ``options`` are sealed whole. ``id`` None: a new one."""

    scope: str
    name: str
    kind: str
    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection as callers see it: ``url`` and the values of ``options`` have ``******`` where secrets are."""

    id: str
    scope: str
    name: str
    kind: str
    url: str
    options: Mapping[str, str]
    revision: int


def put_connection(database: Database, draft: ConnectionDraft, who: str, sealer: Sealer, clock: Clock) -> Connection:
    """Return the connection as it is kept now; the id is the draft's, else the one that always belongs to scope and name.

    Raises:
        Problem: ``INVALID``: the URL has another form than its kind's; the message does not repeat it.
    """
    ...


def get_connection(database: Database, scope: str | None, connection_id: str) -> Connection:
    """Return the connection, masked.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    ...


def page_connections(database: Database, scope: str, limit: int = 50, cursor: str | None = None) -> Page[Connection]:
    """Return a page of the scope's connections, masked; ``cursor`` is the token of the page before."""
    ...


def resolve(database: Database, scope: str, connection_id: str, sealer: Sealer) -> ConnectionInfo:
    """Return the connection with its secrets, for the data plane only.

    Raises:
        Problem: ``NOT_FOUND``; ``UNAVAILABLE``: the key that sealed it is not here.
    """
    ...
