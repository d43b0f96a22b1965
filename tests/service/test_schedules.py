"""What is due is run once: whoever fires, whenever they die, however late they come."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from threading import Barrier

import pytest

from engine_desk import RandomIds
from fakes import ManualClock
from headrace.core.clock import HOUR, MINUTE, Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow
from headrace.core.query import Order
from headrace.core.run import ActivityStatus, Run, RunKind, RunStatus
from headrace.core.schedule import Schedule, Unit
from headrace.core.window import Window
from headrace.service.flows import delete_flow, put_flow
from headrace.service.runs import cancel_run
from headrace.service.schedules import Firing, FiringDesk, fire, fire_due, next_due, put_schedule
from headrace.store import activity_runs, runs, schedules
from headrace.store.database import Database
from headrace.store.runs import RunQuery
from service.conftest import PLAN

START = Instant(1_700_000_000_000_000)
QUARTER = 15 * MINUTE
EVERY_QUARTER = Schedule(START, Unit.MINUTE, 15, backfill=False)


@dataclass
class Timers:
    """A ledger of flows with schedules, and a clock that only the test moves."""

    desk: FiringDesk
    clock: ManualClock

    @property
    def database(self) -> Database:
        """Return the ledger."""
        return self.desk.database

    def put(self, schedule: Schedule | None = EVERY_QUARTER, flow_id: str = "f1", *, enabled: bool = True) -> None:
        """Keep a flow with a schedule."""
        put_flow(
            self.database,
            Flow(flow_id, "local", flow_id, PLAN, concurrency=1, enabled=enabled),
            "tester",
            self.clock,
            along=lambda tx, flow, now: put_schedule(tx, flow, schedule, now),
        )

    def runs(self, flow_id: str = "f1") -> list[Run]:
        """Return the flow's runs, oldest first."""
        with self.database.reading() as tx:
            return list(runs.page(tx, RunQuery(flow_id=flow_id), Order("created_at"), 1000).items)

    def windows(self, flow_id: str = "f1") -> list[Window | None]:
        """Return the windows of the flow's runs, oldest first."""
        return [run.window for run in self.runs(flow_id)]

    def begin(self, flow_id: str = "f1", to: RunStatus | None = RunStatus.SUCCEEDED) -> None:
        """Let every queued run of the flow begin, and end."""
        with self.database.transaction() as tx:
            for run in runs.of_flow(tx, "local", flow_id, {RunStatus.QUEUED}):
                runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, self.clock.now())
                if to is not None:
                    runs.move(tx, run.id, {RunStatus.RUNNING}, to, self.clock.now())

    def pass_time(self, microseconds: int) -> None:
        """Let time pass, and fire what is due then."""
        self.clock.advance(microseconds)
        fire_due(self.desk)


@pytest.fixture
def timers(database: Database) -> Timers:
    """Return timers at the moment ``START``."""
    clock = ManualClock(START)
    return Timers(FiringDesk(database, clock, RandomIds()), clock)


def test_due_times_make_runs_whose_windows_tile(timers: Timers) -> None:
    """Contract 4.3: without backfill nothing before the start, then from due time to due time (D7)."""
    timers.put()
    for _ in range(3):
        timers.pass_time(QUARTER)
        timers.begin()
    bounds = [START + number * QUARTER for number in range(4)]
    assert timers.windows() == [Window(Instant(a), Instant(b)) for a, b in pairwise(bounds)]
    assert {run.kind for run in timers.runs()} == {RunKind.SCHEDULED}


def test_a_backfill_begins_with_everything_until_it_starts(timers: Timers) -> None:
    """Contract 4.3: the first window ends at the moment of the first run, also when that is late; the next one goes on there."""
    timers.put(replace(EVERY_QUARTER, backfill=True))
    timers.pass_time(7 * MINUTE)
    timers.begin()
    timers.pass_time(8 * MINUTE)
    late = Instant(START + 7 * MINUTE)
    assert timers.windows() == [Window(None, late), Window(late, Instant(START + QUARTER))]


def test_what_was_missed_is_one_run_up_to_the_newest_due_time(timers: Timers) -> None:
    """Contract 4.3: after downtime there is one run and not a herd."""
    timers.put()
    timers.pass_time(QUARTER)
    timers.begin()
    timers.pass_time(5 * QUARTER + MINUTE)
    fire_due(timers.desk)
    assert timers.windows()[1:] == [Window(Instant(START + QUARTER), Instant(START + 6 * QUARTER))]


def test_a_due_run_waits_while_another_one_runs_and_what_follows_is_merged(timers: Timers) -> None:
    """Contract 4.3: runs never overlap, and a slow flow does not pile up runs."""
    timers.put()
    timers.pass_time(QUARTER)
    timers.begin(to=None)
    for _ in range(3):
        timers.pass_time(QUARTER)
    assert [run.status for run in timers.runs()] == [RunStatus.RUNNING, RunStatus.QUEUED]
    timers.begin(to=None)
    fire_due(timers.desk)
    ends = [run.window.end for run in timers.runs() if run.window]
    assert ends == [START + QUARTER, START + 2 * QUARTER, START + 4 * QUARTER]


def test_a_flow_that_runs_once_has_one_run_that_takes_everything(timers: Timers) -> None:
    """Contract 4.3: at its start, and never again."""
    timers.put(Schedule(Instant(START + MINUTE), Unit.ONCE))
    assert fire(timers.desk, "local", "f1") is None
    for _ in range(3):
        timers.pass_time(HOUR)
        timers.begin()
    assert timers.windows() == [Window()]


def test_a_disabled_flow_is_not_run_and_makes_up_for_it_in_one_run(timers: Timers) -> None:
    """Contract 4.3: due times missed while the flow was disabled are merged."""
    timers.put()
    timers.put(enabled=False)
    timers.pass_time(3 * QUARTER)
    assert timers.runs() == []
    timers.put()
    fire_due(timers.desk)
    assert timers.windows() == [Window(START, Instant(START + 3 * QUARTER))]


def test_a_changed_schedule_keeps_its_phase_and_goes_on_where_the_last_window_ended(timers: Timers) -> None:
    """Contract 4.3: the next run is the first due time after the change; nothing between the windows is lost."""
    timers.put()
    timers.pass_time(QUARTER)
    timers.begin()
    changed = Instant(START + 50 * MINUTE)
    timers.clock.advance(35 * MINUTE)
    timers.put(replace(EVERY_QUARTER, interval=20, since=changed))
    fire_due(timers.desk)
    assert len(timers.runs()) == 1
    timers.pass_time(10 * MINUTE)
    assert timers.windows()[1] == Window(Instant(START + QUARTER), Instant(START + 60 * MINUTE))


def test_a_failed_or_cancelled_run_does_not_widen_the_next_window(timers: Timers) -> None:
    """Contract 4.3: its rows come back by a retry of it and by nothing else."""
    timers.put()
    timers.pass_time(QUARTER)
    timers.begin(to=RunStatus.FAILED)
    timers.pass_time(QUARTER)
    cancel_run(timers.database, "local", timers.runs()[1].id, "tester", timers.clock)
    timers.pass_time(QUARTER)
    assert timers.windows()[2] == Window(Instant(START + 2 * QUARTER), Instant(START + 3 * QUARTER))


def test_a_flow_that_cannot_be_run_has_a_failed_run_and_holds_nobody_up(timers: Timers) -> None:
    """A mapping that is gone, or a bug of a door, is seen as a failed run with its reason; the clock goes on for this flow and all others."""

    def make(flow: Flow) -> Firing:
        if flow.id == "f1":
            raise Problem(Code.NOT_FOUND, "the mapping set m1 does not exist")
        if flow.id == "f2":
            raise RuntimeError("boom")
        return Firing(PLAN, {"type": "incremental"})

    timers.desk = replace(timers.desk, makers={"local": make})
    for flow_id in ("f1", "f2", "f3"):
        timers.put(flow_id=flow_id)
    timers.pass_time(QUARTER)
    broken, buggy, fine = (timers.runs(flow_id)[0] for flow_id in ("f1", "f2", "f3"))
    assert (broken.status, broken.reason and broken.reason.message) == (
        RunStatus.FAILED,
        "the mapping set m1 does not exist",
    )
    assert (buggy.status, buggy.reason and buggy.reason.code) == (RunStatus.FAILED, Code.INTERNAL)
    assert (fine.status, fine.details) == (RunStatus.QUEUED, {"type": "incremental"})
    with timers.database.reading() as tx:
        assert {row.status for row in activity_runs.of_run(tx, broken.id)} == {ActivityStatus.CANCELLED}
    timers.pass_time(QUARTER)
    assert timers.windows("f1")[1] == Window(Instant(START + QUARTER), Instant(START + 2 * QUARTER))


def test_an_unreachable_place_is_asked_again_and_fails_no_run(timers: Timers) -> None:
    """What is only busy now is due still."""
    answers = [Problem(Code.UNAVAILABLE, "busy"), None]

    def make(flow: Flow) -> Firing:
        problem = answers.pop(0)
        if problem is not None:
            raise problem
        return Firing(flow.plan)

    timers.desk = replace(timers.desk, makers={"local": make})
    timers.put()
    timers.pass_time(QUARTER)
    assert timers.runs() == []
    fire_due(timers.desk)
    assert [run.status for run in timers.runs()] == [RunStatus.QUEUED]


def test_a_flow_that_is_changed_while_its_run_is_made_is_run_as_it_is_then(timers: Timers) -> None:
    """A change that was answered counts for every run that is written after it; the due time is not lost."""
    changes = [False, True]

    def make(flow: Flow) -> Firing:
        if changes.pop():
            put_flow(timers.database, replace(flow, name="other"), "tester", timers.clock)
        return Firing(flow.plan)

    timers.desk = replace(timers.desk, makers={"local": make})
    timers.put()
    timers.pass_time(QUARTER)
    assert timers.runs() == []
    fire_due(timers.desk)
    assert [run.flow_name for run in timers.runs()] == ["other"]


def test_what_cannot_be_kept_as_a_run_fails_the_run_and_is_not_tried_for_ever(timers: Timers) -> None:
    """A text that no ledger can hold is that flow's failure: its due time is used up, and others are fired."""
    timers.desk = replace(timers.desk, makers={"local": lambda flow: Firing(flow.plan, {"note": "\0"})})
    timers.put()
    timers.pass_time(QUARTER)
    assert [(run.status, run.window) for run in timers.runs()] == [
        (RunStatus.FAILED, Window(START, Instant(START + QUARTER)))
    ]
    assert fire_due(timers.desk) == 0


def test_an_interval_of_ages_is_fired_once_and_never_again(timers: Timers) -> None:
    """A due time after the year 9999 is none: the first run is made, and nothing is tried for ever."""
    timers.put(replace(EVERY_QUARTER, backfill=True, interval=10**18))
    timers.pass_time(MINUTE)
    timers.begin()
    timers.pass_time(QUARTER)
    assert timers.windows() == [Window(None, Instant(START + MINUTE))]


def test_a_removed_flow_is_run_no_more(timers: Timers) -> None:
    """Its schedule goes in the transaction that removes it."""
    timers.put()
    delete_flow(timers.database, "local", "f1", "tester", timers.clock)
    timers.pass_time(QUARTER)
    with timers.database.reading() as tx:
        assert schedules.count(tx) == 0
    assert timers.runs() == []


def test_the_next_due_time_is_known_so_that_nobody_has_to_look_all_the_time(timers: Timers) -> None:
    """A loop sleeps until then."""
    assert next_due(timers.database, START) is None
    timers.put()
    timers.put(replace(EVERY_QUARTER, interval=20), "f2")
    assert next_due(timers.database, START) == START + QUARTER


def test_of_many_that_fire_at_the_same_moment_one_makes_the_run(timers: Timers) -> None:
    """Every process has its own picture of what is due; the ledger takes the first (C5)."""
    for number in range(4):
        timers.put(flow_id=f"f{number}")
    timers.clock.advance(QUARTER)
    barrier = Barrier(4)

    def fire_together(_number: int) -> None:
        barrier.wait(timeout=30)
        fire_due(timers.desk)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fire_together, range(4)))
    assert [len(timers.runs(f"f{number}")) for number in range(4)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("flows", "quarters"), [(8, 10), pytest.param(500, 96, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
def test_each_window_is_run_once_whoever_fires_and_however_late(timers: Timers, flows: int, quarters: int) -> None:
    """Flows on a quarter-hour for a day: one firer or two, in parts or at once, and at times nobody (C5, D7)."""
    chance = random.Random(7)  # noqa: S311 — a test's dice
    for number in range(flows):
        timers.put(flow_id=f"f{number}")
    firers = [timers.desk, replace(timers.desk, ids=RandomIds())]
    for _ in range(quarters):
        timers.clock.advance(QUARTER)
        if chance.random() < 0.15:
            continue
        for firer in chance.sample(firers, chance.choice([1, 2])):
            while fire_due(firer, 50):
                pass
        for number in range(flows):
            timers.begin(f"f{number}")
    timers.pass_time(QUARTER)
    while fire_due(timers.desk):
        pass
    end = START + (quarters + 1) * QUARTER
    for number in range(flows):
        windows = [window for window in timers.windows(f"f{number}") if window is not None]
        starts, ends = [window.start for window in windows], [window.end for window in windows]
        assert (starts[0], ends[-1]) == (START, end)
        assert starts[1:] == ends[:-1]
        assert set(Counter(starts).values()) == {1}
