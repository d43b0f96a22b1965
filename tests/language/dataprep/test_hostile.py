"""No row and no column name can abort a query or break out of it."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import Code, Problem
from headrace.core.schema import STRING, ColumnType, parse_type
from headrace.language.dataprep import Cast, Compiled, cast_sql, compile_expression, functions
from language.dataprep.duck import connect, evaluate

_TEXTS = (
    "NULL, '', ' ', 'abc', '👍🏽é', chr(0), 'a' || chr(0) || 'b', '0', '-1', '1.5', '1e308', '9223372036854775807', '-9223372036854775808', "
    "'99999999999999999999999', 'inf', 'nan', '2020-02-29', '2020-02-30', '0000-00-00', 'infinity', '2020-01-01T00:00:00+14:00', "
    "'9999-12-31 23:59:59.999999', '99999999', 'America/New_York', 'Nowhere/City', 'http://[::1', 'http://a:99999/%zz', '%', '%ff', "
    "'true', '(', '\\', '''', '\"', 'İ', repeat('x', 5000)"
)
_COLUMNS: dict[str, tuple[str, str]] = {
    "s": ("string", _TEXTS),
    "t": ("string", _TEXTS),
    "l": ("long", "NULL, 0, 1, -1, 5, 9223372036854775807, -9223372036854775808, 4294967296, 100000, 253402300799999"),
    "i": ("integer", "NULL, 0, 1, -1, 2147483647, -2147483648"),
    "d": ("double", "NULL, 0.0, -0.0, 1.5, 'nan', 'inf', '-inf', 1e308, -1e308, 1e-320, 9.2233720368547758e18"),
    "f": ("float", "NULL, 0.0, 1.5, 'nan', 'inf', '-inf', 3.4e38"),
    "n": (
        "decimal(38,18)",
        "NULL, 0, 99999999999999999999.999999999999999999, -99999999999999999999.999999999999999999, 0.000000000000000001",
    ),
    "m": ("decimal(10,2)", "NULL, 0, 99999999.99, -0.01"),
    "b": ("boolean", "NULL, true, false"),
    "q": (
        "date",
        "NULL, '2020-02-29', '0001-01-01', '9999-12-31', 'infinity', '-infinity', '290000-01-01', '4000-01-01 (BC)'",
    ),
    "z": (
        "timestamp",
        "NULL, '2020-02-29 10:00:00', '0001-01-01', '9999-12-31 23:59:59.999999', 'infinity', '-infinity', '290000-01-01'",
    ),
    "v": ("list<string>", "NULL, [], [NULL], ['a', NULL, ''], ['x']"),
    "j": (
        "json",
        "NULL, '{}', '[1]', 'null', '\"x\"', 'true', '1e400', '12345678901234567890123', '{\"x\":1,\"x\":null,\"\":[{}]}', '[[1],[null,\"\"]]', '[NaN]'",  # noqa: E501 — one list
    ),
    "u": ("uuid", "NULL, '00000000-0000-0000-0000-000000000000'"),
    "k": ("time", "NULL, '00:00:00', '23:59:59.999999'"),
    "y": ("binary", "NULL, '\\xFF\\x00'"),
    "p": ("struct<x: string>", "NULL, {'x': 'a'}, {'x': NULL}"),
    "w": (
        "list<struct<x: string, y: json>>",
        "NULL, [], [NULL], [{'x': 'a', 'y': 'null'}, {'x': NULL, 'y': '{\"z\":[1]}'}]",
    ),
}
_SQL = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "timestamp": "TIMESTAMPTZ",
    "list<string>": "VARCHAR[]",
    "binary": "BLOB",
    "struct<x: string>": "STRUCT(x VARCHAR)",
    "list<struct<x: string, y: json>>": "STRUCT(x VARCHAR, y JSON)[]",
}
TYPES = {name: parse_type(type_) for name, (type_, _) in _COLUMNS.items()}
_CONSTANTS = (
    '"2020-01-01"',
    "null",
    "3",
    "-1",
    "0.5",
    '"yyyy-MM-dd"',
    '"year"',
    '"UTC"',
    '"a"',
    "true",
    "9223372036854775807",
    "uuid()",
    "now()",
)
TARGETS = [
    parse_type(name)
    for name in [
        "string",
        "boolean",
        "integer",
        "long",
        "float",
        "double",
        "decimal(10,2)",
        "decimal(38,0)",
        "date",
        "time",
        "timestamp",
        "uuid",
        "binary",
        "json",
        "list<string>",
        "list<list<long>>",
        "struct<x: long, y: list<json>, z: struct<x: date>>",
        "list<struct<x: string, y: long>>",
    ]
]


@pytest.fixture(scope="module")
def rows() -> duckdb.DuckDBPyConnection:
    """A table of every type's worst values, each column filled up by cycling."""
    connection = connect()
    count = 40
    selects = []
    for name, (type_, values) in _COLUMNS.items():
        array = f"CAST([{values}] AS {_SQL.get(type_, type_)}[])"
        step = 7 if name == "t" else 1
        selects.append(f'{array}[1 + (range * {step} + range // len({array})) % len({array})] AS "{name}"')
    connection.execute(f"CREATE TABLE source AS SELECT {', '.join(selects)} FROM range({count})")
    return connection


def _holds(connection: duckdb.DuckDBPyConnection, sql: str, error: str | None) -> None:
    """Run a value and its error, together and as filters, and check what ``Compiled`` promises."""
    failed = error or "false"
    figures = "count(*) FILTER (WHERE e IS NULL), count(*) FILTER (WHERE e AND v IS NOT NULL), max(CAST(v AS VARCHAR))"
    query = f"SELECT {figures} FROM (SELECT {sql} AS v, {failed} AS e FROM source)"
    nulls, values, _ = connection.execute(query).fetchall()[0]
    # A random value and its error are drawn apart.
    assert nulls == 0
    assert values == 0 or "uuid()" in sql


def _attempt(compile_: Callable[[], Compiled | Cast]) -> Compiled | Cast | Problem:
    try:
        return compile_()
    except Problem as problem:
        return problem


def _runs(connection: duckdb.DuckDBPyConnection, compile_: Callable[[], Compiled | Cast]) -> bool:
    """Say whether something compiles; if so, it must run, and else be refused for its types."""
    compiled = _attempt(compile_)
    if isinstance(compiled, Problem):
        assert compiled.code in {Code.EXPRESSION_TYPE, Code.UNSUPPORTED}, compiled.message
        return False
    _holds(connection, compiled.sql, compiled.error)
    return True


def _evaluates(connection: duckdb.DuckDBPyConnection, expression: str) -> bool:
    return _runs(connection, lambda: compile_expression(expression, TYPES))


@pytest.mark.parametrize("doc", functions(), ids=lambda doc: doc.name)
def test_no_row_aborts_a_function(doc: Any, rows: duckdb.DuckDBPyConnection) -> None:
    """Every function runs over the worst values of every type it takes, in every argument, without raising."""
    most = doc.most if doc.most is not None else min(doc.least + 3, 7)
    ran = 0
    for count in {doc.least, most}:
        usual = [_usual(doc.name, index) for index in range(count)]
        ran += _evaluates(rows, _call(doc, usual))
        # Long calls are tried with fewer values: their arguments are alike.
        fillers = [*_COLUMNS, *_CONSTANTS][:: 1 if count < 5 else 4]
        varied = range(count) if count == doc.least else range(doc.least, count)
        for index, filler in itertools.product(varied, fillers):
            ran += _evaluates(rows, _call(doc, [*usual[:index], filler, *usual[index + 1 :]]))
    assert ran > 0


def _usual(name: str, index: int) -> str:
    """Return an argument that the function takes at that place."""
    special = {
        ("date", 1): '"yyyy-MM-dd"', ("format", 0): "z", ("format", 1): '"yyyy D w X z"', ("dformat", 0): "l", ("dformat", 1): '"yyyy O"',
        ("date_part", 0): '"week"', ("date_part", 1): "z", ("set_date_part", 0): '"month"', ("set_date_part", 1): "l", ("set_date_part", 2): "z",
        ("explode", 1): '"[a-z]+"', ("extract_regex", 1): '"(a)(b)?"', ("matches_regex", 1): '"a*"', ("split", 1): '"ab"', ("join", 1): "v",
        ("get_url_path", 1): "false", ("iif", 0): "b", ("zone_date_to_zone", 0): "z", ("zone_date_to_zone", 1): "t", ("zone_date_to_utc", 0): "z",
        ("instr", 2): "l", ("instr", 3): "i", ("substr", 1): "l",
        ("substr", 2): "i", ("lpad", 1): "l", ("rpad", 1): "l", ("left", 1): "l", ("right", 1): "l",
        ("md5", 1): '"UTF-16"', ("sha1", 1): '"ISO-8859-1"', ("sha256", 1): '"US-ASCII"', ("make_timestamp", 7): "t",
        ("sha512", 1): '"UTF-16"', ("crc32", 1): '"ISO-8859-1"', ("get_url_query_str", 1): '"retain"', ("get", 0): "j", ("get_keys", 0): "j",
        ("filterArray", 0): "v", ("filterArray", 1): "x -> x", ("transformArray", 0): "w", ("transformArray", 1): "x -> [x.y, x.x]",
        ("array_to_map", 0): "w", ("array_to_map", 1): '"x"', ("object_to_map", 0): "w", ("object_to_map", 1): '"x"', ("map_get_values", 0): "j",
        ("map_has_keys", 0): "j", ("add_to_map", 0): "j", ("add_to_map", 1): "p", ("add_to_map", 2): "j", ("add_to_map", 3): "j",
        ("arrays_to_objects", 0): '"k"', ("arrays_to_objects", 1): "v", ("arrays_to_objects", 2): '"l"', ("arrays_to_objects", 3): "j",
        ("join_arrays", 0): "v", ("join_arrays", 1): "j", ("join_arrays", 2): "w", ("join_arrays", 3): "v", ("add_to_array", 0): "v",
        ("upsert_array_append", 0): "v", ("upsert_array_replace", 0): "v", ("flattenArray", 0): "j", ("array_to_string", 1): "j",
        ("to_array", 0): "b", ("contains_key", 0): "p.x", ("size_of", 0): "j", ("is_empty", 0): "j", ("min", 0): "l", ("max", 0): "l",
    }  # fmt: skip
    if name == "make_timestamp" and index < 7:
        return "l" if index % 2 else "s"
    return special.get((name, index), "s" if index % 2 == 0 else "t")


def _call(doc: Any, arguments: list[str]) -> str:
    if doc.syntax.startswith("a."):
        return f"({arguments[0]}).{doc.name}({', '.join(arguments[1:])})"
    return f"{doc.name}({', '.join(arguments)})"


_OPERATORS = ["+", "-", "*", "/", "%", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "??", "?:"]


@pytest.mark.parametrize("operator", _OPERATORS)
def test_no_row_aborts_an_operator(operator: str, rows: duckdb.DuckDBPyConnection) -> None:
    """Every operator runs over the types that it takes; each pair of types is tried with every third operator."""
    operands = [*_COLUMNS, "0", "null", "1.5", '"1"', "uuid()"]
    pairs = list(itertools.product(operands, operands))[_OPERATORS.index(operator) % 3 :: 3]
    assert sum(_evaluates(rows, f"{left} {operator} {right}") for left, right in pairs) > 10


@pytest.mark.parametrize(
    "expression", ["-{0}", "~{0}", "!{0}", "{0} ? 1 : 2", "v[{0}]", "[{0}, null]", "size_of([{0}])"]
)
def test_no_row_aborts_what_has_one_operand(expression: str, rows: duckdb.DuckDBPyConnection) -> None:
    """The unary operators, conditions, elements and lists run over every type that they take."""
    assert sum(_evaluates(rows, expression.format(operand)) for operand in _COLUMNS) > 0


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_no_row_aborts_a_conversion(target: ColumnType, rows: duckdb.DuckDBPyConnection) -> None:
    """Every conversion to a target's type runs over the worst values, and is NULL exactly where it fails."""
    ran = sum(_runs(rows, partial(cast_sql, f'"{name}"', type_, target)) for name, type_ in TYPES.items())
    assert ran > 0


_REFUSALS = {Code.EXPRESSION_SYNTAX, Code.EXPRESSION_TYPE, Code.UNKNOWN_COLUMN, Code.UNKNOWN_FUNCTION, Code.UNSUPPORTED}
_PIECES = [
    *"ab01 '\"()[]{},.$+-*/<>=!?:&|\\;\n",
    "iif(",
    "concat(",
    "to_integer(",
    "null",
    "${",
    "--",
    "/*",
    " ?? ",
    " && ",
]


def _escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=30))
def test_a_text_literal_stays_a_text(text: str) -> None:
    """Whatever stands between quotes comes out as it went in."""
    assert evaluate(_CONNECTION, _escaped(text), {}, [{}]) == [text]


@settings(deadline=None, max_examples=150)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_column_name_stays_a_name(name: str) -> None:
    """Whatever a column is called, it is quoted, and its value comes out."""
    if name == "#":
        return
    braced = "${" + name.replace("\\", "\\\\").replace("}", "\\}") + "}"
    compiled = compile_expression(f"concat({braced}, 'x')", {name: STRING})
    assert compiled.columns == {name}
    quoted = '"' + name.replace('"', '""') + '"'
    assert _CONNECTION.execute(f"SELECT {compiled.sql} FROM (SELECT 'v' AS {quoted})").fetchall() == [("vx",)]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(_PIECES), max_size=20))
def test_any_text_compiles_or_is_refused(pieces: list[str]) -> None:
    """No text makes the compiler raise anything but a Problem, and what compiles runs."""
    text = "".join(pieces)
    compiled = _attempt(lambda: compile_expression(text, {"a": STRING, "b": STRING}))
    if isinstance(compiled, Problem):
        assert compiled.code in _REFUSALS
        return
    _CONNECTION.execute(
        f"SELECT {compiled.sql}, {compiled.error or 'false'} FROM (SELECT 'x' AS a, '1' AS b)"
    ).fetchall()


def test_a_name_of_the_compiler_is_free_for_columns() -> None:
    """A column that is called as the compiler's own variables are is not hidden by them."""
    types = dict.fromkeys(("_v0", "_v1", "_e0", "_c", "_x"), STRING)
    row = {name: name.strip("_") for name in types}
    expression = (
        'lpad(lower(_v0), 4, concat(_v1, "")) + join(_e0, explode(_c)) + coalesce(explode(_x)) + sha1(_c, "UTF-16")'
    )
    assert str(evaluate(_CONNECTION, expression, types, [row])[0]).startswith("v1v0cx")


_CONNECTION = connect()
