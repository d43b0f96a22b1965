"""Runs that belong together: those of a group, and those that a run has made; their definitions and plans are not read."""

import sqlalchemy as sa

from headrace.core.run import Run
from headrace.store.database import Transaction
from headrace.store.run_rows import LIGHT, light_run_of
from headrace.store.tables import runs as table


def of_group(tx: Transaction, group_id: str, limit: int) -> list[Run]:
    """Return the newest ``limit`` runs of a group, oldest first."""
    newest = (
        sa.select(*LIGHT)
        .where(table.c.group_id == group_id)
        .order_by(table.c.created_at.desc(), table.c.attempt.desc(), table.c.id.desc())
        .limit(limit)
    )
    return [light_run_of(row) for row in reversed(tx.rows(newest))]


def made_by(tx: Transaction, run_id: str, limit: int) -> list[Run]:
    """Return the newest ``limit`` runs that activities of a run have made, newest first."""
    made = sa.select(*LIGHT).where(table.c.caller_run_id == run_id)
    return [
        light_run_of(row) for row in tx.rows(made.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit))
    ]
