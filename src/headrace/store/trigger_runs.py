"""Trigger runs: what triggers have done. One row for each occurrence, window or event of a trigger, whoever makes it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.run import RunStatus
from headrace.core.trigger import TriggerRun, TriggerRunStatus
from headrace.store.columns import is_storable
from headrace.store.database import Transaction
from headrace.store.keysets import Key, Position, after
from headrace.store.statuses import change
from headrace.store.tables import runs
from headrace.store.trigger_tables import TRIGGER_RUN_OPEN
from headrace.store.trigger_tables import trigger_runs as table
from headrace.store.upserts import upsert

_PLAIN = (
    "id", "scope", "trigger_id", "trigger_name", "trigger_type", "key", "facts", "pipelines", "window_start", "window_end", "run_id", "attempt",
    "try_at", "waits_since", "dependencies", "created_at", "updated_at", "ended_at",
)  # fmt: skip
# Written out, as the indexes have it: of a bound value SQLite cannot see that it fits.
_OPEN = sa.text(f"trigger_runs.status IN ({TRIGGER_RUN_OPEN})")
_RUNNING = sa.text("trigger_runs.status = 'running'")
_RUN_ENDED = sorted(status.value for status in RunStatus if status.is_final)
_CHANGES = frozenset(
    {"message", "pipelines", "run_id", "values", "attempt", "try_at", "waits_since", "dependencies", "facts"}
)


@dataclass(frozen=True, slots=True)
class Among:
    """The field (``trigger_key``, ``created_at`` or ``status``) has one of ``values``, or with ``negated`` none of them."""

    field: str
    values: frozenset[str] | frozenset[Instant]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class By:
    """What a list is ordered by: ``created_at``, ``trigger_key`` or ``status``."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRunQuery:
    """Which trigger runs a list has: those that were made from ``since`` to ``until``, both inclusive. ``status_words`` order statuses."""

    scope: str
    since: Instant
    until: Instant
    among: tuple[Among, ...] = ()
    order: tuple[By, ...] = (By("created_at", descending=True),)
    status_words: Mapping[TriggerRunStatus, str] | None = None


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that has not ended, and how its pipeline run stands (None: it has none, or that was removed)."""

    run: TriggerRun
    run_status: RunStatus | None


def insert(tx: Transaction, run: TriggerRun) -> bool:
    """Write a trigger run; return False if its trigger has one with this key already."""
    return insert_all(tx, [run]) == 1


def insert_all(tx: Transaction, made: Sequence[TriggerRun]) -> int:
    """Write trigger runs but for those that are there already, by trigger and key; return how many were written."""
    if not made:
        return 0
    statement = upsert(tx, table).values([_values(run) for run in made])
    done = tx.execute(statement.on_conflict_do_nothing(index_elements=["scope", "trigger_id", "key"]))
    return int(done.rowcount)


def get(tx: Transaction, scope: str, run_id: str) -> TriggerRun | None:
    """Return the trigger run, or None. A transaction that writes holds it until its end."""
    statement = sa.select(table).where(table.c.scope == scope, table.c.id == run_id)
    row = tx.first(statement.with_for_update() if tx.writable else statement)
    return None if row is None else run_of(row)


def move(
    tx: Transaction,
    run: TriggerRun,
    to: TriggerRunStatus,
    now: Instant,
    **changes: Any,
) -> bool:
    """Move a trigger run to a status, if it still has the one that it has in ``run``; say whether it had. ``changes``: fields of ``TriggerRun``.

    Raises:
        Problem: ``ILLEGAL_STATE``: no such move in the table.
    """
    values: dict[str, Any] = {"updated_at": now, "ended_at": now if to.is_final else None, **_changed(changes)}
    key = {"id": run.id, "attempt": run.attempt}
    return tx.execute(change(table, key, {run.status}, to, values)).rowcount == 1


def note(tx: Transaction, run: TriggerRun, now: Instant, **changes: Any) -> None:
    """Write down fields of a trigger run whose status stays as it is."""
    where = (table.c.id == run.id, table.c.status == run.status.value)
    tx.execute(sa.update(table).where(*where).values(updated_at=now, **_changed(changes)))


def open_windows(tx: Transaction, trigger_id: str) -> list[OpenWindow]:
    """Return the windows of a trigger that have not ended, oldest first."""
    joined = sa.outerjoin(table, runs, runs.c.id == table.c.run_id)
    statement = sa.select(table, runs.c.status.label("run_status")).select_from(joined)
    rows = tx.rows(statement.where(table.c.trigger_id == trigger_id, _OPEN).order_by(table.c.window_start, table.c.id))
    return [
        OpenWindow(run_of(row), None if row["run_status"] is None else RunStatus(row["run_status"])) for row in rows
    ]


def ended_below(tx: Transaction, limit: int) -> list[str]:
    """Return the ids of triggers with windows whose pipeline run has ended, or is not there any more, and that do not wait for another try."""
    joined = sa.outerjoin(table, runs, runs.c.id == table.c.run_id)
    is_over = sa.or_(runs.c.status.is_(None), runs.c.status.in_(_RUN_ENDED))
    statement = sa.select(table.c.trigger_id).select_from(joined).where(_RUNNING, table.c.try_at.is_(None), is_over)
    return [row["trigger_id"] for row in tx.rows(statement.distinct().limit(limit))]


def any_running(tx: Transaction) -> bool:
    """Say whether some window goes on."""
    # The bound lets databases take the index of what is running: every window that runs has a pipeline run.
    return tx.scalar(sa.select(table.c.id).where(_RUNNING, table.c.run_id > "").limit(1)) is not None


def statuses_between(
    tx: Transaction, trigger_id: str, first: Instant, last: Instant
) -> dict[Instant, TriggerRunStatus]:
    """Return the statuses of a trigger's windows that start from ``first`` to ``last``, by their starts."""
    its = table.c
    statement = sa.select(its.window_start, its.status).where(
        its.trigger_id == trigger_id,
        its.window_start.is_not(None),
        its.window_start >= first,
        its.window_start <= last,
    )
    return {row["window_start"]: TriggerRunStatus(row["status"]) for row in tx.rows(statement)}


def count(tx: Transaction, scope: str) -> int:
    """Return how many trigger runs the scope has."""
    return int(tx.scalar(sa.select(sa.func.count()).select_from(table).where(table.c.scope == scope)))


def page(
    tx: Transaction, query: TriggerRunQuery, limit: int, position: Position | None = None
) -> tuple[list[TriggerRun], Position | None]:
    """Return at most ``limit`` trigger runs behind ``position``, and the position for the next page (None: there is none).

    Raises:
        Problem: ``INVALID``: the position belongs to another order.
    """
    if position is not None:
        after(_keys(query, query.order), position)
    find = _found if query.order[0].field == "created_at" else _in_groups
    found = find(tx, query, limit + 1, position)
    return [run for run, _ in found[:limit]], found[limit - 1][1] if len(found) > limit else None


def _in_groups(
    tx: Transaction, query: TriggerRunQuery, limit: int, position: Position | None
) -> list[tuple[TriggerRun, Position]]:
    """Return runs as ``_found`` does, those of one status or one trigger after the other: so an index has each of them in the order of the rest."""
    found: list[tuple[TriggerRun, Position]] = []
    for value, shown in _groups(tx, query, position):
        group = replace(query, among=(*query.among, Among(query.order[0].field, frozenset({value}))))
        behind = position[1:] if position is not None and position[0] == shown else None
        part = _found(tx, group, limit - len(found), behind, query.order[1:])
        found += [(run, (shown, *its)) for run, its in part]
        if len(found) == limit:
            break
    return found


def _groups(tx: Transaction, query: TriggerRunQuery, position: Position | None) -> Iterator[tuple[str, str]]:
    """Yield the statuses or triggers that runs may have, from that of ``position`` on, each with what it is ordered by."""
    descending, begin = query.order[0].descending, None if position is None else str(position[0])
    if query.order[0].field == "status":
        words = {status.value: (query.status_words or {}).get(status, status.value) for status in TriggerRunStatus}
        for status, word in sorted(words.items(), key=lambda each: each[1], reverse=descending):
            if begin is None or word == begin or (word < begin) is descending:
                yield status, word
        return
    its, nearest = table.c.trigger_key, sa.func.max if descending else sa.func.min
    beyond, name = (its.__lt__ if descending else its.__gt__), begin
    if begin is not None:
        yield begin, begin
    while True:
        where = [table.c.scope == query.scope, *([] if name is None else [beyond(name)])]
        name = tx.scalar(sa.select(nearest(its)).where(*where))
        if name is None:
            return
        yield name, name


def _found(
    tx: Transaction, query: TriggerRunQuery, limit: int, position: Position | None, order: tuple[By, ...] | None = None
) -> list[tuple[TriggerRun, Position]]:
    """Return at most ``limit`` runs behind ``position`` in an order (None: that of the query), each with its own position."""
    keys = _keys(query, query.order if order is None else order)
    moments = [one.values for one in query.among if one.field == "created_at" and not one.negated]
    # Databases that know only that it is one of these moments look through all of them.
    since = max([query.since, *(min(each) for each in moments)])
    until = min([query.until, *(max(each) for each in moments)])
    where = [table.c.scope == query.scope, table.c.created_at >= since, table.c.created_at <= until]
    for one in query.among:
        among = table.c[one.field].in_(sorted(one.values))
        where.append(sa.not_(among) if one.negated else among)
    if position is not None:
        where.append(after(keys, position))
    shown = [key.column.label(f"key_{number}") for number, key in enumerate(keys)]
    statement = sa.select(table, *shown).where(*where).order_by(*(key.ordering for key in keys)).limit(limit)
    rows = tx.rows(statement)
    return [(run_of(row), tuple(row[f"key_{number}"] for number in range(len(keys)))) for row in rows]


def expired(tx: Transaction, before: Instant, limit: int) -> list[TriggerRun]:
    """Return trigger runs that ended before ``before``, oldest first."""
    old = sa.select(table).where(table.c.ended_at.is_not(None), table.c.ended_at < before)
    return [run_of(row) for row in tx.rows(old.order_by(table.c.ended_at, table.c.id).limit(limit))]


def delete(tx: Transaction, run_ids: Collection[str]) -> int:
    """Remove ended trigger runs; return how many."""
    return int(tx.execute(sa.delete(table).where(table.c.id.in_(run_ids), table.c.ended_at.is_not(None))).rowcount)


def delete_of_scope(tx: Transaction, scope: str) -> None:
    """Remove every trigger run of a scope."""
    tx.execute(sa.delete(table).where(table.c.scope == scope))


def run_of(row: Mapping[str, Any]) -> TriggerRun:
    """Return the trigger run that a row of the ledger is."""
    plain = {name: row[name] for name in _PLAIN}
    return TriggerRun(**plain, message=row["message"], values=row["given"], status=TriggerRunStatus(row["status"]))


def _values(run: TriggerRun) -> dict[str, Any]:
    plain = {name: getattr(run, name) for name in _PLAIN}
    texts = {"message": _kept(run.message), "trigger_key": run.trigger_name.lower()}
    return {**plain, **texts, "given": run.values, "status": run.status.value}


def _changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(changes) - _CHANGES
    if unknown:
        message = f"a trigger run's {', '.join(sorted(unknown))} cannot be changed"
        raise TypeError(message)
    values = {("given" if name == "values" else name): value for name, value in changes.items()}
    return {**values, "message": _kept(values["message"])} if "message" in values else values


def _kept(text: str) -> str:
    """Return a message without characters that databases cannot keep: values of users stand in it."""
    return text if is_storable(text) else "".join(each if is_storable(each) else "\ufffd" for each in text)


def _keys(query: TriggerRunQuery, order: tuple[By, ...]) -> list[Key]:
    """Return what runs are ordered by; the last of it, their age and their id, in the direction of what is before them."""
    words = {status.value: word for status, word in (query.status_words or {}).items()}
    columns: Mapping[str, sa.ColumnElement[Any]] = {
        "created_at": table.c.created_at,
        "trigger_key": table.c.trigger_key,
        "status": sa.case(words, value=table.c.status, else_="") if words else table.c.status,
    }
    descending = (order or query.order)[-1].descending
    asked = [Key(columns[by.field], by.descending) for by in order]
    # As the indexes have it. Ids tell the age as well.
    age = [] if any(by.field == "created_at" for by in order) else [Key(table.c.created_at, descending)]
    return [*asked, *age, Key(table.c.id, descending)]
