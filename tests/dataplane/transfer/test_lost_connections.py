"""Connections that break while rows go into a table, in the middle of a batch and while it is committed: each row is there once."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.transfer.conduct import TransferFailed
from headrace.dataplane.transfer.request import (
    Choice,
    ColumnMap,
    ColumnMapping,
    Delimited,
    End,
    FilesSource,
    LogPlace,
    SessionLog,
    TableMode,
    TableSink,
    Tolerance,
    Transfer,
)
from headrace.dataplane.transfer.values import ValueType
from servers import PostgresServer
from transferring import Desk

pytestmark = [pytest.mark.postgres]

FILES, ROWS = 3, 100
BREAKS = 3
_numbers = itertools.count(1)
MODES: dict[str, dict[str, Any]] = {
    "insert": {},
    "at-once": {"transactional": True},
    "upsert": {"mode": TableMode.UPSERT, "keys": ("n",)},
}
WHEN = {"in a batch": "TRIGGER breaking BEFORE", "at its commit": "CONSTRAINT TRIGGER breaking AFTER"}


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """Return the address of a fresh database with the table that rows go into."""
    name = f"broken_{next(_numbers)}"
    url = postgres_server.create_database(name)
    execute(url, "CREATE TABLE t (n int, s text)")
    yield url
    postgres_server.drop_database(name)


def execute(url: str, statement: str) -> list[Any]:
    """Execute a statement; return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def break_on(url: str, when: str, table: str = "t") -> None:
    """Let the server end the connection on which some rows come, three times in all."""
    execute(
        url,
        "CREATE SEQUENCE times; CREATE FUNCTION breaking() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.n % 100 = 60 AND nextval('times') IN (1, 3, 5) THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; "
        "RETURN NEW; END $$",
    )
    deferred = "DEFERRABLE INITIALLY DEFERRED" if "CONSTRAINT" in when else ""
    execute(url, f"CREATE {when} INSERT ON {table} {deferred} FOR EACH ROW EXECUTE FUNCTION breaking()")


def request(desk: Desk, url: str, retries: int, options: dict[str, Any]) -> Transfer:
    """Return a transfer of CSV files, each with a row that is refused, into the table."""
    for file in range(FILES):
        good = "".join(f"{file * ROWS + n},x\n" for n in range(ROWS))
        desk.write(f"in/{file}.csv", f"n,s\n{good}bad{file},x\n")
    columns = ColumnMap((ColumnMapping(End("n"), End("n", type=ValueType.INT32)), ColumnMapping(End("s"), End("s"))))
    sink = TableSink(ConnectionInfo("postgres", url), schema="public", table="t", batch_rows=30, **options)
    source = FilesSource(desk.place, Choice(folder="in"), Delimited(header=True))
    tolerance = Tolerance(skip_rows=True, log=SessionLog(LogPlace(desk.place, "logs")))
    made = Transfer(source, sink, "asked", columns, tolerance=tolerance, parallel=3, activity="Copy", activity_run="r")
    return replace(made, sink_retries=retries, sink_retry_seconds=0)


def _cases() -> Iterator[Any]:
    usual = {("insert", "in a batch", 10), ("at-once", "at its commit", 10), ("upsert", "at its commit", 0)}
    for case in itertools.product(MODES, WHEN, (10, 0)):
        yield pytest.param(*case, marks=[] if case in usual else [pytest.mark.soak])


@pytest.mark.parametrize(("mode", "when", "retries"), list(_cases()))
def test_each_row_is_there_once_though_connections_break(
    desk: Desk, database: str, mode: str, when: str, retries: int
) -> None:
    """The copy tries again as often as it may; else the next try goes on. Counts and logs are those of one."""
    break_on(database, WHEN[when])
    asked = request(desk, database, retries, MODES[mode])
    report, broken = None, list[str]()
    while report is None and len(broken) <= BREAKS:
        try:
            report = desk.run(asked, epoch=len(broken) + 1)
        except TransferFailed as failed:
            broken.append(failed.problem.message)
    assert report is not None, broken
    assert all("connection" in message for message in broken)
    assert bool(broken) == (retries == 0)
    assert sorted(n for (n,) in execute(database, "SELECT n FROM t")) == list(range(FILES * ROWS))
    figures = report.figures
    assert (figures.rows_read, figures.rows_accepted, figures.rows_rejected) == (FILES * ROWS + FILES, FILES * ROWS, 3)
    (log,) = desk.files("logs").values()
    assert [log.count(f'""bad{file}""'.encode()) for file in range(FILES)] == [1, 1, 1]
