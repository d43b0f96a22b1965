"""Keyset paging over several keys, each in a direction of its own. ``paging`` serves lists with one key and an id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.query import Value


@dataclass(frozen=True, slots=True)
class Key:
    """One of the things that rows are ordered by; it is never null."""

    column: sa.ColumnElement[Any]
    descending: bool = False

    @property
    def ordering(self) -> sa.ColumnElement[Any]:
        """Return what stands in ORDER BY."""
        return self.column.desc() if self.descending else self.column.asc()


Position = tuple[Value, ...]
"""The values of all keys in a row: the next page begins behind it."""


def after(keys: Sequence[Key], position: Position) -> sa.ColumnElement[bool]:
    """Return whether a row lies behind ``position``.

    Raises:
        Problem: ``INVALID``: the position has other keys.
    """
    values = _values(keys, position)
    directions = {key.descending for key in keys}
    if len(directions) == 1:
        row, there = sa.tuple_(*(key.column for key in keys)), sa.tuple_(*values)
        return row < there if directions == {True} else row > there
    alternatives: list[sa.ColumnElement[bool]] = []
    equal: list[sa.ColumnElement[bool]] = []
    for key, value in zip(keys, values, strict=True):
        beyond = key.column < value if key.descending else key.column > value
        alternatives.append(sa.and_(*equal, beyond))
        equal.append(key.column == value)
    return sa.or_(*alternatives)


def _values(keys: Sequence[Key], position: Position) -> list[sa.ColumnElement[Any]]:
    kinds = [int if isinstance(key.column.type, sa.Integer) else str for key in keys]
    if len(position) != len(kinds) or not all(type(value) is kind for value, kind in zip(position, kinds, strict=True)):
        error = FieldError("cursor", "belongs to another list or order", "pass it with the order that it came with")
        raise Problem(Code.INVALID, str(error), (error,))
    return [sa.literal(value, key.column.type) for value, key in zip(position, keys, strict=True)]
