"""Rows as delimited text: golden bytes, and what is written reads back the same."""

import bz2
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.formats.delimited import read, write
from headrace.dataplane.transfer.request import Conversion, Delimited, Pack, Packing
from headrace.dataplane.transfer.rows import Part, Writing
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import PlainStream, local, plain, session_in, working

Table = Sequence[Sequence[str | None]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, TransferSession]]:
    """Yield a folder and a session for many small files."""
    folder = tmp_path_factory.mktemp("delimited")
    with session_in(folder) as session:
        yield folder, session


def texts_of(names: Sequence[str], rows: Table) -> Any:
    """Return rows of text as Arrow."""
    columns = [pa.array([row[at] for row in rows], pa.string()) for at in range(len(names))]
    return pa.Table.from_arrays(columns, names=list(names))


def write_rows(
    shared: tuple[Path, TransferSession], form: Delimited, names: Sequence[str], rows: Table, **options: Any
) -> tuple[tuple[Part, ...], PlainStream]:
    """Write rows of text; return the files, and the stream that they came from."""
    folder, session = shared
    fields = tuple(Field(name) for name in names)
    fast = options.pop("fast", True)
    stream = PlainStream(session, session.register(texts_of(names, rows)), fields, fast=fast)
    writing = Writing(lambda number: folder / f"part_{number}", working(folder), **options)
    with write(form, fields, session, writing) as writer:
        writer.add(stream)
        return tuple(writer.close()), stream


def bytes_of(shared: tuple[Path, TransferSession], form: Delimited, rows: Table, **options: Any) -> bytes:
    """Return the one file that rows become."""
    names = [f"c{at}" for at in range(len(rows[0]))] if rows else ["c0"]
    parts, stream = write_rows(shared, form, names, rows, **options)
    assert sum(part.rows for part in parts) == len(rows) == stream.taken
    return parts[0].path.read_bytes()


def test_cells_are_quoted_where_they_must_be(shared: tuple[Path, TransferSession]) -> None:
    """A delimiter, a quote, a line end, or blanks at an end; rows end in CRLF."""
    rows: Table = [["a,b", 'x"y', "1\n2"], [" a", "b\t", "c d"], [None, "", "é"]]
    golden = '"a,b","x\\"y","1\n2"\r\n" a","b\t",c d\r\n,,é\r\n'
    assert bytes_of(shared, Delimited(), rows) == golden.encode()


def test_quotes_are_doubled_where_they_escape_themselves(shared: tuple[Path, TransferSession]) -> None:
    """As in RFC 4180."""
    assert bytes_of(shared, Delimited(escape='"'), [['x"y', '"']]) == b'"x""y",""""\r\n'


def test_escape_characters_are_doubled_only_where_they_would_escape(shared: tuple[Path, TransferSession]) -> None:
    """Before a quote and at the end of a quoted cell; paths stay readable."""
    rows = [["C:\\dir", "C:\\a,b", 'x\\"', ",\\"]]
    assert bytes_of(shared, Delimited(), rows) == b'C:\\dir,"C:\\a,b","x\\\\\\"",",\\\\"\r\n'


def test_everything_is_quoted_when_asked(shared: tuple[Path, TransferSession]) -> None:
    """The header, too; a null only where it reads back as one."""
    form = Delimited(quote_all=True, header=True)
    assert bytes_of(shared, form, [["1", None]]) == b'"c0","c1"\r\n"1",""\r\n'
    with_null = Delimited(quote_all=True, null="NULL")
    assert bytes_of(shared, with_null, [["NULL", None]]) == b'"NULL",NULL\r\n'


def test_a_text_that_looks_like_null_is_quoted(shared: tuple[Path, TransferSession]) -> None:
    """Else it would come back as null."""
    assert bytes_of(shared, Delimited(null="NULL"), [["NULL", None, ""]]) == b'"NULL",NULL,\r\n'


def test_a_row_of_nothing_in_one_column_is_seen(shared: tuple[Path, TransferSession]) -> None:
    """A line without any character would be no row."""
    assert bytes_of(shared, Delimited(), [["a"], [None], ["b"]]) == b'a\r\n""\r\nb\r\n'


def test_values_are_written_in_their_text_forms(shared: tuple[Path, TransferSession]) -> None:
    """Those of the mapping, by its conversion."""
    folder, session = shared
    kinds = {"i": ValueType.INT64, "d": ValueType.DATETIME, "b": ValueType.BOOLEAN, "f": ValueType.DOUBLE}
    fields = tuple(Field(name, kind) for name, kind in kinds.items())
    relation = "(SELECT -5::BIGINT AS i, TIMESTAMP '2024-01-02 03:04:05' AS d, true AS b, 1.5::DOUBLE AS f)"
    for conversion, golden in (
        (Conversion(), "-5,2024-01-02 03:04:05.0000000,True,1.5\n"),
        (Conversion(datetime_format="yyyyMMdd", culture="de-de"), '-5,20240102,True,"1,5"\n'),
    ):
        writing = Writing(lambda _: folder / "typed", working(folder), conversion=conversion)
        with write(Delimited(row_delimiter="\n"), fields, session, writing) as writer:
            writer.add(PlainStream(session, relation, fields))
            writer.close()
        assert (folder / "typed").read_text() == golden


@pytest.mark.parametrize(
    ("name", "codec"), [("UTF-16", "utf-16-le"), ("windows-1252", "cp1252"), ("GB18030", "gb18030")]
)
def test_text_is_written_in_its_encoding_without_a_mark(
    shared: tuple[Path, TransferSession], name: str, codec: str
) -> None:
    """As the contract has it."""
    form = Delimited(encoding=name, header=True)
    assert bytes_of(shared, form, [["é"]]) == "c0\r\né\r\n".encode(codec)


@pytest.mark.parametrize("fast", [True, False])
def test_letters_that_the_encoding_does_not_have_are_refused(
    shared: tuple[Path, TransferSession], *, fast: bool
) -> None:
    """Nothing is written as a question mark; the other rows are there."""
    parts, stream = write_rows(
        shared, Delimited(encoding="ascii"), ["a", "b"], [["1", "x"], ["2", "é"], ["3", "z"]], fast=fast
    )
    assert parts[0].path.read_bytes() == b"1,x\r\n3,z\r\n"
    assert parts[0].rows == 2
    assert [(row.number, row.reason, row.cells) for row in stream.refused] == [(2, Reason.VALUE_INVALID, ("2", "é"))]


def test_what_nothing_can_protect_is_refused(shared: tuple[Path, TransferSession]) -> None:
    """Without quotes no line end can stand in a cell; delimiters can be escaped."""
    rows = [["a,b", "\\"], ["x\ny", "2"]]
    parts, stream = write_rows(shared, Delimited(quote=""), ["a", "b"], rows)
    assert parts[0].path.read_bytes() == b"a\\,b,\\\r\n"
    assert [row.number for row in stream.refused] == [2]


def test_files_are_cut_by_rows_and_each_has_a_header(shared: tuple[Path, TransferSession]) -> None:
    """The last may be shorter."""
    parts, _ = write_rows(shared, Delimited(header=True), ["a"], [["1"], ["2"], ["3"]], max_rows=2)
    assert [(part.path.read_bytes(), part.rows) for part in parts] == [(b"a\r\n1\r\n2\r\n", 2), (b"a\r\n3\r\n", 1)]


def test_an_empty_table_is_a_file_with_a_header(shared: tuple[Path, TransferSession]) -> None:
    """Whoever reads it knows the columns."""
    parts, _ = write_rows(shared, Delimited(header=True), ["a", "b"], [])
    assert [(part.path.read_bytes(), part.rows) for part in parts] == [(b"a,b\r\n", 0)]


def test_a_source_of_no_bytes_becomes_a_file_of_none(shared: tuple[Path, TransferSession]) -> None:
    """It has no columns that a header could name."""
    folder, session = shared
    with write(Delimited(header=True), (), session, Writing(lambda _: folder / "none", working(folder))) as writer:
        assert [(part.path.read_bytes(), part.rows) for part in writer.close()] == [(b"", 0)]


def test_hundreds_of_columns_are_no_trouble(shared: tuple[Path, TransferSession]) -> None:
    """Expressions may be only so deep."""
    rows: Table = [[str(number) for number in range(600)]]
    assert bytes_of(shared, Delimited(quote=""), rows) == ",".join(rows[0]).encode() + b"\r\n"  # type: ignore[arg-type]  # no nulls


def test_streams_follow_one_another_and_a_failed_query_leaves_nothing(shared: tuple[Path, TransferSession]) -> None:
    """What DuckDB began of a stream is taken back before its rows are gone through one by one; what came before stays."""
    folder, session = shared
    fields = (Field("a"),)
    rows = "(SELECT CASE WHEN i = 300000 THEN error('no') ELSE 'x' || i END AS a FROM range(300001) t(i))"
    good = PlainStream(session, "(SELECT 'first' AS a)", fields)
    failing = PlainStream(session, "(SELECT 'second' AS a)", fields)
    failing.select = lambda: f"SELECT * FROM {rows}"  # type: ignore[method-assign]  # a stream whose query fails at its end
    writing = Writing(lambda number: folder / f"merged_{number}", working(folder))
    with write(Delimited(), fields, session, writing) as writer:
        writer.add(good)
        writer.add(failing)
        (part,) = writer.close()
    assert (part.path.read_bytes(), part.rows) == (b"first\r\nsecond\r\n", 2)


def test_what_is_broken_off_leaves_nothing(shared: tuple[Path, TransferSession]) -> None:
    """No half a file stays behind."""
    folder, session = shared
    fields = (Field("a"),)
    writing = Writing(lambda _: folder / "half", working(folder))
    with suppress(RuntimeError), write(Delimited(), fields, session, writing) as writer:
        writer.add(PlainStream(session, "(SELECT 'x' AS a)", fields))
        assert (folder / "half").exists()
        raise RuntimeError
    assert not (folder / "half").exists()


@pytest.mark.parametrize(
    ("packing", "unpacked"),
    [
        (Packing.GZIP, gzip.decompress),
        (Packing.BZIP2, bz2.decompress),
        (Packing.DEFLATE, lambda data: zlib.decompress(data, wbits=-15)),
    ],
)
def test_what_is_written_is_packed_on_the_way(
    shared: tuple[Path, TransferSession], packing: Packing, unpacked: Any
) -> None:
    """Equal rows give equal files."""
    found = [bytes_of(shared, Delimited(), [["1", "2"]], pack=Pack(packing)) for _ in range(2)]
    assert unpacked(found[0]) == b"1,2\r\n"
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "form",
    [
        Delimited(null="a,b"),
        Delimited(delimiter=""),
        Delimited(quote="''"),
        Delimited(quote=","),
        Delimited(delimiter="\n"),
        Delimited(delimiter="|", row_delimiter="||"),
        Delimited(encoding="klingon"),
    ],
)
def test_a_dialect_that_could_not_be_read_back_is_refused(
    shared: tuple[Path, TransferSession], form: Delimited
) -> None:
    """Before anything is written."""
    with pytest.raises(TransferProblem) as caught:
        write_rows(shared, form, ["a", "b"], [["1", "2"]])
    assert caught.value.reason is Reason.REQUEST_INVALID


FORMS = st.builds(
    Delimited,
    delimiter=st.sampled_from([",", "\t", ";", "||", "\x01", "§", " ", "a"]),
    quote=st.sampled_from(['"', '"', "'", ""]),
    escape=st.sampled_from(["\\", '"', "", "^", "x"]),
    row_delimiter=st.sampled_from(["", "\n", "\r\n", "\r", "@~"]),
    header=st.booleans(),
    null=st.sampled_from(["", "NULL", "\\N"]),
    quote_all=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8", "utf-16", "gb18030", "utf-7"]),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Delimited, list[str], list[list[str | None]]]:
    """Return a dialect, columns, and rows of what matters in it."""
    form = draw(FORMS)
    width = draw(st.integers(1, 3))
    tokens = [form.delimiter, form.quote, form.escape, "\n", "\r", "x", "NULL", "\\N", " ", "é", "@", "~"]
    cell = st.none() | st.lists(st.sampled_from(tokens), max_size=4).map("".join)
    rows = draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=5))
    special = [form.quote, form.delimiter, ""] if form.quote else [""]
    names = [f"{draw(st.sampled_from(special))}c{at}" for at in range(width)]
    return form, names, rows


@settings(max_examples=40)
@given(tables(), st.booleans())
@example((Delimited(header=True), ['"c0', "c1"], [[None, ",\\"]]), True)
def test_what_is_written_reads_back_the_same(
    shared: tuple[Path, TransferSession],
    drawn: tuple[Delimited, list[str], list[list[str | None]]],
    fast: bool,
) -> None:
    """Whatever the dialect: rows are there as they were, or are refused; only text that means null comes back as null."""
    form, names, rows = drawn
    parts, stream = write_rows(shared, form, names, rows, fast=fast)
    refused = {row.number for row in stream.refused}
    assert not (refused and form.quote)
    kept = [row for number, row in enumerate(rows, 1) if number not in refused]
    is_null = {None, form.null} if form.null == "" or not form.quote else {None}
    folder, session = shared
    (part,) = parts
    with read(local(part.path), form, session, working(folder)) as opened:
        assert not form.header or [field.name for field in opened.fields] == names
        found = plain(session, opened.relation) if opened.fields else []
    assert found == [tuple(None if cell in is_null else cell for cell in row) for row in kept]
