"""Copies in real processes, killed with -9 at every crash point: in every kind of sink each row is there once, and nothing else is left."""

import signal

import pytest

from e2e.house import House, ended_at_last
from e2e.pipelines import Factory
from e2e.transfers import COPIES, FILES, ROWS, expected, found, left_in_source, settle
from headrace.core import crashpoints
from waiting import until

pytestmark = [pytest.mark.e2e]

KILLED = -signal.SIGKILL
POINTS = sorted(point for point in crashpoints.declared() if point.startswith("transfer-"))
MOST_DEATHS = 4
"""An activity whose worker is lost again and again is given up at last."""


@pytest.mark.parametrize("what", COPIES)
def test_a_copy_moves_every_row_and_tells_how_many(sqlite_house: House, what: str) -> None:
    """What the output says is what is in the sink."""
    factory = settle(sqlite_house)
    factory.put("copy", [COPIES[what]])
    run_id = factory.run("copy")
    sqlite_house.work()
    assert factory.get(run_id)["status"] == "Succeeded", factory.get(run_id)
    assert found(sqlite_house, what) == expected()
    output = factory.rows(run_id)[0].output
    if what == "bytes_moved":
        assert (output["filesRead"], output["filesWritten"]) == (FILES, FILES)
        assert left_in_source(sqlite_house) == []
    else:
        assert (output["rowsRead"], output["rowsCopied"]) == (FILES * ROWS, FILES * ROWS)


@pytest.mark.soak
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("what", COPIES)
def test_a_copy_whose_workers_are_killed_moves_every_row_once(house: House, what: str, point: str) -> None:
    """Whatever line a worker dies on, again and again as long as the copy comes by it: each row is in the sink once (C14)."""
    factory = settle(house)
    factory.put("copy", [COPIES[what]])
    run_id = factory.run("copy")
    deaths = 0
    while deaths < MOST_DEATHS and not die_over(factory, run_id, point):
        deaths += 1
    house.work()
    assert factory.get(run_id)["status"] == "Succeeded", (deaths, factory.get(run_id))
    assert found(house, what) == expected()
    if what == "bytes_moved":
        assert left_in_source(house) == []


def die_over(factory: Factory, run_id: str, point: str) -> bool:
    """Start a worker that dies at the point; say whether it did the run without coming by."""
    with ended_at_last(factory.house.start("worker_program.py", crash_at=point)) as worker:
        until(
            lambda: worker.poll() is not None or factory.get(run_id)["status"] in {"Succeeded", "Failed"},
            seconds=60,
            what="a death or an end",
        )
        return worker.poll() != KILLED
