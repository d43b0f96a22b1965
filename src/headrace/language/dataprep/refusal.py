"""How an expression is refused: the expression, the place in it, what is wrong, and what would be right."""

import difflib
from collections.abc import Iterable

from headrace.core.errors import Code, Problem

_SHOWN = 120


def refuse(code: Code, text: str, at: int, message: str) -> Problem:
    """Return the problem of an expression at the character ``at`` (from 0; the message counts from 1)."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    place = f"line {line}, character {column}" if "\n" in text else f"character {column}"
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return Problem(code, f"expression {shown!r}, {place}: {message}", context={"at": at})


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, else an empty text."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    if name.casefold() in folded:
        return f"; did you mean {folded[name.casefold()]!r}?"
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""
