"""Rows for the ledger, as tests need them: everything has a default that fits."""

from dataclasses import replace
from typing import Any

from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.flow import Activity, Dependency, Flow, Plan
from headrace.core.outcome import Failure, Figures
from headrace.core.run import ActivityRun, ActivityStatus, Batch, BatchStatus, Run, RunKind, RunStatus
from headrace.store import migrations, runs
from headrace.store.database import Database, Transaction

SCOPE = "flowservice/acme/prod"
OTHER_SCOPE = "flowservice/umbrella/prod"
NOW = Instant(1_700_000_000_000_000)
PLAN = Plan((Activity("Copy", "copy", {"n": 1}), Activity("Promote", "promote", depends_on=(Dependency("Copy"),))))
FAILURE = Failure(Code.SOURCE_UNAVAILABLE, "the source broke off")


def a_flow(**changes: Any) -> Flow:
    """Return a flow of two activities."""
    return replace(Flow("flow-1", SCOPE, "flights", PLAN), **changes)


def a_run(run_id: str = "run-1", **changes: Any) -> Run:
    """Return a first run, queued."""
    run = Run(
        id=run_id,
        scope=SCOPE,
        flow_id="flow-1",
        flow_name="flights",
        kind=RunKind.ON_DEMAND,
        group_id=run_id,
        definition=PLAN,
        created_at=NOW,
    )
    return replace(run, **changes)


def a_retry(run_id: str = "run-2", of: str = "run-1", attempt: int = 2, **changes: Any) -> Run:
    """Return a retry of a first run."""
    return a_run(run_id, **{"group_id": of, "retry_of": of, "attempt": attempt, "kind": RunKind.RETRY, **changes})


def activities(run_id: str = "run-1", **changes: Any) -> list[ActivityRun]:
    """Return an activity run for each activity of the plan, none of them begun."""
    row = ActivityRun(run_id, "", 1, "", ActivityStatus.PENDING, "", commit_key="key", created_at=NOW, updated_at=NOW)
    return [
        replace(row, path=activity.name, kind=activity.kind, fingerprint=activity.fingerprint, **changes)
        for activity in PLAN.activities
    ]


def a_batch(batch_id: str = "batch-1", **changes: Any) -> Batch:
    """Return a committed batch with three rejects."""
    batch = Batch(
        id=batch_id,
        scope=SCOPE,
        run_id="run-1",
        path="Promote",
        table="flights",
        status=BatchStatus.COMMITTED,
        commit_key="key",
        created_at=NOW,
        updated_at=NOW,
        version=0,
        figures=Figures(rows_read=10, rows_accepted=7, rows_rejected=3, rows_skipped=0),
    )
    return replace(batch, **changes)


def put_run(database: Database, run: Run) -> Run:
    """Write ``run`` and return it."""
    with database.transaction() as tx:
        runs.insert(tx, run)
    return run


def finish(tx: Transaction, run_id: str, to: RunStatus = RunStatus.FAILED, now: int = NOW) -> None:
    """Let a queued run run and end."""
    runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, Instant(now))
    reason = FAILURE if to is RunStatus.FAILED else None
    runs.move(tx, run_id, {RunStatus.RUNNING}, to, Instant(now), reason)


def failed_run(database: Database, run_id: str = "run-1", **changes: Any) -> Run:
    """Write a run that has failed, and return it."""
    with database.transaction() as tx:
        runs.insert(tx, a_run(run_id, **changes))
        finish(tx, run_id)
        return runs.get(tx, None, run_id)


def move_in_a_process(url: str) -> bool:
    """Begin the run ``run-1`` and say whether it was this caller who did; a process of its own can call it."""
    database = Database(url)
    with database.transaction() as tx:
        moved = runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
    database.dispose()
    return moved


def upgrade_in_a_process(url: str) -> list[str]:
    """Upgrade the ledger and return what is wrong with it then; a process of its own can call it."""
    database = Database(url)
    migrations.upgrade(database)
    findings = migrations.check(database)
    database.dispose()
    return findings
