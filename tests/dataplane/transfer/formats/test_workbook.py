"""Excel workbooks as rows."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]  # it has no types
import pytest

from headrace.core.errors import Code, Problem
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side
from headrace.dataplane.transfer.formats import workbook_cells
from headrace.dataplane.transfer.formats.workbook import read
from headrace.dataplane.transfer.request import Workbook
from headrace.dataplane.transfer.values import ValueType
from transfer_files import fault_of, rows_of

V = ValueType


def made(folder: Path, rows: Sequence[Sequence[Any]], corner: tuple[int, int] = (1, 1)) -> Path:
    """Write a workbook with the sheets ``Data``, ``Empty`` and ``Third``."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Data"
    for down, row in enumerate(rows):
        for right, value in enumerate(row):
            sheet.cell(corner[0] + down, corner[1] + right, value)
    book.create_sheet("Empty")
    book.create_sheet("Third")["A1"] = "third"
    path = folder / "made.xlsx"
    book.save(path)
    return path


def naive(text: str) -> datetime:
    """Return a date-time without a zone."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ([1, None, 2.0, None], V.INT64, [1, None, 2]),
        ([1, 2.5], V.DOUBLE, [1.0, 2.5]),
        ([2.0**60], V.DOUBLE, [2.0**60]),
        ([True, False], V.BOOLEAN, [True, False]),
        (["a", "", "b"], V.STRING, ["a", None, "b"]),
        (
            [naive("2024-02-29T01:02:03"), date(2024, 1, 1)],
            V.DATETIME,
            [naive("2024-02-29T01:02:03"), naive("2024-01-01")],
        ),
        ([time(1, 0, 1), timedelta(hours=30)], V.TIMESPAN, [3_601_000_000, 108_000_000_000]),
        (
            [1.0, 1.5, True, "x", naive("2024-02-29T01:02:03"), date(2024, 1, 1)],
            V.STRING,
            ["1", "1.5", "True", "x", "2024-02-29 01:02:03", "2024-01-01 00:00:00"],
        ),
        (["#N/A", "#DIV/0!", 1], V.INT64, [None, None, 1]),
    ],
)
def test_a_column_has_the_type_that_all_of_its_cells_have(
    tmp_path: Path, cells: list[Any], kind: ValueType, values: list[Any]
) -> None:
    """Else it is text."""
    fields, rows = rows_of(read, Workbook(header=True), made(tmp_path, [["h"], *([cell] for cell in cells)]))
    assert [(field.name, field.type) for field in fields] == [("h", kind)]
    assert [value for (value,) in rows] == values


TABLE: list[list[Any]] = [["id", "name", None], [1, "a", "x"], [2, None, None], [None, None, None], [4, "d", None]]


def test_a_sheet_begins_at_its_first_value(tmp_path: Path) -> None:
    """Wherever that is; a column without a name gets one, and empty rows between others are rows."""
    fields, rows = rows_of(read, Workbook(header=True), made(tmp_path, TABLE, (3, 4)))
    assert [field.name for field in fields] == ["id", "name", "Prop_2"]
    assert rows == [(1, "a", "x"), (2, None, None), (None, None, None), (4, "d", None)]


@pytest.mark.parametrize(
    ("cells", "names", "expected"),
    [
        ("B3:C4", ["id", "name"], [(1, "a")]),
        ("$b$3:$c$4", ["id", "name"], [(1, "a")]),
        ("C3", ["name", "Prop_1"], [("a", "x"), (None, None), (None, None), ("d", None)]),
        ("A3:C5", ["Prop_0", "id", "name"], [(None, 1, "a"), (None, 2, None)]),
        ("C3:F4", ["name", "Prop_1", "Prop_2", "Prop_3"], [("a", "x", None, None)]),
        ("B3:B99", ["id"], [(1,), (2,), (None,), (4,)]),
        ("A1:B4", ["Prop_0", "Prop_1"], [(None, None), (None, "id"), (None, "1")]),
        ("Z90", [], []),
        ("B70:C80", [], []),
    ],
)
def test_a_range_takes_its_cells(tmp_path: Path, cells: str, names: list[str], expected: list[Any]) -> None:
    """Of those that are there, and no row behind the last value."""
    fields, rows = rows_of(read, Workbook(cells=cells, header=True), made(tmp_path, TABLE, (3, 2)))
    assert ([field.name for field in fields], rows if fields else []) == (names, expected)


@pytest.mark.parametrize("cells", ["A", "3", "A0", "B2:A3", "B2:B1", "A1:B2:C3", "Data!A1", "ABCD1"])
def test_what_is_no_range_is_refused(tmp_path: Path, cells: str) -> None:
    """With what would be right."""
    problem = fault_of(read, Workbook(cells=cells), made(tmp_path, TABLE))
    assert (problem.reason, "write A3:H5" in problem.message) == (Reason.REQUEST_INVALID, True)


def test_without_a_header_columns_are_numbered(tmp_path: Path) -> None:
    """And two of a name are told apart."""
    fields, rows = rows_of(read, Workbook(), made(tmp_path, [["a", "A"]]))
    assert ([field.name for field in fields], rows) == (["Prop_0", "Prop_1"], [("a", "A")])
    fields, rows = rows_of(read, Workbook(header=True), made(tmp_path, [["a", "A"]]))
    assert ([field.name for field in fields], rows) == (["a", "A_2"], [])


def test_a_text_may_stand_for_null(tmp_path: Path) -> None:
    """The type is that of the others."""
    fields, rows = rows_of(read, Workbook(null="n/a"), made(tmp_path, [[1], ["n/a"]]))
    assert (fields[0].type, rows) == (V.INT64, [(1,), (None,)])


def test_a_sheet_is_found_by_name_and_by_number(tmp_path: Path) -> None:
    """They count from 0; an empty one has no rows."""
    path = made(tmp_path, TABLE)
    assert rows_of(read, Workbook("Third"), path)[1] == rows_of(read, Workbook(2), path)[1] == [("third",)]
    assert rows_of(read, Workbook("Empty"), path)[0] == ()


@pytest.mark.parametrize("sheet", ["Dta", 3, -1])
def test_a_sheet_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, sheet: str | int) -> None:
    """Whoever reads the message can correct it."""
    problem = fault_of(read, Workbook(sheet), made(tmp_path, TABLE))
    assert (problem.reason, problem.side) == (Reason.REQUEST_INVALID, Side.SOURCE)
    assert "'made.xlsx' has no sheet" in problem.message
    assert problem.message.endswith("its sheets are 'Data', 'Empty', 'Third'")


def test_of_merged_cells_the_first_has_the_value(tmp_path: Path) -> None:
    """The others have none."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["C2"] = "both", "c"
    sheet.merge_cells("A1:B2")
    book.save(tmp_path / "m.xlsx")
    assert rows_of(read, Workbook(), tmp_path / "m.xlsx")[1] == [("both", None, None), (None, None, "c")]


def changed(path: Path, member: str, old: bytes, new: bytes) -> None:
    """Replace bytes in a member of an archive."""
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            data = source.read(info)
            target.writestr(info.filename, data.replace(old, new) if info.filename == member else data)


def test_cells_far_apart_do_not_take_all_memory(tmp_path: Path) -> None:
    """A sheet of two cells may span a whole sheet."""
    path = made(tmp_path, [["a"], ["b"]])
    changed(path, "xl/worksheets/sheet1.xml", b'r="A2"', b'r="XFD1048576"')
    with pytest.raises(Problem, match="cells") as caught:
        rows_of(read, Workbook(), path)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_an_archive_that_unpacks_to_any_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says of its size."""
    path = made(tmp_path, [["a"]])
    changed(path, "xl/worksheets/sheet1.xml", b"<sheetData>", b"<sheetData>" + b" " * 200_000)
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (100).to_bytes(4, "little")))
    monkeypatch.setattr(workbook_cells, "MOST_BYTES", 100_000)
    with pytest.raises(Problem, match="bytes when it is unpacked"):
        rows_of(read, Workbook(), path)


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    """A limit of the installation."""
    with pytest.raises(Problem, match="max_columns"):
        rows_of(read, Workbook(), made(tmp_path, TABLE), limits=Limits(max_columns=2))


@pytest.mark.parametrize("kind", ["empty", "other", "cut", "archive", "old", "sheet"])
def test_what_is_no_workbook_is_told_by_the_name_of_the_file(tmp_path: Path, kind: str) -> None:
    """Wrong magic, half a file, another archive, rubbish in the old format, a broken sheet."""
    path = made(tmp_path, TABLE)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    content = path.read_bytes()
    if kind == "sheet":
        changed(path, "xl/worksheets/sheet1.xml", b"<sheetData>", b"<sheetData></x>")
    else:
        rubbish = {
            "empty": b"",
            "other": b"id,name\n1,a\n",
            "cut": content[:3000],
            "archive": other.getvalue(),
            "old": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 2000,
        }
        path.write_bytes(rubbish[kind])
    problem = fault_of(read, Workbook(), path)
    assert problem.reason is Reason.UNREADABLE
    assert "'made.xlsx' cannot be read as an Excel workbook" in problem.message
