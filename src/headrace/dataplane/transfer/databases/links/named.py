"""Named parameters in the text of a statement, found outside of quotes and comments, in the style that a driver wants; pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_PARAMETER = r"(?<![\w@:$#])[@:](?P<parameter>\w+)"
"""``@name`` or ``:name``, which is no ``@@name`` and no ``::type``."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with the driver's marks, and the names of the parameters in the order in which they stand there."""

    text: str
    names: tuple[str, ...]


Mark = Callable[[str, int], str]
"""Returns the mark of a parameter: its name, its number from 1."""


def NAMED(name: str, _: int) -> str:  # noqa: N802 — a constant of the kind that ``Mark`` is
    """Return the mark of a driver with named parameters."""
    return f":{name}"


def QUESTION(_: str, __: int) -> str:  # noqa: N802 — as above
    """Return the mark of a driver that counts."""
    return "?"


def PERCENT(name: str, _: int) -> str:  # noqa: N802 — as above
    """Return the mark of psycopg."""
    return f"%({name})s"


def marked(
    text: str, known: frozenset[str], opaque: str, mark: Mark, plain: Callable[[str], str] = lambda piece: piece
) -> Marked:
    """Return ``text`` with a mark for each ``@name`` and ``:name`` that is ``known`` (in any case), outside of what ``opaque`` matches.

    ``plain`` writes everything else as the driver wants it (doubled percent signs). Names that are not known stay: a database has variables too.
    """
    by_case = {name.lower(): name for name in known}
    names: list[str] = []
    pieces: list[str] = []
    at = 0
    for token in re.finditer(rf"(?:{opaque})|{_PARAMETER}", text, re.DOTALL):
        name = by_case.get((token["parameter"] or "").lower())
        if name is None:
            continue
        names.append(name)
        pieces += [plain(text[at : token.start()]), mark(name, len(names))]
        at = token.end()
    pieces.append(plain(text[at:]))
    return Marked("".join(pieces), tuple(names))
