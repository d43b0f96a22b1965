"""The compiled SQL against the naive interpreter of lists, objects and lambdas, on expressions that Hypothesis draws."""

from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from headrace.core.errors import Code, Problem
from headrace.core.schema import parse_type
from headrace.language.dataprep import parse
from language.dataprep.documents import interpret
from language.dataprep.duck import FAILED, connect, evaluate
from language.dataprep.interpreter import TransformError

_TYPES = {"o": parse_type("json"), "p": parse_type("json"), "t": parse_type("string")}
_KEYS = ("a", "b")
_WORDS = st.text(st.sampled_from('ab,1 é"\\'), max_size=4)
_CELLS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 2**40), _WORDS),
    lambda cell: st.one_of(
        st.lists(cell, max_size=3), st.dictionaries(st.sampled_from(["a", "b", ""]), cell, max_size=3)
    ),
    max_leaves=6,
)
_ROWS = st.fixed_dictionaries({"o": _CELLS, "p": _CELLS, "t": st.one_of(st.none(), _WORDS)})


def _call(name: str, *arguments: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*arguments).map(lambda drawn: f"{name}({', '.join(drawn)})")


_key = st.sampled_from([f'"{key}"' for key in _KEYS])
_body = st.sampled_from(
    ["x", "size_of(x)", "[x, t]", "coalesce(x, 1)", "is_empty(x)", "[x, [o]]", "transformArray([x], y -> [y, x])"]
)
_any: st.SearchStrategy[str] = st.deferred(lambda: st.one_of(_LEAF, _VALUE, _LIST, _MAP))
_LEAF: st.SearchStrategy[str] = st.sampled_from(
    ["o", "p", "t", "null", "1", '"x"', "o.a", "p.b", "o.a.b", "p[0]", 'o["b"]', "o.a[1]"]
)
_VALUE: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.tuples(_LIST, st.integers(0, 2)).map(lambda drawn: f"{drawn[0]}[{drawn[1]}]"),
        st.tuples(_MAP, _key).map(lambda drawn: f"({drawn[0]}).get({drawn[1]})"),
        _call("map_get_values", _MAP, _key),
        _call("size_of", _any),
        _call("is_empty", _any),
        _call("coalesce", _any, _any),
        _call("array_to_string", st.just('"-"'), _LIST),
        _call("map_has_keys", _MAP, st.sampled_from(['"a"', '["b", "x"]'])),
    )
)
_LIST: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(["o", "p", "explode(t)", "o.a", "[]", "[1, null]", "o[*].a", "p.a[*].b"]),
    lambda items: st.one_of(
        st.tuples(_any, _any).map(lambda drawn: f"[{', '.join(drawn)}]"),
        _call("add_to_array", items, _LEAF),
        _call("join_arrays", items, items),
        _call("flattenArray", items),
        _call("filterArray", items, st.sampled_from(["x -> is_empty(x)", "x -> is_empty(x) ? false : true"])),
        _call("transformArray", items, _body.map("x -> {}".format)),
        _call("arrays_to_objects", st.just('"a"'), items, st.just('"b"'), items),
        _call("map_get_values", _LEAF, st.just('["b", "a", "c"]')),
        _call("get_keys", _LEAF),
    ),
    max_leaves=3,
)
_MAP: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(["o", "p", "o.a", "p[1]"]),
    lambda whole: st.one_of(
        _call("to_map", st.just('"a"'), _LEAF, st.just('"c"'), _LEAF),
        _call("add_to_map", whole, whole),
        _call("array_to_map", _LIST, _key),
        _call("object_to_map", whole),
    ),
    max_leaves=3,
)


def _as_texts(value: Any) -> Any:
    """Return a value with its numbers as text: where a text may come out as well, a number does so as text."""
    if isinstance(value, list):
        return [_as_texts(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_texts(item) for key, item in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _expected(expression: str, row: dict[str, Any]) -> Any:
    try:
        return interpret(parse(expression).root, row)
    except TransformError:
        return FAILED


def _evaluated(expression: str, rows: list[dict[str, Any]]) -> list[Any] | None:
    """Return the values; None where kinds that are known are refused, since no row could make them fit."""
    try:
        return evaluate(connect(), expression, _TYPES, rows)
    except Problem as problem:
        if problem.code in {Code.EXPRESSION_TYPE, Code.UNKNOWN_COLUMN}:
            return None
        raise


@settings(deadline=None, max_examples=100)
@given(st.one_of(_VALUE, _LIST, _MAP), st.lists(_ROWS, min_size=1, max_size=3))
@example("filterArray(p, x -> is_empty(x) ? false : true)", [{"o": 1, "p": [1, None, "", {"a": 0}], "t": None}])
@example("size_of(o[*].a[0])", [{"o": [None, {"a": [5]}], "p": None, "t": None}])
@example('array_to_map(o, "a")', [{"o": [{"a": 1}, {"a": "1"}, None], "p": None, "t": None}])
def test_the_sql_agrees_with_the_interpreter_on_documents(expression: str, rows: list[dict[str, Any]]) -> None:
    """For every drawn expression and row, SQL and interpreter give the same value, or both a transform error."""
    found = _evaluated(expression, rows)
    assume(found is not None)
    assert _as_texts(found) == _as_texts([_expected(expression, row) for row in rows])
