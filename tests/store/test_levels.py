"""What is asked about many activity runs at once, and that both databases find it in an index."""

from dataclasses import replace

import sqlalchemy as sa

from headrace.core.outcome import Figures
from headrace.core.run import ActivityRun, ActivityStatus
from headrace.store import activity_runs, levels, runs
from headrace.store.database import Database
from ledger_rows import NOW, a_run, activities

_A = ActivityStatus


def inside(path: str, status: ActivityStatus, figures: Figures = Figures(), attempt: int = 1) -> ActivityRun:
    """Return an attempt below ``Each``."""
    row = replace(activities()[0], path=path, parent="Each", status=status, figures=figures, attempt=attempt)
    return replace(row, carried_from="run-1" if status is _A.CARRIED else None, created_at=NOW)


def put(database: Database, *rows: ActivityRun) -> None:
    """Write the rows of a run."""
    with database.transaction() as tx:
        runs.insert(tx, a_run())
        activity_runs.insert_all(tx, rows)


def test_open_attempts_are_those_that_have_not_ended(database: Database) -> None:
    """Among any number of others; and one that is at work is seen."""
    put(database, inside("Each/0", _A.SUCCEEDED), inside("Each/1", _A.WAITING), inside("Each/2", _A.QUEUED))
    with database.transaction() as tx:
        assert {row.path for row in levels.open_attempts(tx, "run-1")} == {"Each/1", "Each/2"}
        assert not levels.is_at_work(tx, "run-1")
        activity_runs.move(tx, "run-1", "Each/2", 1, {_A.QUEUED}, _A.RUNNING, NOW)
        assert levels.is_at_work(tx, "run-1")


def test_what_moved_is_that_of_the_newest_attempts_that_were_done_here(database: Database) -> None:
    """Neither what a failed attempt had moved before the next one, nor what an earlier run did, is counted."""
    put(
        database,
        inside("Each/0", _A.FAILED, Figures(rows_read=1)),
        inside("Each/0", _A.SUCCEEDED, Figures(rows_read=2), attempt=2),
        inside("Each/1", _A.CARRIED, Figures(rows_read=4)),
        inside("Each/2", _A.SUCCEEDED),
    )
    with database.reading() as tx:
        assert levels.moved(tx, "run-1", "Each") == [(_A.SUCCEEDED, Figures(rows_read=2))]


def test_an_attempt_is_found_by_its_key_among_any_number_of_others(sqlite_database: Database) -> None:
    """SQLite would read a whole run for an order that another index has: a loop would cost the square of its items."""
    statements: list[str] = []
    sa.event.listen(
        sqlite_database.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement)
    )
    put(sqlite_database, inside("Each/0", _A.WAITING))
    with sqlite_database.reading() as tx:
        statements.clear()
        activity_runs.at_path(tx, "run-1", "Each/0")
        levels.is_at_work(tx, "run-1")
        at_path, at_work = (statement for statement in statements if statement.startswith("SELECT"))
        assert "(run_id=? AND path=?)" in plan_of(tx.connection, at_path)
        assert "uq_activity_runs_open" in plan_of(tx.connection, at_work)


def plan_of(connection: sa.Connection, statement: str) -> str:
    """Return how SQLite looks for what ``statement`` asks."""
    values = ("x",) * statement.count("?")
    found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    return "; ".join(str(row[-1]) for row in found)
