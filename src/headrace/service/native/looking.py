"""Whether anything has changed: cheap enough to be asked twice a second by everybody who watches."""

from headrace.core.client import Identity
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns, run_of
from headrace.store import revisions


def run_revision(desk: NativeDesk, caller: Identity, run_id: str) -> str | None:
    """Return a text that changes whenever something of the run does; None: it has ended, and nothing more can change.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        run = run_of(tx, caller, run_id)
        return None if run.status.is_final else revisions.of_run(tx, run.id)


def runs_revision(desk: NativeDesk, caller: Identity) -> str:
    """Return a text that changes whenever a run does that the caller may see, or one is made."""
    with desk.database.reading() as tx:
        return revisions.of_runs(tx, patterns(caller))
