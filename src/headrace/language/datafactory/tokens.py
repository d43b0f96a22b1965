"""Text to tokens, one at a time: what cannot be read behind the first mistake of grammar is never looked at."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.values import BLANKS, utf16_length


class TokenKind(StrEnum):
    """The kinds of tokens; the values stand in messages."""

    IDENTIFIER = "Identifier"
    LITERAL = "Literal"
    INTEGER = "Integer"
    FLOAT = "Float"
    LEFT_PARENTHESIS = "LeftParenthesis"
    RIGHT_PARENTHESIS = "RightParenthesis"
    LEFT_BRACKET = "LeftSquareBracket"
    RIGHT_BRACKET = "RightSquareBracket"
    COMMA = "Comma"
    DOT = "Dot"
    QUESTION_MARK = "QuestionMark"
    END = "EndOfData"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind, the value that it stands for (a name's is its text), and where it begins."""

    kind: TokenKind
    value: Json
    at: int


_PUNCTUATION: Final = {
    "(": TokenKind.LEFT_PARENTHESIS,
    ")": TokenKind.RIGHT_PARENTHESIS,
    "[": TokenKind.LEFT_BRACKET,
    "]": TokenKind.RIGHT_BRACKET,
    ",": TokenKind.COMMA,
    ".": TokenKind.DOT,
    "?": TokenKind.QUESTION_MARK,
}
_BLANKS: Final = re.compile(f"[{BLANKS}]*")
# Possessive: a doubled quote is never given back, or 'a'' would be a constant and a stray quote.
_STRING: Final = re.compile(r"'((?:[^']|'')*+)'")
# As far as the service reads on before it converts: a lone sign is a number that does not convert.
_NUMBER: Final = re.compile(r"(?=[0-9+-])[+-]?[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_FLOAT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_NAME: Final = re.compile(r"(?:\$|[^\W\d_])\w*")
_INT64: Final = 2**63
_INT64_DIGITS: Final = 19


class Tokens:
    """The tokens of one expression, read when they are asked for."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._end = 0

    def next(self) -> Token:
        """Return the next token; at the end, ``END`` again and again.

        Raises:
            Problem: ``EXPRESSION_SYNTAX``: there is none that begins here.
        """
        blanks = _BLANKS.match(self.expression, self._end)
        at = blanks.end() if blanks else self._end
        if at == len(self.expression):
            return Token(TokenKind.END, None, at)
        first = self.expression[at]
        if first in _PUNCTUATION:
            self._end = at + 1
            return Token(_PUNCTUATION[first], first, at)
        if first == "'":
            return self._string(at)
        number = _NUMBER.match(self.expression, at)
        if number is not None:
            return self._number(number, at)
        name = _NAME.match(self.expression, at)
        if name is None:
            raise self._unexpected(at)
        self._end = name.end()
        return Token(TokenKind.IDENTIFIER, name.group(), at)

    def _string(self, at: int) -> Token:
        found = _STRING.match(self.expression, at)
        if found is None:
            raise self._invalid(
                f"the string constant at position '{self._place(at)}' is not terminated. "
                "String constants must be enclosed within a pair of quotes."
            )
        self._end = found.end()
        return Token(TokenKind.LITERAL, found.group(1).replace("''", "'"), at)

    def _number(self, found: re.Match[str], at: int) -> Token:
        text, self._end = found.group(), found.end()
        follower = self.expression[self._end : self._end + 1]
        if follower.isalpha() or follower == "_":  # 0x10, 2nd
            raise self._unexpected(self._end)
        if _INTEGER.fullmatch(text):
            value = int(text) if len(text.lstrip("+-0")) <= _INT64_DIGITS else _INT64
            if -_INT64 <= value < _INT64:
                return Token(TokenKind.INTEGER, value, at)
        elif _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return Token(TokenKind.FLOAT, float(text), at)
        raise self._invalid(f"the value '{text}' at position '{self._place(at)}' cannot be converted to number.")

    def _unexpected(self, at: int) -> Problem:
        character = self.expression[at]
        return self._invalid(f"the string character '{character}' at position '{self._place(at)}' is not expected.")

    def _place(self, at: int) -> int:
        return utf16_length(self.expression[:at])

    def _invalid(self, what: str) -> Problem:
        return Problem(Code.EXPRESSION_SYNTAX, f"The expression '{self.expression}' is not valid: {what}")
