"""Flows over many scopes, with the newest runs of each."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.flow import Flow
from headrace.core.outcome import Figures
from headrace.core.query import Cursor, Page
from headrace.core.run import RunStatus
from headrace.store import scanning
from headrace.store import scopes as paths
from headrace.store.columns import FIGURES, figures_of
from headrace.store.database import Transaction
from headrace.store.flows import FlowTimes, flow_of
from headrace.store.scanning import Scan
from headrace.store.tables import flows as table
from headrace.store.tables import runs

MOST = 5000
"""Flows that one page looks at in a scope, if nothing else is said."""
_LIGHT = [column for column in table.c if column.name != "plan"]
_GLANCE = ("id", "status", "created_at", "started_at", "ended_at")
_NEWEST = (
    sa.select(*(runs.c[name] for name in (*_GLANCE, *FIGURES)))
    .where(runs.c.scope == sa.bindparam("its_scope"), runs.c.flow_id == sa.bindparam("its_flow"))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(sa.bindparam("its_limit", type_=sa.Integer))
)


@dataclass(frozen=True, slots=True)
class KnownFlow:
    """A flow as the ledger keeps it, and when it was made and changed."""

    flow: Flow
    times: FlowTimes


@dataclass(frozen=True, slots=True)
class RunSquare:
    """A run of a flow at a glance."""

    id: str
    status: RunStatus
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    figures: Figures


def page(
    tx: Transaction,
    patterns: Collection[str] | None,
    text: str | None = None,
    limit: int = 50,
    cursor: Cursor | None = None,
) -> Page[KnownFlow]:
    """Return flows of scopes in ``patterns`` (None: of every one), newest first, after ``cursor``. A page may be short and have a next one.

    ``text``: part of the name, or the beginning of the id.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    branches, over = paths.branches(tx, table.c.scope, patterns)

    def wanted(looked: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        found = [paths.within(looked.c.scope, patterns or ())] if over else []
        if text:
            name = sa.func.lower(looked.c.name).contains(text.lower(), autoescape=True)
            found.append(sa.or_(looked.c.id.startswith(text, autoescape=True), name))
        return found

    selected = [sa.select(*_LIGHT).where(*branch) for branch in branches]
    rows, following = scanning.page(tx, Scan(selected, (table.c.created_at, table.c.id), wanted, MOST), limit, cursor)
    plans = sa.select(table.c.id, table.c.plan).where(table.c.id.in_([row["id"] for row in rows]))
    by_id = {row["id"]: row["plan"] for row in tx.rows(plans)}
    return Page(tuple(_known({**row, "plan": by_id[row["id"]]}) for row in rows), following)


def named(tx: Transaction, patterns: Collection[str] | None, name: str, limit: int) -> list[KnownFlow]:
    """Return the flow with this id, or flows with this name, in scopes of ``patterns`` (None: of every one), newest first, at most ``limit``."""
    mine = [] if patterns is None else [paths.within(table.c.scope, patterns)]
    exact = tx.first(sa.select(table).where(table.c.id == name, *mine))
    if exact is not None:
        return [_known(exact)]
    statement = sa.select(table).where(table.c.name == name, *mine)
    rows = tx.rows(statement.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit))
    return [_known(row) for row in rows]


def names(tx: Transaction, flow_ids: Collection[str]) -> dict[str, str]:
    """Return the names of those of the flows that there are, by id."""
    rows = tx.rows(sa.select(table.c.id, table.c.name).where(table.c.id.in_(flow_ids)))
    return {row["id"]: row["name"] for row in rows}


def scopes(tx: Transaction, patterns: Collection[str] | None) -> list[str]:
    """Return the scopes that have flows and lie in ``patterns`` (None: all)."""
    return paths.present(tx, table.c.scope, patterns)


def newest_runs(tx: Transaction, of: Iterable[tuple[str, str]], limit: int) -> dict[tuple[str, str], list[RunSquare]]:
    """Return the newest runs of each flow (scope and id), oldest first, at most ``limit``; each is one seek in an index."""
    found: dict[tuple[str, str], list[RunSquare]] = {}
    for scope, flow_id in of:
        rows = tx.rows(_NEWEST, {"its_scope": scope, "its_flow": flow_id, "its_limit": limit})
        found[scope, flow_id] = [_square(row) for row in reversed(rows)]
    return found


def mentioning(tx: Transaction, scope: str, text: str, limit: int) -> list[str]:
    """Return the names of flows of the scope whose plans have ``text`` in them, at most ``limit``, in order."""
    plan = sa.type_coerce(table.c.plan, sa.Text)
    statement = sa.select(table.c.name).where(table.c.scope == scope, plan.contains(text, autoescape=True))
    return sorted({row["name"] for row in tx.rows(statement.order_by(table.c.name).limit(limit))})


def _square(row: Mapping[str, Any]) -> RunSquare:
    return RunSquare(
        row["id"],
        RunStatus(row["status"]),
        row["created_at"],
        row["started_at"],
        row["ended_at"],
        figures_of(row),
    )


def _known(row: Mapping[str, Any]) -> KnownFlow:
    return KnownFlow(flow_of(row), FlowTimes(row["created_at"], row["updated_at"]))
