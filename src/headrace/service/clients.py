"""Clients: who may call. A secret is shown once, when it is made; the ledger keeps an argon2 hash."""

import hashlib
import secrets
from dataclasses import dataclass
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from headrace.core.client import Client, Identity, Role
from headrace.core.clock import Clock, Instant
from headrace.core.errors import Code, Problem
from headrace.core.ids import Ids
from headrace.store import audit, clients, settings
from headrace.store.database import Database, Transaction

_SECRET_BYTES = 32
_LONGEST_SECRET = 256
# Secrets are random, so the hash need not be slow to keep them; it is light, and two at once bound what a flood of wrong secrets can take.
_HASHER = PasswordHasher(time_cost=2, memory_cost=8 * 1024, parallelism=1)
_AT_ONCE = BoundedSemaphore(2)
_NOBODY = _HASHER.hash("nobody has this secret")
"""Verified for unknown clients, so that an answer takes as long as for known ones."""


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client just made, and its secret: nobody can show it again."""

    client: Client
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """A client that is asked for. ``scopes``: ``*``, or the beginnings of scope paths. ``service``: it is a service and no user."""

    name: str
    role: Role
    scopes: tuple[str, ...] = ("*",)
    created_by: str = ""
    service: bool = False


def create_client(database: Database, request: ClientRequest, clock: Clock, ids: Ids) -> NewClient:
    """Return a new client with its secret."""
    made = _new_client(request, clock.now(), ids.uuid())
    with database.transaction() as tx:
        _insert(tx, made.client, request.created_by)
    return made


def ensure_admin(database: Database, clock: Clock, ids: Ids) -> NewClient | None:
    """Return an admin client made just now if the installation had no client at all, else None: the first start."""
    request = ClientRequest(name="admin", role=Role.ADMIN, created_by="first start")
    made = _new_client(request, clock.now(), ids.uuid())
    with database.transaction() as tx:
        # Two servers that start at the same moment agree on who makes it.
        if clients.all_of(tx) or not settings.put_once(tx, "setup.first_client", made.client.id, clock.now()):
            return None
        _insert(tx, made.client, request.created_by)
    return made


def list_clients(database: Database) -> tuple[Client, ...]:
    """Return all clients, revoked ones included, oldest first."""
    with database.reading() as tx:
        return tuple(clients.all_of(tx))


def revoke_client(database: Database, client_id: str, who: str, clock: Clock) -> Client:
    """Return the client after taking all its rights, and those of every token it holds, at once. Again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    now = clock.now()
    with database.transaction() as tx:
        client = clients.get(tx, client_id)
        if client.revoked_at is None:
            clients.revoke(tx, client_id, now)
            audit.record(tx, "", who, "client.revoke", client_id, now)
        return clients.get(tx, client_id)


def verify_secret(database: Database, client_id: str, secret: str) -> Identity:
    """Return who it is that shows ``secret``; takes as long for an unknown client as for a wrong secret.

    Raises:
        Problem: ``UNAUTHENTICATED``: unknown, revoked or wrong, without saying which.
    """
    client = find_client(database, client_id)
    usable = client is not None and client.revoked_at is None
    right = _matches(client.secret_hash if client is not None else _NOBODY, secret)
    if client is None or not usable or not right:
        raise Problem(Code.UNAUTHENTICATED, "the client id or its secret is wrong, or the client was revoked")
    return client.identity


def find_client(database: Database, client_id: str) -> Client | None:
    """Return the client, or None."""
    with database.reading() as tx:
        return clients.find(tx, client_id)


def _new_client(request: ClientRequest, now: Instant, client_id: str) -> NewClient:
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    client = Client(client_id, request.name, request.role, request.scopes, _hash(secret), now, service=request.service)
    return NewClient(client, secret)


def _insert(tx: Transaction, client: Client, who: str) -> None:
    clients.insert(tx, client)
    audit.record(tx, "", who, "client.create", client.id, client.created_at)


def _hash(secret: str) -> str:
    with _AT_ONCE:
        return _HASHER.hash(secret)


def _matches(secret_hash: str, secret: str) -> bool:
    # What is longer than any secret is cut to a digest, so that nobody makes the hash work on megabytes.
    shown = secret.encode(errors="replace")
    if len(shown) > _LONGEST_SECRET:
        shown = hashlib.sha256(shown).digest()
    with _AT_ONCE:
        try:
            return _HASHER.verify(secret_hash, shown)
        except (VerificationError, InvalidHashError):
            return False
