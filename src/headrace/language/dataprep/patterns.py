"""Patterns of dates and times in Java's letters (``yyyy-MM-dd'T'HH:mm:ss``), for writing and for reading.

Writing knows every letter of the contract; where Java leaves a choice to the locale, weeks are ISO weeks (Monday first) and names
are English. Reading is strict: a number has exactly as many digits as its letters (one letter: one or two, a year one to four),
and the value is checked by a regular expression before DuckDB's strptime sees it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from headrace.language.dataprep.instants import YEAR
from headrace.language.dataprep.values import quote_text

MAX_PATTERN: Final = 200
"""Characters of a pattern."""

_KNOWN: Final = frozenset("GyYMLwWDdFEuaHkKhmsSzZXVOQq")


class PatternError(ValueError):
    """What is wrong with a pattern."""


@dataclass(frozen=True, slots=True)
class Part:
    """A run of one letter, or (with an empty ``letter``) text that stands for itself."""

    letter: str
    count: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a text: the shape that it must have as a whole, and strptime's format.

    With ``zoned``, the text ends with an offset from UTC, and the format gives an instant instead of a wall clock.
    """

    shape: str
    strptime: str
    zoned: bool


def parts_of(pattern: str) -> list[Part]:
    """Return the parts of a pattern.

    Raises:
        PatternError: an unknown letter, an open quote, too long, or empty.
    """
    if not pattern or len(pattern) > MAX_PATTERN:
        raise PatternError(f"a pattern has 1 to {MAX_PATTERN} characters")
    found: list[Part] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "'":
            text, at = _quoted(pattern, at)
            found.append(Part("", 0, text))
        elif character.isascii() and character.isalpha():
            if character not in _KNOWN:
                raise PatternError(f"unknown letter {character!r}; text stands in '…'")
            end = at
            while end < len(pattern) and pattern[end] == character:
                end += 1
            found.append(Part(character, end - at))
            at = end
        else:
            found.append(Part("", 0, character))
            at += 1
    return found


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    if pattern.startswith("''", start):
        return "'", start + 2
    match = re.compile(r"'((?:[^']|'')+)'").match(pattern, start)
    if match is None:
        raise PatternError("a quote that does not end")
    return match[1].replace("''", "'"), match.end()


# Writing

_STRFTIME: Final[dict[str, tuple[str, ...]]] = {
    # by the number of letters, the last one for more
    "M": ("%-m", "%m", "%b", "%B"),
    "L": ("%-m", "%m", "%b", "%B"),
    "d": ("%-d", "%d"),
    "E": ("%a", "%a", "%a", "%A"),
    "a": ("%p",),
    "H": ("%-H", "%H"),
    "h": ("%-I", "%I"),
    "m": ("%-M", "%M"),
    "s": ("%-S", "%S"),
}

_NUMBERS: Final[dict[str, str]] = {
    "y": "year({wall})",
    "Y": "isoyear({wall})",
    "w": "weekofyear({wall})",
    "W": "((day({wall}) + isodow(date_trunc('month', {wall})) - 2) // 7 + 1)",
    "D": "dayofyear({wall})",
    "F": "((day({wall}) - 1) // 7 + 1)",
    "u": "isodow({wall})",
    "k": "((hour({wall}) + 23) % 24 + 1)",
    "K": "(hour({wall}) % 12)",
}


def written(pattern: str, wall: str, offset: str | None, zone: str) -> str:
    """Return SQL of the text of a wall clock.

    ``wall`` is a TIMESTAMP that may be repeated, ``offset`` the SQL of its offset from UTC in whole minutes (None for UTC), and
    ``zone`` the SQL of its zone's name.

    Raises:
        PatternError: as ``parts_of``.
    """
    pieces: list[str] = []
    plain = ""
    for part in parts_of(pattern):
        code = part.text.replace("%", "%%") if not part.letter else _strftime_code(part)
        if code is not None:
            plain += code
            continue
        if plain:
            pieces.append(f"strftime({wall}, {quote_text(plain)})")
            plain = ""
        pieces.append(_computed(part, wall, offset, zone))
    if plain:
        pieces.append(f"strftime({wall}, {quote_text(plain)})")
    return pieces[0] if len(pieces) == 1 else "(" + " || ".join(pieces) + ")"


def _strftime_code(part: Part) -> str | None:
    if part.letter in _STRFTIME:
        codes = _STRFTIME[part.letter]
        return codes[min(part.count, len(codes)) - 1]
    return {("y", 4): "%Y", ("y", 2): "%y", ("u", 4): "%Y", ("S", 3): "%g", ("S", 6): "%f"}.get(
        (part.letter, part.count)
    )


def _computed(part: Part, wall: str, offset: str | None, zone: str) -> str:
    letter, count = part.letter, part.count
    if letter == "Y" and count == 2:
        return f"lpad(CAST(isoyear({wall}) % 100 AS VARCHAR), 2, '0')"
    if letter in _NUMBERS:
        number = f"CAST({_NUMBERS[letter].format(wall=wall)} AS VARCHAR)"
        return number if count == 1 else f"lpad({number}, CAST(greatest({count}, length({number})) AS INTEGER), '0')"
    if letter == "G":
        return f"CASE WHEN {wall} IS NOT NULL THEN {quote_text('Anno Domini' if count > 3 else 'AD')} END"
    if letter in "Qq":
        quarter = f"CAST(quarter({wall}) AS VARCHAR)"
        longest = f"(['1st', '2nd', '3rd', '4th'][quarter({wall})] || ' quarter')"
        return [quarter, f"('0' || {quarter})", f"('Q' || {quarter})", longest][min(count, 4) - 1]
    if letter == "S":
        return f"left(strftime({wall}, '%f') || '000', {min(count, 9)})"
    if letter in "zV":
        return zone
    return _offset_text(letter, count, offset)


def _offset_text(letter: str, count: int, offset: str | None) -> str:
    """``+0130`` and its like; UTC is ``Z`` for X and five Z, ``GMT`` for O and four Z."""
    colon = (
        ":"
        if (letter == "X" and count in {3, 5}) or (letter == "Z" and count > 3) or (letter == "O" and count > 3)
        else ""
    )
    prefix = "GMT" if letter == "O" or (letter == "Z" and count == 4) else ""
    zero = "Z" if letter == "X" or (letter == "Z" and count == 5) else "GMT" if prefix else f"+00{colon}00"
    if offset is None:
        return quote_text(zero)
    sign = f"CASE WHEN {offset} < 0 THEN '-' ELSE '+' END"
    hours = f"CAST(abs({offset}) // 60 AS VARCHAR)"
    minutes = f"lpad(CAST(abs({offset}) % 60 AS VARCHAR), 2, '0')"
    if letter == "O" and count == 1:
        rest = f"{hours} || CASE WHEN {offset} % 60 = 0 THEN '' ELSE ':' || {minutes} END"
    elif letter == "X" and count == 1:
        rest = f"lpad({hours}, 2, '0') || CASE WHEN {offset} % 60 = 0 THEN '' ELSE {minutes} END"
    else:
        rest = f"lpad({hours}, 2, '0') || {quote_text(colon)} || {minutes}"
    return f"CASE WHEN {offset} = 0 THEN {quote_text(zero)} ELSE {quote_text(prefix)} || {sign} || {rest} END"


# Reading

_OFFSETS: Final = r"(Z|[+-](0\d|1[0-8])(:?[0-5]\d)?)"


def _number(code: str) -> Callable[[int], tuple[str, str]]:
    return lambda count: (r"\d{1,2}" if count == 1 else rf"\d{{{count}}}", code)


def _year(count: int) -> tuple[str, str]:
    return (r"\d\d", "%y") if count == 2 else (YEAR if count >= 4 else r"\d{1,4}", "%Y")


def _month(count: int) -> tuple[str, str]:
    return _number("%m")(count) if count < 3 else ("[A-Za-z]{3}", "%b") if count == 3 else ("[A-Za-z]{3,9}", "%B")


def _fraction(count: int) -> tuple[str, str]:
    if count > 6:
        raise PatternError("more than six S cannot be read: instants have microseconds")
    return rf"\d{{{count}}}", "%f"


_READERS: Final[dict[str, Callable[[int], tuple[str, str]]]] = {
    "y": _year,
    "u": _year,
    "M": _month,
    "L": _month,
    "d": _number("%d"),
    "H": _number("%H"),
    "h": _number("%I"),
    "m": _number("%M"),
    "s": _number("%S"),
    "S": _fraction,
    "a": lambda _count: ("[AaPp][Mm]", "%p"),
    "E": lambda count: ("[A-Za-z]{3}", "%a") if count < 4 else ("[A-Za-z]{6,9}", "%A"),
    "G": lambda _count: ("AD", "AD"),
    "z": lambda _count: ("UTC", "UTC"),
    "V": lambda _count: ("UTC", "UTC"),
}


def reading(pattern: str) -> Reading:
    """Return how texts of a pattern are read.

    Raises:
        PatternError: as ``parts_of``; a letter that cannot be read; no year; an offset that does not stand at the end.
    """
    shape, form, zoned = "", "", False
    parts = parts_of(pattern)
    for index, part in enumerate(parts):
        if not part.letter:
            shape += re.escape(part.text)
            form += part.text.replace("%", "%%")
        elif part.letter in "XZ":
            if index < len(parts) - 1:
                raise PatternError(f"the offset ({part.letter * part.count}) can only be read at the end")
            shape, form, zoned = shape + _OFFSETS, form + "%z", True
        elif part.letter in _READERS:
            more, code = _READERS[part.letter](part.count)
            shape, form = shape + more, form + code
        else:
            raise PatternError(f"the letter {part.letter} can be written, but not read")
    letters = {part.letter for part in parts}
    if not letters & {"y", "u"}:
        raise PatternError("a pattern for reading needs a year (yyyy)")
    if "m" in letters and not letters & {"H", "h"}:
        raise PatternError("mm are minutes, and there is no hour; months are MM")
    if ("h" in letters) != ("a" in letters):
        raise PatternError("h (1 to 12) and a (AM or PM) need each other; H counts from 0 to 23")
    return Reading(shape, form, zoned)
