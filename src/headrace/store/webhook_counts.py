"""How webhooks stand: deliveries that are to be made, and those that were given up."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.store.database import Transaction
from headrace.store.scopes import within
from headrace.store.tables import webhook_deliveries as outbox

# Written out, as the indexes have it: of a bound value SQLite cannot see that it fits.
_GIVEN_UP = outbox.c.status == sa.literal_column("'given_up'", sa.Text)
_PENDING = outbox.c.next_at.is_not(None)


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """Deliveries of one webhook, as far as they are kept."""

    pending: int = 0
    given_up: int = 0


def of_webhooks(tx: Transaction, webhook_ids: Collection[str]) -> dict[str, DeliveryCounts]:
    """Return how each of these webhooks stands."""
    pending, given_up = _count(tx, webhook_ids, _PENDING), _count(tx, webhook_ids, _GIVEN_UP)
    return {one: DeliveryCounts(pending.get(one, 0), given_up.get(one, 0)) for one in webhook_ids}


def given_up(tx: Transaction, patterns: Collection[str] | None, since: Instant) -> int:
    """Return how many deliveries were given up from ``since`` on, in scopes of ``patterns`` (None: in all)."""
    mine = [] if patterns is None else [within(outbox.c.scope, patterns)]
    return int(
        tx.scalar(sa.select(sa.func.count()).select_from(outbox).where(_GIVEN_UP, outbox.c.updated_at >= since, *mine))
    )


def _count(tx: Transaction, webhook_ids: Collection[str], which: sa.ColumnElement[bool]) -> dict[str, int]:
    statement = (
        sa.select(outbox.c.webhook_id, sa.func.count().label("number"))
        .where(which, outbox.c.webhook_id.in_(webhook_ids))
        .group_by(outbox.c.webhook_id)
    )
    return {row["webhook_id"]: int(row["number"]) for row in tx.rows(statement)}
