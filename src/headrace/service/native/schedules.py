"""What starts flows by itself: listed, paused, resumed."""

from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.client import Identity
from headrace.core.errors import Code, Problem
from headrace.core.native.flows import AskSchedule, ListSchedules, ScheduleLine, ScheduleList
from headrace.core.query import Cursor
from headrace.service.native import starts
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns
from headrace.service.native.switching import switch
from headrace.store import schedules, start_pages, triggers
from headrace.store.database import Transaction
from headrace.store.start_pages import Start


def list_schedules(desk: NativeDesk, caller: Identity, asked: ListSchedules) -> ScheduleList:
    """Return a page of schedules and triggers, the next due first, then what is not due.

    Raises:
        Problem: ``INVALID``: the limit or the cursor; ``NOT_FOUND``: the scope.
    """
    reached = patterns(caller, asked.scope)
    cursor = None if asked.cursor is None else Cursor.parse(asked.cursor)
    with desk.database.reading() as tx:
        page = start_pages.page(tx, reached, asked.limit, cursor)
        items = starts.lines(tx, page.items, caller, desk.clock.now())
    return ScheduleList(items=tuple(items), next=None if page.next is None else page.next.token())


def pause(desk: NativeDesk, caller: Identity, asked: AskSchedule) -> ScheduleLine:
    """Let a schedule or a trigger start nothing by itself, and return it. Again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``; what the door says.
    """
    return _switched(desk, caller, asked, started=False)


def resume(desk: NativeDesk, caller: Identity, asked: AskSchedule) -> ScheduleLine:
    """Let a schedule or a trigger start flows by itself again, and return it. Again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``; what the door says: its flow lacks something.
    """
    return _switched(desk, caller, asked, started=True)


def _switched(desk: NativeDesk, caller: Identity, asked: AskSchedule, *, started: bool) -> ScheduleLine:
    with desk.database.reading() as tx:
        found = _find(tx, caller, asked)
    if starts.is_started(found) is not started:
        switch(desk, found, caller.client_id, started=started)
    with desk.database.reading() as tx:
        return starts.lines(tx, [_find(tx, caller, asked)], caller, desk.clock.now())[0]


def _find(tx: Transaction, caller: Identity, asked: AskSchedule) -> Start:
    if caller.reaches(asked.scope):
        scheduled = schedules.get(tx, asked.scope, asked.schedule)
        if scheduled is not None:
            return Start(scheduled)
        trigger = triggers.get(tx, asked.schedule)
        if trigger is not None and trigger.scope == asked.scope:
            return Start(trigger)
    raise Problem(Code.NOT_FOUND, f"there is no schedule {asked.schedule!r} in {asked.scope!r}")


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "schedules.list": list_schedules,
    "schedules.pause": pause,
    "schedules.resume": resume,
}
"""By the operation's name."""
