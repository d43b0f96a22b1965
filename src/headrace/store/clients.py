"""Clients: who may call. Secrets come in as hashes."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headrace.core.client import Client, Role
from headrace.core.clock import Instant
from headrace.core.codec import encode
from headrace.core.errors import Code, Problem
from headrace.store.database import Transaction
from headrace.store.tables import clients as table


def insert(tx: Transaction, client: Client) -> None:
    """Write a new client.

    Raises:
        Problem: ``CONFLICT``: there is one with its id.
    """
    plain = ("id", "name", "secret_hash", "generation", "service", "created_at", "revoked_at")
    values = {name: getattr(client, name) for name in plain}
    values |= {"role": client.role.value, "scopes": encode(client.scopes)}
    try:
        tx.execute(sa.insert(table).values(values))
    except IntegrityError as error:
        raise Problem(Code.CONFLICT, f"there is a client {client.id!r} already") from error


def find(tx: Transaction, client_id: str) -> Client | None:
    """Return the client, revoked or not; None: there is none."""
    row = tx.first(sa.select(table).where(table.c.id == client_id))
    return None if row is None else _client(row)


def get(tx: Transaction, client_id: str) -> Client:
    """Return the client, revoked or not.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    client = find(tx, client_id)
    if client is None:
        raise _missing(client_id)
    return client


def all_of(tx: Transaction) -> list[Client]:
    """Return every client, revoked ones too, oldest first."""
    return [_client(row) for row in tx.rows(sa.select(table).order_by(table.c.created_at, table.c.id))]


def revoke(tx: Transaction, client_id: str, now: Instant) -> None:
    """End the client and every token of it; one that was revoked stays so.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    revoked_at = sa.func.coalesce(table.c.revoked_at, now)
    values = {"revoked_at": revoked_at, "generation": table.c.generation + 1}
    if tx.execute(sa.update(table).where(table.c.id == client_id).values(values)).rowcount == 0:
        raise _missing(client_id)


def next_generation(tx: Transaction, client_id: str) -> int:
    """End every token that the client has, and return the generation of those that it will get.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    statement = sa.update(table).where(table.c.id == client_id).values(generation=table.c.generation + 1)
    generation = tx.scalar(statement.returning(table.c.generation))
    if generation is None:
        raise _missing(client_id)
    return int(generation)


def _client(row: Mapping[str, Any]) -> Client:
    return Client(**{**row, "role": Role(row["role"]), "scopes": tuple(row["scopes"])})


def _missing(client_id: str) -> Problem:
    return Problem(Code.NOT_FOUND, f"there is no client {client_id!r}")
