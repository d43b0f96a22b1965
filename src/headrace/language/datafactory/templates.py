"""Templates: JSON whose strings are texts, expressions, or texts with expressions in between.

| text                              | meaning                                                        |
| ``@expr``                         | one expression; the value keeps its type                       |
| ``@@rest``                        | the text ``@rest``                                             |
| ``…@{expr}…``                     | interpolation: always a text; ``@@{`` in it is the text ``@{`` |
| anything else, ``@`` alone        | the text as it is                                              |

What comes out of an evaluation is never evaluated again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.compiler import compile_node
from headrace.language.datafactory.limits import EXPRESSION_STEPS, MAX_SEGMENTS
from headrace.language.datafactory.parser import parse_expression
from headrace.language.datafactory.state import State
from headrace.language.datafactory.syntax import Node
from headrace.language.datafactory.table import Compute, Evaluation
from headrace.language.datafactory.values import utf16_length

_CACHED: Final = 1_024
_LONGEST_CACHED: Final = 1_024
_MOST_LEVELS: Final = 200
# Up to the first } that stands in no string constant.
_SEGMENT: Final = re.compile(r"((?:[^'}]|'[^']*')*+)\}")


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a template: its text without ``@`` or braces, its tree, and what computes it."""

    text: str
    tree: Node
    compute: Compute


@dataclass(frozen=True, slots=True)
class Template:
    """A text that was read.

    ``parts`` are texts and expressions in order. Where ``whole``, the only part is an expression, whose value is the result as it
    is; otherwise the result is the text of all parts.
    """

    parts: tuple[str | Expression, ...]
    whole: bool = False

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def evaluate(self, evaluation: Evaluation) -> Json:
        """Return the template's value.

        Raises:
            Problem: an expression cannot be evaluated.
        """
        evaluation.budget.spend(EXPRESSION_STEPS * len(self.parts))
        if self.whole and isinstance(self.parts[0], Expression):
            return self.parts[0].compute(evaluation)
        return evaluation.joined(
            [part if isinstance(part, str) else evaluation.text_form(part.compute(evaluation)) for part in self.parts]
        )


def parse(text: str) -> Template:
    """Return a text as a template. What was read lately is kept.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``: an expression cannot be read, or a segment has no end.
    """
    # Long texts are read anew each time: their trees take a hundred times the memory of the text.
    return _parse_cached(text) if len(text) <= _LONGEST_CACHED else _parse(text)


def evaluate_text(text: str, state: State) -> Json:
    """Return the value of one text.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``, ``UNKNOWN_FUNCTION`` or ``EXPRESSION_TYPE``, with the service's message.
    """
    return evaluate(text, state)


def evaluate(template: Json, state: State) -> Json:
    """Return ``template`` with every string evaluated, and every ``{"value": "@…", "type": "Expression"}`` replaced by its value.

    Keys of objects are left as they are. The result shares parts with what ``state`` gave: neither may be changed.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``, ``UNKNOWN_FUNCTION`` or ``EXPRESSION_TYPE``, with the service's message.
    """
    try:
        return _evaluate(template, Evaluation(state), 0)
    except RecursionError:
        # The limits of depth leave room for a stack that is already half full, but nobody can promise how full it is.
        raise Problem(Code.EXPRESSION_TYPE, "The expression or a value in it nests too deeply.") from None


def strings(template: Json) -> Sequence[str]:
    """Return every string of ``template`` that would be evaluated, in order."""
    found: list[str] = []
    pending: list[Json] = [template]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, Mapping):
            wrapped = _wrapped(value)
            pending.extend(reversed(list(value.values())) if wrapped is None else [wrapped])
        elif isinstance(value, Sequence):
            pending.extend(reversed(value))
    return found


def _evaluate(template: Json, evaluation: Evaluation, depth: int) -> Json:
    if isinstance(template, str):
        return parse(template).evaluate(evaluation) if "@" in template else template
    if depth > _MOST_LEVELS:
        raise Problem(Code.EXPRESSION_TYPE, f"The template nests deeper than {_MOST_LEVELS} levels.")
    if isinstance(template, Mapping):
        wrapped = _wrapped(template)
        if wrapped is not None:
            return _evaluate(wrapped, evaluation, depth)
        return {key: _evaluate(value, evaluation, depth + 1) for key, value in template.items()}
    if isinstance(template, Sequence):
        return [_evaluate(value, evaluation, depth + 1) for value in template]
    return template


def _wrapped(template: Mapping[str, Json]) -> str | None:
    """Return the text of ``{"value": "@…", "type": "Expression"}``; None for any other object."""
    if len(template) != 2 or template.get("type") != "Expression":
        return None
    value = template.get("value")
    return value if isinstance(value, str) else None


def _parse(text: str) -> Template:
    if text.startswith("@@"):
        return Template((text[1:],))
    if text.startswith("@") and text != "@" and text[1] != "{":
        return Template((_expression(text[1:]),), whole=True)
    parts: list[str | Expression] = []
    end = 0
    while (at := text.find("@{", end)) >= 0:
        if at > end and text[at - 1] == "@":
            parts.append(text[end : at - 1] + "@{")
            end = at + 2
            continue
        segment = _SEGMENT.match(text, at + 2)
        if segment is None:
            raise _unterminated(text, at)
        parts += [text[end:at], _expression(segment.group(1))]
        if len(parts) > 2 * MAX_SEGMENTS:
            raise Problem(Code.EXPRESSION_SYNTAX, f"A text has more than {MAX_SEGMENTS} expressions.")
        end = segment.end()
    return Template((*parts, text[end:]))


_parse_cached = lru_cache(maxsize=_CACHED)(_parse)


def _expression(text: str) -> Expression:
    try:
        tree = parse_expression(text)
        return Expression(text, tree, compile_node(tree, text))
    except RecursionError:  # see evaluate
        raise Problem(Code.EXPRESSION_SYNTAX, "The expression nests too deeply.") from None


def _unterminated(text: str, at: int) -> Problem:
    message = (
        f"The expression '{text}' is not valid: the string interpolation segment starting at position "
        f"'{utf16_length(text[:at])}' is not terminated. Make sure that every '@{{' is followed by its '}}'."
    )
    return Problem(Code.EXPRESSION_SYNTAX, message)
