"""Mapping, rules, thresholds, commits."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from headrace.core.errors import Code, Problem
from headrace.core.schema import Format
from headrace.core.target import DeltaTarget, RejectRule, WriteMode
from promoting import BATCH, Bench, schema

GOLDEN = Path(__file__).parent / "golden"


def codes(bench: Bench) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """Return, by the column ``k`` of each reject, all of its reasons."""
    return [(r["k"], [(e["code"], e.get("column")) for e in r["_errors"]]) for r in bench.rejects()]


RULES: list[tuple[str, Any, list[str], list[str]]] = [
    ("required", ("string", {"required": True}), ["x", '""'], [""]),
    ("type", "integer", ["1", "-2", " 3", "4.0", ""], ["x", "1.5", "1e3", "0x1F", "1_000", "2147483648", '""']),
    ("type", "long", ["9223372036854775807"], ["9223372036854775808"]),
    ("type", "decimal(5,2)", ["1.5", "-999.99"], ["1.234", "1000", "inf"]),
    ("type", "boolean", ["true", "N", "on"], ["2", "maybe"]),
    ("type", "date", ["2024-02-29", "20240229"], ["2023-02-29", "infinity", "x"]),
    ("type", "timestamp", ["2024-01-01T00:00:00Z", "2024-01-01 10:00:00"], ["now", "2024-13-01"]),
    ("type", "uuid", ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"], ["6ba7"]),
    ("enum", ("string", {"enum": ("a", "b")}), ["a", "b", ""], ["A", '""']),
    ("enum", ("integer", {"enum": (1, 2)}), ["1", "2.0"], ["3"]),
    ("minimum", ("double", {"minimum": -1}), ["-1", "0.5", ""], ["-1.01"]),
    ("minimum", ("integer", {"minimum": 0.5}), ["1"], ["0"]),
    ("maximum", ("date", {"maximum": "2024-01-31"}), ["2024-01-31"], ["2024-02-01"]),
    ("min_length", ("string", {"min_length": 2}), ["éé", ""], ["é"]),
    ("max_length", ("string", {"max_length": 2}), ["éé"], ["ééé"]),
    ("pattern", ("string", {"pattern": "^[a-c]+$"}), ["abc", ""], ["abd"]),
    ("pattern", ("string", {"pattern": "b"}), ["abc"], ["acd"]),
    ("format", ("string", {"format": Format.EMAIL}), ["a.b@example.com", ""], ["a@b@c", "x", "a@-b.com"]),
    ("format", ("string", {"format": Format.URI}), ["https://e.org/x?y#z", "urn:a"], ["no scheme", "//x"]),
    ("format", ("string", {"format": Format.IPV4}), ["1.2.3.255"], ["1.2.3.256", "1.2.3"]),
    ("format", ("string", {"format": Format.IPV6}), ["::1", "fe80::1:2", "::ffff:1.2.3.4"], ["1::2::3", "g::1"]),
    ("format", ("string", {"format": Format.DATE}), ["2024-02-29"], ["2023-02-29", "2024-2-9"]),
    (
        "format",
        ("string", {"format": Format.DATE_TIME}),
        ["2024-02-29T10:00:00Z"],
        ["2024-02-29", "2024-02-30T10:00:00Z"],
    ),
    ("format", ("string", {"format": Format.UUID}), ["6BA7B810-9dad-11d1-80b4-00c04fd430c8"], ["x"]),
]


@pytest.mark.parametrize(("code", "column", "good", "bad"), RULES, ids=[f"{r[0]}-{n}" for n, r in enumerate(RULES)])
def test_values_that_break_a_rule_are_rejected_with_its_code(
    bench: Bench, code: str, column: object, good: list[str], bad: list[str]
) -> None:
    """Null breaks no rule but required, and everything else goes to the target."""
    data = "k,v\n" + "".join(f"{n},{value}\n" for n, value in enumerate([*good, *bad]))
    outcome = bench.promote(data.encode(), schema=schema(k="integer", v=column))
    assert codes(bench) == [(str(len(good) + n), [(code, "v")]) for n in range(len(bad))]
    assert outcome.figures.rows_accepted == len(good)


def test_all_reasons_of_a_row_are_told_at_once(bench: Bench) -> None:
    """Nobody corrects one cell to learn of the next."""
    columns = schema(
        k="string", a="integer", b=("string", {"required": True, "max_length": 1}), c=("long", {"minimum": 5})
    )
    outcome = bench.promote(b"k,a,b,c\n1,x,,4\n2,x,yy,6\n", schema=columns)
    assert codes(bench) == [
        ("1", [("type", "a"), ("required", "b"), ("minimum", "c")]),
        ("2", [("type", "a"), ("max_length", "b")]),
    ]
    assert outcome.batch is not None
    assert outcome.batch.rejects[0].count == 2


def test_a_transform_error_makes_the_column_null_and_is_a_warning(bench: Bench) -> None:
    """The row is accepted and counted; where the column is required it is rejected as a transform error."""
    mapping = {"n": "to_integer(v)", "m": "to_integer(w)", "k": "k"}
    columns = schema(n="integer", m=("integer", {"required": True}), k="string")
    outcome = bench.promote(b"k,v,w\n1,x,1\n2,5,1\n3,,1\n4,x,x\n5,1,\n", mapping=mapping, schema=columns)
    assert bench.table("k, n") == [("1", None), ("2", 5), ("3", None)]
    assert codes(bench) == [("4", [("transform", "m")]), ("5", [("required", "m")])]
    assert outcome.batch is not None
    assert outcome.figures.rows_warned == 1
    assert [(w.column, w.count) for w in outcome.batch.warnings] == [("n", 1)]


def test_a_default_stands_in_for_null_before_required_is_looked_at(bench: Bench) -> None:
    """A transform error is a warning all the same."""
    columns = schema(n=("integer", {"required": True, "default": 7}), d=("date", {"default": "2024-01-01"}))
    outcome = bench.promote(b"v,d\n1,\nx,2024-02-02\n,\n", mapping={"n": "to_integer(v)"}, schema=columns)
    assert bench.table("n, CAST(d AS VARCHAR)") == [(1, "2024-01-01"), (7, "2024-01-01"), (7, "2024-02-02")]
    assert outcome.figures.rows_warned == 1


def test_mapped_columns_that_no_schema_names_keep_the_type_they_yield(bench: Bench) -> None:
    """A schema may speak of some columns only; what no mapping fills is null."""
    bench.promote(b"a\n1\n", mapping={"x": "to_integer(a)", "y": "a"}, schema=schema(z="date"))
    assert bench.columns() == ["x", "y", "z"]


def test_everything_wrong_in_a_mapping_is_told_at_once(bench: Bench) -> None:
    """Each error names its target column."""
    with pytest.raises(Problem) as raised:
        bench.promote(b"a\n1\n", mapping={"x": "nope(a)", "y": "b"})
    assert [error.path for error in raised.value.fields] == ["mapping.x", "mapping.y"]


def test_a_rule_that_is_wrong_itself_is_told(bench: Bench) -> None:
    """A pattern that RE2 does not know is a mistake of the schema, not of every row."""
    with pytest.raises(Problem) as raised:
        bench.promote(b"a\n1\n", schema=schema(a=("string", {"pattern": "("})))
    assert (raised.value.code, raised.value.fields[0].path) == (Code.INVALID, "schema.a.pattern")


def test_too_many_rejects_commit_nothing_and_keep_the_diagnostics(bench: Bench) -> None:
    """Reaching the threshold exactly is allowed; above it the good rows are counted as skipped."""
    data, columns = b"k\n1\n2\n3\nx\n", schema(k="integer")
    outcome = bench.promote(data, schema=columns, rejects=RejectRule(24.9))
    assert outcome.failure is not None
    assert outcome.failure.code is Code.TOO_MANY_REJECTS
    assert "1 of 4 rows were rejected (25 %)" in outcome.failure.message
    figures = outcome.figures
    assert (figures.rows_read, figures.rows_accepted, figures.rows_rejected, figures.rows_skipped) == (4, 0, 1, 3)
    assert not (bench.roots.lake / "rows").exists()
    assert len(bench.rejects()) == 1
    assert bench.promote(data, schema=columns, rejects=RejectRule(25)).failure is None


def test_without_diagnostics_rejects_are_counted_and_not_kept(bench: Bench) -> None:
    """No row of the source is written where nobody asked for it."""
    outcome = bench.promote(b"k\n1\nx\n", schema=schema(k="integer"), rejects=RejectRule(100, diagnostics=False))
    assert outcome.figures.rows_rejected == 1
    assert list(bench.roots.quarantine.iterdir()) == []


def test_the_same_key_commits_once(bench: Bench) -> None:
    """A worker killed between commit and ledger repeats nothing, and reports the true figures."""
    first = bench.promote(b"k\n1\nx\n", schema=schema(k="integer"))
    bench.run = "run-2"
    second = bench.promote(b"k\n1\nx\n", schema=schema(k="integer"))
    assert second.output["already_committed"]
    assert (second.figures, second.batch) == (first.figures, first.batch)
    assert bench.table() == [(1,)]


def test_overwriting_replaces_all_rows_in_one_commit(bench: Bench) -> None:
    """An empty selection, or one without a single good row, leaves the target alone."""
    target = DeltaTarget("rows", WriteMode.OVERWRITE)
    for key, data in (("a", b"k\n1\n2\n"), ("b", b"k\n3\n"), ("c", b"k\n"), ("d", b"k\nx\n")):
        bench.key = key
        bench.promote(data, schema=schema(k="integer"), target=target)
    assert bench.table() == [(3,)]
    assert DeltaTable(bench.roots.lake / "rows").version() == 1


def test_new_columns_are_added_and_changed_ones_refused(bench: Bench) -> None:
    """Older rows have null in a new column; a column of another type is named with both types."""
    bench.promote(b"k\n1\n", schema=schema(k="integer"))
    bench.key = "key-2"
    bench.promote(b"k,n\n2,x\n", schema=schema(k="integer", n="string"))
    assert sorted(bench.table(), key=str) == [(1, None), (2, "x")]
    bench.key = "key-3"
    with pytest.raises(Problem) as raised:
        bench.promote(b"k,N\n2,x\n", schema=schema(k="string", N="string"))
    assert raised.value.code is Code.TARGET_MISMATCH
    assert [error.path for error in raised.value.fields] == ["target.k", "target.N"]


def test_types_without_a_counterpart_are_stored_as_text(bench: Bench) -> None:
    """Delta knows no time, UUID or JSON."""
    columns = schema(t="time", u="uuid", j="json", b="binary")
    bench.promote(b't,u,j,b\n10:11:12,6ba7b810-9dad-11d1-80b4-00c04fd430c8,"{""a"":1}",x\n', schema=columns)
    assert bench.table() == [("10:11:12", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", '{"a":1}', b"x")]


def test_a_large_batch_becomes_several_files_of_one_commit(bench: Bench) -> None:
    """Readers work on files side by side; a second try under the same prefix leaves none of the first behind."""
    bench.limits = replace(bench.limits, data_file_bytes=256 * 1024)
    rows = 200_000
    data = b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number * 7919) for number in range(rows))
    outcome = bench.promote(data)
    assert outcome.failure is None
    assert outcome.batch is not None
    assert len(outcome.batch.files) > 1
    assert bench.table("count(*), count(DISTINCT id)") == [(rows, rows)]
    assert {path.name for path in (bench.roots.lake / "rows").glob("*.parquet")} == set(outcome.batch.files)


def test_statistics_let_readers_leave_files_out(bench: Bench) -> None:
    """They are exact, and instants are in UTC."""
    columns = schema(k="integer", t="timestamp", d="decimal(10,2)", s="string")
    bench.promote(b"k,t,d,s\n1,2024-01-01 10:00:00.5,1.50,a\n3,,2,\n", schema=columns)
    (log,) = (bench.roots.lake / "rows" / "_delta_log").glob("*.json")
    add = next(line["add"] for line in map(json.loads, log.read_text().splitlines()) if "add" in line)
    assert json.loads(add["stats"]) == {
        "numRecords": 2,
        "minValues": {"k": 1, "t": "2024-01-01T10:00:00.500000Z", "d": 1.5, "s": "a"},
        "maxValues": {"k": 3, "t": "2024-01-01T10:00:00.500000Z", "d": 2.0, "s": "a"},
        "nullCount": {"k": 0, "t": 1, "d": 0, "s": 1},
    }


def test_a_stopped_promotion_writes_nothing(bench: Bench) -> None:
    """Cancelled, out of time or fenced: the reason is what is raised."""
    bench.context.cancellation.stop(Code.FENCED, "a newer attempt took over")
    with pytest.raises(Problem) as raised:
        bench.promote(b"k\n1\n")
    assert raised.value.code is Code.FENCED
    assert list(bench.roots.lake.iterdir()) == []


@pytest.mark.parametrize("table", ["../x", "/etc/x", "a/../b", "a//b", "a b", ".hidden", "_delta_log/../x"])
def test_a_table_s_name_leads_nowhere_else(bench: Bench, table: str) -> None:
    """Names of tables come from flows, and flows from anybody."""
    with pytest.raises(Problem) as raised:
        bench.promote(b"k\n1\n", target=DeltaTarget(table))
    assert raised.value.code in (Code.TARGET_DENIED, Code.INVALID)


def test_the_quarantine_is_as_it_always_was(bench: Bench) -> None:
    """Golden files: whoever reads them finds the same keys in the same form tomorrow."""
    data = b'id,email,age\n7,"unclosed\n8,,abc\n9,x@y.z,5\n1,2,3,4\n'
    columns = schema(id="long", email=("string", {"required": True, "format": Format.EMAIL}), age="integer")
    outcome = bench.promote({"customers.csv": data}, schema=columns)
    assert outcome.batch is not None
    folder = bench.roots.quarantine / BATCH
    assert {name: (folder / name).read_text() for name in outcome.batch.diagnostics} == {
        name: (GOLDEN / name).read_text() for name in outcome.batch.diagnostics
    }
