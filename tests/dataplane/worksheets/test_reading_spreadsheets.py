"""Tests of workbooks read as worksheets."""

import io
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]  # it has none
import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it has none

from headrace.core.errors import Code, Problem
from headrace.dataplane.worksheets.reading import reading
from other_workbooks import Rows, ods, xls, xlsb
from worksheet_files import Reading


@pytest.fixture
def desk(tmp_path: Path) -> Reading:
    """Return what writes files and reads them."""
    return Reading(tmp_path)


def _book(fill: Callable[[openpyxl.Workbook], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_cells_are_texts_with_dates_in_iso(desk: Reading) -> None:
    """What fields of type date, number and boolean take as it is."""

    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.append(["date", "moment", "time", "span", "whole", "number", "truth", "text"])
        moment = datetime(2024, 2, 29, 1, 2, 3)  # noqa: DTZ001 — a sheet knows no zones
        sheet.append([date(2024, 2, 29), moment, time(4, 5, 6), timedelta(hours=30), 7, 1.5, True, "007"])

    [(_, _, rows)] = desk.tables("xlsx", _book(fill))
    assert rows == [["2024-02-29", "2024-02-29T01:02:03", "04:05:06", "30:00:00", "7", "1.5", "true", "007"]]


@pytest.mark.parametrize(("ext", "make"), [("ods", ods), ("xlsb", xlsb), ("xls", xls)])
def test_other_formats_are_read_alike(ext: str, make: Callable[[Mapping[str, Rows]], bytes], desk: Reading) -> None:
    """Of each the library knows the format by its bytes; the extension only says that it is a workbook."""
    data = make({"One": [["name", "n"], ["\u00e4hm & co", 7.0], ["x", 1.5]], "Two": [["a"]]})
    one = ("One", ("name", "n"), [["\u00e4hm & co", "7"], ["x", "1.5"]])
    assert desk.tables(ext, data) == [one, ("Two", ("a",), [])]


def test_formulas_are_what_they_were_when_the_file_was_saved(desk: Reading) -> None:
    """Nothing is calculated here."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("Sums")
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_number(1, 0, 2)
        sheet.write_formula(1, 1, "=A2*21", None, 42)
    assert desk.tables("xlsx", out.getvalue()) == [("Sums", ("a", "b"), [["2", "42"]])]


def test_of_merged_cells_the_first_has_the_value(desk: Reading) -> None:
    """The others are empty."""

    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        for row in (["a", "b", "c"], ["x", None, "1"], [None, None, "2"]):
            sheet.append(row)
        sheet.merge_cells("A2:B3")

    [(_, _, rows)] = desk.tables("xlsx", _book(fill))
    assert rows == [["x", "", "1"], ["", "", "2"]]


def test_every_worksheet_is_one_in_its_order_and_empty_ones_too(desk: Reading) -> None:
    """Fifty of them, one with nothing in it."""

    def fill(book: openpyxl.Workbook) -> None:
        book.worksheets[0].title = "Empty"
        for number in range(1, 50):
            sheet = book.create_sheet(f"Nr {number}")
            sheet.append([f"n{number}"])
            sheet.append([number])

    tables = desk.tables("xlsx", _book(fill))
    assert [name for name, *_ in tables] == ["Empty", *(f"Nr {number}" for number in range(1, 50))]
    assert tables[0][1:] == ((), [])
    assert tables[49] == ("Nr 49", ("n49",), [["49"]])


def test_a_table_may_begin_anywhere_and_empty_rows_at_its_end_are_dropped(desk: Reading) -> None:
    """Empty rows above count for the header row, as spreadsheets number them."""

    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.worksheets[0]
        for place, value in (("C3", "a"), ("D3", "b"), ("C4", "1"), ("E6", "9"), ("C8", " ")):
            sheet[place] = value

    data = _book(fill)
    [(_, keys, rows)] = desk.tables("xlsx", data)
    assert (keys, rows) == (("a", "b", "column_3"), [["1", "", ""], ["", "", ""], ["", "", "9"]])
    path = desk.folder / "file.xlsx"
    with reading(desk.opening(path), "xlsx") as [sheet]:
        assert (sheet.header_row, sheet.count) == (3, 3)


def test_worksheets_that_do_not_reach_as_far_as_the_header_are_empty(desk: Reading) -> None:
    """One header row is asked for all of them."""

    def fill(book: openpyxl.Workbook) -> None:
        book.worksheets[0].append(["note"])
        sheet = book.create_sheet("Data")
        for row in (["title"], ["a"], ["1"]):
            sheet.append(row)

    assert [table[1:] for table in desk.tables("xlsx", _book(fill), skipRows=1)] == [((), []), (("a",), [["1"]])]


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"PK\x03\x04 and nothing more", b"\xd0\xcf\x11\xe0" * 200, b""])
def test_what_is_no_workbook_is_told(data: bytes, desk: Reading) -> None:
    """Whatever the library makes of it, nothing else is harmed."""
    with pytest.raises(Problem) as caught:
        desk.tables("xlsx", data)
    assert caught.value.code is Code.SOURCE_UNREADABLE


def test_two_cells_in_opposite_corners_do_not_take_all_memory(desk: Reading) -> None:
    """The library would hold 17 thousand million cells."""

    def fill(book: openpyxl.Workbook) -> None:
        book.worksheets[0]["A1"] = 1
        book.worksheets[0]["XFD1048576"] = 1

    with pytest.raises(Problem, match="GiB of memory") as caught:
        desk.tables("xlsx", _book(fill))
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_a_small_file_does_not_fill_the_disk(desk: Reading) -> None:
    """A text is kept once in a workbook, however many cells of however many worksheets show it."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for _ in range(2):
            sheet = book.add_worksheet()
            for row in range(1_400):
                sheet.write_string(row, 0, "x" * 32_000)
    with pytest.raises(Problem, match="fill the disk") as caught:
        desk.tables("xlsx", out.getvalue())
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_files_of_other_types_are_refused_with_those_that_can_be_read(desk: Reading) -> None:
    """The extension decides, whatever the driver is called."""
    with pytest.raises(Problem, match="csv, json") as caught:
        desk.tables("pdf", b"%PDF")
    assert caught.value.code is Code.UNSUPPORTED
