"""Expressions of mappings, checked as far as they can be before there is a source: the grammar, and the names of functions."""

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.language.dataprep import check_calls, columns_of, compile_expression, parse, split_each

# How large the SQL becomes follows from the types, too.
_KNOWN_LATER = frozenset({Code.EXPRESSION_TYPE, Code.UNKNOWN_COLUMN, Code.LIMIT_EXCEEDED})
_ANYTHING = ColumnType(Kind.JSON)
_ELEMENT = "element"


def check_expression(text: str) -> None:
    """Refuse what no source could make right.

    Which columns there are and which types they have is known when a run reads the source; a mapping that does not fit it fails the run.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``, ``UNKNOWN_FUNCTION``, ``UNSUPPORTED``, ``LIMIT_EXCEEDED``.
    """
    for part in split_each(text, _ELEMENT) or (text,):
        _check(part)


def _check(text: str) -> None:
    parsed = parse(text)
    try:
        check_calls(parsed)
        compile_expression(text, dict.fromkeys(columns_of(parsed), _ANYTHING))
    except Problem as problem:
        if problem.code not in _KNOWN_LATER:
            raise
