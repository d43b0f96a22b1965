"""Tables of the lake, looked into."""

from dataclasses import replace
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.explore import Peek, PeekLake
from headrace.dataplane.exploring.lake import peek_lake
from promoting import make_bench, schema


def test_the_first_rows_of_a_table_are_plain_json(tmp_path: Path) -> None:
    """Instants are ISO 8601, binary is base64, objects have no nulls; a column that came later is there."""
    bench = make_bench(tmp_path)
    columns = schema(k="integer", at="timestamp", b="binary", p="struct<a: struct<d: date>, l: list<timestamp>>")
    mapping = {"k": "k", "at": "t", "b": "b", "p.a.d": "d", "p.l[0]": "t"}
    bench.promote(b"k,t,b,d\n1,2024-01-01 10:00:00.5,\xc3\xa9x,2024-02-29\n2,,,\n", mapping=mapping, schema=columns)
    bench.key = "key-2"
    bench.promote(b"k,m\n3,new\n", schema=schema(k="integer", m="string"))
    peek = peek_lake(PeekLake("rows"), bench.roots, bench.limits)
    assert {column.name: str(column.type) for column in peek.columns}["p"] == (
        "struct<a: struct<d: date>, l: list<timestamp>>"
    )
    assert sorted(peek.rows, key=lambda row: str(row["k"])) == [
        {
            "k": 1,
            "at": "2024-01-01T10:00:00.5Z",
            "b": "w6l4",
            "p": {"a": {"d": "2024-02-29"}, "l": ["2024-01-01T10:00:00.5Z"]},
        },
        {"k": 2},
        {"k": 3, "m": "new"},
    ]
    assert len(peek_lake(PeekLake("rows", rows=1), bench.roots, bench.limits).rows) == 1


def test_a_table_that_nobody_wrote_to_has_nothing(tmp_path: Path) -> None:
    """That is an answer; a name that leads elsewhere, or a folder that is no table any more, is a problem."""
    bench = make_bench(tmp_path)
    assert peek_lake(PeekLake("rows"), bench.roots, bench.limits) == Peek(())
    with pytest.raises(Problem) as denied:
        peek_lake(PeekLake("../rows"), bench.roots, bench.limits)
    bench.promote(b"k\n1\n")
    for part in (bench.roots.lake / "rows").glob("*.parquet"):
        part.unlink()
    with pytest.raises(Problem) as gone:
        peek_lake(PeekLake("rows"), replace(bench.roots), bench.limits)
    assert (denied.value.code, gone.value.code) == (Code.TARGET_DENIED, Code.TARGET_UNAVAILABLE)
