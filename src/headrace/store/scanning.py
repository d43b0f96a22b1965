"""Lists, newest first, of what no index finds: each page looks at so many rows at most, and may be short and still have a next one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.query import Cursor, check_limit
from headrace.store.database import Transaction
from headrace.store.keysets import Key, after

Wanted = Callable[[sa.Subquery], Sequence[sa.ColumnElement[bool]]]
"""Says which of the rows that are looked at a list has."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows by the columns ``keys`` (a time and an id), newest first: the ``branches`` merged, each a range of an index, ``most`` of it looked at."""

    branches: Sequence[sa.Select[Any]]
    keys: tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]
    wanted: Wanted
    most: int


def page(
    tx: Transaction, scan: Scan, limit: int, cursor: Cursor | None
) -> tuple[list[Mapping[str, Any]], Cursor | None]:
    """Return at most ``limit`` wanted rows behind ``cursor``, and where the next page begins (None: nothing is left).

    Raises:
        Problem: ``INVALID``: the limit, or a cursor of another list.
    """
    check_limit(limit)
    names = [key.name for key in scan.keys]
    found: list[Mapping[str, Any]] = []
    ends: list[tuple[Any, ...]] = []
    for branch in scan.branches:
        rows, end = _look(tx, scan, branch, limit, cursor)
        found += rows
        ends += [] if end is None else [end]
    # Behind the nearest place up to which some branch was looked at, there may be rows that nobody has seen.
    until = max(ends, default=None)
    found.sort(key=lambda row: tuple(row[name] for name in names), reverse=True)
    seen = [row for row in found if until is None or tuple(row[name] for name in names) >= until]
    if len(seen) > limit:
        return seen[:limit], Cursor(tuple(seen[limit - 1][name] for name in names))
    return seen, None if until is None else Cursor(until)


def _look(
    tx: Transaction, scan: Scan, branch: sa.Select[Any], limit: int, cursor: Cursor | None
) -> tuple[Sequence[Mapping[str, Any]], tuple[Any, ...] | None]:
    """Return the branch's wanted rows, one more than ``limit`` if there are, and up to where it was looked at if that was not its end."""
    keys = [Key(key, descending=True) for key in scan.keys]
    if cursor is not None:
        branch = branch.where(after(keys, cursor.position))
    looked = branch.order_by(*(key.ordering for key in keys)).limit(scan.most).subquery("looked")
    order = [looked.c[key.name].desc() for key in scan.keys]
    wanted = scan.wanted(looked)
    rows = tx.rows(sa.select(looked).where(*wanted).order_by(*order).limit(limit + 1))
    if len(rows) > limit or (not wanted and len(rows) < scan.most):
        return rows, None
    last = sa.select(*(looked.c[key.name] for key in scan.keys)).order_by(*order).offset(scan.most - 1).limit(1)
    end = tx.first(last)
    return rows, None if end is None else tuple(end[key.name] for key in scan.keys)
