import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.store import activity_runs, migrations, runs, schema_version
from headrace.store.database import Database
from ledger_rows import FAILURE, NOW, SCOPE, a_run
from servers import PostgresServer

BEFORE_PIPELINES = "0006"


def test_a_prepared_ledger_is_as_the_tables_say(database: Database) -> None:
    """The migrations make exactly what the metadata describes, and the queue's tables with it."""
    assert migrations.check(database) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    """An upgrade of what is up to date is harmless, so every start may do it."""
    migrations.upgrade(database)
    assert migrations.check(database) == []


def test_runs_from_before_containers_come_along(empty_database: Database) -> None:
    """What an older release has written reads as activities of a flow's own plan, in runs that exclude each other and that nobody called."""
    migrations.upgrade(empty_database, BEFORE_PIPELINES)
    _write_as_before(empty_database)
    migrations.upgrade(empty_database)
    assert migrations.check(empty_database) == []
    with empty_database.reading() as tx:
        run = runs.get(tx, SCOPE, "run-1")
        (row,) = activity_runs.of_run(tx, "run-1")
    assert (run.caller, run.exclusive, run.definition) == (None, True, a_run().definition)
    assert (row.path, row.parent, row.state, row.wake_at, row.details) == ("Copy", "", None, None, {})
    assert row.failure == FAILURE


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Return a ledger without any table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'old.db'}")
        yield database
        database.dispose()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"old_{uuid.uuid4().hex}"
    database = Database(server.create_database(name))
    yield database
    database.dispose()
    server.drop_database(name)


def _write_as_before(database: Database) -> None:
    plan = (
        '{"activities":[{"name":"Copy","kind":"copy","settings":{"n":1}},'
        '{"name":"Promote","kind":"promote","depends_on":[{"activity":"Copy","conditions":["succeeded"]}]}]}'
    )
    run = {
        "id": "run-1", "scope": SCOPE, "flow_id": "flow-1", "flow_name": "flights", "kind": "on_demand", "group_id": "run-1", "attempt": 1,
        "status": "queued", "definition": plan, "parameters": "{}", "plan": "{}", "priority": 100, "created_by": "me", "details": "{}",
        "revision": 1, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    activity = {
        "run_id": "run-1", "path": "Copy", "attempt": 1, "scope": SCOPE, "position": 0, "kind": "copy", "status": "failed", "fingerprint": "f",
        "epoch": 1, "verdict": "run", "verdict_reason": "", "output": "{}", "figures": "{}",
        "failure": '{"code":"source_unavailable","message":"the source broke off"}', "created_at": NOW, "updated_at": NOW, "ended_at": NOW,
    }  # fmt: skip
    with database.transaction() as tx:
        for name, values in (("runs", run), ("activity_runs", activity)):
            tx.execute(sa.insert(sa.Table(name, sa.MetaData(), autoload_with=tx.connection)).values(values))


def test_the_release_says_which_revision_it_needs() -> None:
    """What every process compares without loading the migrations is the newest of them."""
    assert migrations.newest() == schema_version.NEWEST


def test_a_ledger_that_is_behind_or_was_never_made_is_told_apart(empty_database: Database) -> None:
    """A process that needs another schema says which one is there, and changes nothing."""
    if empty_database.dialect == "sqlite":
        assert "there is no ledger" in schema_version.differences(empty_database)[0]
        with empty_database.transaction() as tx:
            tx.execute(sa.text("CREATE TABLE others (n integer)"))
    assert "has revision none" in schema_version.differences(empty_database)[0]
    migrations.upgrade(empty_database, BEFORE_PIPELINES)
    assert "has revision 0006" in schema_version.differences(empty_database)[0]
    migrations.upgrade(empty_database)
    assert schema_version.differences(empty_database) == []
