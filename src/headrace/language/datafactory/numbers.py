"""The functions of numbers: 64-bit integers and doubles. A result that does not fit is refused, it never wraps around."""

import math
from collections.abc import Callable
from typing import Final

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.language.datafactory.logic import double
from headrace.language.datafactory.table import Call, makes
from headrace.language.datafactory.values import is_number, kind_of

_INT64: Final = 2**63
_MOST_COUNT: Final = 100_000
_MOST_END: Final = 2**31 - 1
_NUMBER: Final = "to be an integer or a decimal number"


def _arithmetic(
    integers: Callable[[int, int], int], doubles: Callable[[float, float], float], expected: str = _NUMBER
) -> Callable[[Call], Json]:
    def implementation(call: Call) -> Json:
        for index, value in enumerate(call.arguments):
            if not is_number(value):
                raise call.wrong_type(index, expected)
        one, other = call.arguments
        try:
            if isinstance(one, int) and isinstance(other, int):
                whole = integers(one, other)
                if -_INT64 <= whole < _INT64:
                    return whole
                raise _overflow(call)
            result = doubles(double(one), double(other))
        except ZeroDivisionError:
            raise call.refusal(
                f"Attempt to divide an integral or decimal value by zero in function '{call.name}'."
            ) from None
        if not math.isfinite(result):
            raise _overflow(call)
        return result

    return implementation


def _overflow(call: Call) -> Problem:
    return call.refusal(f"The provided parameters for function '{call.name}' caused arithmetic overflow.")


def _truncated(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _remainder(dividend: int, divisor: int) -> int:
    if divisor == -1 and dividend == -_INT64:
        return _INT64  # the quotient overflows, and the processor's division has no remainder without it
    return dividend - divisor * _truncated(dividend, divisor)


def _double_remainder(dividend: float, divisor: float) -> float:
    if divisor == 0:
        raise ZeroDivisionError
    return math.fmod(dividend, divisor) if math.isfinite(dividend) else math.inf


def _extreme(choose: Callable[[list[int | float]], int | float]) -> Callable[[Call], Json]:
    def implementation(call: Call) -> Json:
        values = call.arguments[0] if len(call) == 1 and isinstance(call.arguments[0], list) else call.arguments
        if not values:
            raise call.refusal(f"{_expects_numbers(call.name)} The function was invoked with no parameters.")
        call.budget.look_through(len(values))
        kinds = dict.fromkeys(kind_of(value) for value in values if not is_number(value))
        if kinds:
            raise call.refusal(
                f"The function '{call.name}' expects all of its parameters to be either integer or decimal numbers. "
                f"Found invalid parameter types: '{','.join(kinds)}'."
            )
        if any(isinstance(value, float) for value in values):
            return choose([double(value) for value in values])
        return choose([value for value in values if isinstance(value, int)])

    return implementation


def _expects_numbers(name: str) -> str:
    return f"The function '{name}' expects {_NUMBERS}."


def _range(call: Call) -> Json:
    start, count = call.integer(0, "'start index' to be an integer"), call.integer(1, "'count' to be an integer")
    if not 0 <= count <= _MOST_COUNT or start + count > _MOST_END:
        raise call.refusal(
            "The function 'range' parameters are out of range: 'count' must be a positive integer no larger than "
            f"'{_MOST_COUNT}' and the sum of 'start index' and 'count' must be no larger than {_MOST_END}."
        )
    call.budget.produce_elements(count)
    return [*range(start, start + count)]


def _rand(call: Call) -> Json:
    least, most = call.integer(0, "'minimum' to be an integer"), call.integer(1, "'maximum' to be an integer")
    if least > most:
        raise call.refusal(
            f"The function 'rand' parameters are out of range: the value '{least}' provided for 'minimum' cannot be greater than the "
            f"value '{most}' provided for 'maximum'."
        )
    return least if least == most else call.state.random().randrange(least, most)


_function = makes("Math")


_NUMBERS: Final = "either an array of numbers or a comma separated list of numbers as its parameters"

FUNCTIONS: Final = (
    _function(
        "add",
        2,
        2,
        _arithmetic(
            lambda one, other: one + other,
            lambda one, other: one + other,
            "to be an integer, a float or a decimal number",
        ),
        "add(a, b)",
        "The sum. A float on either side makes a float, here and below.",
        "add(1, 1.5)",
        "two numeric parameters: the first summand as the first parameter and the second summand as the second parameter",
    ),
    _function(
        "sub",
        2,
        2,
        _arithmetic(lambda one, other: one - other, lambda one, other: one - other),
        "sub(a, b)",
        "The difference.",
        "sub(5, 7)",
        "two numeric parameters: the minuend as the first parameter and the subtrahend as the second parameter",
    ),
    _function(
        "mul",
        2,
        2,
        _arithmetic(lambda one, other: one * other, lambda one, other: one * other),
        "mul(a, b)",
        "The product.",
        "mul(1.5, 2)",
        "two numeric parameters: the first multiplicand as the first parameter and the second multiplicand as the second parameter",
    ),
    _function(
        "div",
        2,
        2,
        _arithmetic(_truncated, lambda one, other: one / other),
        "div(a, b)",
        "The quotient; of integers without its fraction. Division by zero is refused.",
        "div(7, -2)",
        "two numeric parameters: the dividend as the first parameter and the divisor as the second parameter",
    ),
    _function(
        "mod",
        2,
        2,
        _arithmetic(_remainder, _double_remainder),
        "mod(a, b)",
        "The remainder, with the sign of `a`.",
        "mod(-7, 3)",
        "two numeric parameters: the dividend as the first parameter and the divisor as the second parameter",
    ),
    _function(
        "max",
        1,
        None,
        _extreme(max),
        "max(number, …)",
        "The greatest of several numbers, or of one array of numbers.",
        "max(createArray(1, 2.5, -3))",
        _NUMBERS,
    ),
    _function(
        "min",
        1,
        None,
        _extreme(min),
        "min(number, …)",
        "The least of several numbers, or of one array of numbers.",
        "min(1, 2.5)",
        _NUMBERS,
    ),
    _function(
        "range",
        2,
        2,
        _range,
        "range(start, count)",
        "So many integers from `start` on; at most 100,000.",
        "range(1, 4)",
        "two integer parameters: an inclisive start index of the range as the first parameter and a count of integers to return as the "
        "second parameter",
    ),
    _function(
        "rand",
        2,
        2,
        _rand,
        "rand(least, end)",
        "A random integer from `least` on and below `end`; `least` where both are equal.",
        "rand(1, 2)",
        "two integer parameters: the minimum as the first parameter and the maximum as the second parameter",
    ),
)
