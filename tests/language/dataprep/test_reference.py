"""The reference page, and the examples in the table of functions."""

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.language.dataprep import FunctionDoc, functions
from headrace.language.dataprep.reference import page
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


def _shown(value: Any) -> str:
    if isinstance(value, str) and value == value.strip():
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
