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
    seen = None if patterns is None else within(column, patterns)
    first = sa.select(_least(column, seen)).cte("seen", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > first.c.scope, *([] if seen is None else [seen]))
    every = first.union_all(sa.select(following.scalar_subquery()).where(first.c.scope.is_not(None)))
    rows = tx.rows(sa.select(every.c.scope).where(every.c.scope.is_not(None)))
    return sorted({row["scope"] for row in rows})


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


def _least(column: Column, condition: sa.ColumnElement[bool] | None) -> sa.ColumnElement[Any]:
    statement = sa.select(sa.func.min(column))
    return (statement if condition is None else statement.where(condition)).scalar_subquery().label("scope")


def _of(column: Column, pattern: str) -> tuple[sa.ColumnElement[bool], ...]:
    path = pattern.rstrip("/")
    # "0" follows "/": what begins with the path and a slash is one range of an index.
    return column == pattern, sa.and_(column >= f"{path}/", column < f"{path}0")
