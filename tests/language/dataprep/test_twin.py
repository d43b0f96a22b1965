"""The compiled SQL against the naive interpreter, on expressions that Hypothesis draws."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.core.schema import STRING
from headrace.language.dataprep import parse
from language.dataprep.duck import FAILED, connect, evaluate
from language.dataprep.interpreter import TransformError, interpret

_CONNECTION = connect()
_NAMES = ("a", "b", "c")
_TYPES = dict.fromkeys(_NAMES, STRING)
_WORDS = st.text(st.sampled_from("ab1 -.X,é👍'\"\\\0"), max_size=6)
_NUMBERS = st.one_of(st.integers(-3, 12), st.sampled_from([2**63 - 1, 2**62, 10_001, 4_294_967_296]))
_CELLS = st.one_of(
    st.none(),
    _WORDS,
    _NUMBERS.map(str),
    st.sampled_from(
        ["7.0", " 5 ", "1.5", "1e3", "yes", "off", "True", "", "-9223372036854775808", "9223372036854775808"]
    ),
)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _call(name: str, *arguments: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*arguments).map(lambda drawn: f"{name}({', '.join(drawn)})")


def _infix(operators: str, side: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(side, st.sampled_from(operators.split()), side).map(lambda drawn: f"({' '.join(drawn)})")


def _chosen(kind: st.SearchStrategy[str]) -> list[st.SearchStrategy[str]]:
    """Return the ways in which a value of any one kind is chosen among others."""
    conditions = st.deferred(lambda: _CONDITION)
    texts = st.deferred(lambda: _TEXT)
    return [
        _call("iif", conditions, kind, kind),
        st.tuples(conditions, kind, kind).map(lambda drawn: f"({drawn[0]} ? {drawn[1]} : {drawn[2]})"),
        _call("coalesce", kind, kind, kind),
        _infix("??", kind),
        _call("decode", texts, texts, kind, texts, kind, kind),
        _call("decode", texts, texts, kind),
        _call("first", kind, kind),
        _call("last", kind, kind),
    ]


_NULL = st.just("null")
_TEXT: st.SearchStrategy[str] = st.recursive(
    st.one_of(_WORDS.map(_quoted), st.sampled_from(_NAMES)),
    lambda text: st.one_of(
        *_chosen(text),
        _infix("+", text),
        _call("concat", text, text, _NULL),
        _call("concat", text, st.deferred(lambda: _WHOLE)),
        *(_call(name, text) for name in ("lower", "upper", "trim", "ltrim", "rtrim")),
        _call("replacestr", text, text, text),
        _call("substr", text, st.deferred(lambda: _WHOLE), st.deferred(lambda: _WHOLE)),
        *(_call(name, text, st.deferred(lambda: _WHOLE)) for name in ("left", "right")),
        *(_call(name, text, _NUMBERS.filter(lambda n: n < 50).map(str), text) for name in ("lpad", "rpad")),
        *(_call(name, text, text) for name in ("min", "max")),
    ),
    max_leaves=5,
)
_WHOLE: st.SearchStrategy[str] = st.recursive(
    st.one_of(_NUMBERS.map(str), _TEXT.map("to_integer({})".format), _TEXT.map("size_of({})".format)),
    lambda whole: st.one_of(
        *_chosen(whole),
        _infix("+ - * / %", whole),
        whole.map("(-{})".format),
        _call("instr", _TEXT, _TEXT),
        _call("instr", _TEXT, _TEXT, whole, st.integers(0, 3).map(str)),
        *(_call(name, whole, whole, whole) for name in ("min", "max")),
    ),
    max_leaves=5,
)
_CONDITION: st.SearchStrategy[str] = st.recursive(
    st.one_of(
        _infix("== != < <= > >=", _TEXT),
        _infix("== != < <= > >=", _WHOLE),
        _call("is_empty", _TEXT),
        st.tuples(_TEXT, _TEXT).map(lambda pair: f"({pair[0]}).equals({pair[1]})"),
        st.sampled_from(["a", "true", "null", '"no"']),
    ),
    lambda condition: st.one_of(_infix("&& || and or", condition), condition.map("(not {})".format)),
    max_leaves=4,
)


def _expected(expression: str, row: dict[str, str | None]) -> Any:
    try:
        return interpret(parse(expression).root, row)
    except TransformError:
        return FAILED


@settings(deadline=None, max_examples=250)
@given(
    st.one_of(_TEXT, _WHOLE, _CONDITION),
    st.lists(st.fixed_dictionaries(dict.fromkeys(_NAMES, _CELLS)), min_size=1, max_size=4),
)
@example("coalesce(to_integer(a), 1)", [{"a": "x", "b": None, "c": None}])
@example("decode(a, b, to_integer(c))", [{"a": "1", "b": "1", "c": "x"}])
@example("(-9223372036854775807 - 1) / (-1)", [{"a": None, "b": None, "c": None}])
def test_the_sql_agrees_with_the_interpreter(expression: str, rows: list[dict[str, str | None]]) -> None:
    """For every drawn expression and row, SQL and interpreter give the same value, or both a transform error."""
    if len(expression) > 4000:
        return
    assert evaluate(_CONNECTION, expression, _TYPES, rows) == [_expected(expression, row) for row in rows]
