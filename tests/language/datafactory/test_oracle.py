"""Every case of the published oracle."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from headrace.core.errors import Problem
from headrace.language.datafactory.limits import Budget
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate_text
from headrace.language.datafactory.values import same

ORACLE = json.loads((Path(__file__).parent / "oracle.json").read_text(encoding="utf-8"))
STATE = FixedState.of(ORACLE["state"])
FREE_ENDINGS = frozenset({"type", "arity", "range", "format", "unit", "xpath"})


@pytest.mark.parametrize("case", ORACLE["cases"], ids=lambda case: case["expr"])
def test_a_case_of_the_oracle(case: dict[str, Any]) -> None:
    """The value is equal in type and value, and a message has the service's words as far as its family promises them."""
    if "ok" in case:
        value = evaluate_text(case["expr"], STATE)
        assert same(value, case["ok"], Budget()), value
    elif "error" in case:
        with pytest.raises(Problem) as caught:
            evaluate_text(case["expr"], STATE)
        assert caught.value.message.startswith(beginning(case))
        if "message" in case and case["family"] not in FREE_ENDINGS:
            assert caught.value.message == case["message"]
    else:
        value = evaluate_text(case["expr"], STATE)
        assert type(value) is {"string": str, "integer": int}[case["type"]]
        assert re.search(case["pattern"], str(value))


def beginning(case: dict[str, Any]) -> str:
    """Return what the message of a case begins with: up to the function's name in quotes, where its ending is free."""
    if "messagePrefix" in case or "message" not in case:
        return str(case.get("messagePrefix", ""))
    if case["family"] not in FREE_ENDINGS:
        return str(case["message"])
    found = re.match(r"[^']*'[^']*'", case["message"])
    assert found
    return found.group()
