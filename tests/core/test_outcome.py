"""Figures add up."""

from headrace.core.errors import Blame, Code, FieldError, Problem
from headrace.core.outcome import Failure, Figures


def test_what_is_not_known_counts_as_nothing_and_nothing_stays_unknown() -> None:
    """0 means counted; None means nobody looked."""
    total = Figures(rows_read=3, rows_rejected=0).plus(Figures(rows_read=4, files_read=1))
    assert total == Figures(rows_read=7, rows_rejected=0, files_read=1)


def test_a_failure_is_a_problem_as_a_value() -> None:
    """Code, message and fields are kept; the context is for the operator only."""
    problem = Problem(Code.SOURCE_DENIED, "no", (FieldError("a", "b"),), {"secret": 1})
    assert Failure.of(problem) == Failure(Code.SOURCE_DENIED, "no", (FieldError("a", "b"),))
    assert Failure.of(problem).blame is Blame.SOURCE
