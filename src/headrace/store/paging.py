"""Keyset paging: a page begins after a position, so it costs the same at any depth."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.query import Cursor, Order, check_limit


def column_of(order: Order, orders: Mapping[str, sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    """Return the column that ``order`` names.

    Raises:
        Problem: ``INVALID``: there is no index for it.
    """
    column = orders.get(order.path)
    if column is None:
        error = FieldError("order", f"{order.path!r} cannot be ordered by", "one of " + ", ".join(orders))
        raise Problem(Code.INVALID, str(error), (error,))
    return column


def from_position(
    statement: sa.Select[Any], keys: tuple[sa.ColumnElement[Any], ...], order: Order, cursor: Cursor | None, limit: int
) -> sa.Select[Any]:
    """Return ``statement`` ordered by ``keys``, begun after ``cursor``, with one row more than ``limit`` to see whether there is a next page.

    Raises:
        Problem: ``INVALID``: a limit out of range, or a cursor of another list.
    """
    check_limit(limit)
    if cursor is not None:
        position = _position(keys, cursor)
        after = sa.tuple_(*keys) < sa.tuple_(*position) if order.descending else sa.tuple_(*keys) > sa.tuple_(*position)
        statement = statement.where(after)
    return statement.order_by(*(key.desc() if order.descending else key.asc() for key in keys)).limit(limit + 1)


def _position(keys: tuple[sa.ColumnElement[Any], ...], cursor: Cursor) -> list[sa.ColumnElement[Any]]:
    kinds = [int if isinstance(key.type, sa.Integer) else str for key in keys]
    values = cursor.position
    if len(values) != len(kinds) or not all(type(v) is kind for v, kind in zip(values, kinds, strict=True)):
        error = FieldError("cursor", "belongs to another list or order", "pass it with the order that it came with")
        raise Problem(Code.INVALID, str(error), (error,))
    return [sa.literal(value, key.type) for value, key in zip(values, keys, strict=True)]
