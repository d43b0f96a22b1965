"""Schedules: one row for each flow that is to be run by the clock, with when it is due next.

Who fires a schedule changes its row by compare-and-set in the transaction that makes the run, so of any number of processes that see it due
one makes the run, and a process that dies in between has made none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import decode, encode
from headrace.core.run import RunStatus
from headrace.core.schedule import Schedule
from headrace.core.window import Window
from headrace.store.database import Transaction
from headrace.store.tables import runs
from headrace.store.tables import schedules as table
from headrace.store.upserts import upsert

ENABLED = "enabled"
PAUSED = "paused"

_KEY = (table.c.scope == sa.bindparam("its_scope"), table.c.flow_id == sa.bindparam("its_flow_id"))


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A flow's schedule. ``next_at``: when it is due (None: never again); ``window``, ``run_id``: those of the newest run that it made."""

    scope: str
    flow_id: str
    schedule: Schedule
    enabled: bool
    next_at: Instant | None
    window: Window | None
    run_id: str | None
    revision: int


def put(tx: Transaction, scheduled: Scheduled, now: Instant) -> None:
    """Write the schedule of a flow, new or in the place of what is there; its ``revision`` does not count, the next one is written."""
    values = {
        "schedule": encode(scheduled.schedule),
        "state": ENABLED if scheduled.enabled else PAUSED,
        "next_at": scheduled.next_at,
        "window": encode(scheduled.window),
        "run_id": scheduled.run_id,
        "updated_at": now,
    }
    fresh = {"scope": scheduled.scope, "flow_id": scheduled.flow_id, "revision": 1, "created_at": now}
    statement = upsert(tx, table).values({**fresh, **values})
    changed = {**values, "revision": table.c.revision + 1}
    tx.execute(statement.on_conflict_do_update(index_elements=["scope", "flow_id"], set_=changed))


def get(tx: Transaction, scope: str, flow_id: str) -> Scheduled | None:
    """Return the flow's schedule, or None. A transaction that writes holds it until its end."""
    statement = sa.select(table).where(*_KEY)
    row = tx.first(statement.with_for_update() if tx.writable else statement, _named(scope, flow_id))
    return None if row is None else scheduled_of(row)


def remove(tx: Transaction, scope: str, flow_id: str) -> bool:
    """Remove the flow's schedule; say whether there was one."""
    return tx.execute(sa.delete(table).where(*_KEY), _named(scope, flow_id)).rowcount == 1


def due(tx: Transaction, now: Instant, limit: int) -> list[Scheduled]:
    """Return schedules that are due, the longest due first.

    One whose newest run has not started is left out: what has become due since is merged into the run after it, which is made when that one starts.
    """
    waits = sa.exists().where(runs.c.id == table.c.run_id, runs.c.status == RunStatus.QUEUED.value)
    enabled = sa.and_(_enabled(), table.c.next_at.is_not(None), table.c.next_at <= now)
    statement = sa.select(table).where(enabled, ~waits).order_by(table.c.next_at, table.c.scope, table.c.flow_id)
    return [scheduled_of(row) for row in tx.rows(statement.limit(limit))]


def next_due(tx: Transaction, after: Instant) -> Instant | None:
    """Return the first moment after ``after`` at which some schedule is due, or None."""
    found = tx.scalar(sa.select(sa.func.min(table.c.next_at)).where(_enabled(), table.c.next_at > after))
    return None if found is None else Instant(int(found))


def advance(
    tx: Transaction, seen: Scheduled, next_at: Instant | None, window: Window | None, run_id: str | None, now: Instant
) -> bool:
    """Say that ``seen`` has made the run ``run_id`` with ``window`` and is due at ``next_at``; return False if it is not as it was seen any more."""
    statement = (
        sa.update(table)
        .where(*_KEY, table.c.revision == seen.revision, _enabled())
        .values(
            next_at=next_at,
            window=sa.bindparam("its_window", encode(window), type_=table.c.window.type),
            run_id=run_id,
            revision=seen.revision + 1,
            updated_at=now,
        )
    )
    return tx.execute(statement, _named(seen.scope, seen.flow_id)).rowcount == 1


def count(tx: Transaction) -> int:
    """Return how many schedules there are."""
    return int(tx.scalar(sa.select(sa.func.count()).select_from(table)))


def _enabled() -> sa.ColumnElement[bool]:
    # Written out, as the index has it: of a bound value SQLite cannot see that it fits.
    return table.c.state == sa.literal_column("'enabled'", sa.Text)


def _named(scope: str, flow_id: str) -> dict[str, object]:
    return {"its_scope": scope, "its_flow_id": flow_id}


def scheduled_of(row: Mapping[str, Any]) -> Scheduled:
    """Return the schedule that ``row`` holds."""
    what = f"the ledger's schedule of flow {row['flow_id']}"
    return Scheduled(
        row["scope"],
        row["flow_id"],
        decode(Schedule, row["schedule"], what=what),
        row["state"] == ENABLED,
        row["next_at"],
        None if row["window"] is None else decode(Window, row["window"], what=what),
        row["run_id"],
        row["revision"],
    )
