"""What a person means by a name, an id, or the beginning of one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from headrace.cli.desk import Desk
from headrace.cli.output import one_line
from headrace.core.errors import Code, Problem
from headrace.core.native.flows import AskFlow, AskSchedule, ListFlows, ListSchedules
from headrace.core.native.operation import Operation
from headrace.core.native.places import AskConnection, ListConnections, ListWebhooks
from headrace.core.native.table import LIST_CONNECTIONS, LIST_FLOWS, LIST_SCHEDULES, LIST_WEBHOOKS

_PAGES = 50
"""Pages that are searched at most for a name."""
_SHOWN = 5


def the_flow(desk: Desk, asked: AskFlow) -> AskFlow:
    """Return the flow that is meant, by its id and scope.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several are called so.
    """
    wanted = ListFlows(text=asked.flow, scope=asked.scope, limit=200)
    found = _chosen(_all(desk, LIST_FLOWS, wanted), asked.flow, "flow")
    return AskFlow(flow=found.id, scope=found.scope)


def the_schedule(desk: Desk, text: str, scope: str | None) -> AskSchedule:
    """Return the schedule or trigger that is meant.

    Raises:
        Problem: as ``the_flow``.
    """
    found = _chosen(_all(desk, LIST_SCHEDULES, ListSchedules(scope=scope, limit=200)), text, "schedule")
    return AskSchedule(schedule=found.id, scope=found.scope)


def the_connection(desk: Desk, text: str, scope: str | None) -> AskConnection:
    """Return the connection that is meant.

    Raises:
        Problem: as ``the_flow``.
    """
    wanted = ListConnections(scope=scope, text=text, limit=200)
    found = _chosen(_all(desk, LIST_CONNECTIONS, wanted), text, "connection")
    return AskConnection(connection=found.id, scope=found.scope)


def the_webhook(desk: Desk, text: str) -> str:
    """Return the id of the webhook that is meant; what is none is returned as it is, for whoever is asked to refuse."""
    known = [one.id for one in desk.ask(LIST_WEBHOOKS, ListWebhooks()).items]
    found = [one for one in known if one.startswith(text)]
    return found[0] if len(found) == 1 else text


def _all(desk: Desk, operation: Operation[Any, Any], asked: Any) -> Iterable[Any]:
    for _ in range(_PAGES):
        told = desk.ask(operation, asked)
        yield from told.items
        if told.next is None:
            return
        asked = replace(asked, cursor=told.next)


def _chosen(items: Iterable[Any], text: str, noun: str) -> Any:
    """Return the one item that has the text as its id, else as its name, else whose id or name begins with it."""
    known = list(items)
    ways: Sequence[list[Any]] = (
        [one for one in known if one.id == text],
        [one for one in known if one.name == text],
        [one for one in known if one.id.startswith(text) or one.name.lower().startswith(text.lower())],
    )
    found = next((way for way in ways if way), [])
    if not found:
        raise Problem(Code.NOT_FOUND, f"there is no {noun} {text!r}; `headrace {noun}s ls` lists them")
    if len(found) > 1:
        several = ", ".join(f"{one_line(one.name)} ({one.id}) in {one.scope}" for one in found[:_SHOWN])
        raise Problem(Code.INVALID, f"several {noun}s are meant by {text!r}: {several}; give an id, or --scope")
    return found[0]
