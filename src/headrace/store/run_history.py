"""Runs of one scope by when they changed last: how doors that ask for a span of time list them, at a price that does not grow with the ledger.

A span with few changes is read by the index of changes and sorted; of one with many, the index of creations gives the page in its
order, and what lies outside of the span is passed over. ``column + 0`` keeps a database from taking the other index.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.run import Run, RunStatus
from headrace.store.database import Transaction
from headrace.store.keysets import Key, Position, after
from headrace.store.run_rows import LIGHT, light_run_of
from headrace.store.tables import runs as table
from headrace.store.tables import variable_values

FEW = 2000
"""Runs that changed within a span, up to which they are sorted."""
MAX_BRANCHES = 48
"""Ranges of an index that one page is merged from."""

_newer = table.alias("newer")
_IS_LATEST = ~sa.exists().where(_newer.c.group_id == table.c.group_id, _newer.c.attempt > table.c.attempt)


@dataclass(frozen=True, slots=True)
class Among:
    """The field (``flow_id``, ``group_id``, ``created_at`` or ``ended_at``) has one of ``values``, or with ``negated`` none of them."""

    field: str
    values: frozenset[str] | frozenset[Instant]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class By:
    """What a list is ordered by: ``created_at``, ``ended_at`` (runs that have not ended come before all others), ``flow_name`` or ``status``."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """Which runs a list has.

    ``since`` and ``until`` bound the last change, both inclusive. ``made_since``: what was made before is left out (None: nothing).
    ``statuses`` None: all. ``latest``: only the newest of each group. ``status_words`` are what statuses are ordered by.
    """

    scope: str
    since: Instant
    until: Instant
    made_since: Instant | None = None
    statuses: frozenset[RunStatus] | None = None
    among: tuple[Among, ...] = ()
    latest: bool = False
    order: tuple[By, ...] = (By("created_at", descending=True),)
    status_words: Mapping[RunStatus, str] | None = None


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of a list; its definition and plan are not read. ``is_latest``: no later run of its group was made."""

    run: Run
    is_latest: bool


def page(
    tx: Transaction, query: HistoryQuery, limit: int, position: Position | None = None, *, few: int = FEW
) -> tuple[list[PastRun], Position | None]:
    """Return at most ``limit`` runs behind ``position``, and the position for the next page (None: there is none).

    Up to ``few`` changes in the span are sorted.

    Raises:
        Problem: ``INVALID``: the position belongs to another order.
    """
    # What a page shows is read for its runs alone, not for all that are sorted.
    ids = by_creation if _reads_by_creation(tx, query, few) else _by_change
    keys = _keys(query)
    shown = [key.column.label(f"key_{number}") for number, key in enumerate(keys)]
    statement = sa.select(*LIGHT, _IS_LATEST.label("is_latest"), *shown)
    statement = statement.where(table.c.id.in_(ids(query, limit, position)))
    rows = tx.rows(statement.order_by(*(key.ordering for key in keys)).limit(limit + 1))
    found = [PastRun(light_run_of(row), bool(row["is_latest"])) for row in rows[:limit]]
    if len(rows) <= limit:
        return found, None
    return found, tuple(rows[limit - 1][f"key_{number}"] for number in range(len(keys)))


def is_latest(tx: Transaction, run: Run) -> bool:
    """Say whether no later run of the run's group was made."""
    later = sa.select(sa.literal(1)).where(table.c.group_id == run.group_id, table.c.attempt > run.attempt).limit(1)
    return tx.scalar(later) is None


def variables_of(tx: Transaction, run_ids: Collection[str], name: str) -> dict[str, Json]:
    """Return the value of one variable (``name`` in lower case; no array that was appended to) of each of these runs that has set it."""
    its = variable_values.c
    statement = sa.select(its.run_id, its.holds).where(its.run_id.in_(run_ids), its.name == name, its.number == 0)
    return {row["run_id"]: row["holds"]["value"] for row in tx.rows(statement)}


def _keys(query: HistoryQuery, *, by_index: bool = False) -> list[Key]:
    created: sa.ColumnElement[Any] = (
        table.c.created_at if by_index else sa.type_coerce(table.c.created_at + 0, sa.BigInteger)
    )
    columns: dict[str, sa.ColumnElement[Any]] = {
        "created_at": created,
        "ended_at": sa.func.coalesce(table.c.ended_at, 0),
        "flow_name": sa.func.lower(table.c.flow_name),
    }
    if query.status_words is not None:
        words = {status.value: word for status, word in query.status_words.items()}
        columns["status"] = sa.case(words, value=table.c.status, else_="")
    last = query.order[-1].descending
    return [*(Key(columns[by.field], by.descending) for by in query.order), Key(table.c.id, last)]


def _conditions(query: HistoryQuery, *, but: Collection[str] = ()) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what runs have to fulfil, ``but`` for what is asked of these fields positively."""
    if query.made_since is not None:
        yield table.c.created_at + 0 >= query.made_since
    if query.statuses is not None and "status" not in but:
        yield table.c.status.in_(sorted(status.value for status in query.statuses))
    for one in query.among:
        if one.field in but and not one.negated:
            continue
        among = table.c[one.field].in_(sorted(one.values))
        # What has no end has none of these ends.
        yield sa.not_(sa.func.coalesce(among, sa.false())) if one.negated else among
    if query.latest:
        yield _IS_LATEST


def _changed(query: HistoryQuery, *, by_index: bool) -> tuple[sa.ColumnElement[bool], ...]:
    changed = table.c.updated_at if by_index else table.c.updated_at + 0
    return changed >= query.since, changed <= query.until


def _is_of_groups(query: HistoryQuery) -> bool:
    return any(one.field == "group_id" and not one.negated for one in query.among)


def _reads_by_creation(tx: Transaction, query: HistoryQuery, few: int) -> bool:
    if [by.field for by in query.order] != ["created_at"] or _is_of_groups(query):
        return False
    span = sa.select(table.c.id).where(table.c.scope == query.scope, *_changed(query, by_index=True))
    counted = sa.select(sa.func.count()).select_from(span.limit(few + 1).subquery())
    return int(tx.scalar(counted)) > few


def _by_change(query: HistoryQuery, limit: int, position: Position | None) -> sa.Select[Any]:
    """Return the ids of the page, sorted out of all that changed in the span, or of the groups that are asked for."""
    by_index = not _is_of_groups(query)
    where = [table.c.scope == query.scope, *_changed(query, by_index=by_index), *_conditions(query)]
    return sa.select(_first(_keys(query), where, limit, position).c.id)


def by_creation(query: HistoryQuery, limit: int, position: Position | None) -> sa.Select[Any]:
    """Return the ids of the page, read in the order of creation: one range of an index for each flow and status that is asked for."""
    branches = list(_branches(query))
    # A database that is told a status twice, once among others, does not see which index fits.
    but = () if branches == [[]] else ("flow_id", "status")
    where = [
        table.c.scope == query.scope,
        # Nothing changes before it was made.
        table.c.created_at <= query.until,
        *_changed(query, by_index=False),
        *_conditions(query, but=but),
    ]
    keys = _keys(query, by_index=True)
    ids = [sa.select(_first(keys, [*where, *branch], limit, position).c.id) for branch in branches]
    if len(ids) == 1:
        return ids[0]
    return sa.select(sa.union_all(*ids).subquery().c.id) if ids else sa.select(table.c.id).where(sa.false())


def _first(keys: list[Key], where: list[sa.ColumnElement[bool]], limit: int, position: Position | None) -> sa.Subquery:
    behind = [] if position is None else [after(keys, position)]
    statement = sa.select(table.c.id).where(*where, *behind).order_by(*(key.ordering for key in keys))
    return statement.limit(limit + 1).subquery()


def _branches(query: HistoryQuery) -> Iterator[list[sa.ColumnElement[bool]]]:
    named = [frozenset(map(str, one.values)) for one in query.among if one.field == "flow_id" and not one.negated]
    flows = sorted(frozenset.intersection(*named)) if named else [None]
    statuses = [None] if query.statuses is None else sorted(status.value for status in query.statuses)
    if len(flows) * len(statuses) > MAX_BRANCHES:
        yield []
        return
    for flow, status in product(flows, statuses):
        facts = ((table.c.flow_id, flow), (table.c.status, status))
        yield [column == value for column, value in facts if value is not None]
