"""The order of texts in ``greater`` and ``less``: the root collation of Unicode's locale data (CLDR), on three levels.

Letters decide before accents, accents before case; nothing is ignored but control characters. Blanks, punctuation, symbols, currencies,
digits and letters come in this order. The weights of what Western texts have stand here; other characters are ordered by
their kind and code point, which is the collation's order within most scripts, though not everywhere.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

Key = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""The weights of a text's letters, accents and cases. Keys compare as their texts do; equal keys are no difference."""

_BLANKS = "\t\n\v\f\r\x85\u2028\u2029 "
_PUNCTUATION = "_-\u2010\u2013\u2014,;:!¡?¿.·'\u2018\u2019\u201a\u2039\u203a\"\u201c\u201d\u201e«»()[]{}§¶@*/\\&#%‰†‡•"
_SYMBOLS = "`\u00b4¨^¯\u00b8°©®+±÷×<=>|¦~¬"
_CURRENCIES = "¤¢$£¥€"
_GROUPS = (_BLANKS, _PUNCTUATION, _SYMBOLS, _CURRENCIES)
_EXPLICIT = {
    letter: group << 24 | place + 1 for group, letters in enumerate(_GROUPS) for place, letter in enumerate(letters)
}
_DIGITS = len(_GROUPS) << 24
_LETTERS = _DIGITS + (1 << 24)
_GROUP_OF_KIND = {"Z": 0, "P": 1, "S": 2}

_ACCENTS = {
    mark: 0x21 + place
    for place, mark in enumerate(
        "\u0301\u0300\u0306\u0302\u030c\u030a\u0308\u030b\u0303\u0307\u0335\u0338\u0327\u0328\u0304",
    )
}
"""Accents in the collation's order: acute, grave, breve, circumflex, caron, ring, dots, …"""

_TAKEN_APART = {
    "æ": "a\u0335e",
    "œ": "o\u0335e",
    "ß": "ss",
    "ø": "o\u0338",
    "đ": "d\u0335",
    "ħ": "h\u0335",
    "ł": "l\u0335",
    "ŧ": "t\u0335",
    "\u03c2": "\u03c3",
}
"""Letters that are others with a stroke, or two of them; Unicode's decompositions do not say so."""

_BETWEEN = {
    "ð": ("d", 1),
    "ə": ("e", 1),
    "ƒ": ("f", 1),
    "\u0131": ("i", 1),
    "ŋ": ("n", 1),
    "ĸ": ("q", 1),
    "þ": ("z", 1),
}
"""Letters of their own, behind those that they look like."""

_PLAIN = 0x20
"""The second level of a letter without an accent."""
_LOWER, _VARIANT, _UPPER = 2, 4, 8
"""The third level: small letters, other forms of a character (wide, raised, …), capital letters."""


def key(text: str) -> Key:
    """Return what orders ``text`` among others."""
    weights = [weight for letter in unicodedata.normalize("NFD", text) for weight in _weights(letter)]
    return (
        tuple(first for first, _, _ in weights if first),
        tuple(second for _, second, _ in weights),
        tuple(third for _, _, third in weights),
    )


def compare(one: str, other: str) -> int:
    """Return how two texts are ordered: negative, 0 or positive."""
    if one == other:
        return 0
    left, right = key(one), key(other)
    return (left > right) - (left < right)


@lru_cache(maxsize=4096)
def _weights(letter: str) -> tuple[tuple[int, int, int], ...]:
    """Return the weights on the three levels of what one character stands for: nothing, itself, or several."""
    return tuple(_elements(letter))


def _elements(letter: str) -> Iterator[tuple[int, int, int]]:
    kind = unicodedata.category(letter)
    if letter in _EXPLICIT:
        yield _EXPLICIT[letter], _PLAIN, _LOWER
    elif kind == "Mn":
        yield 0, _ACCENTS.get(letter, 0x100 + ord(letter)), _LOWER
    elif kind in {"Cc", "Cf", "Cs"}:
        return
    elif (plain := unicodedata.normalize("NFKD", letter)) != letter:
        yield from _varied(plain)
    elif (small := letter.lower()) != letter and len(small) == 1:
        yield from ((first, second, _UPPER if first else third) for first, second, third in _weights(small))
    elif letter in _TAKEN_APART:
        yield from _varied(_TAKEN_APART[letter])
    else:
        yield _primary(letter, kind), _PLAIN, _LOWER


def _varied(letters: str) -> Iterator[tuple[int, int, int]]:
    """Return the weights of what one character is another form of."""
    return ((first, second, max(third, _VARIANT)) for each in letters for first, second, third in _weights(each))


def _primary(letter: str, kind: str) -> int:
    if kind == "Nd":
        return _DIGITS + unicodedata.decimal(letter) + 1
    if kind == "Sc":
        return _GROUPS.index(_CURRENCIES) << 24 | ord(letter) + 0x100
    if kind[0] in _GROUP_OF_KIND:
        return _GROUP_OF_KIND[kind[0]] << 24 | ord(letter) + 0x100
    base, behind = _BETWEEN.get(letter, (letter, 0))
    return _LETTERS + ord(base) * 2 + behind
