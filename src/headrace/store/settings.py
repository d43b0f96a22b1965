"""Facts about the installation that the ledger keeps, by key (``setup.first_client``); not the settings of ``headrace.config``."""

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.store.database import Transaction
from headrace.store.tables import settings as table
from headrace.store.upserts import upsert


def get(tx: Transaction, key: str) -> Json:
    """Return what is kept under ``key``; None: nothing."""
    row = tx.first(sa.select(table.c.value).where(table.c.key == key))
    return None if row is None else row["value"]


def put(tx: Transaction, key: str, value: Json, now: Instant) -> None:
    """Keep ``value`` (never null) under ``key``, in the place of what is there."""
    statement = upsert(tx, table).values(key=key, value=value, updated_at=now)
    tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value, "updated_at": now}))


def put_once(tx: Transaction, key: str, value: Json, now: Instant) -> bool:
    """Keep ``value`` under ``key`` unless something is there; say whether it was kept. Of several at once, one does."""
    statement = upsert(tx, table).values(key=key, value=value, updated_at=now)
    return tx.execute(statement.on_conflict_do_nothing()).rowcount == 1


def delete(tx: Transaction, key: str) -> None:
    """Keep nothing under ``key``."""
    tx.execute(sa.delete(table).where(table.c.key == key))
