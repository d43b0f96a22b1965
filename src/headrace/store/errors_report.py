"""What went wrong in many runs, read in pages: only runs with something wrong, and of them only the columns that say what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import decode
from headrace.core.outcome import Failure, ReasonCount
from headrace.core.run import ActivityStatus, RunStatus
from headrace.store.database import Database, Transaction
from headrace.store.tables import activity_runs, batches, runs

PAGE = 1000
"""Runs that are looked at together."""

_FAILED = tuple(status.value for status in (ActivityStatus.FAILED, ActivityStatus.TIMED_OUT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """Runs of one ``scope``, of one flow (None: of all), created from ``since`` until before ``until``."""

    scope: str
    flow_id: str | None
    since: Instant
    until: Instant


@dataclass(frozen=True, slots=True)
class BatchTrouble:
    """What a batch rejected and warned of."""

    batch_id: str
    rejects: tuple[ReasonCount, ...]
    warnings: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class RunTrouble:
    """What went wrong in one run: ``reason`` of its failure, failures of its activities, and its batches with rejects or warnings."""

    run_id: str
    flow_id: str
    created_at: Instant
    reason: Failure | None
    failures: tuple[tuple[str, Failure], ...]
    batches: tuple[BatchTrouble, ...]


def troubled(database: Database, query: Troubled, page: int = PAGE) -> Iterator[RunTrouble]:
    """Yield the runs of ``query`` that have failed or have rejects or warnings, newest first. Each ``page`` is a transaction of its own."""
    position: tuple[int, str] | None = None
    while True:
        with database.reading() as tx:
            heads = tx.rows(_heads(query, position, page))
            found = _complete(tx, heads)
        yield from found
        if len(heads) < page:
            return
        position = (heads[-1]["created_at"], heads[-1]["id"])


def _heads(query: Troubled, position: tuple[int, str] | None, page: int) -> sa.Select[Any]:
    conditions = [runs.c.scope == query.scope, runs.c.created_at >= query.since, runs.c.created_at < query.until]
    if query.flow_id is not None:
        conditions.append(runs.c.flow_id == query.flow_id)
    if position is not None:
        conditions.append(sa.tuple_(runs.c.created_at, runs.c.id) < sa.tuple_(*map(sa.literal, position)))
    wrong = sa.or_(
        runs.c.status == RunStatus.FAILED.value,
        runs.c.rows_rejected > sa.literal_column("0", sa.Integer),
        runs.c.rows_warned > sa.literal_column("0", sa.Integer),
    )
    columns = (runs.c.id, runs.c.flow_id, runs.c.created_at, runs.c.status, runs.c.reason)
    return (
        sa.select(*columns).where(*conditions, wrong).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(page)
    )


def _complete(tx: Transaction, heads: Sequence[Mapping[str, Any]]) -> list[RunTrouble]:
    ids = [head["id"] for head in heads]
    failures: dict[str, list[tuple[str, Failure]]] = {run_id: [] for run_id in ids}
    troubles: dict[str, list[BatchTrouble]] = {run_id: [] for run_id in ids}
    failed = sa.select(activity_runs.c.run_id, activity_runs.c.path, activity_runs.c.failure).where(
        activity_runs.c.run_id.in_(ids), activity_runs.c.status.in_(_FAILED), activity_runs.c.failure.is_not(None)
    )
    for row in tx.rows(failed.order_by(activity_runs.c.run_id, activity_runs.c.path, activity_runs.c.attempt)):
        what = f"the ledger's row of {row['path']!r} of run {row['run_id']}"
        failures[row["run_id"]].append((row["path"], decode(Failure, row["failure"], what=what)))
    made = sa.select(batches.c.run_id, batches.c.id, batches.c.rejects, batches.c.warnings)
    for row in tx.rows(made.where(batches.c.run_id.in_(ids)).order_by(batches.c.created_at, batches.c.id)):
        if row["rejects"] or row["warnings"]:
            what = f"the ledger's row of batch {row['id']}"
            rejects, warnings = (decode(tuple[ReasonCount, ...], row[n], what=what) for n in ("rejects", "warnings"))
            troubles[row["run_id"]].append(BatchTrouble(row["id"], rejects, warnings))
    return [
        RunTrouble(
            head["id"],
            head["flow_id"],
            head["created_at"],
            None
            if head["reason"] is None or head["status"] != RunStatus.FAILED.value
            else decode(Failure, head["reason"], what=f"the ledger's row of run {head['id']}"),
            tuple(failures[head["id"]]),
            tuple(troubles[head["id"]]),
        )
        for head in heads
    ]
