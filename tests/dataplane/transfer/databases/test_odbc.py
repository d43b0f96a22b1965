"""The same reading and writing through the drivers of SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from headrace.core.task import Cancellation
from headrace.dataplane.transfer.databases.statements import open_statements
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.request import Parameter, Partitioning, RangeSplit, TableMode
from headrace.dataplane.transfer.values import Field, ValueType
from table_houses import TableHouse

N, NAME = Field("n", ValueType.INT32), Field("name", ValueType.STRING)
NOON = datetime(2024, 2, 29, 12, 0, 0, 500000, tzinfo=UTC)


@pytest.fixture(params=["odbc", pytest.param("odbc_postgres", marks=pytest.mark.postgres)])
def reached(request: pytest.FixtureRequest) -> TableHouse:
    """Return a database that is reached by ODBC."""
    found: TableHouse = request.getfixturevalue(request.param)
    return found


def test_rows_are_written_once_and_faulty_ones_refused(reached: TableHouse) -> None:
    """Marks, savepoints and numbers of rows as with the drivers of Python."""
    reached.sql("CREATE TABLE sink (n int PRIMARY KEY, name varchar(20) NOT NULL)")
    rows = [(1, "a"), (2, None), (1, "again"), (3, "")]
    for _ in range(2):
        refused, written = reached.write(rows, (N, NAME), tolerant=True, batch_rows=3)
        assert written == 2
    assert sorted(reached.sql("SELECT n, name FROM sink")) == [(1, "a"), (3, "")]
    reached.write([(3, "new"), (4, "four")], (N, NAME), mode=TableMode.UPSERT, key="other")
    assert sorted(reached.sql("SELECT n, name FROM sink")) == [(1, "a"), (3, "new"), (4, "four")]
    refused, _ = reached.write([(9, "x"), (9, "y")], (N, NAME), tolerant=True, key="third")
    assert [(one.number, one.reason, one.cells) for one in refused] == [(2, Reason.DUPLICATE_KEY, ("9", "y"))]


def test_tables_queries_and_ranges_are_read(reached: TableHouse) -> None:
    """Types come from what the driver describes."""
    reached.sql("CREATE TABLE source (n int PRIMARY KEY, at timestamp, name varchar(20))")
    reached.sql("INSERT INTO source VALUES (1, '2024-02-29 12:00:00', 'a'), (2, NULL, 'b'), (3, NULL, NULL)")
    read = reached.read(table="source")
    assert read.rows[0][1:] == (datetime(2024, 2, 29, 12, tzinfo=UTC).replace(tzinfo=None), "a")
    assert read.types[1:] == ["datetime", "string"]
    split = RangeSplit(Partitioning.RANGE, "n", parts=3)
    assert [[row[0] for row in rows] for rows in reached.read(query="SELECT n FROM source", split=split).slices] == [
        [1],
        [2],
        [3],
    ]
    ((largest,),) = [reached.read(query="WITH x AS (SELECT n FROM source) SELECT max(n) AS m FROM x").rows[0]]
    assert int(largest) == 3
    with pytest.raises(TransferProblem) as caught:
        reached.read(query="SELECT x FROM nowhere")
    assert caught.value.reason is Reason.QUERY_INVALID


def test_values_go_there_and_back(odbc_postgres: TableHouse) -> None:
    """Through parameters of the driver, and what it makes of results."""
    fields = (
        Field("flag", ValueType.BOOLEAN),
        Field("big", ValueType.INT64),
        Field("ratio", ValueType.DOUBLE),
        Field("amount", ValueType.DECIMAL, 20, 5),
        Field("at", ValueType.DATETIME_OFFSET),
        Field("id", ValueType.GUID),
        Field("data", ValueType.BYTES),
        Field("text", ValueType.STRING),
    )
    row = (True, 2**62, 1.5, Decimal("1.50000"), NOON, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", b"\x00\xff", "ü'")
    odbc_postgres.write([row, (None,) * 8], fields, create=True)
    assert odbc_postgres.sql("SELECT flag, big, ratio, amount, at, id::text, data, text FROM sink") == [
        row,
        (None,) * 8,
    ]


def test_statements_have_parameters(reached: TableHouse) -> None:
    """Question marks take the place of the names."""
    with open_statements(reached.info, reached.limits, Cancellation()) as script:
        ran = script.run("SELECT @n + 1 AS n, ':n' AS t", (Parameter("n", 4, "int32"),))
        assert [tuple(map(str, row)) for row in ran.results[0].rows] == [("5", ":n")]
        with pytest.raises(TransferProblem) as caught:
            script.run("SELECT * FROM nowhere")
    assert "nowhere" in caught.value.message


def test_a_driver_that_cannot_connect_tells_no_password(odbc_postgres: TableHouse) -> None:
    """What it says is told without it."""
    text = odbc_postgres.info.options["connection_string"].replace("Port=", "Port=1;X=")
    broken = replace(odbc_postgres, info=replace(odbc_postgres.info, options={"connection_string": text}))
    with pytest.raises(TransferProblem) as caught:
        broken.write([(1, "a")], (N, NAME))
    assert caught.value.reason is Reason.CONNECT_FAILED
    assert "sekret" not in caught.value.message
