"""How alike two names are, as people write them: ``First Name``, ``first_name``, ``firstName``.

Names are taken apart into words. Words that stand in very many names (``name``, ``id``, ``date``) say little; two names that each have words which
the other lacks are different things, however much else they share (``billing city``, ``shipping city``).
"""

import re
import unicodedata
from functools import lru_cache

_BREAKS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|[\W_]+")
_COMMON = frozenset(
    {
        "code",
        "column",
        "data",
        "date",
        "field",
        "id",
        "key",
        "name",
        "nr",
        "no",
        "number",
        "num",
        "status",
        "text",
        "time",
        "type",
        "value",
    }
)
_COMMON_WEIGHT = 0.4
_ALIKE = 0.8
"""From where on two words count as one with a slip of the pen."""
_SHORTENED = 0.9
"""What a word counts for its beginning (``addr`` for ``address``)."""
_SHORTEST = 3
_DIFFERENT = 0.8
_LONGEST = 64
"""Characters of a name that are compared one by one; of longer names only the words count."""


@lru_cache(maxsize=65_536)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name, without case, accents and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return tuple(word.casefold() for word in _BREAKS.split(plain) if word)


def folded(name: str) -> str:
    """Return what is left of a name without case, accents, punctuation and word breaks."""
    return "".join(words_of(name))


def similarity(one: str, other: str) -> float:
    """Return how alike two names are, from 0 to 1; the order of the two does not matter."""
    mine, theirs = words_of(one), words_of(other)
    if not mine or not theirs:
        return 0.0
    return max(_of_words(mine, theirs), _of_letters("".join(mine), "".join(theirs)))


def _of_words(mine: tuple[str, ...], theirs: tuple[str, ...]) -> float:
    pairs = sorted(
        ((_of_word(a, b), i, j) for i, a in enumerate(mine) for j, b in enumerate(theirs)),
        key=lambda pair: (-pair[0], pair[1] + pair[2], abs(pair[1] - pair[2]), pair[1]),
    )
    left, right = set(range(len(mine))), set(range(len(theirs)))
    shared = 0.0
    for score, i, j in pairs:
        if score < _ALIKE:
            break
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            shared += score * (_weight(mine[i]) + _weight(theirs[j]))
    score = shared / (sum(map(_weight, mine)) + sum(map(_weight, theirs)))
    return score * _DIFFERENT if left and right else score


def _weight(word: str) -> float:
    return _COMMON_WEIGHT if word in _COMMON else 1.0


@lru_cache(maxsize=65_536)
def _of_word(one: str, other: str) -> float:
    if one == other:
        return 1.0
    shorter, longer = sorted((one, other), key=len)
    if longer.startswith(shorter) and len(shorter) >= _SHORTEST and not longer.isdecimal():
        return _SHORTENED
    return _of_letters(one, other)


def _of_letters(one: str, other: str) -> float:
    """Return the share of letters that need no change; 0 where it would be too small to mean anything, or digits differ."""
    longest = max(len(one), len(other))
    if longest > _LONGEST or abs(len(one) - len(other)) > longest * (1 - _ALIKE) or _digits(one) != _digits(other):
        return 0.0
    score = 1 - _changes(one, other) / longest
    return score if score >= _ALIKE else 0.0


def _digits(text: str) -> list[str]:
    return [c for c in text if c.isdigit()]


def _changes(one: str, other: str) -> int:
    """Return how many letters have to be put in, left out, replaced, or changed round with the next one."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
