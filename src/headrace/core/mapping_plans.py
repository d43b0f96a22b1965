"""Execution plans (contract 7) as clients send them, and as programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from headrace.core.automap import EMPTY_PLAN, ENUMS, text_of
from headrace.core.blueprint import Blueprint, FieldSpec
from headrace.core.blueprint_reading import field_with
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.mapping_columns import Act, Building, Column, Translation, separated
from headrace.core.mapping_rules import Program, Rule
from headrace.core.shapes import Shapes

PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "fieldMapping": ("sourceField", "destinationField"),
        "unmappedSourceFields": ("sourceField",),
        "unmappedDestinationFields": ("destinationField",),
    }
)
"""The parts of a plan, and the fields that their entries name."""


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """What a client says of a plan: the parts that it gives, and fields that the destination does not have yet."""

    parts: Mapping[str, Json]
    new_fields: tuple[FieldSpec, ...] = ()


@dataclass(slots=True)
class _Reading:
    shapes: Shapes
    sides: Mapping[str, Blueprint]
    new: dict[str, FieldSpec] = field(default_factory=dict)


def read_plan(raw: Mapping[str, Json], source: Blueprint, destination: Blueprint, *, whole: bool) -> AskedPlan:
    """Return a plan, or (not ``whole``) parts of one, with the definitions that the sheets' fields have now. Fields are known by their keys.

    Raises:
        Problem: ``INVALID``, with all that is wrong: no such field, and none may be added; a field of the destination that is mapped to twice.
    """
    reading = _Reading(Shapes(), {"sourceField": source, "destinationField": destination})
    parts: dict[str, Json] = {}
    for name, sides in PARTS.items():
        if whole or raw.get(name) is not None:
            entries = reading.shapes.objects(raw, name, required=whole)
            parts[name] = [_entry(reading, entry, path, sides) for path, entry in entries]
    if (program := reading.shapes.text(raw, "programId")) is not None:
        parts["programId"] = program
    _check_once(reading.shapes, parts.get("fieldMapping", ()))
    reading.shapes.finish("the plan")
    return AskedPlan(parts, tuple(reading.new.values()))


def _entry(reading: _Reading, raw: Mapping[str, Json], path: str, sides: Sequence[str]) -> Json:
    entry: dict[str, Json] = {name: value for name, value in raw.items() if value is not None}
    for side in sides:
        given = reading.shapes.object(raw, side, path)
        if given is None:
            reading.shapes.wrong(path + side, f"{side} is required")
            continue
        key = reading.shapes.text(given, "key", f"{path}{side}.", required=True)
        if key is not None:
            entry[side] = _property(reading, given, key, path, side)
    reading.shapes.texts(raw, "preview", path)
    details = reading.shapes.object(raw, "enumDetails", path)
    if details is not None:
        reading.shapes.objects(details, "mapping", f"{path}enumDetails.", required=True)
    reading.shapes.object(raw, "metadata", path)
    return entry


def _property(reading: _Reading, given: Mapping[str, Json], key: str, path: str, side: str) -> Json:
    blueprint = reading.sides[side]
    known = (
        blueprint.by_key.get(key) or reading.new.get(key) if side == "destinationField" else blueprint.by_key.get(key)
    )
    if known is not None:
        return known.raw
    if side == "destinationField" and blueprint.allows_more_fields:
        reading.new[key] = field_with(reading.shapes, {"type": "string", **given}, f"{path}{side}.")
        return reading.new[key].raw
    which = "source" if side == "sourceField" else "destination"
    reading.shapes.wrong(f"{path}{side}.key", f"the {which} sheet has no field {key!r}")
    return dict(given)


def _check_once(shapes: Shapes, edges: Json) -> None:
    seen: set[str] = set()
    for number, (_, key) in enumerate(_keys(edges)):
        if key in seen:
            shapes.wrong(
                f"fieldMapping[{number}].destinationField", f"field {key!r} is mapped to by another edge already"
            )
        seen.add(key)


def with_parts(plan: Mapping[str, Json] | None, asked: AskedPlan) -> dict[str, Json]:
    """Return a plan with the parts that were given in the place of its own."""
    return {**(EMPTY_PLAN if plan is None else plan), **asked.parts}


def program_of(plan: Mapping[str, Json], source: Blueprint, destination: Blueprint) -> Program:
    """Return what a plan does: each edge takes a column over, with its values translated.

    Raises:
        Problem: ``INVALID``: a field has gone since the plan was made.
    """
    errors: list[FieldError] = []
    rules: list[Rule] = []
    edges = plan.get("fieldMapping") or ()
    for number, (edge, (from_, to)) in enumerate(zip(_entries(edges), _keys(edges), strict=True)):
        path = f"fieldMapping[{number}]"
        for side, key, blueprint in (("source", from_, source), ("destination", to, destination)):
            if key not in blueprint.by_key:
                errors.append(FieldError(f"{path}.{side}Field", f"the {side} sheet has no field {key!r} any more"))
        if not errors:
            rules.append(Rule(path, _taken_over(edge, from_, destination.by_key[to])))
    if errors:
        raise Problem(Code.INVALID, errors[0].message, tuple(errors))
    return Program(tuple(rules))


def _taken_over(edge: Mapping[str, Json], source: str, to: FieldSpec) -> Act:
    metadata = edge.get("metadata")
    delimiter = metadata.get("detectedDelimiter") if isinstance(metadata, Mapping) else None
    takes_apart = isinstance(delimiter, str) and delimiter and to.kind.is_list
    translation = _translation(edge, to)

    def act(building: Building) -> Mapping[str, Column]:
        column = building.column(source)
        if takes_apart:
            column = separated(column, str(delimiter))
        return {to.key: column if translation is None else translation.column(column)}

    return act


def _translation(edge: Mapping[str, Json], to: FieldSpec) -> Translation | None:
    if to.kind not in ENUMS:
        return None
    details = edge.get("enumDetails")
    given = details if isinstance(details, Mapping) else {}
    values = {
        text_of(pair.get("sourceValue")): pair["destinationValue"]
        for pair in _entries(given.get("mapping") or ())
        if pair.get("destinationValue") is not None
    }
    unused = given.get("unusedSourceValues")
    kept = frozenset(map(text_of, unused)) if isinstance(unused, list | tuple) else frozenset()
    return Translation(to.options, values, kept - set(values))


def _entries(entries: Json) -> list[Mapping[str, Json]]:
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list | tuple) else []


def _keys(edges: Json) -> list[tuple[str, str]]:
    """Return the keys of source and destination of each edge."""
    return [(_key(edge.get("sourceField")), _key(edge.get("destinationField"))) for edge in _entries(edges)]


def _key(given: Json) -> str:
    return str(given.get("key", "")) if isinstance(given, Mapping) else ""
