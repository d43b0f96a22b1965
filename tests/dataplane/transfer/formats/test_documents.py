"""JSON files as rows, and objects as JSON files."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import Code, Problem
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side
from headrace.dataplane.transfer.formats.documents import read, write
from headrace.dataplane.transfer.request import Documents, Pack, Packing
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, Writing
from headrace.dataplane.transfer.session import TransferSession, identifier
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import PlainStream, fault_of, local, plain, rows_of, session_in, working

V = ValueType


def file_of(folder: Path, text: str | bytes) -> Path:
    """Write a file."""
    path = folder / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_all(folder: Path, text: str | bytes, form: Documents | None = None) -> tuple[dict[str, ValueType], list[Any]]:
    """Return fields with their types, and rows; the document last."""
    fields, rows = rows_of(read, form or Documents(), file_of(folder, text))
    return {field.name: field.type for field in fields}, rows


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, TransferSession]]:
    """Yield a folder and a session for many small files."""
    folder = tmp_path_factory.mktemp("documents")
    with session_in(folder) as session:
        yield folder, session


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1}\n{"a":2}',
        '{"a":1}\r\n\r\n{"a":2}\r\n',
        '{"a":1}{"a":2}',
        '{"a":\n1}\n{"a":2}',
        '[{"a":1},{"a":2}]',
        ' [\n{"a":1}\n,\n{"a":2} ]\n',
        '\ufeff{"a":1}\n{"a":2}',
    ],
)
def test_layouts_are_told_apart_by_content(tmp_path: Path, text: str) -> None:
    """Lines, one behind the other, an array."""
    fields, rows = read_all(tmp_path, text)
    assert fields == {"a": V.INT64}
    assert [row[0] for row in rows] == [1, 2]


def test_one_object_over_several_lines_is_a_row_with_its_text(tmp_path: Path) -> None:
    """The document is what the file says, blanks and all."""
    text = '{\n  "a": 1,\n  "b": [1.50, 2]\n}'
    assert read_all(tmp_path, text) == ({"a": V.INT64, "b": V.DOCUMENT}, [(1, "[1.5,2]", text)])


def test_each_property_has_a_type_that_all_its_values_have(tmp_path: Path) -> None:
    """In the order in which they are first seen; null fits to all."""
    text = (
        '{"b":true,"i":1,"d":1.5,"s":"x","o":{"y":1},"n":null,"mixed":1}\n'
        '{"b":null,"i":-2,"d":2,"s":"y","o":[1],"n":null,"mixed":"z","late":true}'
    )
    fields, rows = read_all(tmp_path, text)
    assert fields == {
        "b": V.BOOLEAN,
        "i": V.INT64,
        "d": V.DOUBLE,
        "s": V.STRING,
        "o": V.DOCUMENT,
        "n": V.STRING,
        "mixed": V.STRING,
        "late": V.BOOLEAN,
    }
    assert [row[:-1] for row in rows] == [
        (True, 1, 1.5, "x", '{"y":1}', None, "1", None),
        (None, -2, 2.0, "y", "[1]", None, "z", True),
    ]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ("9223372036854775807 -1", V.INT64, [2**63 - 1, -1]),
        ("9223372036854775808 -1", V.DECIMAL, [Decimal(2**63), Decimal(-1)]),
        ("12345678901234567890123 1", V.DECIMAL, [Decimal(12345678901234567890123), Decimal(1)]),
        (f"{'9' * 40} 1", V.STRING, ["9" * 40, "1"]),
        ("9007199254740993 1.5", V.STRING, ["9007199254740993", "1.5"]),
        ("1e400 1.5", V.STRING, ["1e400", "1.5"]),
        ("1e3 1.5", V.DOUBLE, [1000.0, 1.5]),
        ("1 1.5", V.DOUBLE, [1.0, 1.5]),
    ],
)
def test_large_numbers_keep_their_digits(tmp_path: Path, values: str, kind: ValueType, expected: list[Any]) -> None:
    """Where a number would be rounded, another type is taken."""
    text = "\n".join(f'{{"a":{value}}}' for value in values.split())
    fields, rows = read_all(tmp_path, text)
    assert fields == {"a": kind}
    assert [row[0] for row in rows] == expected


def test_names_that_differ_by_case_and_odd_ones_are_columns(tmp_path: Path) -> None:
    """One without any letter is in the document only."""
    with session_in(tmp_path) as session:
        path = file_of(tmp_path, '{"a":1,"A":"x","":3,"q\\"é\'":2}')
        with read(local(path), Documents(), session, working(tmp_path)) as rows:
            assert [field.name for field in rows.fields] == ["a", "A", "q\"é'"]
            assert session.rows(f"SELECT * FROM {rows.relation}")[0][:3] == (1, "x", 2)


@pytest.mark.parametrize("text", ["", "\n", "[]", " [ ] "])
def test_a_file_without_objects_gives_no_rows(tmp_path: Path, text: str) -> None:
    """Nothing is nothing."""
    assert read_all(tmp_path, text) == ({}, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5", "element 1 is no object (line 1, column 1)"),
        ('[{"a":1},\n [2]]', "element 2 is no object (line 2, column 2)"),
        ('{"a":1}\nnull\n', "element 2 is no object (line 2, column 1)"),
        ('{"a":1}\n{"b":}\n', "expecting value (line 2, column 6)"),
        ('{"a":1}\n{"b":1', "(line 2, column 7)"),
        ('[{"a":1}', "the array does not end (line 1, column 9)"),
        ('[{"a":1}] x', "something stands behind the end of the array (line 1, column 11)"),
        ('[{"a":1} {"a":2}]', "a comma or the end of the array is missing (line 1, column 10)"),
        ('[{"a":1},]', "(line 1, column 10)"),
        ('{"a":1,}', "(line 1, column"),
        ('{"a":NaN}', "NaN is no JSON value"),
        ('{"a":{"b":[1, -Infinity]}}', "-Infinity is no JSON value"),
        ('{"x":1}\n{"a":1,"b":2,"a":1}', "an object has the property 'a' twice (line 2, column 1)"),
        ('{"a":"x\ty"}', "(line 1, column 8)"),
    ],
)
def test_what_is_no_json_of_objects_is_told_with_its_place(tmp_path: Path, text: str, why: str) -> None:
    """Before the first row goes anywhere."""
    problem = fault_of(read, Documents(), file_of(tmp_path, text))
    assert (problem.reason, problem.side) == (Reason.UNREADABLE, Side.SOURCE)
    assert problem.message.startswith("'x.json' is no JSON of objects: ")
    assert why in problem.message


def test_texts_that_look_like_faults_are_none(tmp_path: Path) -> None:
    """A comma before a bracket in a text, a text NaN."""
    assert read_all(tmp_path, '{"a":"x, ]"}\n{"a": "NaN"}')[1] == [("x, ]", '{"a":"x, ]"}'), ("NaN", '{"a": "NaN"}')]


def test_bytes_that_are_no_utf8_are_told(tmp_path: Path) -> None:
    """The encoding may be another one."""
    assert fault_of(read, Documents(), file_of(tmp_path, b'{"a":"\xff"}')).reason is Reason.UNREADABLE
    assert read_all(tmp_path, '{"a":"é"}'.encode("cp1252"), Documents("windows-1252"))[1][0][0] == "é"
    assert read_all(tmp_path, '{"a":"é"}'.encode("utf-16"))[1][0][0] == "é"


def test_an_object_over_the_limit_fails(tmp_path: Path) -> None:
    """Nobody holds it in memory; what has up to 16 MiB, DuckDB takes always."""
    path = file_of(tmp_path, json.dumps({"a": "x" * 18_000_000}))
    with pytest.raises(Problem) as caught:
        rows_of(read, Documents(), path, limits=Limits(threads=1, max_row_bytes=1_000_000))
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_an_array_that_was_cut_off_behind_a_comma_fails(tmp_path: Path) -> None:
    """DuckDB takes it; its other half would be missing without a word."""
    with pytest.raises(Problem, match="no JSON of objects"):
        read_all(tmp_path, '[{"a":1},\n ')


def test_arrays_larger_than_any_object_may_be_are_read(tmp_path: Path) -> None:
    """An array is never held as a whole."""
    text = json.dumps([{"n": number, "t": "x" * 100} for number in range(20_000)])
    fields, rows = rows_of(
        read, Documents(), file_of(tmp_path, text), limits=Limits(threads=2, max_row_bytes=1_000_000)
    )
    assert [field.name for field in fields] == ["n", "t"]
    assert [row[0] for row in rows] == list(range(20_000))


def write_documents(
    shared: tuple[Path, TransferSession], form: Documents, documents: list[str], **options: Any
) -> list[bytes]:
    """Return the files that documents become."""
    folder, session = shared
    values = ", ".join("(" + "'" + document.replace("'", "''") + "')" for document in documents) or "('x')"
    relation = (
        f"(SELECT col0 AS {identifier(DOCUMENT_COLUMN)} FROM (VALUES {values}) {'' if documents else 'WHERE false'})"
    )
    fields = (Field(DOCUMENT_COLUMN, V.DOCUMENT),)
    fast = options.pop("fast", True)
    stream = PlainStream(session, relation, fields, documents=True, fast=fast)
    writing = Writing(lambda number: folder / f"part_{number}", working(folder), documents=True, **options)
    with write(form, fields, session, writing) as writer:
        writer.add(stream)
        return [part.path.read_bytes() for part in writer.close()]


@pytest.mark.parametrize("fast", [True, False])
def test_objects_are_written_one_a_line_or_as_an_array(shared: tuple[Path, TransferSession], *, fast: bool) -> None:
    """Those over several lines are brought onto one, their texts as they were."""
    documents = ['{"a":1.50}', '{\n  "b": "x\\ny  z"\n}']
    assert write_documents(shared, Documents(), documents, fast=fast) == [b'{"a":1.50}\n{"b": "x\\ny  z"}\n']
    array = write_documents(shared, Documents(array=True), documents, fast=fast)
    assert array == [b'[{"a":1.50},\n{"b": "x\\ny  z"}]\n']


def test_no_objects_are_an_empty_file_or_an_empty_array(shared: tuple[Path, TransferSession]) -> None:
    """Either is JSON still."""
    assert write_documents(shared, Documents(), []) == [b""]
    assert write_documents(shared, Documents(array=True), []) == [b"[]\n"]


def test_each_file_of_so_many_rows_is_an_array_of_its_own(shared: tuple[Path, TransferSession]) -> None:
    """In the encoding that is asked for, packed or not."""
    form = Documents(encoding="utf-16", array=True)
    parts = write_documents(shared, form, ['{"a":"é"}', "{}", "{}"], max_rows=2)
    assert [part.decode("utf-16-le") for part in parts] == ['[{"a":"é"},\n{}]\n', "[{}]\n"]
    (packed,) = write_documents(shared, Documents(array=True), ["{}"], pack=Pack(Packing.GZIP))
    assert packed[:2] == b"\x1f\x8b"


SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=25)
@given(
    st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.booleans(),
)
def test_what_is_written_reads_back_the_same(
    shared: tuple[Path, TransferSession],
    objects: list[dict[str, Any]],
    indent: int | None,
    ascii_only: bool,
    array: bool,
) -> None:
    """Whatever is in the objects, and however they are laid out."""
    objects = [one for one in objects if "Infinity" not in json.dumps(one)]
    folder, session = shared
    first = folder / "first.json"
    texts = [json.dumps(one, indent=indent, ensure_ascii=ascii_only) for one in objects]
    first.write_text(f"[{','.join(texts)}]" if array else "\n".join(texts), encoding="utf-8", errors="surrogatepass")
    with read(local(first), Documents(), session, working(folder)) as rows:
        column = identifier(DOCUMENT_COLUMN)
        fields = (Field(DOCUMENT_COLUMN, V.DOCUMENT),)
        stream = PlainStream(session, f"(SELECT {column} FROM {rows.relation})", fields, documents=True)
        writing = Writing(lambda _: folder / "second.json", working(folder), documents=True)
        with write(Documents(array=array), fields, session, writing) as writer:
            writer.add(stream)
            writer.close()
    with read(local(folder / "second.json"), Documents(), session, working(folder)) as again:
        found = [json.loads(row[-1]) for row in plain(session, again.relation)]
    assert found == objects


def test_an_object_of_many_properties_is_read_and_one_of_too_many_refused(tmp_path: Path) -> None:
    """A query with a column for the kinds of each breaks DuckDB, and the process with it, from a few thousand on."""
    path = tmp_path / "wide.json"
    path.write_text("\n".join(json.dumps({f"c{n}": value for n in range(300)}) for value in (1, 2.5)))
    with session_in(tmp_path) as session, read(local(path), Documents(), session, working(tmp_path)) as rows:
        assert {field.type for field in rows.fields} == {ValueType.DOUBLE}
        assert len(rows.fields) == 300
    few = Limits(max_columns=200, threads=1)
    with session_in(tmp_path) as session, pytest.raises(Problem, match="max_columns"):
        read(local(path), Documents(), session, working(tmp_path, few)).__enter__()
