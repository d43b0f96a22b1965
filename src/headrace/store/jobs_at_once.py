"""Many jobs in few statements: what ends with a parent, or with a space, may be thousands of them. As ``store.jobs``, of jobs that are held."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headrace.core.errors import Code, Problem
from headrace.core.job import Job
from headrace.store.database import Transaction
from headrace.store.job_tables import job_predecessors
from headrace.store.job_tables import jobs as table

_AT_ONCE = 1000
"""Jobs that one statement is about."""
_THESE: sa.BindParameter[Any] = sa.bindparam("these", expanding=True)
_AWAITED = sa.select(job_predecessors.c.predecessor_id).where(job_predecessors.c.predecessor_id.in_(_THESE)).distinct()
_SPLIT = (
    sa.select(table.c.parent_id).where(table.c.parent_id.in_(_THESE), sa.text("jobs.parent_id IS NOT NULL")).distinct()
)
_REMOVE = sa.delete(table).where(table.c.id.in_(_THESE))


def change_all(tx: Transaction, jobs: Sequence[Job], changes: Mapping[str, Any]) -> list[Job]:
    """Give all of the jobs the same ``changes`` (fields of ``Job``), and return them in their order, with their new revisions.

    Raises:
        Problem: ``CONFLICT``: one is not as it was any more, so somebody did not hold it.
    """
    values = {name: value.value if isinstance(value, StrEnum) else value for name, value in changes.items()}
    by_revision: dict[int, list[str]] = {}
    for job in jobs:
        by_revision.setdefault(job.revision, []).append(job.id)
    these = (table.c.id.in_(_THESE), table.c.revision == sa.bindparam("its_revision"))
    statement = sa.update(table).where(*these).values(**values, revision=table.c.revision + 1)
    for revision, ids in by_revision.items():
        for piece in _pieces(ids):
            if tx.execute(statement, {"these": piece, "its_revision": revision}).rowcount != len(piece):
                raise Problem(Code.CONFLICT, "some of the jobs were changed at the same time; try again")
    return [replace(job, **changes, revision=job.revision + 1) for job in jobs]


def remove_all(tx: Transaction, job_ids: Sequence[str]) -> None:
    """Remove the jobs; what the ledger has of them stays."""
    for piece in _pieces(job_ids):
        tx.execute(_REMOVE, {"these": piece})


def awaited(tx: Transaction, job_ids: Sequence[str]) -> set[str]:
    """Return those of the ids that a job has among its predecessors."""
    return {found for piece in _pieces(job_ids) for found in tx.execute(_AWAITED, {"these": piece}).scalars()}


def split(tx: Transaction, job_ids: Sequence[str]) -> set[str]:
    """Return those of the ids whose jobs have parts."""
    return {found for piece in _pieces(job_ids) for found in tx.execute(_SPLIT, {"these": piece}).scalars()}


def _pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
