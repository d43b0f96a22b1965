"""Webhooks and what they were told."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from headrace.core.client import Identity
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.operation import Nothing
from headrace.core.native.places import (
    AddWebhook,
    AskDelivery,
    AskWebhook,
    DeliveryLine,
    DeliveryList,
    DeliveryTry,
    ListDeliveries,
    ListWebhooks,
    WebhookLine,
    WebhookList,
)
from headrace.core.native.wire import parse_instant
from headrace.core.run import RunStatus
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns
from headrace.service.webhooks import (
    Delivery,
    DeliveryStatus,
    Subscription,
    Webhook,
    redeliver,
    remove_webhook,
    subscribe,
)
from headrace.service.webhooks import list_deliveries as page_of
from headrace.store import webhook_counts, webhooks
from headrace.store.database import Transaction
from headrace.store.webhook_counts import DeliveryCounts
from headrace.store.webhooks import TOLD

NAMES: Mapping[str, RunStatus] = MappingProxyType(
    {
        **{status.value: status for status in TOLD},
        "sources_flow_run_success": RunStatus.SUCCEEDED,
        "sources_flow_run_failed": RunStatus.FAILED,
        "sources_flow_run_failure": RunStatus.FAILED,
    }
)
"""The events that can be asked for, by every name that is taken; those of the Flow Service are among them."""


def list_webhooks(desk: NativeDesk, caller: Identity, asked: ListWebhooks) -> WebhookList:
    """Return the webhooks of the scopes that ``caller`` reaches, newest first.

    Raises:
        Problem: ``NOT_FOUND``: the scope.
    """
    reached = patterns(caller, asked.scope)
    with desk.database.reading() as tx:
        found = [one for one in webhooks.of_scope(tx, None) if _is_in(one.scope, reached)]
        counts = webhook_counts.of_webhooks(tx, [one.id for one in found])
    return WebhookList(items=tuple(_line(one, counts[one.id]) for one in reversed(found)))


def add_webhook(desk: NativeDesk, caller: Identity, asked: AddWebhook) -> WebhookLine:
    """Return a new webhook, after its address has answered a challenge.

    Raises:
        Problem: ``NOT_FOUND``: the scope; what ``service.webhooks.subscribe`` raises.
    """
    scope = asked.scope.strip("/")
    if not caller.reaches(scope):
        raise Problem(Code.NOT_FOUND, f"there is no scope {asked.scope!r} for this client")
    subscription = Subscription(
        scope=scope,
        who=caller.client_id,
        url=asked.url,
        events=_events(asked.events),
        flow_ids=asked.flows or None,
        secret=asked.secret or "",
    )
    return _line(subscribe(desk.webhooks, subscription), DeliveryCounts())


def remove(desk: NativeDesk, caller: Identity, asked: AskWebhook) -> Nothing:
    """Remove a webhook with its deliveries.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        found = _find(tx, caller, asked.webhook)
    remove_webhook(desk.database, found.scope, found.id, caller.client_id, desk.clock)
    return Nothing()


def list_deliveries(desk: NativeDesk, caller: Identity, asked: ListDeliveries) -> DeliveryList:
    """Return a page of a webhook's deliveries, newest first.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: a status, the limit or the cursor.
    """
    statuses = tuple(_status(name) for name in asked.status)
    with desk.database.reading() as tx:
        found = _find(tx, caller, asked.webhook)
    page = page_of(desk.database, found.scope, found.id, statuses=statuses, limit=asked.limit, cursor=asked.cursor)
    return DeliveryList(items=tuple(map(_delivery, page.items)), next=None if page.next is None else page.next.token())


def deliver_again(desk: NativeDesk, caller: Identity, asked: AskDelivery) -> DeliveryLine:
    """Send a delivery again, whatever became of it, and return it.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        delivery = webhooks.get_delivery(tx, asked.delivery)
    if not caller.reaches(delivery.scope):
        raise Problem(Code.NOT_FOUND, f"there is no delivery {asked.delivery!r}")
    return _delivery(redeliver(desk.database, delivery.scope, delivery.id, caller.client_id, desk.clock))


def _find(tx: Transaction, caller: Identity, webhook_id: str) -> Webhook:
    found = webhooks.get(tx, None, webhook_id)
    if not caller.reaches(found.scope):
        raise Problem(Code.NOT_FOUND, f"there is no webhook {webhook_id!r}")
    return found


def _is_in(scope: str, reached: tuple[str, ...] | None) -> bool:
    return reached is None or any(scope == one or scope.startswith(one.rstrip("/") + "/") for one in reached)


def _events(names: tuple[str, ...]) -> frozenset[RunStatus]:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        error = FieldError("events", f"{unknown[0]!r} is no event", "one of " + ", ".join(sorted(NAMES)))
        raise Problem(Code.INVALID, str(error), (error,))
    return frozenset(NAMES[name] for name in names) or TOLD


def _status(name: str) -> DeliveryStatus:
    try:
        return DeliveryStatus(name)
    except ValueError:
        error = FieldError("status", f"{name!r} is no status of deliveries", "one of " + ", ".join(DeliveryStatus))
        raise Problem(Code.INVALID, str(error), (error,)) from None


def _line(webhook: Webhook, counts: DeliveryCounts) -> WebhookLine:
    return WebhookLine(
        id=webhook.id,
        scope=webhook.scope,
        address=webhook.address,
        events=tuple(sorted(event.value for event in webhook.events)),
        flows=webhook.flow_ids or (),
        created_by=webhook.created_by,
        created_at=webhook.created_at,
        pending=counts.pending,
        given_up=counts.given_up,
    )


def _delivery(delivery: Delivery) -> DeliveryLine:
    return DeliveryLine(
        id=delivery.id,
        webhook=delivery.webhook_id,
        run=delivery.run_id,
        event=delivery.event.value,
        status=delivery.status.value,
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        next_at=delivery.next_at,
        tries=tuple(_try(entry) for entry in delivery.log),
    )


def _try(entry: Mapping[str, Json]) -> DeliveryTry:
    status, took = entry.get("status"), entry.get("took")
    return DeliveryTry(
        at=parse_instant(str(entry.get("at"))) or Instant(0),
        status=status if isinstance(status, int) else None,
        took=took if isinstance(took, int) else None,
        message=str(entry.get("problem") or ""),
    )


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "webhooks.list": list_webhooks,
    "webhooks.add": add_webhook,
    "webhooks.remove": remove,
    "webhooks.deliveries": list_deliveries,
    "webhooks.redeliver": deliver_again,
}
"""By the operation's name."""
