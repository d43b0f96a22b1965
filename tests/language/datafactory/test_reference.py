"""The reference page, and the table that it is written from."""

from pathlib import Path

import pytest

from headrace.language.datafactory.catalogue import FUNCTIONS
from headrace.language.datafactory.reference import page
from headrace.language.datafactory.table import Function

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "datafactory-expressions.md"


def test_the_page_is_in_step_with_the_table() -> None:
    """docs/reference/datafactory-expressions.md is what page() writes; the head of reference.py says how to write it again."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_there_are_84_functions_and_the_accessors() -> None:
    """No function is missing, and none of a related product has slipped in."""
    accessors = {function.name for function in FUNCTIONS.values() if function.category == "Accessor"}
    assert len(FUNCTIONS) - len(accessors) == 84
    assert accessors == {
        *("pipeline", "activity", "variables", "parameters", "item"),
        *("dataset", "linkedService", "trigger", "triggerBody"),
    }


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_a_function_is_described(function: Function) -> None:
    """Its syntax shows its name and as many arguments as it takes, and one line says what it does."""
    name, _, inner = function.syntax.removesuffix(")").partition("(")
    required, _, _ = inner.partition("[")
    names = [each for each in required.replace("…", "").split(",") if each.strip()]
    assert name == function.name
    assert function.doc.endswith(".")
    if function.category != "Accessor":
        assert len(names) == function.least
