"""Windows of delta columns as SQL: the same rows as the definition of a window takes, for every type, on a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.core.clock import DAY, SECOND, Instant, from_datetime, to_datetime
from headrace.core.errors import Code, Problem
from headrace.core.source import DeltaColumn, NullPolicy
from headrace.core.window import Window
from headrace.dataplane.connectors.databases.delta import Axis, axis_of, condition, split, tightened
from headrace.dataplane.connectors.databases.dialect import Column
from headrace.dataplane.connectors.databases.postgres import DIALECT
from headrace.dataplane.connectors.databases.postgres_types import column_of
from servers import PostgresServer

BASE = from_datetime(datetime(2024, 3, 30, 23, 59, 59, 999_998, UTC))
STEPS = (0, 1, 2, 3, 999_999, SECOND, SECOND + 1, 1500 * SECOND, DAY - 1, DAY, DAY + 2, 210 * DAY + 7)
COLUMNS: dict[str, tuple[str, DeltaColumn, int]] = {
    "timestamptz": ("to_timestamp(0) + m * interval '1 microsecond'", DeltaColumn("v"), 1),
    "timestamp": ("timestamp 'epoch' + m * interval '1 microsecond'", DeltaColumn("v"), 1),
    "date": ("date '1970-01-01' + (m / 86400000000)::int", DeltaColumn("v"), DAY),
    "int4": ("(m / 1000000)::int", DeltaColumn("v"), SECOND),
    "int8": ("m / 1000", DeltaColumn("v", milliseconds=True), 1000),
    "numeric": ("m / 1000000.0", DeltaColumn("v"), 1),
    "text": (
        "to_char(timestamp 'epoch' + m * interval '1 microsecond', 'YYYY-MM-DD\"T\"HH24:MI:SS')",
        DeltaColumn("v", format="yyyy-MM-dd'T'HH:mm:ss"),
        SECOND,
    ),
    "varchar": (
        "to_char(timestamp 'epoch' + m * interval '1 microsecond', 'YYYYMMDD HH24MISS.MS')",
        DeltaColumn("v", format="yyyyMMdd HHmmss.SSS"),
        1000,
    ),
}


def described(kind: str) -> Column:
    """Return the column ``v`` as PostgreSQL describes one of that type."""
    return column_of(pa.field("v", pa.null(), metadata={"POSTGRESQL:type": kind}), None, DIALECT)


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Return a connection to a database with one table for each type, in which equal, close and missing values stand."""
    url = postgres_server.create_database("delta")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for kind, (sql, _, _) in COLUMNS.items():
            connection.execute(
                f"CREATE TABLE t_{kind} AS SELECT n, ({sql})::{kind} AS v FROM unnest(%s::bigint[]) WITH ORDINALITY AS x(m, n)".encode(),
                [[BASE + step for step in STEPS] * 2],
            )
            connection.execute(f"INSERT INTO t_{kind} VALUES (0, NULL)".encode())
        connection.execute("SET timezone = 'America/New_York'")
        yield connection
    postgres_server.drop_database("delta")


def rows(database: psycopg.Connection[tuple[object, ...]], kind: str, where: str) -> list[object]:
    """Return the numbers of the rows that fulfil a condition."""
    return [row[0] for row in database.execute(f"SELECT n FROM t_{kind} WHERE {where} ORDER BY n".encode()).fetchall()]


offsets = st.one_of(st.sampled_from(STEPS), st.integers(-5, 220 * DAY))


@pytest.mark.postgres
@pytest.mark.parametrize("kind", COLUMNS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(offsets, min_size=1, max_size=4))
def test_every_row_is_in_exactly_the_windows_that_contain_its_value(
    database: psycopg.Connection[tuple[object, ...]], kind: str, cuts: list[int]
) -> None:
    """The oracle is the definition; so windows tile without gap or overlap, whatever the type and its grain."""
    _, delta, grain = COLUMNS[kind]
    axis = axis_of(delta, described(kind), DIALECT)
    values = {n: Instant((BASE + step) // grain * grain) for n, step in enumerate(STEPS * 2, 1)}
    edges = [None, *(Instant(BASE + cut) for cut in sorted(cuts)), None]
    for start, end in pairwise(edges):
        window = Window(start, end)
        expected = [n for n, value in values.items() if window.contains(value)]
        assert rows(database, kind, condition(axis, window, NullPolicy.SKIP)) == expected
        nulls = [0] if start is None else []
        assert rows(database, kind, condition(axis, window, NullPolicy.INCLUDE)) == nulls + expected


@pytest.mark.postgres
@pytest.mark.parametrize("kind", COLUMNS)
def test_the_largest_value_is_read_exactly(database: psycopg.Connection[tuple[object, ...]], kind: str) -> None:
    """An open window ends one step behind it: it takes that row, and not a step more."""
    _, delta, grain = COLUMNS[kind]
    axis = axis_of(delta, described(kind), DIALECT)
    database.execute("SET timezone = 'UTC'")
    found = database.execute(f"SELECT {axis.micros.format(f'max({axis.sql})')} FROM t_{kind}".encode()).fetchone()
    assert found is not None
    window = tightened(axis, Window(None, Instant(BASE + 999 * DAY)), str(found[0]))
    assert window.end == (BASE + STEPS[-1]) // grain * grain + grain


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (None, "needs the format"),
        ("dd.MM.yyyy", "does not sort as time does"),
        ("yyyy-dd-MM", "does not sort"),
        ("yyyy-MM", "does not sort"),
        ("yyyy-MM-dd mm:ss", "does not sort"),
        ("yyyy-MM-dd'T'HH:mm:ssZ", "other letters"),
        ("yy-MM-dd", "other letters"),
        ("yyyy-MM-dd HH:mm:ss.SSS'Z'", "milliseconds have to be at the end"),
    ],
)
def test_a_text_format_that_does_not_sort_as_time_is_refused(form: str | None, said: str) -> None:
    """Text is compared as text."""
    with pytest.raises(Problem) as caught:
        axis_of(DeltaColumn("v", format=form), described("text"), DIALECT)
    assert (caught.value.code, said in str(caught.value)) == (Code.INVALID, True)


def test_a_column_without_an_order_of_instants_is_refused() -> None:
    """The message names its type and what would be right."""
    with pytest.raises(Problem, match="the column 'v' of type jsonb") as caught:
        axis_of(DeltaColumn("v"), described("jsonb"), DIALECT)
    assert "a timestamp, date, number or text column" in str(caught.value)


@given(st.integers(-(10**18), 10**18), st.integers(0, 10**12), st.integers(1, 40))
def test_partitions_tile_everything(low: int, width: int, partitions: int) -> None:
    """The outer ones are open; the others touch; there are never more than asked for."""
    ranges = split(low, low + width, partitions)
    assert len(ranges) <= partitions
    assert (ranges[0][0], ranges[-1][1]) == (None, None)
    assert all(before[1] == after[0] for before, after in pairwise(ranges))
    assert all(start is None or end is None or start < end for start, end in ranges)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))  # noqa: DTZ001 — UTC is added below
def test_literals_of_any_year_are_read_back(moment: datetime) -> None:
    """Years before 1000 have their leading zeros."""
    axis = axis_of(DeltaColumn("v", format="yyyy-MM-dd HH:mm:ss.SSSSSS"), described("text"), DIALECT)
    instant = from_datetime(moment.replace(tzinfo=UTC))
    assert axis.parse(axis.literal(instant).strip("'")) == instant
    native: Axis = axis_of(DeltaColumn("v"), described("timestamptz"), DIALECT)
    text = native.literal(instant).removeprefix("TIMESTAMPTZ '").removesuffix("'")
    assert native.parse(text) == instant
    assert to_datetime(instant) - moment.replace(tzinfo=UTC) == timedelta(0)
