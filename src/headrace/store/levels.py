"""What is asked about many activity runs at once: those that are open in a run, and what those right below a parent moved."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.codec import decode
from headrace.core.outcome import Figures
from headrace.core.run import ActivityStatus
from headrace.store.database import Transaction
from headrace.store.tables import ACTIVITY_OPEN
from headrace.store.tables import activity_runs as table

_ITS_RUN = table.c.run_id == sa.bindparam("its_run_id")
# As the partial index says it: there may be very many rows, and few are open.
_IS_OPEN = sa.text(f"status IN ({ACTIVITY_OPEN})")
_OPEN = sa.select(table.c.path, table.c.attempt, table.c.status, table.c.epoch).where(_ITS_RUN, _IS_OPEN)
_AT_WORK = sa.select(sa.literal(1)).where(_ITS_RUN, _IS_OPEN, table.c.status == ActivityStatus.RUNNING.value).limit(1)
_newer = table.alias("newer")
_MOVED = sa.select(table.c.status, table.c.figures).where(
    _ITS_RUN,
    table.c.parent == sa.bindparam("its_parent"),
    table.c.carried_from.is_(None),
    sa.cast(table.c.figures, sa.Text) != "{}",
    ~sa.exists().where(
        _newer.c.run_id == table.c.run_id, _newer.c.path == table.c.path, _newer.c.attempt > table.c.attempt
    ),
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
    rows: Iterable[Any] = tx.execute(_OPEN, {"its_run_id": run_id})
    return [OpenAttempt(path, attempt, ActivityStatus(status), epoch) for path, attempt, status, epoch in rows]


def is_at_work(tx: Transaction, run_id: str) -> bool:
    """Say whether an activity of the run is running."""
    return tx.scalar(_AT_WORK, {"its_run_id": run_id}) is not None


def moved(tx: Transaction, run_id: str, parent: str) -> list[tuple[ActivityStatus, Figures]]:
    """Return what the newest attempts right below ``parent`` moved, each with how it stands.

    Those that moved nothing, or that were carried over, are left out.
    """
    rows: Iterable[Any] = tx.execute(_MOVED, {"its_run_id": run_id, "its_parent": parent})
    return [
        (ActivityStatus(status), decode(Figures, figures, what="figures in the ledger")) for status, figures in rows
    ]
