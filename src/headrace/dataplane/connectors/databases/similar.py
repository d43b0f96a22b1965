"""Names that somebody may have meant."""

import difflib
from collections.abc import Iterable

_ALIKE = 0.6
_MOST_NAMED = 10


def similar_column(name: str, known: list[str]) -> str:
    """Return a hint with the most similar of the ``known`` names, else the first ten of them."""
    matches = _closest(name, known, 1)
    return f"did you mean {matches[0]!r}?" if matches else "columns are " + ", ".join(known[:_MOST_NAMED])


def similar_tables(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence with up to three similar names; empty when there are none."""
    matches = _closest(name, known, 3)
    return f"; did you mean {' or '.join(map(repr, matches))}?" if matches else ""


def _closest(name: str, known: Iterable[str], most: int) -> list[str]:
    by_lower = {one.lower(): one for one in known}
    return [by_lower[match] for match in difflib.get_close_matches(name.lower(), list(by_lower), n=most, cutoff=_ALIKE)]
