"""The text of an expression as tokens."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from headrace.core.errors import Code
from headrace.language.dataprep.refusal import refuse


class Sort(Enum):
    """What a token is."""

    TEXT = "a text"
    NUMBER = "a number"
    NAME = "a name"
    QUOTED_NAME = "a name in ${…}"
    WORD = "a reserved word"
    SYMBOL = "an operator"
    END = "the end of the expression"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its sort, its meaning (escapes resolved, words as symbols) and where it stands in the text."""

    sort: Sort
    value: str
    at: int
    end: int
    number: int | Decimal = 0

    def __str__(self) -> str:
        return self.sort.value if self.sort in {Sort.END, Sort.TEXT} else repr(self.value)


RESERVED = frozenset(
    [
        "new",
        "mod",
        "or",
        "break",
        "var",
        "lt",
        "for",
        "false",
        "while",
        "eq",
        "gt",
        "div",
        "not",
        "null",
        "continue",
        "else",
        "and",
        "ne",
        "true",
        "le",
        "if",
        "ge",
        "return",
    ],
)
"""Names that need ``${…}`` to be read as a column."""

WORD_OPERATORS = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "div": "/",
    "mod": "%",
}
"""Words that are spellings of an operator."""

_SPACE = re.compile(r"[ \t\r\n]+")
_NUMBER = re.compile(r"(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[^\W\d](?:[\w$]|\\.)*|\$(?!\{)(?:[\w$]|\\.)*", re.DOTALL)
_SYMBOLS = re.compile(r"->|\?\?|\?:|&&|\|\||==|!=|<=|>=|[-+*/%~&|^<>!?:()\[\]{},.]")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_MAX_DIGITS = 40


def tokens(text: str) -> list[Token]:
    """Return the tokens of ``text``, an END token last.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``: a character that no token begins with, a text or ``${`` that does not end.
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
            continue
        token = _token(text, at)
        found.append(token)
        at = token.end
    found.append(Token(Sort.END, "", len(text), len(text)))
    return found


def _token(text: str, at: int) -> Token:
    if text[at] in "\"'":
        return _quoted(text, at)
    if text.startswith("${", at):
        return _braced(text, at)
    if match := _NUMBER.match(text, at):
        return _number(text, match)
    if match := _NAME.match(text, at):
        name = match[0]
        if name in WORD_OPERATORS:
            return Token(Sort.SYMBOL, WORD_OPERATORS[name], at, match.end())
        sort = Sort.WORD if name in RESERVED else Sort.NAME
        return Token(sort, re.sub(r"(?s)\\(.)", r"\1", name), at, match.end())
    if match := _SYMBOLS.match(text, at):
        return Token(Sort.SYMBOL, match[0], at, match.end())
    hint = "; equality is written ==" if text[at] == "=" else ""
    raise refuse(Code.EXPRESSION_SYNTAX, text, at, f"unexpected character {text[at]!r}{hint}")


def _number(text: str, match: re.Match[str]) -> Token:
    after = text[match.end() : match.end() + 1]
    if after.isalnum() or after in {"_", "$"}:
        raise refuse(
            Code.EXPRESSION_SYNTAX,
            text,
            match.start(),
            "a name cannot begin with a digit; write it as ${…}",
        )
    if len(match[0]) > _MAX_DIGITS:
        raise refuse(Code.EXPRESSION_SYNTAX, text, match.start(), f"a number of more than {_MAX_DIGITS} characters")
    number = int(match[0]) if match[0].isdigit() else Decimal(match[0])
    return Token(Sort.NUMBER, match[0], match.start(), match.end(), number)


def _quoted(text: str, start: int) -> Token:
    quote, at = text[start], start + 1
    parts: list[str] = []
    while at < len(text):
        character = text[at]
        if character == quote:
            return Token(Sort.TEXT, "".join(parts), start, at + 1)
        if character == "\\":
            part, at = _escaped(text, at)
            parts.append(part)
        else:
            parts.append(character)
            at += 1
    raise refuse(Code.EXPRESSION_SYNTAX, text, start, f"the text that begins here has no closing {quote}")


def _escaped(text: str, at: int) -> tuple[str, int]:
    """Return what the escape at ``at`` stands for, and where the text goes on."""
    letter = text[at + 1 : at + 2]
    if letter == "u":
        digits = text[at + 2 : at + 6]
        if re.fullmatch(r"[0-9a-fA-F]{4}", digits) and not 0xD800 <= int(digits, 16) <= 0xDFFF:
            return chr(int(digits, 16)), at + 6
        raise refuse(Code.EXPRESSION_SYNTAX, text, at, "\\u needs four hexadecimal digits of a character")
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 2
    if letter and not letter.isalnum():
        return letter, at + 2
    # An unknown letter keeps its backslash: "\d" is what people write in regular expressions.
    return "\\" + letter, at + 1 + len(letter)


def _braced(text: str, start: int) -> Token:
    parts: list[str] = []
    at = start + 2
    while at < len(text):
        if text[at] == "}":
            if not parts:
                raise refuse(Code.EXPRESSION_SYNTAX, text, start, "${} names no column")
            return Token(Sort.QUOTED_NAME, "".join(parts), start, at + 1)
        if text[at] == "\\" and text[at + 1 : at + 2] in {"}", "\\", "."}:
            at += 1
        parts.append(text[at])
        at += 1
    raise refuse(Code.EXPRESSION_SYNTAX, text, start, "the name that begins here has no closing }")
