"""Two workers on PostgreSQL with shared folders: one is killed, one is frozen past its heartbeat and woken."""

import signal
from pathlib import Path

import pytest

from e2e.house import House, ended_at_last
from e2e.orders import FlowText, Orders, assert_the_oracle_holds
from headrace.bootstrap.working import working
from headrace.core.run import ActivityStatus
from headrace.engine.worker import FENCED_EXIT
from waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

TAKEN_OVER_SECONDS = 10


def data_files(house: House) -> list[Path]:
    """Return the data files of the table, committed or not."""
    return list((house.home / "lake" / "orders").glob("*.parquet"))


def take_over(house: House) -> None:
    """Be the other worker, which has what the first one had in hand within ten seconds, and does it."""
    with working(house.application):
        what = "the take-over"
        until(lambda: any(row.epoch == 2 for row in house.activities()), seconds=TAKEN_OVER_SECONDS, what=what)
        house.wait_until_done()


def test_what_a_killed_worker_had_in_hand_is_ended_by_the_other_within_ten_seconds(postgres_house: House) -> None:
    """Kill -9 in the middle of a copy; the other worker is on the same ledger and folders (C1)."""
    house = postgres_house
    orders = Orders.make()
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    house.ask(house.put().id)
    with ended_at_last(house.start("worker", crash_at="copy-after-file")) as first:
        assert first.wait(timeout=30) == -signal.SIGKILL
    take_over(house)
    assert_the_oracle_holds(house, orders)


def test_a_frozen_worker_that_wakes_writes_nothing_that_counts(postgres_house: House) -> None:
    """It is stopped with its data file written and not committed; the other does its run; the first, woken, finds itself fenced (C2, C3).

    Its process is there, so only the missing heartbeat tells, and it does so within ten seconds with the settings that people have.
    """
    house = postgres_house
    house.settings |= {"HEADRACE_HEARTBEAT_SECONDS": "1", "HEADRACE_DEAD_AFTER_SECONDS": "6"}
    orders = Orders.make(60_000)
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    house.ask(house.put().id)
    with ended_at_last(house.start("worker")) as first:
        until(lambda: data_files(house), seconds=30, what="the first data file", every=0.001)
        first.send_signal(signal.SIGSTOP)
        assert house.commits() == 0
        take_over(house)
        runs, rows, commits = house.runs(), house.activities(), house.commits()
        first.send_signal(signal.SIGCONT)
        assert first.wait(timeout=30) == FENCED_EXIT
    assert (house.runs(), house.activities(), house.commits()) == (runs, rows, commits)
    assert commits == 1
    assert {row.epoch for row in rows if row.kind == "promote"} == {2}
    assert all(row.status is ActivityStatus.SUCCEEDED for row in rows)
    assert_the_oracle_holds(house, orders)
