"""Which character separates the cells of a text file: what its extension says, else what the text looks like."""

from collections import Counter

from headrace.dataplane.transfer.formats.delimited_cutting import Broken, Cutter, Dialect

BY_EXTENSION = {"csv": ",", "tsv": "\t", "psv": "|"}
_CANDIDATES = (",", ";", "\t", "|")
_ROWS = 100
_LONGEST = 1 << 20


def dialect_of(delimiter: str) -> Dialect:
    """Return the dialect that all files with ``delimiter`` are read in."""
    return Dialect(delimiter=delimiter, end="", quote='"', escape='"', null="")


def separator_of(ext: str, text: str) -> str:
    """Return the separator of a file whose text begins with ``text``.

    The one of its extension counts if it stands in the first line that has any: many files called csv have semicolons there, and commas in their
    numbers. Else it is the one that cuts most rows into equally many cells.
    """
    usual = BY_EXTENSION.get(ext)
    first = next((line for line in text.splitlines()[:_ROWS] if any(mark in line for mark in _CANDIDATES)), "")
    if usual is not None and usual in first:
        return usual
    best = max(_CANDIDATES, key=lambda candidate: _fitness(candidate, text))
    return best if _fitness(best, text) > (0, 0) else usual or ","


def _fitness(candidate: str, text: str) -> tuple[int, int]:
    """Return how many rows have as many cells as most have, and how many that is; nothing for one cell."""
    if candidate not in text:
        return 0, 0
    records = Cutter(dialect_of(candidate), _LONGEST).cut(text, final=True).records[:_ROWS]
    widths = Counter(len(record) for record in records if not isinstance(record, Broken) and record)
    width, rows = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return (rows, width) if width > 1 else (0, 0)
