"""Files that a client sends, and batches that are taken back: whatever line a process dies on, each row is there once, or not at all."""

import signal
from collections import Counter

import pytest

from e2e.house import House, ended_at_last
from e2e.orders import FlowText, Orders, assert_the_oracle_holds
from e2e.uploads_program import send
from headrace.bootstrap.application import LOCAL
from headrace.core import crashpoints
from headrace.core.run import RunStatus
from headrace.service.uploads import UploadDesk, revert_batch

pytestmark = [pytest.mark.e2e]

KILLED = -signal.SIGKILL
SENDING = {"upload-before-rename", "upload-part-noted", "upload-parts-joined", "upload-completed"}
LAYING_DOWN = {"upload-after-file"}
REVERTING = {"revert-before-commit", "revert-after-commit"}
"""All of them are killed at below."""


def prepared(house: House) -> Orders:
    """Write the orders' files and the flow file; return the orders."""
    orders = Orders.make(600)
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    return orders


@pytest.mark.parametrize("point", sorted(SENDING))
def test_a_server_that_is_killed_while_it_takes_files_has_lost_nothing_that_it_answered(
    sqlite_house: House, point: str
) -> None:
    """The client goes on where it was, and its batch has one run."""
    house, orders = sqlite_house, prepared(sqlite_house)
    killed = house.program("uploads_program.py", crash_at=point)
    assert killed.returncode == KILLED, (killed.stdout, killed.stderr)
    for _ in range(2):
        send(house.application, house.folder)
    assert len(house.work()) == 1
    assert_the_oracle_holds(house, orders)


@pytest.mark.parametrize("point", sorted(LAYING_DOWN))
def test_a_worker_that_is_killed_while_it_lays_files_down_is_taken_over_from(sqlite_house: House, point: str) -> None:
    """The upload's own files are left alone until its run has ended, so the next worker lays them down again."""
    house, orders = sqlite_house, prepared(sqlite_house)
    send(house.application, house.folder)
    with ended_at_last(house.start("worker", crash_at=point)) as worker:
        assert worker.wait(timeout=30) == KILLED
    house.sweep()
    house.work()
    assert_the_oracle_holds(house, orders)


@pytest.mark.parametrize("point", sorted(REVERTING))
def test_a_batch_is_taken_back_once_whoever_dies(sqlite_house: House, point: str) -> None:
    """The next worker finds the files gone, or takes them away; what other batches brought stays."""
    house, orders = sqlite_house, prepared(sqlite_house)
    app = house.application
    send(app, house.folder)
    batch = house.batches(house.work()[0].id)[0]
    house.ask(house.put().id)
    house.work()
    assert house.target() == Counter({row: 2 * count for row, count in orders.accepted().items()})
    revert_batch(UploadDesk(app.database, app.roots, app.clock, app.ids), LOCAL, batch.id, {}, "tester")
    with ended_at_last(house.start("worker", crash_at=point)) as worker:
        assert worker.wait(timeout=30) == KILLED
    assert {run.status for run in house.work()} == {RunStatus.SUCCEEDED}
    assert house.target() == orders.accepted()
    (reverted,) = [one for run in house.runs() for one in house.batches(run.id) if one.reverted_at is not None]
    assert (reverted.id, house.commits()) == (batch.id, 3)


def test_every_point_of_uploads_is_killed_at() -> None:
    """The lists above are those of the code."""
    named = {point for point in crashpoints.declared() if point.startswith(("upload-", "revert-"))}
    assert named == SENDING | LAYING_DOWN | REVERTING
