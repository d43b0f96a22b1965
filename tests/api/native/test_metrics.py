"""Metrics: what is told, to whom, and that it is all documented."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes import ManualClock
from headrace.api.native.metrics import OF_THE_PROCESS, metrics, reference
from headrace.core.client import Identity, Role
from headrace.core.clock import DAY, SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Figures
from headrace.core.run import RunStatus
from headrace.core.traffic import Traffic
from headrace.service.native.metrics import FAMILIES
from headrace.store import run_totals, runs, workers
from headrace.store.database import Database
from ledger_rows import SCOPE, a_run
from native_house import NativeHouse, native_house

ROOT = Path(__file__).resolve().parents[3]
EVERYBODY = Identity("scraper", Role.READER)
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> NativeHouse:
    """Return a desk on a fresh ledger."""
    return native_house(database, tmp_path)


def _scraped(house: NativeHouse, caller: Identity = EVERYBODY) -> Values:
    body, _ = metrics(house.desk, caller)
    found = text_string_to_metric_families(body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in found
        for sample in family.samples
    }


def _end(house: NativeHouse, run_id: str, to: RunStatus, figures: Figures = Figures(), scope: str = SCOPE) -> None:
    now = house.clock.now()
    with house.database.transaction() as tx:
        runs.insert(tx, a_run(run_id, scope=scope, created_at=now))
        runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, now)
        runs.add_figures(tx, run_id, figures)
        runs.move(tx, run_id, {RunStatus.RUNNING}, to, now)


def _ended(values: Values, door: str, status: str) -> float:
    return values.get(("headrace_runs_ended_total", (("door", door), ("status", status))), 0)


def test_ended_runs_are_counted_once_and_stay_counted(house: NativeHouse) -> None:
    """A counter never falls: not when runs are removed, not in another process; and it counts a run that ends while somebody looks."""
    _end(house, "before", RunStatus.SUCCEEDED)
    house.clock.advance(10 * SECOND)
    assert _ended(_scraped(house), "flowservice", "succeeded") == 0
    _end(house, "a", RunStatus.SUCCEEDED, Figures(rows_read=10, rows_accepted=7, rows_rejected=3))
    _end(house, "b", RunStatus.SUCCEEDED, Figures(rows_read=1, rows_accepted=1))
    _end(house, "c", RunStatus.FAILED, scope="local")
    assert _ended(_scraped(house), "flowservice", "succeeded") == 0
    house.clock.advance(10 * SECOND)
    for _ in range(2):
        values = _scraped(house)
        assert _ended(values, "flowservice", "succeeded") == 2
        assert _ended(values, "local", "failed") == 1
        assert values["headrace_rows_total", (("door", "flowservice"), ("what", "accepted"))] == 8
    with house.database.transaction() as tx:
        runs.delete(tx, ["a"])
    _end(house, "d", RunStatus.SUCCEEDED)
    house.clock.advance(10 * SECOND)
    assert _ended(_scraped(house), "flowservice", "succeeded") == 3


def test_what_is_open_and_who_works_is_told_as_it_is_now(house: NativeHouse) -> None:
    """Gauges say how deep the queue is, how long it has been so, and whether somebody works."""
    now = house.clock.now()
    with house.database.transaction() as tx:
        runs.insert(tx, a_run("a", created_at=now))
        runs.insert(tx, a_run("b", created_at=Instant(now - 90 * SECOND)))
        workers.register(tx, "w-1", "host", 1, Instant(now - 2 * SECOND))
        workers.register(tx, "w-2", "host", 2, Instant(now - 60 * SECOND))
    values = _scraped(house)
    assert values["headrace_runs_open", (("door", "flowservice"), ("status", "queued"))] == 2
    assert values["headrace_runs_open", (("door", "flowservice"), ("status", "running"))] == 0
    assert values["headrace_run_queued_oldest_seconds", ()] == 90
    assert values["headrace_workers", (("state", "alive"),)] == 2
    assert values["headrace_workers", (("state", "late"),)] == 1
    assert values["headrace_worker_heartbeat_age_seconds", (("worker", "w-1"),)] == 2
    assert values["headrace_ledger_up", ()] == 1


def test_requests_are_told_by_door_and_duration(house: NativeHouse) -> None:
    """A histogram's buckets hold what took up to their bound, all smaller ones included."""
    traffic = Traffic()
    for seconds in (0.001, 0.02, 0.02, 99.0):
        traffic.answered("native", 200, seconds)
    traffic.answered("console", 404, 0.1)
    values = _scraped(house.with_desk(traffic=traffic))
    assert values["headrace_http_requests_total", (("door", "native"), ("status", "2xx"))] == 4
    assert values["headrace_http_requests_total", (("door", "console"), ("status", "4xx"))] == 1
    name = "headrace_http_request_duration_seconds"
    found = {
        labels[1][1]: value
        for (one, labels), value in values.items()
        if one == f"{name}_bucket" and labels[0][1] == "native"
    }
    assert (found["0.005"], found["0.025"], found["30.0"], found["+Inf"]) == (1, 3, 3, 4)
    assert values[f"{name}_sum", (("door", "native"),)] == pytest.approx(99.041)


def test_who_sees_only_a_part_of_the_installation_gets_no_metrics(house: NativeHouse) -> None:
    """Numbers of others tell something too."""
    with pytest.raises(Problem) as refusal:
        metrics(house.desk, Identity("tenant", Role.ADMIN, ("flowservice/acme",)))
    assert refusal.value.code is Code.FORBIDDEN


def test_a_ledger_that_is_away_is_told(sqlite_database: Database, tmp_path: Path) -> None:
    """A scrape that fails says little; one that says why sets off the right alarm."""
    house = native_house(sqlite_database, tmp_path)
    gone = Database(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}")
    values = _scraped(NativeHouse(replace(house.desk, database=gone), house.clock, house.explorer))
    assert values["headrace_ledger_up", ()] == 0
    assert not any(name == "headrace_workers" for name, _ in values)
    gone.dispose()


def test_every_metric_is_documented_and_every_documented_one_is_told(sqlite_database: Database, tmp_path: Path) -> None:
    """The reference is made from what the code tells of, and a scrape has the same names."""
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    assert page == reference()
    body, kind = metrics(native_house(sqlite_database, tmp_path).desk, EVERYBODY)
    told = set(re.findall(r"^# TYPE (\S+) ", body.decode(), re.MULTILINE))
    assert told == {family.name for family in FAMILIES} | set(OF_THE_PROCESS)
    assert told == set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    assert kind.startswith("text/plain; version=0.0.4")


def test_a_scrape_counts_a_bounded_number_of_runs(sqlite_database: Database, clock: ManualClock) -> None:
    """After a long pause the totals catch up, and no scrape takes long."""
    with sqlite_database.transaction() as tx:
        run_totals.counted(tx, clock.now())
        for number in range(5):
            runs.insert(tx, a_run(f"run-{number}", status=RunStatus.SUCCEEDED, ended_at=clock.now()))
    clock.advance(DAY)
    seen = []
    for _ in range(3):
        with sqlite_database.transaction() as tx:
            seen.append(dict(run_totals.counted(tx, clock.now(), most=2).doors["flowservice"].runs))
    assert seen == [{"succeeded": 2}, {"succeeded": 4}, {"succeeded": 5}]
