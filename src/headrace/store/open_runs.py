"""Runs that have not ended, at a glance: how many, which waits longest, and what workers do. Costs what is open, not what there was."""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.run import ActivityStatus, RunStatus
from headrace.store.database import Transaction
from headrace.store.scopes import present
from headrace.store.tables import activity_runs, flows, runs

MAX_LOOKED = 50
"""Queued runs of one scope that are looked at for the one that waits longest for a worker."""
MAX_RUNNING = 1000
"""Runs in the hands of workers whose activities are looked at."""

_OPEN = sorted(status.value for status in RunStatus if not status.is_final)
_IN_HAND = sorted({RunStatus.RUNNING.value, RunStatus.CANCELLING.value, RunStatus.WAITING.value})
_other = runs.alias("other")


def _oldest() -> sa.Select[tuple[int]]:
    is_due = sa.or_(runs.c.due_at.is_(None), runs.c.due_at <= sa.bindparam("now", type_=sa.BigInteger))
    oldest = (
        sa.select(runs.c.scope, runs.c.flow_id, runs.c.created_at, runs.c.id)
        .where(runs.c.scope == sa.bindparam("its_scope"), runs.c.status == RunStatus.QUEUED.value, is_due)
        .order_by(runs.c.created_at, runs.c.id)
        .limit(MAX_LOOKED)
        .subquery("oldest")
    )
    bounded = sa.exists().where(flows.c.id == oldest.c.flow_id, flows.c.concurrency.is_not(None))
    going_on = sa.exists().where(
        _other.c.scope == oldest.c.scope, _other.c.flow_id == oldest.c.flow_id, _other.c.status.in_(_IN_HAND)
    )
    return sa.select(sa.func.min(oldest.c.created_at)).where(~sa.and_(bounded, going_on))


_OLDEST = _oldest()
"""Made once: it is asked for with every page, for each scope in which runs are queued."""


def counts(tx: Transaction, scopes: Sequence[str]) -> dict[str, dict[RunStatus, int]]:
    """Return how many runs of each of these scopes are open, by status; scopes and statuses without any are left out."""
    statement = (
        sa.select(runs.c.scope, runs.c.status, sa.func.count().label("number"))
        .where(runs.c.scope.in_(scopes), runs.c.status.in_(_OPEN))
        .group_by(runs.c.scope, runs.c.status)
    )
    found: dict[str, dict[RunStatus, int]] = {}
    for row in tx.rows(statement):
        found.setdefault(row["scope"], {})[RunStatus(row["status"])] = int(row["number"])
    return found


def oldest_queued(tx: Transaction, scope: str, now: Instant) -> Instant | None:
    """Return when the run was made that waits longest for a worker: it is due, and its flow's bound does not hold it back."""
    found = tx.scalar(_OLDEST, {"its_scope": scope, "now": now})
    return None if found is None else Instant(int(found))


def activities_of_workers(tx: Transaction, scopes: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return what each worker does now in runs of these scopes, as run ids and paths, by the worker's id."""
    in_hand = (
        sa.select(runs.c.id)
        # Without an order: for one, SQLite would look through all runs there are.
        .where(runs.c.scope.in_(scopes), runs.c.status.in_(_IN_HAND))
        .limit(MAX_RUNNING)
    )
    its = activity_runs.c
    running = (its.status == ActivityStatus.RUNNING.value, its.worker_id.is_not(None))
    statement = sa.select(its.worker_id, its.run_id, its.path).where(its.run_id.in_(in_hand), *running)
    found: dict[str, list[tuple[str, str]]] = {}
    for row in tx.rows(statement.order_by(its.started_at, its.run_id, its.path)):
        found.setdefault(row["worker_id"], []).append((row["run_id"], row["path"]))
    return found


def total(counted: Mapping[str, Mapping[RunStatus, int]], statuses: Collection[RunStatus]) -> dict[RunStatus, int]:
    """Return the sums over all scopes of ``counts``, one for each of ``statuses``."""
    return {status: sum(of.get(status, 0) for of in counted.values()) for status in statuses}


def scopes(tx: Transaction, patterns: Collection[str] | None) -> list[str]:
    """Return the scopes that have runs and lie in ``patterns`` (None: all)."""
    return present(tx, runs.c.scope, patterns)
