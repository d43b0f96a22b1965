"""Jobs: what somebody asked for, and how it stands.

Whoever changes jobs of an environment holds the environment first (``hold_environment``): jobs change each other (parents, parts, predecessors), and
so no two transactions can wait for each other, nor see half of what the other does.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.job import Job, JobStatus, JobTrigger, PartExecution
from headrace.store.database import Transaction
from headrace.store.job_tables import JOB_OPEN, job_predecessors
from headrace.store.job_tables import jobs as table
from headrace.store.sheet_tables import sheets
from headrace.store.tables import RUN_OPEN
from headrace.store.tables import runs as run_rows

_FIELDS = tuple(field.name for field in fields(Job))
_LOCK = sa.text("SELECT pg_advisory_xact_lock(:key)")
_GET = sa.select(table).where(table.c.id == sa.bindparam("its_id"))
_HOLD = _GET.with_for_update()
# Written out, as the index has it: of bound values SQLite cannot see that they fit.
_IS_OPEN = sa.text(f"jobs.status IN ({JOB_OPEN})")
_PART_OF = sa.and_(table.c.parent_id == sa.bindparam("its_parent"), sa.text("jobs.parent_id IS NOT NULL"))
_OPEN_PART = sa.select(sa.literal(1)).select_from(table).where(_PART_OF, _IS_OPEN).limit(1)
_ANY_PART = sa.select(sa.literal(1)).select_from(table).where(_PART_OF).limit(1)
_PARTS = sa.select(table).where(_PART_OF).order_by(table.c.part, table.c.id).with_for_update()
_OPEN_PARTS = sa.select(table).where(_PART_OF, _IS_OPEN).order_by(table.c.part, table.c.id).with_for_update()
_AT_WORK = (
    sa.select(sa.literal(1))
    .select_from(table)
    .where(_PART_OF, _IS_OPEN, table.c.status.in_([JobStatus.READY.value, JobStatus.EXECUTING.value]))
    .limit(1)
)
_NEXT_PART = (
    # One that waits for predecessors is not next: its turn comes with them.
    sa.select(table)
    .where(_PART_OF, _IS_OPEN, table.c.status == JobStatus.WAITING.value, table.c.predecessors == [])
    .order_by(table.c.part, table.c.id)
    .limit(1)
    .with_for_update()
)
_LAST_PART = sa.select(sa.func.max(table.c.part)).where(_PART_OF)
_COUNTS = sa.select(table.c.status, sa.func.count().label("parts")).where(_PART_OF).group_by(table.c.status)
_BEHIND = (
    sa.select(table)
    .join(job_predecessors, job_predecessors.c.job_id == table.c.id)
    .where(job_predecessors.c.predecessor_id == sa.bindparam("its_id"), table.c.status == JobStatus.WAITING.value)
    .order_by(table.c.created_at, table.c.id)
    .with_for_update(of=table)
)
_OF_RUN = sa.select(table).where(table.c.run_id == sa.bindparam("its_run"))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs a list has; what is None does not matter.

    ``workbook_id``: jobs whose source or destination is the workbook or one of its sheets. ``file_id``: whose file or source it is.
    ``without_parts``: only jobs that are no parts, unless ``parent_id`` is given.
    """

    environment_id: str | None = None
    space_id: str | None = None
    workbook_id: str | None = None
    file_id: str | None = None
    parent_id: str | None = None
    source: str | None = None
    without_parts: bool = False


def hold_environment(tx: Transaction, scope: str) -> None:
    """Keep every other transaction that holds the environment out until the end of this one. Nothing else may be held before."""
    # On SQLite whoever writes is alone.
    if tx.dialect != "sqlite":
        digest = hashlib.sha256(f"jobs of {scope}".encode()).digest()
        tx.execute(_LOCK, {"key": int.from_bytes(digest[:8], "big", signed=True)})


def insert(tx: Transaction, jobs: Sequence[Job]) -> None:
    """Write new jobs with their predecessors."""
    if not jobs:
        return
    tx.execute(sa.insert(table), [_values(job, _FIELDS) for job in jobs])
    links = [{"job_id": job.id, "predecessor_id": other} for job in jobs for other in dict.fromkeys(job.predecessors)]
    if links:
        tx.execute(sa.insert(job_predecessors), links)


def find(tx: Transaction, job_id: str, *, hold: bool = False) -> Job | None:
    """Return the job, or None. ``hold``: nobody else changes it before the transaction's end."""
    row = tx.first(_HOLD if hold else _GET, {"its_id": job_id})
    return None if row is None else _job(row)


def get(tx: Transaction, scope: str, job_id: str, space_id: str | None = None, *, hold: bool = False) -> Job:
    """Return the job of the scope (``space_id`` given: of this space of it).

    Raises:
        Problem: ``NOT_FOUND``.
    """
    job = find(tx, job_id, hold=hold)
    if job is None or job.scope != scope or (space_id is not None and job.space_id != space_id):
        raise Problem(Code.NOT_FOUND, f"there is no job {job_id!r}")
    return job


def change(tx: Transaction, before: Job, after: Job) -> Job:
    """Write what is another in ``after``, and return it with its new revision. The caller holds the job.

    Raises:
        Problem: ``CONFLICT``: it is not as it was any more, so somebody did not hold it.
    """
    changed = [name for name in _FIELDS if name != "revision" and getattr(before, name) != getattr(after, name)]
    values = _values(after, changed)
    its = (table.c.id == before.id, table.c.revision == before.revision)
    if tx.execute(sa.update(table).where(*its).values(**values, revision=table.c.revision + 1)).rowcount == 0:
        raise Problem(Code.CONFLICT, f"the job {before.id} was changed at the same time; try again")
    return replace(after, revision=before.revision + 1)


def known(tx: Transaction, job_ids: Collection[str]) -> dict[str, Job]:
    """Return those of the jobs that there are, by id."""
    rows = tx.rows(sa.select(table).where(table.c.id.in_(sorted(set(job_ids)))))
    return {row["id"]: _job(row) for row in rows}


def waiting_behind(tx: Transaction, job_id: str) -> list[Job]:
    """Return the jobs that wait and have this one among their predecessors, held."""
    return [_job(row) for row in tx.rows(_BEHIND, {"its_id": job_id})]


def parts_of(tx: Transaction, parent_id: str, *, only_open: bool = False) -> list[Job]:
    """Return the parts in their order, held."""
    return [_job(row) for row in tx.rows(_OPEN_PARTS if only_open else _PARTS, {"its_parent": parent_id})]


def has_parts(tx: Transaction, parent_id: str) -> bool:
    """Say whether the job has parts."""
    return tx.scalar(_ANY_PART, {"its_parent": parent_id}) is not None


def has_open_parts(tx: Transaction, parent_id: str) -> bool:
    """Say whether a part of the job has not ended."""
    return tx.scalar(_OPEN_PART, {"its_parent": parent_id}) is not None


def has_parts_at_work(tx: Transaction, parent_id: str) -> bool:
    """Say whether a part of the job is ready or being done."""
    return tx.scalar(_AT_WORK, {"its_parent": parent_id}) is not None


def next_part(tx: Transaction, parent_id: str) -> Job | None:
    """Return the first part that waits for the parts before it, held; None: none does."""
    row = tx.first(_NEXT_PART, {"its_parent": parent_id})
    return None if row is None else _job(row)


def next_index(tx: Transaction, parent_id: str) -> int:
    """Return the index that the next part of the job gets."""
    last = tx.scalar(_LAST_PART, {"its_parent": parent_id})
    return 0 if last is None else int(last) + 1


def part_counts(tx: Transaction, parent_id: str) -> dict[JobStatus, int]:
    """Return how many parts of the job have each status; one that none has is left out."""
    return {JobStatus(row["status"]): int(row["parts"]) for row in tx.rows(_COUNTS, {"its_parent": parent_id})}


def of_run(tx: Transaction, run_id: str) -> Job | None:
    """Return the job whose present attempt the run is, or None."""
    row = tx.first(_OF_RUN, {"its_run": run_id})
    return None if row is None else _job(row)


def open_of_space(tx: Transaction, scope: str, space_id: str) -> list[Job]:
    """Return the jobs of a space that have not ended, oldest first, held."""
    where = (table.c.scope == scope, table.c.space_id == space_id, _IS_OPEN)
    rows = tx.rows(sa.select(table).where(*where).order_by(table.c.created_at, table.c.id).with_for_update())
    return [_job(row) for row in rows]


def scheduled(tx: Transaction, scope: str, source: str) -> list[Job]:
    """Return the jobs of a source that wait for their time, held."""
    where = (table.c.scope == scope, table.c.source == source, table.c.status == JobStatus.SCHEDULED.value)
    rows = tx.rows(sa.select(table).where(*where).order_by(table.c.created_at, table.c.id).with_for_update())
    return [_job(row) for row in rows]


def page(
    tx: Transaction, scope: str, query: JobQuery, limit: int, offset: int, *, descending: bool = True
) -> tuple[list[Job], int]:
    """Return jobs of the scope by the time of their making, and how many there are in all."""
    where = [table.c.scope == scope, *_conditions(query)]
    total = int(tx.scalar(sa.select(sa.func.count()).select_from(table).where(*where)))
    left = total - offset
    if left <= 0:
        return [], total
    # Rows that are passed over are read: there are fewer from the nearer end.
    backwards = left < offset
    if backwards:
        limit, offset = min(limit, left), max(left - limit, 0)
    order = (table.c.created_at, table.c.id)
    keys = [key.desc() if descending != backwards else key for key in order]
    rows = tx.rows(sa.select(table).where(*where).order_by(*keys).limit(limit).offset(offset))
    return [_job(row) for row in (reversed(rows) if backwards else rows)], total


def delivered(tx: Transaction, job_id: str, run_id: str, now: Instant, ack_timeout: int) -> None:
    """Write down that a listener got word that the attempt ``run_id`` is ready; from the first time on, it has ``ack_timeout`` to acknowledge.

    Of jobs of one environment in one transaction: it holds the environment.
    """
    scope = tx.scalar(sa.select(table.c.scope).where(table.c.id == job_id))
    if scope is None:
        return
    hold_environment(tx, scope)
    first = (table.c.id == job_id, table.c.run_id == run_id, table.c.delivered_at.is_(None))
    ready = (table.c.status == JobStatus.READY.value, table.c.announced, ~table.c.engine)
    # While it has open parts, they are what is waited for.
    deadline = None if has_open_parts(tx, job_id) else Instant(now + ack_timeout)
    tx.execute(sa.update(table).where(*first, *ready).values(delivered_at=now, deadline_at=deadline))


def expired(tx: Transaction, now: Instant, limit: int) -> list[tuple[str, str]]:
    """Return scope and id of the jobs whose deadline is over, the longest first."""
    late = sa.select(table.c.scope, table.c.id).where(table.c.deadline_at.is_not(None), table.c.deadline_at <= now)
    return [(row["scope"], row["id"]) for row in tx.rows(late.order_by(table.c.deadline_at, table.c.id).limit(limit))]


def due(tx: Transaction, now: Instant, limit: int) -> list[tuple[str, str]]:
    """Return scope and id of the jobs whose time has come, the longest first."""
    now_due = sa.select(table.c.scope, table.c.id).where(table.c.due_at.is_not(None), table.c.due_at <= now)
    return [(row["scope"], row["id"]) for row in tx.rows(now_due.order_by(table.c.due_at, table.c.id).limit(limit))]


def left_behind(tx: Transaction, limit: int) -> list[tuple[str, str]]:
    """Return scope and id of the engine's open jobs whose run has ended, or is gone: nobody will end them."""
    going_on = sa.exists().where(run_rows.c.id == table.c.run_id, sa.text(f"runs.status IN ({RUN_OPEN})"))
    left = sa.select(table.c.scope, table.c.id).where(sa.text("jobs.engine"), _IS_OPEN, ~going_on)
    return [(row["scope"], row["id"]) for row in tx.rows(left.order_by(table.c.id).limit(limit))]


def next_at(tx: Transaction) -> Instant | None:
    """Return the next moment at which a deadline is over or a job is due, or None."""
    deadline = sa.select(sa.func.min(table.c.deadline_at)).where(table.c.deadline_at.is_not(None))
    time = sa.select(sa.func.min(table.c.due_at)).where(table.c.due_at.is_not(None))
    moments = [Instant(int(found)) for found in (tx.scalar(deadline), tx.scalar(time)) if found is not None]
    return min(moments, default=None)


def _conditions(query: JobQuery) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    for name in ("space_id", "parent_id", "source"):
        wanted = getattr(query, name)
        if wanted is not None:
            where.append(table.c[name] == wanted)
    if query.file_id is not None:
        where.append(_is_any(table.c.file_id == query.file_id, table.c.source == query.file_id))
    if query.workbook_id is not None:
        of_workbook = sa.select(sheets.c.id).where(sheets.c.workbook_id == query.workbook_id)
        places = (table.c.source, table.c.destination)
        its = [which for place in places for which in (place == query.workbook_id, place.in_(of_workbook))]
        where.append(_is_any(*its))
    if query.without_parts and query.parent_id is None:
        where.append(table.c.parent_id.is_(None))
    return where


def _is_any(*alternatives: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return that one of ``alternatives`` holds, each of which has an index: SQLite takes none of them for an OR beside an order."""
    return table.c.id.in_(sa.union(*(sa.select(table.c.id).where(one) for one in alternatives)))


def _values(job: Job, names: Sequence[str]) -> dict[str, Any]:
    return {name: _value(getattr(job, name)) for name in names}


def _value(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _job(row: Mapping[str, Any]) -> Job:
    values = {name: row[name] for name in _FIELDS}
    values["status"] = JobStatus(row["status"])
    values["trigger"] = JobTrigger(row["trigger"])
    values["part_execution"] = None if row["part_execution"] is None else PartExecution(row["part_execution"])
    values["predecessors"] = tuple(row["predecessors"])
    return Job(**values)
