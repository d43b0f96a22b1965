"""Free search in runs: by the beginning of an id, which an index finds, and by words, for which so many runs are looked at, newest first."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from headrace.core.query import Cursor, check_limit
from headrace.core.run import Run
from headrace.store.database import Transaction
from headrace.store.keysets import Key, after
from headrace.store.run_pages import RunQuery, ranges
from headrace.store.run_rows import LIGHT, light_run_of
from headrace.store.scopes import within
from headrace.store.tables import runs as table

LOOKED_AT = 4000
"""Runs that one page of a search by words looks at."""
LEAST_OF_ID = 4
"""Characters that a text has at least to be looked for as the beginning of an id."""
_FURTHER = 8
"""So many times as many are read when some of what was read does not count."""
MOST_OF_ID = 40
"""Runs whose ids begin alike, up to which they are taken to be meant."""


def beginning_with(tx: Transaction, query: RunQuery, text: str) -> list[Run]:
    """Return the runs of ``query`` whose ids begin with ``text``, newest first, of whatever time; none: too many do, or it is too short."""
    if len(text) < LEAST_OF_ID:
        return []
    reached = [] if query.scopes is None else [within(table.c.scope, query.scopes)]
    branches, conditions = ranges(tx, query)
    statement = sa.select(*LIGHT).where(
        _begins(table.c.id, text),
        *reached,
        sa.or_(sa.false(), *(sa.and_(sa.true(), *branch) for branch in branches)),
        *conditions,
    )
    rows = tx.rows(statement.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(MOST_OF_ID + 1))
    return [] if len(rows) > MOST_OF_ID else [light_run_of(row) for row in rows]


def page(  # noqa: PLR0913 — what is asked for, each named
    tx: Transaction,
    query: RunQuery,
    text: str,
    limit: int,
    cursor: Cursor | None,
    *,
    has: Callable[[Run], bool] = lambda _: True,
    looked_at: int = LOOKED_AT,
) -> tuple[list[Run], Cursor | None]:
    """Return at most ``limit`` runs of ``query`` behind ``cursor`` that ``text`` is found in, newest first.

    It may be in the flow's name, the parameters or the reason, or begin the id.
    The cursor that comes back is where the next page begins: behind the last run that was looked at, which is often not the last one found (None:
    nothing is left). The text may be in the name of a parameter, or in something secret: ``has`` says whether it is in what is shown of a run.
    Runs that it does not take change neither the page nor the cursor, or whoever may not see a secret could find it letter by letter.

    Raises:
        Problem: ``INVALID``: the limit, or a cursor of another list.
    """
    check_limit(limit)
    looked = _looked(tx, query, cursor, looked_at)
    if looked is None:
        return [], None
    order = (looked.c.created_at.desc(), looked.c.id.desc())
    same = sa.join(looked, table, table.c.id == looked.c.id)
    wanted = sa.select(*LIGHT).select_from(same).where(_has(text)).order_by(*order)
    most = limit + 1
    while True:
        rows = tx.rows(wanted.limit(most))
        found = [run for run in map(light_run_of, rows) if has(run)]
        if len(found) > limit or len(rows) < most:
            break
        most *= _FURTHER
    if len(found) > limit:
        last = found[limit - 1]
        return found[:limit], Cursor((last.created_at, last.id))
    end = tx.first(sa.select(looked.c.created_at, looked.c.id).order_by(*order).offset(looked_at - 1).limit(1))
    return found, None if end is None else Cursor((end["created_at"], end["id"]))


def _looked(tx: Transaction, query: RunQuery, cursor: Cursor | None, most: int) -> sa.Subquery | None:
    """Return id and time of the ``most`` newest runs of ``query`` behind ``cursor``; None: the query can have none."""
    branches, conditions = ranges(tx, query)
    keys = [Key(column, descending=True) for column in (table.c.created_at, table.c.id)]
    behind = [] if cursor is None else [after(keys, cursor.position)]
    parts = [
        sa.select(
            sa.select(table.c.created_at, table.c.id)
            .where(*branch, *conditions, *behind)
            .order_by(*(key.ordering for key in keys))
            .limit(most)
            .subquery()
        )
        for branch in branches
    ]
    if not parts:
        return None
    merged = (sa.union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
    return sa.select(merged).order_by(merged.c.created_at.desc(), merged.c.id.desc()).limit(most).subquery("looked")


def _begins(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    forms = sorted({text, text.lower(), text.upper()})
    # Ranges and not LIKE: both databases then read the index.
    return sa.or_(*(sa.and_(column >= form, column < form + "\x7f") for form in forms))


def _has(text: str) -> sa.ColumnElement[bool]:
    name = sa.func.lower(table.c.flow_name).contains(text.lower(), autoescape=True)
    return sa.or_(_begins(table.c.id, text), name, *_in_documents((table.c.parameters, table.c.reason), text))


def _in_documents(columns: Iterable[sa.ColumnElement[Any]], text: str) -> Iterable[sa.ColumnElement[bool]]:
    # Documents are kept as ASCII: what lies beyond is written as escapes, which know no case.
    forms = sorted({json.dumps(form)[1:-1].lower() for form in (text, text.lower(), text.upper())})
    for column in columns:
        for form in forms:
            yield sa.func.lower(sa.type_coerce(column, sa.Text)).contains(form, autoescape=True)
