"""What mapping rules make of columns. Each function takes whole columns (a value for each record, None: it has none) and returns new ones."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from headrace.core.automap import OptionNames, split, text_of
from headrace.core.blueprint import Option
from headrace.core.codec import Json
from headrace.core.text_budget import TextBudget, letters_of

Column: TypeAlias = list[Json]

BUILT = "destination!"
"""What names of fields of the record that is being built begin with."""


class Extract(Protocol):
    """Finds a regular expression in texts, within limits of time."""

    def __call__(self, pattern: str, texts: Sequence[str]) -> Sequence[Sequence[str | None] | None]:
        """Return for each text the groups of the first match (the whole match, where there are no groups); None: there is none.

        Raises:
            Problem: ``INVALID``: it is no regular expression; it takes too long.
        """
        ...


Masks: TypeAlias = Callable[[str], Sequence[bool]]
"""Says for each record of the source whether a filter selects it."""


@dataclass(slots=True)
class Building:
    """Records that are being built of ``size`` others: ``source`` are their columns, ``built`` those that there are already.

    ``budget``: how much text may be made for them.
    """

    size: int
    source: Mapping[str, Column]
    extract: Extract
    masks: Masks
    built: dict[str, Column] = field(default_factory=dict)
    budget: TextBudget = field(default_factory=lambda: TextBudget("mappingRules"))

    def column(self, name: str) -> Column:
        """Return a column of the source, or of the record being built (``destination!x``)."""
        if name.startswith(BUILT):
            return self.built.get(name.removeprefix(BUILT)) or [None] * self.size
        return self.source.get(name) or [None] * self.size

    def columns(self, names: Sequence[str]) -> list[Column]:
        """Return several columns."""
        return [self.column(name) for name in names]


Act: TypeAlias = Callable[[Building], Mapping[str, Column]]
"""What a rule does: gives new columns by field of the destination."""


def is_empty(value: Json) -> bool:
    """Say whether there is nothing in a cell."""
    return value is None or value in ("", []) or value == ()


def each(value: Json, change: Callable[[Json], Json]) -> Json:
    """Return a value changed, a list element by element."""
    return [change(item) for item in value] if isinstance(value, list | tuple) else change(value)


def replaced(column: Column, values: Mapping[str, Json], empty: Json) -> Column:
    """Return a column with whole values replaced, found by their texts; ``empty`` comes in the place of empty cells."""
    if not values:
        return [empty if value is None else value for value in column]

    def change(value: Json) -> Json:
        return empty if value is None else values.get(text_of(value), value)

    return [each(value, change) for value in column]


def cased(column: Column, change: Callable[[str], str]) -> Column:
    """Return a column with its texts changed."""
    return [each(value, lambda item: change(item) if isinstance(item, str) else item) for value in column]


def first_filled(columns: Sequence[Column], default: Json) -> Column:
    """Return the first value of each row that is not empty."""
    return [next((value for value in row if not is_empty(value)), default) for row in zip(*columns, strict=True)]


def joined(columns: Sequence[Column], separator: str, budget: TextBudget) -> Column:
    """Return the texts of each row in one; None where all of them are empty."""
    rows: Column = []
    for row in zip(*columns, strict=True):
        texts = [text_of(value) for value in row if not is_empty(value)]
        budget.take(sum(map(len, texts)) + len(separator) * len(texts))
        rows.append(separator.join(texts) or None)
    return rows


def listed(columns: Sequence[Column]) -> Column:
    """Return the values of each row that are not empty as a list; None where there are none."""
    return [[value for value in row if not is_empty(value)] or None for row in zip(*columns, strict=True)]


def interpolated(pieces: Sequence[str], columns: Sequence[Column], budget: TextBudget) -> Column:
    """Return a text for each row: the ``pieces`` with the values of ``columns`` between them. A row without any value has None."""
    rows: Column = []
    fixed = sum(map(len, pieces))
    for row in zip(*columns, strict=True):
        values = [text_of(value) for value in row]
        budget.take(fixed + sum(map(len, values)))
        rows.append(
            pieces[0] + "".join(value + piece for value, piece in zip(values, pieces[1:], strict=True))
            if any(values)
            else None
        )
    return rows


def extracted(building: Building, pattern: str, column: Column, count: int) -> list[Column]:
    """Return ``count`` columns: the groups of the first match in each text."""
    places = [place for place, value in enumerate(column) if not is_empty(value)]
    found = building.extract(pattern, [text_of(column[place]) for place in places]) if places else []
    columns: list[Column] = [[None] * building.size for _ in range(count)]
    for place, groups in zip(places, found, strict=True):
        for target, group in zip(columns, groups or (), strict=False):
            target[place] = group
    return columns


def nested(building: Building, subfields: Sequence[tuple[str, str]]) -> Column:
    """Return a JSON object for each row, of the source's fields whose keys match; several of one name are a list."""
    keys = list(building.source)
    members: list[tuple[str, Column]] = []
    for pattern, name in subfields:
        matches = building.extract(pattern, keys) if keys else ()
        members.extend(
            (name, building.column(key)) for key, groups in zip(keys, matches, strict=True) if groups is not None
        )
    rows: Column = []
    for place in range(building.size):
        row: dict[str, list[Json]] = {}
        for name, column in members:
            if not is_empty(column[place]):
                row.setdefault(name, []).append(column[place])
        building.budget.take(letters_of(row))
        short = {name: values if len(values) > 1 else values[0] for name, values in row.items()}
        rows.append(json.dumps(short, ensure_ascii=False) if short else None)
    return rows


@dataclass(frozen=True, slots=True)
class Translation:
    """How values become options: ``values`` by the text of the source's value; of others, those named in ``kept`` stay, and names find the rest."""

    options: tuple[Option, ...]
    values: Mapping[str, Json]
    kept: frozenset[str]

    def column(self, column: Column) -> Column:
        """Return a column with its values translated; what no option is meant by stays."""
        names = OptionNames(self.options)
        known: dict[str, Json] = dict(self.values)

        def change(value: Json) -> Json:
            text = text_of(value)
            if text not in known:
                option = None if is_empty(value) or text in self.kept else names.find(value)
                known[text] = value if option is None else option.value
            return known[text]

        return [each(value, change) if value is not None else None for value in column]


def separated(column: Column, delimiter: str) -> Column:
    """Return a column with texts that are lists taken apart."""
    return [split(value, delimiter) or None if isinstance(value, str) else value for value in column]
