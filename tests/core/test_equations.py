"""Tests of arithmetic in mapping rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.codec import Json
from headrace.core.equations import EquationError, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{price} * (1 + {1} / 100)", 12),
        ("{0} - price + -price", -10),
        ("2 ^ 3 ^ 2 - 2 ** -1", 511.5),
        ("-2 ^ 2", -4),
        ("7 % 4 * 2", 6),
        ("1.5e2 / .5", 300),
        ("price / 3", 3.3333333333333335),
        ("0.1 + 0.2", 0.3),
        ("price / 0", None),
        ("9 ^ 9999", None),
        ("0 ^ 0 + price", None),
    ],
)
def test_equations_are_reckoned_as_people_do_it(text: str, value: Json) -> None:
    """Products before sums, powers before both and from the right; what cannot be reckoned is empty."""
    assert parse(text, ["price", "tax rate"]).column([[10], ["20"]]) == [value]


def test_a_long_equation_is_no_deep_one() -> None:
    """Thousands of signs beside one another are reckoned one after the other."""
    assert parse("+".join(["{a}"] * 2_500), ["a"]).column([[2]]) == [5_000]
    assert parse("*".join(["{a}"] * 2_000) + "-1", ["a"]).column([[1, None]]) == [0, None]
    assert parse("(" * 100 + "{a}" + "+1)" * 100, ["a"]).column([[1]]) == [101]


@pytest.mark.parametrize("empty", [None, "", "ten", True, [1], "1_0", "nan", "inf", float("inf")])
def test_what_is_no_number_makes_the_result_empty(empty: Json) -> None:
    """Nothing is guessed."""
    assert parse("{a} + 1", ["a"]).column([[empty, " 2 ", "-1.5e1"]]) == [None, 3, -14]


def test_numbers_of_thousands_of_digits_are_none() -> None:
    """Python shows no such number, and nobody means it."""
    assert parse("{a} + 1", ["a"]).column([[10**5_000, "9" * 20_000, 1]]) == [None, None, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ends where a number or a field"),
        ("1 +", "ends where a number or a field"),
        ("1 2", "found '2' at character 3, expected an operator"),
        ("(1", "closing parenthesis"),
        ("1 + other", "'other' at character 5 is no field of sourceFields"),
        ("{5}", "'5' at character 2 is no field"),
        ("__import__('os')", "is no part of an equation"),
        ("a.b", "is no part"),
        ("(" * 200 + "1" + ")" * 200, "at most 100"),
        ("1+" * 10_000, "at most 10,000"),
    ],
)
def test_what_is_no_equation_is_told_with_its_place(text: str, words: str) -> None:
    """There is nothing in an equation but numbers, fields and operators."""
    with pytest.raises(EquationError, match=words.replace("(", "\\(")):
        parse(text, ["a"])


@given(st.text("0123456789.+-*/%^() a{}e", max_size=20))
def test_any_text_is_an_equation_or_is_refused(text: str) -> None:
    """And it is reckoned without an exception."""
    try:
        equation = parse(text, ["a"])
    except EquationError:
        return
    [value] = equation.column([["3"]])
    assert value is None or isinstance(value, int | float)
