"""Copying PostgreSQL tables and queries, on a real server."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from headrace.core.clock import Instant, from_datetime
from headrace.core.errors import Code
from headrace.core.outcome import Outcome
from headrace.core.source import DeltaColumn, NullPolicy, TableSource
from headrace.core.window import Window
from headrace.dataplane.limits import Limits
from servers import PostgresServer
from waiting import until

from .conftest import Copier, Quiet

pytestmark = pytest.mark.postgres

_numbers = itertools.count(1)
Sql = Callable[..., list[Any]]


@pytest.fixture
def url(postgres_server: PostgresServer, copier: Copier) -> Iterator[str]:
    """Return the URL of a fresh database, known to the copier as ``db``; it has a password, which the server does not ask for."""
    name = f"source_{next(_numbers)}"
    url = postgres_server.create_database(name).replace("postgres@", "postgres:sekret@")
    copier.urls = {"db": url}
    yield url
    postgres_server.drop_database(name)


@pytest.fixture
def sql(url: str) -> Iterator[Sql]:
    """Return a function that does SQL in that database, each call committed."""
    with psycopg.connect(url, autocommit=True) as connection:

        def do(statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

        yield do


def rows_of(copier: Copier, outcome: Outcome) -> list[dict[str, Any]]:
    """Return the landed rows."""
    files = copier.landed(outcome).files
    return [row for file in files for row in pq.read_table(copier.roots.landing / file.path).to_pylist()]


def failed(outcome: Outcome) -> tuple[Code, str]:
    """Return why it failed; no message ever has the password."""
    assert outcome.failure is not None
    assert "sekret" not in repr(outcome)
    return outcome.failure.code, "\n".join([outcome.failure.message, *map(str, outcome.failure.fields)])


def done(_: object) -> None:
    """Take a result that nobody needs."""


def moment(text: str) -> Instant:
    """Return the instant of an ISO text, UTC where it has no zone."""
    parsed = datetime.fromisoformat(text)
    return from_datetime(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


TYPES: tuple[tuple[str, str, object], ...] = (
    ("boolean", "true", True),
    ("smallint", "-3", -3),
    ("integer", "2147483647", 2147483647),
    ("bigint", "-9223372036854775808", -9223372036854775808),
    ("real", "1.5", 1.5),
    ("double precision", "'-Infinity'", float("-inf")),
    ("numeric(10,2)", "1.25", Decimal("1.25")),
    ("numeric(38,0)", "9" * 38, Decimal("9" * 38)),
    ("numeric", "123.4567890123456789", "123.4567890123456789"),
    ("numeric(45,3)", "1" * 42 + ".125", "1" * 42 + ".125"),
    ("text", "'héé\t\"🚀'", 'héé\t"🚀'),
    ("varchar(3)", "'a,b'", "a,b"),
    ("char(4)", "'ab'", "ab  "),
    ("bytea", "'\\x00ff'", b"\x00\xff"),
    ("date", "'2024-02-29'", date(2024, 2, 29)),
    ("time", "'23:59:59.999999'", time(23, 59, 59, 999999)),
    ("timestamp", "'2024-03-31 02:30:00.000001'", datetime(2024, 3, 31, 2, 30, 0, 1)),  # noqa: DTZ001 — it has no zone
    ("timestamptz", "'2024-03-31 03:30:00.123456+02'", datetime(2024, 3, 31, 1, 30, 0, 123456, UTC)),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", "'{\"a\":  1}'", '{"a":  1}'),
    ("jsonb", "'{\"a\":  1}'", '{"a": 1}'),
    ("interval", "'1 month 2 days 3.5 s'", "P1M2DT3.5S"),
    ("mood", "'so so'", "so so"),
    ("positive", "7", 7),
    ("integer[]", "'{{1,2},{3,null}}'", "[[1,2],[3,null]]"),
    ("text[]", "'{a,\"b,c\"}'", '["a","b,c"]'),
    ("mood[]", "'{so so}'", '["so so"]'),
    ("inet", "'10.0.0.1'", "10.0.0.1/32"),
    ("int4range", "'[1,5)'", "[1,5)"),
    ("timetz", "'12:00+02'", "12:00:00+02"),
    ("bit(4)", "B'1010'", "1010"),
)


def test_every_type_lands_without_loss(copier: Copier, sql: Sql) -> None:
    """Natively where Arrow has the type, else as the text that PostgreSQL prints; nulls stay nulls."""
    sql("CREATE TYPE mood AS ENUM ('so so'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0)")
    columns = ", ".join(f'"c{n}: {kind}" {kind}' for n, (kind, _, _) in enumerate(TYPES))
    sql(f'CREATE TABLE "Odd ""Name" ({columns})')
    sql(f'INSERT INTO "Odd ""Name" VALUES ({", ".join(value for _, value, _ in TYPES)})')
    sql('INSERT INTO "Odd ""Name" DEFAULT VALUES')
    first, second = rows_of(copier, copier(TableSource("db", '"Odd ""Name"')))
    assert dict(zip([kind for kind, _, _ in TYPES], first.values(), strict=True)) == {k: v for k, _, v in TYPES}
    assert set(second.values()) == {None}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("numeric(5,2)", "NaN", "NaN"),
        ("timestamp", "infinity", "infinity"),
        ("timestamptz", "-infinity", "-infinity"),
        ("date", "infinity", "infinity"),
        ("date", "20000-01-01", "20000-01-01"),
        ("timestamp", "4713-01-01 00:00:00 BC", "4713-01-01 00:00:00 BC"),
        ("time", "24:00:00", "24:00:00"),
    ],
)
def test_a_value_that_no_type_holds_makes_its_column_text(
    copier: Copier, sql: Sql, kind: str, value: str, text: str
) -> None:
    """In every partition, in the same snapshot; the other columns keep their types, and rows are counted once."""
    sql(f"CREATE TABLE t AS SELECT n, NULL::{kind} AS v FROM generate_series(1, 4) n")
    sql(f"UPDATE t SET v = '{value}' WHERE n = 4")
    outcome = copier(TableSource("db", "t", partition_column="n", partitions=2))
    assert [row["v"] for row in rows_of(copier, outcome)] == [None, None, None, text]
    schemas = {str(pq.read_schema(copier.roots.landing / file.path)) for file in copier.landed(outcome).files}
    assert len(schemas) == 1
    assert outcome.figures.rows_read == 4


def test_columns_are_selected_in_the_order_that_is_asked_for(copier: Copier, sql: Sql) -> None:
    """The delta column need not be among them."""
    sql("CREATE TABLE t AS SELECT 1 AS a, 2 AS b, 3 AS c")
    source = TableSource("db", "public.t", columns=("c", "a"), delta=DeltaColumn("b"))
    assert rows_of(copier, copier(source)) == [{"c": 3, "a": 1}]


def test_unknown_columns_are_all_named_with_similar_ones(copier: Copier, sql: Sql) -> None:
    """Wanted, delta and partition columns alike."""
    sql('CREATE TABLE t ("Carrier" text, updated_at timestamptz)')
    source = TableSource("db", "t", None, ("carier",), DeltaColumn("updated"), "x", 2)
    code, message = failed(copier(source))
    assert code is Code.UNKNOWN_COLUMN
    assert "columns[0]: 't' has no column 'carier' (did you mean 'Carrier'?)" in message
    assert "delta.name: 't' has no column 'updated' (did you mean 'updated_at'?)" in message
    assert "partition_column" in message


@pytest.mark.parametrize(("table", "similar"), [("public.fligths", "flights"), ("Flights", "flights"), ("x.y", "")])
def test_a_missing_table_is_told_with_a_similar_name(copier: Copier, sql: Sql, table: str, similar: str) -> None:
    """The names of tables are case-sensitive here; the message helps."""
    sql("CREATE TABLE flights (a int)")
    code, message = failed(copier(TableSource("db", table)))
    assert code is Code.SOURCE_NOT_FOUND
    assert ("did you mean 'public.flights'" in message) is bool(similar)


@pytest.mark.parametrize("table", ["a.b.c", "", 'a"b', "pg_class; DROP TABLE t", 't" WHERE false --'])
def test_a_tables_name_is_never_more_than_a_name(copier: Copier, sql: Sql, table: str) -> None:
    """It is looked up, and quoted."""
    sql("CREATE TABLE t (a int)")
    assert failed(copier(TableSource("db", table)))[0] in (Code.INVALID, Code.SOURCE_NOT_FOUND)
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM t RETURNING a",
        "SELECT 1 AS a; DROP TABLE t",
        "SELECT a FROM t) AS source; DROP TABLE t; SELECT 1 FROM (SELECT 1",
        "WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone",
        "SELECT nextval('numbers') AS a",
        "SELECT take() AS a",
        "COPY t TO PROGRAM 'true'",
        "SELECT set_config('transaction_read_only', 'off', true), take() AS a",
    ],
)
def test_a_query_only_reads(copier: Copier, sql: Sql, query: str) -> None:
    """One statement, in a transaction that can write nothing."""
    sql("CREATE TABLE t AS SELECT 1 AS a; CREATE SEQUENCE numbers")
    sql("CREATE FUNCTION take() RETURNS int LANGUAGE sql VOLATILE AS 'DELETE FROM t RETURNING a'")
    assert failed(copier(TableSource("db", query=query)))[0] in (Code.INVALID, Code.SOURCE_DENIED)
    assert sql("SELECT count(*) FROM t") == [(1,)]


def test_a_query_may_end_in_a_semicolon_or_a_comment(copier: Copier, sql: Sql) -> None:
    """It is taken as people write it."""
    sql("CREATE TABLE t AS SELECT 1 AS a")
    assert rows_of(copier, copier(TableSource("db", query="SELECT a FROM t;\n"))) == [{"a": 1}]
    assert rows_of(copier, copier(TableSource("db", query="SELECT a FROM t -- all"), run_id="run-2")) == [{"a": 1}]


def test_two_columns_of_one_name_are_refused(copier: Copier, url: str) -> None:
    """A landed file could not keep them apart."""
    assert url
    assert "more than one column named 'a'" in failed(copier(TableSource("db", query="SELECT 1 AS a, 2 AS a")))[1]


def test_partitions_read_every_row_once_in_one_snapshot(copier: Copier, sql: Sql) -> None:
    """Rows without a value and rows at the cuts too; a row that comes while we read is in none of them."""
    sql("CREATE TABLE t AS SELECT n, CASE WHEN n % 10 <> 0 THEN n * n END AS key FROM generate_series(1, 100) n")
    context = Quiet(on_progress=lambda _: done(sql("INSERT INTO t VALUES (0, 5000)")))
    copier.limits = Limits(threads=1)
    outcome = copier(TableSource("db", "t", partition_column="key", partitions=4), context=context)
    assert sorted(row["n"] for row in rows_of(copier, outcome)) == list(range(1, 101))
    assert len(copier.landed(outcome).files) == 4
    assert outcome.figures.rows_read == 100


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_partitions_of_time_read_every_row_once(copier: Copier, sql: Sql, kind: str) -> None:
    """Infinite ones too: the outer partitions have no bounds."""
    sql(
        f"CREATE TABLE t AS SELECT n, ('2024-03-01'::{kind} + n * '7 hours'::interval)::{kind} AS at FROM generate_series(1, 99) n"
    )
    sql("INSERT INTO t VALUES (100, 'infinity'), (101, '-infinity'), (102, NULL)")
    outcome = copier(TableSource("db", "t", columns=("n",), partition_column="at", partitions=3))
    assert sorted(row["n"] for row in rows_of(copier, outcome)) == list(range(1, 103))


def test_an_empty_table_succeeds_without_files(copier: Copier, sql: Sql) -> None:
    """Partitioned or not, with a window or without; and no watermark moves."""
    sql("CREATE TABLE t (a int, at timestamptz)")
    source = TableSource("db", "t", None, (), DeltaColumn("at"), "a", 3)
    landed = copier.landed(copier(source))
    assert (landed.files, landed.window) == ((), Window(None, None))


EDGES = ("2024-03-31T00:59:59.999999", "2024-03-31T01:00:00", "2024-03-31T01:00:00.000001", "2024-10-27T01:00:00")


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_windows_tile_to_the_microsecond_across_dst(copier: Copier, sql: Sql, kind: str) -> None:
    """Equal values at an edge, a microsecond beside it, the days on which clocks jump: each row in exactly one window."""
    sql("SET timezone = 'UTC'")
    sql(f"CREATE TABLE t (n serial, at {kind})")
    for text in EDGES * 2:
        sql("INSERT INTO t (at) VALUES (%s)", [text])
    zone = sql("SELECT current_database()")[0][0]
    sql(f"ALTER DATABASE {zone} SET timezone = 'Europe/Berlin'")
    cuts = [None, *(moment(text) for text in EDGES), moment("2024-10-27T01:00:00.000001")]
    found = []
    for number, (start, end) in enumerate(itertools.pairwise(cuts)):
        outcome = copier(TableSource("db", "t", delta=DeltaColumn("at")), Window(start, end), run_id=f"run-{number}")
        found.append(sorted(row["n"] for row in rows_of(copier, outcome)))
    assert found == [[], [1, 5], [2, 6], [3, 7], [4, 8]]


def test_a_window_without_an_end_stops_just_behind_the_newest_row(copier: Copier, sql: Sql) -> None:
    """So the next window, from there, has every row that came later, also by a clock that is slow."""
    sql("CREATE TABLE t AS SELECT 1 AS n, now() - interval '1 hour' AS at")
    source = TableSource("db", "t", delta=DeltaColumn("at"))
    first = copier(source, Window(Instant(0)))
    window = copier.landed(first).window
    assert window is not None
    sql("INSERT INTO t SELECT 2, max(at) + interval '1 microsecond' FROM t")
    second = copier(source, Window(window.end), run_id="run-2")
    assert [row["n"] for row in rows_of(copier, first)] == [1]
    assert [row["n"] for row in rows_of(copier, second)] == [2]


def test_a_window_that_ends_after_the_databases_present_is_waited_for(copier: Copier, sql: Sql) -> None:
    """Its clock is behind ours, so rows that are dated before the end still come: no later window would have them."""
    sql("CREATE TABLE t (n int, at timestamptz)")
    end = sql("SELECT (extract(epoch FROM clock_timestamp() + interval '1 second') * 1000000)::bigint")[0][0]
    late = Timer(0.05, sql, ("INSERT INTO t VALUES (1, clock_timestamp())",))
    late.start()
    outcome = copier(TableSource("db", "t", delta=DeltaColumn("at")), Window(Instant(0), Instant(end)))
    late.join()
    assert [row["n"] for row in rows_of(copier, outcome)] == [1]


def test_the_end_of_a_window_is_of_the_same_snapshot_as_its_rows(copier: Copier, sql: Sql) -> None:
    """A row that is committed while we read is behind the end, and in the next window: once."""
    sql("CREATE TABLE t AS SELECT 1 AS n, clock_timestamp() AS at")
    source = TableSource("db", "t", delta=DeltaColumn("at"))
    inserts = iter(["INSERT INTO t VALUES (2, clock_timestamp())"])
    context = Quiet(on_progress=lambda _: done([sql(statement) for statement in inserts]))
    first = copier(source, Window(Instant(0)), context=context)
    window = copier.landed(first).window
    assert window is not None
    second = copier(source, Window(window.end), run_id="run-2")
    assert [[row["n"] for row in rows_of(copier, outcome)] for outcome in (first, second)] == [[1], [2]]


def test_nothing_new_leaves_the_watermark_where_it_is(copier: Copier, sql: Sql) -> None:
    """It only moves to a bound whose rows were delivered."""
    sql("CREATE TABLE t AS SELECT now() - interval '1 day' AS at")
    start = moment("2024-01-01T00:00:00")
    sql("UPDATE t SET at = '2023-12-31'")
    landed = copier.landed(copier(TableSource("db", "t", delta=DeltaColumn("at")), Window(start)))
    assert (landed.files, landed.window) == ((), Window(start, start))


def test_a_lag_leaves_room_for_writers_that_commit_late(copier: Copier, sql: Sql) -> None:
    """A row younger than the lag waits, so one that is committed after it with an older value is not lost."""
    sql("CREATE TABLE t AS SELECT 1 AS n, now() - interval '1 hour' AS at UNION SELECT 2, now() - interval '1 second'")
    source = TableSource("db", "t", delta=DeltaColumn("at", lag_seconds=60))
    first = copier(source, Window(Instant(0)))
    window = copier.landed(first).window
    assert window is not None
    sql("INSERT INTO t VALUES (3, now() - interval '2 seconds')")
    later = TableSource("db", "t", delta=DeltaColumn("at"))
    second = copier(later, Window(window.end), run_id="run-2")
    assert [row["n"] for row in rows_of(copier, first)] == [1]
    assert sorted(row["n"] for row in rows_of(copier, second)) == [2, 3]


def test_dates_are_read_when_the_day_is_over(copier: Copier, sql: Sql) -> None:
    """More rows of today may come: an open window ends at midnight, and today's rows are in the next one."""
    sql("CREATE TABLE t AS SELECT (now() AT TIME ZONE 'UTC')::date - n AS day, n FROM generate_series(0, 2) n")
    outcome = copier(TableSource("db", "t", delta=DeltaColumn("day")), Window(Instant(0)))
    assert sorted(row["n"] for row in rows_of(copier, outcome)) == [1, 2]


def test_timestamps_of_whole_seconds_are_read_when_the_second_is_over(copier: Copier, sql: Sql) -> None:
    """A row of the same second may come after the read; an open window leaves that second to the next one."""
    sql("CREATE TABLE t (n int, at timestamp(0) without time zone)")
    sql("INSERT INTO t VALUES (1, (now() AT TIME ZONE 'UTC') - interval '90 s')")
    source = TableSource("db", "t", delta=DeltaColumn("at"))
    window = copier.landed(copier(source, Window(Instant(0)))).window
    largest = sql("SELECT (extract(epoch FROM max(at)) * 1000000)::bigint FROM t")[0][0]
    assert window == Window(Instant(0), Instant(largest + 1_000_000))


@pytest.mark.parametrize(
    ("policy", "start", "rows", "skipped"),
    [
        (NullPolicy.SKIP, None, [1], 2),
        (NullPolicy.SKIP, 0, [1], 2),
        (NullPolicy.INCLUDE, None, [1, 2, 3], 0),
        (NullPolicy.INCLUDE, 0, [1], 2),
    ],
)
def test_rows_without_a_delta_value_are_read_or_counted(
    copier: Copier, sql: Sql, policy: NullPolicy, start: int | None, rows: list[int], skipped: int
) -> None:
    """They are never silently dropped."""
    sql("CREATE TABLE t AS SELECT 1 AS n, '2024-01-01'::timestamptz AS at UNION SELECT 2, NULL UNION SELECT 3, NULL")
    window = Window(None if start is None else Instant(start), moment("2025-01-01"))
    outcome = copier(TableSource("db", "t", delta=DeltaColumn("at", nulls=policy)), window)
    assert sorted(row["n"] for row in rows_of(copier, outcome)) == rows
    assert (copier.landed(outcome).rows_skipped, outcome.figures.rows_skipped) == (skipped, skipped)


def test_rows_without_a_delta_value_fail_the_copy_where_that_is_the_policy(copier: Copier, sql: Sql) -> None:
    """With their count."""
    sql("CREATE TABLE t AS SELECT NULL::timestamptz AS at")
    source = TableSource("db", "t", delta=DeltaColumn("at", nulls=NullPolicy.FAIL))
    assert "1 rows of 't' have no value in the delta column 'at'" in failed(copier(source))[1]


def test_wrong_roles_and_missing_rights_are_told_as_denied(copier: Copier, sql: Sql, url: str) -> None:
    """Without the password, whoever asks."""
    sql("CREATE TABLE t (a int)")
    sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    copier.urls = {"db": url, "reader": url.replace("postgres:", "reader:"), "no": url.replace("postgres:", "nobody:")}
    assert failed(copier(TableSource("reader", "t"))) == (Code.SOURCE_DENIED, "t: permission denied for table t")
    assert failed(copier(TableSource("no", "t"), run_id="run-2"))[0] is Code.SOURCE_UNAUTHENTICATED
    copier.urls = {"db": url + "_not"}
    assert failed(copier(TableSource("db", "t"), run_id="run-3"))[0] is Code.SOURCE_NOT_FOUND


def test_a_server_that_does_not_answer_is_told_as_unavailable(copier: Copier) -> None:
    """Nobody listens on port 1."""
    copier.urls = {"db": "postgresql://u:sekret@127.0.0.1:1/d"}
    assert failed(copier(TableSource("db", "t")))[0] is Code.SOURCE_UNAVAILABLE


def test_a_connection_that_is_lost_while_we_read_is_told_as_unavailable(copier: Copier, sql: Sql) -> None:
    """And nothing of the partition is left."""
    sql("CREATE TABLE t AS SELECT n, repeat('x', 1000) AS x FROM generate_series(1, 30000) n")
    copier.limits = Limits(batch_bytes=100_000)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    outcome = copier(TableSource("db", "t"), context=Quiet(on_progress=lambda _: done(sql(kill))))
    assert failed(outcome)[0] is Code.SOURCE_UNAVAILABLE
    assert not list((copier.roots.landing / "run-1" / "Copy" / "1.1").glob("*.parquet"))


def test_a_cancellation_interrupts_a_query_that_gives_no_rows(copier: Copier, sql: Sql) -> None:
    """Within two seconds, and the server stops working on it too."""
    context, outcomes = Quiet(), []
    source = TableSource("db", query="SELECT pg_sleep(600)::text AS x")
    working = Thread(target=lambda: outcomes.append(copier(source, context=context)))
    working.start()
    asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    until(lambda: sql(asleep), seconds=20, what="the query sleeps")
    context.cancellation.stop(Code.CANCELLED, "a person stopped it")
    working.join(2)
    assert not working.is_alive()
    assert failed(outcomes[0]) == (Code.CANCELLED, "a person stopped it")
    until(lambda: not sql(asleep), seconds=2, what="the server has stopped")


def test_a_cancellation_interrupts_a_stream_of_rows(copier: Copier, url: str) -> None:
    """Between two batches at the latest."""
    assert url
    context = Quiet()
    context.on_progress = lambda _: context.cancellation.stop(Code.TIMED_OUT, "out of time")
    copier.limits = Limits(batch_bytes=100_000)
    outcome = copier(TableSource("db", query="SELECT generate_series(1, 100000000) AS n"), context=context)
    assert failed(outcome) == (Code.TIMED_OUT, "out of time")


def test_a_statement_that_takes_too_long_is_told_as_a_timeout(copier: Copier, url: str) -> None:
    """The limit is the installation's."""
    assert url
    copier.limits = Limits(statement_timeout_seconds=0.05)
    outcome = copier(TableSource("db", query="SELECT pg_sleep(600)::text AS x"))
    assert failed(outcome)[0] is Code.SOURCE_TIMEOUT


def test_more_bytes_than_the_settings_allow_stop_the_copy(copier: Copier, url: str) -> None:
    """A table's size is not known before."""
    assert url
    copier.max_bytes = 1000
    outcome = copier(TableSource("db", query="SELECT n FROM generate_series(1, 100000) n"))
    assert failed(outcome)[0] is Code.LIMIT_EXCEEDED


def test_a_query_that_fails_on_a_row_is_told_as_such(copier: Copier, url: str) -> None:
    """It is the query that is wrong, not the server that is away."""
    assert url
    outcome = copier(TableSource("db", query="SELECT 1 / (n - 90000) AS x FROM generate_series(1, 100000) n"))
    assert failed(outcome) == (Code.INVALID, "query: division by zero")


def test_a_disk_that_fills_up_stops_a_table_and_leaves_nothing_of_it(
    copier: Copier, url: str, small_disk: Path
) -> None:
    """How much a table needs is not known before."""
    assert url
    object.__setattr__(copier.roots, "landing", small_disk)
    query = "SELECT md5(n::text) AS x FROM generate_series(1, 20000) n"
    assert failed(copier(TableSource("db", query=query)))[0] is Code.DISK_FULL
    assert not list((small_disk / "run-1" / "Copy" / "1.1").glob("*.parquet"))


def test_a_finished_copy_of_a_table_is_not_read_again(copier: Copier, sql: Sql) -> None:
    """The next epoch takes the manifest, with the same window."""
    sql("CREATE TABLE t AS SELECT 1 AS n, now() - interval '1 day' AS at")
    source = TableSource("db", "t", delta=DeltaColumn("at"))
    first = copier(source, Window(Instant(0)))
    sql("DROP TABLE t")
    assert copier(source, Window(Instant(0)), epoch=2) == first


def test_another_kind_of_database_is_told_as_unsupported(copier: Copier) -> None:
    """With those that are."""
    source = TableSource("db", "t")
    copier.urls, copier.kind = {"db": "oracle://127.0.0.1/db"}, "oracle"
    assert failed(copier(source))[0] is Code.UNSUPPORTED
