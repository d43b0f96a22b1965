"""Workers: who is alive, and whose writes count.

A worker writes with its claim. Once it was declared dead, or its id was registered anew, the claim is worth nothing: the
check stands in the transaction of the write, and declaring a worker dead waits for the transactions that it has open.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.store.database import Transaction
from headrace.store.tables import workers
from headrace.store.upserts import upsert

ALIVE, DEAD, STOPPED = "alive", "dead", "stopped"

_LIVING = (
    sa.select(workers.c.id)
    .where(
        workers.c.id == sa.bindparam("its_id"),
        workers.c.generation == sa.bindparam("its_generation"),
        workers.c.status == ALIVE,
    )
    # On PostgreSQL the row is locked, so declare_dead waits; on SQLite no other transaction writes at the same time.
    .with_for_update(read=True)
)


@dataclass(frozen=True, slots=True)
class WorkerClaim:
    """What a worker writes with: its id, and how often the id had been registered when this process did it."""

    worker_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as the ledger knows it. ``status`` is ``alive``, ``dead`` (declared so by another one) or ``stopped`` (by itself)."""

    id: str
    generation: int
    status: str
    host: str
    pid: int
    started_at: Instant
    heartbeat_at: Instant
    ended_at: Instant | None


def register(tx: Transaction, worker_id: str, host: str, pid: int, now: Instant) -> WorkerClaim:
    """Return the claim of a worker that starts now; earlier claims of the same id are worth nothing from now on."""
    values = {"status": ALIVE, "host": host, "pid": pid, "started_at": now, "heartbeat_at": now, "ended_at": None}
    statement = upsert(tx, workers).values(id=worker_id, generation=1, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["id"], set_={"generation": workers.c.generation + 1, **values}
    )
    generation = tx.execute(statement.returning(workers.c.generation)).scalar_one()
    return WorkerClaim(worker_id, generation)


def heartbeat(tx: Transaction, claim: WorkerClaim, now: Instant) -> None:
    """Say that the worker is alive.

    Raises:
        Problem: ``FENCED``: it was declared dead; it has to stop.
    """
    if tx.execute(_of_living(claim).values(heartbeat_at=now)).rowcount == 0:
        raise _fenced(claim)


def stop(tx: Transaction, claim: WorkerClaim, now: Instant) -> bool:
    """Say that the worker stops by itself; return whether its claim was still good."""
    return tx.execute(_of_living(claim).values(status=STOPPED, ended_at=now)).rowcount == 1


def bury(tx: Transaction, claim: WorkerClaim, now: Instant) -> bool:
    """Declare dead a worker that is known to be gone; return whether its claim was still good."""
    return tx.execute(_of_living(claim).values(status=DEAD, ended_at=now)).rowcount == 1


def declare_dead(tx: Transaction, now: Instant, older_than: Instant) -> list[str]:
    """Declare dead every worker whose last heartbeat is older than ``older_than``; return their ids.

    Each is returned to one caller only, however many look at once.
    """
    statement = (
        sa.update(workers)
        .where(workers.c.status == ALIVE, workers.c.heartbeat_at < older_than)
        .values(status=DEAD, ended_at=now)
        .returning(workers.c.id)
    )
    return sorted(row["id"] for row in tx.rows(statement))


def is_alive(tx: Transaction, worker_id: str) -> bool:
    """Say whether the worker is registered and was not declared dead."""
    return bool(tx.scalar(sa.select(workers.c.status).where(workers.c.id == worker_id)) == ALIVE)


def get_all(tx: Transaction) -> list[Worker]:
    """Return every worker that the ledger knows, by id."""
    return [Worker(**row) for row in tx.rows(sa.select(workers).order_by(workers.c.id))]


def living(tx: Transaction) -> list[Worker]:
    """Return the workers that are registered and were not declared dead, by id."""
    alive = sa.select(workers).where(workers.c.status == ALIVE)
    return [Worker(**row) for row in tx.rows(alive.order_by(workers.c.id))]


def forget(tx: Transaction, before: Instant) -> int:
    """Remove workers that ended before ``before``; return how many."""
    return tx.execute(sa.delete(workers).where(workers.c.ended_at < before)).rowcount


def check(tx: Transaction, claim: WorkerClaim | None) -> None:
    """Refuse what a worker that was declared dead writes. From here to the end of ``tx`` the claim stays good; None is no worker.

    Raises:
        Problem: ``FENCED``.
    """
    if claim is None or claim in tx.fenced:
        return
    if tx.scalar(_LIVING, {"its_id": claim.worker_id, "its_generation": claim.generation}) is None:
        raise _fenced(claim)
    tx.fenced.add(claim)


def _of_living(claim: WorkerClaim) -> sa.Update:
    return sa.update(workers).where(
        workers.c.id == claim.worker_id, workers.c.generation == claim.generation, workers.c.status == ALIVE
    )


def _fenced(claim: WorkerClaim) -> Problem:
    return Problem(
        Code.FENCED,
        f"worker {claim.worker_id} was declared dead: what it writes does not count",
        context={"generation": claim.generation},
    )
