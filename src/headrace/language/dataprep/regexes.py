r"""Regular expressions, checked when an expression is compiled.

DuckDB compiles a constant pattern while it plans a query, so a bad one would abort the whole promotion, whatever guards stand
around it. What is accepted here is the part of RE2's syntax that people use; look-around, back references and possessive
quantifiers, which Java has and RE2 (matching in linear time) does not, are refused by name. The size limits keep RE2's compiled
program small.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 1000
"""Characters of a regular expression."""
MAX_REPEAT: Final = 1000
"""The largest count of a repetition, and of nested repetitions multiplied."""
MAX_SIZE: Final = 4000
"""Characters and classes of a regular expression with its repetitions written out."""
MAX_DEPTH: Final = 50
"""Levels of nested groups."""
MAX_GROUPS: Final = 9
"""Groups that DuckDB can extract."""

_CLASS_ESCAPES: Final = "dDwWsS"
_CONTROL_ESCAPES: Final = "tnrfva"
_UNICODE_CLASSES: Final = frozenset(
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
        "Po",
        "S",
        "Sm",
        "Sc",
        "Sk",
        "So",
        "Z",
        "Zs",
        "Latin",
        "Greek",
        "Cyrillic",
        "Han",
    ]
)
_POSIX: Final = frozenset(
    [
        "alnum",
        "alpha",
        "ascii",
        "blank",
        "cntrl",
        "digit",
        "graph",
        "lower",
        "print",
        "punct",
        "space",
        "upper",
        "word",
        "xdigit",
    ]
)
_COUNT: Final = re.compile(r"\{(\d{1,5})(?:(,)(\d{0,5}))?\}", re.ASCII)
_UNICODE_CLASS: Final = re.compile(r"\{(\w+)\}|([LMNPSZ])")
_UNICODE_WEIGHT: Final = 60


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression that DuckDB takes, and how many groups it captures."""

    text: str
    groups: int


class RegexError(ValueError):
    """What is wrong with a regular expression, and at which character from 0."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


def read_regex(text: str) -> Regex:
    """Return a checked regular expression.

    Raises:
        RegexError: it is malformed, too large, or uses what RE2 does not have.
    """
    if len(text) > MAX_LENGTH:
        raise RegexError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    if "\0" in text:
        raise RegexError("a NUL character", text.index("\0"))
    reader = _Reader(text)
    reader.alternatives(0)
    if reader.at < len(text):
        raise RegexError("a ) without its (", reader.at)
    return Regex(text, reader.groups)


@dataclass(slots=True)
class _Reader:
    """Walks over the text; every method returns (size, largest product of repetitions) of what it read."""

    text: str
    at: int = 0
    groups: int = 0

    def _next(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def alternatives(self, level: int) -> tuple[int, int]:
        if level > MAX_DEPTH:
            raise RegexError(f"groups nested more than {MAX_DEPTH} levels deep", self.at)
        size, product = 1, 1
        while self.at < len(self.text) and self._next() != ")":
            if self._next() == "|":
                self.at += 1
                continue
            part, repeats = self._repeated(level)
            size, product = size + part, max(product, repeats)
            if size > MAX_SIZE:
                raise RegexError("too large when its repetitions are written out", self.at)
        return size, product

    def _repeated(self, level: int) -> tuple[int, int]:
        start = self.at
        size, product = self._atom(level)
        mark = self._next()
        if mark == "":
            return size, product
        times = 1
        if mark in "*+?":
            self.at += 1
        elif mark == "{":
            times = self._count()
        else:
            return size, product
        if self._next() == "?":
            self.at += 1
        if self._next() and self._next() in "*+?{":
            raise RegexError("a repetition of a repetition (possessive quantifiers are not supported)", self.at)
        if product * times > MAX_REPEAT:
            raise RegexError(f"repetitions multiply to more than {MAX_REPEAT}", start)
        return size * times + 1, product * times

    def _count(self) -> int:
        match = _COUNT.match(self.text, self.at)
        if match is None:
            raise RegexError("a { that begins no repetition; write \\{ for the character", self.at)
        least = int(match[1])
        most = int(match[3]) if match[3] else least
        if least > MAX_REPEAT or most > MAX_REPEAT or most < least:
            raise RegexError(f"a repetition must count from 0 to {MAX_REPEAT}, the smaller number first", self.at)
        self.at = match.end()
        return max(most, 1)

    def _atom(self, level: int) -> tuple[int, int]:
        character = self._next()
        if character in "*+?":
            raise RegexError(f"nothing to repeat before {character}", self.at)
        if character == "{":
            raise RegexError("nothing to repeat before {; write \\{ for the character", self.at)
        if character == "(":
            return self._group(level)
        if character == "[":
            return self._class(), 1
        if character == "\\":
            return self._escape(in_class=False), 1
        self.at += 1
        return (1 if character.isascii() else 4), 1

    def _group(self, level: int) -> tuple[int, int]:
        start = self.at
        if match := re.compile(r"\(\?(?:P<[A-Za-z_]\w*>|([ims]{0,3})(:|\)))", re.ASCII).match(self.text, self.at):
            self.at = match.end()
            if match[2] == ")":
                if not match[1]:
                    raise RegexError("a group of nothing", start)
                if self._next() and self._next() in "*+?{":
                    raise RegexError("nothing to repeat", self.at)
                return 0, 1
            self.groups += match[2] is None
        elif self._next(2) == "(?":
            raise RegexError("look-around and special groups are not supported (only (?:…), (?i), (?P<name>…))", start)
        else:
            self.groups += 1
            self.at += 1
        size, product = self.alternatives(level + 1)
        if self._next() != ")":
            raise RegexError("a ( without its )", start)
        self.at += 1
        return size + 2, product

    def _escape(self, *, in_class: bool) -> int:
        start = self.at
        letter = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if letter == "":
            raise RegexError("a \\ at the end", start)
        if letter in _CLASS_ESCAPES or letter in _CONTROL_ESCAPES:
            return 1
        if letter in "pP":
            match = _UNICODE_CLASS.match(self.text, self.at)
            if match and (match[1] or match[2]) in _UNICODE_CLASSES:
                self.at = match.end()
                return _UNICODE_WEIGHT
            raise RegexError("an unknown character class; for example \\p{L} and \\p{Lu} are known", start)
        if letter == "x":
            if match := re.compile(r"[0-9A-Fa-f]{2}|\{(?:10|[0-9A-Fa-f])[0-9A-Fa-f]{0,4}\}").match(self.text, self.at):
                self.at = match.end()
                return 4
            raise RegexError("\\x needs two hexadecimal digits", start)
        if letter in "bBAz" and not in_class:
            return 1
        if letter.isdigit():
            raise RegexError("back references are not supported", start)
        if letter.isalpha() or not letter.isascii() or letter == "_":
            raise RegexError(f"\\{letter} is not supported", start)
        return 1

    def _class(self) -> int:
        start = self.at
        self.at += 1
        if self._next() == "^":
            self.at += 1
        size, first = 1, True
        while first or self._next() != "]":
            first = False
            if self.at >= len(self.text):
                raise RegexError("a [ without its ]", start)
            size += self._member()
        self.at += 1
        return size

    def _member(self) -> int:
        """Read one member of a class: a character, a range, an escape or a POSIX class."""
        start = self.at
        if match := re.compile(r"\[:\^?(\w+):\]").match(self.text, self.at):
            if match[1] not in _POSIX:
                raise RegexError(f"unknown class {match[0]}", start)
            self.at = match.end()
            return 2
        if self._next(2) == "[:":
            raise RegexError("a [: that begins no class such as [:alpha:]; write \\[ for the character", start)
        size, low = self._bound()
        if self._next() != "-" or self._next(2) in {"-]", "-"}:
            return size
        self.at += 1
        more, high = self._bound()
        if low is None or high is None or low > high:
            raise RegexError(f"a bad range {self.text[start : self.at]}", start)
        return size + more + (0 if high.isascii() else 20)

    def _bound(self) -> tuple[int, str | None]:
        """Read one character of a class; None stands for an escape that is no plain character."""
        character = self._next()
        if character != "\\":
            self.at += 1
            return (1 if character.isascii() else 4), character
        escaped = self.text[self.at + 1 : self.at + 2]
        size = self._escape(in_class=True)
        return size, (escaped if escaped and not escaped.isalnum() else None)
