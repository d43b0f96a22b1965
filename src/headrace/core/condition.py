"""Conditions on a table's rows, as a source asks its database for them: a small tree that every SQL connector compiles.

Values are bound by the connector, never pasted into SQL; column names are checked against the table before a statement is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

from headrace.core.codec import Json


class Comparator(StrEnum):
    """How a column compares with a literal. A comparison with a null column does not hold."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "like"
    """SQL's ``LIKE``: ``%`` any text, ``_`` any character, as the database compares text."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``column op value``; the value is a string, a number or a boolean."""

    KIND: ClassVar[str] = "compare"

    column: str
    op: Comparator
    value: Json


@dataclass(frozen=True, slots=True)
class Membership:
    """The column has one of ``values`` (at least one, all strings, numbers or booleans)."""

    KIND: ClassVar[str] = "in"

    column: str
    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """The column is null."""

    KIND: ClassVar[str] = "is_null"

    column: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    KIND: ClassVar[str] = "and"

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    KIND: ClassVar[str] = "or"

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold (SQL's ``NOT``: unknown stays unknown)."""

    KIND: ClassVar[str] = "not"

    part: "Condition"


Condition: TypeAlias = Comparison | Membership | IsNull | AllOf | AnyOf | Negation


def columns_of(condition: Condition) -> Iterator[str]:
    """Yield the name of every column that ``condition`` looks at, from left to right, repeated as often as it is named."""
    match condition:
        case Comparison(column=name) | Membership(column=name) | IsNull(column=name):
            yield name
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from columns_of(part)
        case Negation(part):
            yield from columns_of(part)
