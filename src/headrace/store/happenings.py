"""Happenings: the outbox of what listeners are told, and its order.

A row is written in the transaction of the change that it tells of, and has no number then. ``number_them`` gives numbers, environment by
environment, while it holds the environment's counter: what was committed when it looks comes into the order, what is committed later comes behind it,
so a number that can be seen never has one before it that cannot be seen yet.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.happening import Happening
from headrace.store.database import Transaction
from headrace.store.job_tables import happening_counters as counters
from headrace.store.job_tables import happenings as table
from headrace.store.upserts import upsert

ORIGIN = 10_000_000_000_000_000
"""What stands before the first number: listeners read numbers as time tokens, which have 17 digits and are never 0."""

MAX_BYTES = 8 << 20
"""Of the happenings that one look takes along."""
BEYOND = 1 << 62
"""Above every number."""

_INSERT = sa.insert(table)
_BODY = ("data_url", "callback_url", "target", "origin", "attributes", "run_id")
"""What the document of a row has beside context, payload and namespaces, where it is not None."""
_AROUND = 1000
"""How many of the oldest rows since a moment are looked at for the lowest number; by more than that no two rows change places."""


@dataclass(frozen=True, slots=True)
class Unnumbered:
    """A row without a number, as far as its release goes."""

    written: int
    request: str
    created_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class HappeningQuery:
    """Which happenings of a scope are wanted; None: any. ``since`` is inclusive. ``open_only``: only what nobody has acknowledged."""

    scope: str
    space_id: str | None = None
    domain: str | None = None
    topic: str | None = None
    since: Instant | None = None
    open_only: bool = True


def insert(tx: Transaction, happening: Happening, request: str) -> None:
    """Keep ``happening``, which has no number yet. It is held until ``request`` has been answered (empty: there is none to wait for)."""
    tx.execute(_INSERT, _values(happening, request))


def insert_all(tx: Transaction, happenings: Sequence[Happening], request: str) -> None:
    """Keep happenings in their order, as ``insert`` keeps one."""
    if happenings:
        tx.execute(_INSERT, [_values(happening, request) for happening in happenings])


def scopes_with_unnumbered(tx: Transaction) -> list[str]:
    """Return the scopes that have rows without a number."""
    rows = tx.rows(sa.select(table.c.scope).where(table.c.number.is_(None)).distinct().order_by(table.c.scope))
    return [row["scope"] for row in rows]


def unnumbered(tx: Transaction, scope: str, after: int, limit: int) -> list[Unnumbered]:
    """Return rows of ``scope`` without a number in the order of writing, from behind ``after`` on."""
    statement = (
        sa.select(table.c.written, table.c.request, table.c.created_at)
        .where(table.c.scope == scope, table.c.number.is_(None), table.c.written > after)
        .order_by(table.c.written)
        .limit(limit)
    )
    return [Unnumbered(row["written"], row["request"], row["created_at"]) for row in tx.rows(statement)]


def hold_counter(tx: Transaction, scope: str) -> int:
    """Return the newest number of ``scope``; nobody else gives numbers there until the end of this transaction."""
    tx.execute(upsert(tx, counters).values(scope=scope, number=ORIGIN).on_conflict_do_nothing())
    return int(tx.scalar(sa.select(counters.c.number).where(counters.c.scope == scope).with_for_update()))


def number_them(tx: Transaction, scope: str, newest: int, written: Sequence[int]) -> int:
    """Give the rows ``written`` the numbers behind ``newest``, in this order; return the new newest number. The counter is held by the caller."""
    statement = sa.update(table).where(table.c.written == sa.bindparam("row")).values(number=sa.bindparam("its_number"))
    tx.execute(statement, [{"row": row, "its_number": newest + n} for n, row in enumerate(written, start=1)])
    newest += len(written)
    tx.execute(sa.update(counters).where(counters.c.scope == scope).values(number=newest))
    return newest


def release(tx: Transaction, written: Sequence[int]) -> None:
    """Note of rows that the request which has caused them was answered: any process may give them a number."""
    statement = sa.update(table).where(table.c.written == sa.bindparam("row"), table.c.number.is_(None))
    tx.execute(statement.values(request=""), [{"row": row} for row in written])


def newest_numbers(tx: Transaction, scopes: Collection[str]) -> dict[str, int]:
    """Return the newest number of each of ``scopes``."""
    statement = sa.select(counters.c.scope, counters.c.number).where(counters.c.scope.in_(list(scopes)))
    found = {row["scope"]: int(row["number"]) for row in tx.rows(statement)} if scopes else {}
    return {scope: found.get(scope, ORIGIN) for scope in scopes}


def after(tx: Transaction, scope: str, number: int, spaces: Collection[str] | None, limit: int) -> list[Happening]:
    """Return what follows ``number`` in the order of ``scope``, at most ``limit``: of these spaces only, or (None) all.

    They are fewer when they are large: at least one, but no more than ``MAX_BYTES``.
    """
    conditions = [table.c.scope == scope, table.c.number > number]
    if spaces is not None:
        conditions.append(table.c.space_id.in_(sorted(spaces)))
    sizes = sa.select(table.c.number, sa.func.length(table.c.body).label("size")).where(*conditions)
    last, total = number, 0
    for row in tx.rows(sizes.order_by(table.c.number).limit(limit)):
        total += row["size"]
        if total > MAX_BYTES and last > number:
            break
        last = row["number"]
    if last == number:
        return []
    statement = sa.select(table).where(*conditions, table.c.number <= last)
    return [_happening(row) for row in tx.rows(statement.order_by(table.c.number))]


def page(tx: Transaction, query: HappeningQuery, limit: int, offset: int) -> list[Happening]:
    """Return what ``query`` selects of what has a number, oldest first."""
    conditions = [table.c.scope == query.scope, table.c.number.is_not(None)]
    if query.since is not None:
        conditions += [table.c.number >= _lowest_since(tx, query.scope, query.since), table.c.created_at >= query.since]
    for name in ("space_id", "domain", "topic"):
        value = getattr(query, name)
        if value is not None:
            conditions.append(table.c[name] == value)
    if query.open_only:
        conditions.append(table.c.acknowledged_at.is_(None))
    statement = sa.select(table).where(*conditions).order_by(table.c.number).limit(limit).offset(offset)
    return [_happening(row) for row in tx.rows(statement)]


def find(tx: Transaction, scope: str, happening_id: str) -> Happening | None:
    """Return a happening whether it has been handed out or not: what was just written, and what a selection refers to."""
    row = tx.first(sa.select(table).where(table.c.id == happening_id, table.c.scope == scope))
    return None if row is None else _happening(row)


def acknowledge(tx: Transaction, happening_id: str, actor_id: str, now: Instant) -> None:
    """Note who has acknowledged it, unless somebody had."""
    statement = sa.update(table).where(table.c.id == happening_id, table.c.acknowledged_at.is_(None))
    tx.execute(statement.values(acknowledged_at=now, acknowledged_by=actor_id))


def delete_old(tx: Transaction, before: Instant, limit: int) -> int:
    """Remove those of the ``limit`` rows that were written first which were made before ``before``; return how many."""
    oldest = sa.select(table.c.written).order_by(table.c.written).limit(limit)
    return tx.execute(sa.delete(table).where(table.c.written.in_(oldest), table.c.created_at < before)).rowcount


def _lowest_since(tx: Transaction, scope: str, since: Instant) -> int:
    """Return a number that nothing which was made since then is below. It bounds the walk in the order of numbers, which is what pages have."""
    first = (
        sa.select(table.c.number)
        .where(table.c.scope == scope, table.c.created_at >= since, table.c.number.is_not(None))
        .order_by(table.c.created_at, table.c.written)
        .limit(_AROUND)
        .subquery()
    )
    lowest = tx.scalar(sa.select(sa.func.min(first.c.number)))
    return BEYOND if lowest is None else int(lowest)


def _values(happening: Happening, request: str) -> dict[str, Any]:
    body: dict[str, Json] = {"context": happening.context, "payload": happening.payload}
    if happening.namespaces:
        body["namespaces"] = list(happening.namespaces)
    body |= {name: getattr(happening, name) for name in _BODY if getattr(happening, name) is not None}
    return {
        "id": happening.id,
        "scope": happening.scope,
        "number": None,
        "domain": happening.domain,
        "topic": happening.topic,
        "space_id": happening.space_id,
        "job_id": happening.job_id,
        "body": body,
        "actor_id": happening.actor_id,
        "request": request,
        "created_at": happening.created_at,
        "acknowledged_at": None,
        "acknowledged_by": None,
    }


def _happening(row: Mapping[str, Any]) -> Happening:
    body = row["body"]
    return Happening(
        id=row["id"],
        scope=row["scope"],
        domain=row["domain"],
        topic=row["topic"],
        context=body["context"],
        payload=body["payload"],
        created_at=Instant(row["created_at"]),
        actor_id=row["actor_id"],
        number=row["number"],
        space_id=row["space_id"],
        job_id=row["job_id"],
        namespaces=tuple(body.get("namespaces", ())),
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        **{name: body.get(name) for name in _BODY},
    )
