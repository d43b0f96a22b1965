"""Activity runs: what became of each activity of a run, attempt by attempt."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json, decode, encode
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Failure, Figures, Outcome
from headrace.core.run import ActivityRun, ActivityStatus
from headrace.store import workers
from headrace.store.database import Transaction
from headrace.store.statuses import change, change_several
from headrace.store.tables import activity_runs, runs
from headrace.store.tables import workers as worker_rows
from headrace.store.upserts import Upsert, upsert_on
from headrace.store.workers import WorkerClaim

_CLAIMABLE = frozenset({ActivityStatus.QUEUED, ActivityStatus.RUNNING, ActivityStatus.WAITING})
_ORDER = (activity_runs.c.parent, activity_runs.c.position, activity_runs.c.path, activity_runs.c.attempt)
_KEY: dict[str, sa.BindParameter[Any]] = {name: sa.bindparam(f"its_{name}") for name in ("run_id", "path", "attempt")}
_ITS_KEY = tuple(activity_runs.c[name] == value for name, value in _KEY.items())
_OF_RUN = sa.select(activity_runs).where(activity_runs.c.run_id == _KEY["run_id"]).order_by(*_ORDER)
# In the order of the key: for another order SQLite would read all of a run in the index that has it.
_AT_PATH = (
    sa.select(activity_runs)
    .where(activity_runs.c.run_id == _KEY["run_id"], activity_runs.c.path == _KEY["path"])
    .order_by(activity_runs.c.attempt)
)
_ITS_PARENT = activity_runs.c.parent == sa.bindparam("its_parent")
_OF_PARENT = _OF_RUN.where(_ITS_PARENT)
_AFTER_SLASH = chr(ord("/") + 1)
_BELOW = (
    # A range, which is read in the primary key: paths are ordered by code points.
    sa.select(activity_runs)
    .where(activity_runs.c.run_id == _KEY["run_id"])
    .where(activity_runs.c.path >= sa.bindparam("its_first"), activity_runs.c.path < sa.bindparam("its_last"))
    .order_by(activity_runs.c.path, activity_runs.c.attempt)
)
_STATUSES = (
    sa.select(activity_runs.c.path, activity_runs.c.attempt, activity_runs.c.status)
    .where(activity_runs.c.run_id == _KEY["run_id"], _ITS_PARENT)
    .order_by(activity_runs.c.position, activity_runs.c.path, activity_runs.c.attempt)
)
_LAST_POSITION = (
    # Not max(): SQLite would read all of them for an expression with it.
    sa.select(activity_runs.c.position)
    .where(activity_runs.c.run_id == _KEY["run_id"], _ITS_PARENT)
    .order_by(activity_runs.c.position.desc())
    .limit(1)
)
_STANDING = sa.select(activity_runs.c.status, activity_runs.c.epoch).where(*_ITS_KEY)
_SCOPE = sa.select(runs.c.scope).where(runs.c.id == _KEY["run_id"])
_OUTPUTS = (
    sa.select(activity_runs.c.path, activity_runs.c.output)
    .where(activity_runs.c.run_id == _KEY["run_id"])
    .where(activity_runs.c.path.in_(sa.bindparam("its_paths", expanding=True)))
    .order_by(activity_runs.c.attempt)
)
_SEVERAL = 1000
"""Runs of whose activities one statement moves one."""
_THERE = (
    sa.select(activity_runs.c.run_id)
    .where(activity_runs.c.run_id.in_(sa.bindparam("its_several", expanding=True)))
    .where(activity_runs.c.path == _KEY["path"], activity_runs.c.attempt == _KEY["attempt"])
)
_OUTCOME = ("output", "figures", "failure")
_WRITTEN = (*_OUTCOME, "state", "wake_at", "details", "carried_from")


_LOST = sa.select(activity_runs.c.lost).where(*_ITS_KEY)
_LEFT = (
    # Who stopped by itself handed over what it had: that is no loss.
    sa.exists()
    .where(worker_rows.c.id == activity_runs.c.worker_id, worker_rows.c.status == workers.STOPPED)
    .correlate(activity_runs)
)
_IS_LOSS = sa.and_(activity_runs.c.status == ActivityStatus.RUNNING.value, ~_LEFT)
_CLAIM = change(
    activity_runs,
    _KEY,
    _CLAIMABLE,
    ActivityStatus.RUNNING,
    {
        "epoch": activity_runs.c.epoch + 1,
        "lost": activity_runs.c.lost + sa.case((_IS_LOSS, 1), else_=0),
        "worker_id": sa.bindparam("its_worker"),
        "updated_at": sa.bindparam("now"),
        "started_at": sa.func.coalesce(activity_runs.c.started_at, sa.bindparam("now")),
    },
).returning(activity_runs.c.epoch)


_COPIED = (
    "run_id", "path", "parent", "scope", "position", "kind", "fingerprint", "commit_key", "verdict", "verdict_reason",
)  # fmt: skip


def _next_attempt() -> sa.Insert:
    now = sa.bindparam("now", type_=sa.BigInteger)
    # The status of a row that is new; an existing one is changed in ``statuses`` alone.
    fresh: dict[str, sa.ColumnElement[Any]] = {
        "attempt": activity_runs.c.attempt + 1,
        "status": sa.literal(ActivityStatus.QUEUED.value, activity_runs.c.status.type),
        "epoch": sa.literal(0),
        "output": sa.literal({}, activity_runs.c.output.type),
        "figures": sa.literal({}, activity_runs.c.figures.type),
        "created_at": now,
        "updated_at": now,
        "wake_at": sa.bindparam("its_wake_at", type_=sa.BigInteger),
    }
    source = sa.select(*(activity_runs.c[name] for name in _COPIED), *fresh.values()).where(*_ITS_KEY)
    return sa.insert(activity_runs).from_select([*_COPIED, *fresh], source)


_NEXT_ATTEMPT = _next_attempt()


def insert_all(tx: Transaction, rows: Iterable[ActivityRun]) -> None:
    """Write activity runs of one run, which is there already, in the order in which they are to be listed.

    Those inside of a container are listed after those of the same parent that are there. One whose path and attempt is there stays as it is.
    """
    rows = list(rows)
    if not rows:
        return
    run_id = rows[0].run_id
    following: dict[str, Iterator[int]] = {}
    new = {row.path for row in rows}
    for parent in dict.fromkeys(row.parent for row in rows):
        # A flow's own activities are written once, when their run is made, and those of a body with it.
        known = bool(parent) and parent not in new
        last = tx.scalar(_LAST_POSITION, {"its_run_id": run_id, "its_parent": parent}) if known else None
        following[parent] = itertools.count(0 if last is None else int(last) + 1)
    scope = tx.scalar(_SCOPE, {"its_run_id": run_id})
    tx.execute(_insert(tx.dialect), [{**_values(row, next(following[row.parent])), "scope": scope} for row in rows])


def insert_only(tx: Transaction, scope: str, rows: Iterable[ActivityRun]) -> None:
    """Write activity runs of a scope, each the only one of a run that is there already."""
    values = [{**_values(row, 0), "scope": scope} for row in rows]
    if values:
        tx.execute(_insert(tx.dialect), values)


def of_run(tx: Transaction, run_id: str) -> list[ActivityRun]:
    """Return every attempt of every activity of the run: in the order of ``insert_all``, attempts of one path one after the other.

    The flow's own activities come first, then those inside of containers, by the paths that they are in. There may be very many of these.
    """
    return [activity_run_of(row) for row in tx.rows(_OF_RUN, {"its_run_id": run_id})]


def first_of_run(tx: Transaction, run_id: str, limit: int) -> list[ActivityRun]:
    """Return the first ``limit`` of these."""
    return [activity_run_of(row) for row in tx.rows(_OF_RUN.limit(limit), {"its_run_id": run_id})]


def of_parent(tx: Transaction, run_id: str, parent: str) -> list[ActivityRun]:
    """Return every attempt of every activity of the run that stands right below ``parent`` (empty: of the flow's own), in the same order."""
    return [activity_run_of(row) for row in tx.rows(_OF_PARENT, {"its_run_id": run_id, "its_parent": parent})]


def at_path(tx: Transaction, run_id: str, path: str) -> list[ActivityRun]:
    """Return every attempt at the activity at ``path`` of the run, the first one first; empty: there is none."""
    return [activity_run_of(row) for row in tx.rows(_AT_PATH, {"its_run_id": run_id, "its_path": path})]


def below(tx: Transaction, run_id: str, path: str) -> list[ActivityRun]:
    """Return every attempt of everything that stands below ``path`` of the run, however deep, by path and attempt."""
    values = {"its_run_id": run_id, "its_first": f"{path}/", "its_last": f"{path}{_AFTER_SLASH}"}
    return [activity_run_of(row) for row in tx.rows(_BELOW, values)]


def statuses_of_parent(tx: Transaction, run_id: str, parent: str) -> list[tuple[str, int, ActivityStatus]]:
    """Return path, attempt and status of what stands right below ``parent``, in the same order: cheap, for very many of them."""
    found: Iterable[Any] = tx.execute(_STATUSES, {"its_run_id": run_id, "its_parent": parent})
    return [(path, attempt, ActivityStatus(status)) for path, attempt, status in found]


def of_runs(tx: Transaction, run_ids: Collection[str]) -> dict[str, list[ActivityRun]]:
    """Return the same for several runs at once, by run id."""
    statement = sa.select(activity_runs).where(activity_runs.c.run_id.in_(run_ids)).order_by(*_ORDER)
    result: dict[str, list[ActivityRun]] = {run_id: [] for run_id in run_ids}
    for row in tx.rows(statement):
        result[row["run_id"]].append(activity_run_of(row))
    return result


def outputs(tx: Transaction, run_id: str, paths: Collection[str]) -> dict[str, Mapping[str, Json]]:
    """Return the outputs of the newest attempts at ``paths`` of the run, by path."""
    values = {"its_run_id": run_id, "its_paths": list(paths)}
    return {row["path"]: row["output"] for row in tx.rows(_OUTPUTS, values)}


def redefine(tx: Transaction, run_id: str, fingerprints: Mapping[str, str]) -> None:
    """Give the activities of a run that has not begun the fingerprints of another definition, by path; what is carried over keeps its own."""
    for path, fingerprint in fingerprints.items():
        pending = (
            activity_runs.c.run_id == run_id,
            activity_runs.c.path == path,
            activity_runs.c.status == ActivityStatus.PENDING.value,
        )
        tx.execute(sa.update(activity_runs).where(*pending).values(fingerprint=fingerprint))


def claim(tx: Transaction, run_id: str, path: str, attempt: int, worker: WorkerClaim, now: Instant) -> int:
    """Give the attempt to ``worker``, from whoever had it, and return its new epoch: only writes with it count from now on.

    Raises:
        Problem: ``FENCED``: the worker was declared dead; ``ILLEGAL_STATE``: the attempt has ended, or may not begin yet; ``NOT_FOUND``.
    """
    workers.check(tx, worker)
    values = {**_key(run_id, path, attempt), "now": now, "its_worker": worker.worker_id}
    epoch = tx.scalar(_CLAIM, values)
    if epoch is None:
        status, _ = _standing(tx, run_id, path, attempt)
        raise Problem(
            Code.ILLEGAL_STATE, f"attempt {attempt} of {path!r} of run {run_id} is {status}: nobody can take it"
        )
    return int(epoch)


def lost(tx: Transaction, run_id: str, path: str, attempt: int) -> int:
    """Return how often the attempt was claimed since the worker that had it was lost; one that stopped by itself does not count."""
    return int(tx.scalar(_LOST, _key(run_id, path, attempt)) or 0)


def move(  # noqa: PLR0913, PLR0917 — a move is one statement: which row, from what to what, when, and by whom
    tx: Transaction,
    run_id: str,
    path: str,
    attempt: int,
    expected: Collection[ActivityStatus],
    to: ActivityStatus,
    now: Instant,
    *,
    epoch: int | None = None,
    worker: WorkerClaim | None = None,
    outcome: Outcome | None = None,
    state: Mapping[str, Json] | None = None,
    wake_at: Instant | None = None,
    details: Mapping[str, Json] | None = None,
    carried_from: str | None = None,
) -> bool:
    """Move the attempt to ``to`` if its status is one of ``expected``; say whether it was. ``outcome`` is written with it.

    With ``state``, it and ``wake_at`` are written too (``wake_at`` None: the clock does not wake it); without, both stay as they are. ``details``
    are written in the place of those that are there; ``carried_from``, with ``CARRIED``, is the run that really did it. With ``epoch`` (a
    worker's writes about what it claimed) a newer claim refuses the write.

    Raises:
        Problem: ``FENCED``: the worker was declared dead, or the attempt is another one's; ``NOT_FOUND``: no such attempt;
            ``ILLEGAL_STATE``: no such move in the table.
    """
    workers.check(tx, worker)
    values = {**_key(run_id, path, attempt), "now": now}
    if epoch is not None:
        values["its_epoch"] = epoch
    if outcome is not None:
        values |= {f"its_{name}": encode(getattr(outcome, name)) for name in _OUTCOME}
    if state is not None:
        values |= {"its_state": state, "its_wake_at": wake_at}
    if details is not None:
        values["its_details"] = details
    if carried_from is not None:
        values["its_carried_from"] = carried_from
    written = tuple(name for name in _WRITTEN if f"its_{name}" in values)
    statement = _move(frozenset(expected), to, written, with_epoch=epoch is not None)
    if tx.execute(statement, values).rowcount == 1:
        return True
    _, current = _standing(tx, run_id, path, attempt)
    if epoch is not None and current != epoch:
        raise _overtaken(run_id, path, attempt)
    return False


def move_several(  # noqa: PLR0913, PLR0917 — as ``move``
    tx: Transaction,
    run_ids: Sequence[str],
    path: str,
    attempt: int,
    expected: Collection[ActivityStatus],
    to: ActivityStatus,
    now: Instant,
    *,
    outcome: Outcome | None = None,
) -> None:
    """Move the attempt ``attempt`` at ``path`` of each of the runs if its status is one of ``expected``, as ``move`` does, in few statements.

    Raises:
        Problem: ``NOT_FOUND``: a run has no such attempt; ``ILLEGAL_STATE``: no such move in the table.
    """
    common = {"its_path": path, "its_attempt": attempt, "now": now}
    written: tuple[str, ...] = ()
    if outcome is not None:
        common |= {f"its_{name}": encode(getattr(outcome, name)) for name in _OUTCOME}
        written = _OUTCOME
    statement = _move_several(frozenset(expected), to, written)
    for start in range(0, len(run_ids), _SEVERAL):
        piece = run_ids[start : start + _SEVERAL]
        if tx.execute(statement, {"its_several": piece, **common}).rowcount == len(piece):
            continue
        key = {"its_several": piece, "its_path": path, "its_attempt": attempt}
        missing = set(piece) - set(tx.execute(_THERE, key).scalars())
        if missing:
            raise _missing(min(missing), path, attempt)


def progress(  # noqa: PLR0913, PLR0917 — which row, by whom, what, when
    tx: Transaction,
    run_id: str,
    path: str,
    attempt: int,
    epoch: int,
    figures: Figures,
    now: Instant,
    *,
    worker: WorkerClaim | None = None,
    details: Mapping[str, Json] | None = None,
) -> None:
    """Write the figures so far of a running attempt, and the details that are kept beside it where they are given.

    Raises:
        Problem: ``FENCED``: it runs no longer, another worker has it, or this one was declared dead.
    """
    workers.check(tx, worker)
    statement = (
        sa.update(activity_runs)
        .where(*_ITS_KEY)
        .where(activity_runs.c.epoch == epoch, activity_runs.c.status == ActivityStatus.RUNNING.value)
        .values(figures=encode(figures), updated_at=now, **({} if details is None else {"details": dict(details)}))
    )
    if tx.execute(statement, _key(run_id, path, attempt)).rowcount == 0:
        raise _overtaken(run_id, path, attempt)


def next_attempt(
    tx: Transaction, run_id: str, path: str, attempt: int, now: Instant, wake_at: Instant | None = None
) -> int:
    """Queue the attempt after ``attempt``, which has ended, and return its number. ``wake_at``: it may not start before.

    Raises:
        Problem: ``NOT_FOUND``: there is no ``attempt``. The schema refuses a second one that is open.
    """
    values = {**_key(run_id, path, attempt), "now": now, "its_wake_at": wake_at}
    if tx.execute(_NEXT_ATTEMPT, values).rowcount == 0:
        raise _missing(run_id, path, attempt)
    return attempt + 1


def _key(run_id: str, path: str, attempt: int) -> dict[str, object]:
    return {"its_run_id": run_id, "its_path": path, "its_attempt": attempt}


@cache
def _insert(dialect: str) -> Upsert:
    return upsert_on(dialect, activity_runs).on_conflict_do_nothing()


@cache
def _move(
    expected: frozenset[ActivityStatus], to: ActivityStatus, written: tuple[str, ...], *, with_epoch: bool
) -> sa.Update:
    statement = change(activity_runs, _KEY, expected, to, _moved(to, written))
    return statement.where(activity_runs.c.epoch == sa.bindparam("its_epoch")) if with_epoch else statement


@cache
def _move_several(expected: frozenset[ActivityStatus], to: ActivityStatus, written: tuple[str, ...]) -> sa.Update:
    key = {"path": _KEY["path"], "attempt": _KEY["attempt"]}
    return change_several(activity_runs, "run_id", key, expected, to, _moved(to, written))


def _moved(to: ActivityStatus, written: tuple[str, ...]) -> dict[str, Any]:
    now: sa.BindParameter[Any] = sa.bindparam("now")
    values: dict[str, Any] = {"updated_at": now, **{name: sa.bindparam(f"its_{name}") for name in written}}
    if to.is_final:
        values["ended_at"] = now
    if to is ActivityStatus.RUNNING:
        values["started_at"] = sa.func.coalesce(activity_runs.c.started_at, now)
    return values


def _standing(tx: Transaction, run_id: str, path: str, attempt: int) -> tuple[str, int]:
    row = tx.first(_STANDING, _key(run_id, path, attempt))
    if row is None:
        raise _missing(run_id, path, attempt)
    return row["status"], row["epoch"]


def _missing(run_id: str, path: str, attempt: int) -> Problem:
    return Problem(Code.NOT_FOUND, f"run {run_id} has no attempt {attempt} of {path!r}")


def _overtaken(run_id: str, path: str, attempt: int) -> Problem:
    return Problem(
        Code.FENCED, f"attempt {attempt} of {path!r} of run {run_id} is another worker's by now, or has ended"
    )


def _values(row: ActivityRun, position: int) -> dict[str, Any]:
    created = row.created_at if row.created_at is not None else row.updated_at
    return {
        "run_id": row.run_id,
        "path": row.path,
        "attempt": row.attempt,
        "position": position,
        "kind": row.kind,
        "status": row.status.value,
        "fingerprint": row.fingerprint,
        "epoch": row.epoch,
        "worker_id": row.worker_id,
        "commit_key": row.commit_key,
        "carried_from": row.carried_from,
        "verdict": row.verdict,
        "verdict_reason": row.verdict_reason,
        "output": encode(row.output),
        "figures": encode(row.figures),
        "failure": encode(row.failure),
        "created_at": created or 0,
        "updated_at": row.updated_at or created or 0,
        "started_at": row.started_at,
        # Carried over and switched off are ends, reached when the run was made.
        "ended_at": (row.ended_at or created or 0) if row.status.is_final else None,
        "parent": row.parent,
        "state": None if row.state is None else encode(row.state),
        "wake_at": row.wake_at,
        "details": encode(row.details),
    }


def activity_run_of(row: Mapping[str, Any]) -> ActivityRun:
    """Return the activity run that a row of the table holds."""
    what = f"the ledger's row of {row['path']!r} of run {row['run_id']}"
    values = {name: value for name, value in row.items() if name not in {"scope", "position"}}
    values["status"] = ActivityStatus(row["status"])
    values["figures"] = decode(Figures, row["figures"], what=what) if row["figures"] else Figures()
    values["failure"] = None if row["failure"] is None else decode(Failure, row["failure"], what=what)
    return ActivityRun(**values)
