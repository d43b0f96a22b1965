"""Files of records: what comes out when they are read again, and what they cannot hold."""

import csv
import io
from itertools import repeat
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]  # it ships no type information
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.blueprint import FieldKind
from headrace.core.errors import Code, Problem
from headrace.dataplane.worksheets.writing import MAX_ROWS, Column, Spreadsheet, write_csv

NAME = Column("name", FieldKind.STRING)
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def book_at(path: Path) -> Any:
    """Return a spreadsheet."""
    return openpyxl.load_workbook(io.BytesIO(path.read_bytes()))


@settings(max_examples=25)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5))
def test_text_comes_back_from_a_csv_file_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    """Quotes, commas, breaks of lines and formulas are text."""
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    assert write_csv(path, [NAME, NAME, NAME], rows) == len(rows)
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["name"] * 3, *rows]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "@x", "https://x.example/", "mailto:a@b", "internal:Sheet1!A1", "_x0041_", "1", "a\x01b", " "],
)
def test_text_in_a_spreadsheet_is_text(tmp_path: Path, text: str) -> None:
    """It is no formula, no link, no number and no code of a character."""
    path = tmp_path / "book"
    with Spreadsheet(path) as book:
        book.add("Sheet", [NAME], [[text]])
    (sheet,) = book_at(path).worksheets
    assert (sheet["A2"].data_type, openpyxl.utils.escape.unescape(sheet["A2"].value)) == ("s", text)
    assert sheet["A2"].hyperlink is None


def test_a_worksheet_has_as_many_rows_as_it_can_have_and_no_more(tmp_path: Path) -> None:
    """What does not fit is refused, never cut off."""
    refused = pytest.raises(
        Problem, match="sheet 'Long' has more than 1,048,575 records, a worksheet takes 1,048,576 rows"
    )
    with refused as problem, Spreadsheet(tmp_path / "book") as book:
        book.add("Long", [], repeat((), MAX_ROWS))
    assert problem.value.code is Code.LIMIT_EXCEEDED


def test_names_of_worksheets_are_allowed_and_differ(tmp_path: Path) -> None:
    """Whatever sheets are called, in whatever case."""
    names = ["", "  ", "'", "History", "a/b", "A\\B", "x" * 40, "X" * 50, "🙂" * 31, "Sheet (2)", "sheet"]
    with Spreadsheet(tmp_path / "book") as book:
        for name in names:
            book.add(name, [NAME], [])
    titles = [sheet.title for sheet in book_at(tmp_path / "book").worksheets]
    assert len({title.casefold() for title in titles}) == len(names)
    assert titles[:4] == ["Sheet", "Sheet (2)", "Sheet (3)", "History "]
    assert titles[4:9] == ["a b", "A B (2)", "x" * 31, "X" * 27 + " (2)", "🙂" * 15]
