"""Lists of runs, at a price that does not grow with the ledger.

A query is cut into branches, one for each scope and status that it names: each is one range of one index, already in order. One
branch is the page; several are merged, each giving no more rows than a page has.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import sqlalchemy as sa

from headrace.core.client import EVERYWHERE
from headrace.core.clock import Instant
from headrace.core.query import Cursor, Filter, Order, Page
from headrace.core.run import Run, RunKind, RunStatus
from headrace.core.window import Window
from headrace.store.columns import FIGURES
from headrace.store.database import Transaction
from headrace.store.filters import Fields, compile_filter
from headrace.store.paging import column_of, from_position
from headrace.store.run_rows import LIGHT, light_run_of, run_of
from headrace.store.tables import runs as table

Condition: TypeAlias = "sa.ColumnElement[bool]"
MAX_BRANCHES = 48
"""With more branches, the list is read in its order over all scopes, and what is not asked for is passed over."""

_OF_FLOW = {"scope": "scope", "flow_id": "flow", "status": "status"}
_QUEUED = sa.select(sa.func.count()).select_from(
    sa.select(table.c.id)
    .where(*(table.c[name] == sa.bindparam(f"its_{value}") for name, value in _OF_FLOW.items()))
    .limit(sa.bindparam("its_limit", type_=sa.Integer))
    .subquery()
)
_ORDERS = {"created_at": table.c.created_at, "updated_at": table.c.updated_at}
_NAMES = [
    "id",
    "scope",
    "flow_id",
    "flow_name",
    "kind",
    "group_id",
    "retry_of",
    "attempt",
    "status",
    "due_at",
    "priority",
    "request_key",
    "created_by",
    "created_at",
    "updated_at",
    "started_at",
    "ended_at",
]
FIELDS = Fields(
    columns={
        **{name: table.c[name] for name in [*_NAMES, *FIGURES]},
        "reason": sa.type_coerce(table.c.reason, sa.Text),
    },
    documents={"details": table.c.details, "parameters": table.c.parameters},
)
"""What a filter on runs may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs a list has; what is not given does not narrow it down.

    ``scopes``: paths, each with all that lies below it; ``*`` or None for every scope. ``created``: half-open. ``has_rejects``: only runs
    with rejected rows (or only ones without). ``text``: the beginning of an id, or part of the flow's name.
    ``flows``: of any of these flows, scope and id.
    """

    scopes: tuple[str, ...] | None = None
    flow_id: str | None = None
    flows: tuple[tuple[str, str], ...] | None = None
    statuses: frozenset[RunStatus] = frozenset()
    kind: RunKind | None = None
    group_id: str | None = None
    created: Window | None = None
    has_rejects: bool | None = None
    text: str | None = None
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class RunGlance:
    """What is seen of a run at a glance."""

    id: str
    status: RunStatus
    started_at: Instant | None
    ended_at: Instant | None


def newest_started(tx: Transaction, scope: str, flow_ids: Collection[str]) -> dict[str, RunGlance]:
    """Return the newest run that has started of each of these flows; those without one are left out."""
    columns = (table.c.id, table.c.status, table.c.started_at, table.c.ended_at)
    statement = (
        sa.select(*columns)
        .where(table.c.scope == scope, table.c.flow_id == sa.bindparam("its_flow"), table.c.started_at.is_not(None))
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(1)
    )
    found = {flow_id: tx.first(statement, {"its_flow": flow_id}) for flow_id in flow_ids}
    return {
        flow_id: RunGlance(row["id"], RunStatus(row["status"]), row["started_at"], row["ended_at"])
        for flow_id, row in found.items()
        if row is not None
    }


def page(
    tx: Transaction, query: RunQuery, order: Order, limit: int, cursor: Cursor | None = None, *, light: bool = False
) -> Page[Run]:
    """Return the runs of ``query`` in ``order`` (``created_at`` or ``updated_at``), after ``cursor``.

    ``light``: their definitions and plans are not read, and empty.

    Raises:
        Problem: ``INVALID``: the order, limit, cursor, or a path of the filter.
    """
    rows = tx.rows(statement_of(tx, query, order, limit, cursor, light=light))
    read = light_run_of if light else run_of
    found = [read(row) for row in rows[:limit]]
    more = len(rows) > limit
    position = (rows[limit - 1][order.path], found[-1].id) if more else ()
    return Page(tuple(found), Cursor(position) if more else None)


def count(tx: Transaction, query: RunQuery) -> int:
    """Return how many runs ``query`` has; they are counted, not read.

    Raises:
        Problem: ``INVALID``: a path of the filter.
    """
    conditions = list(_conditions(query, tx.dialect))
    counted = sa.select(sa.func.count()).select_from(table)
    return sum(int(tx.scalar(counted.where(*branch, *conditions))) for branch in _branches(tx, query))


def statement_of(
    tx: Transaction, query: RunQuery, order: Order, limit: int, cursor: Cursor | None = None, *, light: bool = False
) -> sa.Select[Any]:
    """Return the statement of one page, with a row more than ``limit`` if there is a next page."""
    keys = (column_of(order, _ORDERS), table.c.id)
    branches, conditions = ranges(tx, query)
    columns = LIGHT if light else tuple(table.c)
    if len(branches) == 1:
        return from_position(sa.select(*columns).where(*branches[0], *conditions), keys, order, cursor, limit)
    ids = [
        sa.select(from_position(sa.select(table.c.id).where(*b, *conditions), keys, order, cursor, limit).subquery())
        for b in branches
    ]
    merged = sa.select(*columns).where(table.c.id.in_(sa.union_all(*ids)) if ids else sa.false())
    return from_position(merged, keys, order, cursor, limit)


def ranges(tx: Transaction, query: RunQuery) -> tuple[list[list[Condition]], list[Condition]]:
    """Return what each range of an index that the list is merged from is selected by, and what else is asked of all its runs.

    Raises:
        Problem: ``INVALID``: a path of the filter.
    """
    branches = list(_branches(tx, query))
    if len(branches) > MAX_BRANCHES:
        branches = [list(_passed_over(tx, query))]
    return branches, list(_conditions(query, tx.dialect))


def queued(tx: Transaction, scope: str, flow_id: str, limit: int) -> int:
    """Return how many runs of the flow are queued; no more than ``limit`` are counted."""
    values = {"its_scope": scope, "its_flow": flow_id, "its_status": RunStatus.QUEUED.value, "its_limit": limit}
    return int(tx.scalar(_QUEUED, values))


def scopes(tx: Transaction, patterns: tuple[str, ...] | None = None) -> list[str]:
    """Return the scopes that have runs, of those that lie at or below ``patterns``; read by skipping, one seek for each scope."""
    first = sa.select(sa.func.min(table.c.scope).label("scope")).cte("seen", recursive=True)
    following = sa.select(sa.func.min(table.c.scope)).where(table.c.scope > first.c.scope).scalar_subquery()
    seen = first.union_all(sa.select(following).where(first.c.scope.is_not(None)))
    found = [row["scope"] for row in tx.rows(sa.select(seen.c.scope).where(seen.c.scope.is_not(None)))]
    return [scope for scope in found if _reaches(patterns, scope)]


def _reaches(patterns: tuple[str, ...] | None, scope: str) -> bool:
    if patterns is None:
        return True
    return any(p in {EVERYWHERE, scope} or scope.startswith(p.rstrip("/") + "/") for p in patterns)


def _branches(tx: Transaction, query: RunQuery) -> Iterator[list[sa.ColumnElement[bool]]]:
    statuses: list[RunStatus | None] = [*sorted(query.statuses)] or [None]
    if query.group_id is not None:
        # A group is small, and has an index of its own.
        of_group = [table.c.group_id == query.group_id, *_passed_over(tx, query)]
        yield of_group
        return
    if query.flows is not None:
        for (scope, flow_id), status in product(query.flows, statuses):
            of_flow = [table.c.scope == scope, table.c.flow_id == flow_id]
            yield of_flow if status is None else [*of_flow, table.c.status == status.value]
        return
    narrowed = query.statuses or query.flow_id is not None or query.kind is not None or query.has_rejects
    if (query.scopes is None or EVERYWHERE in query.scopes) and not narrowed:
        yield []
        return
    for scope, status in product(scopes(tx, query.scopes), statuses):
        branch = [table.c.scope == scope]
        if status is not None:
            branch.append(table.c.status == status.value)
        yield branch


def _passed_over(tx: Transaction, query: RunQuery) -> Iterator[sa.ColumnElement[bool]]:
    if query.scopes is not None and EVERYWHERE not in query.scopes:
        yield table.c.scope.in_(scopes(tx, query.scopes))
    if query.flows is not None:
        yield table.c.flow_id.in_(sorted({flow_id for _, flow_id in query.flows}))
        yield table.c.scope.in_(sorted({scope for scope, _ in query.flows}))
    if query.statuses:
        yield table.c.status.in_(sorted(status.value for status in query.statuses))


def _conditions(query: RunQuery, dialect: str) -> Iterator[sa.ColumnElement[bool]]:
    if query.flow_id is not None:
        yield table.c.flow_id == query.flow_id
    if query.kind is not None:
        yield table.c.kind == query.kind.value
    if query.created is not None and query.created.start is not None:
        yield table.c.created_at >= query.created.start
    if query.created is not None and query.created.end is not None:
        yield table.c.created_at < query.created.end
    if query.has_rejects is not None:
        # The zero is written out, as the index has it: of a bound value SQLite cannot see that it fits.
        rejected = table.c.rows_rejected > sa.literal_column("0", sa.Integer)
        yield rejected if query.has_rejects else sa.func.coalesce(table.c.rows_rejected, 0) == 0
    if query.text:
        name = sa.func.lower(table.c.flow_name).contains(query.text.lower(), autoescape=True)
        yield sa.or_(table.c.id.startswith(query.text, autoescape=True), name)
    if query.filter is not None:
        yield compile_filter(query.filter, FIELDS, dialect)
