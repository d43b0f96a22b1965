"""Ranges of a column that tile a table, and the placeholders of queries that take them (contract 9.6); pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

CONDITION = re.compile(r"\?(?:Adf|Df)DynamicRangePartitionCondition\b", re.IGNORECASE)
"""The placeholder that becomes the condition of a range."""
_PARTITION = re.compile(r"\?(?:Adf|Df)TabularPartitionName\b", re.IGNORECASE)
_COLUMN = re.compile(r"\?(?:Adf|Df)RangePartitionColumnName\b", re.IGNORECASE)
_LOW = re.compile(r"\?(?:Adf|Df)RangePartitionLowbound\b", re.IGNORECASE)
_HIGH = re.compile(r"\?(?:Adf|Df)RangePartitionUpbound\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Range:
    """Values above ``low`` up to ``high``, whole numbers of any unit; None: without an end. The first range also has the rows without a value."""

    low: int | None
    high: int | None


def ranges_of(lower: int, upper: int, parts: int, *, given: bool) -> tuple[Range, ...]:
    """Return at most ``parts`` ranges that tile everything.

    Bounds that were ``given`` end the first and begin the last range: 20 and 80 in four parts give up to 20, to 50, to 80, and above. Bounds that
    were looked up have nothing beyond them, so the ranges between them are all of one width.
    """
    if parts <= 1:
        return (Range(None, None),)
    if lower > upper:
        lower, upper = upper, lower
    if given and parts > 2:
        inner = parts - 2
        cuts = [lower + (upper - lower) * number // inner for number in range(inner + 1)]
    else:
        cuts = [lower - 1 + (upper - lower + 1) * number // parts for number in range(1, parts)]
    cuts = sorted(set(cuts))
    return tuple(Range(low, high) for low, high in zip([None, *cuts], [*cuts, None], strict=True))


def has_placeholder(query: str) -> bool:
    """Say whether a query wants to be told its range or partition."""
    return any(pattern.search(query) for pattern in (CONDITION, _PARTITION, _COLUMN, _LOW, _HIGH))


@dataclass(frozen=True, slots=True)
class Filling:
    """What placeholders become: SQL of the condition, the column, and the values of the ends."""

    condition: str = "1 = 1"
    column: str = "NULL"
    low: str = "NULL"
    high: str = "NULL"
    partition: str = ""


def filled(query: str, filling: Filling) -> str:
    """Return the query with its placeholders filled."""
    for pattern, text in _pairs(filling):
        query = pattern.sub(text.replace("\\", "\\\\"), query)
    return query


def _pairs(filling: Filling) -> Sequence[tuple[re.Pattern[str], str]]:
    return (
        (CONDITION, filling.condition),
        (_COLUMN, filling.column),
        (_LOW, filling.low),
        (_HIGH, filling.high),
        (_PARTITION, filling.partition),
    )
