"""Watermarks: up to where the rows of a source were delivered."""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.store.database import Transaction
from headrace.store.tables import watermarks
from headrace.store.upserts import upsert


@dataclass(frozen=True, slots=True)
class Watermark:
    """Rows before ``value`` were delivered; ``run_id`` is the run that moved it there."""

    scope: str
    flow_id: str
    key: str
    value: Instant
    run_id: str
    revision: int
    updated_at: Instant


def get(tx: Transaction, scope: str, flow_id: str, key: str) -> Watermark | None:
    """Return the watermark, or None where nothing was delivered yet."""
    columns = (watermarks.c.scope, watermarks.c.flow_id, watermarks.c.key)
    row = tx.first(sa.select(watermarks).where(*(c == v for c, v in zip(columns, (scope, flow_id, key), strict=True))))
    return None if row is None else Watermark(**row)


def of_flow(tx: Transaction, scope: str, flow_id: str) -> list[Watermark]:
    """Return every watermark of a flow, by key."""
    mine = (watermarks.c.scope == scope, watermarks.c.flow_id == flow_id)
    rows = tx.rows(sa.select(watermarks).where(*mine).order_by(watermarks.c.key))
    return [Watermark(**row) for row in rows]


def advance(  # noqa: PLR0913, PLR0917 — the key has three parts
    tx: Transaction, scope: str, flow_id: str, key: str, to: Instant, run_id: str, now: Instant | None = None
) -> bool:
    """Move the watermark to ``to``; say whether it moved. One that stands there or further stays: it never goes back.

    Do it in the transaction that marks the run succeeded. ``now`` is when (default: ``to``).
    """
    at = to if now is None else now
    statement = upsert(tx, watermarks).values(
        scope=scope, flow_id=flow_id, key=key, value=to, run_id=run_id, revision=1, updated_at=at
    )
    statement = statement.on_conflict_do_update(
        index_elements=["scope", "flow_id", "key"],
        set_={"value": to, "run_id": run_id, "revision": watermarks.c.revision + 1, "updated_at": at},
        where=watermarks.c.value < to,
    )
    return tx.execute(statement).rowcount == 1
