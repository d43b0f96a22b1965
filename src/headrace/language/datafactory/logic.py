"""The functions that compare and choose. Those that choose evaluate only what they need."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.collation import compare
from headrace.language.datafactory.table import Call, Choice, Compute, Evaluation, Function, makes
from headrace.language.datafactory.values import is_number, kind_of, same


def _if(arguments: Sequence[Compute]) -> Compute:
    condition, yes, no = arguments

    def compute(evaluation: Evaluation) -> Json:
        holds = condition(evaluation)
        if holds is True:
            return yes(evaluation)
        if holds is False:
            return no(evaluation)
        raise _refusal(
            "The function 'if' expects its first parameter to be of type boolean. "
            f"The provided value is of type '{kind_of(holds)}'."
        )

    return compute


def _deciding(name: str, *, decides: bool) -> Callable[[Sequence[Compute]], Compute]:
    """Return what builds ``and`` (decided by false) or ``or`` (decided by true)."""

    def build(arguments: Sequence[Compute]) -> Compute:
        def compute(evaluation: Evaluation) -> Json:
            for argument in arguments:
                value = argument(evaluation)
                if not isinstance(value, bool):
                    raise _refusal(
                        f"The function '{name}' expects all of its parameters to be booleans. "
                        f"Found invalid parameter types: '{kind_of(value)}'."
                    )
                if value is decides:
                    return decides
            return not decides

        return compute

    return build


def _coalesce(arguments: Sequence[Compute]) -> Compute:
    def compute(evaluation: Evaluation) -> Json:
        for argument in arguments:
            value = argument(evaluation)
            if value is not None:
                return value
        return None

    return compute


def _not(call: Call) -> Json:
    (value,) = call.arguments
    if not isinstance(value, bool):
        raise call.wrong_type(0, "to be a boolean")
    return not value


def _equals(call: Call) -> Json:
    first, *others = call.arguments
    return all(_equal(first, other, call) for other in others)


def _equal(one: Json, other: Json, call: Call) -> bool:
    if is_number(one) and is_number(other):
        return order_of_numbers(one, other) == 0
    return same(one, other, call.budget)


def order_of_numbers(one: Json, other: Json) -> int:
    """Return how two numbers compare, negative, 0 or positive: two integers exactly, all else as doubles."""
    if isinstance(one, int) and isinstance(other, int):
        return (one > other) - (one < other)
    left, right = double(one), double(other)
    return (left > right) - (left < right)


def double(value: Json) -> float:
    """Return a number as a double; what is beyond the range of doubles is infinite."""
    try:
        return float(value)  # type: ignore[arg-type]  # a number, which callers have made sure of
    except OverflowError:
        return math.copysign(math.inf, value)  # type: ignore[arg-type]  # an integer


def _comparison(holds: Callable[[int], bool]) -> Callable[[Call], Json]:
    def implementation(call: Call) -> Json:
        one, other = call.arguments
        if isinstance(one, str) and isinstance(other, str):
            return holds(compare(one, other))
        if is_number(one) and is_number(other):
            return holds(order_of_numbers(one, other))
        raise _not_comparable(call, one, other)

    return implementation


def _not_comparable(call: Call, one: Json, other: Json) -> Problem:
    if isinstance(one, str) or isinstance(other, str):
        return call.refusal(
            f"The function '{call.name}' expects two parameter of matching types. The function was invoked with values of type "
            f"'{kind_of(one)}' and '{kind_of(other)}' that do not match."
        )
    kinds = dict.fromkeys(kind_of(value) for value in (one, other) if not is_number(value))
    return call.refusal(
        f"The function '{call.name}' expects all of its parameters to be either integer or decimal numbers. "
        f"Found invalid parameter types: '{','.join(kinds)}'."
    )


def _refusal(message: str) -> Problem:
    return Problem(Code.EXPRESSION_TYPE, message)


_function = makes("Logical")


_COMPARISON: Final = "two parameter of matching types"

FUNCTIONS: Final = (
    _function(
        "and",
        1,
        None,
        Choice(_deciding("and", decides=False)),
        "and(condition, …)",
        "Whether all are true. What stands behind the first false is not evaluated.",
        "and(true, equals(1, 1))",
        "at least one parameter: the booleans to combine",
    ),
    _function(
        "or",
        1,
        None,
        Choice(_deciding("or", decides=True)),
        "or(condition, …)",
        "Whether one is true. What stands behind the first true is not evaluated.",
        "or(false, equals(1, 1))",
        "at least one parameter: the booleans to combine",
    ),
    _function(
        "not",
        1,
        1,
        _not,
        "not(condition)",
        "The opposite of a boolean.",
        "not(false)",
        "one parameter: the boolean value to negate",
    ),
    _function(
        "if",
        3,
        3,
        Choice(_if),
        "if(condition, then, else)",
        "The second value where the condition is true, else the third. Only that one is evaluated.",
        "if(greater(2, 1), 'more', 'less')",
        "three parameter: the condition to test as the first parameter, the value to return if the condition is true as the second "
        "parameter, and the value to return if the condition is false as the third parameter",
    ),
    _function(
        "equals",
        2,
        None,
        _equals,
        "equals(a, b, …)",
        "Whether all are the same in type and value. `equals(1, 1.0)` is true, but not within arrays and objects.",
        "equals(createArray(1, 2), json('[1,2]'))",
        "at least two parameters: the values to compare",
    ),
    _function(
        "greater",
        2,
        2,
        _comparison(lambda order: order > 0),
        "greater(a, b)",
        "Whether a number or text comes behind another. Texts are ordered as in a dictionary: `a` `A` `b` `B`.",
        "greater('b', 'A')",
        _COMPARISON,
    ),
    _function(
        "greaterOrEquals",
        2,
        2,
        _comparison(lambda order: order >= 0),
        "greaterOrEquals(a, b)",
        "Whether a number or text comes behind another or is the same.",
        "greaterOrEquals(2, 2.0)",
        _COMPARISON,
    ),
    _function(
        "less",
        2,
        2,
        _comparison(lambda order: order < 0),
        "less(a, b)",
        "Whether a number or text comes before another.",
        "less('a', 'A')",
        _COMPARISON,
    ),
    _function(
        "lessOrEquals",
        2,
        2,
        _comparison(lambda order: order <= 0),
        "lessOrEquals(a, b)",
        "Whether a number or text comes before another or is the same.",
        "lessOrEquals(10, 10)",
        _COMPARISON,
    ),
    Function(
        "coalesce",
        1,
        None,
        Choice(_coalesce),
        "Conversion",
        "coalesce(value, …)",
        "The first value that is not null; what stands behind it is not evaluated.",
        "coalesce(null, 'x')",
        "at least one parameter: the values to choose from",
    ),
)
