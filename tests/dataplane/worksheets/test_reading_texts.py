"""Tests of delimited text read as a worksheet."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits
from headrace.dataplane.worksheets.reading import reading
from worksheet_files import Reading


@pytest.fixture
def desk(tmp_path: Path) -> Reading:
    """Return what writes files and reads them."""
    return Reading(tmp_path)


def test_all_columns_are_text_and_cells_may_hold_separators_quotes_and_line_ends(desk: Reading) -> None:
    """Nothing is guessed: a leading zero stays, and so does a line break in quotes."""
    data = b'id,note\r\n007,"a ""b"", c\nd"\r\n1.50,\r\n'
    assert desk.tables("csv", data) == [("Sheet1", ("id", "note"), [["007", 'a "b", c\nd'], ["1.50", ""]])]


@pytest.mark.parametrize(
    ("ext", "data"),
    [
        ("tsv", b"a\tb,c\n1\t2\n"),
        ("psv", b"a|b,c\n1|2\n"),
        ("csv", b"a;b\n1;2\n"),
        ("txt", b"a;b c\n1;2\n"),
        ("txt", b"a\tb c\n1\t2\n"),
    ],
)
def test_the_separator_is_that_of_the_extension_or_what_the_text_looks_like(
    ext: str, data: bytes, desk: Reading
) -> None:
    """Files that spreadsheets of other countries call csv have semicolons."""
    [(_, keys, rows)] = desk.tables(ext, data)
    assert (len(keys), rows) == (2, [["1", "2"]])


def test_semicolons_are_found_where_numbers_have_commas(desk: Reading) -> None:
    """Half of Europe writes them so; a title above them makes no difference."""
    for title in (b"", b"Report\n"):
        [(_, keys, rows)] = desk.tables("csv", title + b"a;b\n1,5;2,5\n3,5;4,5\n")
        assert (keys, rows) == (("a", "b"), [["1,5", "2,5"], ["3,5", "4,5"]])


def test_a_separator_that_is_given_counts(desk: Reading) -> None:
    """Whatever the extension is."""
    assert desk.tables("csv", b"a:b,c\n1:2\n", delimiter=":")[0][1:] == (("a", "b,c"), [["1", "2"]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_are_told_by_their_mark_or_their_bytes(encoding: str, desk: Reading) -> None:
    """UTF-8, UTF-16 by its mark, else Latin-1 (contract 11.2)."""
    assert desk.tables("csv", "Größe\nähm\n".encode(encoding)) == [("Sheet1", ("Größe",), [["ähm"]])]


def test_an_encoding_that_is_given_counts(desk: Reading) -> None:
    """A mark wins over it, as it is in the file itself."""
    assert desk.tables("csv", "a\n€\n".encode("cp1252"), encoding="windows-1252")[0][2] == [["€"]]
    assert desk.tables("csv", "a\n€\n".encode("utf-8-sig"), encoding="windows-1252")[0][2] == [["€"]]


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (b"a,b\n1,2\n3,\xff\n", {"encoding": "UTF-8"}, "in row 3: it has bytes that are no utf-8"),
        (b'a,b\n"x\ny",2\n"3",\xff\n', {"encoding": "UTF-8"}, "in row 3: it has bytes that are no utf-8"),
        (b"a,b\n1,2\n3,\0\n", {}, "in row 3: it has NUL characters"),
        (b'a,b\n1,2\n\n"3"x,4\n', {}, "in row 4: something stands behind"),
        (b'a,b\n1,2\n"3,4\n', {}, "in row 3: a cell begins with"),
        ("a\n".encode("utf-16") + b"\x00", {}, "in row 2: it has bytes that are no utf-16-le"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_row(
    data: bytes, options: dict[str, Json], words: str, desk: Reading
) -> None:
    """The row counts from 1 with the header, as an editor shows it."""
    with pytest.raises(Problem, match=words) as caught:
        desk.tables("csv", data, 0, **options)
    assert caught.value.code is Code.SOURCE_UNREADABLE


def test_titles_above_the_header_are_passed_over(desk: Reading) -> None:
    """The header is found as detect-header finds it."""
    data = b"Report of May\n\nName,Born\nAnn,1990\n"
    with reading(desk.opening(_written(desk, data)), "csv") as [sheet]:
        assert (sheet.keys, sheet.header_row, sheet.count) == (("Name", "Born"), 3, 1)


@pytest.mark.parametrize(
    ("options", "keys", "rows"),
    [
        ({"skipRows": 1}, ("1", "2"), [["3", "4"]]),
        ({"headers": ["x", "y"]}, ("x", "y"), [["a", "b"], ["1", "2"], ["3", "4"]]),
        ({"headers": ["x"], "skipRows": 2}, ("x", "column_2"), [["3", "4"]]),
    ],
)
def test_headers_and_rows_to_pass_over_can_be_given(
    options: dict[str, Json], keys: tuple[str, ...], rows: list[list[str]], desk: Reading
) -> None:
    """With headers all rows behind the passed over ones are data, without the next one is the header."""
    assert desk.tables("csv", b"a,b\n1,2\n3,4\n", 0, **options) == [("Sheet1", keys, rows)]


def test_a_header_row_of_the_configuration_and_options_of_the_space_count(desk: Reading) -> None:
    """The configuration wins, since a person saw the file."""
    path = _written(desk, b"a,b\nc,d\ne,f\n")
    space: dict[str, Json] = {"algorithm": "specificRows", "rowNumbers": [0, 1]}
    with reading(desk.opening(path, space=space), "csv") as [sheet]:
        assert (sheet.keys, sheet.header_row) == (("a c", "b d"), 2)
    with reading(desk.opening(path, {"detectedHeaderRow": 3}, space), "csv") as [sheet]:
        assert (sheet.keys, sheet.header_row, sheet.count) == (("e", "f"), 3, 0)


def test_repeated_and_empty_headers_become_fields_of_their_own(desk: Reading) -> None:
    """No column is lost."""
    assert desk.tables("csv", b"a,a,,b\n1,2,3,4\n", skipRows=0) == [
        ("Sheet1", ("a", "a_1", "column_3", "b"), [["1", "2", "3", "4"]])
    ]


def test_ragged_rows_lose_nothing(desk: Reading) -> None:
    """Short rows have empty cells, longer ones make columns; empty cells too many do not."""
    data = b"a,b\n1\n1,2,3\n1,2,,,\n"
    [(_, keys, rows)] = desk.tables("csv", data, skipRows=0)
    assert keys == ("a", "b", "column_3")
    assert rows == [["1", "", ""], ["1", "2", "3"], ["1", "2", ""]]


def test_empty_rows_at_the_end_are_dropped_and_others_stay(desk: Reading) -> None:
    """Lines without any character are no rows at all."""
    assert desk.tables("csv", b"a,b\n1,2\n,\n\n3,4\n,\n , \n\n")[0][2] == [["1", "2"], ["", ""], ["3", "4"]]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_a_worksheet_without_columns(data: bytes, desk: Reading) -> None:
    """It is no failure: there is nothing in it."""
    assert desk.tables("csv", data) == [("Sheet1", (), [])]


@pytest.mark.parametrize("options", [{"delimiter": '"'}, {"encoding": 1}, {"headers": "a"}, {"skipRows": -1}])
def test_options_that_cannot_be_are_refused_with_their_names(options: dict[str, Json], desk: Reading) -> None:
    """All of them at once."""
    with pytest.raises(Problem) as caught:
        desk.tables("csv", b"a\n", 0, **options)
    assert [error.path for error in caught.value.fields] == [f"config.options.{name}" for name in options]


def test_an_encoding_that_nobody_knows_is_refused(desk: Reading) -> None:
    """The message names ones that are known."""
    with pytest.raises(Problem, match="UTF-8"):
        desk.tables("csv", b"a\n", encoding="klingon")


def test_limits_on_columns_and_rows_hold(tmp_path: Path) -> None:
    """A file that would take any amount of memory is refused before it does."""
    desk = Reading(tmp_path, limits=Limits(max_columns=3, max_row_bytes=1_000))
    with pytest.raises(Problem, match="4 columns") as caught:
        desk.tables("csv", b"a,b\n1,2,3,4\n")
    assert caught.value.code is Code.LIMIT_EXCEEDED
    with pytest.raises(Problem, match="max_row_bytes"):
        desk.tables("csv", b"a,b\n" + b"x" * 3_000_000)


def test_reading_can_go_on_at_any_row_and_gives_chunks_of_the_size_that_is_asked_for(desk: Reading) -> None:
    """What was interrupted goes on without a row lost or doubled."""
    text = "n\n" + "".join(f"{number}\n" for number in range(2_500))
    with reading(desk.opening(_written(desk, text.encode())), "csv") as [sheet]:
        assert [len(rows) for rows in sheet.chunks(0, 1_000)] == [1_000, 1_000, 500]
        assert next(sheet.chunks(1_234, 10))[0] == ["1234"]
        assert list(sheet.chunks(2_500, 10)) == []


def test_reading_stops_when_it_is_told_to(tmp_path: Path) -> None:
    """A cancelled job does not read its file to the end."""
    stopped = Cancellation()
    stopped.stop(Code.CANCELLED, "enough")
    with pytest.raises(Problem, match="enough"):
        Reading(tmp_path, cancellation=stopped).tables("csv", b"a\n")


@settings(max_examples=30)
@given(st.lists(st.lists(st.text('ab,";\n \u00e4', max_size=4), min_size=2, max_size=4), min_size=1, max_size=8))
def test_what_python_writes_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    """Any cells at all come back, but for empty rows at the end."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    desk = Reading(tmp_path_factory.mktemp("texts"))
    [(_, keys, found)] = desk.tables("csv", text.getvalue().encode(), headers=["a", "b"])
    expected = [[*row, *[""] * (len(keys) - len(row))] for row in rows]
    while expected and not "".join(expected[-1]).strip():
        del expected[-1]
    assert [row[: len(keys)] for row in expected] == found


def _written(desk: Reading, data: bytes) -> Path:
    path = desk.folder / "file.csv"
    path.write_bytes(data)
    return path
