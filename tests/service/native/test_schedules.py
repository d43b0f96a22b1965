"""What starts flows by itself is listed in plain words, by when it is due, and paused and resumed."""

from typing import Any

import pytest

from headrace.core.clock import DAY, HOUR, MINUTE, Instant
from headrace.core.errors import Code, Problem
from headrace.core.file_events import FileChange, FileFilter, FileWatch
from headrace.core.native.flows import AskSchedule, ListSchedules
from headrace.core.native.table import LIST_SCHEDULES, PAUSE_SCHEDULE, RESUME_SCHEDULE
from headrace.core.native.wire import parse_instant
from headrace.core.posted_events import EventFilter
from headrace.core.query import Cursor
from headrace.core.recurrence import Frequency, Pattern, Recurrence, Weekday
from headrace.core.schedule import Schedule, Unit
from headrace.core.trigger import Trigger, TriggerKind, TriggerRun, TriggerRunStatus
from headrace.core.tumbling import Dependency, Tumbling, WindowUnit
from headrace.service.documents import DocumentDraft, write_document
from headrace.service.native import start_words
from headrace.service.triggers.changes import TriggerDraft, put_trigger, start_trigger
from headrace.store import start_pages, trigger_runs
from ledger_rows import NOW, OTHER_SCOPE, SCOPE
from native_house import OPERATOR, READER, NativeHouse
from service.native.test_flows import put

FACTORY = "datafactory/s/g/f"
START = Instant(parse_instant("2026-01-01T00:00:00Z") or 0)
NOON = Instant(START + 12 * HOUR)
MORNING = Pattern(hours=(8,), minutes=(0,))
BERLIN = "Europe/Berlin"


def recurring(frequency: Frequency, interval: int = 1, **given: Any) -> Recurrence:
    """Return a recurrence that began on the first of the year."""
    return Recurrence(frequency, interval, START, **{"zone": BERLIN, "pattern": MORNING, **given})


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule(START, Unit.MINUTE, 15), "every 15 minutes, from 2026-01-01 00:00 UTC"),
        (Schedule(START, Unit.DAY), "every day, from 2026-01-01 00:00 UTC"),
        (Schedule(START, Unit.ONCE), "once, at 2026-01-01 00:00 UTC"),
    ],
)
def test_schedules_are_told_in_plain_words(schedule: Schedule, words: str) -> None:
    """As a person would say them."""
    assert start_words.of_schedule(schedule) == words


@pytest.mark.parametrize(
    ("recurrence", "words"),
    [
        (recurring(Frequency.HOUR, pattern=Pattern()), "every hour, from 2026-01-01 00:00 Europe/Berlin"),
        (
            recurring(Frequency.MINUTE, 15, zone="UTC", pattern=Pattern(hours=(8, 9))),
            "every 15 minutes, only in the hours 08 and 09 UTC, from 2026-01-01 00:00 UTC",
        ),
        (recurring(Frequency.DAY), "every day at 08:00 Europe/Berlin"),
        (recurring(Frequency.DAY, 2), "every 2 days at 08:00 Europe/Berlin, from 2026-01-01 00:00 Europe/Berlin"),
        (
            recurring(Frequency.WEEK, pattern=Pattern(hours=(8,), minutes=(0,), week_days=(0, 1, 2, 3, 4))),
            "on weekdays at 08:00 Europe/Berlin",
        ),
        (
            recurring(Frequency.WEEK, 2, pattern=Pattern(hours=(8, 20), minutes=(0,), week_days=(0, 3))),
            "every 2 weeks on Monday and Thursday at 08:00 and 20:00 Europe/Berlin, from 2026-01-01 00:00 Europe/Berlin",
        ),
        (recurring(Frequency.WEEK, pattern=Pattern()), "on Thursday at 00:00 Europe/Berlin"),
        (
            recurring(Frequency.MONTH, pattern=Pattern(hours=(8,), minutes=(0,), month_days=(1, -1))),
            "on day 1 and the last day of every month at 08:00 Europe/Berlin",
        ),
        (
            recurring(Frequency.MONTH, pattern=Pattern((0,), (8,), (), (), (Weekday(0, 1), Weekday(4, -1)))),
            "on the first Monday and the last Friday of every month at 08:00 Europe/Berlin",
        ),
        (
            recurring(Frequency.DAY, pattern=Pattern(minutes=(0, 30))),
            "every day at minute 00 and 30 of every hour Europe/Berlin",
        ),
        (
            recurring(Frequency.DAY, end=START + 30 * DAY),
            "every day at 08:00 Europe/Berlin, until 2026-01-31 00:00 Europe/Berlin",
        ),
    ],
)
def test_recurrences_are_told_in_plain_words(recurrence: Recurrence, words: str) -> None:
    """With the clocks of their zone; a start that has passed says nothing more, unless periods are counted from it."""
    assert start_words.of_recurrence(recurrence, Instant(START + 10 * DAY)) == words


def test_what_waits_for_windows_files_and_events_is_told_in_plain_words() -> None:
    """Each kind of trigger says what it waits for."""
    windows = Tumbling(WindowUnit.MINUTE, 15, START, delay=5 * MINUTE, depends_on=(Dependency("other"),))
    assert (
        start_words.of_windows(windows)
        == "for each window of 15 minutes, 5 minutes after its end, when 1 dependency lets it, from 2026-01-01 00:00 UTC"
    )
    wanted = FileFilter(frozenset({FileChange.CREATED}), "/box/blobs/in/", ".csv")
    assert (
        start_words.of_files(FileWatch("linkedService:Lake", wanted))
        == "when a file whose name ends with .csv appears under box/in/ of Lake"
    )
    account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct"
    both = FileFilter(frozenset(FileChange), "/box/", "")
    assert start_words.of_files(FileWatch(account, both)) == "when a file appears or goes under box/ of acct"
    events = EventFilter(("Order.Placed",), "topic", "orders/")
    assert (
        start_words.of_events(events)
        == "when an event of Order.Placed is posted with a subject that begins with orders/"
    )


def a_trigger(
    native: NativeHouse, name: str, definition: object, kind: TriggerKind, *, started: bool = True
) -> Trigger:
    """Write a trigger that runs the pipeline ``Load``, and return it."""
    with native.database.transaction() as tx:
        body = {"properties": {"pipeline": {"pipelineReference": {"referenceName": "Load"}}}}
        write_document(
            tx, DocumentDraft(scope=FACTORY, kind="trigger", id=name.lower(), name=name, body=body, who="t"), NOW
        )
        draft = TriggerDraft(scope=FACTORY, name=name, type=f"{name}Trigger", kind=kind, definition=definition)
        made = put_trigger(tx, draft, native.desk.ids, NOW)
        if started:
            start_trigger(tx, made, "tester", native.clock.now())
    return made


def test_schedules_and_triggers_are_listed_by_when_they_are_due(native: NativeHouse) -> None:
    """Of all doors, page by page; what is paused or waits for something else comes last."""
    put(native, Schedule(Instant(NOW + HOUR), Unit.DAY))
    put(native, Schedule(NOW, Unit.DAY), id="flow-2", scope=OTHER_SCOPE, name="off", enabled=False)
    a_trigger(native, "Daily", recurring(Frequency.DAY), TriggerKind.SCHEDULE)
    watch = FileWatch("linkedService:Lake", FileFilter(frozenset({FileChange.CREATED}), "/box/blobs/"))
    a_trigger(native, "Files", watch, TriggerKind.FILES, started=False)
    listed = native.ask(LIST_SCHEDULES, ListSchedules()).items
    assert [(line.name, line.kind, line.state, line.flows) for line in listed] == [
        ("flights", "schedule", "started", ("flights",)),
        ("Daily", "DailyTrigger", "started", ("Load",)),
        ("Files", "FilesTrigger", "paused", ("Load",)),
        ("off", "schedule", "paused", ("off",)),
    ]
    assert [line.next_at is None for line in listed] == [False, False, True, True]
    assert [line.name for line in native.ask(LIST_SCHEDULES, ListSchedules(), READER).items] == ["flights"]
    found, cursor = [], None
    for _ in listed:
        page = native.ask(LIST_SCHEDULES, ListSchedules(limit=1, cursor=cursor))
        found += [line.name for line in page.items]
        cursor = page.next
    assert found == ["flights", "Daily", "Files", "off"]
    assert cursor is None


def test_windows_are_due_when_the_present_one_ends(small: NativeHouse) -> None:
    """Whenever the clock looks at them next."""
    tumbling = Tumbling(WindowUnit.HOUR, 1, Instant(NOW - HOUR // 2), delay=MINUTE)
    a_trigger(small, "Hourly", tumbling, TriggerKind.TUMBLING)
    assert small.ask(LIST_SCHEDULES, ListSchedules()).items[0].next_at == NOW + HOUR // 2 + MINUTE


def test_the_last_run_is_told_and_why_a_firing_made_none(native: NativeHouse) -> None:
    """A problem stands as long as it is the newest that happened."""
    trigger = a_trigger(native, "Daily", recurring(Frequency.DAY), TriggerKind.SCHEDULE)
    run = TriggerRun(
        id="1",
        scope=FACTORY,
        trigger_id=trigger.id,
        trigger_name="Daily",
        trigger_type="DailyTrigger",
        key="a",
        status=TriggerRunStatus.FAILED,
        created_at=NOW,
        updated_at=NOW,
        ended_at=NOW,
        message="the parameter 'x' cannot be evaluated",
    )
    with native.database.transaction() as tx:
        trigger_runs.insert(tx, run)
    line = native.ask(LIST_SCHEDULES, ListSchedules()).items[0]
    assert (line.last_run, line.problem) == (None, "the parameter 'x' cannot be evaluated")


def test_a_trigger_is_paused_and_resumed_and_a_schedule_with_its_flow(native: NativeHouse) -> None:
    """Again changes nothing."""
    put(native, Schedule(Instant(NOW + HOUR), Unit.DAY))
    trigger = a_trigger(native, "Daily", recurring(Frequency.DAY), TriggerKind.SCHEDULE)
    for asked in (AskSchedule(schedule=trigger.id, scope=FACTORY), AskSchedule(schedule="flow-1", scope=SCOPE)):
        paused = native.ask(PAUSE_SCHEDULE, asked, OPERATOR)
        assert (paused.state, paused.next_at, paused.verbs) == ("paused", None, ("resume",))
        assert native.ask(PAUSE_SCHEDULE, asked, OPERATOR) == paused
        resumed = native.ask(RESUME_SCHEDULE, asked, OPERATOR)
        assert (resumed.state, resumed.next_at is None, resumed.verbs) == ("started", False, ("pause",))
    with pytest.raises(Problem) as caught:
        native.ask(PAUSE_SCHEDULE, AskSchedule(schedule=trigger.id, scope=SCOPE), OPERATOR)
    assert caught.value.code is Code.NOT_FOUND


def test_triggers_are_switched_by_their_door_where_there_is_one(small: NativeHouse) -> None:
    """Its documents show the state too, so the ledger's row alone is not enough."""
    trigger = a_trigger(small, "Daily", recurring(Frequency.DAY), TriggerKind.SCHEDULE)
    asked: list[tuple[str, bool, str]] = []
    house = small.with_desk(trigger_switches={"datafactory": lambda one, on, who: asked.append((one.name, on, who))})
    house.ask(PAUSE_SCHEDULE, AskSchedule(schedule=trigger.id, scope=FACTORY), OPERATOR)
    assert asked == [("Daily", False, "op")]


def test_a_cursor_of_another_list_is_refused(small: NativeHouse) -> None:
    """Rather than read as something that it does not say."""
    with pytest.raises(Problem, match="belongs to another list"), small.database.reading() as tx:
        start_pages.page(tx, None, 1, Cursor((1,)))
