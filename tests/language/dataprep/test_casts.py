"""Automatic conversions of mapped values to a target's types."""

import time
from typing import Any

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.schema import parse_type
from headrace.language.dataprep import Compiled, cast_sql
from language.dataprep.duck import FAILED, connect, run

_CASES: list[tuple[str, str, list[tuple[Any, Any]]]] = [
    ("string", "boolean", [(text, True) for text in ("y", "yes", "Y", "YES", "on", "ON", "true", "TRUE", "True")]),
    ("string", "boolean", [(text, False) for text in ("n", "N", "no", "NO", "off", "OFF", "false", "FALSE")]),
    ("string", "boolean", [("1", FAILED), ("", FAILED), (" true", FAILED), (None, None)]),
    ("string", "integer", [("2147483647", 2147483647), ("2147483648", FAILED), ("1.5", FAILED), ("7.00", 7), ("1e3", FAILED)]),
    ("string", "long", [("-9223372036854775808", -(2**63)), ("9223372036854775808", FAILED)]),
    ("string", "double", [("1.5", 1.5), (".5", 0.5), ("-1.", -1.0), ("1e3", FAILED), ("nan", FAILED), ("inf", FAILED), ("1_0", FAILED)]),
    ("string", "float", [("1.5", 1.5), ("9" * 39, FAILED)]),
    ("string", "decimal(5,2)", [("123.45", "123.45"), ("123.450", "123.45"), ("123.456", FAILED), ("1234", FAILED), ("1e1", FAILED)]),
    ("string", "date", [("2020-02-29", "2020-02-29"), ("2019-02-29", FAILED), ("2020-01-01T23:00:00-05:00", "2020-01-02")]),
    ("string", "time", [("10:11", "10:11:00"), ("10:11:12.5", "10:11:12.5"), ("24:00", FAILED), ("10", FAILED)]),
    ("string", "uuid", [("00000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-00000000000a"), ("x", FAILED), ("0" * 32, FAILED)]),
    ("string", "json", [('{"a":1}', {"a": 1}), ("{", FAILED), (None, None)]),
    ("string", "binary", [("é", "é".encode())]),
    ("string", "string", [("x", "x"), (None, None)]),
    ("long", "string", [(1234, "1234"), (None, None)]),
    ("double", "string", [(1.5, "1.5")]),
    ("boolean", "boolean", [(True, True)]),
    ("long", "integer", [(2**31, FAILED), (-(2**31), -(2**31))]),
    ("long", "double", [(3, 3.0)]),
    ("double", "long", [(3.0, 3), (3.5, FAILED), (1e30, FAILED), (float("nan"), FAILED)]),
    ("double", "decimal(5,2)", [(1.25, "1.25"), (1e9, FAILED)]),
    ("decimal(10,4)", "decimal(10,2)", [("1.2300", "1.23"), ("1.2345", FAILED), (None, None)]),
    ("decimal(10,2)", "integer", [("5.00", 5), ("5.50", FAILED)]),
    ("long", "timestamp", [(1571829875123, "2019-10-23T11:24:35.123Z"), (2**63 - 1, FAILED), (None, None)]),
    ("long", "date", [(1571829875123, "2019-10-23")]),
    ("date", "timestamp", [("2020-01-02", "2020-01-02T00:00:00Z")]),
    ("timestamp", "date", [("2020-01-02T23:59:59+00", "2020-01-02")]),
    ("timestamp", "string", [("2020-01-02T03:04:05.6+00", "2020-01-02T03:04:05.6Z"), ("2020-01-02T10:00:00+00", "2020-01-02T10:00:00Z")]),
    ("list<string>", "list<long>", [(["1", None, "2"], [1, None, 2]), (["1", "x"], FAILED), ([], []), (None, None)]),
    ("list<long>", "list<string>", [([1, None], ["1", None])]),
    ("json", "string", [("x", "x"), (12, "12"), (1.5, "1.5"), (True, FAILED), ({}, FAILED), ([], FAILED), (None, None)]),
    ("json", "boolean", [(True, True), (False, False), ("YES", True), ("x", FAILED), (1, FAILED), ([True], FAILED)]),
    ("json", "integer", [(5, 5), (5.0, 5), ("5", 5), (5.5, FAILED), (2**31, FAILED), (True, FAILED), (-1, -1)]),
    ("json", "long", [(2**63 - 1, 2**63 - 1), (2**63, FAILED), (10**30, FAILED), ("x", FAILED), (1e3, 1000)]),
    ("json", "double", [(1, 1.0), (1e300, 1e300), ("1.5", 1.5), ("1e3", FAILED), ([1], FAILED)]),
    ("json", "float", [(1.5, 1.5), (1e300, FAILED)]),
    ("json", "decimal(5,2)", [(1.25, "1.25"), (1.255, FAILED), (1e2, "100.00"), ("1.250", "1.25"), (12345, FAILED)]),
    ("json", "date", [("2020-02-29", "2020-02-29"), (1571829875123, "2019-10-23"), (1.5, FAILED), ({}, FAILED)]),
    ("json", "timestamp", [("2020-01-02", "2020-01-02T00:00:00Z"), (1571829875123, "2019-10-23T11:24:35.123Z"), ("x", FAILED), (True, FAILED)]),
    ("json", "uuid", [("00000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-00000000000a"), (1, FAILED)]),
    ("json", "list<long>", [([1, "2", None], [1, 2, None]), ([1.5], FAILED), ([], []), ({}, FAILED), (1, FAILED), (None, None)]),
    ("json", "list<list<string>>", [([["a", 1], None], [["a", "1"], None]), ([["a", True]], FAILED), ([1], FAILED)]),
    (
        "json", "struct<a: long, b: list<string>, c: struct<d: date>>",
        [
            ({"a": "1", "b": [2], "c": {"d": "2020-01-02"}, "z": 1}, {"a": 1, "b": ["2"], "c": {"d": "2020-01-02"}}),
            ({}, {"a": None, "b": None, "c": None}), ({"c": {}}, {"a": None, "b": None, "c": {"d": None}}),
            ({"a": None, "c": None}, {"a": None, "b": None, "c": None}),
            ({"a": "x"}, FAILED), ({"b": 1}, FAILED), ({"c": 5}, FAILED), ({"c": {"d": "x"}}, FAILED), ([], FAILED), ("x", FAILED), (None, None),
        ],
    ),
    ("json", "list<struct<a: long>>", [([{"a": 1}, None, {"b": 2}], [{"a": 1}, None, {"a": None}]), ([{"a": "x"}], FAILED), ([5], FAILED)]),
    ("struct<a: string, b: string>", "struct<b: long, c: date>",
     [({"a": "x", "b": "1"}, {"b": 1, "c": None}), ({"a": "", "b": "x"}, FAILED), (None, None)]),
    ("struct<a: struct<b: string>>", "struct<a: struct<b: long>>",
     [({"a": {"b": "1"}}, {"a": {"b": 1}}), ({"a": None}, {"a": None}), ({"a": {"b": "x"}}, FAILED)]),
    ("struct<a: string, b: timestamp>", "json", [({"a": "1", "b": "2020-01-02"}, {"a": "1", "b": "2020-01-02T00:00:00Z"}), (None, None)]),
    ("list<struct<a: string>>", "list<struct<a: long>>", [([{"a": "1"}, None], [{"a": 1}, None]), ([{"a": "x"}], FAILED)]),
    ("list<decimal(10,4)>", "json", [(["1.5000", None], [1.5, None])]),
    ("list<json>", "list<long>", [(["1", '"2"', "null", None], [1, 2, None, None]), (["true"], FAILED)]),
    ("boolean", "json", [(True, True), (None, None)]),
    ("double", "json", [(1.5, 1.5), (float("nan"), FAILED), (float("inf"), FAILED)]),
    ("timestamp", "json", [("2020-01-02T03:04:05.6+00", "2020-01-02T03:04:05.6Z")]),
    ("binary", "json", [(b"\xff\x00", "/wA=")]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "pairs"), _CASES)
def test_a_value_is_converted_or_fails(source: str, target: str, pairs: list[tuple[Any, Any]]) -> None:
    """The conversions of section 8.6 of the contract, value by value."""
    types = {"x": parse_type(source)}
    cast = cast_sql('"x"', types["x"], parse_type(target))
    compiled = Compiled(cast.sql, cast.error, parse_type(target), frozenset({"x"}))
    assert run(connect(), compiled, types, [{"x": value} for value, _ in pairs]) == [expected for _, expected in pairs]


@pytest.mark.parametrize(
    ("source", "target", "hint"),
    [
        ("boolean", "string", "iif("),
        ("boolean", "integer", "iif("),
        ("list<string>", "string", "join("),
        ("double", "timestamp", ""),
        ("time", "date", ""),
        ("long", "boolean", ""),
        ("struct<a: string>", "string", ".field"),
        ("list<string>", "struct<a: string>", "join("),
        ("string", "list<string>", ""),
        ("list<boolean>", "list<string>", "iif("),
        ("struct<a: boolean>", "struct<a: long>", "iif("),
    ],
)
def test_what_never_converts_is_refused_before_the_run(source: str, target: str, hint: str) -> None:
    """Types that have nothing in common are refused, with a way out where there is one."""
    with pytest.raises(Problem) as caught:
        cast_sql('"x"', parse_type(source), parse_type(target))
    assert caught.value.code is Code.EXPRESSION_TYPE
    assert hint in caught.value.message


def test_only_null_converts_to_everything() -> None:
    """An expression that is always null fits any column."""
    assert cast_sql("NULL", None, parse_type("decimal(5,2)")).sql == "CAST(NULL AS DECIMAL(5,2))"


def _nested(width: int, depth: int) -> str:
    """Return a type: lists of objects in one another, the innermost with ``width`` fields of several types."""
    kinds = ("string", "long", "double", "timestamp", "boolean")
    made = "list<struct<" + ", ".join(f"f{number}: {kinds[number % 5]}" for number in range(width)) + ">>"
    for _ in range(depth - 1):
        made = f"list<struct<x: string, inner: {made}>>"
    return made


def test_sql_of_nested_conversions_grows_with_fields_and_levels_only() -> None:
    """Twice the fields are twice the SQL; a further list around them adds the same again, whatever is in it."""
    sizes = {
        (width, depth): len(cast_sql('"x"', parse_type("json"), parse_type(_nested(width, depth))).sql)
        for width in (50, 100)
        for depth in (1, 2, 3)
    }
    assert sizes[100, 1] < 2.2 * sizes[50, 1] < 150_000
    for width in (50, 100):
        assert sizes[width, 3] - sizes[width, 2] < 1.1 * (sizes[width, 2] - sizes[width, 1]) < 3_000


def test_planning_of_nested_conversions_grows_with_fields() -> None:
    """A lambda in a lambda doubles DuckDB's work; stages do not: lists in lists of wide objects can be planned."""

    def planning(width: int, depth: int) -> float:
        cast = cast_sql('"x"', parse_type("json"), parse_type(_nested(width, depth)))
        begin = time.process_time()
        connect().execute(f"EXPLAIN SELECT {cast.sql} FROM (SELECT CAST('[]' AS JSON) AS x)").fetchall()
        return time.process_time() - begin

    took = {
        (width, depth): min(planning(width, depth) for _ in range(2)) for width, depth in ((20, 1), (40, 1), (20, 3))
    }
    assert took[40, 1] < 3 * took[20, 1]
    assert took[20, 3] < 4 * took[20, 1]
