"""What every database does for a copy, told once for all of them."""

import itertools
from datetime import UTC, datetime
from threading import Thread

import pytest

from headrace.core.clock import Instant, from_datetime
from headrace.core.errors import Code
from headrace.core.source import DeltaColumn, NullPolicy, TableSource
from headrace.core.window import Window
from headrace.dataplane.limits import Limits
from servers import free_port
from waiting import until

from .conftest import House, Told


def moment(text: str) -> Instant:
    """Return the instant of an ISO text in UTC."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def seven(house: House) -> None:
    """Make the table ``t`` with the numbers 1 to 7."""
    house.sql("CREATE TABLE t (n int, name varchar(20))")
    house.sql("INSERT INTO t VALUES " + ", ".join(f"({n}, 'row {n}')" for n in range(1, 8)))


def late(house: House) -> None:
    """Add a row that commits at once."""
    house.sql("INSERT INTO t VALUES (5, 'late')")


def test_a_table_is_found_with_and_without_its_schema(house: House) -> None:
    """And one that is not there is told with names that are."""
    seven(house)
    schema = house.info.url.rpartition("/")[2] if house.kind == "mysql" else "public"
    for name in ("t", f"{schema}.t"):
        assert house.numbers(house.copy(TableSource("db", name))) == list(range(1, 8))
    house.sql("CREATE TABLE flights (n int)")
    code, message = house.failure(house.copy(TableSource("db", f"{schema}.fligths")))
    assert code is Code.SOURCE_NOT_FOUND
    assert f"did you mean '{schema}.flights'" in message


def test_columns_and_queries_are_read_as_they_are_asked_for(house: House) -> None:
    """Unknown ones are all named; a query's row comes as the table's would."""
    seven(house)
    assert house.rows(house.copy(TableSource("db", "t", columns=("name", "n"))))[0] == {"name": "row 1", "n": 1}
    assert house.numbers(house.copy(TableSource("db", query="SELECT n FROM t WHERE n > 5;"))) == [6, 7]
    code, message = house.failure(house.copy(TableSource("db", "t", columns=("nam",), delta=DeltaColumn("x"))))
    assert code is Code.UNKNOWN_COLUMN
    assert "did you mean 'name'" in message
    assert "delta.name" in message


@pytest.mark.parametrize(
    "query",
    [
        "SELECT n FROM t; DROP TABLE t",
        "SELECT n FROM t) AS source; DROP TABLE t; SELECT 1 FROM (SELECT 1",
        "DELETE FROM t",
        "SELECT n FROM t) AS source UNION SELECT 1 FROM (SELECT 1 AS n",
        "SELECT 'it''s ",
    ],
)
def test_a_query_is_one_statement_that_only_reads(house: House, query: str) -> None:
    """Whatever stands in it."""
    seven(house)
    assert house.failure(house.copy(TableSource("db", query=query)))[0] in (Code.INVALID, Code.SOURCE_DENIED)
    assert house.sql("SELECT count(*) FROM t") == [(7,)]


def test_rows_that_come_while_a_table_is_read_are_not_in_it(house: House) -> None:
    """One snapshot from the first statement to the last, partitioned or not."""
    seven(house)
    house.limits = Limits(batch_bytes=16, threads=1)
    for partitions in (1, 3):
        before = house.sql("SELECT count(*) FROM t")[0][0]
        context = Told(on_progress=lambda _: late(house))
        outcome = house.copy(TableSource("db", "t", partition_column="n", partitions=partitions), context=context)
        assert len(house.rows(outcome)) == before


EDGES = ("2024-03-31 00:59:59.999999", "2024-03-31 01:00:00", "2024-03-31 01:00:00.000001", "2024-10-27 01:00:00")


def test_windows_tile_to_the_microsecond(house: House) -> None:
    """Equal values at an edge, and a microsecond beside it: each row in exactly one window."""
    house.sql(f"CREATE TABLE t (n int, at {'datetime(6)' if house.kind == 'mysql' else 'timestamp'})")
    for n, text in enumerate(EDGES * 2, 1):
        house.sql(f"INSERT INTO t VALUES ({n}, '{text}')")
    cuts = [None, *map(moment, EDGES), moment("2024-10-27 01:00:00.000001")]
    source = TableSource("db", "t", delta=DeltaColumn("at"))
    found = [house.numbers(house.copy(source, Window(*ends))) for ends in itertools.pairwise(cuts)]
    assert found == [[], [1, 5], [2, 6], [3, 7], [4, 8]]


def test_an_open_window_ends_just_behind_the_newest_row(house: House) -> None:
    """So the next one has what came later; and nothing new leaves it where it is."""
    house.sql(f"CREATE TABLE t (n int, at {'datetime(6)' if house.kind == 'mysql' else 'timestamp'})")
    house.sql("INSERT INTO t VALUES (1, '2024-01-01 00:00:00.000005')")
    source = TableSource("db", "t", delta=DeltaColumn("at"))
    window = house.landed(house.copy(source, Window(Instant(0)))).window
    assert window == Window(Instant(0), Instant(moment("2024-01-01 00:00:00.000005") + 1))
    house.sql("INSERT INTO t VALUES (2, '2024-01-01 00:00:00.000006')")
    second = house.copy(source, Window(window.end))
    assert house.numbers(second) == [2]
    end = house.landed(second).window
    assert end is not None
    assert house.landed(house.copy(source, Window(end.end))).window == Window(end.end, end.end)


def test_rows_of_the_second_that_is_not_over_wait(house: House) -> None:
    """More of them may come; the future waits too."""
    house.sql(f"CREATE TABLE t (n int, at {'datetime' if house.kind == 'mysql' else 'timestamp(0)'})")
    house.sql("INSERT INTO t VALUES (1, '2024-01-01 00:00:00'), (2, '2999-01-01 00:00:00')")
    outcome = house.copy(TableSource("db", "t", delta=DeltaColumn("at")), Window(Instant(0)))
    assert house.numbers(outcome) == [1]
    window = house.landed(outcome).window
    assert window is not None
    assert window.end == moment("2024-01-01 00:00:01")


@pytest.mark.parametrize(
    ("kind", "values", "delta"),
    [
        ("bigint", ("1704067199", "1704067200", "1704153600"), DeltaColumn("at")),
        ("bigint", ("1704067199999", "1704067200000", "1704153600000"), DeltaColumn("at")),
        ("decimal(20,6)", ("1704067199.999999", "1704067200", "1704153600"), DeltaColumn("at")),
        ("date", ("'2023-12-31'", "'2024-01-01'", "'2024-01-02'"), DeltaColumn("at")),
        (
            "varchar(30)",
            ("'2023-12-31 23:59:59'", "'2024-01-01 00:00:00'", "'2024-01-02 00:00:00'"),
            DeltaColumn("at", format="yyyy-MM-dd HH:mm:ss"),
        ),
    ],
)
def test_a_day_is_a_day_in_every_type(house: House, kind: str, values: tuple[str, ...], delta: DeltaColumn) -> None:
    """Numbers beyond 10^11 are milliseconds, where nobody said what they are."""
    house.sql(f"CREATE TABLE t (n int, at {kind})")
    house.sql("INSERT INTO t VALUES " + ", ".join(f"({n}, {value})" for n, value in enumerate((*values, "NULL"), 1)))
    day = Window(moment("2024-01-01"), moment("2024-01-02"))
    assert house.numbers(house.copy(TableSource("db", "t", delta=delta), day)) == [2]
    assert house.numbers(house.copy(TableSource("db", "t", delta=delta), Window(None, day.end))) == [1, 2, 4]


def test_rows_without_a_delta_value_are_counted_or_fail_the_copy(house: House) -> None:
    """As the policy says; never silently dropped."""
    house.sql("CREATE TABLE t (n int, at date)")
    house.sql("INSERT INTO t VALUES (1, '2024-01-01'), (2, NULL)")
    skipping = house.copy(TableSource("db", "t", delta=DeltaColumn("at", nulls=NullPolicy.SKIP)), Window())
    assert (house.numbers(skipping), house.landed(skipping).rows_skipped) == ([1], 1)
    failing = TableSource("db", "t", delta=DeltaColumn("at", nulls=NullPolicy.FAIL))
    assert house.failure(house.copy(failing, Window()))[0] is Code.SOURCE_UNREADABLE


def test_an_empty_table_succeeds_without_files(house: House) -> None:
    """And no watermark moves."""
    house.sql("CREATE TABLE t (n int, at date)")
    landed = house.landed(house.copy(TableSource("db", "t", delta=DeltaColumn("at")), Window(Instant(0))))
    assert (landed.files, landed.window) == ((), Window(Instant(0), Instant(0)))


def test_a_wrong_password_a_missing_database_and_nobody_at_all_are_told_apart(house: House) -> None:
    """Each under its code, and no message has the password."""
    address = house.info.url.rpartition("@")[2].partition("/")[0]
    scheme = house.info.url.partition(":")[0]
    wrong = house.problem(url=f"{scheme}://nobody:sekret@{address}/{house.info.url.rpartition('/')[2]}")
    assert wrong.code is Code.SOURCE_UNAUTHENTICATED
    assert "sekret" not in str(wrong)
    assert house.problem(url=house.info.url.rpartition("/")[0] + "/nowhere").code is Code.SOURCE_NOT_FOUND
    assert house.problem(url=f"{scheme}://u:sekret@127.0.0.1:{free_port()}/d").code is Code.SOURCE_UNAVAILABLE


SLEEP = {"postgres": "SELECT pg_sleep(600)::text AS x", "mysql": "SELECT SLEEP(600) AS x"}
ASLEEP = {
    "postgres": "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
    "mysql": "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep' AND DB = DATABASE()",
}


def test_a_cancellation_stops_a_query_that_gives_no_rows(house: House) -> None:
    """Within two seconds, and the server stops working on it too."""
    context, outcomes = Told(), []
    source = TableSource("db", query=SLEEP[house.kind])
    working = Thread(target=lambda: outcomes.append(house.copy(source, context=context)))
    working.start()
    until(lambda: house.sql(ASLEEP[house.kind]), seconds=20, what="the query sleeps")
    context.cancellation.stop(Code.CANCELLED, "a person stopped it")
    working.join(2)
    assert not working.is_alive()
    assert house.failure(outcomes[0]) == (Code.CANCELLED, "a person stopped it")
    until(lambda: not house.sql(ASLEEP[house.kind]), seconds=2, what="the server has stopped")


MANY = {
    "postgres": "SELECT generate_series(1, 100000000) AS n",
    "mysql": "SELECT seq AS n FROM seq_1_to_100000000",
}


def test_a_cancellation_stops_a_stream_of_rows(house: House) -> None:
    """Between two batches at the latest."""
    context = Told()
    context.on_progress = lambda _: context.cancellation.stop(Code.TIMED_OUT, "out of time")
    house.limits = Limits(batch_bytes=100_000)
    assert house.failure(house.copy(TableSource("db", query=MANY[house.kind]), context=context))[0] is Code.TIMED_OUT


def test_a_statement_that_takes_too_long_is_told_as_a_timeout(house: House) -> None:
    """The limit is the installation's."""
    house.limits = Limits(statement_timeout_seconds=0.1)
    assert house.failure(house.copy(TableSource("db", query=SLEEP[house.kind])))[0] is Code.SOURCE_TIMEOUT


def test_what_is_left_of_a_stream_is_stopped(house: House) -> None:
    """Nobody waits for a hundred million rows; a session that reads alone goes on, in the same snapshot."""
    seven(house)
    house.limits = Limits(batch_bytes=1000)
    with house.open() as session:
        columns = session.columns(f"(\n{MANY[house.kind]}\n)", "many")
        batches = session.batches(MANY[house.kind], columns, "many")
        assert next(batches).num_rows
        batches.close()
        if house.kind == "mysql":
            late(house)
            assert [int(row[0]) for row in session.rows("SELECT count(*) FROM t")] == [7]
