"""How much text may be made of other text at once.

What clients send is bounded, but a short template or replacement may make a thousand times as much of it. So whatever makes texts of texts counts
letters before it makes them.
"""

from collections.abc import Iterable

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem

MOST_LETTERS = 128 << 20
"""Letters that are made for the records of one commit."""


class TextBudget:
    """Counts the letters that are made for one commit. ``path``: what asks for them, as refusals name it."""

    def __init__(self, path: str, most: int = MOST_LETTERS) -> None:
        self._path = path
        self._most = most
        self._left = most

    def take(self, letters: int) -> None:
        """Count letters that are to be made.

        Raises:
            Problem: ``LIMIT_EXCEEDED``: they are too many, with those before.
        """
        self._left -= letters
        if self._left < 0:
            message = f"this makes texts of more than {self._most:,} characters for the records of one commit"
            raise Problem(Code.LIMIT_EXCEEDED, message, (FieldError(self._path, message),))


def letters_of(value: Json) -> int:
    """Return about how many letters a value has where it is written down."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + letters_of(item) for key, item in value.items())
    return sum(map(letters_of, value)) if isinstance(value, list | tuple) else 1


def letters_in(column: Iterable[Json]) -> int:
    """Return about how many letters a column has."""
    # Most values are texts, whose lengths are summed up without a call for each.
    texts = [value for value in column if type(value) is str]
    others = [value for value in column if type(value) in {list, tuple, dict}]
    return sum(map(len, texts)) + sum(map(letters_of, others))
