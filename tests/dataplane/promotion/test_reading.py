"""Bytes to rows: encodings, line ends, quotes, headers, limits."""

import json
from dataclasses import replace

import duckdb
import pytest

from headrace.core.errors import Code, Problem
from headrace.core.source import Encoding, FileFormat, FileType, JsonLayout
from promoting import Bench, schema


def refused(bench: Bench, data: bytes, **changes: object) -> Problem:
    """Return the problem that promoting ``data`` ends in."""
    with pytest.raises(Problem) as raised:
        bench.promote(data, **changes)
    return raised.value


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (Encoding.UTF_8, "a,b\n1,é\n".encode("utf-8-sig")),
        (Encoding.UTF_8, "a,b\n1,é\n".encode("utf-16")),
        (Encoding.UTF_16, "a,b\n1,é\n".encode("utf-16")),
        (Encoding.UTF_16_LE, "a,b\n1,é\n".encode("utf-16-le")),
        (Encoding.UTF_16_BE, b"\xfe\xff" + "a,b\n1,é\n".encode("utf-16-be")),
        (Encoding.ISO_8859_1, "a,b\n1,é\n".encode("iso-8859-1")),
    ],
)
def test_text_is_read_in_its_encoding_and_a_byte_order_mark_is_skipped(
    bench: Bench, encoding: Encoding, data: bytes
) -> None:
    """Neither the mark nor another encoding changes a name or a value."""
    bench.promote(data, format=FileFormat(encoding=encoding))
    assert bench.table("a, b") == [("1", "é")]


def test_a_row_with_half_a_utf_16_pair_is_rejected(bench: Bench) -> None:
    """Bytes that are no text in their encoding cost their row, and no other."""
    data = "a,b\n1,x\n2,".encode("utf-16-le") + b"\x00\xd8" + "\n3,z\n".encode("utf-16-le")
    outcome = bench.promote(data, format=FileFormat(encoding=Encoding.UTF_16_LE))
    assert bench.table("a") == [("1",), ("3",)]
    assert (outcome.figures.rows_rejected, bench.rejects()[0]["_line"]) == (1, 3)


def test_empty_is_null_and_quoted_empty_is_text(bench: Bench) -> None:
    """An unquoted null marker is null, a quoted one is what it says."""
    bench.promote(b'a,b,c\n,"",NA\nNA,"NA",x\n', format=FileFormat(nulls=("NA",)))
    assert bench.table() == [(None, "", None), (None, "NA", "x")]


def test_duplicate_column_names_get_numbers(bench: Bench) -> None:
    """Names that differ by case only cannot be told apart in a table, so they are duplicates too."""
    bench.promote(b"id,ID,id_2,id,_line\n1,2,3,4,5\n")
    assert bench.table("COLUMNS(*)") == [("1", "2", "3", "4", "5")]
    assert sorted(bench.columns()) == ["ID_3", "_line_2", "id", "id_2", "id_4"]


@pytest.mark.parametrize("data", [b"", b"\n1,2\n", b"\r\n", b"  \n1\n", b",\n1,2\n"])
def test_a_file_without_bytes_or_header_is_refused(bench: Bench, data: bytes) -> None:
    """An empty header is a fault of the file, whatever the threshold is, and told apart from an empty file."""
    assert refused(bench, data).code is (Code.SOURCE_HEADERLESS if data else Code.SOURCE_EMPTY)


def test_a_header_alone_is_an_empty_selection(bench: Bench) -> None:
    """No row was read: the target is left alone, and there is no batch."""
    outcome = bench.promote(b"a,b\n")
    assert (outcome.figures.rows_read, outcome.batch, outcome.output["version"]) == (0, None, None)
    assert not (bench.roots.lake / "rows").exists()


def test_a_header_of_100_000_columns_is_refused_with_the_limit(bench: Bench) -> None:
    """The message names the limit and the value."""
    problem = refused(bench, ",".join(f"c{n}" for n in range(100_000)).encode() + b"\n")
    assert problem.code is Code.LIMIT_EXCEEDED
    assert "100,000 columns, more than 10,000" in problem.message


@pytest.mark.parametrize("data", [b"a,b\n1," + b"x" * 3_000_000, b"x" * 3_000_000, b'a,b\n"' + b"x" * 3_000_000])
def test_a_line_over_the_limit_is_refused(bench: Bench, data: bytes) -> None:
    """It is never held in memory as a whole."""
    bench.limits = replace(bench.limits, max_row_bytes=2_000_000)
    assert refused(bench, data).code is Code.LIMIT_EXCEEDED


def test_a_long_row_under_the_limit_is_read(bench: Bench) -> None:
    """DuckDB's own bound of 2 MB is not ours."""
    bench.promote(b"a,b\n1," + b"x" * 5_000_000 + b'\n2,"' + b"y\n" * 2_000_000 + b'"\n')
    assert bench.table("a, length(b)") == [("1", 5_000_000), ("2", 4_000_000)]


def test_nul_bytes_are_kept(bench: Bench) -> None:
    """A NUL is a character like any other."""
    bench.promote(b"a,b\n1,x\0y\n2,\n", schema=schema(a="long", b=("string", {"required": True})))
    assert bench.table() == [(1, "x\0y")]
    assert bench.rejects()[0]["_line"] == 3


def test_bad_utf_8_costs_its_row(bench: Bench) -> None:
    """The reject tells the line and the byte."""
    bench.promote(b"a,b\n1,x\n2,\xff\n3,z\n")
    (reject,) = bench.rejects()
    assert bench.table("a") == [("1",), ("3",)]
    assert (reject["_line"], reject["_corrupt_record"]) == (3, "2,\\xff")
    assert "0xff" in reject["_errors"][0]["message"]


def test_a_forgotten_quote_costs_one_row(bench: Bench) -> None:
    """The rows behind it are read as if nothing had happened, with their own lines."""
    bench.promote(
        b'id,name\n7,"unclosed\n8,b\n9,"c\nd"\n10,\n', schema=schema(id="long", name=("string", {"required": True}))
    )
    assert bench.table() == [(8, "b"), (9, "c\nd")]
    assert [(r["_line"], r.get("_corrupt_record", r.get("id"))) for r in bench.rejects()] == [
        (2, '7,"unclosed'),
        (6, "10"),
    ]


def test_cells_that_hold_csv_are_not_taken_for_rows(bench: Bench) -> None:
    """DuckDB's parallel reader, left alone, makes 235,126 rows of such a file's 40,040."""
    inner = "".join(f"{n},inner,row\n" for n in range(60_000))
    rows = [f'{n},"{inner}",x\n' for n in range(20)]
    outcome = bench.promote(("id,name,v\n" + "1,plain,row\n".join(rows)).encode())
    assert (outcome.figures.rows_accepted, outcome.figures.rows_rejected) == (39, 0)
    assert bench.table("count(*), sum(length(name))") == [(39, 20 * len(inner) + 19 * 5)]


def test_comment_skipped_and_blank_lines_are_no_rows(bench: Bench) -> None:
    """They are not counted, and lines are told as they stand in the file."""
    data = b'made by "x\n\n#c,d\nid,v\n# one\n1,a\n\n2,#b\n3\n'
    bench.promote(data, format=FileFormat(skip_lines=2, comment="#"))
    assert bench.table("id, v") == [("1", "a"), ("2", "#b")]
    assert [r["_line"] for r in bench.rejects()] == [9]


def test_mixed_line_ends_are_read(bench: Bench) -> None:
    """A carriage return inside of a value stays."""
    bench.promote(b"a,b\r\n1,x\n2,y\r\n3,p\rq\n")
    assert bench.table() == [("1", "x"), ("2", "y"), ("3", "p\rq")]


def test_columns_of_files_are_matched_by_name(bench: Bench) -> None:
    """Order may differ, and a column that a file lacks is null there; lines and files are told for each."""
    files = {"one.csv": b"a,b\n1,2\n", "two.csv": b"b,a,c\n4,3,9\n6,,7\n", "three.csv": b"a,b\n5,6\n,1\n"}
    bench.promote(files, schema=schema(a=("long", {"required": True}), b="long", c="long"))
    assert bench.table("a, b, c") == [(1, 2, None), (3, 4, 9), (5, 6, None)]
    assert [(r["_filename"], r["_line"], r["b"]) for r in bench.rejects()] == [
        ("three.csv", 3, "1"),
        ("two.csv", 3, "6"),
    ]


def test_files_without_a_header_have_named_or_numbered_columns(bench: Bench) -> None:
    """``columns`` names them; else they are column_1, column_2, and so on."""
    bench.promote(b"1,2\n3,4\n", format=FileFormat(header=False))
    assert bench.columns() == ["column_1", "column_2"]


def test_backslash_escapes_and_other_delimiters_are_read(bench: Bench) -> None:
    """What the format says is what counts."""
    format_ = FileFormat(delimiter="§", quote="'", escape="\\")
    bench.promote("a§b\n1§'it\\'s § here'\n2§'x\ny'\n".encode(), format=format_)
    assert bench.table() == [("1", "it's § here"), ("2", "x\ny")]


JSON = FileFormat(type=FileType.JSON)


def test_a_broken_json_line_costs_one_row(bench: Bench) -> None:
    """Its line is told; numbers keep more digits than a double has."""
    data = b'{"id":1,"d":12345678901234567.123}\n{broken\n[1]\n{"id":2,"x":{"y":[1]}}\n'
    bench.promote(data, format=JSON)
    assert bench.table("id, CAST(d AS VARCHAR), x") == [
        (1, "12345678901234567.123000000000000000", None),
        (2, None, '{"y":[1]}'),
    ]
    assert [(r["_line"], r["_corrupt_record"]) for r in bench.rejects()] == [(2, "{broken"), (3, "[1]")]


def test_fields_that_no_object_has_are_null_where_that_is_asked_for(bench: Bench) -> None:
    """An optional field may be lacking from all of a day's objects, in nested ones and in elements too; elsewhere it is a slip in the mapping."""
    data = b'{"id":1,"who":{"name":"Ann"},"items":[{"sku":"x"}]}\n{broken\n'
    mapping = {
        "id": "id",
        "note": "coalesce(note, 'none')",
        "mail": "lower(who.mail)",
        "phone": "contacts[0].phone",
        "sku": "items[0].sku",
        "size": "items[0].size",
        "has": "contains_key('note')",
    }
    assert refused(bench, data, format=JSON, mapping=mapping).code is Code.UNKNOWN_COLUMN
    bench.promote(data, format=JSON, mapping=mapping, absent_is_null=True)
    assert bench.table("id, note, mail, phone, sku, size, has") == [(1, "none", None, None, '"x"', None, False)]
    assert [r["_line"] for r in bench.rejects()] == [2]


def test_lists_that_no_object_has_are_null_element_by_element(bench: Bench) -> None:
    """A destination in elements of a list, from a list that is not there."""
    mapping = {"id": "id", "orders[*].total": "c[*].sum"}
    bench.promote(
        b'{"id":1}\n',
        format=JSON,
        mapping=mapping,
        schema=schema(id="long", orders="list<struct<total: long>>"),
        absent_is_null=True,
    )
    assert bench.table("id, orders") == [(1, None)]


def test_json_arrays_and_documents_are_read(bench: Bench) -> None:
    """An array of objects, and one object over several lines."""
    files = {"a.json": b'[{"id":1},\n{"id":2}]', "b.json": b'{\n"id":\n3}', "c.json": b'{"id":4}\n{"id":5}\n'}
    bench.promote(files, format=JSON)
    assert bench.table("id") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_broken_document_is_a_fault_of_its_file(bench: Bench) -> None:
    """It fails the promotion whatever the threshold is, and the message names the file."""
    for data in (b'[{"id":1},\n{"id":', b'[{"id":1},\n', b'[{"id":1}', b"["):
        problem = refused(bench, data, format=replace(JSON, layout=JsonLayout.ARRAY))
        assert problem.code is Code.SOURCE_UNREADABLE
        assert "in.csv" in problem.message


def test_parquet_keeps_types_and_instants(bench: Bench) -> None:
    """Timestamps without a zone are UTC; nested values stay nested."""
    path = bench.roots.work / "x.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT 1::HUGEINT h, TIMESTAMP '2024-01-01 10:00:00.000001' t, [{{'a': 1}}] l, 1.50::DECIMAL(5,2) d) TO '{path}'"
        )
    bench.promote(bench.land({"x.parquet": path.read_bytes()}, "parquet"))
    assert bench.table("CAST(t AS VARCHAR), l, CAST(d AS VARCHAR)") == [
        ("2024-01-01 10:00:00.000001+00", [{"a": 1}], "1.50")
    ]


def test_a_file_that_is_no_parquet_is_refused_by_name(bench: Bench) -> None:
    """The message names the source's file, not ours."""
    problem = refused(bench, b"PAR1 not really", format=FileFormat(type=FileType.PARQUET))
    assert (problem.code, "in.csv" in problem.message) == (Code.SOURCE_UNREADABLE, True)


def test_landed_files_that_are_gone_are_told(bench: Bench) -> None:
    """The caller learns that the copy has to be repeated."""
    landing = bench.land({"a.csv": b"a\n1\n"})
    (bench.roots.landing / landing.files[0].path).unlink()
    with pytest.raises(Problem) as raised:
        bench.promote(landing)
    assert raised.value.code is Code.LANDING_GONE


def test_what_was_read_is_listed(bench: Bench) -> None:
    """The quarantine tells which files the rejects came out of."""
    bench.promote({"in/a.csv": b"a,b\n1,2\n3\n"})
    meta = bench.roots.quarantine / "01HEADRACE0000000000000000" / "input_files" / "fileMetaData1.json"
    assert json.loads(meta.read_text())["path"] == "in/a.csv"
