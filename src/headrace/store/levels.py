"""What is asked about many activity runs at once: those that are open in a run, and what those right below a parent moved."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.core.codec import decode
from headrace.core.outcome import Figures
from headrace.core.run import ActivityStatus
from headrace.store.database import Transaction
from headrace.store.tables import ACTIVITY_OPEN
from headrace.store.tables import activity_runs as table

_newer = table.alias("newer")
_MOVED = sa.select(table.c.status, table.c.figures).where(
    table.c.run_id == sa.bindparam("its_run_id"),
    table.c.parent == sa.bindparam("its_parent"),
    table.c.carried_from.is_(None),
    sa.cast(table.c.figures, sa.Text) != "{}",
    ~sa.exists().where(
        _newer.c.run_id == table.c.run_id, _newer.c.path == table.c.path, _newer.c.attempt > table.c.attempt
    ),
)

_WAITS = (
    sa.select(sa.literal(1))
    .where(
        table.c.run_id == sa.bindparam("its_run_id"),
        table.c.path == sa.bindparam("its_path"),
        table.c.status == ActivityStatus.WAITING.value,
    )
    .with_for_update(read=True)
)


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt that has not ended, as it stands."""

    path: str
    attempt: int
    status: ActivityStatus
    epoch: int


def open_attempts(tx: Transaction, run_id: str) -> list[OpenAttempt]:
    """Return every attempt of the run that has not ended."""
    rows: Iterable[Any] = tx.execute(_open(tx.dialect), {"its_run_id": run_id})
    return [OpenAttempt(path, attempt, ActivityStatus(status), epoch) for path, attempt, status, epoch in rows]


def open_now(tx: Transaction, run_id: str) -> tuple[int, int]:
    """Return how many attempts of the run have not ended, and when one of these changed last (0: there are none)."""
    row = tx.first(_open_now(tx.dialect), {"its_run_id": run_id}) or {}
    return int(row.get("count") or 0), int(row.get("updated_at") or 0)


def is_at_work(tx: Transaction, run_id: str) -> bool:
    """Say whether an activity of the run is running."""
    values = {"its_run_id": run_id, "its_status": ActivityStatus.RUNNING.value}
    return tx.scalar(_at_work(tx.dialect), values) is not None


def waits(tx: Transaction, run_id: str, path: str) -> bool:
    """Say whether the activity at ``path`` waits; if it does, nobody gives it another status before the end of ``tx``."""
    return tx.scalar(_WAITS, {"its_run_id": run_id, "its_path": path}) is not None


def moved(tx: Transaction, run_id: str, parent: str) -> list[tuple[ActivityStatus, Figures]]:
    """Return what the newest attempts right below ``parent`` moved, each with how it stands.

    Those that moved nothing, or that were carried over, are left out.
    """
    rows: Iterable[Any] = tx.execute(_MOVED, {"its_run_id": run_id, "its_parent": parent})
    return [
        (ActivityStatus(status), decode(Figures, figures, what="figures in the ledger")) for status, figures in rows
    ]


@cache
def _open(dialect: str) -> sa.TextClause:
    return sa.text(f"SELECT path, attempt, status, epoch {_from_open(dialect)}")


@cache
def _open_now(dialect: str) -> sa.TextClause:
    return sa.text(f"SELECT count(*) AS count, max(updated_at) AS updated_at {_from_open(dialect)}")


@cache
def _at_work(dialect: str) -> sa.TextClause:
    return sa.text(f"SELECT 1 {_from_open(dialect)} AND status = :its_status LIMIT 1")


def _from_open(dialect: str) -> str:
    """Return where open attempts of a run are looked for: there may be very many rows, of which few are open."""
    # SQLite does not guess that the partial index is the better one, and the query builder cannot tell it.
    index = "INDEXED BY uq_activity_runs_open" if dialect == "sqlite" else ""
    return f"FROM activity_runs {index} WHERE run_id = :its_run_id AND status IN ({ACTIVITY_OPEN})"
