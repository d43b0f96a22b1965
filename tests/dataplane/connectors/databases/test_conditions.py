"""Conditions on rows: what a database takes is what a tiny interpreter takes, whatever stands in the values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.codec import Json
from headrace.core.condition import AllOf, AnyOf, Comparator, Comparison, Condition, IsNull, Membership, Negation
from headrace.core.errors import Code, Problem
from headrace.core.source import DeltaColumn, TableSource
from headrace.core.window import Window
from headrace.dataplane.connectors.databases.conditions import MAX_DEPTH, condition_sql
from headrace.dataplane.connectors.databases.dialect import Column, Family
from headrace.dataplane.connectors.databases.mysql import DIALECT as MYSQL
from headrace.dataplane.connectors.databases.relations import relation_of

from .conftest import House
from .test_behaviour import moment

HOSTILE = (
    "",
    "a",
    "A",
    "b%",
    "_",
    "a\\",
    "\\%",
    "it's",
    "' OR '1'='1",
    '"',
    "`",
    "!",
    "[a]",
    "é",
    "🚀",
    " a",
    "a ",
    "\n",
    "; -- ",
    "/*",
)
ROWS: tuple[dict[str, Any], ...] = (
    *({"i": n % 4 - 1, "d": Decimal(n) / 4, "s": text, "b": n % 2 == 0} for n, text in enumerate(HOSTILE)),
    {"i": None, "d": None, "s": None, "b": None},
    {"i": 2, "d": None, "s": "ab", "b": None},
)
DAYS = tuple(datetime(2024, 2, 27 + n % 3, n % 24, 0, 0, n, UTC) if n % 5 else None for n in range(len(ROWS)))
TABLE = "CREATE TABLE t (n int, i int, d decimal(8,2), s varchar(20), b boolean, at {}, day date)"


def fill(house: House) -> list[dict[str, Any]]:
    """Make the table ``t``; return its rows."""
    house.sql(TABLE.format("datetime(6)" if house.kind == "mysql" else "timestamp"))
    rows = [
        {"n": n, **row, "at": at, "day": at and at.date()} for n, (row, at) in enumerate(zip(ROWS, DAYS, strict=True))
    ]
    for row in rows:
        values = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in row.values()]
        house.sql("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s, %s)", values)
    return rows


def holds(condition: Condition, row: Mapping[str, Any]) -> bool | None:
    """Say whether a row fulfils a condition; None: it is unknown. The definition, in as few words as there are."""
    match condition:
        case Comparison(name, op, value):
            return None if row[name] is None else compared(row[name], op, value)
        case Membership(name, values):
            return None if row[name] is None else any(compared(row[name], Comparator.EQ, value) for value in values)
        case IsNull(name):
            return row[name] is None
        case Negation(part):
            inner = holds(part, row)
            return None if inner is None else not inner
        case AllOf(parts):
            found = [holds(part, row) for part in parts]
            return False if False in found else None if None in found else True
        case AnyOf(parts):
            found = [holds(part, row) for part in parts]
            return True if True in found else None if None in found else False


def compared(left: Any, op: Comparator, right: Any) -> bool:
    """Say how a value compares with a literal."""
    if op is Comparator.LIKE:
        pattern = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in right)
        return re.fullmatch(pattern, left, re.DOTALL) is not None
    if isinstance(left, datetime):
        right = datetime.fromisoformat(right)
        right = right if right.tzinfo else right.replace(tzinfo=UTC)
    elif isinstance(left, date):
        right = date.fromisoformat(right)
    elif isinstance(left, Decimal):
        right = Decimal(str(right))
    return bool(
        {
            Comparator.EQ: left == right,
            Comparator.NE: left != right,
            Comparator.LT: left < right,
            Comparator.LE: left <= right,
            Comparator.GT: left > right,
            Comparator.GE: left >= right,
        }[op]
    )


ORDER = st.sampled_from([op for op in Comparator if op is not Comparator.LIKE])
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(st.sampled_from("aAb%_\\'\"`!é🚀[] \n;-"), max_size=5))
NUMBERS = st.sampled_from([-1, 0, 1, 2, 0.25, 1.5, 2.75, 10**30])
INSTANTS = st.sampled_from(
    ["2024-02-28", "2024-02-28T01:00:00.000001", "2024-02-28T03:00:00.000001+02:00", "2024-02-29T23:00:00Z"]
)
DATES = st.sampled_from(["2024-02-27", "2024-02-28", "2024-03-01"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i": NUMBERS,
    "d": NUMBERS,
    "s": TEXTS,
    "b": st.booleans(),
    "at": INSTANTS,
    "day": DATES,
}
LEAVES = st.one_of(
    *(st.builds(Comparison, st.just(name), ORDER, VALUES[name]) for name in ("i", "d", "s", "at", "day")),
    st.builds(Comparison, st.just("b"), st.sampled_from([Comparator.EQ, Comparator.NE]), VALUES["b"]),
    st.builds(Comparison, st.just("s"), st.just(Comparator.LIKE), TEXTS),
    *(
        st.builds(Membership, st.just(name), st.lists(values, min_size=1, max_size=3).map(tuple))
        for name, values in VALUES.items()
    ),
    st.builds(IsNull, st.sampled_from(list(VALUES))),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Negation, inner),
    ),
    max_leaves=6,
)


def test_a_database_takes_the_rows_that_the_definition_takes(house: House) -> None:
    """Quotes, backslashes, wildcards and every other character are but characters; null is neither equal nor different."""
    rows = fill(house)
    with house.open() as session:
        relation = relation_of(session, TableSource("db", "t"), 100)

        @settings(max_examples=120)
        @given(CONDITIONS)
        def agree(condition: Condition) -> None:
            where = condition_sql(condition, relation.by_name, session.dialect, "t")
            found = session.rows(f"SELECT n {relation.rest(where)} ORDER BY n")
            assert [int(n) for (n,) in found] == [row["n"] for row in rows if holds(condition, row)]

        agree()


def test_a_copy_takes_a_condition_within_its_window(house: House) -> None:
    """Both have to hold; rows without a delta value are counted among those that the condition takes."""
    fill(house)
    source = TableSource("db", "t", delta=DeltaColumn("at"), where=Comparison("b", Comparator.EQ, value=True))
    day = Window(moment("2024-02-28"), moment("2024-02-29"))
    outcome = house.copy(source, day)
    assert house.numbers(outcome) == [4, 16]
    assert house.landed(outcome).rows_skipped == 2
    late = TableSource("db", "t", delta=DeltaColumn("at"), where=Comparison("s", Comparator.LIKE, "%' OR %"))
    assert house.numbers(house.copy(late, Window())) == [8]


def test_what_is_wrong_with_a_condition_is_told_before_anything_is_read(house: House) -> None:
    """Unknown columns with similar ones; a text where a number stands; and the copy fails."""
    fill(house)
    source = TableSource("db", "t", where=Comparison("dayy", Comparator.EQ, "2024-01-01"))
    code, message = house.failure(house.copy(source))
    assert code is Code.UNKNOWN_COLUMN
    assert "where.column: 't' has no column 'dayy' (did you mean 'day'?)" in message
    source = TableSource("db", "t", where=Comparison("i", Comparator.EQ, "1 OR 1=1"))
    assert house.failure(house.copy(source))[0] is Code.INVALID


@dataclass(frozen=True)
class Wrong:
    """A comparison that is refused, and what is said of it."""

    column: str
    op: Comparator
    value: Json
    said: str


def _column(name: str, family: Family) -> Column:
    return Column(name, family.value, family, pa.string(), name, name, name)


KNOWN = {family.value: _column(family.value, family) for family in Family}


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong("integer", Comparator.EQ, "1", "cannot be compared with a text (a number is expected)"),
        Wrong("integer", Comparator.EQ, value=True, said="cannot be compared with true or false"),
        Wrong("number", Comparator.LT, float("inf"), "too large, or none"),
        Wrong("number", Comparator.LT, 10**38, "too large, or none"),
        Wrong("text", Comparator.EQ, 1, "cannot be compared with a number (a text is expected)"),
        Wrong("text", Comparator.EQ, None, "cannot be compared with null"),
        Wrong("text", Comparator.EQ, "a\0b", "NUL"),
        Wrong("text", Comparator.LIKE, 5, "cannot be compared with a number"),
        Wrong("boolean", Comparator.EQ, 1, "true or false is expected"),
        Wrong("boolean", Comparator.LT, value=True, said="has no order to compare by <"),
        Wrong("integer", Comparator.LIKE, "1%", "has no text to compare by like"),
        Wrong("instant", Comparator.EQ, 1700000000, "a text like 2024-01-31T12:00:00Z"),
        Wrong("instant", Comparator.EQ, "2024-W05-1", "is no date"),
        Wrong("date", Comparator.EQ, "2024-02-30", "is no date"),
        Wrong("date", Comparator.EQ, "2024-02-28T12:00:00", "is not a whole day"),
        Wrong("time", Comparator.EQ, "25:00", "is no time of the day"),
        Wrong("other", Comparator.EQ, "x", "it can only be asked whether it is null"),
        Wrong("text", Comparator.EQ, {"a": 1}, "cannot be compared with an object"),
    ],
)
def test_a_value_of_another_class_than_its_column_is_refused(wrong: Wrong) -> None:
    """With the column, what was given, and what would be right."""
    with pytest.raises(Problem) as caught:
        condition_sql(Comparison(wrong.column, wrong.op, wrong.value), KNOWN, MYSQL, "t")
    assert caught.value.code is Code.INVALID
    assert wrong.said in str(caught.value)


def test_every_error_of_a_condition_is_told_at_once() -> None:
    """With the path to each."""
    condition = AllOf((Comparison("integer", Comparator.EQ, "x"), Negation(Membership("text", (1, "a", None)))))
    with pytest.raises(Problem) as caught:
        condition_sql(condition, KNOWN, MYSQL, "t")
    paths = [error.path for error in caught.value.fields]
    assert paths == ["where.parts[0].value", "where.parts[1].part.values[0]", "where.parts[1].part.values[2]"]


def test_a_condition_is_not_endless() -> None:
    """Neither in depth nor in values."""
    deep: Condition = IsNull("text")
    for _ in range(MAX_DEPTH):
        deep = Negation(deep)
    wide = Membership("integer", tuple(range(10_001)))
    for condition in (deep, wide):
        with pytest.raises(Problem) as caught:
            condition_sql(condition, KNOWN, MYSQL, "t")
        assert caught.value.code is Code.LIMIT_EXCEEDED
