"""Clients: who may call. A secret is shown once, when it is made; the ledger keeps an argon2 hash."""

from dataclasses import dataclass

from headrace.core.client import Client, Identity, Role
from headrace.core.clock import Clock
from headrace.core.ids import Ids
from headrace.store.database import Database


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client just made, and its secret: nobody can show it again."""

    client: Client
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """A client that is asked for. ``scopes``: ``*``, or the beginnings of scope paths."""

    name: str
    role: Role
    scopes: tuple[str, ...] = ("*",)
    created_by: str = ""


def create_client(database: Database, request: ClientRequest, clock: Clock, ids: Ids) -> NewClient:
    """Return a new client with its secret."""
    ...


def ensure_admin(database: Database, clock: Clock, ids: Ids) -> NewClient | None:
    """Return an admin client made just now if the installation had no client at all, else None: the first start."""
    ...


def list_clients(database: Database) -> tuple[Client, ...]:
    """Return all clients, revoked ones included, oldest first."""
    ...


def revoke_client(database: Database, client_id: str, who: str, clock: Clock) -> Client:
    """Return the client after taking all its rights, and those of every token it holds, at once. Again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    ...


def verify_secret(database: Database, client_id: str, secret: str) -> Identity:
    """Return who it is that shows ``secret``; takes as long for an unknown client as for a wrong secret.

    Raises:
        Problem: ``UNAUTHENTICATED``: unknown, revoked or wrong, without saying which.
    """
    ...
