"""A real process is killed with -9 at every crash point of the code: no row is lost, none is there twice, no run hangs.

The dead process is one of the command line's; the worker that takes over is this process's.
"""

import json
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.house import House, ended_at_last
from e2e.orders import FILES, ONE_FILE, TABLE, FlowText, Orders, assert_clean, assert_the_oracle_holds
from headrace.core import crashpoints
from headrace.core.flow import Activity, Dependency, Plan
from headrace.core.run import RunStatus
from headrace.service.quarantine import outstanding

pytestmark = [pytest.mark.e2e]

KILLED = -signal.SIGKILL
SKIPPING = {"activities-marked"}
WAITING = {"attempt-paused", "run-rests", "run-moved"}
TAKING_OVER = {"workers-declared-dead", "runs-handed-back"}
READING_TABLES = {"copy-before-partition", "copy-after-partition"}
SWEEPING = {"landing-removed", "expired-files-removed", "expired-workflows-removed"}
BY_THE_CLOCK = {"schedule-advanced", "schedule-fired", "deliveries-taken", "delivery-sent"}
"""These have a page of their own, ``test_timers.py``."""
OF_UPLOADS = {point for point in crashpoints.declared() if point.startswith(("upload-", "revert-"))}
"""And these, ``test_uploads.py``."""
OF_TRIGGERS = {point for point in crashpoints.declared() if point.startswith(("trigger-", "window", "watch-"))}
"""And these, ``api/datafactory/test_trigger_crashes.py`` and ``test_event_triggers.py``."""
OF_TRANSFERS = {
    point for point in crashpoints.declared() if point.startswith(("transfer-", "table-", "query-", "put-"))
}
"""And these, ``test_transfers.py``, ``dataplane/transfer/test_crashes.py`` and ``databases/test_killed_writing.py``."""
OF_JOBS = {point for point in crashpoints.declared() if point.startswith("jobs-")}
"""And these, ``test_jobs.py``."""
OF_PIPELINES = {"attempt-expanded", "bodies-carried", "body-begun", "body-ended", "container-ended"}
"""And these, ``test_pipelines.py``."""
LISTED = (
    *(SKIPPING, WAITING, TAKING_OVER, READING_TABLES, SWEEPING, BY_THE_CLOCK),
    *(OF_UPLOADS, OF_PIPELINES, OF_TRIGGERS, OF_TRANSFERS, OF_JOBS),
)
IN_A_RUN = crashpoints.declared().difference(*LISTED)
"""All the others are passed by every run of files: a new point is killed at without anybody thinking of it, or fails here."""


@pytest.mark.turn_about
@pytest.mark.parametrize("point", sorted(IN_A_RUN))
def test_a_run_whose_process_is_killed_is_ended_by_the_next_worker(house: House, point: str) -> None:
    """Whatever line the process dies on, each row arrives once (D9, D10, D14, C1)."""
    orders = Orders.make()
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    killed = house.headrace("run", "flow.yaml", crash_at=point)
    assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
    house.work()
    assert_the_oracle_holds(house, orders)


@pytest.mark.turn_about
@pytest.mark.postgres
@pytest.mark.parametrize("point", [*sorted(READING_TABLES), "copy-after-partition:2", "promote-after-commit"])
def test_a_run_of_a_table_whose_process_is_killed_is_ended_by_the_next_worker(
    house: House, postgres_url: str, point: str
) -> None:
    """Parts of two snapshots are never mixed."""
    orders = Orders.make(600)
    orders.write_table(postgres_url)
    house.settings["SHOP_URL"] = postgres_url
    FlowText(source=TABLE).write(house)
    killed = house.headrace("run", "flow.yaml", crash_at=point)
    assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
    house.work()
    assert_the_oracle_holds(house, orders)


@pytest.mark.parametrize("point", sorted(SKIPPING))
def test_a_run_that_is_killed_while_it_fails_has_failed_and_can_be_retried(house: House, point: str) -> None:
    """The source is missing, so its promotion is skipped; when it is there, a retry brings every row (C13)."""
    FlowText(source=ONE_FILE).write(house)
    (house.folder / "data").mkdir()
    assert house.headrace("run", "flow.yaml", crash_at=point).returncode == KILLED
    failed = house.work()[0]
    assert failed.status is RunStatus.FAILED
    orders = Orders.make(600)
    orders.write_file(house.folder / "data")
    house.ask_for_retry(failed.id)
    house.work()
    assert_the_oracle_holds(house, orders)


@pytest.mark.turn_about
@pytest.mark.parametrize("point", sorted(WAITING))
def test_a_run_whose_worker_is_killed_while_the_run_waits_goes_on_in_time(house: House, point: str) -> None:
    """Timers are in the ledger, not in a process."""
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    file = house.put()
    copy, promote = file.plan.activities
    pause = Activity("pause", "wait", {"seconds": 1})
    house.ask(house.put(plan=Plan((pause, replace(copy, depends_on=(Dependency("pause"),)), promote))).id)
    with ended_at_last(house.start("worker_program.py", crash_at=point)) as worker:
        assert worker.wait(timeout=30) == KILLED
    house.work()
    assert_the_oracle_holds(house, orders)


@pytest.mark.parametrize("point", sorted(TAKING_OVER))
def test_a_worker_killed_while_it_takes_over_is_taken_over_from(house: House, point: str) -> None:
    """Taking over is as safe to die in as the work itself (C4)."""
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    assert house.headrace("run", "flow.yaml", crash_at="promote-after-parquet").returncode == KILLED
    with ended_at_last(house.start("worker", crash_at=point)) as second:
        assert second.wait(timeout=30) == KILLED
    house.work()
    assert_the_oracle_holds(house, orders)


@pytest.mark.turn_about
@pytest.mark.parametrize(
    "point", ["run-begun", "promote-after-parquet", "promote-before-commit", "promote-after-commit", "run-ended"]
)
def test_a_retry_whose_process_is_killed_promotes_each_row_once(house: House, point: str) -> None:
    """A retry is as safe to die in as a first run, and still does not read the source, which is gone by now."""
    orders = Orders.make()
    orders.write_files(house.folder / "data")
    FlowText(maximum=100, at_most="1%").write(house)
    house.ask(house.put().id)
    failed = house.work()[0]
    assert (failed.status, house.target().total()) == (RunStatus.FAILED, 0)
    FlowText(maximum=800).write(house)
    house.put()
    for file in (house.folder / "data").iterdir():
        file.unlink()
    killed = house.headrace("runs", "retry", "@latest", crash_at=point)
    assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
    house.work()
    assert_the_oracle_holds(house, orders, maximum=800)


@pytest.mark.turn_about
@pytest.mark.parametrize("point", ["attempt-claimed", "promote-before-commit", "promote-after-commit", "run-ended"])
def test_a_replay_of_corrected_rejects_that_is_killed_plays_each_row_once(house: House, point: str) -> None:
    """What was rejected, corrected and played again is in the target once, and no longer counted as rejected."""
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    house.ask(house.put().id)
    batch = house.batches(house.work()[0].id)[0]
    corrections = write_corrections(house, batch.id)
    killed = house.headrace("quarantine", "replay", batch.id, str(corrections), crash_at=point)
    assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
    replayed = house.work()[0]
    assert (replayed.status, replayed.figures.rows_rejected) == (RunStatus.SUCCEEDED, 0)
    assert_clean(house)
    played = {number: n for (number, *_), n in house.target().items()}
    assert played == dict.fromkeys(range(600), 1)
    assert outstanding(next(one for run in house.runs() for one in house.batches(run.id) if one.id == batch.id)) == 0


@pytest.mark.turn_about
@pytest.mark.parametrize("point", ["attempt-claimed", "promote-before-commit"])
def test_a_place_of_a_bounded_flow_is_not_lost_with_the_process_that_held_it(house: House, point: str) -> None:
    """One run at once: the second begins when the first, taken over, has ended (C11)."""
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText(mode="overwrite", more="concurrency: 1").write(house)
    assert house.headrace("run", "flow.yaml", crash_at=point).returncode == KILLED
    house.ask(house.put().id)
    assert [run.status for run in house.work()] == [RunStatus.SUCCEEDED] * 2
    assert house.commits() == 2
    assert house.target() == orders.accepted()


@pytest.mark.turn_about
@pytest.mark.parametrize("point", sorted(SWEEPING))
def test_upkeep_that_is_killed_is_done_again(house: House, point: str) -> None:
    """Files go before rows, so what a dead sweep left is found by the next; what the runs have committed stays."""
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    house.ask(house.put().id)
    house.work()
    days = 8 if point == "landing-removed" else 60
    killed = house.program("sweep_program.py", str(days), crash_at=point)
    assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
    house.sweep(timedelta(days=60))
    left = [folder for name in ("landing", "quarantine", "work") for folder in (house.home / name).iterdir()]
    assert (house.runs(), left, house.unreferenced()) == ([], [], set())
    assert house.target() == orders.accepted()


def test_every_crash_point_is_killed_at() -> None:
    """A point that is added later is among those of a run of files, unless it is listed above; and none of the lists is out of date."""
    assert set().union(*LISTED) < crashpoints.declared()
    assert sum(map(len, LISTED)) + len(IN_A_RUN) == len(crashpoints.declared())
    assert FILES in FlowText().source


def write_corrections(house: House, batch_id: str) -> Path:
    """Write the rejected rows of a batch with every value corrected; return the file."""
    rows = [
        {**row, "id": str(row["id"]).lstrip("x"), "name": "n", "amount": "1.00"} for row in house.rejected(batch_id)
    ]
    path = house.folder / "corrected.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
