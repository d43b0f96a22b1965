"""What was logged while a run was done, as it is asked for."""

from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.native.runs import AskLogs
from headrace.core.native.table import RUN_LOGS
from headrace.core.run_log import Line
from headrace.service.native.logs import LONGEST
from headrace.store import run_logs
from headrace.store.database import Database
from ledger_rows import NOW, a_run, put_run
from native_house import READER, STRANGER, NativeHouse, native_house


@pytest.fixture
def house(sqlite_database: Database, tmp_path: Path) -> NativeHouse:
    """Return a desk, and a run with lines of which one found no room."""
    put_run(sqlite_database, a_run())
    lines = [
        Line("run-1", NOW, 20, "the run began"),
        Line("run-1", NOW, 20, "the activity began", "Copy", 1),
        Line("run-1", NOW, 40, "the activity failed: no", "Copy", 1, {"code": "invalid"}),
        Line("run-1", NOW, 20, "too much"),
    ]
    with sqlite_database.transaction() as tx:
        run_logs.append(tx, lines, 3)
    return native_house(sqlite_database, tmp_path)


def test_lines_are_told_page_by_page(house: NativeHouse) -> None:
    """Who follows a run asks behind the last line; what was not kept is counted."""
    first = house.ask(RUN_LOGS, AskLogs(run="run-1", limit=2), READER)
    assert ([line.number for line in first.items], first.next, first.dropped) == ([1, 2], 2, 1)
    rest = house.ask(RUN_LOGS, AskLogs(run="@latest", after=2), READER)
    assert [(line.level, line.activity, line.attempt, line.fields) for line in rest.items] == [
        ("error", "Copy", 1, {"code": "invalid"})
    ]
    assert rest.next is None


def test_lines_are_told_of_one_activity_and_from_a_level_on(house: NativeHouse) -> None:
    """Of many lines one sees those that are looked for."""
    assert len(house.ask(RUN_LOGS, AskLogs(run="run-1", activity="Copy")).items) == 2
    assert len(house.ask(RUN_LOGS, AskLogs(run="run-1", level="warning")).items) == 1


def test_who_may_not_see_the_run_gets_no_lines(house: NativeHouse) -> None:
    """Lines have the names of files and tables: they are their run's."""
    with pytest.raises(Problem) as refusal:
        house.ask(RUN_LOGS, AskLogs(run="run-1"), STRANGER)
    assert refusal.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("asked", [AskLogs(run="run-1", level="loud"), AskLogs(run="run-1", limit=LONGEST + 1)])
def test_what_there_is_not_is_refused(house: NativeHouse, asked: AskLogs) -> None:
    """A level that there is not, and a page without end."""
    with pytest.raises(Problem) as refusal:
        house.ask(RUN_LOGS, asked)
    assert refusal.value.code is Code.INVALID
