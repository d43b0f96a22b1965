"""Webhooks: who is told of runs that end, and the telling.

A subscription is made when its address has answered a challenge. From then on every end of a run that it wants is in the outbox
(``store.webhooks``), and is sent until the address takes it: at least once, each time with the same event, in the words of the run's door.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Clock, Instant, to_iso
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.ids import Ids, derived_uuid
from headrace.core.query import Cursor, Page
from headrace.core.run import RunStatus
from headrace.dataplane.connectors.web import WebClient, WebRequest, parse_url
from headrace.service.sealing import Sealer
from headrace.store import audit, webhooks
from headrace.store.database import Database
from headrace.store.webhooks import TOLD, Delivery, DeliveryStatus, Webhook

__all__ = [
    "EVENT_ID",
    "PAUSES",
    "SIGNATURE",
    "Delivery",
    "DeliveryStatus",
    "Event",
    "Subscription",
    "Webhook",
    "WebhookDesk",
    "deliver_due",
    "list_deliveries",
    "list_webhooks",
    "next_delivery",
    "redeliver",
    "remove_webhook",
    "subscribe",
]

_log = structlog.get_logger(__name__)

SIGNATURE = "x-headrace-signature"
"""The header with ``sha256=`` and the hexadecimal HMAC of the body under the subscription's secret."""
EVENT_ID = "x-headrace-event-id"
"""The header with the event's id: who gets it twice can tell."""
PAUSES = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, DAY)
"""After a try that failed, the next one comes so much later; after the last of these it is given up."""
AT_ONCE = 16
"""Deliveries that one process sends at the same time."""
OF_ONE = 4
"""Of these, so many go to one address at most: one that hangs does not hold up the others."""
_MARGIN = 50 * SECOND
"""How much longer than a request may take a delivery is left to the process that has taken it."""
_MAX_SECRET = 1024
_LATER = frozenset({Code.UNAVAILABLE, Code.DISK_FULL})


@dataclass(frozen=True, slots=True)
class Event:
    """The end of a run, which a door puts into its words. ``id`` always belongs to that run."""

    id: str
    scope: str
    run_id: str
    status: RunStatus


Renderer = Callable[[Event], Json]
"""Returns the body that an event is sent with. Raises a ``Problem`` when the run is not there any more."""


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """What webhooks need. ``renderers``: one for each door, by the first segment of its scopes."""

    database: Database
    clock: Clock
    ids: Ids
    sealer: Sealer
    web: WebClient
    renderers: Mapping[str, Renderer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as it comes in. ``flow_ids`` None: every flow of the scope; ``secret`` empty: bodies are not signed."""

    scope: str
    who: str
    url: str = field(repr=False)
    events: frozenset[RunStatus] = TOLD
    flow_ids: tuple[str, ...] | None = None
    secret: str = field(default="", repr=False)


def subscribe(desk: WebhookDesk, asked: Subscription) -> Webhook:
    """Return the new subscription, after its address has answered ``GET {url}?challenge={token}`` with a body that has the token in it.

    Raises:
        Problem: ``INVALID``: the URL, the events, the secret; ``UNSUPPORTED``: no door has words for the scope; ``EXTERNAL_FAILED``: the challenge
            was not answered; ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE`` or ``SOURCE_TIMEOUT``: as ``WebClient.send``.
    """
    _check(desk, asked)
    url = parse_url(asked.url)
    token = secrets.token_urlsafe(32)
    query = f"{url.query}&challenge={token}" if url.query else f"challenge={token}"
    answer = desk.web.send(WebRequest("GET", url._replace(query=query, fragment="").geturl()))
    if not _is_success(answer.status) or token.encode() not in answer.body:
        what = f"{url.hostname} answered {answer.status} without the challenge's token in the body"
        raise Problem(Code.EXTERNAL_FAILED, f"{what}; it has to send back what ?challenge= gives it")
    now = desk.clock.now()
    webhook = Webhook(
        id=desk.ids.uuid(),
        scope=asked.scope,
        address=url._replace(query="", fragment="").geturl(),
        events=asked.events,
        flow_ids=asked.flow_ids,
        created_by=asked.who,
        created_at=now,
    )
    sealed = desk.sealer.seal(json.dumps([asked.url, asked.secret]), webhook.scope, "webhook", webhook.id)
    with desk.database.transaction() as tx:
        webhooks.insert(tx, webhook, sealed.encode())
        audit.record(tx, webhook.scope, asked.who, "webhook.create", webhook.id, now)
    return webhook


def list_webhooks(database: Database, scope: str | None = None) -> list[Webhook]:
    """Return the subscriptions of ``scope`` (None: of every one), the oldest first."""
    with database.reading() as tx:
        return webhooks.of_scope(tx, scope)


def remove_webhook(database: Database, scope: str | None, webhook_id: str, who: str, clock: Clock) -> Webhook:
    """Remove a subscription and its deliveries; return what it was. A request that is under way may still arrive.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.transaction() as tx:
        webhook = webhooks.get(tx, scope, webhook_id)
        webhooks.delete(tx, webhook.id)
        audit.record(tx, webhook.scope, who, "webhook.remove", webhook.id, clock.now())
        return webhook


def list_deliveries(
    database: Database,
    scope: str | None,
    webhook_id: str,
    *,
    statuses: Collection[DeliveryStatus] = (),
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Delivery]:
    """Return a page of a subscription's deliveries, the newest first; ``cursor`` is the token of the page before.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the limit or the token.
    """
    with database.reading() as tx:
        webhook = webhooks.get(tx, scope, webhook_id)
        return webhooks.deliveries(tx, webhook.id, statuses, limit, None if cursor is None else Cursor.parse(cursor))


def redeliver(database: Database, scope: str | None, delivery_id: str, who: str, clock: Clock) -> Delivery:
    """Send a delivery again, whatever has become of it, with the same event; return it as it is then.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    now = clock.now()
    with database.transaction() as tx:
        delivery = webhooks.get_delivery(tx, delivery_id)
        webhooks.get(tx, scope, delivery.webhook_id)
        webhooks.again(tx, delivery_id, now)
        audit.record(tx, delivery.scope, who, "webhook.redeliver", delivery_id, now)
        return webhooks.get_delivery(tx, delivery_id)


def deliver_due(desk: WebhookDesk, limit: int = AT_ONCE) -> int:
    """Send what is due, several at the same time; return how many tries were made. Any number of processes may do so.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached; what was sent is sent again when it can.
    """
    now = desk.clock.now()
    until = Instant(now + round(desk.web.timeout * SECOND) + _MARGIN)
    with desk.database.reading() as tx:
        first = webhooks.next_due(tx)
    if first is None or first > now:
        return 0
    with desk.database.transaction() as tx:
        taken = webhooks.take(tx, now, until, limit, OF_ONE)
    crash_point("deliveries-taken")
    if taken:
        with ThreadPoolExecutor(len(taken), thread_name_prefix="headrace-webhook") as pool:
            list(pool.map(lambda delivery: _deliver(desk, delivery), taken))
    return len(taken)


def next_delivery(database: Database) -> Instant | None:
    """Return when the first delivery is due, or None."""
    with database.reading() as tx:
        return webhooks.next_due(tx)


def event_id(run_id: str) -> str:
    """Return the id of the event that a run has ended: the same for every subscription, and however often it is sent."""
    return derived_uuid("event", run_id)


def signature(body: bytes, secret: str) -> str:
    """Return what stands in the header ``SIGNATURE``."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _check(desk: WebhookDesk, asked: Subscription) -> None:
    parse_url(asked.url)
    errors = []
    if not asked.events or not asked.events <= TOLD:
        errors.append(FieldError("events", "are no ends of runs that are told of", "succeeded, failed or both"))
    if len(asked.secret) > _MAX_SECRET:
        errors.append(FieldError("secret", "is too long", f"at most {_MAX_SECRET} characters"))
    if asked.flow_ids is not None and not asked.flow_ids:
        errors.append(FieldError("flow_ids", "are none", "leave them out for every flow"))
    if errors:
        raise Problem.of_fields(Code.INVALID, "the subscription", tuple(errors))
    if asked.scope.partition("/")[0] not in desk.renderers:
        known = ", ".join(f"{name}/…" for name in sorted(desk.renderers))
        raise Problem(Code.UNSUPPORTED, f"runs of the scope {asked.scope!r} are not told of; those of {known} are")


def _deliver(desk: WebhookDesk, delivery: Delivery) -> None:
    begun = desk.clock.now()
    entry: dict[str, Json] = {"at": to_iso(begun), "attempt": delivery.attempts}
    try:
        status = _send(desk, delivery)
        entry["status"] = status
        delivered = _is_success(status)
    except Problem as problem:
        if problem.code in _LATER:
            # Not the address is at fault: the lease ends, and the next one tries.
            _log.warning("a delivery could not be made", delivery=delivery.id, problem=problem.message)
            return
        entry["problem"] = problem.message
        delivered = False
    except Exception as error:  # noqa: BLE001 — a bug of a door's words must end in a try that failed, or it would be sent for ever
        _log.exception("a delivery could not be made", delivery=delivery.id)
        entry["problem"] = f"the event could not be put into words: {type(error).__name__}"
        delivered = False
    crash_point("delivery-sent")
    now = desk.clock.now()
    entry["took"] = max(0, now - begun)
    pause = PAUSES[delivery.attempts - 1] if delivery.attempts <= len(PAUSES) else None
    if delivered:
        status_now, next_at = DeliveryStatus.DELIVERED, None
    elif pause is None:
        status_now, next_at = DeliveryStatus.GIVEN_UP, None
    else:
        status_now, next_at = DeliveryStatus.PENDING, Instant(now + pause)
    with desk.database.transaction() as tx:
        webhooks.settle(tx, delivery, status_now, next_at, entry, now)
    if not delivered:
        _log.warning("a webhook did not take its event", delivery=delivery.id, webhook=delivery.webhook_id, **entry)


def _send(desk: WebhookDesk, delivery: Delivery) -> int:
    """Return the status with which the address answered.

    Raises:
        Problem: it did not answer, or there is nothing to send.
    """
    with desk.database.reading() as tx:
        sealed = webhooks.sealed(tx, delivery.webhook_id)
    if sealed is None:
        raise Problem(Code.NOT_FOUND, "the webhook was removed")
    url, secret = json.loads(desk.sealer.open(sealed.decode(), delivery.scope, "webhook", delivery.webhook_id))
    render = desk.renderers.get(delivery.scope.partition("/")[0])
    if render is None:
        raise Problem(Code.UNSUPPORTED, f"runs of the scope {delivery.scope!r} are not told of by this release")
    event = Event(event_id(delivery.run_id), delivery.scope, delivery.run_id, delivery.event)
    body = json.dumps(render(event), separators=(",", ":")).encode()
    headers = {"content-type": "application/json", EVENT_ID: event.id}
    if secret:
        headers[SIGNATURE] = signature(body, secret)
    return desk.web.send(WebRequest("POST", url, headers, body)).status


def _is_success(status: int) -> bool:
    return 200 <= status < 300
