"""Retention: trigger runs go with the runs of their age."""

from headrace.core.clock import Instant
from headrace.store import trigger_runs, triggers
from headrace.store.database import Database

_AT_ONCE = 500


def forget_trigger_runs(database: Database, before: Instant) -> int:
    """Remove trigger runs that ended before ``before``; return how many. Windows that are gone are not waited for by others."""
    removed = 0
    while True:
        with database.transaction() as tx:
            found = trigger_runs.expired(tx, before, _AT_ONCE)
            ends: dict[str, Instant] = {}
            for run in found:
                if run.window_end is not None:
                    ends[run.trigger_id] = max(ends.get(run.trigger_id, run.window_end), run.window_end)
            # Always in the same order, so that two who sweep do not wait for each other.
            for trigger_id, until in sorted(ends.items()):
                triggers.note_removed(tx, trigger_id, until)
            removed += trigger_runs.delete(tx, [run.id for run in found])
        if len(found) < _AT_ONCE:
            return removed
