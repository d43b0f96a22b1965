"""Pipelines in real processes: killed with -9 at every crash point, many at once, in order; a server outside counts what was done."""

import itertools
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from e2e.house import House, ended_at_last
from e2e.pipelines import (
    ITEMS,
    Factory,
    activity,
    answer_ok,
    calls,
    expected_calls,
    expression,
    put_nested,
    repeated,
    succeeded,
)
from headrace.core import crashpoints
from headrace.core.run import ActivityStatus
from listeners import Listener, listening

pytestmark = [pytest.mark.e2e]

KILLED = -signal.SIGKILL
POINTS = sorted(point for point in crashpoints.declared() if point.startswith(("body-", "container-", "attempt-")))
IN_RECOVERY = ("run-begun", "bodies-carried", "body-begun:2", "attempt-finished:2", "run-ended")
TWICE = {"activity-done", "attempt-claimed"}
"""At these the call may have been made, and nobody wrote that down: it is made again, with the same key. So may, at any point, the call of the
loop's other lane."""


@pytest.fixture
def outside() -> Iterator[Listener]:
    """Yield a service outside, which does what it is asked for."""
    with listening() as listener:
        listener.answer = answer_ok
        yield listener


@pytest.fixture
def factory(house: House) -> Factory:
    """Return the house's factory; its activities may call this machine."""
    house.settings["HEADRACE_EGRESS_ALLOW"] = "127.0.0.1"
    house.settings["HEADRACE_DATAFACTORY_WAITING_RUNS"] = "1000"
    return Factory(house)


@pytest.mark.turn_about
@pytest.mark.parametrize("point", POINTS)
def test_a_pipeline_whose_worker_is_killed_does_everything_once(
    factory: Factory, outside: Listener, point: str
) -> None:
    """Whatever line the worker dies on, in whatever depth: each call, each item, each element of a variable is there once (C14)."""
    killed_and_ended(factory, outside, point)


@pytest.mark.soak
@pytest.mark.parametrize(
    "point", [f"{point}:{passing}" for point in POINTS if point != "attempt-paused" for passing in (2, 4, 6)]
)
def test_a_pipeline_is_safe_to_die_in_again_and_again(factory: Factory, outside: Listener, point: str) -> None:
    """The same at later passings of each line: in the loop's lanes, in the second pass, while the child goes on."""
    killed_and_ended(factory, outside, point)


@pytest.mark.turn_about
@pytest.mark.parametrize("point", IN_RECOVERY)
def test_a_recovery_whose_worker_is_killed_repeats_nothing_that_was_done(
    factory: Factory, outside: Listener, point: str
) -> None:
    """One item failed: its recovery calls that one and what comes after the loop, however often a worker dies over it (C14)."""
    put_nested(factory, outside.url)
    outside.answer = lambda heard: (500, {}, b"") if heard.path.endswith("/odd/3") else answer_ok(heard)
    first = factory.run("nested")
    factory.house.work()
    assert factory.get(first)["status"] == "Failed"
    assert calls(outside)["/odd/3"] == 1
    outside.answer = answer_ok
    outside.heard.clear()
    again = factory.run("nested", referencePipelineRunId=first, isRecovery="true", startFromFailure="true")
    with ended_at_last(factory.house.start("worker_program.py", crash_at=point)) as worker:
        assert worker.wait(timeout=60) == KILLED
    factory.house.work()
    assert factory.get(again)["status"] == "Succeeded", factory.get(again)
    assert calls(outside) == Counter(["/odd/3", "/poll", "/poll", "/child"])
    assert sorted(factory.variable(again).split(",")) == [str(number) for number in range(ITEMS)]


def killed_and_ended(factory: Factory, outside: Listener, point: str) -> None:
    """Kill a worker at the point, let another one end the run, and look at everything that was to be done once."""
    put_nested(factory, outside.url)
    run_id = factory.run("nested")
    with ended_at_last(factory.house.start("worker_program.py", crash_at=point)) as worker:
        assert worker.wait(timeout=60) == KILLED
    factory.house.work()
    assert factory.get(run_id)["status"] == "Succeeded", factory.get(run_id)
    assert calls(outside) == expected_calls()
    assert repeated(outside) <= (2 if point.split(":", maxsplit=1)[0] in TWICE else 1)
    assert sorted(factory.variable(run_id).split(",")) == [str(number) for number in range(ITEMS)]
    assert set(succeeded(factory.rows(run_id)).values()) == {1}


def test_a_thousand_items_are_each_done_once(factory: Factory) -> None:
    """Fifty at a time, in no order, and each once."""
    append = activity("Append", "AppendVariable", variableName="seen", value="@item()")
    each = activity(
        "Each", "ForEach", items=expression("@range(0, 1000)"), isSequential=False, batchCount=50, activities=[append]
    )
    factory.put("thousand", [each], variables={"seen": {"type": "Array"}})
    run_id = factory.run("thousand")
    factory.house.work()
    rows = [row for row in factory.rows(run_id) if row.path.startswith("Each/")]
    assert {row.output["value"] for row in rows} == set(range(1000))
    assert {row.status for row in rows} == {ActivityStatus.SUCCEEDED}


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.soak)])
def test_runs_behind_a_concurrency_of_one_come_in_their_order(factory: Factory, count: int) -> None:
    """Runs of a pipeline that takes one at a time: each begins when the one before has ended."""
    factory.put(
        "single",
        [activity("Set", "SetVariable", variableName="v", value="x")],
        variables={"v": {"type": "String"}},
        concurrency=1,
    )
    asked = [factory.run("single") for _ in range(count)]
    factory.house.work(seconds=120)
    runs = sorted(factory.house.runs(), key=lambda run: run.started_at or 0)
    assert [run.id for run in runs] == asked
    assert all((before.ended_at or 0) <= (after.started_at or 0) for before, after in itertools.pairwise(runs))
