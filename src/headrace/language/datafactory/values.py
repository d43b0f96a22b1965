"""JSON values of the language: their kinds, their text forms, and when two are the same."""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Final

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import MAX_NESTING, MAX_TEXT, Budget

BLANKS: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space, as .NET knows it; Python's own set has four control characters more."""

CONTENT_TYPE: Final = "$content-type"
CONTENT: Final = "$content"

_FIRST_SCIENTIFIC: Final = 17
_LAST_PLAIN: Final = -4
_NOT_BASE64: Final = dict.fromkeys(map(ord, " \t\r\n"))
_SURROGATES: Final = (0xD800, 0xDFFF)


def kind_of(value: Json) -> str:
    """Return the name of a value's type, as messages have it."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, str):
        return "String"
    if isinstance(value, int):
        return "Integer"
    if isinstance(value, float):
        return "Float"
    return "Object" if isinstance(value, dict) else "Array"


def is_number(value: Json) -> bool:
    """Say whether a value is an integer or a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(value: Json) -> str:
    """Return a value's text form, which texts are put together from.

    Null is empty, booleans are ``True`` and ``False``, floats lose ``.0``; arrays and objects are compact JSON. An object that
    holds content (``$content-type`` and ``$content``: XML, bytes) gives its text.

    Raises:
        Problem: ``EXPRESSION_TYPE``: the text is too long or nests too deeply.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    content = content_of(value)
    return json_text(value) if content is None else content.decode(errors="replace")


def float_text(value: float) -> str:
    """Return the shortest digits that read back as ``value``; scientific from 1E+17 on and below 0.0001."""
    if not math.isfinite(value):  # no function makes one, but a state may hold it: Python reads NaN as JSON
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
    sign, digits, exponent = _decimal(value)
    if exponent >= _FIRST_SCIENTIFIC or exponent < _LAST_PLAIN:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}E{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _decimal(value: float) -> tuple[str, str, int]:
    """Return sign, digits without zeros at the end, and the exponent of the first digit."""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    first = len(whole) - 1 + int(exponent or "0") - (len(whole + fraction) - len(digits))
    sign = "-" if str(value).startswith("-") else ""
    return (sign, digits.rstrip("0"), first) if digits else (sign, "0", 0)


def json_text(value: Json) -> str:
    """Return a value as compact JSON. Floats keep ``.0``; characters outside of ASCII stay as they are.

    Raises:
        Problem: ``EXPRESSION_TYPE``: the text is too long or nests too deeply.
    """
    writer = _Writer()
    writer.write(value, 0)
    return "".join(writer.parts)


class _Writer:
    """Writes JSON, and stops when it gets too large: an array may hold the same large value many times."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._left = MAX_TEXT

    def write(self, value: Json, depth: int) -> None:
        if isinstance(value, dict):
            self._write_object(value, depth + 1)
        elif isinstance(value, list | tuple):
            self._write_array(value, depth + 1)
        else:
            self._add(_scalar(value))

    def _write_object(self, value: Mapping[str, Json], depth: int) -> None:
        self._check(depth)
        mark = "{"
        for key, each in value.items():
            self._add(f"{mark}{encode_basestring(key)}:")
            self.write(each, depth)
            mark = ","
        self._add("}" if value else "{}")

    def _write_array(self, value: Sequence[Json], depth: int) -> None:
        self._check(depth)
        mark = "["
        for each in value:
            self._add(mark)
            self.write(each, depth)
            mark = ","
        self._add("]" if value else "[]")

    def _add(self, part: str) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise Problem(Code.EXPRESSION_TYPE, f"The result would have more than {MAX_TEXT} characters.")
        self.parts.append(part)

    @staticmethod
    def _check(depth: int) -> None:
        if depth > MAX_NESTING:
            raise Problem(Code.EXPRESSION_TYPE, f"The value nests deeper than {MAX_NESTING} levels.")


def _scalar(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, float):
        text = float_text(value)
        if not math.isfinite(value):
            return f'"{text}"'
        return text if "." in text or "E" in text else f"{text}.0"
    return str(value)


def content_of(value: Json) -> bytes | None:
    """Return the bytes of an object that holds content; None for any other value."""
    if not isinstance(value, dict) or CONTENT_TYPE not in value:
        return None
    content = value.get(CONTENT)
    if not isinstance(content, str):
        return None
    try:
        return from_base64(content)
    except ValueError:
        return None


def from_base64(text: str) -> bytes:
    """Return the bytes of a base64 text; blanks and ends of lines within are passed over.

    Raises:
        ValueError: it has other characters, or wrong padding (too much of it too, which Python lets pass).
    """
    text = text.translate(_NOT_BASE64)
    if len(text) % 4:
        message = "the padding is wrong"
        raise ValueError(message)
    return base64.b64decode(text, validate=True)


def content_value(type_: str, content: bytes) -> Json:
    """Return the object that holds ``content``."""
    return {CONTENT_TYPE: type_, CONTENT: base64.b64encode(content).decode()}


def same(one: Json, other: Json, budget: Budget) -> bool:
    """Say whether two values are equal in type and value, all the way down; the order of keys does not matter.

    Raises:
        Problem: ``EXPRESSION_TYPE``: there is too much to compare, or it nests too deeply.
    """
    return _same(one, other, budget, 0)


def _same(one: Json, other: Json, budget: Budget, depth: int) -> bool:
    if type(one) is not type(other):
        return False
    if not isinstance(one, dict | list):
        return one == other
    if len(one) != len(other):  # type: ignore[arg-type]  # both are of one type
        return False
    if depth > MAX_NESTING:
        raise Problem(Code.EXPRESSION_TYPE, f"The value nests deeper than {MAX_NESTING} levels.")
    budget.look_through(len(one))
    if isinstance(one, dict) and isinstance(other, dict):
        return all(key in other and _same(each, other[key], budget, depth + 1) for key, each in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return all(_same(left, right, budget, depth + 1) for left, right in zip(one, other, strict=True))
    return False


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units, in which .NET counts positions and lengths."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, start: int, end: int) -> str:
    """Return a part of a text by UTF-16 units; half of a pair becomes U+FFFD, which it also is when .NET writes it as UTF-8."""
    if text.isascii():
        return text[start:end]
    return text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * end].decode("utf-16-le", "replace")


def whole_characters(text: str) -> str:
    """Return ``text`` with pairs of surrogates joined, and lone ones as U+FFFD: no text that cannot be stored leaves here."""
    first, last = _SURROGATES
    if text.isascii() or not any(first <= ord(character) <= last for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def upper(text: str) -> str:
    """Return ``text`` in upper case, one character to one, whatever the language: ``ß`` stays."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def lower(text: str) -> str:
    """Return ``text`` in lower case, one character to one, whatever the language."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


class _Case(dict[int, str]):
    """The other case of each character, filled when it is asked for."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change

    def __missing__(self, code: int) -> str:
        character = chr(code)
        changed = self._change(character)
        # .NET leaves the dotless i and the long s alone: no letter outside of ASCII becomes one within.
        if len(changed) > 1 or (changed.isascii() and not character.isascii()):
            changed = character
        self[code] = changed
        return changed


_UPPER: Final = _Case(str.upper)
_LOWER: Final = _Case(str.lower)
