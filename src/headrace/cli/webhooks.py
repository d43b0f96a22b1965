"""``headrace webhooks``: who is told of runs that end."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from headrace.api.flowservice.translate.notification import EVENTS
from headrace.bootstrap.timers import webhook_desk
from headrace.cli.options import who
from headrace.cli.output import Output, moment, one_line
from headrace.cli.rendering import instant
from headrace.cli.session import opened
from headrace.core.codec import Json, encode
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.run import RunStatus
from headrace.service.webhooks import (
    Delivery,
    DeliveryStatus,
    Subscription,
    Webhook,
    list_deliveries,
    list_webhooks,
    redeliver,
    remove_webhook,
    subscribe,
)
from headrace.store.webhooks import TOLD

_NAMES = {**EVENTS, **{status.value: status for status in TOLD}}


@dataclass(frozen=True, slots=True)
class Wish:
    """A subscription as it is asked for on the command line."""

    url: str
    scope: str
    events: tuple[str, ...]
    flows: tuple[str, ...]
    secret_file: Path | None


def add(home: Path | None, wish: Wish, output: Output) -> int:
    """Subscribe an address, which has to answer a challenge."""
    asked = Subscription(
        scope=wish.scope,
        who=who(),
        url=wish.url,
        events=_events(wish.events),
        flow_ids=wish.flows or None,
        secret=_secret(wish.secret_file),
    )
    with opened(home) as application:
        webhook = subscribe(webhook_desk(application), asked)
    if output.is_json:
        output.document(_document(webhook))
    else:
        output.say(f"webhook {webhook.id} is told of {_told(webhook)} in {webhook.scope}")
        if not asked.secret:
            output.note("its bodies are not signed; give a secret with --secret-file to let the receiver check them")
    return 0


def show_list(home: Path | None, scope: str | None, output: Output) -> int:
    """List the subscriptions."""
    with opened(home) as application:
        found = list_webhooks(application.database, scope)
    if output.is_json:
        output.document({"items": [_document(webhook) for webhook in found]})
        return 0
    rows = [(w.id, w.scope, _told(w), one_line(w.address), moment(w.created_at)) for w in found]
    output.table(("webhook", "scope", "told of", "address", "created"), rows)
    return 0


def remove(home: Path | None, webhook_id: str, output: Output) -> int:
    """Remove a subscription."""
    with opened(home) as application:
        webhook = remove_webhook(application.database, None, webhook_id, who(), application.clock)
    if output.is_json:
        output.document(_document(webhook))
    else:
        output.say(f"webhook {webhook.id} is told nothing more")
    return 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Which deliveries a list has."""

    statuses: tuple[DeliveryStatus, ...]
    limit: int
    cursor: str | None


def statuses_of(names: Sequence[str]) -> tuple[DeliveryStatus, ...]:
    """Return the statuses with these names.

    Raises:
        BadParameter: there is none of such a name.
    """
    known = {status.value: status for status in DeliveryStatus}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"--status {unknown[0]!r} is none of {', '.join(known)}")
    return tuple(known[name] for name in names)


def show_deliveries(home: Path | None, webhook_id: str, choice: Choice, output: Output) -> int:
    """List what was, or is to be, delivered to a subscription."""
    with opened(home) as application:
        page = list_deliveries(
            application.database,
            None,
            webhook_id,
            statuses=choice.statuses,
            limit=choice.limit,
            cursor=choice.cursor,
        )
    following = None if page.next is None else page.next.token()
    if output.is_json:
        output.document({"items": [_delivery(delivery) for delivery in page.items], "next": following})
        return 0
    rows = [
        (d.id, d.run_id, d.event.value, d.status.value, str(d.attempts), moment(d.next_at), _last(d))
        for d in page.items
    ]
    output.table(("delivery", "run", "event", "status", "tries", "next", "last try"), rows, right=("tries",))
    if following is not None:
        output.note(f"more: --cursor {following}")
    return 0


def send_again(home: Path | None, delivery_id: str, output: Output) -> int:
    """Send a delivery again."""
    with opened(home) as application:
        delivery = redeliver(application.database, None, delivery_id, who(), application.clock)
    if output.is_json:
        output.document(_delivery(delivery))
    else:
        output.say(f"delivery {delivery.id} is sent again by the next worker that looks")
    return 0


def _events(names: tuple[str, ...]) -> frozenset[RunStatus]:
    unknown = [name for name in names if name not in _NAMES]
    if unknown:
        error = FieldError("event", f"{unknown[0]!r} is no event", "one of " + ", ".join(sorted(_NAMES)))
        raise Problem(Code.INVALID, str(error), (error,))
    return frozenset(_NAMES[name] for name in names) or TOLD


def _secret(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID, f"the secret cannot be read from {file}: {error}") from error
    if not text.strip():
        raise Problem(Code.INVALID, f"{file} holds no secret")
    return text.strip()


def _told(webhook: Webhook) -> str:
    events = " and ".join(sorted(event.value for event in webhook.events))
    return f"{events} runs" if webhook.flow_ids is None else f"{events} runs of {', '.join(webhook.flow_ids)}"


def _last(delivery: Delivery) -> str:
    if not delivery.log:
        return "-"
    entry = delivery.log[-1]
    return one_line(str(entry.get("status") or entry.get("problem")))


def _document(webhook: Webhook) -> dict[str, Json]:
    return {
        "id": webhook.id,
        "scope": webhook.scope,
        "address": webhook.address,
        "events": sorted(event.value for event in webhook.events),
        "flow_ids": None if webhook.flow_ids is None else list(webhook.flow_ids),
        "created_by": webhook.created_by,
        "created_at": instant(webhook.created_at),
    }


def _delivery(delivery: Delivery) -> dict[str, Json]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "run_id": delivery.run_id,
        "event": delivery.event.value,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "next_at": instant(delivery.next_at),
        "log": encode(delivery.log),
        "created_at": instant(delivery.created_at),
    }
