"""The database goes away, and comes back."""

from collections.abc import Iterator

import pytest

from engine_desk import CHARACTERS, QUICK, Desk, GoingClock, RandomIds, activity, plan
from headrace.core.run import ActivityStatus, RunStatus
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
    """An activity that works meanwhile ends when the ledger can be reached again; nothing is lost, nothing is done twice."""
    database = Database(server.create_database("ledger"))
    migrations.upgrade(database)
    desk = Desk(database)
    engine = Engine(database, CHARACTERS, QUICK, GoingClock(), RandomIds())
    engine.start()
    try:
        run_id = desk.ask(plan(activity("a", "patient", settings={"seconds": 1}), activity("b", after=["a"])))
        desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
        server.stop()
        server.start()
        assert desk.ended(run_id, seconds=40).status is RunStatus.SUCCEEDED
        assert [row.epoch for row in desk.rows(run_id)] == [1, 1]
    finally:
        engine.stop()
        database.dispose()
