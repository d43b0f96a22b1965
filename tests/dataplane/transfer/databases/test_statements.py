"""Scripts with parameters, procedures with outputs, and what databases say besides."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Timer

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.transfer.databases.describing import describe_table
from headrace.dataplane.transfer.databases.statements import Statements, open_statements
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.request import Parameter
from table_houses import TableHouse


@contextmanager
def statements(house: TableHouse, timeout: float | None = None) -> Iterator[Statements]:
    """Open a connection."""
    with open_statements(house.info, house.limits, Cancellation(), timeout) as opened:
        yield opened


def test_a_script_gives_each_of_its_results(house: TableHouse) -> None:
    """Rows where there are any, else how many rows were changed; texts and comments are not looked into."""
    with statements(house) as script:
        script.run("CREATE TABLE t (n int, name varchar(20))")
        ran = script.run(
            "INSERT INTO t VALUES (1, 'a;b'), (2, '@n'); /* :n */ SELECT n, name FROM t WHERE name = '@n'; UPDATE t SET n = n + 1"
        )
    results = [one for one in ran.results if one.fields or one.affected]
    assert [one.affected for one in results if not one.fields] == [2, 2]
    assert [one.rows for one in results if one.fields] == [[(2, "@n")]]
    assert [field.name for field in next(one for one in results if one.fields).fields] == ["n", "name"]


def test_parameters_are_bound_by_name(house: TableHouse) -> None:
    """Both forms, in any case, several times; what stands in quotes or comments is none."""
    with statements(house) as script:
        parameters = (Parameter("name", "it's 5% \\ off"), Parameter("n", "7", "int32"), Parameter("x", None, "int64"))
        ran = script.run("SELECT @NAME AS a, :n + @n AS b, ':n' AS c, @x AS d -- @name\n", parameters)
    (row,) = ran.results[0].rows
    assert (row[0], int(row[1]), row[2], row[3]) == ("it's 5% \\ off", 14, ":n", None)


def test_a_result_is_cut_at_the_rows_that_are_wanted(house: TableHouse) -> None:
    """It says that there were more."""
    with statements(house) as script:
        ran = script.run("SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3", most_rows=2)
    assert (len(ran.results[0].rows), ran.results[0].more) == (2, True)


def test_a_result_is_cut_at_the_bytes_that_an_output_can_have(sqlite: TableHouse) -> None:
    """A few rows can be larger than the memory of the machine."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, hex(zeroblob(2000000)) FROM n"
    with statements(sqlite) as script:
        (found,) = script.run(endless).results
    assert found.more
    assert len(found.rows) == 50


def test_a_wrong_statement_is_told_in_the_databases_words(house: TableHouse) -> None:
    """And so is a value that is none of its type."""
    with statements(house) as script:
        with pytest.raises(TransferProblem) as caught:
            script.run("SELECT * FROM nowhere")
        assert caught.value.reason is Reason.STATEMENT_FAILED
        assert "nowhere" in caught.value.message
        with pytest.raises(TransferProblem) as caught:
            script.run("SELECT @n", (Parameter("n", "x", "int32"),))
        assert caught.value.reason is Reason.REQUEST_INVALID
        with pytest.raises(TransferProblem) as caught:
            script.call("nothing")
        assert caught.value.reason is Reason.PROCEDURE_INVALID


def test_every_type_of_a_parameter_reaches_postgresql(postgres: TableHouse) -> None:
    """As the server sees it."""
    given = (
        ("boolean", "true", "boolean", "true"),
        ("datetime", "2024-02-29T12:00:00.1234567Z", "timestamp without time zone", "2024-02-29 12:00:00.123456"),
        ("datetimeoffset", "2024-02-29T12:00:00+02:00", "timestamp with time zone", "2024-02-29 10:00:00+00"),
        ("decimal", "1.50", "numeric", "1.50"),
        ("guid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("int64", 5_000_000_000, "bigint", "5000000000"),
        ("timespan", "1.02:00:00", "interval", "1 day 02:00:00"),
        ("byte[]", "AP8=", "bytea", "\\x00ff"),
    )
    with statements(postgres) as script:
        for kind, value, native, text in given:
            ran = script.run("SELECT pg_typeof(@p)::text, (@p)::text", (Parameter("p", value, kind),))
            assert ran.results[0].rows == [(native, text)], kind


def test_procedures_of_postgresql_set_outputs_and_speak(postgres: TableHouse) -> None:
    """Their notices are messages; those of functions too, whose rows are their result."""
    postgres.sql(
        "CREATE PROCEDURE twice(IN a int, INOUT b int) LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'a is %', a; b := a * 2; END $$"
    )
    postgres.sql("CREATE FUNCTION two() RETURNS SETOF int LANGUAGE sql AS 'VALUES (1), (2)'")
    with statements(postgres) as script:
        ran = script.call("twice", (Parameter("a", 4, "int32"), Parameter("b", None, "int32", "output")))
        assert (dict(ran.outputs), ran.messages) == ({"b": 8}, ("a is 4",))
        assert script.call("public.two").results[0].rows == [(1,), (2,)]


def test_a_text_that_calls_a_procedure_sets_outputs(postgres: TableHouse) -> None:
    """What PostgreSQL gives as a row of the call are the outputs."""
    postgres.sql("CREATE PROCEDURE twice(IN a int, INOUT b int) LANGUAGE plpgsql AS $$ BEGIN b := a * 2; END $$")
    with statements(postgres) as script:
        ran = script.run("SELECT 5 AS b; CALL twice(4, @b)", (Parameter("b", 1, "int32", "inputoutput"),))
    assert dict(ran.outputs) == {"b": 8}


@pytest.mark.parametrize("name", ['[{}].[two [of]] a "b"]', '{}."two [of] a ""b"""'])
def test_a_procedure_is_called_by_a_name_in_brackets(house: TableHouse, name: str) -> None:
    """Pipelines for SQL Server have such names wherever their database is."""
    if house.kind == "sqlite":
        with statements(house) as script, pytest.raises(TransferProblem, match="has no procedures"):
            script.call(name.format("main"))
        return
    quote = "`" if house.kind == "mysql" else '"'
    own = 'two [of] a "b"'.replace(quote, quote * 2)
    body = "BEGIN SELECT 2; END" if house.kind == "mysql" else "LANGUAGE sql AS 'SELECT 2'"
    what = "PROCEDURE" if house.kind == "mysql" else "FUNCTION"
    returns = "" if house.kind == "mysql" else "RETURNS int"
    place = house.sql("SELECT DATABASE()" if house.kind == "mysql" else "SELECT current_schema()::text")[0][0]
    house.sql(f"CREATE {what} {quote}{own}{quote}() {returns} {body}")
    with statements(house) as script:
        assert script.call(name.format(place)).results[0].rows == [(2,)]


def test_procedures_of_mariadb_set_outputs_and_give_results(mariadb: TableHouse) -> None:
    """Several results, and an output by way of a variable."""
    mariadb.sql("CREATE PROCEDURE twice(a int, OUT b int) BEGIN SELECT a; SELECT a + 1 AS n; SET b = a * 2; END")
    with statements(mariadb) as script:
        ran = script.call("twice", (Parameter("a", 4, "int32"), Parameter("b", None, "int32", "output")))
    assert [one.rows for one in ran.results if one.fields] == [[(4,)], [(5,)]]
    assert dict(ran.outputs) == {"b": 8}


def test_a_statement_that_takes_too_long_is_stopped(house: TableHouse) -> None:
    """By the timeout of the script."""
    slow = {"postgres": "SELECT pg_sleep(30)", "mysql": "SELECT SLEEP(30)"}
    counting = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
    with statements(house, 0.2) as script, pytest.raises(TransferProblem) as caught:
        script.run(slow.get(house.kind, counting))
    assert caught.value.reason is Reason.STATEMENT_FAILED


def test_a_database_that_is_away_is_told(postgres: TableHouse) -> None:
    """Nobody listens there."""
    with (
        pytest.raises(TransferProblem) as caught,
        open_statements(replace(postgres.info, url="postgresql://u:p@127.0.0.1:1/x"), postgres.limits, Cancellation()),
    ):
        pass
    assert caught.value.reason is Reason.CONNECT_FAILED


def test_a_table_is_described(house: TableHouse) -> None:
    """Its columns with their types; None where there is none."""
    house.sql("CREATE TABLE t (n bigint, amount decimal(10, 2), name varchar(20))")
    found = describe_table(house.info, "", "t", house.limits, Cancellation())
    assert found is not None
    assert [(one.name, one.type.value) for one in found] == [("n", "int64"), ("amount", "decimal"), ("name", "string")]
    assert (found[1].precision, found[1].scale) == (10, 2)
    assert describe_table(house.info, "", "nowhere", house.limits, Cancellation()) is None


def test_a_statement_is_stopped_when_its_activity_is(house: TableHouse) -> None:
    """By a cancellation from another thread, whatever the database does."""
    slow = {"postgres": "SELECT pg_sleep(30)", "mysql": "SELECT SLEEP(30)"}
    counting = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
    cancellation = Cancellation()
    timer = Timer(0.2, cancellation.stop, (Code.CANCELLED, "stopped"))
    timer.start()
    with pytest.raises(Problem) as caught, open_statements(house.info, house.limits, cancellation) as script:
        script.run(slow.get(house.kind, counting))
    assert caught.value.code is Code.CANCELLED
