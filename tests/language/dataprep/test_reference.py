"""The reference page, and the examples in the table of functions."""

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.language.dataprep import (
    FunctionDoc,
    OperatorDoc,
    compile_expression,
    functions,
    operators,
    parameters,
    returned,
)
from headrace.language.dataprep.reference import page
from headrace.language.dataprep.tokens import WORD_OPERATORS
from language.dataprep.duck import connect, evaluate

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "dataprep.md"


def test_the_page_is_in_step_with_the_tables() -> None:
    """docs/reference/dataprep.md is what page() writes; the head of reference.py says how to write it again."""
    assert PAGE.read_text() == page()


def test_the_page_lists_every_function() -> None:
    """No function of the table is missing on the page, under any of its names."""
    text = page()
    assert [doc.name for doc in functions() if doc.syntax not in text] == []
    assert [alias for doc in functions() for alias in doc.aliases if f"`{alias}`" not in text] == []


@pytest.mark.parametrize(
    "doc",
    [doc for doc in functions() if not doc.result.startswith(("the current", "a random"))],
    ids=lambda doc: doc.name,
)
def test_an_example_gives_its_result(doc: FunctionDoc) -> None:
    """What the table shows to a reader is what the language does."""
    assert _shown(evaluate(connect(), doc.example, {}, [{}])[0]) == doc.result


@pytest.mark.parametrize("doc", operators(), ids=lambda doc: doc.symbol)
def test_an_example_of_an_operator_gives_its_result(doc: OperatorDoc) -> None:
    """Every operator is shown in every spelling, with an expression that has it."""
    assert _shown(evaluate(connect(), doc.example, {}, [{}])[0]) == doc.result
    assert all(sign in doc.example for sign in (doc.symbol if doc.method == "ternary" else [doc.symbol]))


def test_every_spelling_of_an_operator_is_listed() -> None:
    """What the tokens know as an operator has its row."""
    symbols = {doc.symbol for doc in operators()}
    assert {*WORD_OPERATORS, *WORD_OPERATORS.values(), "+", "-", "*", "~", "&", "|", "^", "??", "?:"} - symbols == set()


@pytest.mark.parametrize("doc", functions(), ids=lambda doc: doc.name)
def test_parameters_and_what_comes_back_are_told_of_a_function(doc: FunctionDoc) -> None:
    """The counts are those that the compiler takes, and the type is the one that the example has."""
    told = parameters(doc)
    assert len([one for one in told if not one.optional]) == doc.least
    assert doc.most is None or len(told) == doc.most
    assert (doc.most is None) == any(one.repeats for one in told)
    type_ = compile_expression(doc.example, {}).type
    kinds = {"integer": "long", "number": "decimal", "date": "timestamp", "array": "list", "map": "json"}
    wanted = returned(doc)
    if wanted != "any" and type_ is not None and doc.example.startswith(f"{doc.name}("):
        assert type_.kind == kinds.get(wanted, wanted) or (
            wanted in {"object", "map"} and type_.kind in {"struct", "json"}
        )


def _shown(value: Any) -> str:
    if isinstance(value, str) and value == value.strip():
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
