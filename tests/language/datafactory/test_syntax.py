"""What can be read as an expression, and what is said of what cannot."""

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.templates import parse
from language.datafactory.evaluating import assert_value, refusal_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("@tRuE", True),
        ("@False", False),
        ("@nulL", None),
        ("@0", 0),
        ("@-0", 0),
        ("@+5", 5),
        ("@007", 7),
        ("@9223372036854775807", 9223372036854775807),
        ("@-9223372036854775808", -9223372036854775808),
        ("@1.", 1.0),
        ("@-1.50", -1.5),
        ("@1e3", 1000.0),
        ("@1.e3", 1000.0),
        ("@2E-2", 0.02),
        ("@1e+2", 100.0),
        ("@''", ""),
        ("@''''", "'"),
        ("@'a''''b'", "a''b"),
        ("@'{\"a\": 1}'", '{"a": 1}'),
        ("@'@{x}'", "@{x}"),
        ("@'line\nbreak'", "line\nbreak"),
        ("@\t concat ( 'a' ,\n 'b' ) ", "ab"),
        ("@CONCAT('a')", "a"),
        ("@concat(TRUE, NULL)", "True"),
        ("@pipeline ( ) . parameters [ 'n' ]", 42),
        ("@pipeline() ?. parameters ? ['n']", 42),
    ],
)
def test_an_expression_is_read(text: str, value: Json) -> None:
    """Blanks around tokens are free, names and the three words compare without case, a point or exponent makes a float."""
    assert_value(text, value)


@pytest.mark.parametrize(
    ("expression", "wanted", "actual"),
    [
        ("", "Identifier", "EndOfData"),
        (" ", "Identifier", "EndOfData"),
        ("name", "LeftParenthesis", "EndOfData"),
        ("$name", "LeftParenthesis", "EndOfData"),
        ("name.x", "LeftParenthesis", "Dot"),
        ("name['x']", "LeftParenthesis", "LeftSquareBracket"),
        ("name?.x", "LeftParenthesis", "QuestionMark"),
        ("concat(name, 'x')", "LeftParenthesis", "Comma"),
        ("concat(", "Identifier", "EndOfData"),
        ("concat(,)", "Identifier", "Comma"),
        ("concat('a',)", "Identifier", "RightParenthesis"),
        ("concat('a' 'b')", "RightParenthesis", "Literal"),
        ("concat('a' 1)", "RightParenthesis", "Integer"),
        ("concat('a' 1.5)", "RightParenthesis", "Float"),
        ("concat('a' b)", "RightParenthesis", "Identifier"),
        ("concat('a'].x", "RightParenthesis", "RightSquareBracket"),
        ("concat('it's')", "RightParenthesis", "Identifier"),
        ("concat('a'", "RightParenthesis", "EndOfData"),
        ("concat('a'))", "EndOfData", "RightParenthesis"),
        ("concat('a'), 'b'", "EndOfData", "Comma"),
        ("concat('a') concat('b')", "EndOfData", "Identifier"),
        ("'a'.x", "EndOfData", "Dot"),
        ("'a'[0]", "EndOfData", "LeftSquareBracket"),
        ("1(2)", "EndOfData", "LeftParenthesis"),
        ("true()", "EndOfData", "LeftParenthesis"),
        ("null?.x", "EndOfData", "QuestionMark"),
        ("1 2", "EndOfData", "Integer"),
        ("1+2", "EndOfData", "Integer"),
        ("item().n-1.5", "EndOfData", "Float"),
        ("concat('it's', \"\")", "RightParenthesis", "Identifier"),
        ("1 .5", "EndOfData", "Dot"),
        (".5", "Identifier", "Dot"),
        ("(1)", "Identifier", "LeftParenthesis"),
        ("[1]", "Identifier", "LeftSquareBracket"),
        ("?", "Identifier", "QuestionMark"),
        ("item().", "Identifier", "EndOfData"),
        ("item()..x", "Identifier", "Dot"),
        ("item().1", "Identifier", "Integer"),
        ("item().'x'", "Identifier", "Literal"),
        ("item()[]", "Identifier", "RightSquareBracket"),
        ("item()['x'", "RightSquareBracket", "EndOfData"),
        ("item()['x')", "RightSquareBracket", "RightParenthesis"),
        ("item()[0, 1]", "RightSquareBracket", "Comma"),
    ],
)
def test_a_mistake_of_grammar_names_both_tokens(expression: str, wanted: str, actual: str) -> None:
    """The text says what was expected, and what stands there."""
    message = f"Unable to parse expression '{expression}': expected token '{wanted}' and actual '{actual}'."
    assert refusal_of(f"@{expression}" if expression else "@{}") == message


@pytest.mark.parametrize(
    ("expression", "token"),
    [
        ("item()?", "EndOfData"),
        ("item()?name", "Identifier"),
        ("item()?('x')", "LeftParenthesis"),
        ("item()??.x", "QuestionMark"),
    ],
)
def test_a_lone_question_mark_is_told_by_itself(expression: str, token: str) -> None:
    """It is the most frequent slip of all."""
    assert refusal_of(f"@{expression}") == (
        f"Unable to parse expression '{expression}': encountered unexpected token '{token}' "
        "after null-safe property dereference operator '?'."
    )


@pytest.mark.parametrize(
    ("expression", "character", "place"),
    [
        ('"a"', '"', 0),
        ('concat("a")', '"', 7),
        ("0x10", "x", 1),
        ("2nd", "n", 1),
        ("bad-expression", "x", 5),
        ("1ex", "x", 2),
        ("1 * 2", "*", 2),
        ("item().a == 1", "=", 9),
        ("{1}", "{", 0),
        ("concat('😀', #)", "#", 13),
    ],
)
def test_a_character_that_begins_nothing_is_placed(expression: str, character: str, place: int) -> None:
    """Positions are UTF-16 units from 0, as the service counts them."""
    text = "@ " + expression if expression.startswith("{") else f"@{expression}"
    shift = 1 if expression.startswith("{") else 0
    assert refusal_of(text) == (
        f"The expression '{text[1:]}' is not valid: the string character '{character}' at position '{place + shift}' is not expected."
    )


@pytest.mark.parametrize(
    ("expression", "place"),
    [("'a", 0), ("concat('a', 'b)", 12), ("'a''", 0)],
)
def test_a_text_without_an_end_is_placed(expression: str, place: int) -> None:
    """Where its quote stands."""
    assert refusal_of(f"@{expression}") == (
        f"The expression '{expression}' is not valid: the string constant at position '{place}' is not terminated. "
        "String constants must be enclosed within a pair of quotes."
    )


@pytest.mark.parametrize(
    ("expression", "number", "place"),
    [
        ("9223372036854775808", "9223372036854775808", 0),
        ("-9223372036854775809", "-9223372036854775809", 0),
        ("add(1, 1e309)", "1e309", 7),
        ("-", "-", 0),
        ("1 + 2", "+", 2),
        ("--1", "-", 0),
        ("1e", "1e", 0),
        ("1.5e+", "1.5e+", 0),
        ("-.5", "-.5", 0),
        ("1" * 5000, "1" * 5000, 0),
    ],
)
def test_a_number_that_fits_no_type_is_placed(expression: str, number: str, place: int) -> None:
    """Integers have 64 bits, floats are doubles."""
    assert refusal_of(f"@{expression}") == (
        f"The expression '{expression}' is not valid: the value '{number}' at position '{place}' cannot be converted to number."
    )


def test_reading_refuses_syntax_and_nothing_else() -> None:
    """A definition is checked by reading: what only an evaluation can know is left to it."""
    assert parse("@nope(1, 2)[0]?.x").whole
    with pytest.raises(Problem) as caught:
        parse("@nope(")
    assert caught.value.code is Code.EXPRESSION_SYNTAX


def test_an_expression_has_at_most_8192_characters() -> None:
    """Counted without the @; one more is refused."""
    assert_value(f"@length('{'a' * (8192 - 10)}')", 8182)
    assert "8193 characters" in refusal_of(f"@length('{'a' * (8192 - 9)}')")
    assert_value("a" * 10_000, "a" * 10_000)
    assert_value("a" * 10_000 + "@{1}", "a" * 10_000 + "1")


@pytest.mark.parametrize("opened", ["not(", "item()[", "concat('a', ", "if(true, "])
def test_deep_nesting_is_refused_cleanly(opened: str) -> None:
    """Neither reading nor evaluating ever meets the end of Python's stack."""
    assert "nests deeper than 200 levels" in refusal_of("@" + opened * 600 + "item()")


def test_200_levels_are_evaluated() -> None:
    """A ladder of if() that somebody generated still works."""
    ladder = "".join(f"if(equals(item().n, {number}), 'is {number}', " for number in range(199, 1, -1))
    assert_value(f"@{ladder}'none'{')' * 198}", "is 3")
