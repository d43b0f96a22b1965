"""Workers: who is alive, and what each does now."""

from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.client import Identity
from headrace.core.clock import SECOND, Instant
from headrace.core.native.installation import WorkerLine, WorkerList
from headrace.core.native.operation import Nothing
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns
from headrace.store import open_runs, workers
from headrace.store.workers import ALIVE, Worker


def is_late(desk: NativeDesk, heartbeat_at: Instant, now: Instant) -> bool:
    """Say whether a worker that is thought to be alive has been silent for so long that others may take over what it does."""
    return now - heartbeat_at > desk.dead_after_seconds * SECOND


def list_workers(desk: NativeDesk, caller: Identity, _asked: Nothing) -> WorkerList:
    """Return all workers that the ledger knows, the living first; what they do is told of runs that ``caller`` may see."""
    now = desk.clock.now()
    with desk.database.reading() as tx:
        found = workers.get_all(tx)
        alive = any(worker.status == ALIVE for worker in found)
        doing = open_runs.activities_of_workers(tx, open_runs.scopes(tx, patterns(caller))) if alive else {}
    lines = [_line(desk, worker, doing.get(worker.id, []), now) for worker in found]
    return WorkerList(items=tuple(sorted(lines, key=_order)))


def _line(desk: NativeDesk, worker: Worker, doing: list[tuple[str, str]], now: Instant) -> WorkerLine:
    return WorkerLine(
        id=worker.id,
        status=worker.status,
        host=worker.host,
        pid=worker.pid,
        started_at=worker.started_at,
        heartbeat_at=worker.heartbeat_at,
        ended_at=worker.ended_at,
        generation=worker.generation,
        late=worker.status == ALIVE and is_late(desk, worker.heartbeat_at, now),
        running=len(doing),
        activities=tuple(f"{run} {path}" for run, path in doing),
    )


def _order(line: WorkerLine) -> tuple[bool, int, str]:
    return line.status != ALIVE, -line.started_at, line.id


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"workers.list": list_workers}
"""By the operation's name."""
