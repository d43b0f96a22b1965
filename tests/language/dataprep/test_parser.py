"""Refusals of the parser: where, what was expected, and the limits."""

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.schema import STRING
from headrace.language.dataprep import columns_of, compile_expression, parse


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "character 1", "expected an expression"),
        ("  ", "character 3", "expected an expression"),
        ("a +", "character 4", "expected a value"),
        ("concat(a, b", "character 12", "expected ',' or ')'"),
        ("concat(a b)", "character 10", "expected ',' or ')', found 'b'"),
        ("a b", "character 3", "expected an operator or the end, found 'b'"),
        ("(a", "character 3", "expected ')', found the end"),
        ("a ? b", "character 6", "expected ':'"),
        ("a = 1", "character 3", "equality is written =="),
        ("'abc", "character 1", "has no closing '"),
        ("${abc", "character 1", "has no closing }"),
        ("${}", "character 1", "names no column"),
        ("12abc", "character 1", "a name cannot begin with a digit; write it as ${…}"),
        ("if + 1", "character 1", "a reserved word is a column's name only as ${if}"),
        ("a.", "character 3", "a name after '.'"),
        ("a[1", "character 4", "expected ']'"),
        ("[1 2]", "character 4", "expected ',' or ']'"),
        ('{"a" 1}', "character 6", "expected ':'"),
        ("concat(\n  a,\n  ;)", "line 3, character 3", "unexpected character ';'"),
        ("a @ b", "character 3", "unexpected character '@'"),
        ('"\\u12"', "character 2", "four hexadecimal digits"),
        ("1" * 41, "character 1", "more than 40 characters"),
    ],
)
def test_a_syntax_error_names_its_place_and_what_was_expected(text: str, place: str, words: str) -> None:
    """The message has the expression, the place, and the words that help."""
    with pytest.raises(Problem) as caught:
        parse(text)
    assert caught.value.code is Code.EXPRESSION_SYNTAX
    assert f", {place}: " in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "(" * 101 + "1" + ")" * 101,
        "-" * 101 + "1",
        "1" + " + 1" * 101,
        "a" * 4097,
        "[" + "1," * 1001 + "1]",
        "concat(" * 101 + ")" * 101,
    ],
)
def test_limits_are_kept(text: str) -> None:
    """What is too long, too deep or too large is refused as such, whatever else it is."""
    with pytest.raises(Problem) as caught:
        parse(text)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_what_is_just_within_the_limits_compiles() -> None:
    """Ninety levels of the worst nesting stay below the limit of the SQL's size, or are refused in good time."""
    nested = "a"
    for _ in range(90):
        nested = f"lower({nested})"
    assert len(compile_expression(nested, {"a": STRING}).sql) < 1000


@pytest.mark.parametrize(
    "wrap", ["lpad({}, 5)", "instr({}, 'a', 1, 1)", "min({}, 'a')", "iif({} == 'a', 'b', 'c')", "to_integer({}) + ''"]
)
def test_nesting_does_not_blow_up(wrap: str) -> None:
    """SQL grows with a small power of the depth, never exponentially: thirty levels compile or are refused at once."""
    text = "a"
    for _ in range(30):
        text = wrap.format(text)
    try:
        assert len(compile_expression(text, {"a": STRING}).sql) < 400_000
    except Problem as problem:
        assert problem.code is Code.LIMIT_EXCEEDED  # noqa: PT017 — both outcomes are right, an endless compilation is not


def test_columns_of_a_tree_are_the_first_names_of_its_paths() -> None:
    """Lambda parameters are no columns; ``${a.b}`` is one name."""
    expression = parse("concat(a, b.c, ${d.e}, f[g]) + h.equals(i) + transformArray(j, x -> x + k)")
    assert columns_of(expression) == {"a", "b", "d.e", "f", "g", "h", "i", "j", "k"}


def test_the_columns_that_are_read_are_known_after_compiling() -> None:
    """Compiled.columns has what the expression reads, and nothing else."""
    columns = dict.fromkeys(("a", "b", "c"), STRING)
    assert compile_expression("iif(a == 'x', b, 'c')", columns).columns == {"a", "b"}


def test_a_column_is_just_its_quoted_name() -> None:
    """The commonest mapping costs nothing."""
    compiled = compile_expression("a", {"a": STRING})
    assert (compiled.sql, compiled.error, compiled.type) == ('"a"', None, STRING)
