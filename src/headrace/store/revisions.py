"""Whether runs have changed since somebody looked: one short look at an index each."""

import sqlalchemy as sa

from headrace.store.database import Transaction
from headrace.store.levels import open_now
from headrace.store.run_pages import scopes
from headrace.store.tables import activity_runs, runs

_OF_RUN = sa.select(runs.c.revision, runs.c.updated_at).where(runs.c.id == sa.bindparam("its_run"))
# The last entry of the index of beginnings, however many attempts there are; not max(), for which SQLite would take another one.
_BEGAN = (
    sa.select(activity_runs.c.started_at)
    .where(activity_runs.c.run_id == sa.bindparam("its_run"), activity_runs.c.started_at.is_not(None))
    .order_by(activity_runs.c.started_at.desc())
    .limit(1)
)


def of_run(tx: Transaction, run_id: str) -> str:
    """Return a text that changes with the run, and when an attempt at an activity of it begins, changes while it goes on, or ends.

    Its price does not grow with the attempts that have ended.
    """
    run = tx.first(_OF_RUN, {"its_run": run_id}) or {}
    values = [*run.values(), tx.scalar(_BEGAN, {"its_run": run_id}), *open_now(tx, run_id)]
    return ".".join(str(value or 0) for value in values)


def of_runs(tx: Transaction, patterns: tuple[str, ...] | None) -> str:
    """Return a text that changes with every run of these scopes (None: of all)."""
    newest = sa.select(sa.func.max(runs.c.updated_at))
    # Scope by scope: the index that knows the newest of a scope is read at its end.
    return ".".join(str(tx.scalar(newest.where(runs.c.scope == scope)) or 0) for scope in scopes(tx, patterns))
