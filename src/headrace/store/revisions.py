"""Whether runs have changed since somebody looked: one short look at an index each."""

import sqlalchemy as sa

from headrace.store.database import Transaction
from headrace.store.run_pages import scopes
from headrace.store.tables import activity_runs, runs

_OF_RUN = sa.select(runs.c.revision, runs.c.updated_at).where(runs.c.id == sa.bindparam("its_run"))
_OF_ACTIVITIES = sa.select(
    sa.func.count().label("count"), sa.func.max(activity_runs.c.updated_at).label("updated_at")
).where(activity_runs.c.run_id == sa.bindparam("its_run"))


def of_run(tx: Transaction, run_id: str) -> str:
    """Return a text that changes with the run, and with every attempt at an activity of it."""
    run, rows = tx.first(_OF_RUN, {"its_run": run_id}), tx.first(_OF_ACTIVITIES, {"its_run": run_id})
    values = [*(run or {}).values(), *(rows or {}).values()]
    return ".".join(str(value or 0) for value in values)


def of_runs(tx: Transaction, patterns: tuple[str, ...] | None) -> str:
    """Return a text that changes with every run of these scopes (None: of all)."""
    newest = sa.select(sa.func.max(runs.c.updated_at))
    # Scope by scope: the index that knows the newest of a scope is read at its end.
    return ".".join(str(tx.scalar(newest.where(runs.c.scope == scope)) or 0) for scope in scopes(tx, patterns))
