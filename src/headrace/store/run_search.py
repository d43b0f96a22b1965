"""Free search in runs: by the beginning of an id, which an index finds, and by words, for which so many runs are looked at, newest first."""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from headrace.core.query import Cursor
from headrace.core.run import Run
from headrace.store import scanning
from headrace.store.database import Transaction
from headrace.store.run_pages import RunQuery, ranges
from headrace.store.run_rows import LIGHT, light_run_of
from headrace.store.scanning import Scan
from headrace.store.scopes import within
from headrace.store.tables import runs as table

LOOKED_AT = 6000
"""Runs that one page of a search by words looks at."""
LEAST_OF_ID = 4
"""Characters that a text has at least to be looked for as the beginning of an id."""
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


def page(
    tx: Transaction, query: RunQuery, text: str, limit: int, cursor: Cursor | None, *, looked_at: int = LOOKED_AT
) -> tuple[list[Run], Cursor | None]:
    """Return at most ``limit`` runs of ``query`` behind ``cursor`` that ``text`` is found in, newest first.

    It may be in the flow's name, the parameters or the reason, or begin the id.
    The cursor that comes back is where the next page begins: behind the last run that was looked at, which is often not the last one found (None:
    nothing is left). The text may be in the name of a parameter, or in something secret: that is for the caller to look at.

    Raises:
        Problem: ``INVALID``: the limit, or a cursor of another list.
    """
    branches, conditions = ranges(tx, query)
    if not branches:
        return [], None
    scan = Scan(
        branches=[sa.select(*LIGHT).where(*branch, *conditions) for branch in branches],
        keys=(table.c.created_at, table.c.id),
        wanted=lambda looked: [_has(looked, text)],
        most=max(looked_at // len(branches), 200),
    )
    rows, behind = scanning.page(tx, scan, limit, cursor)
    return [light_run_of(row) for row in rows], behind


def _begins(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    forms = sorted({text, text.lower(), text.upper()})
    # Ranges and not LIKE: both databases then read the index.
    return sa.or_(*(sa.and_(column >= form, column < form + "\x7f") for form in forms))


def _has(looked: sa.Subquery, text: str) -> sa.ColumnElement[bool]:
    name = sa.func.lower(looked.c.flow_name).contains(text.lower(), autoescape=True)
    return sa.or_(_begins(looked.c.id, text), name, *_in_documents((looked.c.parameters, looked.c.reason), text))


def _in_documents(columns: Iterable[sa.ColumnElement[Any]], text: str) -> Iterable[sa.ColumnElement[bool]]:
    # Documents are kept as ASCII: what lies beyond is written as escapes, which know no case.
    forms = sorted({json.dumps(form)[1:-1].lower() for form in (text, text.lower(), text.upper())})
    for column in columns:
        for form in forms:
            yield sa.func.lower(sa.type_coerce(column, sa.Text)).contains(form, autoescape=True)
