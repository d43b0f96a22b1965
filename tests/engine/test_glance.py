"""Looks at a queue that are saved."""

from dbos import _dbos

from engine_desk import Desk, MakesEngines, activity, plan
from headrace.core.queueing import RUNS_QUEUE, WAITING_QUEUE
from headrace.core.run import RunStatus
from headrace.engine.glance import OVERRIDDEN, Glance


def test_what_is_overridden_in_dbos_is_there(sqlite_desk: Desk, make_engine: MakesEngines) -> None:
    """A release of DBOS without these names would make looks dear again, without a word."""
    make_engine()
    assert sqlite_desk.database.dialect == "sqlite"
    system = _dbos._get_dbos_instance()._sys_db
    assert all(callable(getattr(type(system), name, None)) for name in OVERRIDDEN)


def test_a_look_is_due_after_somebody_has_queued_a_run_and_not_before(sqlite_desk: Desk) -> None:
    """Whoever commits, from whichever connection; once, until something is committed again."""
    glance = Glance(sqlite_desk.database)
    assert not glance.is_due(RUNS_QUEUE)
    sqlite_desk.ask(plan(activity("a")))
    assert [glance.is_due(RUNS_QUEUE), glance.is_due(RUNS_QUEUE), glance.is_due(WAITING_QUEUE)] == [True, False, False]


def test_a_run_is_found_by_an_idle_worker(desk: Desk, make_engine: MakesEngines) -> None:
    """On both databases."""
    make_engine()
    assert desk.ended(desk.ask(plan(activity("a"), activity("b", after=["a"])))).status is RunStatus.SUCCEEDED
