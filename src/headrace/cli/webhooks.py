"""``headrace webhooks``: who is told of runs that end."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from headrace.cli import listing
from headrace.cli.desk import asking
from headrace.cli.listing import Listing
from headrace.cli.naming import the_webhook
from headrace.cli.options import At
from headrace.cli.output import Cell, Column, Output, Row, moment
from headrace.core.errors import Code, Problem
from headrace.core.native.places import (
    AddWebhook,
    AskDelivery,
    AskWebhook,
    DeliveryLine,
    ListDeliveries,
    ListWebhooks,
    WebhookLine,
)
from headrace.core.native.table import ADD_WEBHOOK, LIST_DELIVERIES, LIST_WEBHOOKS, REDELIVER, REMOVE_WEBHOOK
from headrace.core.native.wire import to_wire

STATUSES = ("pending", "delivered", "given_up")
_SIGNS = {"pending": ("◌", "wait"), "delivered": ("✓", "good"), "given_up": ("✗", "bad")}


def add(at: At, asked: AddWebhook, output: Output) -> int:
    """Subscribe an address, which has to answer a challenge."""
    with asking(at) as desk:
        line = desk.ask(ADD_WEBHOOK, asked)
    if output.is_json:
        output.document(to_wire(line))
        return 0
    output.say(f"webhook {line.id} is told of {_told(line)} in {line.scope}")
    if not asked.secret:
        output.note("its bodies are not signed; give a secret with --secret-file to let the receiver check them")
    return 0


def _row(line: WebhookLine) -> Row:
    waiting = Cell(f"{line.given_up} given up", "bad") if line.given_up else Cell(f"{line.pending} pending")
    return (line.id, line.scope, _told(line), line.address, waiting, moment(line.created_at))


_WEBHOOKS = Listing(
    (
        Column("webhook", whole=True),
        Column("scope", spare=1),
        Column("told of", spare=2),
        Column("address"),
        Column("deliveries", whole=True),
        Column("created", whole=True, spare=3),
    ),
    _row,
    "no webhooks",
)


def show_list(at: At, output: Output, asked: ListWebhooks) -> int:
    """List the subscriptions."""
    return listing.show(at, output, (LIST_WEBHOOKS, asked), _WEBHOOKS)


def remove(at: At, webhook: str, output: Output) -> int:
    """Remove a subscription."""
    with asking(at) as desk:
        found = the_webhook(desk, webhook)
        desk.ask(REMOVE_WEBHOOK, AskWebhook(webhook=found))
    if output.is_json:
        output.document({"id": found, "removed": True})
    else:
        output.say(f"webhook {found} is told nothing more")
    return 0


def statuses_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the statuses with these names.

    Raises:
        BadParameter: there is none of such a name.
    """
    unknown = [name for name in names if name not in STATUSES]
    if unknown:
        raise typer.BadParameter(f"--status {unknown[0]!r} is none of {', '.join(STATUSES)}")
    return tuple(names)


def _delivery_row(line: DeliveryLine) -> Row:
    sign, tone = _SIGNS.get(line.status, ("·", ""))
    return (
        line.id,
        line.run[:8],
        line.event,
        Cell(f"{sign} {line.status.replace('_', ' ')}", tone),
        str(line.attempts),
        moment(line.next_at),
        _last(line),
    )


_DELIVERIES = Listing(
    (
        Column("delivery", whole=True),
        Column("run", whole=True, spare=2),
        Column("event", spare=3),
        Column("status", whole=True),
        Column("tries", right=True, spare=1),
        Column("next", whole=True, spare=4),
        Column("last try"),
    ),
    _delivery_row,
    "no deliveries",
)


def show_deliveries(at: At, asked: ListDeliveries, output: Output, *, every_page: bool = False) -> int:
    """List what was, or is to be, delivered to a subscription."""
    return listing.show(at, output, (LIST_DELIVERIES, asked), _DELIVERIES, every_page=every_page)


def send_again(at: At, delivery: str, output: Output) -> int:
    """Send a delivery again."""
    with asking(at) as desk:
        line = desk.ask(REDELIVER, AskDelivery(delivery=delivery))
    if output.is_json:
        output.document(to_wire(line))
    else:
        output.say(f"delivery {line.id} is sent again by the next worker that looks")
    return 0


def secret_of(file: Path | None) -> str | None:
    """Return the secret that a file holds; ``-`` is standard input.

    Raises:
        Problem: ``INVALID``: it cannot be read, or is empty.
    """
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID, f"the secret cannot be read from {file}: {error}") from error
    if not text.strip():
        raise Problem(Code.INVALID, f"{file} holds no secret")
    return text.strip()


def _told(line: WebhookLine) -> str:
    events = " and ".join(sorted(line.events))
    return f"{events} runs of {', '.join(line.flows)}" if line.flows else f"{events} runs"


def _last(line: DeliveryLine) -> str:
    if not line.tries:
        return "-"
    tried = line.tries[-1]
    return " ".join(part for part in (str(tried.status) if tried.status else "", tried.message) if part) or "no answer"
