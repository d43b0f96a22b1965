"""Lists of a run's activity runs, those inside of containers too, without the rows that stand for bodies and those of what never began.

Rows that have begun come in the order of their index; the others (skipped, switched off, queued) are sorted by when they came to be as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.run import BODY, ActivityRun, ActivityStatus
from headrace.store.activity_runs import activity_run_of
from headrace.store.database import Transaction
from headrace.store.keysets import Key, Position, after
from headrace.store.tables import activity_runs as table

_SHOWN = frozenset(ActivityStatus) - {ActivityStatus.PENDING}
_BEGAN = sa.func.coalesce(table.c.started_at, table.c.ended_at, table.c.updated_at)
# Behind the path of what it is in, and a slash.
_NAME = sa.func.lower(
    sa.case(
        (table.c.parent == "", table.c.path), else_=sa.func.substr(table.c.path, sa.func.length(table.c.parent) + 2)
    )
)


@dataclass(frozen=True, slots=True)
class Named:
    """The activity has one of ``names`` (in lower case; None: any name) and, if ``kind`` is given, this kind."""

    names: frozenset[str] | None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Within:
    """The activity is one of ``named``, or with ``negated`` none of them."""

    named: tuple[Named, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class At:
    """The attempt began (``field`` ``began``) or ended (``ended``) at one of these instants, or with ``negated`` at none of them."""

    field: str
    instants: frozenset[Instant]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class By:
    """What a list is ordered by: ``began``, ``ended`` (what has not ended comes before all else), ``name`` or ``status``."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityQuery:
    """Which attempts a list has. ``since`` and ``until`` bound the last change, both inclusive. ``statuses`` None: all.

    ``status_words`` are what statuses are ordered by.
    """

    run_id: str
    since: Instant
    until: Instant
    statuses: frozenset[ActivityStatus] | None = None
    within: tuple[Within, ...] = ()
    at: tuple[At, ...] = ()
    order: tuple[By, ...] = (By("began"),)
    status_words: Mapping[ActivityStatus, str] | None = None


def page(
    tx: Transaction, query: ActivityQuery, limit: int, position: Position | None = None
) -> tuple[list[ActivityRun], Position | None]:
    """Return at most ``limit`` attempts behind ``position``, and the position for the next page (None: there is none).

    Raises:
        Problem: ``INVALID``: the position belongs to another order.
    """
    keys = _keys(query)
    if _is_by_beginning(query):
        parts = [
            _first(query, _with_ties(Key(column, query.order[0].descending)), belongs, limit, position)
            for column, belongs in (
                (table.c.started_at, table.c.started_at.is_not(None)),
                (_BEGAN, table.c.started_at.is_(None)),
            )
        ]
    else:
        parts = [_first(query, keys, sa.true(), limit, position)]
    rows = tx.rows(_whole(query, keys, parts, limit))
    found = [activity_run_of({column.name: row[column.name] for column in table.c}) for row in rows[:limit]]
    if len(rows) <= limit:
        return found, None
    return found, tuple(rows[limit - 1][f"key_{number}"] for number in range(len(keys)))


def _first(
    query: ActivityQuery, keys: list[Key], belongs: sa.ColumnElement[bool], limit: int, position: Position | None
) -> sa.Select[Any]:
    """Return the keys of the first rows; what else a row has is not read for all that are sorted."""
    behind = [] if position is None else [after(keys, position)]
    shown = [key.column.label(f"key_{number}") for number, key in enumerate(keys)]
    statement = sa.select(*shown).where(*_conditions(query), belongs, *behind)
    return sa.select(statement.order_by(*(key.ordering for key in keys)).limit(limit + 1).subquery())


def _whole(query: ActivityQuery, keys: list[Key], parts: list[sa.Select[Any]], limit: int) -> sa.Select[Any]:
    """Return the rows that ``parts`` found, merged."""
    merged = (sa.union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
    found = [merged.c[f"key_{number}"] for number in range(len(keys))]
    # The last two keys are path and attempt.
    same = sa.and_(table.c.run_id == query.run_id, table.c.path == found[-2], table.c.attempt == found[-1])
    ordered = [Key(column, key.descending).ordering for column, key in zip(found, keys, strict=True)]
    return sa.select(table, *found).select_from(sa.join(merged, table, same)).order_by(*ordered).limit(limit + 1)


def _is_by_beginning(query: ActivityQuery) -> bool:
    return [by.field for by in query.order] == ["began"]


def _keys(query: ActivityQuery) -> list[Key]:
    columns: dict[str, sa.ColumnElement[Any]] = {
        "began": _BEGAN,
        "ended": sa.func.coalesce(table.c.ended_at, 0),
        "name": _NAME,
    }
    if query.status_words is not None:
        words = {status.value: word for status, word in query.status_words.items()}
        columns["status"] = sa.case(words, value=table.c.status, else_="")
    keys = [Key(columns[by.field], by.descending) for by in query.order]
    return [*keys[:-1], *_with_ties(keys[-1])]


def _with_ties(key: Key) -> list[Key]:
    return [key, Key(table.c.path, key.descending), Key(table.c.attempt, key.descending)]


def _conditions(query: ActivityQuery) -> list[sa.ColumnElement[bool]]:
    statuses = _SHOWN if query.statuses is None else query.statuses & _SHOWN
    never_began = sa.and_(table.c.status == ActivityStatus.CANCELLED.value, table.c.started_at.is_(None))
    conditions = [
        table.c.run_id == query.run_id,
        table.c.kind != BODY,
        table.c.status.in_(sorted(status.value for status in statuses)),
        ~never_began,
        table.c.updated_at >= query.since,
        table.c.updated_at <= query.until,
    ]
    conditions += [_negated(_any_of(one.named), negated=one.negated) for one in query.within]
    for at in query.at:
        column = _BEGAN if at.field == "began" else table.c.ended_at
        conditions.append(_negated(sa.func.coalesce(column.in_(sorted(at.instants)), sa.false()), negated=at.negated))
    return conditions


def _any_of(named: tuple[Named, ...]) -> sa.ColumnElement[bool]:
    parts = []
    for one in named:
        kind = [] if one.kind is None else [table.c.kind == one.kind]
        names = [] if one.names is None else [_NAME.in_(sorted(one.names))]
        parts.append(sa.and_(sa.true(), *kind, *names))
    return sa.or_(sa.false(), *parts)


def _negated(condition: sa.ColumnElement[bool], *, negated: bool) -> sa.ColumnElement[bool]:
    return sa.not_(condition) if negated else condition
