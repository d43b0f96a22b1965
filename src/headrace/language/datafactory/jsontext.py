"""Reads JSON text as tolerantly as the service: unquoted names, single quotes, a trailing comma, comments.

What is truncated, what has text behind the value, and numbers that no double can hold are refused.
"""

import json
import math
import re
from typing import Final, NoReturn

from headrace.core.codec import Json
from headrace.language.datafactory.limits import MAX_NESTING
from headrace.language.datafactory.values import BLANKS, utf16_length, whole_characters

_MOST_DIGITS: Final = 400
_SPACE: Final = re.compile(rf"(?:[{BLANKS}\ufeff]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*")
_NAME: Final = re.compile(r"[\w$]+")
_WORD: Final = re.compile(r"[A-Za-z]+")
_NUMBER: Final = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.])")
_INTEGER: Final = re.compile(r"-?[0-9]+")
_OTHER_BASE: Final = re.compile(r"0(?![.eE])(?P<hexadecimal>[xX])?.")
_QUOTED: Final = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]|\\.)*+)'", re.DOTALL),
}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/"}
_WORDS: Final = {"true": True, "false": False, "null": None, "undefined": None}


def read_json(text: str) -> Json:
    """Return the value of a JSON text; of a text without anything in it, null.

    Raises:
        ValueError: it is no JSON, nests too deeply, or has a number that is too large; says where and what.
    """
    try:
        value: Json = json.loads(text, strict=False, parse_int=_integer, parse_float=_float, parse_constant=_constant)
    except (ValueError, RecursionError):
        return _Reader(text).whole()
    return _checked(value)


def _checked(value: Json) -> Json:
    """Return what the quick reader read, if it does not nest too deeply and holds whole characters only."""
    level: list[Json] = [value]
    for _ in range(MAX_NESTING + 1):
        inner: list[Json] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each)
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
            elif isinstance(each, str) and whole_characters(each) is not each:
                return _mended(value)
        if not inner:
            return value
        level = inner
    raise ValueError(_too_deep())


def _mended(value: Json) -> Json:
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, dict):
        return {whole_characters(key): _mended(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_mended(each) for each in value]
    return value


def _too_deep() -> str:
    return f"it nests deeper than {MAX_NESTING} levels"


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        message = f"a number has more than {_MOST_DIGITS} digits"
        raise ValueError(message)
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        message = "a number is too large"
        raise ValueError(message)
    return value


def _constant(text: str) -> NoReturn:
    message = f"{text} is no value"
    raise ValueError(message)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Json:
        self._space()
        if self._at == len(self._text):
            return None
        value = self._value(0)
        self._space()
        if self._at < len(self._text):
            self._fail("there is text behind the value")
        return value

    def _value(self, depth: int) -> Json:
        if depth > MAX_NESTING:
            self._fail(_too_deep())
        match self._text[self._at : self._at + 1]:
            case "{":
                return self._object(depth + 1)
            case "[":
                return self._array(depth + 1)
            case '"' | "'":
                return self._string()
            case "," if depth:
                return None  # a value that is left out: [1,,2]
        number = self._match(_NUMBER)
        if number:
            return self._number(number)
        word = self._match(_WORD)
        if word not in _WORDS:
            self._fail("a value is expected")
        return _WORDS[word]

    def _object(self, depth: int) -> Json:
        result: dict[str, Json] = {}
        self._at += 1
        while not self._takes("}"):
            self._space()
            quoted = self._text[self._at : self._at + 1] in _QUOTED
            name = self._string() if quoted else self._match(_NAME)
            if not quoted and not name:
                self._fail("a name is expected")
            if not self._takes(":"):
                self._fail("':' is expected")
            self._space()
            result[name] = self._value(depth)
            if not self._takes(",") and not self._is("}"):
                self._fail("',' or '}' is expected")
        return result

    def _array(self, depth: int) -> Json:
        result: list[Json] = []
        self._at += 1
        while not self._takes("]"):
            self._space()
            result.append(self._value(depth))
            if not self._takes(",") and not self._is("]"):
                self._fail("',' or ']' is expected")
        return result

    def _string(self) -> str:
        found = _QUOTED[self._text[self._at]].match(self._text, self._at)
        if found is None:
            self._fail("a string has no end")
        self._at = found.end()
        return whole_characters(_ESCAPE.sub(self._escaped, found.group(1)))

    def _escaped(self, found: re.Match[str]) -> str:
        code = found.group(1)
        if len(code) > 1:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            self._fail(f"\\{code} is no escape")
        return _ESCAPES[code]

    def _number(self, text: str) -> Json:
        try:
            other_base = _OTHER_BASE.match(text)
            if other_base:
                return int(text, 16 if other_base["hexadecimal"] else 8)
            return _integer(text) if _INTEGER.fullmatch(text) else _float(text)
        except ValueError as error:
            self._fail(str(error))

    def _is(self, character: str) -> bool:
        self._space()
        return self._text.startswith(character, self._at)

    def _takes(self, character: str) -> bool:
        if not self._is(character):
            return False
        self._at += 1
        return True

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _space(self) -> None:
        self._match(_SPACE)

    def _fail(self, what: str) -> NoReturn:
        message = f"{what} at position '{utf16_length(self._text[: self._at])}'"
        raise ValueError(message)
