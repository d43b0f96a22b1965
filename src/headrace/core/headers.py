"""Headers of tables: which row holds the names of the columns, and what the fields of a sheet are called after it.

Rows are lists of texts. The options are those of the contract (12.7), as they stand in bodies, configurations and the settings of spaces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem

LONGEST_KEY = 225
"""Characters of a field's key that comes from a header."""
_ROWS_TO_SEARCH = 10
_MOST_ROWS_TO_SEARCH = 10_000


class HeaderAlgorithm(StrEnum):
    """How the header is found; the names are those of the contract."""

    DEFAULT = "default"
    """The fullest of the first rows; of equals the first."""
    EXPLICIT = "explicitHeaders"
    """It is given, and so is how many rows are passed over."""
    SPECIFIC = "specificRows"
    """Rows that are given, joined."""
    DATA_ROWS = "dataRowAndSubHeaderDetection"
    """As ``DEFAULT`` (contract 12.7)."""
    AI = "aiDetection"
    """As ``DEFAULT`` (contract 12.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderOptions:
    """How a header is to be found. ``skip``: rows up to and including the header, for the algorithms that are told (None: not said).

    ``row_numbers`` count from 0.
    """

    algorithm: HeaderAlgorithm = HeaderAlgorithm.DEFAULT
    rows_to_search: int = _ROWS_TO_SEARCH
    skip: int | None = None
    headers: tuple[str, ...] = ()
    row_numbers: tuple[int, ...] = ()

    @property
    def rows_needed(self) -> int:
        """Return how many of a table's first rows ``detect`` looks at."""
        if self.algorithm is HeaderAlgorithm.SPECIFIC:
            return max(self.row_numbers) + 1
        return self.rows_to_search if self.algorithm is not HeaderAlgorithm.EXPLICIT else 1


@dataclass(frozen=True, slots=True)
class Detected:
    """A header: its cells, the number of rows up to and including it, and the letters of its columns (A, B, … AA)."""

    header: tuple[str, ...]
    header_row: int
    letters: tuple[str, ...]


def options_of(raw: Mapping[str, Json], path: str = "options") -> HeaderOptions:
    """Return the options that a body or a configuration holds; unknown names are passed over.

    Raises:
        Problem: ``INVALID``, with all that is wrong; fields are below ``path``.
    """
    errors: list[FieldError] = []

    def whole(name: str, least: int) -> int | None:
        value = raw.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            errors.append(FieldError(f"{path}.{name}", f"{name} is a whole number from {least} on"))
            return None
        return value

    def listed(name: str, kind: type) -> tuple[Json, ...]:
        value = raw.get(name)
        if value is None:
            return ()
        fits = isinstance(value, list | tuple) and all(isinstance(x, kind) and not isinstance(x, bool) for x in value)
        if not fits or (kind is int and any(number < 0 for number in value)):  # type: ignore[operator,union-attr]  # they are numbers
            what = "row numbers, which count from 0" if kind is int else "texts"
            errors.append(FieldError(f"{path}.{name}", f"{name} is a list of {what}"))
            return ()
        return tuple(value)  # type: ignore[arg-type]  # a list, as was just seen

    named = raw.get("algorithm") or HeaderAlgorithm.DEFAULT
    if named not in tuple(HeaderAlgorithm):
        errors.append(FieldError(f"{path}.algorithm", f"algorithm is one of {', '.join(HeaderAlgorithm)}"))
        named = HeaderAlgorithm.DEFAULT
    algorithm = HeaderAlgorithm(str(named))
    headers, numbers = listed("headers", str), listed("rowNumbers", int)
    searched, skip = whole("rowsToSearch", 1), whole("skip", 0)
    if algorithm is HeaderAlgorithm.EXPLICIT and not headers and not errors:
        errors.append(
            FieldError(f"{path}.headers", "explicitHeaders needs headers: a list with a name for each column")
        )
    if algorithm is HeaderAlgorithm.SPECIFIC and not numbers and not errors:
        errors.append(FieldError(f"{path}.rowNumbers", "specificRows needs rowNumbers: a list of rows, counted from 0"))
    if max((number for number in numbers if isinstance(number, int)), default=0) > _MOST_ROWS_TO_SEARCH:
        errors.append(FieldError(f"{path}.rowNumbers", f"rowNumbers are at most {_MOST_ROWS_TO_SEARCH:,}"))
    if errors:
        raise Problem(Code.INVALID, errors[0].message, tuple(errors))
    return HeaderOptions(
        algorithm=algorithm,
        rows_to_search=min(searched or _ROWS_TO_SEARCH, _MOST_ROWS_TO_SEARCH),
        skip=skip,
        headers=tuple(map(str, headers)),
        row_numbers=tuple(number for number in numbers if isinstance(number, int)),
    )


def detect(rows: Sequence[Sequence[str]], options: HeaderOptions) -> Detected:
    """Return the header of a table that begins with ``rows`` (as many of them as ``options.rows_needed``, or all).

    A table without rows has an empty header.

    Raises:
        Problem: ``INVALID``: a row number that ``rows`` does not have.
    """
    header: Sequence[str]
    match options.algorithm:
        case HeaderAlgorithm.EXPLICIT:
            header, header_row = options.headers, options.skip or 0
        case HeaderAlgorithm.SPECIFIC:
            header, header_row = _joined(rows, options)
        case _:
            header, header_row = _fullest(rows, options.rows_to_search)
    return Detected(tuple(header), header_row, tuple(letter_of(place) for place in range(len(header))))


def letter_of(place: int) -> str:
    """Return the letters of a column, as spreadsheets have them; ``place`` counts from 0."""
    letters = ""
    number = place + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def keys_of(header: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the fields below ``header``: its texts, trimmed, each once.

    Repeated ones get ``_1``, ``_2``; empty ones are ``column_<n>``, counted from 1; none has more than ``LONGEST_KEY`` characters.
    """
    taken: set[str] = set()
    repeats: dict[str, int] = {}
    keys: list[str] = []
    # A text that stands there as it is keeps its name, also where an earlier one would have to be called so.
    given = {text.strip()[:LONGEST_KEY].strip() for text in header}
    for place, text in enumerate(header, 1):
        wanted = text.strip()[:LONGEST_KEY].strip() or f"column_{place}"
        key = wanted
        while key in taken or (key != wanted and key in given) or (not text.strip() and key in given):
            repeats[wanted] = repeats.get(wanted, 0) + 1
            tail = f"_{repeats[wanted]}"
            key = wanted[: LONGEST_KEY - len(tail)] + tail
        taken.add(key)
        keys.append(key)
    return tuple(keys)


def _fullest(rows: Sequence[Sequence[str]], searched: int) -> tuple[Sequence[str], int]:
    best, most = -1, -1
    for number, row in enumerate(rows[:searched]):
        filled = sum(1 for cell in row if cell.strip())
        if filled > most:
            best, most = number, filled
    return (rows[best], best + 1) if best >= 0 else ((), 0)


def _joined(rows: Sequence[Sequence[str]], options: HeaderOptions) -> tuple[Sequence[str], int]:
    last = max(options.row_numbers)
    if last >= len(rows):
        message = f"the header is to be row {last + 1:,}, but there are {len(rows):,} rows"
        raise Problem(Code.INVALID, message, (FieldError("options.rowNumbers", message),))
    chosen = [rows[number] for number in options.row_numbers]
    width = max(map(len, chosen))
    parts = ([row[place].strip() for row in chosen if place < len(row)] for place in range(width))
    header = [" ".join(filter(None, texts)) for texts in parts]
    return header, last + 1 if options.skip is None else options.skip
