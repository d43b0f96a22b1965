"""Batches: the rows of a promotion, what became of them, and which rejects were resolved since."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headrace.core.clock import Instant
from headrace.core.codec import decode, encode
from headrace.core.errors import Code, Problem
from headrace.core.outcome import CodeSet, Failure, ReasonCount
from headrace.core.query import Cursor, Filter, Order, Page
from headrace.core.run import Batch, BatchStatus
from headrace.store import workers
from headrace.store.columns import FIGURES, figures_of, figures_values
from headrace.store.database import Transaction, refused
from headrace.store.filters import Fields, compile_filter
from headrace.store.paging import column_of, from_position
from headrace.store.tables import batches as table
from headrace.store.tables import replays, resolved_rejects
from headrace.store.upserts import upsert
from headrace.store.workers import WorkerClaim

NEWEST_FIRST = Order("created_at", descending=True)
"""The order of lists of batches unless a caller asks for another."""

_CHUNK = 10_000
_KEPT = {"id", "scope", "created_at", "resolved", "reverted_at"}
_NAMES = (
    "id",
    "scope",
    "run_id",
    "path",
    "status",
    "commit_key",
    "version",
    "replay_of",
    "resolved",
    "created_at",
    "updated_at",
    "reverted_at",
)
FIELDS = Fields(columns={**{name: table.c[name] for name in (*_NAMES, *FIGURES)}, "table": table.c.target})
"""What a filter on batches may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuery:
    """Which batches a list has. ``scopes``: exactly these; None: every one."""

    scopes: tuple[str, ...] | None = None
    statuses: frozenset[BatchStatus] = frozenset()
    has_rejects: bool = False
    filter: Filter | None = None


def save(tx: Transaction, batch: Batch, worker: WorkerClaim | None = None) -> bool:
    """Write ``batch``, or what became of it since; say whether it was written.

    A committed batch stays committed: only a report that it is committed is taken for it. ``created_at`` and ``resolved`` of a batch
    that is there are kept, and so is ``reverted_at``.

    Raises:
        Problem: ``FENCED``: the worker was declared dead; ``NOT_FOUND``: its run, or the batch that it plays again, is not in its scope.
    """
    workers.check(tx, worker)
    values = _values(batch)
    changed = {name: value for name, value in values.items() if name not in _KEPT}
    statement = upsert(tx, table).values(values)
    kept = sa.or_(table.c.status != BatchStatus.COMMITTED.value, sa.literal(batch.status is BatchStatus.COMMITTED))
    statement = statement.on_conflict_do_update(
        index_elements=["id"], set_=changed, where=sa.and_(table.c.scope == batch.scope, kept)
    )
    try:
        return tx.execute(statement).rowcount == 1
    except IntegrityError as error:
        if refused(error, "fk_batches_scope_run_id", "fk_batches_scope_replay_of", "FOREIGN KEY"):
            what = f"batch {batch.id}: its run {batch.run_id} or the batch that it plays again is not in this scope"
            raise Problem(Code.NOT_FOUND, what) from error
        raise


def get(tx: Transaction, scope: str | None, batch_id: str) -> Batch:
    """Return the batch; with ``scope`` None, whichever it is in.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    statement = sa.select(table).where(table.c.id == batch_id)
    row = tx.first(statement if scope is None else statement.where(table.c.scope == scope))
    if row is None:
        raise Problem(Code.NOT_FOUND, f"there is no batch {batch_id!r}")
    return batch_of(row)


def of_ids(tx: Transaction, scope: str, ids: Iterable[str]) -> dict[str, Batch]:
    """Return those of the batches that there are in the scope, by id."""
    rows = tx.rows(sa.select(table).where(table.c.scope == scope, table.c.id.in_(list(ids))))
    return {row["id"]: batch_of(row) for row in rows}


def mark_reverted(tx: Transaction, scope: str, ids: Iterable[str], now: Instant) -> None:
    """Write down that the rows of committed batches were taken back out of their table; those that were before stay as they are."""
    mine = (table.c.scope == scope, table.c.id.in_(list(ids)), table.c.status == BatchStatus.COMMITTED.value)
    statement = sa.update(table).where(*mine, table.c.reverted_at.is_(None))
    tx.execute(statement.values(reverted_at=now, updated_at=now))


def of_run(tx: Transaction, run_id: str) -> list[Batch]:
    """Return the batches of a run, in the order in which they were made."""
    return of_runs(tx, [run_id])[run_id]


def of_runs(tx: Transaction, run_ids: Iterable[str]) -> dict[str, list[Batch]]:
    """Return the same for several runs at once, by run id."""
    result: dict[str, list[Batch]] = {run_id: [] for run_id in run_ids}
    statement = sa.select(table).where(table.c.run_id.in_(list(result))).order_by(table.c.created_at, table.c.id)
    for row in tx.rows(statement):
        result[row["run_id"]].append(batch_of(row))
    return result


def left_of_runs(tx: Transaction, run_ids: Iterable[str]) -> dict[str, int]:
    """Return how many rows of each run's batches are rejected still, by run id; runs without batches are left out."""
    left = sa.func.sum(sa.func.coalesce(table.c.rows_rejected, 0) - table.c.resolved).label("left")
    statement = sa.select(table.c.run_id, left).where(table.c.run_id.in_(list(run_ids))).group_by(table.c.run_id)
    return {row["run_id"]: int(row["left"]) for row in tx.rows(statement)}


def replays_of(tx: Transaction, batch_id: str) -> list[Batch]:
    """Return the batches that played rejects of this batch again, in the order in which they were made."""
    statement = sa.select(table).where(table.c.replay_of == batch_id).order_by(table.c.created_at, table.c.id)
    return [batch_of(row) for row in tx.rows(statement)]


def page(
    tx: Transaction, query: BatchQuery, order: Order = NEWEST_FIRST, limit: int = 50, cursor: Cursor | None = None
) -> Page[Batch]:
    """Return the batches of ``query`` in the order of their creation, after ``cursor``.

    Raises:
        Problem: ``INVALID``: the order, limit, cursor, or a path of the filter.
    """
    column = column_of(order, {"created_at": table.c.created_at})
    statement = from_position(
        sa.select(table).where(*_conditions(query, tx.dialect)), (column, table.c.id), order, cursor, limit
    )
    rows = tx.rows(statement)
    found = tuple(batch_of(row) for row in rows[:limit])
    return Page(found, Cursor((found[-1].created_at, found[-1].id)) if len(rows) > limit else None)


def begin_replay(tx: Transaction, batch_id: str, run_id: str, now: Instant) -> None:
    """Say that ``run_id``, which is in the ledger, plays rejects of the batch again; it ends by itself when the run does.

    Raises:
        Problem: ``CONFLICT``: another run does so already; ``NOT_FOUND``: no such batch in the run's scope.
    """
    batch = get(tx, None, batch_id)
    values = {"run_id": run_id, "scope": batch.scope, "batch_id": batch_id, "created_at": now}
    try:
        tx.execute(sa.insert(replays).values(values))
    except IntegrityError as error:
        if refused(error, "uq_replays_open", "replays.batch_id"):
            raise Problem(
                Code.CONFLICT, f"rejects of batch {batch_id} are being played again by another run; wait for its end"
            ) from error
        if refused(error, "fk_replays_scope_run_id", "FOREIGN KEY"):
            raise Problem(Code.NOT_FOUND, f"there is no run {run_id!r} in the scope of batch {batch_id}") from error
        raise


def resolve_rejects(tx: Transaction, batch_id: str, reject_numbers: Iterable[int], replay_batch_id: str) -> int:
    """Count rejects of the batch as resolved by ``replay_batch_id``, which accepted them; return how many it has resolved in all.

    A reject that another replay had resolved stays that one's. Doing it again changes nothing and returns the same.

    Raises:
        Problem: ``NOT_FOUND``: no such batch; ``INVALID``: more rejects than the batch has.
    """
    for numbers in _chunks(reject_numbers):
        rows = [{"batch_id": batch_id, "reject_number": n, "replay_batch_id": replay_batch_id} for n in numbers]
        try:
            tx.execute(upsert(tx, resolved_rejects).on_conflict_do_nothing(), rows)
        except IntegrityError as error:
            raise Problem(Code.NOT_FOUND, f"there is no batch {batch_id!r} or {replay_batch_id!r}") from error
    of_batch = sa.select(sa.func.count()).where(resolved_rejects.c.batch_id == batch_id)
    statement = sa.update(table).where(table.c.id == batch_id).values(resolved=of_batch.scalar_subquery())
    try:
        tx.execute(statement)
    except IntegrityError as error:
        raise Problem(Code.INVALID, f"more rejects were resolved than batch {batch_id} has") from error
    by_replay = resolved_rejects.c.replay_batch_id == replay_batch_id
    return int(tx.scalar(of_batch.where(by_replay)))


def resolved(tx: Transaction, batch_id: str) -> list[int]:
    """Return the numbers of the rejects of the batch that a replay has accepted, in order."""
    mine = sa.select(resolved_rejects.c.reject_number).where(resolved_rejects.c.batch_id == batch_id)
    return [row["reject_number"] for row in tx.rows(mine.order_by(resolved_rejects.c.reject_number))]


def resolved_count(tx: Transaction, batch_id: str) -> int:
    """Return how many rejects of the batch a replay has accepted."""
    return int(tx.scalar(sa.select(table.c.resolved).where(table.c.id == batch_id)) or 0)


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    iterator = iter(numbers)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _conditions(query: BatchQuery, dialect: str) -> Iterator[sa.ColumnElement[bool]]:
    if query.scopes is not None:
        yield table.c.scope == query.scopes[0] if len(query.scopes) == 1 else table.c.scope.in_(query.scopes)
    if query.statuses:
        yield table.c.status.in_(sorted(status.value for status in query.statuses))
    if query.has_rejects:
        yield table.c.rows_rejected > 0
    if query.filter is not None:
        yield compile_filter(query.filter, FIELDS, dialect)


def _values(batch: Batch) -> dict[str, Any]:
    plain = (
        "id",
        "scope",
        "run_id",
        "path",
        "commit_key",
        "version",
        "replay_of",
        "created_at",
        "updated_at",
        "resolved",
        "reverted_at",
    )
    return {
        **{name: getattr(batch, name) for name in plain},
        "target": batch.table,
        "status": batch.status.value,
        **figures_values(batch.figures),
        "rejects": encode(batch.rejects),
        "code_sets": encode(batch.code_sets),
        "warnings": encode(batch.warnings),
        "diagnostics": encode(batch.diagnostics),
        "files": encode(batch.files),
        "failure": encode(batch.failure),
    }


def batch_of(row: Mapping[str, Any]) -> Batch:
    """Return the batch that ``row`` holds."""
    what = f"the ledger's row of batch {row['id']}"
    values = {name: value for name, value in row.items() if name not in FIGURES and name != "target"}
    return Batch(
        **{
            **values,
            "table": row["target"],
            "status": BatchStatus(row["status"]),
            "figures": figures_of(row),
            "rejects": decode(tuple[ReasonCount, ...], row["rejects"], what=what),
            "code_sets": decode(tuple[CodeSet, ...], row["code_sets"], what=what),
            "warnings": decode(tuple[ReasonCount, ...], row["warnings"], what=what),
            "diagnostics": tuple(row["diagnostics"]),
            "files": tuple(row["files"]),
            "failure": None if row["failure"] is None else decode(Failure, row["failure"], what=what),
        }
    )
