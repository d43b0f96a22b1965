"""Problems: a closed set of codes, messages that say all that is wrong."""

import pickle

from headrace.core.errors import BLAME, RETRYABLE, TRANSIENT, Blame, Code, FieldError, Problem


def test_every_code_has_somebody_who_must_act() -> None:
    """A failure is never nobody's."""
    assert set(BLAME) == set(Code)


def test_what_is_transient_is_retryable() -> None:
    """The smaller set lies within the larger."""
    assert TRANSIENT < RETRYABLE


def test_a_message_lists_every_field_error_with_its_hint() -> None:
    """What a person reads: what, where, what would be right."""
    errors = (FieldError("a.b", "is wrong", "make it right"), FieldError("", "is odd"))
    problem = Problem.of_fields(Code.INVALID, "the flow file", errors)
    assert str(problem) == "the flow file has 2 errors:\n  a.b: is wrong (make it right)\n  is odd"
    assert problem.blame is Blame.YOURS


def test_a_problem_stays_whole_across_a_process_boundary() -> None:
    """A worker's problem arrives with its fields and context."""
    problem = Problem(Code.STALE, "old", (FieldError("x", "y"),), {"row": 1})
    copy = pickle.loads(pickle.dumps(problem))  # noqa: S301 — the test's own bytes
    assert (copy.code, copy.message, copy.fields, copy.context) == (
        problem.code,
        problem.message,
        problem.fields,
        problem.context,
    )
