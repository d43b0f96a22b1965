"""Runs: the ledger's first noun."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headrace.core import messages
from headrace.core.client import EVERYWHERE
from headrace.core.clock import Instant
from headrace.core.codec import Json, encode
from headrace.core.errors import Code, Problem
from headrace.core.flow import Plan
from headrace.core.outcome import Failure, Figures
from headrace.core.query import Order
from headrace.core.run import ActivityRun, Run, RunKind, RunStatus
from headrace.store import activity_runs, signals, webhooks, workers
from headrace.store.columns import FIGURES, figures_values, searchable
from headrace.store.database import Transaction, refused
from headrace.store.run_pages import RunGlance, RunQuery, count, newest_started, page, scopes
from headrace.store.run_rows import run_of
from headrace.store.scopes import within
from headrace.store.statuses import change, change_several
from headrace.store.tables import activity_runs as activity_rows
from headrace.store.tables import (
    batches,
    replays,
    request_keys,
    resolved_rejects,
    run_logs,
    uploads,
    variable_values,
)
from headrace.store.tables import runs as table
from headrace.store.tables import signals as signal_rows
from headrace.store.workers import WorkerClaim

__all__ = [
    "RunGlance",
    "RunQuery",
    "add_figures",
    "count",
    "counts",
    "delete",
    "expired",
    "find_by_request_key",
    "get",
    "history",
    "insert",
    "insert_all",
    "last_attempt",
    "move",
    "move_several",
    "newest_started",
    "note",
    "of_flow",
    "open_below",
    "page",
    "redefine",
    "resolve_id",
    "retries_of",
    "scopes",
    "set_figures",
    "status",
    "statuses",
]

LATEST = "@latest"
"""Stands for the id of the newest run."""

_ITS_ID = table.c.id == sa.bindparam("its_id")
_GET = sa.select(table).where(_ITS_ID)
_HOLD = _GET.with_for_update(key_share=True)
_NOTE = sa.update(table).where(_ITS_ID).values(details=sa.bindparam("its_details"))
_STATUS = sa.select(table.c.status).where(_ITS_ID)
_INSERT = sa.insert(table)
_LAST_ATTEMPT = sa.select(sa.func.max(table.c.attempt)).where(table.c.group_id == sa.bindparam("its_id"))
_END_REPLAY = sa.update(replays).where(replays.c.run_id == sa.bindparam("its_id")).values(ended_at=sa.bindparam("now"))
_SEVERAL = 1000
"""Runs that one statement moves."""
_END_REPLAYS = (
    sa.update(replays)
    .where(replays.c.run_id.in_(sa.bindparam("its_several", expanding=True)))
    .values(ended_at=sa.bindparam("now"))
)


def _open_below() -> sa.Select[Any]:
    below = sa.select(table.c.id).where(table.c.caller_run_id == sa.bindparam("its_id")).cte("below", recursive=True)
    below = below.union(sa.select(table.c.id).where(table.c.caller_run_id == below.c.id))
    return (
        sa.select(table)
        .where(table.c.id.in_(sa.select(below.c.id)), table.c.ended_at.is_(None))
        .order_by(table.c.created_at, table.c.id)
    )


_OPEN_BELOW = _open_below()


def insert(tx: Transaction, run: Run) -> None:
    """Write a new run.

    Raises:
        Problem: ``CONFLICT``: the group has a run that goes on, or another retry was made at the same time, or the request key has made
            another run, or the id is taken; ``NOT_FOUND``: the run that it retries is not in this scope.
    """
    try:
        tx.execute(_INSERT, _values(run))
        if run.request_key is not None:
            key = {"scope": run.scope, "key": run.request_key, "run_id": run.id, "created_at": run.created_at}
            tx.execute(sa.insert(request_keys), key)
    except IntegrityError as error:
        raise _refusal(run, error) from error


def insert_all(tx: Transaction, runs: Sequence[Run]) -> None:
    """Write first runs that are new and have no request keys, all at once."""
    if runs:
        tx.execute(_INSERT, [_values(run) for run in runs])


def get(tx: Transaction, scope: str | None, run_id: str, *, hold: bool = False) -> Run:
    """Return the run; with ``scope`` None, whichever it is in. ``hold``: nobody else changes it before the transaction's end.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    row = tx.first(_within(_HOLD if hold else _GET, scope), {"its_id": run_id})
    if row is None:
        raise Problem(Code.NOT_FOUND, f"there is no run {run_id!r}")
    return run_of(row)


def note(tx: Transaction, run_id: str, details: Mapping[str, Json]) -> None:
    """Write down a door's facts about the run, in the place of those that were there. The caller holds it."""
    tx.execute(_NOTE, {"its_id": run_id, "its_details": details})


def status(tx: Transaction, run_id: str) -> RunStatus:
    """Return the run's status.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    value = tx.scalar(_STATUS, {"its_id": run_id})
    if value is None:
        raise Problem(Code.NOT_FOUND, f"there is no run {run_id!r}")
    return RunStatus(value)


def statuses(tx: Transaction, run_ids: Collection[str]) -> dict[str, RunStatus]:
    """Return the statuses of those of the runs that there are, by id."""
    rows = tx.rows(sa.select(table.c.id, table.c.status).where(table.c.id.in_(run_ids)))
    return {row["id"]: RunStatus(row["status"]) for row in rows}


def find_by_request_key(tx: Transaction, scope: str, key: str, since: Instant) -> Run | None:
    """Return the run that ``key`` has made in ``scope`` at ``since`` or later. In a transaction that writes, an older key becomes free."""
    place = (request_keys.c.scope == scope, request_keys.c.key == key)
    if tx.writable:
        tx.execute(sa.delete(request_keys).where(*place, request_keys.c.created_at < since))
    joined = sa.join(table, request_keys, request_keys.c.run_id == table.c.id)
    row = tx.first(sa.select(table).select_from(joined).where(*place, request_keys.c.created_at >= since))
    return None if row is None else run_of(row)


def move(  # noqa: PLR0913, PLR0917 — a move is one statement: which row, from what to what, when, why, and by whom
    tx: Transaction,
    run_id: str,
    expected: Collection[RunStatus],
    to: RunStatus,
    now: Instant,
    reason: Failure | None = None,
    worker: WorkerClaim | None = None,
) -> bool:
    """Move the run to ``to`` if its status is one of ``expected``; say whether it was. Whoever wants to be told of its end will be, from then on.

    The activity that has made the run gets the signal of its end in the same transaction.

    ``reason`` is kept beside the status until a move gives another one; becoming running or succeeded clears it.

    Raises:
        Problem: ``FENCED``: the worker was declared dead; ``ILLEGAL_STATE``: no such move in the table.
    """
    workers.check(tx, worker)
    sets_reason = reason is not None or to in {RunStatus.RUNNING, RunStatus.SUCCEEDED}
    values = {"its_id": run_id, "now": now} | ({"its_reason": encode(reason)} if sets_reason else {})
    moved = tx.execute(_move(frozenset(expected), to, sets_reason=sets_reason), values).rowcount == 1
    if moved and to.is_final:
        tx.execute(_END_REPLAY, {"its_id": run_id, "now": now})
        webhooks.tell(tx, run_id, to, now)
        signals.answer_caller(tx, run_id, messages.child_ended(run_id, to), now)
    return moved


def move_several(
    tx: Transaction,
    run_ids: Sequence[str],
    expected: Collection[RunStatus],
    to: RunStatus,
    now: Instant,
    reason: Failure | None = None,
) -> set[str]:
    """Move those of the runs whose status is one of ``expected``, each as ``move`` does, in few statements; return the ids of those.

    Raises:
        Problem: ``ILLEGAL_STATE``: no such move in the table.
    """
    sets_reason = reason is not None or to in {RunStatus.RUNNING, RunStatus.SUCCEEDED}
    statement = _move_several(frozenset(expected), to, sets_reason=sets_reason)
    common = {"now": now} | ({"its_reason": encode(reason)} if sets_reason else {})
    moved: set[str] = set()
    for start in range(0, len(run_ids), _SEVERAL):
        rows = tx.rows(statement, {"its_several": run_ids[start : start + _SEVERAL], **common})
        ids = sorted(row["id"] for row in rows)
        moved.update(ids)
        if not ids or not to.is_final:
            continue
        tx.execute(_END_REPLAYS, {"its_several": ids, "now": now})
        for run_id in ids:
            webhooks.tell(tx, run_id, to, now)
        for row in rows:
            if row["caller_run_id"] is not None:
                signals.answer_caller(tx, row["id"], messages.child_ended(row["id"], to), now)
    return moved


def open_below(tx: Transaction, run_id: str) -> list[Run]:
    """Return the runs that have not ended and that activities of this one have made, or of one that these have made, and so on."""
    return [run_of(row) for row in tx.rows(_OPEN_BELOW, {"its_id": run_id})]


def last_attempt(tx: Transaction, group_id: str) -> int:
    """Return the attempt of the newest run of a group. In a transaction that writes, nobody else asks before its end."""
    if tx.writable:
        tx.execute(_HOLD, {"its_id": group_id})
    return int(tx.scalar(_LAST_ATTEMPT, {"its_id": group_id}))


def of_flow(tx: Transaction, scope: str, flow_id: str, among: Collection[RunStatus]) -> list[Run]:
    """Return the flow's runs with one of these statuses, oldest first; all of them: ask for open ones."""
    where = (table.c.scope == scope, table.c.flow_id == flow_id, table.c.status.in_(sorted(among)))
    return [run_of(row) for row in tx.rows(sa.select(table).where(*where).order_by(table.c.created_at, table.c.id))]


def redefine(tx: Transaction, run_id: str, definition: Plan) -> bool:
    """Give a run that has not begun another definition; say whether it had not. Its activity runs are the caller's to change with it."""
    queued = (table.c.id == run_id, table.c.status == RunStatus.QUEUED.value)
    return tx.execute(sa.update(table).where(*queued).values(definition=encode(definition))).rowcount == 1


def set_figures(tx: Transaction, run_id: str, figures: Figures) -> None:
    """Write the run's figures, in the place of those that it has."""
    tx.execute(sa.update(table).where(table.c.id == run_id).values(**figures_values(figures)))


def add_figures(tx: Transaction, run_id: str, figures: Figures) -> None:
    """Add to the run's figures. Doing it twice counts twice: do it together with a move that only one can make."""
    known = {name: value for name, value in figures_values(figures).items() if value is not None}
    if known:
        values = {f"its_{name}": value for name, value in known.items()}
        tx.execute(_add(tuple(known)), {"its_id": run_id, **values})


def is_over(tx: Transaction, run_id: str, before: Instant) -> bool:
    """Say whether every run of the run's group ended before ``before``; so it is with a run that is not there."""
    group = sa.select(table.c.group_id).where(table.c.id == run_id).scalar_subquery()
    younger = sa.or_(table.c.ended_at.is_(None), table.c.ended_at >= before)
    return tx.scalar(sa.select(sa.literal(1)).where(table.c.group_id == group, younger).limit(1)) is None


def history(tx: Transaction, group_id: str) -> list[tuple[Run, list[ActivityRun]]]:
    """Return the runs of a group, oldest first, each with every attempt of its activities."""
    rows = tx.rows(sa.select(table).where(table.c.group_id == group_id).order_by(table.c.attempt))
    found = [run_of(row) for row in rows]
    activities = activity_runs.of_runs(tx, [run.id for run in found])
    return [(run, activities[run.id]) for run in found]


def retries_of(tx: Transaction, found: Iterable[Run]) -> dict[str, tuple[str, ...]]:
    """Return the ids of the retries that were made of each of these runs, oldest first; runs without any are left out."""
    groups = {run.id: run.group_id for run in found}
    # Asked for by group: few runs are retries, so databases take the index of what was retried for a bad one.
    made = sa.select(table.c.id, table.c.retry_of).where(
        table.c.group_id.in_(set(groups.values())), table.c.kind == RunKind.RETRY.value
    )
    retries: dict[str, tuple[str, ...]] = {}
    for row in tx.rows(made.order_by(table.c.group_id, table.c.attempt)):
        if row["retry_of"] in groups:
            retries[row["retry_of"]] = (*retries.get(row["retry_of"], ()), row["id"])
    return retries


def counts(tx: Transaction, scope: str) -> Mapping[RunStatus, int]:
    """Return how many runs of the scope have each status; every status is there."""
    statement = (
        sa.select(table.c.status, sa.func.count().label("runs")).where(table.c.scope == scope).group_by(table.c.status)
    )
    found = {row["status"]: row["runs"] for row in tx.rows(statement)}
    return {status: found.get(status.value, 0) for status in RunStatus}


def resolve_id(tx: Transaction, patterns: tuple[str, ...] | None, text: str) -> str:
    """Return the id that ``text`` stands for: an id, the beginning of exactly one, or ``@latest``.

    ``patterns``: only runs of these scopes, and of all that lie below them, are there (None: all are).

    Raises:
        Problem: ``NOT_FOUND``: of none; ``INVALID``: of several.
    """
    if text == LATEST:
        newest = page(tx, RunQuery(scopes=patterns), Order("created_at", descending=True), 1, light=True).items
        if not newest:
            raise Problem(Code.NOT_FOUND, "there is no run yet")
        return newest[0].id
    reached = [] if patterns is None or EVERYWHERE in patterns else [within(table.c.scope, patterns)]
    # A range and not LIKE: both databases then read the index. Ids have no character beyond ASCII.
    beginning = sa.select(table.c.id).where(table.c.id >= text, table.c.id < text + "\x7f", *reached)
    found = [str(row["id"]) for row in tx.rows(beginning.order_by(table.c.id).limit(3))] if text else []
    if text in found or len(found) == 1:
        return found[0]
    if not found:
        raise Problem(Code.NOT_FOUND, f"there is no run {text!r}, nor one whose id begins so")
    raise Problem(
        Code.INVALID, f"several runs have an id that begins with {text!r}: {', '.join(found)}; give more of it"
    )


def expired(tx: Transaction, before: Instant, limit: int) -> list[str]:
    """Return the ids of runs in groups all of whose runs ended before ``before``: whole groups, of at most ``limit`` first runs, oldest first."""
    first = table.alias("first")
    member = table.alias("member")
    late = sa.exists().where(
        member.c.group_id == first.c.id, sa.or_(member.c.ended_at.is_(None), member.c.ended_at >= before)
    )
    groups = (
        sa.select(first.c.id)
        .where(first.c.ended_at.is_not(None), first.c.ended_at < before, first.c.group_id == first.c.id, ~late)
        .order_by(first.c.ended_at, first.c.id)
        .limit(limit)
    )
    ids = [row["id"] for row in tx.rows(groups)]
    members = sa.select(table.c.id).where(table.c.group_id.in_(ids)).order_by(table.c.group_id, table.c.attempt)
    return [row["id"] for row in tx.rows(members)]


def delete(tx: Transaction, run_ids: Sequence[str]) -> int:
    """Remove ended runs with all that the ledger keeps of them; return how many runs.

    Raises:
        Problem: ``CONFLICT``: one of them has not ended, or a run or batch that stays refers to one of them.
    """
    open_runs = sa.select(table.c.id).where(table.c.id.in_(run_ids), table.c.ended_at.is_(None)).limit(1)
    found = tx.scalar(open_runs)
    if found is not None:
        raise Problem(Code.CONFLICT, f"run {found} has not ended, so it cannot be removed")
    of_runs = sa.select(batches.c.id).where(batches.c.run_id.in_(run_ids))
    try:
        tx.execute(sa.delete(resolved_rejects).where(resolved_rejects.c.batch_id.in_(of_runs)))
        tx.execute(sa.delete(replays).where(replays.c.run_id.in_(run_ids)))
        tx.execute(sa.delete(batches).where(batches.c.run_id.in_(run_ids)))
        tx.execute(sa.delete(uploads).where(uploads.c.run_id.in_(run_ids)))
        for rows in (activity_rows, signal_rows, variable_values, run_logs):
            tx.execute(sa.delete(rows).where(rows.c.run_id.in_(run_ids)))
        tx.execute(sa.delete(request_keys).where(request_keys.c.run_id.in_(run_ids)))
        return tx.execute(sa.delete(table).where(table.c.id.in_(run_ids))).rowcount
    except IntegrityError as error:
        raise Problem(
            Code.CONFLICT,
            "another run of the group refers to one of these runs; remove the whole group",
            context={"database": str(error.orig)},
        ) from error


@cache
def _move(expected: frozenset[RunStatus], to: RunStatus, *, sets_reason: bool) -> sa.Update:
    return change(table, {"id": sa.bindparam("its_id")}, expected, to, _moved(to, sets_reason=sets_reason))


@cache
def _move_several(expected: frozenset[RunStatus], to: RunStatus, *, sets_reason: bool) -> Any:
    statement = change_several(table, "id", {}, expected, to, _moved(to, sets_reason=sets_reason))
    return statement.returning(table.c.id, table.c.caller_run_id)


def _moved(to: RunStatus, *, sets_reason: bool) -> dict[str, Any]:
    now: sa.BindParameter[Any] = sa.bindparam("now")
    values: dict[str, Any] = {"updated_at": now, "revision": table.c.revision + 1}
    if sets_reason:
        values["reason"] = sa.bindparam("its_reason")
    if to is RunStatus.RUNNING:
        values["started_at"] = sa.func.coalesce(table.c.started_at, now)
    if to.is_final:
        values["ended_at"] = now
    return values


@cache
def _add(names: tuple[str, ...]) -> sa.Update:
    sums = {name: sa.func.coalesce(table.c[name], 0) + sa.bindparam(f"its_{name}") for name in names}
    return sa.update(table).where(_ITS_ID).values(**sums)


def _within(statement: sa.Select[Any], scope: str | None) -> sa.Select[Any]:
    return statement if scope is None else statement.where(table.c.scope == scope)


def _values(run: Run) -> dict[str, Any]:
    plain = (
        "id",
        "scope",
        "flow_id",
        "flow_name",
        "group_id",
        "retry_of",
        "attempt",
        "due_at",
        "priority",
        "request_key",
    )
    return {
        **{name: getattr(run, name) for name in plain},
        "kind": run.kind.value,
        "status": run.status.value,
        "reason": encode(run.reason),
        "definition": encode(run.definition),
        "parameters": encode(run.parameters),
        "window": encode(run.window),
        "plan": encode(run.plan),
        "created_by": run.created_by,
        "details": searchable(run.details, "the run's details"),
        **dict.fromkeys(FIGURES),
        **figures_values(run.figures),
        "revision": run.revision,
        "created_at": run.created_at,
        "updated_at": run.created_at if run.updated_at is None else run.updated_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "caller_run_id": None if run.caller is None else run.caller.run_id,
        "caller_path": None if run.caller is None else run.caller.path,
        "caller_attempt": None if run.caller is None else run.caller.attempt,
        "exclusive": run.exclusive,
    }


def _refusal(run: Run, error: IntegrityError) -> Exception:
    if refused(error, "pk_request_keys", "request_keys.scope, request_keys.key"):
        return Problem(Code.CONFLICT, f"the request key {run.request_key!r} has made another run")
    if refused(
        error, "uq_runs_open_of_group", "runs.group_id", "uq_runs_group_id_attempt", "runs.group_id, runs.attempt"
    ):
        return Problem(Code.CONFLICT, f"another run of the group {run.group_id} goes on, or was made at the same time")
    if refused(error, "pk_runs", "runs.id", "uq_runs_scope_id", "runs.scope, runs.id"):
        return Problem(Code.CONFLICT, f"the run {run.id} exists already")
    if run.kind in {RunKind.RETRY, RunKind.REPLAY} and refused(
        error, "fk_runs_scope_group_id", "fk_runs_scope_retry_of", "FOREIGN KEY"
    ):
        return Problem(Code.NOT_FOUND, f"the run {run.retry_of or run.group_id} is not in this scope")
    return error
