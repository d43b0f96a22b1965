"""Time goes by, runs fail, the ledger is away now and then, and two processes fire: each window has its run once, after those that it waits for."""

import os
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from api.datafactory.firing import NOON, Triggers, make_triggers
from headrace.core.clock import DAY, HOUR, MINUTE, Instant
from headrace.core.errors import Code, Problem
from headrace.core.query import Order
from headrace.core.run import RunStatus
from headrace.core.trigger import TriggerRun, TriggerRunStatus
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.due import fire_due
from headrace.store import runs, trigger_runs
from headrace.store.database import Database
from headrace.store.runs import RunQuery
from headrace.store.trigger_runs import Among, TriggerRunQuery

SCOPE = "datafactory/sub/rg/fac"
AT_ONCE = 4


@dataclass
class FlakyIds:
    """Ids that now and then are not to be had, in the middle of a transaction: all that it did is undone."""

    chance: random.Random
    lock: threading.Lock = field(default_factory=threading.Lock)
    works: bool = False

    def uuid(self) -> str:
        """Return an id, or fail as a ledger does that is away."""
        with self.lock:
            if not self.works and self.chance.random() < 0.02:
                raise Problem(Code.UNAVAILABLE, "not now")
            return f"{self.chance.getrandbits(128):032x}"[:8] + f"-0000-4000-8000-{self.chance.getrandbits(48):012x}"

    def ulid(self) -> str:
        """Return an id."""
        return self.uuid()


@dataclass
class Year:
    """Two triggers with windows of ``hours``: ``d`` waits for those of ``u`` and for its own earlier ones."""

    triggers: Triggers
    desks: tuple[TriggerDesk, TriggerDesk]
    chance: random.Random
    days: int
    ids: FlakyIds
    hours: int

    def begin(self) -> None:
        """Make the triggers and start them."""
        windows: dict[str, Any] = {"frequency": "Hour", "interval": self.hours, "startTime": "2026-01-01T00:00:00Z"}
        windows["maxConcurrency"] = AT_ONCE
        windows["retryPolicy"] = {"count": 1, "intervalInSeconds": 600}
        given = {"begin": "@trigger().outputs.windowStartTime", "when": "@trigger().outputs.windowEndTime"}
        self.triggers.put("TumblingWindowTrigger", windows, "u", n="u", **given)
        other = {"referenceTrigger": {"referenceName": "u", "type": "TriggerReference"}}
        depends: list[dict[str, Any]] = [
            {
                "type": "TumblingWindowTriggerDependencyReference",
                **other,
                "offset": f"-{self.span(1)}",
                "size": self.span(2),
            },
            {
                "type": "SelfDependencyTumblingWindowTriggerReference",
                "offset": f"-{self.span(3)}",
                "size": self.span(1),
            },
        ]
        self.triggers.put("TumblingWindowTrigger", {**windows, "dependsOn": depends}, "d", n="d", **given)
        for name in "ud":
            self.triggers.start(name)

    def span(self, windows: int) -> str:
        """Return the length of so many windows, as it is written."""
        days, hours = divmod(windows * self.hours, 24)
        return f"{days}.{hours:02}:00:00"

    def live(self) -> None:
        """Let the days pass, with all that happens in them."""
        end = NOON + self.days * DAY
        with ThreadPoolExecutor(2) as pool:
            while self.triggers.client.clock.now() < end:
                self.triggers.client.clock.advance(self.chance.randrange(1, 150) * MINUTE * self.hours)
                self.step(pool)
            self.ids.works = True
            while not self.is_done():
                self.triggers.client.clock.advance(MINUTE)
                self.step(pool)

    def step(self, pool: ThreadPoolExecutor) -> None:
        """Let both processes look, some runs end, and somebody ask for failed windows again, or stop and start a trigger."""
        list(pool.map(_look, self.desks))
        with self.desks[0].database.reading() as tx:
            going = Counter(run.trigger_name for run in _all(tx, TriggerRunStatus.RUNNING))
        assert max(going.values(), default=0) <= AT_ONCE
        ends = [RunStatus.SUCCEEDED] * 8 + [RunStatus.FAILED] * 2 + [RunStatus.CANCELLED]
        for _ in range(self.chance.randrange(9)):
            self.triggers.end(RunStatus.SUCCEEDED if self.ids.works else self.chance.choice(ends), 1)
        if self.chance.random() < 0.05 and not self.ids.works:
            name = self.chance.choice("ud")
            for action in ("stop", "start"):
                self.triggers.act(action, name)
        if self.chance.random() < 0.3:
            self.ask_again()

    def ask_again(self) -> None:
        """Let every window that failed or was cancelled run again."""
        with self.desks[0].database.reading() as tx:
            found = _all(tx, TriggerRunStatus.FAILED, TriggerRunStatus.CANCELLED)
        for run in found:
            self.triggers.act(f"triggerRuns/{run.id}/rerun", run.trigger_name)

    def is_done(self) -> bool:
        """Say whether all windows of the time that has passed have succeeded."""
        with self.desks[0].database.reading() as tx:
            found = _all(tx)
        return len(found) >= 2 * ((12 + 24 * self.days) // self.hours) and all(
            run.status is TriggerRunStatus.SUCCEEDED for run in found
        )

    def check(self) -> None:
        """Compare what was done with what should have been."""
        with self.desks[0].database.reading() as tx:
            windows, found = _all(tx), _every_run(tx)
        starts = defaultdict[str, list[Instant]](list)
        for run in windows:
            starts[run.trigger_name].append(run.window_start or Instant(0))
        for name in "ud":
            ordered = sorted(starts[name])
            assert ordered == [NOON - 12 * HOUR + number * HOUR * self.hours for number in range(len(ordered))]
        good = Counter(
            (run.parameters["n"], run.parameters["begin"]) for run in found if run.status is RunStatus.SUCCEEDED
        )
        assert len(good) == len(windows)
        assert set(good.values()) == {1}
        done = {(run.trigger_name, run.window_start): run.ended_at for run in windows}
        for window in (run for run in windows if run.trigger_name == "d"):
            begin = window.window_start or Instant(0)
            before = [("u", begin), ("u", begin - HOUR * self.hours), ("d", begin - 3 * HOUR * self.hours)]
            bounds = [done[each] for each in before if each in done]
            tries = [run.created_at for run in found if run.id == window.run_id]
            assert all(bound is not None and bound <= min(tries) for bound in bounds)


def _look(desk: TriggerDesk) -> None:
    while fire_due(desk):
        pass


def _all(tx: Any, *statuses: TriggerRunStatus) -> list[TriggerRun]:
    among = (Among("status", frozenset(status.value for status in statuses)),) if statuses else ()
    query = TriggerRunQuery(scope=SCOPE, since=Instant(0), until=Instant(NOON + 1000 * DAY), among=among)
    return trigger_runs.page(tx, query, 100_000)[0]


def _every_run(tx: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page = runs.page(tx, RunQuery(), Order("created_at"), 500, cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


@contextmanager
def opened(url: str, days: int, seed: int, hours: int) -> Iterator[Year]:
    """Return a year on the ledger at ``url``, which two processes share."""
    chance = random.Random(seed)  # noqa: S311 — no secret: a test's chance
    first, second = Database(url), Database(url)
    ids = FlakyIds(chance)
    triggers = make_triggers(first)
    desk = triggers.desk
    desks = (replace(desk, ids=ids), replace(desk, ids=ids, database=second))
    try:
        yield Year(triggers, desks, chance, days, ids, hours)
    finally:
        first.dispose()
        second.dispose()


def test_a_day_of_windows_has_each_window_once(ledger_url: str) -> None:
    """The same as the year below, for as long as there is time in every run of the tests."""
    with opened(ledger_url, 1, 1, hours=1) as day:
        day.begin()
        day.live()
        day.check()


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_a_year_of_windows_has_each_window_once(ledger_url: str) -> None:
    """Random failures, restarts, stops, and a ledger that is away: 1,500 windows, each succeeds once, after those that it waits for."""
    with opened(ledger_url, 365, os.getpid(), hours=12) as year:
        year.begin()
        year.live()
        year.check()
