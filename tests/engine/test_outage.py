"""The database goes away, and comes back."""

import threading
from collections.abc import Iterator

import pytest

from engine_desk import CHARACTERS, QUICK, Desk, GoingClock, RandomIds, activity, plan
from engine_pipelines import Words, echo, nested
from headrace.core.outcome import Outcome
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.task import DynamicContext, Task
from headrace.engine.engine import Engine
from headrace.store import migrations
from headrace.store.database import Database
from servers import PostgresServer

pytestmark = [pytest.mark.postgres, pytest.mark.e2e]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Return a server that the test may stop."""
    with PostgresServer() as own:
        yield own


def test_c6_runs_go_on_when_the_database_was_restarted(server: PostgresServer) -> None:
    """What works meanwhile ends when the ledger can be reached again, and what evaluates an expression waits for it; nothing is done twice."""
    database = Database(server.create_database("ledger"))
    migrations.upgrade(database)
    desk = Desk(database)
    stopped = threading.Event()

    def asks(task: Task, context: DynamicContext) -> Outcome:
        stopped.wait(30)
        return echo(task, context)

    known = {**CHARACTERS, "asks": asks}
    engine = Engine(database, known, QUICK, GoingClock(), RandomIds(), dialects={"words": Words()})
    engine.start()
    try:
        run_id = desk.ask(plan(activity("a", "patient", settings={"seconds": 1}), activity("b", after=["a"])))
        desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
        asking = desk.ask(nested(activity("n"), activity("e", "asks", ["n"], {"value": "@status of n"})))
        desk.activity_becomes(asking, "e", ActivityStatus.RUNNING)
        server.stop()
        stopped.set()
        server.start()
        assert desk.ended(run_id, seconds=40).status is RunStatus.SUCCEEDED
        assert [row.epoch for row in desk.rows(run_id)] == [1, 1]
        assert desk.ended(asking, seconds=40).status is RunStatus.SUCCEEDED
        assert [row.attempt for row in desk.rows(asking)] == [1, 1]
    finally:
        engine.stop()
        database.dispose()
