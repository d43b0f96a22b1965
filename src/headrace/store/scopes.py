"""Scopes as lists narrow down by them: paths, each with all that lies below it."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from headrace.store.database import Transaction

MAX_BRANCHES = 48
"""Scopes that a list is merged from; with more of them, it is read over all scopes, and what is not asked for is passed over."""

Column = sa.ColumnElement[Any]


def within(column: Column, patterns: Collection[str]) -> sa.ColumnElement[bool]:
    """Return whether the scope in ``column`` is one of ``patterns``, or lies below one; no patterns: no scope is."""
    return sa.or_(sa.false(), *(condition for pattern in sorted(set(patterns)) for condition in _of(column, pattern)))


def present(tx: Transaction, column: Column, patterns: Collection[str] | None) -> list[str]:
    """Return the scopes that rows have in ``column`` and that lie in ``patterns`` (None: all); read by skipping, one seek for each scope.

    ``column`` is the first one of an index.
    """
    if patterns is None:
        return _walk(tx, column, "", None)
    found: set[str] = set()
    for path in {pattern.rstrip("/") for pattern in patterns}:
        # What lies below a path, and the few that only begin alike, are one range: from the path to what follows its "/".
        walked = _walk(tx, column, path, f"{path}0")
        found.update(scope for scope in walked if scope == path or scope.startswith(f"{path}/"))
    return sorted(found)


def branches(
    tx: Transaction, column: Column, patterns: Collection[str] | None
) -> tuple[list[list[sa.ColumnElement[bool]]], list[sa.ColumnElement[bool]]]:
    """Return what each branch of a list over ``patterns`` is selected by, and what is passed over in all of them."""
    if patterns is None:
        return [[]], []
    scopes = present(tx, column, patterns)
    if len(scopes) > MAX_BRANCHES:
        return [[]], [within(column, patterns)]
    return [[column == scope] for scope in scopes], []


def _walk(tx: Transaction, column: Column, first: str, end: str | None) -> list[str]:
    """Return the scopes from ``first`` on, up to ``end``, which is not among them (None: all)."""
    bound = [] if end is None else [column < end]
    least = sa.select(sa.func.min(column)).where(column >= first, *bound).scalar_subquery()
    seen = sa.select(least.label("scope")).cte("seen", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > seen.c.scope, *bound).scalar_subquery()
    every = seen.union_all(sa.select(following).where(seen.c.scope.is_not(None)))
    return [row["scope"] for row in tx.rows(sa.select(every.c.scope).where(every.c.scope.is_not(None)))]


def _of(column: Column, pattern: str) -> tuple[sa.ColumnElement[bool], ...]:
    path = pattern.rstrip("/")
    # "0" follows "/": what begins with the path and a slash is one range of an index.
    return column == pattern, sa.and_(column >= f"{path}/", column < f"{path}0")
