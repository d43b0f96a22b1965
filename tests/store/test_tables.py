"""The database keeps the invariants by itself: each refusal is asserted on both databases, past all of our own code."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headrace.core.outcome import VariableChange
from headrace.core.run import RunStatus
from headrace.core.run_log import Line
from headrace.core.schedule import Schedule, Unit
from headrace.core.trigger import Trigger, TriggerKind, TriggerRun, TriggerRunStatus
from headrace.store import (
    activity_runs,
    batches,
    flows,
    run_logs,
    runs,
    schedules,
    signals,
    trigger_runs,
    triggers,
    variables,
    webhooks,
    workers,
)
from headrace.store.database import Database, Transaction
from headrace.store.schedules import Scheduled
from headrace.store.tables import metadata
from headrace.store.webhooks import Webhook
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_batch, a_flow, a_retry, a_run, activities, finish

HOOK = Webhook(
    id="hook-1",
    scope=SCOPE,
    address="https://a/",
    events=webhooks.TOLD,
    flow_ids=None,
    created_by="tester",
    created_at=NOW,
)
TRIGGER = Trigger(
    id="trigger-1", scope=SCOPE, name="t", type="ScheduleTrigger", kind=TriggerKind.SCHEDULE, definition={}, next_at=NOW
)
TRIGGER_RUN = TriggerRun(
    id="trigger-run-1",
    scope=SCOPE,
    trigger_id="trigger-1",
    trigger_name="t",
    trigger_type="ScheduleTrigger",
    key="2026-01-01",
    status=TriggerRunStatus.SUCCEEDED,
    created_at=NOW,
    updated_at=NOW,
    ended_at=NOW,
)
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a run with a status that there is not": ("runs", {"status": "lost"}),
    "a run of a kind that there is not": ("runs", {"kind": "magic"}),
    "a run without a scope": ("runs", {"scope": None}),
    "a first run that counts as an attempt at another": ("runs", {"attempt": 2}),
    "a run of a group that there is not": ("runs", {"group_id": "nobody"}),
    "a run that retries one that there is not": ("runs", {"retry_of": "nobody"}),
    "an ended run without its end": ("runs", {"status": "failed"}),
    "a queued run with an end": ("runs", {"ended_at": NOW}),
    "a running run that never started": ("runs", {"status": "running"}),
    "an activity run with a status that there is not": ("activity_runs", {"status": "lost"}),
    "an activity run of a run that there is not": ("activity_runs", {"run_id": "nobody"}),
    "an activity run in another scope than its run": ("activity_runs", {"scope": OTHER_SCOPE}),
    "an attempt before the first": ("activity_runs", {"attempt": 0}),
    "an epoch before the first": ("activity_runs", {"epoch": -1}),
    "an activity carried over from nowhere": ("activity_runs", {"status": "carried", "ended_at": NOW}),
    "an activity carried over from a run that there is not": ("activity_runs", {"carried_from": "nobody"}),
    "an ended activity run without its end": ("activity_runs", {"status": "succeeded"}),
    "a signal before the first attempt": ("signals", {"attempt": 0}),
    "a signal to a run that there is not": ("signals", {"run_id": "nobody"}),
    "an element before the value": ("variable_values", {"number": -1}),
    "a variable in another scope than its run": ("variable_values", {"scope": OTHER_SCOPE}),
    "a log line in another scope than its run": ("run_logs", {"scope": OTHER_SCOPE}),
    "a log line with a number below nought": ("run_logs", {"number": -1}),
    "a batch with a status that there is not": ("batches", {"status": "lost"}),
    "a batch of a run that there is not": ("batches", {"run_id": "nobody"}),
    "a batch that plays one again that there is not": ("batches", {"replay_of": "nobody"}),
    "a batch with more resolved rejects than rejects": ("batches", {"resolved": 4}),
    "a batch that resolved less than nothing": ("batches", {"resolved": -1}),
    "a flow that may never run": ("flows", {"concurrency": 0}),
    "a flow without a revision": ("flows", {"revision": 0}),
    "a schedule in a state that there is not": ("schedules", {"state": "sleepy"}),
    "a schedule without a revision": ("schedules", {"revision": 0}),
    "a trigger in a state that there is not": ("triggers", {"state": "sleepy"}),
    "a trigger without a revision": ("triggers", {"revision": 0}),
    "a trigger run with a status that there is not": ("trigger_runs", {"status": "lost"}),
    "an ended trigger run without its end": ("trigger_runs", {"ended_at": None}),
    "a window that runs without a pipeline run": ("trigger_runs", {"status": "running", "ended_at": None}),
    "a window without an end": ("trigger_runs", {"window_start": NOW}),
    "a trigger run that was tried less than never": ("trigger_runs", {"attempt": -1}),
    "a webhook without a scope": ("webhooks", {"scope": None}),
    "a delivery with a status that there is not": ("webhook_deliveries", {"status": "lost"}),
    "a delivery that waits for nothing": ("webhook_deliveries", {"next_at": None}),
    "an ended delivery that is to be sent": ("webhook_deliveries", {"status": "delivered"}),
    "a delivery to a webhook that there is not": ("webhook_deliveries", {"webhook_id": "nobody"}),
    "a delivery of a run of another scope": ("webhook_deliveries", {"scope": OTHER_SCOPE}),
    "a delivery that was tried less than never": ("webhook_deliveries", {"attempts": -1}),
    "a worker with a status that there is not": ("workers", {"status": "sleepy"}),
    "a dead worker without its end": ("workers", {"status": "dead"}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses(database: Database, what: str) -> None:
    """No row that breaks an invariant can be written, by whatever code."""
    table, values = REFUSED[what]
    _fill(database)
    with pytest.raises(IntegrityError), database.transaction() as tx:
        tx.execute(sa.update(metadata.tables[table]).values(**values))


def test_the_database_refuses_a_second_open_attempt(database: Database) -> None:
    """An activity of a run is tried by one attempt at a time."""
    _fill(database)
    with pytest.raises(IntegrityError), database.transaction() as tx:
        activity_runs.next_attempt(tx, "run-1", "Copy", 1, NOW)


def test_the_database_refuses_an_occurrence_that_was_fired(database: Database) -> None:
    """Whoever fires it, and under whatever id: an occurrence of a trigger is there once."""
    _fill(database)
    with database.transaction() as tx:
        assert not trigger_runs.insert(tx, replace(TRIGGER_RUN, id="trigger-run-2"))
        assert trigger_runs.insert(tx, replace(TRIGGER_RUN, id="trigger-run-2", trigger_id="trigger-2"))
    with pytest.raises(IntegrityError), database.transaction() as tx:
        tx.execute(sa.update(metadata.tables["trigger_runs"]).values(trigger_id="trigger-1"))


def test_the_database_refuses_a_second_open_run_of_a_group(database: Database) -> None:
    """Two runs of a group that go on at once would write under the same commit keys."""
    _fill(database)
    values = {"group_id": "run-1", "attempt": 2}
    with database.transaction() as tx:
        runs.insert(tx, a_run("run-2"))
    with pytest.raises(IntegrityError), database.transaction() as tx:
        tx.execute(sa.update(metadata.tables["runs"]).where(sa.column("id") == "run-2").values(**values))


def test_the_database_refuses_two_runs_of_one_attempt(database: Database) -> None:
    """The runs of a group count without doubles."""
    _fill(database)
    with database.transaction() as tx:
        finish(tx, "run-1")
        runs.insert(tx, a_retry())
        finish(tx, "run-2")
    with pytest.raises(IntegrityError), database.transaction() as tx:
        _copy(tx, "runs", "id", "run-2", "run-3")


def test_the_database_refuses_a_reject_that_resolves_itself(database: Database) -> None:
    """Rejects are resolved by another batch, and each once."""
    _fill(database)
    values = {"batch_id": "batch-1", "reject_number": 1, "replay_batch_id": "batch-1"}
    with pytest.raises(IntegrityError), database.transaction() as tx:
        tx.execute(sa.insert(metadata.tables["resolved_rejects"]).values(values))


def test_every_foreign_key_has_an_index() -> None:
    """Removing a run does not scan the tables that refer to it."""
    missing = [
        f"{table.name}: {', '.join(key.column_keys)}"
        for table in metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.column_keys[-1] not in _leading(table)
    ]
    assert missing == []


def _leading(table: sa.Table) -> set[str]:
    # The scope alone tells little; an index serves a key when it begins with the other column, or with both.
    ways = [list(index.columns) for index in table.indexes] + [list(table.primary_key.columns)]
    ways += [list(rule.columns) for rule in table.constraints if isinstance(rule, sa.UniqueConstraint)]
    return {way[1].name if way[0].name == "scope" and len(way) > 1 else way[0].name for way in ways}


def _copy(tx: Transaction, table: str, key: str, of: str, to: str) -> None:
    columns = metadata.tables[table].c
    source = sa.select(*(sa.literal(to).label(key) if c.name == key else c for c in columns)).where(columns[key] == of)
    tx.execute(sa.insert(metadata.tables[table]).from_select([c.name for c in columns], source))


def _fill(database: Database) -> None:
    with database.transaction() as tx:
        flows.put(tx, a_flow(), NOW)
        runs.insert(tx, a_run())
        activity_runs.insert_all(tx, activities()[:1])
        signals.send(tx, SCOPE, "run-1", "Copy", 1, {}, NOW)
        variables.change(tx, SCOPE, "run-1", VariableChange("v", 1), NOW)
        run_logs.append(tx, [Line("run-1", NOW, 20, "a")], 1)
        batches.save(tx, a_batch())
        workers.register(tx, "worker-1", "host", 1, NOW)
        schedules.put(tx, Scheduled(SCOPE, "flow-1", Schedule(NOW, Unit.DAY), True, NOW, None, None, 0), NOW)
        triggers.put(tx, TRIGGER, NOW)
        trigger_runs.insert(tx, TRIGGER_RUN)
        webhooks.insert(tx, HOOK, b"sealed")
        webhooks.tell(tx, "run-1", RunStatus.FAILED, NOW)


def test_the_scope_of_rows_is_that_of_their_run(database: Database) -> None:
    """Activity runs get their scope from the run, so a caller cannot mistake it."""
    _fill(database)
    with database.reading() as tx:
        assert tx.scalar(sa.select(metadata.tables["activity_runs"].c.scope)) == SCOPE
