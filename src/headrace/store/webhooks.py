"""Webhooks: who wants to be told of runs that end, and the outbox of what is to be delivered to them.

A delivery is written in the transaction that ends its run. Whoever sends it takes it by compare-and-set for a while (the lease); if that process
dies, the lease ends and another one sends it: at least once, with the same event.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.query import Cursor, Order, Page
from headrace.core.run import RunStatus
from headrace.core.upload import OF_UPLOADS
from headrace.store.database import Transaction
from headrace.store.paging import from_position
from headrace.store.tables import runs
from headrace.store.tables import webhook_deliveries as outbox
from headrace.store.tables import webhooks as table
from headrace.store.upserts import upsert

TOLD = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED})
"""The ends of runs that are told of; of a cancelled run nobody is."""
LOG = 20
"""Tries that a delivery's log holds, the newest."""

# A subscription that is removed at this moment waits for us, or is not seen: a delivery to nobody would refuse the end of the run.
_WHO = (
    sa.select(table.c.id, table.c.scope, table.c.events, table.c.flow_ids, runs.c.flow_id)
    .select_from(sa.join(table, runs, runs.c.scope == table.c.scope))
    # What no flow has made (uploads) is nobody's news.
    .where(runs.c.id == sa.bindparam("its_run_id"), runs.c.flow_id != OF_UPLOADS)
    .with_for_update(read=True, key_share=True, of=table)
)


class DeliveryStatus(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    """It is to be sent, or is being sent."""
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    """Every try has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A subscription.

    ``events``: the ends of runs that it wants; ``flow_ids`` None: of every flow of the scope. ``address``: its URL without the query.
    """

    id: str
    scope: str
    address: str
    events: frozenset[RunStatus]
    flow_ids: tuple[str, ...] | None
    created_by: str
    created_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one webhook. ``log``: an object for each try: ``at``, ``status`` or ``problem``, ``took`` (microseconds), oldest first."""

    id: str
    scope: str
    webhook_id: str
    run_id: str
    event: RunStatus
    status: DeliveryStatus
    attempts: int
    next_at: Instant | None
    log: tuple[Mapping[str, Json], ...]
    created_at: Instant
    updated_at: Instant


def insert(tx: Transaction, webhook: Webhook, sealed: bytes) -> None:
    """Write a new subscription; ``sealed`` holds its URL and secret."""
    values = {
        "id": webhook.id,
        "scope": webhook.scope,
        "address": webhook.address,
        "events": sorted(event.value for event in webhook.events),
        "flow_ids": None if webhook.flow_ids is None else list(webhook.flow_ids),
        "sealed": sealed,
        "created_by": webhook.created_by,
        "created_at": webhook.created_at,
    }
    tx.execute(sa.insert(table).values(values))


def get(tx: Transaction, scope: str | None, webhook_id: str) -> Webhook:
    """Return the subscription; with ``scope`` None, whichever it is in.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    statement = sa.select(table).where(table.c.id == webhook_id)
    row = tx.first(statement if scope is None else statement.where(table.c.scope == scope))
    if row is None:
        raise Problem(Code.NOT_FOUND, f"there is no webhook {webhook_id!r}")
    return _webhook(row)


def sealed(tx: Transaction, webhook_id: str) -> bytes | None:
    """Return what is sealed of a subscription; None: there is none."""
    return tx.scalar(sa.select(table.c.sealed).where(table.c.id == webhook_id))  # type: ignore[no-any-return]  # bytes or None


def of_scope(tx: Transaction, scope: str | None) -> list[Webhook]:
    """Return the subscriptions of ``scope`` (None: of every one), the oldest first."""
    statement = sa.select(table).order_by(table.c.created_at, table.c.id)
    return [_webhook(row) for row in tx.rows(statement if scope is None else statement.where(table.c.scope == scope))]


def delete(tx: Transaction, webhook_id: str) -> None:
    """Remove a subscription with all its deliveries: nothing more is sent to it."""
    tx.execute(sa.delete(outbox).where(outbox.c.webhook_id == webhook_id))
    tx.execute(sa.delete(table).where(table.c.id == webhook_id))


def tell(tx: Transaction, run_id: str, status: RunStatus, now: Instant) -> None:
    """Write a delivery for everybody who wants to know that the run has ended so, in the transaction that ends it."""
    if status not in TOLD:
        return
    wanted = [row for row in tx.rows(_WHO, {"its_run_id": run_id}) if _wants(row, status)]
    for row in wanted:
        values = {
            "id": derived_uuid("delivery", row["id"], run_id),
            "scope": row["scope"],
            "webhook_id": row["id"],
            "run_id": run_id,
            "event": status.value,
            "status": DeliveryStatus.PENDING.value,
            "attempts": 0,
            "next_at": now,
            "log": [],
            "created_at": now,
            "updated_at": now,
        }
        tx.execute(upsert(tx, outbox).values(values).on_conflict_do_nothing())


def take(tx: Transaction, now: Instant, until: Instant, limit: int, each: int) -> list[Delivery]:
    """Take deliveries that are due, at most ``each`` of one webhook; nobody else is given them before ``until``. The tries count from now on."""
    waiting = sa.and_(outbox.c.next_at.is_not(None), outbox.c.next_at <= now)
    ordered = sa.func.row_number().over(partition_by=outbox.c.webhook_id, order_by=(outbox.c.next_at, outbox.c.id))
    ranked = sa.select(outbox.c.id, ordered.label("place")).where(waiting).subquery()
    chosen = sa.select(ranked.c.id).where(ranked.c.place <= each)
    statement = sa.select(outbox).where(outbox.c.id.in_(chosen)).order_by(outbox.c.next_at, outbox.c.id).limit(limit)
    taken = []
    for row in tx.rows(statement):
        mine = (outbox.c.id == row["id"], outbox.c.attempts == row["attempts"], outbox.c.next_at == row["next_at"])
        changed = {"next_at": until, "attempts": row["attempts"] + 1, "updated_at": now}
        if tx.execute(sa.update(outbox).where(*mine).values(**changed)).rowcount == 1:
            taken.append(_delivery({**row, **changed}))
    return taken


def settle(
    tx: Transaction,
    delivery: Delivery,
    status: DeliveryStatus,
    next_at: Instant | None,
    entry: Mapping[str, Json],
    now: Instant,
) -> bool:
    """Write what has become of the try that ``delivery`` was taken for; False: somebody else has taken it since, and that one counts."""
    mine = (
        outbox.c.id == delivery.id,
        outbox.c.attempts == delivery.attempts,
        # The end of the lease: begun anew by somebody, the delivery may be at the same try again.
        outbox.c.next_at == delivery.next_at,
        outbox.c.status == DeliveryStatus.PENDING.value,
    )
    log = [*delivery.log, dict(entry)][-LOG:]
    statement = sa.update(outbox).where(*mine)
    return tx.execute(statement.values(status=status.value, next_at=next_at, log=log, updated_at=now)).rowcount == 1


def again(tx: Transaction, delivery_id: str, now: Instant) -> None:
    """Let a delivery begin anew, whatever became of it: it is due now, and its tries count from one."""
    statement = sa.update(outbox).where(outbox.c.id == delivery_id)
    tx.execute(statement.values(status=DeliveryStatus.PENDING.value, next_at=now, attempts=0, updated_at=now))


def get_delivery(tx: Transaction, delivery_id: str) -> Delivery:
    """Return the delivery.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    row = tx.first(sa.select(outbox).where(outbox.c.id == delivery_id))
    if row is None:
        raise Problem(Code.NOT_FOUND, f"there is no delivery {delivery_id!r}")
    return _delivery(row)


def deliveries(
    tx: Transaction, webhook_id: str, statuses: Collection[DeliveryStatus], limit: int, cursor: Cursor | None = None
) -> Page[Delivery]:
    """Return a page of a subscription's deliveries, the newest first; no ``statuses``: of every one."""
    statement = sa.select(outbox).where(outbox.c.webhook_id == webhook_id)
    if statuses:
        statement = statement.where(outbox.c.status.in_(sorted(status.value for status in statuses)))
    order = Order("created_at", descending=True)
    rows = tx.rows(from_position(statement, (outbox.c.created_at, outbox.c.id), order, cursor, limit))
    found = tuple(_delivery(row) for row in rows[:limit])
    return Page(found, Cursor((found[-1].created_at, found[-1].id)) if len(rows) > limit else None)


def next_due(tx: Transaction) -> Instant | None:
    """Return when the first delivery is due, or None."""
    found = tx.scalar(sa.select(sa.func.min(outbox.c.next_at)).where(outbox.c.next_at.is_not(None)))
    return None if found is None else Instant(int(found))


def _wants(row: Mapping[str, Any], status: RunStatus) -> bool:
    flow_ids: Sequence[str] | None = row["flow_ids"]
    return status.value in row["events"] and (flow_ids is None or row["flow_id"] in flow_ids)


def _webhook(row: Mapping[str, Any]) -> Webhook:
    return Webhook(
        id=row["id"],
        scope=row["scope"],
        address=row["address"],
        events=frozenset(RunStatus(event) for event in row["events"]),
        flow_ids=None if row["flow_ids"] is None else tuple(row["flow_ids"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _delivery(row: Mapping[str, Any]) -> Delivery:
    values = {**row, "event": RunStatus(row["event"]), "status": DeliveryStatus(row["status"])}
    return Delivery(**{**values, "log": tuple(row["log"])})
