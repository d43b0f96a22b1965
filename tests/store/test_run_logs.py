"""Log lines of runs in the ledger."""

from typing import Any

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.run import RunStatus
from headrace.core.run_log import LEVELS, Line
from headrace.store import run_logs, runs
from headrace.store.database import Database
from headrace.store.tables import run_logs as table
from ledger_rows import NOW, SCOPE, a_run, finish, put_run


def _line(message: str, run_id: str = "run-1", level: str = "info", **more: Any) -> Line:
    return Line(run_id, NOW, LEVELS[level], message, **more)


def _append(database: Database, *lines: Line, limit: int = 100, lost: dict[str, int] | None = None) -> None:
    with database.transaction() as tx:
        run_logs.append(tx, lines, limit, lost)


def _messages(database: Database, run_id: str = "run-1", **asked: Any) -> list[str]:
    with database.reading() as tx:
        return [line.message for _, line in run_logs.page(tx, run_id, **{"limit": 100, **asked})]


def test_lines_are_numbered_within_their_run(database: Database) -> None:
    """Whoever writes the next lines of a run goes on behind those that are there."""
    put_run(database, a_run())
    put_run(database, a_run("run-2"))
    _append(database, _line("a"), _line("x", "run-2"), _line("b", path="Copy", attempt=2, fields={"rows": 7}))
    _append(database, _line("c"))
    with database.reading() as tx:
        found = run_logs.page(tx, "run-1", limit=100)
    assert [(number, line.message) for number, line in found] == [(1, "a"), (2, "b"), (3, "c")]
    assert found[1][1] == Line("run-1", NOW, 20, "b", "Copy", 2, {"rows": 7})
    assert _messages(database, "run-2") == ["x"]
    assert _messages(database, after=1, limit=1) == ["b"]


def test_lines_are_found_by_activity_and_level(database: Database) -> None:
    """An activity's lines are its own and those of what lies in it, and not those of another whose name begins alike."""
    put_run(database, a_run())
    _append(
        database,
        _line("own", path="Loop"),
        _line("inside", path="Loop/0/Copy", level="warning"),
        _line("other", path="Loop2", level="error"),
        _line("run"),
    )
    assert _messages(database, path="Loop") == ["own", "inside"]
    assert _messages(database, least=LEVELS["warning"]) == ["inside", "other"]


def test_a_run_keeps_so_many_lines_and_counts_the_others(database: Database) -> None:
    """What says why a run failed comes last, so a part of the room is kept for it; what finds none is counted."""
    put_run(database, a_run())
    _append(database, *(_line(str(number)) for number in range(20)), limit=10)
    _append(database, _line("bad", level="error"), _line("worse", level="error"), limit=10, lost={"run-1": 5})
    assert _messages(database) == [str(number) for number in range(9)] + ["bad"]
    with database.reading() as tx:
        assert run_logs.lost(tx, "run-1") == 11 + 1 + 5
        assert run_logs.lost(tx, "run-2") == 0


def test_lines_of_a_run_that_is_gone_are_passed_over(database: Database) -> None:
    """A line may come later than its run's removal; those of other runs are kept all the same."""
    put_run(database, a_run())
    _append(database, _line("late", "gone"), _line("a"), lost={"gone": 1})
    assert _messages(database) == ["a"]


def test_numbers_that_another_has_taken_are_a_conflict(sqlite_database: Database) -> None:
    """Two workers that write lines of one run at the same time do not write the same numbers: the later one does it again."""
    put_run(sqlite_database, a_run())
    with sqlite_database.transaction() as tx:
        run_logs.append(tx, [_line("a")], 10)
        row = {**tx.rows(table.select())[0], "number": 2}
        tx.execute(table.insert(), [row])
        with pytest.raises(Problem) as refusal:
            run_logs._insert(tx, [("run-1", 2, SCOPE, NOW, LEVELS["info"], "", 0, "b", "{}")])
    assert refusal.value.code is Code.CONFLICT


def test_lines_are_removed_with_their_run(database: Database) -> None:
    """Retention leaves nothing of a run behind."""
    put_run(database, a_run())
    _append(database, _line("a"))
    with database.transaction() as tx:
        finish(tx, "run-1", RunStatus.SUCCEEDED, Instant(NOW))
        assert runs.delete(tx, ["run-1"]) == 1
    assert _messages(database) == []


def test_the_scope_of_lines_is_that_of_their_run(database: Database) -> None:
    """Whoever logs does not say in which scope."""
    put_run(database, a_run())
    _append(database, _line("a"))
    with database.reading() as tx:
        assert tx.scalar(table.select().with_only_columns(table.c.scope)) == SCOPE
