"""What holds for any text and any value."""

import json
from collections.abc import Callable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.language.datafactory.catalogue import FUNCTIONS
from headrace.language.datafactory.jsontext import read_json
from headrace.language.datafactory.limits import Budget
from headrace.language.datafactory.parser import parse_expression
from headrace.language.datafactory.references import references
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.syntax import Access, Invocation, Literal, Node, Step
from headrace.language.datafactory.templates import evaluate_text
from headrace.language.datafactory.values import float_text, json_text, lower, same, upper, utf16_length, utf16_slice
from language.datafactory.evaluating import STATE

T = TypeVar("T")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
PIECES = st.sampled_from([
    "@", "@{", "}", "'", "''", "(", ")", "[", "]", ",", ".", "?", " ", "1", "1.5", "e", "-", "true", "null", "x", "é", "😀", '"',
    "item()", "pipeline().parameters", ".arr", ".obj", "['Key']", "[0]", "concat(", "json(", "'[1,'", "if(", "addDays(", "'2024-05-20'",
])  # fmt: skip
NAMES = st.from_regex(r"[a-z$][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in {"true", "false", "null"}
)
LITERALS = st.builds(Literal, st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS)


def calls(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Return calls and paths whose parts are ``nodes``."""
    call = st.builds(Invocation, NAMES, st.lists(nodes, max_size=3).map(tuple), st.just(0))
    steps = st.lists(st.builds(Step, nodes, st.booleans()), min_size=1, max_size=3).map(tuple)
    return call | st.builds(Access, call, steps)


NODES: st.SearchStrategy[Node] = st.recursive(LITERALS, calls, max_leaves=8)


def written(node: Node) -> str:
    """Return a tree as an expression."""
    match node:
        case Literal(value=str(text)):
            return "'" + text.replace("'", "''") + "'"
        case Literal(value=value):
            return repr(value) if isinstance(value, float) else json.dumps(value)
        case Invocation(name=name, arguments=arguments):
            return f"{name}({', '.join(map(written, arguments))})"
        case Access(root=root, steps=steps):
            marks = ("?[" if step.null_safe else "[" for step in steps)
            return written(root) + "".join(
                f"{mark}{written(step.key)}]" for mark, step in zip(marks, steps, strict=True)
            )


def without_places(node: Node) -> Node:
    """Return a tree with all its calls at 0."""
    match node:
        case Invocation(name=name, arguments=arguments):
            return Invocation(name, tuple(map(without_places, arguments)), 0)
        case Access(root=root, steps=steps):
            moved = without_places(root)
            assert isinstance(moved, Invocation)
            return Access(moved, tuple(Step(without_places(step.key), step.null_safe) for step in steps))
        case Literal():
            return node


def outcome(compute: Callable[[], T]) -> T | Problem:
    """Return a value, or the problem that there is instead."""
    try:
        return compute()
    except Problem as problem:
        return problem


@given(NODES)
def test_what_is_written_is_read_back(node: Node) -> None:
    """Every tree has a text, and the text has that tree."""
    assert without_places(parse_expression(written(node))) == node


@given(st.lists(PIECES, max_size=12).map("".join) | TEXTS.map("@{}".format))
def test_no_text_does_anything_but_give_a_value_or_a_problem(text: str) -> None:
    """Users send texts: none of them is a bug, and reading refuses nothing that evaluating does not."""
    read, evaluated = outcome(lambda: references(text)), outcome(lambda: evaluate_text(text, STATE))
    if isinstance(read, Problem):
        assert isinstance(evaluated, Problem)
        assert evaluated.message == read.message
    elif not isinstance(evaluated, Problem):
        json.dumps(evaluated, allow_nan=False)


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(VALUES, max_size=4))
def test_no_argument_does_anything_but_give_a_value_or_a_problem(name: str, arguments: list[Json]) -> None:
    """Every function with anything: JSON comes out, without NaN and without halves of characters."""
    state = FixedState.of({"parameters": {f"p{number}": value for number, value in enumerate(arguments)}})
    given_ = ", ".join(f"pipeline().parameters.p{number}" for number in range(len(arguments)))
    value = outcome(lambda: evaluate_text(f"@{name}({given_})", state))
    if not isinstance(value, Problem):
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@given(VALUES)
def test_json_text_is_read_back(value: Json) -> None:
    """In type and value: floats keep that they are floats."""
    text = json_text(value)
    assert same(read_json(text), value, Budget())
    assert same(read_json(f" {text}//"), value, Budget())  # only the tolerant reader takes that


@given(FLOATS)
def test_a_float_is_written_with_digits_that_read_back(value: float) -> None:
    """And with no more of them than are needed."""
    text = float_text(value)
    assert float(text) == value
    digits = repr(value).partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")
    assert text.partition("E")[0].replace(".", "").lstrip("-0").rstrip("0") == digits


@given(TEXTS)
def test_the_other_case_has_as_many_characters(text: str) -> None:
    """So that places found in one are places in the other."""
    assert len(upper(text)) == len(lower(text)) == len(text)


@given(TEXTS, st.integers(0, 50), st.integers(0, 50))
def test_parts_of_a_text_are_whole_characters(text: str, start: int, end: int) -> None:
    """And as long as their places say."""
    part = utf16_slice(text, start, end)
    part.encode()
    assert utf16_length(part) == max(min(end, utf16_length(text)) - start, 0)
