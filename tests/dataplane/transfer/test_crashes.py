"""A transfer killed at every one of its crash points, and what the next worker makes of it."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow.parquet as pq
import pytest

from headrace.core.outcome import Figures
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.quarantine import layout
from headrace.dataplane.transfer.request import (
    Arrangement,
    Bytes,
    Choice,
    ColumnMap,
    ColumnMapping,
    Delimited,
    End,
    FilesSink,
    FilesSource,
    LogPlace,
    Parquet,
    Partitioning,
    QuerySource,
    RangeSplit,
    SessionLog,
    TableSink,
    Tolerance,
    Transfer,
)
from headrace.dataplane.transfer.values import ValueType
from transferring import POINTS, Desk

FILES = 3
ROWS = 200
COLUMNS = ColumnMap((ColumnMapping(End("n"), End("n", type=ValueType.INT64)), ColumnMapping(End("t"), End("t"))))


def rows_of(desk: Desk) -> Transfer:
    """Return a transfer of CSV files to Parquet, each with one row that is refused."""
    for file in range(FILES):
        good = "".join(f"{file * ROWS + n},x\n" for n in range(ROWS))
        desk.write(f"in/{file}.csv", f"n,t\n{good}bad{file},x\n")
    source = FilesSource(desk.place, Choice(folder="in"), Delimited(header=True))
    tolerance = Tolerance(
        skip_rows=True, log=SessionLog(LogPlace(desk.place, "logs")), redirect=LogPlace(desk.place, "old")
    )
    sink = FilesSink(desk.place, Parquet(), "out")
    return Transfer(source, sink, "asked", COLUMNS, tolerance=tolerance, parallel=1, activity="Copy", activity_run="r")


def merged_rows(desk: Desk) -> Transfer:
    """Return one that merges them into one file."""
    request = rows_of(desk)
    return replace(request, sink=FilesSink(desk.place, Parquet(), "out", arrangement=Arrangement.MERGE))


def dealt_rows(desk: Desk) -> Transfer:
    """Return one that deals them out to files of few rows."""
    return replace(rows_of(desk), sink=FilesSink(desk.place, Parquet(), "out", max_rows=70, prefix="part"))


def bytes_of(desk: Desk) -> Transfer:
    """Return a transfer of bytes that removes its sources."""
    for file in range(FILES):
        desk.write(f"in/sub/{file}.bin", bytes([file]) * 10_000)
    source = FilesSource(desk.place, Choice(folder="in"), Bytes(), delete_after=True)
    return Transfer(source, FilesSink(desk.place, Bytes(), "out"), "asked", parallel=1)


def merged_bytes(desk: Desk) -> Transfer:
    """Return one that puts them behind one another."""
    request = bytes_of(desk)
    return replace(request, sink=FilesSink(desk.place, Bytes(), "out", "whole.bin"))


def check_rows(desk: Desk, figures: Figures) -> None:
    """Every good row is in the sink once; every bad one is told once."""
    check_numbers(desk, figures)
    check_told(desk, figures)


def check_numbers(desk: Desk, figures: Figures) -> None:
    """Every good row is in the sink once."""
    found = sorted(n for path in (desk.data / "out").rglob("*") for n in pq.read_table(path)["n"].to_pylist())
    assert found == list(range(FILES * ROWS))
    assert figures.rows_accepted == FILES * ROWS


def check_told(desk: Desk, figures: Figures) -> None:
    """Every bad row is counted, and told once in the log, the older file, and the quarantine."""
    assert (figures.rows_read, figures.rows_accepted, figures.rows_rejected) == (
        FILES * ROWS + FILES,
        FILES * ROWS,
        FILES,
    )
    (log,) = desk.files("logs").values()
    (redirected,) = desk.files("old").values()
    kept = b"".join(layout.open_rows(desk.roots, "batch-1"))
    for file in range(FILES):
        bad = f"bad{file}".encode()
        assert (
            log.count(b'""' + bad),
            redirected.count(b"\n" + bad + b",") + redirected.startswith(bad + b","),
            kept.count(b'"n": "' + bad),
        ) == (1, 1, 1)


def check_bytes(desk: Desk, figures: Figures) -> None:
    """Every file is in the sink, and none in the source."""
    assert desk.files("out") == {f"sub/{file}.bin": bytes([file]) * 10_000 for file in range(FILES)}
    check_moved(desk, figures)


def check_merged(desk: Desk, figures: Figures) -> None:
    """All bytes are in one file, and none in the source."""
    assert desk.files("out") == {"whole.bin": b"".join(bytes([file]) * 10_000 for file in range(FILES))}
    check_moved(desk, figures)


def check_moved(desk: Desk, figures: Figures) -> None:
    """Nothing is left at the source."""
    assert desk.files("in") == {}
    assert (figures.bytes_read, figures.bytes_written, figures.files_read) == (30_000, 30_000, FILES)


@dataclass(frozen=True)
class Case:
    """A kind of transfer, and what is true when it has ended."""

    request: Callable[[Desk], Transfer]
    check: Callable[[Desk, Figures], None]
    worst: str
    """The point, and its passing, at which dying matters most."""


def into_table(desk: Desk) -> Transfer:
    """Return a transfer of CSV files into a table, in batches that are committed one by one."""
    request = rows_of(desk)
    sink = TableSink(_database(desk, "sink.db"), table="t", create=True, batch_rows=70, label="Sqlite")
    return replace(request, sink=sink)


def query_into_table(desk: Desk) -> Transfer:
    """Return one of a query whose rows come in another order each time."""
    with sqlite3.connect(desk.data / "source.db") as connection:
        connection.execute(
            "CREATE TABLE s AS WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 599) "
            "SELECT n, 'x' AS t FROM r"
        )
    request = into_table(desk)
    source = QuerySource(_database(desk, "source.db"), query="SELECT n, t FROM s ORDER BY random()")
    return replace(request, source=source, tolerance=Tolerance())


def split_into_table(desk: Desk) -> Transfer:
    """Return one of a table that is read in parts, whose bounds are asked for."""
    request = query_into_table(desk)
    split = RangeSplit(Partitioning.RANGE, "n", parts=3)
    return replace(request, source=QuerySource(_database(desk, "source.db"), table="s", split=split))


def split_into_files(desk: Desk) -> Transfer:
    """Return one whose parts become files."""
    return replace(split_into_table(desk), sink=FilesSink(desk.place, Parquet(), "out"))


def _database(desk: Desk, name: str) -> ConnectionInfo:
    return ConnectionInfo("sqlite", f"sqlite:///{desk.data / name}", {})


def check_table(desk: Desk, figures: Figures) -> None:
    """Every good row is in the table once; every bad one is told once."""
    check_query(desk, figures)
    check_told(desk, figures)


def check_query(desk: Desk, figures: Figures) -> None:
    """Every row is in the table once."""
    with sqlite3.connect(desk.data / "sink.db") as connection:
        found = sorted(n for (n,) in connection.execute("SELECT n FROM t"))
    assert found == list(range(FILES * ROWS))
    assert figures.rows_accepted == FILES * ROWS


CASES = {
    "rows": Case(rows_of, check_rows, "transfer-before-rename:2"),
    "merged-rows": Case(merged_rows, check_rows, "transfer-after-rename:1"),
    "dealt-rows": Case(dealt_rows, check_rows, "transfer-before-rename:2"),
    "bytes": Case(bytes_of, check_bytes, "transfer-after-delete:2"),
    "merged-bytes": Case(merged_bytes, check_merged, "transfer-after-delete:2"),
    "table": Case(into_table, check_table, "transfer-after-write:2"),
    "query": Case(query_into_table, check_query, "transfer-after-write:1"),
    "split": Case(split_into_table, check_query, "transfer-after-noted:2"),
    "split-files": Case(split_into_files, check_numbers, "transfer-after-write:2"),
}


def test_a_transfer_has_crash_points() -> None:
    """They are enumerated from the code; a renamed module must not make the tests below empty."""
    assert len(POINTS) >= 20


def die_and_go_on(desk: Desk, name: str, point: str, passing: int) -> bool:
    """Kill a transfer, let the next try do it, and look at all that it left; return whether it was killed."""
    case = CASES[name]
    request = case.request(desk)
    died = desk.killed(request, point, passing)
    report = desk.run(request, epoch=2)
    case.check(desk, report.figures)
    assert desk.parts() == []
    assert list(desk.roots.work.iterdir()) == []
    again = desk.run(request, attempt=2, epoch=3)
    assert again == report
    case.check(desk, again.figures)
    return died


@pytest.mark.parametrize("name", CASES)
def test_a_killed_transfer_is_finished_by_the_next_worker(desk: Desk, name: str) -> None:
    """Each row and each byte is in the sink once, refused rows are told once, and nothing unfinished is left."""
    point, _, passing = CASES[name].worst.partition(":")
    assert die_and_go_on(desk, name, point, int(passing))


def test_another_run_that_goes_on_removes_what_was_begun(desk: Desk) -> None:
    """Its first try has the number of the one that was killed; the file that was being written is not in the source any more."""
    request = rows_of(desk)
    assert desk.killed(request, "transfer-before-rename")
    assert desk.parts() != []
    (desk.data / "in" / "0.csv").unlink()
    desk.run(request, run_id="run-2")
    assert desk.parts() == []


@pytest.mark.soak
@pytest.mark.parametrize("passing", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("point", POINTS)
def test_a_transfer_of_any_kind_killed_anywhere_is_finished(desk: Desk, name: str, point: str, passing: int) -> None:
    """The same for all kinds of file sinks and all passings of a point."""
    die_and_go_on(desk, name, point, passing)
