"""Flows: what can be run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import encode
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow, Plan
from headrace.core.query import Cursor, Filter, Order, Page
from headrace.store import settings
from headrace.store.columns import dump, searchable
from headrace.store.database import Transaction
from headrace.store.filters import Fields, compile_filter
from headrace.store.paging import column_of, from_position
from headrace.store.run_rows import plan_of
from headrace.store.scopes import within
from headrace.store.tables import flows as table
from headrace.store.tables import settings as facts
from headrace.store.upserts import upsert

NEWEST_FIRST = Order("created_at", descending=True)
"""The order of lists of flows unless a caller asks for another."""

_NO_PLAN = Plan(())
_BOUND = "flows.bound."
"""What the keys begin with under which the ledger remembers bounds of flows."""

_CONCURRENCY = sa.select(table.c.concurrency).where(
    table.c.id == sa.bindparam("its_id"), table.c.scope == sa.bindparam("its_scope")
)
_ORDERS = {"created_at": table.c.created_at, "updated_at": table.c.updated_at, "name": table.c.name}
FIELDS = Fields(
    columns={name: table.c[name] for name in ("id", "scope", "name", "revision", "created_at", "updated_at")},
    documents={"labels": table.c.labels, "parameters": table.c.parameters},
)
"""What a filter on flows may name."""


@dataclass(frozen=True, slots=True)
class FlowTimes:
    """When a flow was made, and when it was changed last."""

    created_at: Instant
    updated_at: Instant


def put(tx: Transaction, flow: Flow, now: Instant, expected: int | None = None) -> Flow:
    """Write a flow, new or in the place of the one with its id; return it with its revision. One that changes nothing keeps the revision.

    ``expected`` is the revision that the caller has seen (0: there must be none yet); None: whatever it is.

    Raises:
        Problem: ``STALE``: the flow has another revision by now; ``CONFLICT``: the id belongs to a flow of another scope.
    """
    row = tx.first(sa.select(table).where(table.c.id == flow.id).with_for_update())
    if row is not None and row["scope"] != flow.scope:
        raise Problem(Code.CONFLICT, f"the id {flow.id!r} is taken")
    revision = 0 if row is None else row["revision"]
    if expected is not None and expected != revision:
        raise _stale(flow.id, expected, revision)
    content = _content(flow)
    if row is not None and all(row[name] == value for name, value in content.items()):
        return replace(flow, revision=revision)
    fresh = {"id": flow.id, "scope": flow.scope, "created_at": now}
    changed = {**content, "revision": revision + 1, "updated_at": now}
    statement = upsert(tx, table).values({**fresh, **changed})
    # Compared once more: without a row there was nothing to lock.
    statement = statement.on_conflict_do_update(
        index_elements=["id"], set_=changed, where=sa.and_(table.c.revision == revision, table.c.scope == flow.scope)
    )
    if tx.execute(statement).rowcount == 0:
        raise _stale(flow.id, revision, revision + 1)
    if flow.concurrency is not None:
        settings.put_once(tx, f"{_BOUND}{flow.concurrency}", value=True, now=now)
    return replace(flow, revision=revision + 1)


def get(tx: Transaction, scope: str | None, flow_id: str) -> Flow:
    """Return the flow; with ``scope`` None, whichever it is in.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    statement = sa.select(table).where(table.c.id == flow_id)
    row = tx.first(statement if scope is None else statement.where(table.c.scope == scope))
    if row is None:
        raise Problem(Code.NOT_FOUND, f"there is no flow {flow_id!r}")
    return flow_of(row)


def is_at(tx: Transaction, flow: Flow) -> bool:
    """Say whether ``flow`` is there still, in the revision that it has."""
    mine = (table.c.id == flow.id, table.c.scope == flow.scope, table.c.revision == flow.revision)
    return tx.scalar(sa.select(table.c.id).where(*mine)) is not None


def times(tx: Transaction, scope: str, flow_id: str) -> FlowTimes:
    """Return when the flow was made and changed.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    columns = sa.select(table.c.created_at, table.c.updated_at)
    row = tx.first(columns.where(table.c.id == flow_id, table.c.scope == scope))
    if row is None:
        raise Problem(Code.NOT_FOUND, f"there is no flow {flow_id!r}")
    return FlowTimes(row["created_at"], row["updated_at"])


def concurrency(tx: Transaction, scope: str, flow_id: str) -> int | None:
    """Return how many runs of the flow may go on at once; None: no bound, or no such flow."""
    bound = tx.scalar(_CONCURRENCY, {"its_id": flow_id, "its_scope": scope})
    return None if bound is None else int(bound)


def concurrencies(tx: Transaction) -> list[int]:
    """Return every bound that a flow has or had, in order: runs may still be queued under one that was changed since."""
    keys = tx.rows(sa.select(facts.c.key).where(facts.c.key >= _BOUND, facts.c.key < _BOUND + "\x7f"))
    return sorted(int(row["key"].removeprefix(_BOUND)) for row in keys)


def by_name(tx: Transaction, scope: str, name: str) -> Flow | None:
    """Return the newest flow of that name in the scope, or None."""
    statement = sa.select(table).where(table.c.scope == scope, table.c.name == name)
    row = tx.first(statement.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(1))
    return None if row is None else flow_of(row)


def delete(tx: Transaction, scope: str, flow_id: str, expected: int | None = None) -> None:
    """Remove the flow; its runs stay.

    Raises:
        Problem: ``NOT_FOUND``; ``STALE``: it has another revision than ``expected``.
    """
    current = get(tx, scope, flow_id)
    if expected is not None and current.revision != expected:
        raise _stale(flow_id, expected, current.revision)
    condition = (table.c.id == flow_id, table.c.revision == current.revision)
    if tx.execute(sa.delete(table).where(*condition)).rowcount == 0:
        raise _stale(flow_id, current.revision, current.revision + 1)


def named(
    tx: Transaction, patterns: tuple[str, ...] | None, text: str, limit: int = 200
) -> tuple[tuple[str, str], ...]:
    """Return scope and id of the flows in these scopes (None: all) that ``text`` names by id or name, the newest first, at most ``limit``."""
    reached = [] if patterns is None else [within(table.c.scope, patterns)]
    statement = sa.select(table.c.scope, table.c.id).where(sa.or_(table.c.id == text, table.c.name == text), *reached)
    rows = tx.rows(statement.order_by(table.c.created_at.desc(), table.c.id).limit(limit))
    return tuple((row["scope"], row["id"]) for row in rows)


def page(  # noqa: PLR0913 — what a list is asked for, and what of it is read
    tx: Transaction,
    scope: str | None,
    order: Order = NEWEST_FIRST,
    limit: int = 50,
    cursor: Cursor | None = None,
    *,
    filter: Filter | None = None,  # noqa: A002 — the word of the query language
    plans: bool = True,
) -> Page[Flow]:
    """Return flows of the scope (None: of every one) in ``order`` (``created_at``, ``updated_at`` or ``name``), after ``cursor``.

    With ``plans`` False they come with empty plans: reading those is most of the work of a long list.

    Raises:
        Problem: ``INVALID``: the order, limit, cursor, or a path of the filter.
    """
    column = column_of(order, _ORDERS)
    columns = [column for column in table.c if plans or column.name != "plan"]
    statement = sa.select(*columns).where(*_conditions(scope, filter, tx.dialect))
    rows = tx.rows(from_position(statement, (column, table.c.id), order, cursor, limit))
    position = (rows[limit - 1][order.path], rows[limit - 1]["id"]) if len(rows) > limit else None
    return Page(tuple(flow_of(row) for row in rows[:limit]), None if position is None else Cursor(position))


def count(tx: Transaction, scope: str | None, filter: Filter | None = None) -> int:  # noqa: A002 — as above
    """Return how many flows the scope has that ``filter`` takes.

    Raises:
        Problem: ``INVALID``: a path of the filter.
    """
    counted = sa.select(sa.func.count()).select_from(table)
    return int(tx.scalar(counted.where(*_conditions(scope, filter, tx.dialect))))


def _conditions(scope: str | None, where: Filter | None, dialect: str) -> Iterator[sa.ColumnElement[bool]]:
    if scope is not None:
        yield table.c.scope == scope
    if where is not None:
        yield compile_filter(where, FIELDS, dialect)


def _content(flow: Flow) -> dict[str, Any]:
    return {
        "name": flow.name,
        "plan": encode(flow.plan),
        "parameters": searchable(flow.parameters, "the flow's parameters"),
        "concurrency": flow.concurrency,
        "labels": searchable(flow.labels, "the flow's labels"),
        "enabled": flow.enabled,
    }


def flow_of(row: Mapping[str, Any]) -> Flow:
    """Return the flow that ``row`` holds; without a plan it has an empty one."""
    values = {name: value for name, value in row.items() if name not in {"created_at", "updated_at"}}
    return Flow(**{**values, "plan": plan_of(dump(row["plan"])) if "plan" in row else _NO_PLAN})


def _stale(flow_id: str, expected: int, current: int) -> Problem:
    return Problem(
        Code.STALE, f"the flow {flow_id!r} has revision {current}, not {expected}; read it again and repeat the change"
    )
