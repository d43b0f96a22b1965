"""The words of a query."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from headrace.core.errors import Code, FieldError, Problem

_PARAMETER = "q"
_WORD = re.compile(r"(?:\\.|[^\s()\\])+|\\", re.DOTALL)
_QUOTED = {
    '"': re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL),
    "'": re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL),
}
_ESCAPE = re.compile(r"\\([\"'\\])")
_SHOWN = 60


class Kind(Enum):
    """Kinds of tokens."""

    OPEN = auto()
    CLOSE = auto()
    WORD = auto()
    QUOTED = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its place: ``start`` is the number of its first letter, from 1 on. ``text`` is without quotes and escapes."""

    kind: Kind
    text: str
    start: int

    def is_word(self, *words: str) -> bool:
        """Say whether it is one of ``words``, in whatever case, and not in quotes."""
        return self.kind is Kind.WORD and self.text.lower() in words

    @property
    def shown(self) -> str:
        """Return what messages call it."""
        if self.kind is Kind.END:
            return "the end"
        text = self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "…"
        return f'"{text}"'


def tokens(text: str) -> list[Token]:
    """Return the tokens of ``text``, with one of kind ``END`` behind them.

    Raises:
        Problem: ``INVALID``: a quote that is not closed.
    """
    found: list[Token] = []
    place = 0
    while place < len(text):
        letter = text[place]
        if letter.isspace():
            place += 1
        elif letter in "()":
            found.append(Token(Kind.OPEN if letter == "(" else Kind.CLOSE, letter, place + 1))
            place += 1
        else:
            token, place = _word(text, place)
            found.append(token)
    return [*found, Token(Kind.END, "", len(text) + 1)]


def refusal(message: str, start: int) -> Problem:
    """Return the problem of a query that is wrong at letter ``start``."""
    full = f"{message} (at character {start} of the query)"
    return Problem(Code.INVALID, full, (FieldError(_PARAMETER, full),))


def _word(text: str, place: int) -> tuple[Token, int]:
    quoted = _QUOTED.get(text[place])
    if quoted is None:
        match = _WORD.match(text, place)
        if match is None:
            raise refusal(f"cannot read {text[place]!r}", place + 1)
        return Token(Kind.WORD, _ESCAPE.sub(r"\1", match[0]), place + 1), match.end()
    match = quoted.match(text, place)
    if match is None:
        raise refusal(f"the quote {text[place]} is not closed", place + 1)
    return Token(Kind.QUOTED, _ESCAPE.sub(r"\1", match[1]), place + 1), match.end()
