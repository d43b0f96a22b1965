"""Expressions of mappings, checked as far as they can be before there is a source: the grammar, and the names of functions."""

from headrace.core.errors import Code, Problem
from headrace.core.schema import STRING
from headrace.language.dataprep import columns_of, compile_expression, parse

_KNOWN_LATER = frozenset({Code.EXPRESSION_TYPE, Code.UNKNOWN_COLUMN})


def check_expression(text: str) -> None:
    """Refuse what no source could make right.

    Which columns there are and which types they have is known when a run reads the source; a mapping that does not fit it fails the run.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``, ``UNKNOWN_FUNCTION``, ``UNSUPPORTED``, ``LIMIT_EXCEEDED``.
    """
    columns = dict.fromkeys(columns_of(parse(text)), STRING)
    try:
        compile_expression(text, columns)
    except Problem as problem:
        if problem.code not in _KNOWN_LATER:
            raise
