"""Single tokens that were revoked before they expired; for all of a client, see ``clients.next_generation``."""

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.store.database import Transaction
from headrace.store.tables import revoked_tokens as table
from headrace.store.upserts import upsert


def revoke(tx: Transaction, token_id: str, client_id: str, expires_at: Instant, now: Instant) -> None:
    """Say that the token is worth nothing from now on; doing it again changes nothing."""
    values = {"id": token_id, "client_id": client_id, "revoked_at": now, "expires_at": expires_at}
    tx.execute(upsert(tx, table).values(values).on_conflict_do_nothing())


def is_revoked(tx: Transaction, token_id: str) -> bool:
    """Say whether the token was revoked."""
    return tx.first(sa.select(table.c.id).where(table.c.id == token_id)) is not None


def forget(tx: Transaction, before: Instant) -> int:
    """Remove tokens that expired before ``before`` and are refused for that anyway; return how many."""
    return tx.execute(sa.delete(table).where(table.c.expires_at < before)).rowcount
