"""Attempts at jobs that have ended, as they were then. The one that goes on stands in the job itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from headrace.core.job import EndedBy, JobAttempt, JobStatus
from headrace.store.database import Transaction
from headrace.store.job_tables import job_attempts as table

_PLAIN = ("job_id", "number", "run_id", "progress", "started_at", "finished_at", "info", "actor_id")
_FROZEN = ("config", "input", "plan", "result", "outcome")
_INSERT = sa.insert(table)


def insert_all(tx: Transaction, scope: str, attempts: Sequence[JobAttempt]) -> None:
    """Keep attempts that have ended, at jobs of one scope."""
    if attempts:
        tx.execute(_INSERT, [_values(scope, attempt) for attempt in attempts])


def of_job(tx: Transaction, job_id: str) -> list[JobAttempt]:
    """Return the attempts at a job that have ended, the first one first; also of a job that is gone."""
    rows = tx.rows(sa.select(table).where(table.c.job_id == job_id).order_by(table.c.number))
    return [_attempt(row) for row in rows]


def get(tx: Transaction, job_id: str, number: int) -> JobAttempt | None:
    """Return one attempt, or None: it goes on, or there was none."""
    row = tx.first(sa.select(table).where(table.c.job_id == job_id, table.c.number == number))
    return None if row is None else _attempt(row)


def note(tx: Transaction, job_id: str, number: int, words: str) -> None:
    """Add a note to an attempt that has ended. The caller holds the job."""
    its = (table.c.job_id == job_id, table.c.number == number)
    row = tx.first(sa.select(table.c.notes).where(*its))
    if row is not None:
        tx.execute(sa.update(table).where(*its).values(notes=[*row["notes"], words]))


def _values(scope: str, attempt: JobAttempt) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(attempt, name) for name in _PLAIN}
    values["scope"] = scope
    values["status"] = attempt.status.value
    values["ended_by"] = None if attempt.ended_by is None else attempt.ended_by.value
    values["frozen"] = {name: getattr(attempt, name) for name in _FROZEN if getattr(attempt, name) is not None}
    values["notes"] = list(attempt.notes)
    return values


def _attempt(row: Mapping[str, Any]) -> JobAttempt:
    values: dict[str, Any] = {name: row[name] for name in _PLAIN}
    values |= {name: (row["frozen"] or {}).get(name) for name in _FROZEN}
    values["status"] = JobStatus(row["status"])
    values["ended_by"] = None if row["ended_by"] is None else EndedBy(row["ended_by"])
    return JobAttempt(**values, notes=tuple(row["notes"]))
