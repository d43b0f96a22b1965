"""The session log and the older file of refused rows, line by line."""

import csv
import io
from pathlib import Path

from headrace.core.clock import Instant
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.journal import Done, Skipped
from headrace.dataplane.transfer.refusing import logs
from headrace.dataplane.transfer.refusing.spool import Kept, Whose
from headrace.dataplane.transfer.rows import RefusedRow

AT = Instant(1_582_698_152_258_658)
WHOSE = Whose("s", "a.csv", "a.csv", ("n", "t"), ("n", "t"))
KEPT = Kept(WHOSE, RefusedRow(Reason.VALUE_INVALID, "'bad' is no int64", ("bad", 'x "y"', None), 7, "n"), AT)


def test_times_have_seven_digits() -> None:
    """As the contract's examples have them, in UTC."""
    assert logs.timestamp(AT) == "2020-02-26 06:22:32.2586580"


def test_a_refused_row_is_told_as_quoted_csv(tmp_path: Path) -> None:
    """The item is the row, each cell in quotes, as one cell of the log."""
    path = tmp_path / "log.csv"
    assert logs.write_log(path, [logs.row_line(KEPT, lambda _: "UserErrorInvalidDataValue")]) == 1
    head, row = csv.reader(io.StringIO(path.read_text()))
    assert head == ["Timestamp", "Level", "OperationName", "OperationItem", "Message"]
    assert row[:3] == ["2020-02-26 06:22:32.2586580", "Warning", "TabularRowSkip"]
    assert row[3] == '"bad","x ""y""",""'
    assert row[4] == "ErrorCode=UserErrorInvalidDataValue,'bad' is no int64"


def test_the_name_of_a_file_is_no_formula(tmp_path: Path) -> None:
    """Names come from strangers, and people open the log with a spreadsheet."""
    path = tmp_path / "log.csv"
    logs.write_log(
        path, logs.lines([], [Skipped("x", "=cmd|'/c calc'!A1", "gone", "it is gone", AT)], everything=False)
    )
    assert [row[3] for row in csv.reader(io.StringIO(path.read_text()))][1:] == ["'=cmd|'/c calc'!A1"]


def test_all_files_are_told_at_the_level_info_and_skipped_ones_always() -> None:
    """Reading and writing, with their beginning and end."""
    done = Done("u", ("s",), ("in/a.csv",), files=("out/a.parquet",), began=AT, ended=AT + 1)
    skipped = Skipped("x", "in/b.csv", "file_not_found", "it is gone", AT)
    told = [(line.level, line.operation, line.item) for line in logs.lines([done], [skipped], everything=True)]
    read, write = ("Info", "FileRead", "in/a.csv"), ("Info", "FileWrite", "out/a.parquet")
    assert told == [read, read, write, write, ("Warning", "FileSkip", "in/b.csv")]
    assert [line.operation for line in logs.lines([done], [skipped], everything=False)] == ["FileSkip"]


def test_the_older_file_has_the_cells_then_a_code_and_a_message(tmp_path: Path) -> None:
    """Without a header: rows of several files may have other columns."""
    path = tmp_path / "rows.csv"
    assert logs.write_redirect(path, [KEPT], lambda reason: reason.value) == 1
    assert list(csv.reader(io.StringIO(path.read_text()))) == [
        ["bad", 'x "y"', "", "value_invalid", "'bad' is no int64"]
    ]


def test_logs_lie_where_the_contract_says() -> None:
    """Below the path, by activity and activity run, under a name that all tries share."""
    assert logs.log_folder("/logs/", "Copy 1", "run") == "logs/copyactivity-logs/Copy 1/run"
    assert logs.log_folder("", "a/b", "run") == "copyactivity-logs/a_b/run"
    assert logs.file_name("key", "log") == logs.file_name("key", "log") != logs.file_name("other", "log")
