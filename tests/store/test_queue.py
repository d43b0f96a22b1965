import json

import pytest
import sqlalchemy as sa

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.queueing import RUN_WORKFLOW, RUNS_QUEUE, queue_of
from headrace.store import flows, queue, runs
from headrace.store.database import Database
from ledger_rows import NOW, a_flow, a_run

COLUMNS = "name, status, queue_name, priority, queue_partition_key, application_name, application_version"


def test_a_run_is_queued_with_its_transaction(database: Database) -> None:
    """The run and its place in the queue are there together: DBOS finds it under the run's id, with nothing but its id inside."""
    with database.transaction() as tx:
        runs.insert(tx, a_run(priority=5))
        queue.enqueue(tx, a_run(priority=5), app_version="v1")
    row = _queued(database, "run-1")
    assert row is not None
    assert (row["name"], row["status"], row["queue_name"]) == (RUN_WORKFLOW, "ENQUEUED", RUNS_QUEUE)
    assert (row["priority"], row["application_name"], row["application_version"]) == (5, "headrace", "v1")
    assert json.loads(str(row["inputs"])) == {"args": ["run-1"], "kwargs": {}}


def test_a_transaction_that_fails_queues_nothing(database: Database) -> None:
    """There is no workflow without its run."""

    def queue_and_fail() -> None:
        with database.transaction() as tx:
            runs.insert(tx, a_run())
            queue.enqueue(tx, a_run())
            runs.insert(tx, a_run())

    with pytest.raises(Problem):
        queue_and_fail()
    assert _queued(database, "run-1") is None
    with database.reading() as tx, pytest.raises(Problem):
        runs.get(tx, None, "run-1")


def test_a_run_of_a_bounded_flow_waits_in_its_flows_partition(database: Database) -> None:
    """A bound counts each flow's runs for themselves."""
    with database.transaction() as tx:
        flows.put(tx, a_flow(concurrency=2), NOW)
        runs.insert(tx, a_run())
        queue.enqueue(tx, a_run())
    row = _queued(database, "run-1")
    assert row is not None
    assert (row["queue_name"], row["queue_partition_key"]) == (queue_of(2), "flow-1")


def test_a_run_that_is_due_later_waits_in_the_queue(database: Database) -> None:
    """Nothing starts before its due time."""
    with database.transaction() as tx:
        runs.insert(tx, a_run(due_at=Instant(NOW + 60 * SECOND)))
        queue.enqueue(tx, a_run(due_at=Instant(NOW + 60 * SECOND)))
    row = _queued(database, "run-1")
    assert row is not None
    assert row["status"] == "DELAYED"


def test_the_serializer_reads_no_pickle() -> None:
    """What stands in the database is JSON; text that is not is refused and never executed."""
    serializer = queue.serializer()
    assert serializer.deserialize(serializer.serialize({"a": [1, "ü", None]})) == {"a": [1, "ü", None]}
    with pytest.raises(ValueError, match="Expecting value"):
        serializer.deserialize("gASVBQAAAAAAAACMAWGULg==")
    with pytest.raises(TypeError):
        serializer.serialize(object())


def test_an_error_is_kept_as_its_text() -> None:
    """A workflow that ended with an exception is read back as an exception that says the same."""
    serializer = queue.serializer()
    error = serializer.deserialize(serializer.serialize(Problem(Code.INTERNAL, "a bug")))
    assert isinstance(error, RuntimeError)
    assert str(error) == "Problem: a bug"


def _queued(database: Database, run_id: str) -> dict[str, object] | None:
    schema = _schema(database)
    joined = f"{schema}workflow_status JOIN {schema}workflow_input i USING (workflow_uuid)"
    statement = sa.text(f"SELECT {COLUMNS}, i.inputs FROM {joined} WHERE workflow_uuid = :id")
    with database.engine.connect() as connection:
        row = connection.execute(statement, {"id": run_id}).mappings().first()
    return None if row is None else dict(row)


def _schema(database: Database) -> str:
    return "" if database.dialect == "sqlite" else "dbos."
