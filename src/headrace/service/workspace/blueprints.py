"""Blueprints of sheets: what of them is refused, and what differs between two of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.core.blueprint import Blueprint, FieldSpec
from headrace.core.blueprint_reading import default_slug, field_with, read_blueprint
from headrace.core.codec import Json
from headrace.core.shapes import Shapes

__all__ = ["Difference", "blueprint_of", "default_slug", "differences", "field_of", "rebuilt"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a blueprint differs from the one before: what happened (``field_added``, …), and to which field or setting."""

    type: str
    details: Mapping[str, Json]


def blueprint_of(raw: Mapping[str, Json], path: str = "") -> Blueprint:
    """Return the blueprint of a sheet's configuration, as ``core.blueprint_reading.read_blueprint`` says.

    Raises:
        Problem: ``INVALID``: all that is wrong, each with its path.
    """
    return read_blueprint(raw, path)


def field_of(raw: Mapping[str, Json]) -> FieldSpec:
    """Return a single field.

    Raises:
        Problem: ``INVALID``: all that is wrong, each with its path.
    """
    shapes = Shapes()
    spec = field_with(shapes, raw, "")
    shapes.finish("the field")
    return spec


def rebuilt(blueprint: Blueprint, fields: Sequence[Mapping[str, Json]]) -> Blueprint:
    """Return the blueprint with other fields.

    Raises:
        Problem: ``INVALID``: a constraint of the sheet names a field that is there no more.
    """
    return read_blueprint({**blueprint.raw, "fields": list(fields)})


def differences(before: Blueprint, after: Blueprint) -> tuple[Difference, ...]:
    """Return what a change of a blueprint did, fields first."""
    found = [Difference("field_removed", {"key": key}) for key in before.by_key if key not in after.by_key]
    for key, spec in after.by_key.items():
        earlier = before.by_key.get(key)
        if earlier is None:
            found.append(Difference("field_added", {"key": key}))
        elif earlier.raw != spec.raw:
            found.append(Difference("field_updated", {"key": key}))
    settings = sorted(
        name for name in {*before.raw, *after.raw} - {"fields"} if before.raw.get(name) != after.raw.get(name)
    )
    if settings:
        found.append(Difference("config_updated", {"keys": settings}))
    elif not found and list(before.by_key) != list(after.by_key):
        found.append(Difference("config_updated", {"keys": ["fields"]}))
    return tuple(found)
