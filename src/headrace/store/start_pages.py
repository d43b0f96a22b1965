"""What starts flows by itself, over many scopes: schedules and triggers, in the order in which they are due."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.query import Cursor, Page, check_limit
from headrace.core.run import RunStatus
from headrace.core.trigger import Trigger, TriggerRun
from headrace.store.database import Transaction
from headrace.store.keysets import Key, after
from headrace.store.schedules import Scheduled, scheduled_of
from headrace.store.scopes import within
from headrace.store.tables import runs, schedules
from headrace.store.trigger_runs import run_of
from headrace.store.trigger_tables import trigger_runs, triggers
from headrace.store.triggers import trigger_of

NEVER = 1 << 62
"""Orders what is not due behind everything that is."""
_NEWEST_RUN = (
    sa.select(trigger_runs)
    .where(trigger_runs.c.scope == sa.bindparam("its_scope"), trigger_runs.c.trigger_key == sa.bindparam("its_key"))
    .order_by(trigger_runs.c.created_at.desc(), trigger_runs.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Start:
    """A schedule of a flow, or a trigger."""

    of: Scheduled | Trigger

    @property
    def id(self) -> str:
        """Return what it is asked for by: a schedule has the id of its flow."""
        return self.of.flow_id if isinstance(self.of, Scheduled) else self.of.id


@dataclass(frozen=True, slots=True)
class MadeRun:
    """The newest run that a schedule made. ``problem``: why it failed, if it has not even begun."""

    id: str
    problem: str


def page(tx: Transaction, patterns: Collection[str] | None, limit: int, cursor: Cursor | None = None) -> Page[Start]:
    """Return what starts flows in scopes of ``patterns`` (None: in every one), the next due first, then what is not due; after ``cursor``.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    check_limit(limit)
    found: list[tuple[tuple[int, str, str], Start]] = []
    for table, identity, state, read in (
        (schedules, schedules.c.flow_id, "enabled", scheduled_of),
        (triggers, triggers.c.id, "started", trigger_of),
    ):
        is_due = sa.and_(table.c.state == state, table.c.next_at.is_not(None))
        due = sa.type_coerce(sa.case((is_due, table.c.next_at), else_=NEVER), sa.BigInteger)
        keys = [Key(due), Key(table.c.scope), Key(identity)]
        where: list[sa.ColumnElement[Any]] = [] if patterns is None else [within(table.c.scope, patterns)]
        if cursor is not None:
            where.append(after(keys, cursor.position))
        statement = sa.select(table, due.label("due")).where(*where).order_by(*(key.ordering for key in keys))
        for row in tx.rows(statement.limit(limit + 1)):
            start = Start(read(row))
            found.append(((row["due"], row["scope"], start.id), start))
    found.sort(key=lambda one: one[0])
    following = Cursor(found[limit - 1][0]) if len(found) > limit else None
    return Page(tuple(start for _, start in found[:limit]), following)


def schedules_of(tx: Transaction, flows: Collection[tuple[str, str]]) -> dict[tuple[str, str], Scheduled]:
    """Return the schedules of those of the flows (scope and id) that have one."""
    ids, paths = {flow_id for _, flow_id in flows}, {scope for scope, _ in flows}
    statement = sa.select(schedules).where(schedules.c.scope.in_(sorted(paths)), schedules.c.flow_id.in_(sorted(ids)))
    found = {(row["scope"], row["flow_id"]): scheduled_of(row) for row in tx.rows(statement)}
    return {key: one for key, one in found.items() if key in flows}


def made_runs(tx: Transaction, run_ids: Collection[str]) -> dict[str, MadeRun]:
    """Return those of the runs that are there still, by id."""
    columns = (runs.c.id, runs.c.status, runs.c.started_at, runs.c.reason)
    found = {}
    for row in tx.rows(sa.select(*columns).where(runs.c.id.in_(run_ids))):
        never_began = row["status"] == RunStatus.FAILED.value and row["started_at"] is None
        reason = row["reason"] if never_began else None
        found[row["id"]] = MadeRun(row["id"], str(reason["message"]) if reason else "")
    return found


def newest_runs(tx: Transaction, of: Iterable[Trigger]) -> dict[str, TriggerRun]:
    """Return the newest trigger run of each trigger that has one, by the trigger's id; each is one seek in an index."""
    found = {}
    for trigger in of:
        row = tx.first(_NEWEST_RUN, {"its_scope": trigger.scope, "its_key": trigger.name.lower()})
        if row is not None and row["trigger_id"] == trigger.id:
            found[trigger.id] = run_of(row)
    return found


def next_at_of(start: Start) -> Instant | None:
    """Return when a schedule that is not paused is due next, or when a started trigger is looked at next."""
    of = start.of
    if isinstance(of, Scheduled):
        return of.next_at if of.enabled else None
    return of.next_at if of.is_started else None
