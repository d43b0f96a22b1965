"""Real worker processes: killed, frozen, told to stop, and made to die at every crash point of the engine."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

import headrace.engine
import warm
from engine_desk import Desk, activity, plan
from engine_pipelines import container, nested, rebuilt
from headrace.core import crashpoints
from headrace.core.errors import Code
from headrace.core.flow import Plan, Policy
from headrace.core.outcome import Figures
from headrace.core.run import ActivityStatus, RunStatus
from headrace.engine.supervise import Supervisor
from headrace.store import variables, workers
from waiting import until

pytestmark = pytest.mark.e2e

PROGRAM = Path(__file__).with_name("worker_program.py")
ENGINE = Path(headrace.engine.__file__).parent
IN_A_RUN = (
    "run-begun",
    "attempt-claimed",
    "activity-done",
    "attempt-finished",
    "activities-marked",
    "attempt-paused",
    "run-rests",
    "run-moved",
    "run-ended",
)
IN_A_CONTAINER = ("attempt-expanded", "body-begun", "body-ended", "container-ended")
IN_A_RECOVERY = ("bodies-carried",)
IN_A_TAKEOVER = ("workers-declared-dead", "runs-handed-back")
IN_RETENTION = ("landing-removed", "expired-files-removed", "expired-workflows-removed")
EVERYTHING = plan(
    activity("a", "deliver"),
    activity("t", "wait", ["a"], {"seconds": 1}),
    activity("b", "flaky", ["t"], policy=Policy(retries=1, interval_seconds=0.1)),
    activity("c", "deliver", ["t"]),
    activity("never", "deliver", ["bad"]),
    activity("bad", "failing", ["t"]),
    activity("z", "deliver", ["b", "c"]),
)
"""Passes every crash point that is in a run: branches, a timer, a retry, a skipped activity."""

CHOICE = {"yes": [rebuilt("grow", "@item"), activity("d", "deliver", ["grow"])]}
EACH = [container("check", "if", CHOICE, settings={"on": "yes"})]
PASS = [rebuilt("more", "+"), activity("look", "echo", ["more"], {"value": "@status of more"})]
NESTED = nested(
    container("loop", "each", {"each": EACH}, settings={"items": [1, 2, 3, 4], "lanes": 2}),
    container("again", "until", {"pass": PASS}, ["hear"], {"until": "@output of counts.inputs", "is": []}),
    activity("counts", "counting"),
    activity("hear", "hear", ["loop", "counts"]),
    activity("z", "deliver", ["again"]),
)
"""Passes those of containers too: a loop with a branch in it, a counted pass, a signal, variables."""
_SPREAD = [("sqlite", "attempt-expanded:2"), ("postgresql", "body-begun:5"), ("sqlite", "container-ended:1")]
_SOAK = [
    (kind, f"{point}:{passing}")
    for kind in ("sqlite", "postgresql")
    for point in (*IN_A_CONTAINER, "attempt-claimed", "activity-done", "attempt-finished", "attempt-paused")
    for passing in range(1, 2 if point == "attempt-paused" else 6)
]


@dataclass
class House:
    """Starts worker processes on one ledger and one target; whatever is left of them is killed at the end."""

    url: str
    target: Path
    stack: ExitStack

    def command(self, crash_at: str = "") -> list[str]:
        """Return the command of a worker."""
        return [sys.executable, str(PROGRAM), self.url, str(self.target), crash_at]

    def worker(self, crash_at: str = "") -> warm.Process:
        """Start a worker."""
        process = warm.start(self.command(crash_at), env=environment(), cwd=self.target)
        self.stack.callback(_end, process)
        return process

    def supervised(self) -> Supervisor:
        """Start a worker that is started again when it dies."""
        supervisor = Supervisor(self.command(), 1, backoff_seconds=0.1, grace_seconds=10)
        supervisor.start()
        self.stack.callback(supervisor.stop)
        return supervisor

    def delivered(self) -> list[str]:
        """Return what was delivered, each delivery that counts once."""
        return sorted(file.read_text() for file in self.target.iterdir() if file.name != "log")


def environment() -> dict[str, str]:
    """Return the environment of a worker: it finds the tests' modules."""
    tests = PROGRAM.parent.parent
    return {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent / 'src'}"}


def _end(process: warm.Process) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(timeout=20)


@pytest.fixture
def house(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Return what starts workers on the test's ledger."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    target = tmp_path / "target"
    target.mkdir()
    with ExitStack() as stack:
        yield House(ledger_url, target, stack)


def test_every_crash_point_of_the_engine_is_tried() -> None:
    """Crash points are enumerated from the code: a new one without a test fails here."""
    assert crashpoints.names_in(ENGINE.glob("*.py")) == {
        *IN_A_RUN,
        *IN_A_CONTAINER,
        *IN_A_RECOVERY,
        *IN_A_TAKEOVER,
        *IN_RETENTION,
    }
    assert set(IN_A_CONTAINER) <= {point.partition(":")[0] for _, point in [*_SPREAD, *_SOAK]}


@pytest.mark.parametrize("point", IN_A_RUN)
def test_c1_a_worker_killed_at_any_point_of_a_run_loses_and_repeats_nothing(
    desk: Desk, house: House, point: str
) -> None:
    """The next worker goes on from there; every activity is delivered exactly once, and the run ends as it would have."""
    doomed = house.worker(point)
    run_id = desk.ask(EVERYTHING)
    assert doomed.wait(timeout=30) == -signal.SIGKILL
    house.worker()
    run = desk.ended(run_id, seconds=40)
    assert house.delivered() == ["a", "b", "c", "z"]
    assert desk.statuses(run_id) == {
        "a": "succeeded", "t": "succeeded", "b": "succeeded", "c": "succeeded", "never": "skipped", "bad": "failed", "z": "succeeded"
    }  # fmt: skip
    assert (run.status, run.figures) == (RunStatus.FAILED, Figures(rows_read=4))


@pytest.mark.parametrize(
    ("ledger_url", "point"),
    [*_SPREAD, *(pytest.param(*one, marks=pytest.mark.soak) for one in _SOAK)],
    indirect=["ledger_url"],
)
def test_c1_a_worker_killed_at_any_point_of_a_container_loses_and_repeats_nothing(
    desk: Desk, house: House, point: str
) -> None:
    """Each body is run once, each element is appended once, the signal is heard, and the next worker needs nothing but the ledger."""
    doomed = house.worker(point)
    run_id = desk.ask(NESTED)
    desk.tell(run_id, "hear", {"say": "go on"})
    assert doomed.wait(timeout=30) == -signal.SIGKILL
    house.worker()
    run = desk.ended(run_id, seconds=40)
    deliveries = [f"loop/{number}/check/yes/d" for number in range(4)]
    assert house.delivered() == [*deliveries, "z"]
    rows = desk.rows(run_id)
    assert {row.status for row in rows} == {ActivityStatus.SUCCEEDED}
    assert len({row.path for row in rows}) == len(rows) == 5 + 4 * 5 + 3
    assert (run.status, run.figures.rows_read) == (RunStatus.SUCCEEDED, 7)
    with desk.database.reading() as tx:
        grown = variables.value(tx, run_id, "all")
    assert isinstance(grown, list)
    assert sorted(map(str, grown)) == ["+", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("ledger_url", "point"),
    [("sqlite", "bodies-carried"), pytest.param("postgresql", "body-begun", marks=pytest.mark.soak)],
    indirect=["ledger_url"],
)
def test_a_worker_killed_while_a_run_is_repaired_repeats_nothing(desk: Desk, house: House, point: str) -> None:
    """What was carried over before it died stays so, and what was not is carried over then."""
    work = [activity("d", "deliver"), activity("m", "mended", ["d"])]
    whole = container("whole", "each", {"each": [activity("d", "deliver")]}, settings={"items": 120, "lanes": 4})
    parts = container("parts", "each", {"each": work}, settings={"items": 2})
    of = nested(whole, parts, activity("z", "deliver", ["whole", "parts"]))
    before = house.worker()
    first = desk.ask(of)
    assert desk.ended(first, seconds=40).status is RunStatus.FAILED
    before.terminate()
    assert before.wait(timeout=20) == 0
    doomed = house.worker(point)
    second = desk.recover(first, of)
    assert doomed.wait(timeout=30) == -signal.SIGKILL
    house.worker()
    assert desk.ended(second, seconds=40).status is RunStatus.SUCCEEDED
    deliveries = [
        *(f"whole/{number}/d" for number in range(120)),
        *(f"parts/{number}/{a}" for number in (0, 1) for a in "dm"),
    ]
    assert house.delivered() == sorted([*deliveries, "z"])
    found = Counter(row.status for row in desk.rows(second))
    assert found == {ActivityStatus.CARRIED: 2 * 120 + 2, ActivityStatus.SUCCEEDED: 2 + 2 + 2 + 1}


@pytest.mark.parametrize("point", IN_A_TAKEOVER)
def test_a_worker_killed_while_it_takes_over_leaves_nothing_lying(desk: Desk, house: House, point: str) -> None:
    """What a worker declared dead and did not hand back, somebody else does."""
    first = house.worker("attempt-claimed")
    run_id = desk.ask(plan(activity("a", "deliver"), activity("b", "deliver", ["a"])))
    assert first.wait(timeout=30) == -signal.SIGKILL
    second = house.worker(point)
    assert second.wait(timeout=30) == -signal.SIGKILL
    house.worker()
    assert desk.ended(run_id, seconds=40).status is RunStatus.SUCCEEDED
    assert house.delivered() == ["a", "b"]


def test_one_of_two_workers_is_killed_and_the_other_goes_on(desk: Desk, house: House) -> None:
    """Kill -9: the runs that it had are going on elsewhere within ten seconds."""
    processes = [house.worker(), house.worker()]
    run_ids = _spread(desk, 6)
    holders = {row.worker_id for run_id in run_ids for row in desk.rows(run_id) if row.worker_id}
    victim = next(process for process in processes if any(f"-{process.pid}-" in str(holder) for holder in holders))
    victim.kill()
    assert all(desk.ended(run_id, seconds=20).status is RunStatus.SUCCEEDED for run_id in run_ids)
    assert house.delivered() == sorted(["a"] * 6)


def test_c2_a_frozen_worker_that_wakes_writes_nothing_that_counts(desk: Desk, house: House) -> None:
    """SIGSTOP past the heartbeat: the other one takes over; the woken one finds itself fenced, and ends for its supervisor."""
    frozen = house.worker()
    run_id = desk.ask(plan(activity("a", "deliver", settings={"seconds": 2}), activity("b", "deliver", ["a"])))
    desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
    frozen.send_signal(signal.SIGSTOP)
    house.supervised()
    assert desk.ended(run_id, seconds=30).status is RunStatus.SUCCEEDED
    before = desk.rows(run_id)
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(timeout=20) == 75
    assert desk.rows(run_id) == before
    assert f"-{frozen.pid}-" not in str(before[0].worker_id)


def test_c21_a_run_that_kills_its_workers_again_and_again_fails(desk: Desk, house: House) -> None:
    """The poison is given up after some take-overs; other runs are done."""
    house.supervised()
    poisoned = desk.ask(plan(activity("p", "poison"), activity("q", after=["p"])))
    run = desk.ended(poisoned, seconds=60)
    assert run.reason is not None
    assert (run.status, run.reason.code) == (RunStatus.FAILED, Code.WORKER_LOST)
    assert desk.ended(desk.ask(plan(activity("a")))).status is RunStatus.SUCCEEDED


def test_a_worker_that_is_told_to_stop_lets_activities_end_and_hands_the_run_on(desk: Desk, house: House) -> None:
    """SIGTERM drains: the activity at work ends here, the next one is done by the next worker, and nothing is done twice."""
    leaving = house.worker()
    run_id = desk.ask(plan(activity("a", "deliver", settings={"seconds": 1.5}), activity("b", "deliver", ["a"])))
    desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
    leaving.terminate()
    assert leaving.wait(timeout=15) == 0
    assert desk.statuses(run_id) == {"a": "succeeded", "b": "pending"}
    house.worker()
    assert desk.ended(run_id, seconds=20).status is RunStatus.SUCCEEDED
    assert [row.epoch for row in desk.rows(run_id)] == [1, 1]


def test_a_worker_whose_activities_take_too_long_to_drain_hands_them_back(desk: Desk, house: House) -> None:
    """After the grace period what works is stopped and done again by the next worker."""
    leaving = house.worker()
    run_id = desk.ask(plan(activity("a", "deliver", settings={"seconds": 8})))
    desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
    leaving.terminate()
    assert leaving.wait(timeout=15) == 0
    with desk.database.reading() as tx:
        assert [worker.status for worker in workers.get_all(tx)] == [workers.STOPPED]
    house.worker()
    assert desk.ended(run_id, seconds=30).status is RunStatus.SUCCEEDED
    assert house.delivered() == ["a"]


def test_a_supervisor_starts_again_what_died_and_stops_what_lives(desk: Desk, house: House) -> None:
    """A worker's death is not the supervisor's; its stop is the workers'."""
    supervisor = house.supervised()
    first = supervisor.pids()[0]
    _alive(desk, 1)
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.pids() not in ((), (first,)), seconds=10, what="another worker")
    assert desk.ended(desk.ask(plan(activity("a")))).status is RunStatus.SUCCEEDED
    supervisor.stop()
    assert supervisor.pids() == ()


def _spread(desk: Desk, count: int) -> list[str]:
    """Return runs of which at least one activity is at work in each of two workers."""
    _alive(desk, 2)
    one: Plan = plan(activity("a", "deliver", settings={"seconds": 1.5}))
    run_ids = [desk.ask(one) for _ in range(count)]
    until(
        lambda: all(desk.statuses(run_id)["a"] in {"running", "succeeded"} for run_id in run_ids),
        seconds=20,
        what="all runs to be at work",
    )
    return run_ids


def _alive(desk: Desk, count: int) -> None:
    def living() -> bool:
        with desk.database.reading() as tx:
            return len(workers.get_all(tx)) >= count

    until(living, seconds=20, what=f"{count} workers")


@pytest.mark.parametrize("point", IN_RETENTION)
def test_a_sweep_killed_at_any_point_is_done_again_by_the_next(desk: Desk, house: House, point: str) -> None:
    """Files go before rows, so a sweep that died half-way is found, and ended, by the next one."""
    worker = house.worker()
    run_id = desk.ask(plan(activity("a")))
    desk.ended(run_id)
    worker.terminate()
    assert worker.wait(timeout=20) == 0
    sweep = [sys.executable, str(PROGRAM.with_name("retention_program.py")), house.url, run_id]
    assert warm.run([*sweep, point], env=environment(), cwd=house.target).returncode == -signal.SIGKILL
    assert warm.run([*sweep, ""], env=environment(), cwd=house.target).returncode == 0
    assert desk.every([run_id]) == {}
