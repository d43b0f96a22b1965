"""A real process is killed with -9 at every crash point of the code: no row is lost, none is there twice, no run hangs."""

import signal
from pathlib import Path

import pytest

from e2e.house import House, Orders, end, write_orders
from headrace.core.crashpoints import declared
from headrace.core.run import RunStatus

pytestmark = [pytest.mark.e2e]

TAKING_OVER = {"workers-declared-dead", "runs-handed-back"}
"""Points that only the worker passes that takes over from a dead one."""
WAITING = {"waiting-begun", "waiting-ended"}
"""Points of timers and outside completions, which no flow file has; tests/engine kills there."""
READING_TABLES = {"copy-before-partition", "copy-after-partition"}
"""Points of reading tables; test_tables kills there."""
FILES = sorted(declared() - TAKING_OVER - WAITING - READING_TABLES)


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> House:
    """Return an installation with a flow, once on SQLite and once on PostgreSQL."""
    house = House(tmp_path, ledger_url)
    house.write_flow()
    return house


def assert_the_oracle_holds(house: House, orders: Orders, maximum: int = 900) -> None:
    """Assert that each row of the source is in the target or in the quarantine, once, and nothing is left lying about."""
    newest = house.runs()[0]
    assert newest.status is RunStatus.SUCCEEDED, newest
    batch = house.batches(newest.id)[-1]
    assert house.target() == orders.accepted(maximum)
    assert house.quarantined(batch.id) == orders.rejected(maximum)
    assert newest.figures.rows_read == len(orders.rows)
    # assert house.headrace("db", "clean", "--grace", "0").returncode == 0
    # assert house.unreferenced() == set()
    assert house.target() == orders.accepted(maximum)
    known = {run.id for run in house.runs()}
    assert {folder.name for folder in (house.home / "landing").iterdir()} <= known


@pytest.mark.parametrize("point", FILES)
def test_a_run_whose_process_is_killed_goes_on_elsewhere(house: House, point: str) -> None:
    """Whatever line the process dies on, the next worker brings the run to its end with each row once."""
    orders = write_orders(house.folder / "data")
    killed = house.headrace("run", "flow.yaml", crash_at=point)
    assert killed.returncode == -signal.SIGKILL, (point, killed.stdout, killed.stderr)
    with house.worker():
        house.wait_until_all_ended()
    assert_the_oracle_holds(house, orders)


@pytest.mark.parametrize("point", sorted(TAKING_OVER))
def test_a_worker_killed_while_it_takes_over_is_taken_over_from(house: House, point: str) -> None:
    """Taking over is as safe to die in as the work itself."""
    orders = write_orders(house.folder / "data")
    assert house.headrace("run", "flow.yaml", crash_at="attempt-claimed").returncode == -signal.SIGKILL
    second = house.start("worker", crash_at=point)
    assert second.wait(timeout=30) == -signal.SIGKILL
    with house.worker():
        house.wait_until_all_ended()
    assert_the_oracle_holds(house, orders)


@pytest.mark.parametrize("point", ["promote-before-quarantine", "attempt-finished", "run-ended"])
def test_a_retry_whose_process_is_killed_promotes_each_row_once(house: House, point: str) -> None:
    """A retry is as safe to die in as a first run, and still does not read the source again."""
    orders = write_orders(house.folder / "data")
    house.write_flow(maximum=100, at_most="1%")
    assert house.headrace("run", "flow.yaml").returncode == 1
    house.write_flow(maximum=800)
    for file in (house.folder / "data").iterdir():
        file.unlink()
    assert house.headrace("runs", "retry", "@latest", crash_at=point).returncode == -signal.SIGKILL
    with house.worker():
        house.wait_until_all_ended()
    assert_the_oracle_holds(house, orders, maximum=800)


def test_every_crash_point_is_killed_at_somewhere() -> None:
    """A crash point that is added later is killed at without anybody thinking of it."""
    assert declared() == set(FILES) | TAKING_OVER | WAITING | READING_TABLES
    assert FILES


def test_a_frozen_worker_that_wakes_writes_nothing_that_counts(tmp_path: Path, postgres_ledger_url: str) -> None:
    """One worker is stopped past its heartbeat, another does its run; the first, woken, changes nothing."""
    house = House(tmp_path, postgres_ledger_url)
    house.write_flow()
    orders = write_orders(house.folder / "data", 60_000)
    first = house.start("worker", log="first.log")
    try:
        assert house.headrace("run", "flow.yaml", "--detach").returncode == 0
        first.send_signal(signal.SIGSTOP)
        with house.worker(log="second.log"):
            house.wait_until_all_ended()
            before = house.runs()
            first.send_signal(signal.SIGCONT)
            first.wait(timeout=30)
            assert house.runs() == before
    finally:
        end(first, signal.SIGKILL)
    assert_the_oracle_holds(house, orders)
