"""Webhooks: who is told of runs that end, and what each was told."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.errors import Code, Problem
from headrace.core.native.operation import Nothing
from headrace.core.native.places import (
    AddWebhook,
    AskDelivery,
    AskWebhook,
    ListDeliveries,
    ListWebhooks,
    WebhookLine,
)
from headrace.core.native.table import (
    ADD_WEBHOOK,
    LIST_DELIVERIES,
    LIST_WEBHOOKS,
    REDELIVER,
    REMOVE_WEBHOOK,
    SHOW_ABOUT,
)
from headrace.core.run import RunStatus
from headrace.web.addresses import href
from headrace.web.console import AtConsole, Console
from headrace.web.failures import STATUS
from headrace.web.forms import Sent
from headrace.web.queries import asked_in

router = APIRouter()
_ENDS = tuple(str(status) for status in (RunStatus.SUCCEEDED, RunStatus.FAILED))
"""Ends of runs that can be told of."""


@router.get("/webhooks")
def webhooks(request: Request, console: AtConsole) -> Response:
    """Show webhooks, and the form for a new one."""
    return _list_page(console, request)


@router.post("/webhooks")
def add(request: Request, console: AtConsole, form: Sent) -> Response:
    """Add a webhook; what is wrong with it is told on the form, and what was typed stays (but for the secret)."""
    asked = AddWebhook(
        scope=form.text("scope"),
        url=form.text("url"),
        events=form.texts("events"),
        flows=tuple(form.text("flows").replace(",", " ").split()),
        secret=form.text("secret") or None,
    )
    try:
        told = console.ask(request, ADD_WEBHOOK, asked)
    except Problem as problem:
        if problem.code is Code.FORBIDDEN:
            raise
        return _list_page(console, request, {"problem": problem, "wish": asked})
    return console.go(request, _path(told.id))


@router.get("/webhooks/{webhook}")
def webhook_page(webhook: str, request: Request, console: AtConsole) -> Response:
    """Show a webhook with what it was told."""
    asked = asked_in(request, ListDeliveries, passing=("scope",), webhook=webhook)
    values = {
        "asked": asked,
        "webhook": _line(console, request, webhook),
        "told": console.ask(request, LIST_DELIVERIES, asked),
    }
    return console.page(request, "webhook.html", values)


@router.get("/webhooks/{webhook}/remove")
def confirm_remove(webhook: str, request: Request, console: AtConsole) -> Response:
    """Ask whether a webhook is to be removed."""
    line = _line(console, request, webhook)
    values = {
        "title": "Remove this webhook?",
        "facts": (("Address", line.address), ("Told of", ", ".join(line.events)), ("Scope", line.scope)),
        "consequence": "It is told of nothing any more, and what it was still to be told is dropped, with the log of its deliveries.",
        "verb": "Remove the webhook",
        "back": _path(webhook),
    }
    return console.page(request, "confirm.html", values)


@router.post("/webhooks/{webhook}/remove")
def remove(webhook: str, request: Request, console: AtConsole) -> Response:
    """Remove a webhook."""
    console.ask(request, REMOVE_WEBHOOK, AskWebhook(webhook=webhook))
    return console.go(request, "/webhooks")


@router.post("/webhooks/{webhook}/redeliver")
def redeliver(webhook: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Send a delivery again."""
    console.ask(request, REDELIVER, AskDelivery(delivery=form.text("delivery")))
    return console.go(request, _path(webhook))


def _list_page(console: Console, request: Request, refused: Mapping[str, Any] | None = None) -> Response:
    asked = asked_in(request, ListWebhooks) if refused is None else ListWebhooks()
    known = refused or {"problem": None, "wish": AddWebhook(scope=asked.scope or "", url="", events=_ENDS)}
    values = {
        "asked": asked,
        "told": console.ask(request, LIST_WEBHOOKS, asked),
        "ends": _ENDS,
        "scopes": console.ask(request, SHOW_ABOUT, Nothing()).scopes,
        **known,
    }
    return console.page(request, "webhooks.html", values, 200 if refused is None else STATUS[known["problem"].code])


def _line(console: Console, request: Request, webhook: str) -> WebhookLine:
    known = console.ask(request, LIST_WEBHOOKS, ListWebhooks()).items
    for line in known:
        if line.id == webhook:
            return line
    raise Problem(Code.NOT_FOUND, f"there is no webhook {webhook!r}")


def _path(webhook: str) -> str:
    return href("webhooks", webhook)
