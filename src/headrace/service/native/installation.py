"""The installation: who asks, how it stands, its workers, clients, keys and audit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headrace.core.client import Identity
from headrace.core.clock import DAY, MINUTE, Instant
from headrace.core.native.installation import About, Me
from headrace.core.native.operation import Nothing
from headrace.core.run import RunStatus
from headrace.service.native import access, audit, workers
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns
from headrace.service.native.words import counted_as, length
from headrace.service.native.workers import is_late
from headrace.store import clients, flow_pages, open_runs, webhook_counts
from headrace.store import workers as worker_store

LONG = MINUTE
"""A run that has waited so long for a worker is a problem."""
_OPEN = tuple(status for status in RunStatus if not status.is_final)


def show_me(desk: NativeDesk, caller: Identity, _asked: Nothing) -> Me:
    """Return who asks."""
    with desk.database.reading() as tx:
        client = clients.find(tx, caller.client_id)
    name = caller.client_id if client is None else client.name
    return Me(client=caller.client_id, name=name, role=caller.role, scopes=caller.scopes)


def show_about(desk: NativeDesk, caller: Identity, _asked: Nothing) -> About:
    """Return how the installation stands, as far as ``caller`` may see it; asked for with every page, so it costs what is open."""
    now = desk.clock.now()
    reached = patterns(caller)
    with desk.database.reading() as tx:
        living = worker_store.living(tx)
        scopes = open_runs.scopes(tx, reached)
        counted = open_runs.counts(tx, scopes)
        queued = [scope for scope, of in counted.items() if RunStatus.QUEUED in of]
        waits = [found for scope in queued if (found := open_runs.oldest_queued(tx, scope, now)) is not None]
        given_up = webhook_counts.given_up(tx, reached, Instant(now - DAY))
        defined = flow_pages.scopes(tx, reached)
    late = [worker for worker in living if is_late(desk, worker.heartbeat_at, now)]
    by_status = open_runs.total(counted, _OPEN)
    oldest = min(waits, default=None)
    problems = [
        *_of_workers(len(living), len(late), by_status[RunStatus.QUEUED]),
        *_of_waiting(oldest, now),
        *_of_webhooks(given_up),
    ]
    return About(
        version=desk.version,
        database=desk.database.dialect,
        now=now,
        workers=len(living),
        open={status.value: count for status, count in by_status.items()},
        scopes=tuple(sorted({*scopes, *defined})),
        oldest_queued=oldest,
        problems=tuple(problems),
    )


def _of_workers(living: int, late: int, queued: int) -> Iterator[str]:
    if not living and queued:
        are = "run is" if queued == 1 else "runs are"
        yield f"No worker is alive, and {queued:,} {are} queued: start one with `headrace worker`."
    if late:
        yield f"The heartbeat of {counted_as(late, 'worker')} is overdue: if it does not come, others take over what is in hand there."


def _of_waiting(oldest: Instant | None, now: Instant) -> Iterator[str]:
    if oldest is not None and now - oldest > LONG:
        yield f"A run has waited for a worker for {length(now - oldest)}: workers are too few, or busy."


def _of_webhooks(given_up: int) -> Iterator[str]:
    if given_up:
        yield f"{counted_as(given_up, 'delivery', 'deliveries')} of webhooks {'was' if given_up == 1 else 'were'} given up within the last day."


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "me": show_me,
    "about": show_about,
    **workers.FUNCTIONS,
    **access.FUNCTIONS,
    **audit.FUNCTIONS,
}
"""By the operation's name."""
