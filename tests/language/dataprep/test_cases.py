"""The case files, run on DuckDB."""

import pytest

from headrace.core.errors import Problem
from headrace.language.dataprep import compile_expression, functions
from headrace.language.dataprep.parser import parse
from headrace.language.dataprep.syntax import Call, walk
from language.dataprep.duck import Case, connect, evaluate, read_cases

CASES = list(read_cases())


@pytest.mark.parametrize("case", [case for case in CASES if case.refused is None], ids=lambda case: case.name)
def test_an_expression_gives_what_its_case_says(case: Case) -> None:
    """For every row of a case, the value or the transform error is the expected one."""
    rows = [row for row, _ in case.rows]
    assert evaluate(connect(), case.expression, case.types, rows) == [expected for _, expected in case.rows]


@pytest.mark.parametrize("case", [case for case in CASES if case.refused is not None], ids=lambda case: case.name)
def test_a_wrong_expression_is_refused_as_its_case_says(case: Case) -> None:
    """A refusal has its code, and its message has the words of the case."""
    with pytest.raises(Problem) as caught:
        compile_expression(case.expression, case.types)
    assert case.refused is not None
    assert caught.value.code.value == case.refused[0]
    assert case.refused[1] in caught.value.message


def test_every_function_has_a_case() -> None:
    """Nothing stands in the table of functions that no case file shows, under its name and its aliases."""
    shown = {
        node.name
        for case in CASES
        if case.refused is None
        for node in walk(parse(case.expression).root)
        if isinstance(node, Call)
    }
    names = {name for doc in functions() for name in (doc.name, *doc.aliases)}
    assert names - shown == set()


def test_every_function_is_shown_with_its_nulls() -> None:
    """For every function that takes arguments there is a case with a null in it."""
    shown = {
        node.name
        for case in CASES
        if case.refused is None and ("null" in case.expression or any(None in row.values() for row, _ in case.rows))
        for node in walk(parse(case.expression).root)
        if isinstance(node, Call)
    }
    assert {doc.name for doc in functions() if doc.least > 0} - shown == set()
