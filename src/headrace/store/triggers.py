"""Triggers: one row for each that was started or changed, with how far it has come and when it is to be looked at next.

Who looks at a trigger holds its row until the end of the transaction that makes runs, and moves it by compare-and-set: of any number of processes
one makes an occurrence's runs, and a process that dies in between has made none.
"""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.trigger import Trigger, TriggerKind, TriggerState
from headrace.store.database import Transaction
from headrace.store.trigger_tables import triggers as table

_BY_ID = sa.select(table).where(table.c.id == sa.bindparam("its_id"))
_HOLD = _BY_ID.with_for_update(skip_locked=True)
# Written out, as the indexes have it: of a bound value SQLite cannot see that it fits.
_STARTED = table.c.state == sa.literal_column("'started'", sa.Text)
_PLAIN = ("id", "scope", "name", "type", "definition", "cursor", "next_at", "removed_until", "blocked", "revision")


def put(tx: Transaction, trigger: Trigger, now: Instant) -> None:
    """Write a trigger, new or in the place of the one with its scope and name. The caller keeps others from it."""
    tx.execute(sa.delete(table).where(table.c.scope == trigger.scope, table.c.key == _key(trigger.name)))
    values = {name: getattr(trigger, name) for name in _PLAIN}
    values |= {"key": _key(trigger.name), "kind": trigger.kind.value, "state": trigger.state.value}
    tx.execute(sa.insert(table).values(**values, created_at=now, updated_at=now))


def find(tx: Transaction, scope: str, name: str) -> Trigger | None:
    """Return the trigger with this name, in any case, or None. A transaction that writes holds it until its end."""
    statement = sa.select(table).where(table.c.scope == scope, table.c.key == _key(name))
    row = tx.first(statement.with_for_update() if tx.writable else statement)
    return None if row is None else trigger_of(row)


def named(tx: Transaction, scope: str, names: Collection[str]) -> dict[str, Trigger]:
    """Return those of the triggers that there are, by their names in lower case; nobody is kept from them."""
    keys = sorted({_key(name) for name in names})
    rows = tx.rows(sa.select(table).where(table.c.scope == scope, table.c.key.in_(keys)))
    return {row["key"]: trigger_of(row) for row in rows}


def get(tx: Transaction, trigger_id: str) -> Trigger | None:
    """Return the trigger, or None."""
    row = tx.first(_BY_ID, {"its_id": trigger_id})
    return None if row is None else trigger_of(row)


def hold(tx: Transaction, trigger_id: str) -> Trigger | None:
    """Return the trigger and keep it from others until the end of the transaction; None: it is gone, or another process has it in hand."""
    row = tx.first(_HOLD, {"its_id": trigger_id})
    return None if row is None else trigger_of(row)


def due(
    tx: Transaction, now: Instant, limit: int, kinds: Collection[TriggerKind], latest: Instant | None = None
) -> list[Trigger]:
    """Return started triggers of these kinds that are to be looked at, the longest due first.

    ``latest``: nobody says of them that they are due later than this, so whoever did had another clock.
    """
    is_due = table.c.next_at <= now
    if latest is not None:
        is_due = sa.or_(is_due, table.c.next_at > latest)
    where = (_STARTED, table.c.next_at.is_not(None), is_due, table.c.kind.in_(kinds))
    return [
        trigger_of(row)
        for row in tx.rows(sa.select(table).where(*where).order_by(table.c.next_at, table.c.id).limit(limit))
    ]


def next_due(tx: Transaction, after: Instant, kinds: Collection[TriggerKind]) -> Instant | None:
    """Return the first moment after ``after`` at which some trigger of these kinds is to be looked at, or None."""
    where = (_STARTED, table.c.next_at > after, table.c.kind.in_(kinds))
    found = tx.scalar(sa.select(sa.func.min(table.c.next_at)).where(*where))
    return None if found is None else Instant(int(found))


def started(tx: Transaction, kind: TriggerKind, scope: str | None = None) -> list[Trigger]:
    """Return every started trigger of a kind, of one scope or of all."""
    where = [_STARTED, table.c.kind == kind.value]
    if scope is not None:
        where.append(table.c.scope == scope)
    return [trigger_of(row) for row in tx.rows(sa.select(table).where(*where).order_by(table.c.id))]


def advance(
    tx: Transaction,
    seen: Trigger,
    now: Instant,
    *,
    next_at: Instant | None,
    cursor: Mapping[str, Json] | None = None,
    blocked: bool = False,
) -> bool:
    """Say when ``seen`` is to be looked at next, and how far it has come (None: as before); return False if it is not as it was seen any more."""
    values: dict[str, Any] = {"next_at": next_at, "blocked": blocked}
    values["cursor"] = dict(seen.cursor if cursor is None else cursor)
    where = (table.c.id == seen.id, table.c.revision == seen.revision, _STARTED)
    changed = sa.update(table).where(*where).values(**values, revision=seen.revision + 1, updated_at=now)
    return tx.execute(changed).rowcount == 1


def renew(tx: Transaction, trigger_id: str, revision: int, next_at: Instant) -> None:
    """Let a trigger be looked at later, if it is as it was seen; it stays the same for those who have it in hand."""
    its = (table.c.id == trigger_id, table.c.revision == revision, _STARTED)
    tx.execute(sa.update(table).where(*its).values(next_at=next_at))


def set_state(
    tx: Transaction,
    trigger: Trigger,
    state: TriggerState,
    next_at: Instant | None,
    now: Instant,
    cursor: Mapping[str, Json] | None = None,
) -> None:
    """Start or stop a trigger that the caller holds; ``cursor``: from where on it goes (None: from where it was)."""
    values: dict[str, Any] = {"state": state.value, "next_at": next_at, "revision": table.c.revision + 1}
    values |= {"updated_at": now, "cursor": dict(trigger.cursor if cursor is None else cursor)}
    tx.execute(sa.update(table).where(table.c.id == trigger.id).values(**values))


def wake(tx: Transaction, trigger_id: str, at: Instant) -> None:
    """Let a started trigger be looked at by ``at``; one that another process has in hand is left alone."""
    waits = sa.select(table.c.id).where(table.c.id == trigger_id, _STARTED)
    tx.execute(_earlier(waits.with_for_update(skip_locked=True), at))


def wake_blocked(tx: Transaction, scope: str, at: Instant) -> None:
    """Let every trigger of the scope be looked at whose windows wait for others; one that another process has in hand looks again by itself."""
    waits = sa.select(table.c.id).where(table.c.scope == scope, table.c.blocked, _STARTED)
    tx.execute(_earlier(waits.order_by(table.c.id).with_for_update(skip_locked=True), at))


def note_removed(tx: Transaction, trigger_id: str, until: Instant) -> None:
    """Write down that windows which ended by ``until`` may have been removed."""
    later = sa.or_(table.c.removed_until.is_(None), table.c.removed_until < until)
    tx.execute(sa.update(table).where(table.c.id == trigger_id, later).values(removed_until=until))


def remove(tx: Transaction, scope: str, name: str) -> None:
    """Remove the trigger, if it is there; its trigger runs stay."""
    tx.execute(sa.delete(table).where(table.c.scope == scope, table.c.key == _key(name)))


def of_scope(tx: Transaction, scope: str, limit: int) -> list[Trigger]:
    """Return triggers of the scope, held until the end of the transaction."""
    statement = sa.select(table).where(table.c.scope == scope).order_by(table.c.id).limit(limit).with_for_update()
    return [trigger_of(row) for row in tx.rows(statement)]


def _earlier(ids: sa.Select[tuple[str]], at: Instant) -> sa.Update:
    later = sa.or_(table.c.next_at.is_(None), table.c.next_at > at)
    return sa.update(table).where(table.c.id.in_(ids), later).values(next_at=at)


def _key(name: str) -> str:
    return name.lower()


def trigger_of(row: Mapping[str, Any]) -> Trigger:
    """Return the trigger that ``row`` holds."""
    kind, state = TriggerKind(row["kind"]), TriggerState(row["state"])
    return Trigger(**{name: row[name] for name in _PLAIN}, kind=kind, state=state)
