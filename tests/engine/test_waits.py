"""Timers and what somebody outside completes."""

import threading

from engine_desk import Desk, MakesEngines, activity, plan
from headrace.core import messages
from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.core.run import RunStatus
from headrace.engine.configuration import EngineConfig
from waiting import until

EXTERNAL = activity("x", "external", settings={"deadline_seconds": 30})


def test_a_timer_lets_the_run_wait_and_then_go_on(desk: Desk, make_engine: MakesEngines) -> None:
    """While only the timer is pending the run is waiting."""
    make_engine()
    run_id = desk.ask(plan(activity("a"), activity("t", "wait", ["a"], {"seconds": 1.5}), activity("b", after=["t"])))
    desk.becomes(run_id, RunStatus.WAITING)
    run = desk.ended(run_id)
    assert run.status is RunStatus.SUCCEEDED
    assert desk.rows(run_id)[1].started_at is not None


def test_a_run_with_a_timer_beside_work_is_running(desk: Desk, make_engine: MakesEngines) -> None:
    """A run waits only when nothing in it can go on."""
    make_engine()
    timer, work = activity("t", "wait", settings={"seconds": 0.3}), activity("w", "patient", settings={"seconds": 1.5})
    run_id = desk.ask(plan(timer, work))
    until(lambda: desk.statuses(run_id) == {"t": "succeeded", "w": "running"}, seconds=10, what="the timer's end")
    assert desk.run(run_id).status is RunStatus.RUNNING
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED


def test_a_message_completes_an_external_activity_with_its_output(desk: Desk, make_engine: MakesEngines) -> None:
    """What the outside party reports is the activity's output, also where it came before the run waited for it."""
    make_engine()
    run_id = desk.ask(plan(EXTERNAL, activity("b", after=["x"])))
    desk.tell(run_id, "x", messages.completed("them", {"answer": 42}))
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    assert desk.rows(run_id)[0].output == {"answer": 42}


def test_the_outside_party_may_report_a_failure(desk: Desk, make_engine: MakesEngines) -> None:
    """It is the activity's failure, in their words."""
    make_engine()
    run_id = desk.ask(plan(EXTERNAL))
    desk.tell(run_id, "x", messages.failed("them", "no room"))
    assert desk.ended(run_id).reason == Failure(Code.EXTERNAL_FAILED, "no room")


def test_nobody_completing_in_time_is_timed_out(desk: Desk, make_engine: MakesEngines) -> None:
    """The deadline is part of the activity, not of the message."""
    make_engine()
    run_id = desk.ask(plan(activity("x", "external", settings={"deadline_seconds": 0.5})))
    assert desk.ended(run_id).reason == Failure(Code.TIMED_OUT, "nobody completed it within 0.5 s")
    assert desk.statuses(run_id) == {"x": "timed_out"}


def test_several_externals_of_one_run_are_told_apart_after_the_run_was_parked(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """Each hears its own messages only, in whatever order they come, whoever has the run by then."""
    make_engine()
    names = ["x", "y", "z"]
    externals = [activity(name, "external", ["a"], {"deadline_seconds": 30}) for name in names]
    run_id = desk.ask(plan(activity("a"), *externals, activity("b", after=names)))
    desk.becomes(run_id, RunStatus.WAITING)
    for name in ["z", "x", "y"]:
        desk.tell(run_id, name, messages.completed("them", {"for": name}))
        until(lambda name=name: desk.statuses(run_id)[name] == "succeeded", seconds=10, what=f"{name} to be heard")  # type: ignore[misc]  # a loop's name
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    assert [row.output for row in desk.rows(run_id)[1:4]] == [{"for": name} for name in names]


def test_waiting_runs_hold_no_place_among_those_that_work(desk: Desk, make_engine: MakesEngines) -> None:
    """With one place for working runs, runs that wait do not keep another one from being done (C11)."""
    make_engine(config=EngineConfig(worker_concurrency=1, park_after_seconds=0.2, watch_seconds=0.1))
    for _ in range(3):
        desk.ask(plan(activity("t", "wait", settings={"seconds": 30})))
    assert desk.ended(desk.ask(plan(activity("a")))).status is RunStatus.SUCCEEDED


def test_a_thousand_waiting_runs_do_not_hold_threads(sqlite_desk: Desk, make_engine: MakesEngines) -> None:
    """Waiting costs memory, not threads. (200 here, 1,000 in the soak: the number of threads is the same)."""
    make_engine(config=EngineConfig(park_after_seconds=0.1))
    run_ids = [sqlite_desk.ask(plan(EXTERNAL)) for _ in range(200)]

    def all_wait() -> bool:
        return set(sqlite_desk.every(run_ids).values()) == {RunStatus.WAITING}

    until(all_wait, seconds=60, what="200 runs to wait", every=0.2)
    assert threading.active_count() < 80
