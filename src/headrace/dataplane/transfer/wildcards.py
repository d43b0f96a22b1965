"""Wildcards in names of files and folders: ``*`` (any characters), ``?`` (one or none), ``^`` (what follows stands for itself)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import Pattern

ESCAPE = "^"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a pattern.

    ``literal``: what it begins with before its first wildcard; ``pattern`` None: that is all, so it takes exactly this name.
    """

    literal: str
    pattern: Pattern[str] | None = None

    def takes(self, name: str) -> bool:
        """Say whether a name is meant."""
        return name == self.literal if self.pattern is None else self.pattern.fullmatch(name) is not None


def segment(text: str) -> Segment:
    """Return what one segment of a pattern stands for."""
    parts: list[str] = []
    literal = ""
    is_literal = True
    for letter, escaped in _letters(text):
        wild = not escaped and letter in "*?"
        is_literal = is_literal and not wild
        literal += letter if is_literal else ""
        parts.append({"*": ".*", "?": ".?"}[letter] if wild else re.escape(letter))
    return Segment(literal, None if is_literal else re.compile("".join(parts), re.DOTALL))


def _letters(text: str) -> Iterator[tuple[str, bool]]:
    letters = iter(text)
    for letter in letters:
        if letter == ESCAPE:
            yield next(letters, ESCAPE), True
        else:
            yield letter, False


def has_wildcard(text: str) -> bool:
    """Say whether a pattern takes more than one name."""
    return any(not escaped and letter in "*?" for letter, escaped in _letters(text))
