"""What happens by the clock happens once, or at least once, whatever line a process dies on."""

import json
import signal
from datetime import timedelta

import pytest

from e2e.house import House, at, ended_at_last
from e2e.orders import FlowText, Orders, assert_the_oracle_holds
from e2e.timers_program import hooks_of
from headrace.bootstrap.timers import firing_desk
from headrace.core import crashpoints
from headrace.core.clock import MINUTE, Instant
from headrace.core.flow import Activity, Plan
from headrace.core.run import RunKind
from headrace.core.schedule import Schedule, Unit
from headrace.core.window import Window
from headrace.service.flows import put_flow
from headrace.service.schedules import fire_due, put_schedule
from headrace.service.webhooks import DeliveryStatus, Subscription, deliver_due, list_deliveries, subscribe
from listeners import listening
from waiting import until

pytestmark = [pytest.mark.e2e]

KILLED = -signal.SIGKILL
FIRING = {"schedule-advanced", "schedule-fired"}
TELLING = {"deliveries-taken", "delivery-sent"}
"""All of them are killed at below."""


def schedule(house: House) -> str:
    """Let the flow file's flow run by the clock, from a minute ago on, every quarter of an hour; return its id."""
    app = house.application
    flow = house.put()
    start = Instant(app.clock.now() - MINUTE)
    due = Schedule(start, Unit.MINUTE, 15)
    put_flow(app.database, flow, "tester", app.clock, along=lambda tx, kept, now: put_schedule(tx, kept, due, now))
    return flow.id


@pytest.mark.parametrize(
    ("ledger", "point"),
    [
        ("sqlite_house", "schedule-advanced"),
        pytest.param("postgres_house", "schedule-fired", marks=pytest.mark.postgres),
    ],
)
def test_a_schedule_whose_process_is_killed_is_fired_once(
    request: pytest.FixtureRequest, ledger: str, point: str
) -> None:
    """Either the run and the schedule's next due time are both there, or neither is (C5)."""
    house: House = request.getfixturevalue(ledger)
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText(more="concurrency: 1").write(house)
    schedule(house)
    killed = house.program("timers_program.py", "fire", crash_at=point)
    assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
    for _ in range(2):
        fire_due(firing_desk(house.application))
    assert [(run.kind, run.window and run.window.start) for run in house.work()] == [(RunKind.SCHEDULED, None)]
    assert_the_oracle_holds(house, orders)


def test_a_webhook_whose_sender_is_killed_is_told_by_the_next_one(sqlite_house: House) -> None:
    """At least once, and recognisably the same event: killed before it sent, and after (C19)."""
    house, app = sqlite_house, sqlite_house.application
    FlowText().write(house)
    with listening() as listener:
        webhook = subscribe(hooks_of(app), Subscription(scope="local", url=listener.url, who="tester"))
        run_id = house.ask(house.put(plan=Plan((Activity("pause", "wait", {"seconds": 0}),))).id)
        house.work()
        for later, point in ((0, "deliveries-taken"), (2, "delivery-sent")):
            killed = house.program("timers_program.py", "tell", str(later), crash_at=point)
            assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
        deliver_due(hooks_of(at(app, timedelta(minutes=4))))
        told = [json.loads(heard.body) for heard in listener.posts]
    assert [body["run"] for body in told] == [run_id] * 2
    assert told[0] == told[1]
    (delivery,) = list_deliveries(app.database, None, webhook.id).items
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 3)


def test_a_worker_looks_at_the_clock_by_itself(sqlite_house: House) -> None:
    """Nobody has to do anything for a scheduled flow to run."""
    house = sqlite_house
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText(more="concurrency: 1").write(house)
    flow_id = schedule(house)
    with ended_at_last(house.start("worker")) as worker:
        until(lambda: [run for run in house.runs() if run.status.is_final], seconds=30, what="the scheduled run")
        house.wait_until_done()
        worker.terminate()
        assert worker.wait(timeout=40) == 0
    (run,) = house.runs()
    assert (run.flow_id, isinstance(run.window, Window)) == (flow_id, True)
    assert_the_oracle_holds(house, orders)


def test_every_point_of_the_clock_is_killed_at() -> None:
    """The lists above are those of the code."""
    named = {point for point in crashpoints.declared() if point.startswith(("schedule-", "deliver"))}
    assert named == FIRING | TELLING
