"""Copies in real processes, killed with -9 at every crash point: in every kind of sink each row is there once, and nothing else is left."""

import signal
from typing import Any

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
WORST = {
    "rows_to_files": "transfer-after-rename",
    "rows_to_one_file": "transfer-before-rename",
    "bytes_moved": "transfer-after-delete",
    "append": "transfer-after-write",
    "append_as_of_now": "transfer-after-noted",
    "append_at_once": "transfer-before-finish",
    "upsert": "transfer-after-finish",
    "table_to_files": "transfer-after-plan",
    "table_to_table": "transfer-after-landed-noted",
}
"""Where it matters most that a worker dies, for each copy."""
SOAKED = {"rows_to_one_file", "table_to_files"}
"""Copies that are killed in `make soak` only: much of them is as in others."""
UNBROKEN = {"append_at_once", "table_to_files"}
"""Copies that are done without a death in every test run."""


def some(wanted: set[str]) -> list[Any]:
    """Return the copies; those that are not wanted in every test run are for `make soak`."""
    return [pytest.param(what, marks=[] if what in wanted else [pytest.mark.soak]) for what in COPIES]


@pytest.mark.parametrize("what", some(UNBROKEN))
def test_a_copy_moves_every_row_and_tells_how_many(sqlite_house: House, what: str) -> None:
    """What the output says is what is in the sink."""
    factory = settle(sqlite_house)
    factory.put("copy", [COPIES[what]])
    run_id = factory.run("copy")
    sqlite_house.work()
    check(factory, run_id, what)


@pytest.mark.parametrize("what", some(set(COPIES) - SOAKED))
def test_a_copy_whose_worker_is_killed_at_the_worst_line_moves_every_row_once(sqlite_house: House, what: str) -> None:
    """One line of each kind of copy in every test run; all of them are below."""
    factory = settle(sqlite_house)
    factory.put("copy", [COPIES[what]])
    run_id = factory.run("copy")
    assert not die_over(factory, run_id, WORST[what]), "it did not come by"
    sqlite_house.work()
    check(factory, run_id, what)


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
    check(factory, run_id, what)


def check(factory: Factory, run_id: str, what: str) -> None:
    """Look at what a copy left, and at what it says that it did."""
    assert factory.get(run_id)["status"] == "Succeeded", factory.get(run_id)
    assert found(factory.house, what) == expected()
    output = factory.rows(run_id)[-1].output
    if what == "bytes_moved":
        assert (output["filesRead"], output["filesWritten"]) == (FILES, FILES)
        assert left_in_source(factory.house) == []
    else:
        assert (output["rowsRead"], output["rowsCopied"]) == (FILES * ROWS, FILES * ROWS)


def die_over(factory: Factory, run_id: str, point: str) -> bool:
    """Start a worker that dies at the point; say whether it did the run without coming by."""
    with ended_at_last(factory.house.start("worker_program.py", crash_at=point)) as worker:
        until(
            lambda: worker.poll() is not None or factory.get(run_id)["status"] in {"Succeeded", "Failed"},
            seconds=60,
            what="a death or an end",
        )
        return worker.poll() != KILLED
