"""Delimited text as rows: by DuckDB where that is exact, by ourselves else, and the same rows either way."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delimited_model import Model
from headrace.core.errors import Code, Problem
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.delimited import read
from headrace.dataplane.transfer.request import Delimited
from headrace.dataplane.transfer.rows import RefusedRow, Rows
from headrace.dataplane.transfer.session import TransferSession
from transfer_files import fault_of, local, plain, rows_of, session_in, working

RFC = Delimited(escape='"', header=True)


def file_of(folder: Path, text: str | bytes) -> Path:
    """Write a file."""
    path = folder / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_all(folder: Path, text: str | bytes, form: Delimited = RFC, **limits: Any) -> list[Any]:
    """Return the rows of a file."""
    return rows_of(read, form, file_of(folder, text), limits=Limits(threads=1, **limits))[1]


def names_of(folder: Path, text: str, form: Delimited) -> list[str]:
    """Return the columns of a file."""
    return [field.name for field in rows_of(read, form, file_of(folder, text))[0]]


def tolerated(session: TransferSession, path: Path, form: Delimited) -> tuple[Rows, list[Any], list[RefusedRow]]:
    """Return how a file is read when rows may be left out, its rows, and those that are left out."""
    work = dataclasses.replace(working(path.parent), tolerant=True)
    with read(local(path), form, session, work) as rows:
        found = plain(session, rows.relation) if rows.fields else []
        assert not rows.fields or plain(session, rows.relation) == found
        return rows, found, list(rows.refused())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, TransferSession]]:
    """Yield a folder and a session for many small files."""
    folder = tmp_path_factory.mktemp("delimited")
    with session_in(folder) as session:
        yield folder, session


def test_an_ordinary_file_is_read_by_duckdb_where_it_lies(tmp_path: Path) -> None:
    """The fast way is the ordinary one."""
    path = file_of(tmp_path, 'id,name\n1,"a, ""b"""\n2,\n')
    with session_in(tmp_path) as session, read(local(path), RFC, session, working(tmp_path)) as rows:
        assert rows.relation.startswith("read_csv(")
        assert plain(session, rows.relation) == [("1", 'a, "b"'), ("2", None)]


def test_without_a_header_columns_are_numbered(tmp_path: Path) -> None:
    """They are called as Data Factory calls them."""
    assert names_of(tmp_path, "1,2\n3,4\n", Delimited()) == ["Prop_0", "Prop_1"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(tmp_path: Path, end: str) -> None:
    """CRLF, LF and CR."""
    assert read_all(tmp_path, end.join(["a,b", "1,2", '"x' + end + 'y",4'])) == [("1", "2"), (f"x{end}y", "4")]


def test_a_given_row_delimiter_is_the_only_one(tmp_path: Path) -> None:
    """Others are text."""
    assert read_all(tmp_path, "a|b@~1\n|2@~", Delimited(delimiter="|", row_delimiter="@~", header=True)) == [
        ("1\n", "2")
    ]


def test_mixed_line_ends_are_read(tmp_path: Path) -> None:
    """Nothing is lost at the seams."""
    assert read_all(tmp_path, "a,b\r\n1,2\n3,4\r5,6") == [("1", "2"), ("3", "4"), ("5", "6")]


def test_escape_characters_are_text_but_before_a_quote_in_quotes(tmp_path: Path) -> None:
    r"""``C:\dir`` stays what it is; ``\"`` in a quoted cell is a quote; ``\\"`` is a backslash and the end."""
    text = 'a,b\nC:\\dir,"x\\"y"\n"C:\\dir","z\\\\"\n'
    assert read_all(tmp_path, text, Delimited(header=True)) == [("C:\\dir", 'x"y'), ("C:\\dir", "z\\")]


def test_a_doubled_quote_is_a_quote_whatever_the_escape_character_is(tmp_path: Path) -> None:
    """Most files double quotes, while the dataset says backslash by default."""
    assert read_all(tmp_path, 'a,b\n"say ""hi""",2\n', Delimited(header=True)) == [('say "hi"', "2")]


def test_without_quoting_the_escape_character_protects_the_delimiter(tmp_path: Path) -> None:
    """Quotes are text then."""
    assert read_all(tmp_path, 'a,b\n"x\\,y",2\n', Delimited(quote="", header=True)) == [('"x,y"', "2")]


def test_only_unquoted_text_is_null_but_nothing_is_null_in_any_way(tmp_path: Path) -> None:
    """A null text in quotes is text; with the default, an empty quoted cell is null, too."""
    assert read_all(tmp_path, 'a,b\nNULL,"NULL"\n,""\n', dataclasses.replace(RFC, null="NULL")) == [
        (None, "NULL"),
        ("", ""),
    ]
    assert read_all(tmp_path, 'a,b\n,""\n') == [(None, None)]


def test_missing_cells_are_null_and_lines_of_nothing_are_no_rows(tmp_path: Path) -> None:
    """Only at the end of a row can cells be missing."""
    assert read_all(tmp_path, "a,b,c\n1\n\n2,3\n   \n") == [("1", None, None), ("2", "3", None), ("   ", None, None)]


def test_lines_are_skipped_before_the_header(tmp_path: Path) -> None:
    """Those of nothing do not count."""
    form = dataclasses.replace(RFC, skip_lines=2)
    assert read_all(tmp_path, 'made by "x\n\nsecond\na,b\n1,2\n', form) == [("1", "2")]


@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n4,5,6,7\n", "a,b,c\n1,2,3\n4,5,6,\n", 'a,b,c\n"1",2,3\n4,5,6,7\n'])
def test_a_row_with_too_many_cells_fails_with_its_number(tmp_path: Path, text: str) -> None:
    """Also where the cell too many is empty, which DuckDB would overlook."""
    problem = fault_of(read, RFC, file_of(tmp_path, text))
    assert (problem.reason, problem.side) == (Reason.MORE_CELLS_THAN_COLUMNS, Side.SOURCE)
    assert (
        problem.message
        == "Error found when processing 'Csv/Tsv Format Text' source 'x.csv' with row number 3: found more columns than expected column count 3."
    )


def test_rows_that_may_be_left_out_are_told_with_number_and_cells(shared: tuple[Path, TransferSession]) -> None:
    """Too many cells, something behind a quote, bytes that are no UTF-8; the others come."""
    folder, session = shared
    path = file_of(folder, b'a,b\n1,2\n1,2,3\n"x"y,2\n\n\xff,2\n3,4\n')
    _, rows, refused = tolerated(session, path, RFC)
    assert rows == [("1", "2"), ("3", "4")]
    assert [(row.number, row.reason, row.cells) for row in refused] == [
        (3, Reason.MORE_CELLS_THAN_COLUMNS, ("1", "2", "3")),
        (4, Reason.UNREADABLE, ('"x"y,2',)),
        (6, Reason.UNREADABLE, ("\ufffd", "2")),
    ]


def test_an_unclosed_quote_costs_its_own_line_only(shared: tuple[Path, TransferSession]) -> None:
    """The lines behind it are read as if nothing had been."""
    folder, session = shared
    _, rows, refused = tolerated(session, file_of(folder, 'a,b\n1,"x\n2,y\n3,z\n'), RFC)
    assert rows == [("2", "y"), ("3", "z")]
    assert [(row.number, row.cells) for row in refused] == [(2, ('1,"x',))]


def test_a_clean_file_is_read_by_duckdb_also_where_rows_may_be_left_out(shared: tuple[Path, TransferSession]) -> None:
    """Tolerance does not make it slow."""
    folder, session = shared
    rows, found, refused = tolerated(session, file_of(folder, "a,b\n1,2\n3\n"), RFC)
    assert rows.relation.startswith("read_csv(")
    assert (found, refused) == ([("1", "2"), ("3", None)], [])


@pytest.mark.parametrize("text", ["a,,c\n1,2,3\n", 'a,"",c\n', "a, ,c\n", "a,b,\n"])
def test_a_header_with_an_empty_name_fails(tmp_path: Path, text: str) -> None:
    """A column without a name cannot be mapped."""
    assert fault_of(read, RFC, file_of(tmp_path, text)).reason is Reason.COLUMN_NAME_EMPTY


def test_a_name_that_is_there_twice_fails_clearly(tmp_path: Path) -> None:
    """Which of the two would be meant?"""
    problem = fault_of(read, RFC, file_of(tmp_path, "id,x,id\n1,2,3\n"))
    assert problem.reason is Reason.UNREADABLE
    assert "'id' twice" in problem.message


@pytest.mark.parametrize(("text", "columns"), [("", []), ("\ufeff", []), ("\n\r\n", []), ("a,b", ["a", "b"])])
def test_a_file_without_rows_gives_none(tmp_path: Path, text: str, columns: list[str]) -> None:
    """With a header it has columns still."""
    with (
        session_in(tmp_path) as session,
        read(local(file_of(tmp_path, text)), RFC, session, working(tmp_path)) as rows,
    ):
        assert [field.name for field in rows.fields] == columns
        assert session.one(f"SELECT count(*) FROM {rows.relation}") == 0


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-16", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("windows-1252", "cp1252"),
        ("SHIFT-JIS", "cp932"),
        ("GB18030", "gb18030"),
        ("IBM037", "cp037"),
        ("UTF-7", "utf-7"),
    ],
)
def test_encodings_go_by_their_usual_names(tmp_path: Path, name: str, codec: str) -> None:
    """Those of .NET, which datasets have, and those of Python."""
    text = "a,b\né,ü\n" if codec != "cp932" else "a,b\n日本,テスト\n"
    expected = tuple(text.split("\n")[1].split(","))
    for asked in (name, codec):
        assert read_all(tmp_path, text.encode(codec), dataclasses.replace(RFC, encoding=asked)) == [expected]


def test_a_byte_order_mark_wins(tmp_path: Path) -> None:
    """It knows better than the dataset."""
    for text in ("a,b\n1,é\n".encode("utf-8-sig"), "a,b\n1,é\n".encode("utf-16"), "a,b\n1,é\n".encode("utf-32")):
        assert read_all(tmp_path, text, dataclasses.replace(RFC, encoding="windows-1252")) == [("1", "é")]


def test_bytes_that_the_encoding_does_not_have_are_told_with_their_place(tmp_path: Path) -> None:
    """Nothing is read as something else."""
    problem = fault_of(read, dataclasses.replace(RFC, encoding="ascii"), file_of(tmp_path, b"a,b\n1,\xe9\n"))
    assert problem.reason is Reason.UNREADABLE
    assert "byte 6" in problem.message


def test_an_unknown_encoding_is_told(tmp_path: Path) -> None:
    """With some that are known."""
    assert fault_of(read, Delimited(encoding="klingon"), file_of(tmp_path, "a,b\n")).reason is Reason.REQUEST_INVALID


def test_a_row_over_the_limit_fails_before_it_fills_the_memory(tmp_path: Path) -> None:
    """Whether it is quoted or not."""
    text = "a,b\n" + "x" * 3_000_000 + ",1\n" + "y" * 3_000_000
    with pytest.raises(Problem) as caught:
        read_all(tmp_path, text, max_row_bytes=1000)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_nul_bytes_long_rows_and_many_rows_are_read_exactly(tmp_path: Path) -> None:
    """Across all pieces that files are read in."""
    long = "x" * 1_20_000
    rows = [f"{number},\0{number}" for number in range(5_000)]
    text = "\n".join(["a,b", *rows, f"1,{long}", f'2,"{long}\n{long}"', "3,end"])
    found = read_all(tmp_path, text)
    assert found[:2] == [("0", "\x000"), ("1", "\x001")]
    assert len(found) == 5_003
    assert found[-3:] == [("1", long), ("2", f"{long}\n{long}"), ("3", "end")]


FORMS = [
    Delimited(),
    RFC,
    Delimited(header=True, skip_lines=1),
    Delimited(escape="", null="NULL"),
    Delimited(quote=""),
    Delimited(quote="", escape=""),
    Delimited(delimiter="||"),
    Delimited(delimiter=""),
    Delimited(row_delimiter="\n"),
    Delimited(row_delimiter="\r\n"),
    Delimited(row_delimiter="@~", delimiter="|"),
    Delimited(delimiter=";", quote="'", header=True),
    Delimited(null="x"),
]


@st.composite
def texts(draw: st.DrawFn) -> tuple[Delimited, str]:
    """Return a dialect, and a text of what matters in it: any, or one of well-formed rows, so that DuckDB has some to read."""
    form = draw(st.sampled_from(FORMS))
    quote, delimiter = form.quote or '"', form.delimiter or ","
    end = form.row_delimiter or draw(st.sampled_from(["\n", "\r\n", "\r"]))
    if draw(st.booleans()):
        tokens = [delimiter, end, quote, form.escape or "e", "x", " ", "NULL", "\n", "\r", "é"]
        return form, "".join(draw(st.lists(st.sampled_from(tokens), max_size=20)))
    inside = st.sampled_from(["", "x", quote * 2, delimiter, "NULL", "\\"])
    bare = st.sampled_from(["", "x", "NULL", "a b", "é", "\\"])
    cell = bare | inside.map(lambda text: quote + text + quote)
    width = draw(st.integers(1, 3))
    some = st.lists(cell, min_size=width, max_size=width) | st.lists(cell, min_size=1, max_size=4)
    lines = [delimiter.join(row) for row in draw(st.lists(some, max_size=5))]
    return form, end.join(lines) + draw(st.sampled_from(["", end]))


@settings(max_examples=70)
@given(texts())
@example((Delimited(null="x"), '"NULL"\né,x\n'))
@example((RFC, "a b\r\\\r"))
@example((Delimited(header=True), '"\\"n"\nx\n'))
@example((RFC, 'a,b\nx"y,",z\n"1",2\n'))
def test_both_readers_agree_with_a_plain_model(
    shared: tuple[Path, TransferSession], drawn: tuple[Delimited, str]
) -> None:
    """Rows, names and refused rows are those of a reader that goes letter by letter, whichever reader took the file."""
    folder, session = shared
    form, text = drawn
    model = Model(text, form)
    path = file_of(folder, text)
    names = [name.lower() for name in model.columns or ()]
    try:
        rows, found, refused = tolerated(session, path, form)
    except TransferProblem:
        # What is told at once: a header that is none, or a first row that cannot be read.
        assert model.refused or len(set(names)) < len(names) or not all(name.strip() for name in names)
        return
    assert tuple(field.name for field in rows.fields) == (model.columns or ())
    assert found == model.rows
    assert [row.number for row in refused] == model.refused


def test_a_fault_late_in_the_file_is_told_where_rows_come_in_batches(tmp_path: Path) -> None:
    """Both readers: the words of the problem outlive the ways through DuckDB and Arrow."""
    for text in ("a,b\n" + "1,2\n" * 20_000 + "1,2,3\n", 'a,b\n"1\n",2\n' + "1,2\n" * 20_000 + "1,2,3\n"):
        path = file_of(tmp_path, text)
        with (
            pytest.raises(TransferProblem) as caught,
            session_in(tmp_path) as session,
            read(local(path), RFC, session, working(tmp_path)) as rows,
        ):
            list(session.batches(f"SELECT * FROM {rows.relation}", 1000))
        number = 20_002 if text[4] == "1" else 20_003
        assert caught.value.reason is Reason.MORE_CELLS_THAN_COLUMNS
        assert f"row number {number}:" in caught.value.message
