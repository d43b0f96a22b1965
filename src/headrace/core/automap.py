"""Which field of a source goes to which field of a destination (contract 7), and what an execution plan says of it.

The plan is a JSON object in the contract's form, since it is kept, sent and taken back as it is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from headrace.core.blueprint import Blueprint, FieldKind, FieldSpec, Option
from headrace.core.codec import Json
from headrace.core.similarity import folded, similarity, words_of

PREVIEWS = 5
"""Values that a plan shows of a field."""
MOST_VALUES = 1_000
"""Distinct values of a source that are matched to options."""
THRESHOLD = 0.5
"""The least confidence, where the destination does not say."""
MOST_COMPARED = 100_000
"""Pairs of fields whose names are looked at letter by letter."""
DELIMITERS = (";", "|", ",")
"""What may stand between the elements of a list that is a text."""
ENUMS = frozenset({FieldKind.ENUM, FieldKind.ENUM_LIST})

EMPTY_PLAN: Mapping[str, Json] = MappingProxyType(
    {"fieldMapping": (), "unmappedSourceFields": (), "unmappedDestinationFields": ()}
)
"""A plan that is not there yet."""

_STRONG, _MODERATE = 0.9, 0.7
_FOLDED, _ALTERNATIVE, _MOST_ALIKE = 0.99, 0.97, 0.94


class MatchSource(StrEnum):
    """How a pair was found."""

    EXACT = "exact"
    NORMALIZED = "normalized"
    SIMILARITY = "similarity"


@dataclass(frozen=True, slots=True)
class Match:
    """A field of the source that goes to a field of the destination."""

    source: FieldSpec
    destination: FieldSpec
    confidence: float
    found: MatchSource

    @property
    def certainty(self) -> str:
        """Return the confidence in words."""
        if self.found is MatchSource.EXACT:
            return "absolute"
        if self.confidence >= _STRONG:
            return "strong"
        return "moderate" if self.confidence >= _MODERATE else "weak"


Values: TypeAlias = Mapping[str, Sequence[Json]]
"""Distinct values that are not null, by field of the source, in the order in which they occur."""


def match(source: Blueprint, destination: Blueprint) -> tuple[Match, ...]:
    """Return the pairs of two blueprints in the order of the destination; each field is in one at most."""
    threshold = threshold_of(destination)
    left = {item.key: item for item in source.fields if not item.computed}
    right = {item.key: item for item in destination.fields if not item.computed}
    matches: dict[str, Match] = {}
    for compare in (_exact, _normalized, _similar):
        # Each way of finding pairs gives less confidence than the one before it.
        for pair in _ranked(compare(left, right)):
            if pair.confidence >= threshold and pair.source.key in left and pair.destination.key in right:
                matches[pair.destination.key] = pair
                del left[pair.source.key]
                del right[pair.destination.key]
    return tuple(matches[item.key] for item in destination.fields if item.key in matches)


def threshold_of(destination: Blueprint) -> float:
    """Return the least confidence of pairs."""
    asked = destination.raw.get("mappingConfidenceThreshold")
    return (
        float(asked) if isinstance(asked, int | float) and not isinstance(asked, bool) and 0 < asked <= 1 else THRESHOLD
    )


def plan_of(source: Blueprint, destination: Blueprint, matches: Sequence[Match], values: Values) -> dict[str, Json]:
    """Return the execution plan that ``matches`` are; ``values`` of the source's fields, at most ``MOST_VALUES`` of each."""
    mapped = {item.source.key for item in matches}
    reached = {item.destination.key for item in matches}
    return {
        "fieldMapping": [edge_of(item, values.get(item.source.key, ())) for item in matches],
        "unmappedSourceFields": [
            {"sourceField": item.raw, "preview": previews(values.get(item.key, ()))}
            for item in source.fields
            if item.key not in mapped and not item.computed
        ],
        "unmappedDestinationFields": [
            {"destinationField": item.raw}
            for item in destination.fields
            if item.key not in reached and not item.computed
        ],
    }


def edge_of(pair: Match, values: Sequence[Json]) -> dict[str, Json]:
    """Return a pair as the edge of a plan."""
    metadata: dict[str, Json] = {
        "certainty": pair.certainty,
        "confidence": round(pair.confidence, 4),
        "source": pair.found.value,
    }
    delimiter = delimiter_of(values) if pair.destination.kind.is_list and not pair.source.kind.is_list else None
    edge: dict[str, Json] = {"sourceField": pair.source.raw, "destinationField": pair.destination.raw}
    edge["preview"] = previews(values)
    if pair.destination.kind in ENUMS:
        edge["enumDetails"] = enum_details(pair.destination.options, elements(values, delimiter))
    edge["metadata"] = metadata | ({} if delimiter is None else {"detectedDelimiter": delimiter})
    return edge


def previews(values: Iterable[Json]) -> list[Json]:
    """Return the first values as texts, each once."""
    texts: dict[str, None] = {}
    for value in values:
        if text := text_of(value):
            texts[text] = None
        if len(texts) == PREVIEWS:
            break
    return list(texts)


def text_of(value: Json) -> str:
    """Return a value as text: lists joined, all else but text as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    return json.dumps(value, ensure_ascii=False)


def delimiter_of(values: Sequence[Json]) -> str | None:
    """Return what separates the elements in texts that are lists; None: they do not look like lists."""
    texts = [value for value in values if isinstance(value, str)]
    return next((mark for mark in DELIMITERS if any(mark in text for text in texts)), None)


def split(text: str, delimiter: str) -> list[Json]:
    """Return the elements of a text that is a list."""
    return [part for piece in text.split(delimiter) if (part := piece.strip())]


def elements(values: Iterable[Json], delimiter: str | None) -> list[Json]:
    """Return the scalars that values are made of, each once."""
    found: dict[str, Json] = {}
    for value in values:
        parts = split(value, delimiter) if delimiter and isinstance(value, str) else value
        for part in parts if isinstance(parts, list | tuple) else (parts,):
            if isinstance(part, str | int | float) and part != "":
                found.setdefault(json.dumps(part), part)
    return list(found.values())[:MOST_VALUES]


def enum_details(options: Sequence[Option], values: Iterable[Json]) -> dict[str, Json]:
    """Return which option each value of a source is; the rest of both is listed beside."""
    known = OptionNames(options)
    mapping: list[Json] = []
    unused: list[Json] = []
    reached: list[Json] = []
    for value in values:
        option = known.find(value)
        if option is None:
            unused.append(value)
        else:
            mapping.append({"sourceValue": value, "destinationValue": option.value})
            reached.append(option.value)
    left: list[Json] = [option.value for option in options if option.value not in reached]
    return {"mapping": mapping, "unusedSourceValues": unused, "unusedDestinationValues": left}


class OptionNames:
    """Finds options by value, label or another name; the first that has a name has it."""

    def __init__(self, options: Sequence[Option]) -> None:
        self._known: dict[str, Option] = {}
        for level in (
            lambda option: (text_of(option.value),),
            lambda option: (option.label or "",),
            lambda option: option.alternatives,
        ):
            for option in options:
                for name in level(option):
                    self._known.setdefault(name, option)
        for name, option in list(self._known.items()):
            self._known.setdefault("\0" + folded(name), option)

    def find(self, value: Json) -> Option | None:
        """Return the option that a value names, None if none."""
        text = text_of(value)
        name = folded(text)
        return self._known.get(text) or (self._known.get("\0" + name) if name else None)


def _ranked(pairs: Iterable[tuple[float, int, int, Match]]) -> list[Match]:
    return [pair for *_, pair in sorted(pairs, key=lambda item: (-item[0], item[1], item[2]))]


def _names(field: FieldSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (field.key, field.label) if name))


def _indexed(
    left: Mapping[str, FieldSpec],
    right: Mapping[str, FieldSpec],
    found: MatchSource,
    levels: Iterable[tuple[float, bool]],
) -> Iterable[tuple[float, int, int, Match]]:
    """Yield the pairs that share a name; a level is a confidence, and whether other names count."""
    fold = folded if found is MatchSource.NORMALIZED else str
    for confidence, others in levels:
        index: dict[str, list[tuple[int, FieldSpec, bool]]] = {}
        for place, field in enumerate(left.values()):
            for name, is_other in _with_others(field, others):
                if kept := fold(name):
                    index.setdefault(kept, []).append((place, field, is_other))
        for at, field in enumerate(right.values()):
            for name, is_other in _with_others(field, others):
                for place, source, other in index.get(fold(name), ()):
                    if others == (is_other or other):
                        yield confidence, at, place, Match(source, field, confidence, found)


def _with_others(field: FieldSpec, others: bool) -> Iterable[tuple[str, bool]]:
    yield from ((name, False) for name in _names(field))
    if others:
        yield from ((name, True) for name in field.alternatives)


def _exact(left: Mapping[str, FieldSpec], right: Mapping[str, FieldSpec]) -> Iterable[tuple[float, int, int, Match]]:
    return _indexed(left, right, MatchSource.EXACT, [(1.0, False)])


def _normalized(
    left: Mapping[str, FieldSpec], right: Mapping[str, FieldSpec]
) -> Iterable[tuple[float, int, int, Match]]:
    return _indexed(left, right, MatchSource.NORMALIZED, [(_FOLDED, False), (_ALTERNATIVE, True)])


def _similar(left: Mapping[str, FieldSpec], right: Mapping[str, FieldSpec]) -> Iterable[tuple[float, int, int, Match]]:
    sources = [(place, source, (*_names(source), *source.alternatives)) for place, source in enumerate(left.values())]
    wide = len(left) * len(right) > MOST_COMPARED
    index: dict[str, list[tuple[int, FieldSpec, tuple[str, ...]]]] = {}
    if wide:
        for item in sources:
            for word in {word for name in item[2] for word in words_of(name)}:
                index.setdefault(word, []).append(item)
    compared = 0
    for at, field in enumerate(right.values()):
        theirs = (*_names(field), *field.alternatives)
        # Of very wide sheets only names that have a word in common are compared, and not without end.
        words = sorted({word for name in theirs for word in words_of(name)}) if wide else ()
        near = {item[0]: item for word in words for item in index.get(word, ())}.values() if wide else sources
        for place, source, mine in near:
            compared += 1
            if compared > MOST_COMPARED:
                return
            confidence = min(max(similarity(one, other) for one in mine for other in theirs), _MOST_ALIKE)
            # It is no more than likely, however likely it is.
            if confidence > 0:
                yield confidence, at, place, Match(source, field, confidence, MatchSource.SIMILARITY)
