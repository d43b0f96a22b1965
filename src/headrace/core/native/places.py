"""Connections and webhooks, as they are asked for and told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Instant
from headrace.core.codec import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConnections:
    """Connections of all doors (linked services too), newest first."""

    scope: str | None = None
    text: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLine:
    """A connection. ``address``: where it leads, without secrets. ``verbs``: ``test``."""

    id: str
    scope: str
    name: str
    kind: str
    address: str = ""
    enabled: bool = True
    created_at: Instant | None = None
    updated_at: Instant | None = None
    verbs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionList:
    """A page of connections."""

    items: tuple[ConnectionLine, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskConnection:
    """A connection: its id, in its scope."""

    connection: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection in full, what is secret masked. ``flows``: names of flows that use it, as far as the ledger knows."""

    line: ConnectionLine
    options: Mapping[str, Json] = field(default_factory=dict)
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTested:
    """Whether a connection can be reached now; if not, ``message`` says why."""

    good: bool
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhooks:
    """Webhooks, newest first."""

    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookLine:
    """A webhook. ``address`` has no query. ``flows``: ids, empty: of all flows. ``pending``, ``given_up``: deliveries, as far as they are kept."""

    id: str
    scope: str
    address: str
    events: tuple[str, ...]
    flows: tuple[str, ...] = ()
    created_by: str = ""
    created_at: Instant | None = None
    pending: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookList:
    """All webhooks that the caller may see."""

    items: tuple[WebhookLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWebhook:
    """A new webhook; its address has to answer a challenge. ``secret``: signs bodies; None: they are not signed."""

    scope: str
    url: str = field(repr=False)
    events: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskWebhook:
    """A webhook, by id."""

    webhook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeliveries:
    """What a webhook was told, or is still to be told, newest first."""

    webhook: str
    status: tuple[str, ...] = ()
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTry:
    """One try: the HTTP status (None: no answer), how long it took (microseconds), and what went wrong."""

    at: Instant
    status: int | None = None
    took: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """One delivery. ``status``: ``pending``, ``delivered``, ``given_up``."""

    id: str
    webhook: str
    run: str
    event: str
    status: str
    attempts: int
    created_at: Instant
    next_at: Instant | None = None
    tries: tuple[DeliveryTry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryList:
    """A page of deliveries."""

    items: tuple[DeliveryLine, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDelivery:
    """A delivery, by id."""

    delivery: str
