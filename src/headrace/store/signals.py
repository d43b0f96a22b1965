"""Signals: what is said, from outside of a run, to one attempt at one of its activities. The first one counts, and stays."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.run import ActivityStatus
from headrace.store.database import Transaction
from headrace.store.tables import activity_runs, runs
from headrace.store.tables import signals as table
from headrace.store.upserts import Upsert, upsert_on

_KEY = ("run_id", "path", "attempt")
_GET = sa.select(table.c.body).where(*(table.c[name] == sa.bindparam(f"its_{name}") for name in _KEY))
_WAITING = (
    sa.select(*(table.c[name] for name in _KEY))
    .select_from(sa.join(table, activity_runs, sa.and_(*(table.c[name] == activity_runs.c[name] for name in _KEY))))
    .where(table.c.run_id.in_(sa.bindparam("its_runs", expanding=True)))
    .where(activity_runs.c.status == ActivityStatus.WAITING.value)
    .order_by(*(table.c[name] for name in _KEY))
)


def send(  # noqa: PLR0913, PLR0917 — to which attempt, what, when
    tx: Transaction, scope: str, run_id: str, path: str, attempt: int, body: Mapping[str, Json], now: Instant
) -> bool:
    """Send ``body`` to the attempt; say whether it was the first signal to it (a later one is not kept)."""
    values = {"scope": scope, "run_id": run_id, "path": path, "attempt": attempt, "body": body, "created_at": now}
    return tx.execute(_send(tx.dialect), values).rowcount == 1


def waiting(tx: Transaction, run_ids: Collection[str]) -> list[tuple[str, str, int]]:
    """Return those attempts (run id, path, number) of these runs that wait and have a signal."""
    if not run_ids:
        return []
    rows: Iterable[Any] = tx.execute(_WAITING, {"its_runs": list(run_ids)})
    return [(row[0], row[1], row[2]) for row in rows]


def get(tx: Transaction, run_id: str, path: str, attempt: int) -> Mapping[str, Json] | None:
    """Return the signal to the attempt; None: there is none."""
    body: Mapping[str, Json] | None = tx.scalar(_GET, {"its_run_id": run_id, "its_path": path, "its_attempt": attempt})
    return body


def answer_caller(tx: Transaction, run_id: str, body: Mapping[str, Json], now: Instant) -> None:
    """Send ``body`` to the attempt that has made the run, if one has and its run is there still."""
    tx.execute(_answer(tx.dialect), {"its_run_id": run_id, "its_body": body, "now": now})


@cache
def _send(dialect: str) -> Upsert:
    return upsert_on(dialect, table).on_conflict_do_nothing()


@cache
def _answer(dialect: str) -> Any:
    caller = runs.alias("caller")
    columns = {
        "run_id": runs.c.caller_run_id,
        "path": runs.c.caller_path,
        "attempt": runs.c.caller_attempt,
        "scope": caller.c.scope,
        "body": sa.bindparam("its_body", type_=table.c.body.type),
        "created_at": sa.bindparam("now", type_=sa.BigInteger),
    }
    source = (
        sa.select(*columns.values())
        .select_from(sa.join(runs, caller, caller.c.id == runs.c.caller_run_id))
        .where(runs.c.id == sa.bindparam("its_run_id"))
        # A caller that is removed at this moment waits for us, or is not seen: a signal to nobody would refuse the end of the run.
        .with_for_update(read=True, key_share=True, of=caller)
    )
    return upsert_on(dialect, table).from_select(list(columns), source).on_conflict_do_nothing()
