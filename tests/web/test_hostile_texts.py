"""Whatever data bring stays text, on every page that shows it."""

from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

import told_samples as told
from headrace.core.client import Role
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.flows import FlowList, ListFlows, ListSchedules, ScheduleList
from headrace.core.native.installation import AuditList, ListAudit, WorkerList
from headrace.core.native.places import (
    AddWebhook,
    ConnectionList,
    ConnectionTested,
    DeliveryList,
    ListConnections,
    ListDeliveries,
    ListWebhooks,
    WebhookList,
)
from headrace.core.native.quarantine import ListBatches, ListRejects, QuarantineList, RejectList
from headrace.web.charts import history
from headrace.web.flow_inputs import inputs_of
from headrace.web.pages.audit import path_of
from headrace.web.reject_table import table_of
from headrace.web.templating import render

BAD = told.HOSTILE
PROBLEM = Problem.of_fields(Code.INVALID, BAD, (FieldError(BAD, BAD, BAD),))
FRAMELESS = {"frame": None, "now": told.NOW, "csrf": "c" * 64, "path": "/", "operator": True, "admin": True}
_INLINE = "style"


def batch_page(text: str, **other: Any) -> dict[str, Any]:
    """Return what the page of a batch has."""
    rows = told.reject_list(text, wide=20)
    view = told.quarantine_view(text, **other)
    asked = ListRejects(batch=BAD, code=BAD, column=BAD)
    return {
        "asked": asked,
        "view": view,
        "told": rows,
        "table": table_of(rows),
        "as_in_file": False,
        "problem": PROBLEM,
    }


def flow_page(text: str) -> dict[str, Any]:
    """Return what the page of a flow has."""
    view = told.flow_view(text)
    charts = {"rows": history.rows(view.history), "durations": history.durations(view.history)}
    return {
        "view": view,
        "flow": view.line,
        "inputs": inputs_of(view.parameters),
        "problem": PROBLEM,
        "sent": {"window_start": BAD},
        "has_window": True,
        **charts,
    }


def clients_page(text: str) -> dict[str, Any]:
    """Return what the page of clients has."""
    sent = {"name": BAD, "scopes": BAD, "role": BAD}
    values = {"roles": tuple(Role), "kinds": ("secret",), "problem": PROBLEM, "which": "client", "sent": sent}
    return {"clients": told.client_list(text).items, "keys": told.key_list(text).items, **values}


def audit_page(text: str) -> dict[str, Any]:
    """Return what the page of the audit has."""
    asked = ListAudit(who=BAD, action=BAD, object=BAD, scope=BAD)
    values = {"texts": {"since": BAD}, "kept": {"who": BAD}, "filtered": True, "actions": (), "path_of": path_of}
    return {"asked": asked, "told": told.audit_list(text), **values}


PAGES: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "rejects.html": lambda text: {
        "asked": ListBatches(scope=BAD, flow=BAD, run=BAD),
        "told": told.quarantine_list(text),
    },
    "rejects_batch.html": batch_page,
    "flows.html": lambda text: {"asked": ListFlows(scope=BAD, text=BAD), "told": told.flow_list(text)},
    "flow.html": flow_page,
    "schedules.html": lambda text: {"asked": ListSchedules(scope=BAD), "told": told.schedule_list(text)},
    "connections.html": lambda text: {
        "asked": ListConnections(scope=BAD, text=BAD),
        "told": told.connection_list(text),
    },
    "connection.html": lambda text: {
        "view": told.connection_view(text),
        "connection": told.connection_line(text),
        "tested": ConnectionTested(good=False, message=text),
    },
    "webhooks.html": lambda text: {
        "asked": ListWebhooks(scope=BAD),
        "told": told.webhook_list(text),
        "ends": (BAD,),
        "scopes": (BAD,),
        "problem": PROBLEM,
        "wish": AddWebhook(scope=BAD, url=BAD, flows=(BAD,)),
    },
    "webhook.html": lambda text: {
        "asked": ListDeliveries(webhook=BAD, status=(BAD,)),
        "webhook": told.webhook_line(text, id=BAD, flows=(BAD,)),
        "told": told.delivery_list(text),
    },
    "workers.html": lambda text: {"told": told.worker_list(text)},
    "clients.html": clients_page,
    "audit.html": audit_page,
    "confirm.html": lambda text: {
        "title": text,
        "facts": ((text, text),),
        "consequence": text,
        "verb": text,
        "back": "/",
    },
    "secret.html": lambda text: {"title": text, "facts": ((text, text),), "shown": ((text, text),)},
}
EMPTY: Mapping[str, dict[str, Any]] = {
    "rejects.html": {"asked": ListBatches(), "told": QuarantineList(items=())},
    "flows.html": {"asked": ListFlows(), "told": FlowList(items=())},
    "schedules.html": {"asked": ListSchedules(), "told": ScheduleList(items=())},
    "connections.html": {"asked": ListConnections(), "told": ConnectionList(items=())},
    "webhooks.html": {
        "asked": ListWebhooks(),
        "told": WebhookList(items=()),
        "ends": (),
        "scopes": (),
        "problem": None,
        "wish": AddWebhook(scope="", url=""),
    },
    "webhook.html": {
        "asked": ListDeliveries(webhook="w"),
        "webhook": told.webhook_line(),
        "told": DeliveryList(items=()),
    },
    "workers.html": {"told": WorkerList(items=())},
    "clients.html": {**clients_page("x"), "clients": (), "keys": (), "problem": None},
    "audit.html": {**audit_page("x"), "asked": ListAudit(), "told": AuditList(items=()), "filtered": False},
    "rejects_batch.html": {
        **batch_page("x", reasons=(), rejected=0, left=0, kept=0, replays=(), can_replay=False),
        "told": RejectList(batch="b", items=()),
        "table": table_of(RejectList(batch="b", items=())),
        "asked": ListRejects(batch="b"),
        "problem": None,
    },
    "flow.html": {
        **flow_page("x"),
        "view": told.flow_view("x", history=0),
        "problem": None,
    },
}


class _Reader(HTMLParser):
    """Reads what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def _read(template: str, values: Mapping[str, Any]) -> _Reader:
    reader = _Reader()
    reader.feed(render(template, {**FRAMELESS, **values}))
    return reader


@pytest.mark.parametrize("template", PAGES)
def test_a_hostile_text_is_shown_as_it_stands(template: str) -> None:
    """No tag, no attribute and no template of it comes alive, wherever it stands: names, cells, columns, files, addresses, messages."""
    read = _read(template, PAGES[template](BAD))
    assert not [tag for tag, _ in read.tags if tag in {"img", "iframe", "base", "object", "embed"}]
    scripts = [attrs for tag, attrs in read.tags if tag == "script"]
    assert all((attrs.get("src") or "").startswith("/static/") for attrs in scripts)
    names = {name for _, attrs in read.tags for name in attrs}
    assert not [name for name in names if name.startswith(("on", "hx-on")) or name == _INLINE]
    addresses = [
        value or "" for _, attrs in read.tags for name, value in attrs.items() if name in {"href", "src", "action"}
    ]
    assert all(value.startswith(("/", "#")) and not value.startswith("//") for value in addresses)
    assert BAD in "".join(read.pieces)


@pytest.mark.parametrize("template", PAGES)
def test_a_page_has_one_heading_a_title_and_labels(template: str) -> None:
    """Who listens to a page finds what it is, and what each field is for; nothing has an id that something else has."""
    read = _read(template, PAGES[template]("text"))
    assert [tag for tag, _ in read.tags].count("h1") == 1
    ids = [attrs["id"] for _, attrs in read.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    labelled = {attrs.get("for") for tag, attrs in read.tags if tag == "label"}
    fields = [
        attrs for tag, attrs in read.tags if tag in {"input", "select", "textarea"} and attrs.get("type") != "hidden"
    ]
    # Those without an id stand inside their labels.
    assert all(
        attrs["id"] in labelled for attrs in fields if attrs.get("id") and not (attrs["id"] or "").startswith("f-")
    )
    assert all(attrs.get("scope") for tag, attrs in read.tags if tag == "th")


@pytest.mark.parametrize("template", EMPTY)
def test_an_empty_page_says_what_would_be_here(template: str) -> None:
    """Nothing is a state of its own, with words."""
    read = _read(template, EMPTY[template])
    assert [attrs for tag, attrs in read.tags if tag == "div" and attrs.get("class") == "empty"]


@pytest.mark.parametrize("template", PAGES)
def test_who_may_only_look_sees_nothing_to_press(template: str) -> None:
    """Readers have no form that changes anything (pages of administrators and confirmations are not shown to them at all)."""
    if template in {"clients.html", "confirm.html", "secret.html"}:
        return
    values = PAGES[template]("text")
    if template == "rejects_batch.html":
        values = batch_page("text", can_replay=False)
    read = _read(template, {**_without_verbs(values), "operator": False, "admin": False})
    assert not [attrs for tag, attrs in read.tags if tag == "form" and attrs.get("method") == "post"]


def _without_verbs(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as they are told to a reader, to whom no verb is told."""
    if "flow" in values:
        return {**values, "flow": told.flow_line("text", verbs=())}
    if "connection" in values:
        return {**values, "connection": told.connection_line("text", verbs=())}
    page = values.get("told")
    if isinstance(page, FlowList):
        return {**values, "told": FlowList(items=(told.flow_line("text", verbs=()),))}
    if isinstance(page, ScheduleList):
        return {**values, "told": ScheduleList(items=(told.schedule_line("text", verbs=()),))}
    return values


def test_a_wide_row_keeps_its_number_and_marks_its_cells() -> None:
    """The row's number is the row's head; a marked cell says in words that it is wrong, and the message stands beside."""
    read = _read("rejects_batch.html", batch_page("25:77"))
    heads = [attrs for tag, attrs in read.tags if tag == "th" and attrs.get("scope") == "row"]
    assert len(heads) == 4
    bad = [attrs for tag, attrs in read.tags if tag == "td" and "bad" in (attrs.get("class") or "").split()]
    assert [attrs["data-label"] for attrs in bad] == ["dep_time", "carrier", "dest", "carrier"]
    assert bad[0]["title"] == "'25:77' cannot become a time"
    assert "wrong: " in "".join(read.pieces)
