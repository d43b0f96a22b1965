"""What the tests of the language evaluate with."""

from typing import Any, Final

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import Budget
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate, evaluate_text
from headrace.language.datafactory.values import same

STATE: Final = FixedState.of({
    "pipeline": {"RunId": "rid", "TriggerType": "Manual"},
    "parameters": {"s": "foo", "n": 42, "f": 1.5, "b": True, "none": None, "arr": [1, 2, 3], "obj": {"Key": "V", "x y": 1}},
    "globalParameters": {"g": "gv"},
    "variables": {"Total": 3},
    "activities": {"Look Up": {"status": "Succeeded", "output": {"rows": [{"id": 1}], "note": "@{1}"}, "error": None}},
    "item": {"name": "it", "n": 3},
})  # fmt: skip


def value_of(template: Any, state: FixedState = STATE) -> Json:
    """Return the value of a template under the common state."""
    return evaluate(template, state)


def assert_value(text: str, value: Json, state: FixedState = STATE) -> None:
    """Check a value in type and value, as far down as it goes."""
    found = evaluate_text(text, state)
    assert same(found, value, Budget()), f"{text} is {found!r}"


def refusal_of(template: Any, state: FixedState = STATE) -> str:
    """Return the message of a template that cannot be evaluated."""
    with pytest.raises(Problem) as caught:
        evaluate(template, state)
    assert caught.value.code in {Code.EXPRESSION_SYNTAX, Code.UNKNOWN_FUNCTION, Code.EXPRESSION_TYPE}
    return caught.value.message
