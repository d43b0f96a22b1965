"""Queries as rows: typed, in ranges, in one snapshot."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from headrace.dataplane.transfer.databases.reading import read_database
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.request import Parameter, Partitioning, QuerySource, RangeSplit
from headrace.dataplane.transfer.rows import Slice
from table_houses import TableHouse
from transfer_files import session_in

RANGE = Partitioning.RANGE


def at(year: int, month: int, day: int, *time: int) -> datetime:
    """Return an instant without a zone."""
    hour, minute, second, micros = (*time, 0, 0, 0, 0)[:4]
    return datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC).replace(tzinfo=None)


def numbers(house: TableHouse, count: int, *, key: bool = True) -> None:
    """Make a table of the numbers from 1, and one row without a number where there is no key."""
    house.sql(f"CREATE TABLE source (n int {'PRIMARY KEY' if key else ''}, name varchar(20))")
    values = ", ".join(f"({n}, 'row {n}')" for n in range(1, count + 1))
    house.sql(f"INSERT INTO source VALUES {values}" + ("" if key else ", (NULL, 'none')"))


def slices_of(house: TableHouse, **options: object) -> list[list[object]]:
    """Return the numbers of each slice of a read."""
    read = house.read(**options)  # type: ignore[arg-type]  # the options of a source, and ``split``
    return [sorted((row[0] for row in rows), key=lambda n: (n is not None, n)) for rows in read.slices]


def test_a_table_and_a_query_give_their_rows(house: TableHouse) -> None:
    """WITH and ORDER BY are as welcome as a table's name; what stands after the query's end does no harm."""
    numbers(house, 3)
    assert house.read(table="source").rows == [(1, "row 1"), (2, "row 2"), (3, "row 3")]
    query = "WITH x AS (SELECT n, name FROM source WHERE n > 1) SELECT name, n FROM x ORDER BY n DESC ; "
    assert house.read(query=query).rows == [("row 3", 3), ("row 2", 2)]
    assert house.read(query="SELECT n FROM source WHERE n > 5 -- none").rows == []


def test_a_query_that_ends_with_a_parenthesis_is_read_by_those_who_only_read(house: TableHouse) -> None:
    """Two of them at a time, which a database that is written to by one at a time would not take."""
    numbers(house, 3)
    query = "SELECT n FROM source WHERE (n IN (1, 2) AND ?DfDynamicRangePartitionCondition)"
    assert slices_of(house, query=query, split=RangeSplit(RANGE, "n", parts=2)) == [[1], [2]]


def test_bounds_set_the_stride_and_do_not_filter(house: TableHouse) -> None:
    """With bounds 20 and 80 and four parts the ranges are up to 20, to 50, to 80, and from 81 on; nulls are in the first."""
    numbers(house, 90, key=False)
    split = RangeSplit(RANGE, "n", "20", "80", 4)
    found = slices_of(house, table="source", split=split)
    assert [(part[0] or part[1], part[-1]) for part in found] == [(1, 20), (21, 50), (51, 80), (81, 90)]
    assert found[0][0] is None


def test_a_query_need_not_select_the_column_that_its_condition_is_told_of(house: TableHouse) -> None:
    """What its values are, the bounds say then; without both, the read is refused with what would help."""
    numbers(house, 9, key=False)
    query = "SELECT name FROM source WHERE ?AdfDynamicRangePartitionCondition"
    found = slices_of(house, query=query, split=RangeSplit(RANGE, "n", "3", "6", 4))
    assert sum(map(len, found)) == 10
    with pytest.raises(TransferProblem, match="both bounds") as caught:
        slices_of(house, query=query, split=RangeSplit(RANGE, "n", "3", None, 4))
    assert caught.value.reason is Reason.PARTITION_COLUMN_UNKNOWN


def test_bounds_that_are_missing_are_looked_up_and_the_key_is_the_column(house: TableHouse) -> None:
    """MIN and MAX of the primary key give ranges of one width."""
    numbers(house, 8)
    assert slices_of(house, table="source", split=RangeSplit(RANGE, parts=4)) == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert slices_of(house, query="SELECT n FROM source WHERE n > 100", split=RangeSplit(RANGE, "n")) == [[]]


def test_placeholders_of_a_query_become_the_range(house: TableHouse) -> None:
    """The condition, or the column and the ends, stand where the query wants them."""
    numbers(house, 6)
    query = "SELECT n FROM source WHERE ?AdfDynamicRangePartitionCondition AND n <> 2"
    split = RangeSplit(RANGE, "n", "2", "4", 3)
    assert slices_of(house, query=query, split=split) == [[1], [3, 4], [5, 6]]
    ends = "SELECT n FROM source WHERE ?DfRangePartitionColumnName >= ?DfRangePartitionLowbound AND n <= ?DfRangePartitionUpbound"
    assert slices_of(house, query=ends, split=split) == [[1, 2], [3, 4], [5, 6]]
    assert slices_of(house, query=query) == [[1, 3, 4, 5, 6]]


def test_dates_are_split_like_numbers(house: TableHouse) -> None:
    """The stride is one of time."""
    house.sql(
        "CREATE TABLE source (d timestamp, n int)"
        if house.kind == "postgres"
        else "CREATE TABLE source (d datetime, n int)"
    )
    days = ", ".join(f"('2024-01-0{day} 10:00:00', {day})" for day in range(1, 9))
    house.sql(f"INSERT INTO source VALUES {days}")
    split = RangeSplit(RANGE, "d", "2024-01-03", "2024-01-05T00:00:00Z", 3)
    assert slices_of(house, query="SELECT n, d FROM source", split=split) == [[1, 2], [3, 4], [5, 6, 7, 8]]


def test_a_read_that_nothing_can_split_is_refused(house: TableHouse) -> None:
    """No column was named, and there is no key; or the column is not there, or is a text."""
    numbers(house, 2, key=False)
    for column in ("", "other", "name"):
        with pytest.raises(TransferProblem) as caught:
            house.read(table="source", split=RangeSplit(RANGE, column))
        assert caught.value.reason is Reason.PARTITION_COLUMN_UNKNOWN


def test_a_table_without_partitions_is_one_slice(house: TableHouse) -> None:
    """Asking for its partitions does no harm."""
    numbers(house, 2)
    assert slices_of(house, table="source", split=RangeSplit(Partitioning.PHYSICAL)) == [[1, 2]]


def test_a_wrong_query_is_told_with_what_the_database_says(house: TableHouse) -> None:
    """The reason tells a wrong query from a table that is not there."""
    with pytest.raises(TransferProblem) as caught:
        house.read(query="SELECT nothing FROM nowhere WHERE")
    assert caught.value.reason is Reason.QUERY_INVALID
    with pytest.raises(TransferProblem) as caught:
        house.read(table="nowhere")
    assert caught.value.reason is Reason.STATEMENT_FAILED
    assert "nowhere" in caught.value.message


def test_a_statement_without_rows_is_no_query(postgres: TableHouse) -> None:
    """It is told as that, not as a database that is away; and nothing of it stays."""
    with pytest.raises(TransferProblem) as caught:
        postgres.read(query="CREATE TABLE made (n int)")
    assert caught.value.reason is Reason.QUERY_INVALID
    assert caught.value.message == "the query gives no rows"
    assert postgres.sql("SELECT to_regclass('made')::text") == [(None,)]


def test_partitions_of_postgresql_are_slices(postgres: TableHouse) -> None:
    """Each leaf of the tree is one."""
    postgres.sql("CREATE TABLE source (n int, name text) PARTITION BY RANGE (n)")
    for low in (0, 10, 20):
        postgres.sql(f"CREATE TABLE part_{low} PARTITION OF source FOR VALUES FROM ({low}) TO ({low + 10})")
        postgres.sql(f"INSERT INTO source VALUES ({low + 1}, 'x')")
    read = postgres.read(table="source", split=RangeSplit(Partitioning.PHYSICAL))
    assert read.slices == [[(1, "x")], [(11, "x")], [(21, "x")]]
    assert read.names[1] == "the table source (part_10)"


def test_slices_are_opened_by_many_threads_at_once(postgres: TableHouse) -> None:
    """They share one snapshot, whose name is asked for by one of them: two statements on one session would wait for ever."""
    numbers(postgres, 80)
    source = QuerySource(postgres.info, table="source", split=RangeSplit(RANGE, parts=8))
    started = threading.Barrier(8)

    def count(item: Slice) -> int:
        with session_in(postgres.home) as session:
            started.wait(20)
            with reader.open(item, session) as rows:
                return sum(batch.num_rows for batch in session.batches(f"SELECT n FROM {rows.relation}", 100))

    with closing(read_database(source, postgres.work())) as reader, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(count, item) for item in reader.slices()]
        assert [one.result(20) for one in asked] == [10] * 8


def test_partitions_of_mariadb_are_slices(mariadb: TableHouse) -> None:
    """They are asked for by name."""
    mariadb.sql(
        "CREATE TABLE source (n int) PARTITION BY RANGE (n) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))"
    )
    mariadb.sql("INSERT INTO source VALUES (1), (11), (12)")
    assert slices_of(mariadb, table="source", split=RangeSplit(Partitioning.PHYSICAL)) == [[1], [11, 12]]


_POSTGRES_VALUES = (
    ("true", "boolean", True),
    ("1::int2", "int16", 1),
    ("1::int4", "int32", 1),
    ("1::int8", "int64", 1),
    ("1.5::float4", "single", 1.5),
    ("1.5::float8", "double", 1.5),
    ("1.50::numeric(10,2)", "decimal", Decimal("1.50")),
    ("1.5::numeric", "decimal", Decimal("1.5")),
    ("1.5::numeric::money", "decimal", Decimal("1.50")),
    ("'2024-02-29'::date", "datetime", at(2024, 2, 29)),
    ("'infinity'::date", "datetime", at(9999, 12, 31)),
    ("'-infinity'::timestamp", "datetime", at(1, 1, 1)),
    ("'infinity'::timestamptz", "datetime_offset", at(9999, 12, 31, 23, 59, 59, 999999)),
    ("'2024-02-29 12:00+02'::timestamptz", "datetime_offset", at(2024, 2, 29, 10)),
    ("'12:00:01.5'::time", "timespan", 43_201_500_000),
    ("'1 day 00:00:01'::interval", "timespan", 86_401_000_000),
    ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "guid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("'\\x00ff'::bytea", "bytes", b"\x00\xff"),
    ("'{\"a\": 1}'::jsonb", "string", '{"a": 1}'),
    ("array[1, 2]", "string", "{1,2}"),
    ("'10.0.0.1/8'::inet", "string", "10.0.0.1/8"),
    ("'x'::varchar(5)", "string", "x"),
)


def test_values_of_postgresql_keep_their_types(postgres: TableHouse) -> None:
    """Also those that Arrow has no type for, and dates without an end, which are .NET's first and last."""
    listed = ", ".join(
        f"{sql} AS c{number}, NULLIF({sql}, {sql}) AS e{number}" for number, (sql, _, _) in enumerate(_POSTGRES_VALUES)
    )
    read = postgres.read(query=f"SELECT {listed}")
    assert read.types[::2] == [kind for _, kind, _ in _POSTGRES_VALUES]
    assert list(read.rows[0][::2]) == [value for _, _, value in _POSTGRES_VALUES]
    assert set(read.rows[0][1::2]) == {None}


def test_a_value_that_no_type_holds_is_refused_with_its_row(postgres: TableHouse) -> None:
    """A number that is none, where rows may be left out; else the read ends there."""
    query = "SELECT n, CASE WHEN n = 2 THEN 'NaN'::numeric ELSE n END AS v FROM generate_series(1, 3) AS n"
    read = postgres.read(query=query, tolerant=True)
    assert [row[0] for row in read.rows] == [1, 3]
    assert [(one.number, one.column, one.cells) for one in read.refused] == [(2, "v", ("2", "NaN"))]
    with pytest.raises(TransferProblem) as caught:
        postgres.read(query=query)
    assert caught.value.reason is Reason.VALUE_INVALID
    assert "row 2: 'NaN' in the column 'v' is no decimal" in caught.value.message


def test_an_error_in_the_midst_of_a_result_is_the_databases(postgres: TableHouse) -> None:
    """Not DuckDB's, who was being given the rows."""
    with pytest.raises(TransferProblem) as caught:
        postgres.read(query="SELECT 1 / (200000 - n) AS x FROM generate_series(1, 200000) AS n")
    assert caught.value.reason is Reason.STATEMENT_FAILED
    assert "division by zero" in caught.value.message


def test_functions_and_procedures_give_rows_and_may_write(postgres: TableHouse) -> None:
    """What they write stays, whichever way they are called."""
    postgres.sql("CREATE TABLE log (n int)")
    postgres.sql(
        "CREATE FUNCTION give(a int, b text) RETURNS TABLE (x int, y text) LANGUAGE sql AS 'INSERT INTO log VALUES (a); SELECT a, b'"
    )
    parameters = (Parameter("a", "5", "int32"), Parameter("b", "it's 100%", "string"))
    assert postgres.read(procedure="give", parameters=parameters).rows == [(5, "it's 100%")]
    assert postgres.read(query="SELECT * FROM give(6, 'q')").rows == [(6, "q")]
    assert postgres.read(query="INSERT INTO log VALUES (7) RETURNING n").rows == [(7,)]
    assert postgres.sql("SELECT n FROM log ORDER BY n") == [(5,), (6,), (7,)]
    with pytest.raises(TransferProblem) as caught:
        postgres.read(procedure="gives")
    assert caught.value.reason is Reason.PROCEDURE_INVALID


def test_sqlites_columns_are_what_their_values_are(sqlite: TableHouse) -> None:
    """A column is what it was declared as where all of its values are; else it is text."""
    sqlite.sql("CREATE TABLE source (a int, b datetime, c decimal(10, 2), d bool, e real, f blob, g int, h datetime)")
    sqlite.sql(
        "INSERT INTO source VALUES (1, '2024-01-02 03:04:05', 1.5, 1, 2, x'00ff', 'text', 'soon'), (NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL)"
    )
    read = sqlite.read(table="source")
    assert read.types == ["int64", "datetime", "decimal", "boolean", "double", "bytes", "string", "string"]
    assert read.rows[0] == (1, at(2024, 1, 2, 3, 4, 5), Decimal("1.50"), True, 2.0, b"\x00\xff", "text", "soon")
    assert read.rows[1][6] == "1"
    assert sqlite.read(schema="dbo", table="source").types == read.types


def test_a_level_of_isolation_is_said_where_a_statement_is_executed_as_it_is(postgres: TableHouse) -> None:
    """Within its transaction."""
    query = "WITH x AS (INSERT INTO seen VALUES (1) RETURNING n) SELECT n, current_setting('transaction_isolation') AS level FROM x"
    postgres.sql("CREATE TABLE seen (n int)")
    assert postgres.read(query=query, isolation="serializable").rows == [(1, "serializable")]
    assert postgres.read(query=query, isolation="snapshot").rows == [(1, "repeatable read")]
    assert postgres.sql("SELECT count(*) FROM seen") == [(2,)]


def test_a_query_that_takes_too_long_is_stopped(house: TableHouse) -> None:
    """By the timeout of the source."""
    numbers(house, 40)
    slow = "SELECT count(*) AS n FROM " + ", ".join(f"source AS s{n}" for n in range(8))
    with pytest.raises(TransferProblem) as caught:
        house.read(query=slow, timeout_seconds=timedelta(milliseconds=200).total_seconds())
    assert caught.value.reason is Reason.STATEMENT_FAILED
