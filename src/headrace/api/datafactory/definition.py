"""The check of a whole definition when a run of it is asked for (4.1, 4): what no run of it could ever evaluate is said at once.

What a pipeline says is looked at as it was written, so that texts name expressions as their author knows them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.datafactory.translate.plan import kind_of
from headrace.core.errors import Problem
from headrace.language.datafactory.references import References, references

_INNER = ("activities", "ifTrueActivities", "ifFalseActivities", "defaultActivities")
_NOT_TEMPLATES = frozenset({*_INNER, "cases"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where templates stand: in which activity, with an item to speak of or not, and which variable it sets."""

    activity: str
    has_item: bool
    sets: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the names of a pipeline may refer to, in lower case."""

    pipeline: str
    activities: frozenset[str]
    variables: frozenset[str]


def find_fault(name: str, properties: Mapping[str, Any]) -> str:
    """Return the first thing that is wrong with the expressions of the pipeline ``name``; ``""``: nothing."""
    activities = list(_all(properties.get("activities")))
    variables = properties.get("variables")
    known = _Known(
        name,
        frozenset(_name(activity).lower() for activity, _ in activities),
        frozenset(variable.lower() for variable in variables) if isinstance(variables, Mapping) else frozenset(),
    )
    for activity, in_loop in activities:
        for place, template in _templates(activity, in_loop=in_loop):
            try:
                found = references(template)
            except Problem as problem:
                return problem.message
            fault = _fault(found, place, known)
            if fault:
                return fault
    return ""


def _fault(found: References, place: _Place, known: _Known) -> str:
    for other in sorted(found.activities):
        if other.lower() not in known.activities:
            what = f"The action(s) '{other}' referenced by 'inputs' in action '{place.activity}'"
            return f"The template validation failed: '{what} are not defined in the template'"
    for variable in sorted(found.variables):
        if variable.lower() not in known.variables:
            return f"The variable '{variable}' is not declared in pipeline '{known.pipeline}'."
        if place.sets is not None and variable.lower() == place.sets.lower():
            return f"Self reference is not supported when updating the value of variable '{place.sets}'."
    if found.uses_item and not place.has_item:
        return "The template function 'item' is not expected at this location."
    return ""


def _all(activities: object, *, in_loop: bool = False) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Yield every activity, inner ones after the one that they are in, and whether it stands in a ForEach."""
    for activity in _objects(activities):
        yield activity, in_loop
        properties = _object(activity, "typeProperties")
        inside = in_loop or kind_of(activity.get("type")) == "for_each"
        for key in _INNER:
            yield from _all(properties.get(key), in_loop=inside)
        for case in _objects(properties.get("cases")):
            yield from _all(case.get("activities"), in_loop=inside)


def _templates(activity: Mapping[str, Any], *, in_loop: bool) -> Iterator[tuple[_Place, Any]]:
    """Yield what of an activity is evaluated (7.6), piece by piece, with its place."""
    name, kind = _name(activity), kind_of(activity.get("type"))
    place = _Place(name, in_loop)
    properties = _object(activity, "typeProperties")
    for key, value in properties.items():
        if key in _NOT_TEMPLATES:
            continue
        if kind == "filter" and key == "condition":
            yield _Place(name, has_item=True), value
        elif kind == "set_variable" and key == "value":
            target = properties.get("variableName")
            yield _Place(name, in_loop, target if isinstance(target, str) else None), value
        else:
            yield place, _without_names(value)
    yield place, _object(activity, "policy")
    yield place, [item.get("value") for item in _objects(activity.get("userProperties"))]
    for key in ("linkedServiceName", "inputs", "outputs"):
        yield place, _without_names(activity.get(key))


def _without_names(value: Any) -> Any:
    """Return ``value`` without the names of what references refer to, which are never evaluated."""
    if isinstance(value, Mapping):
        return {key: _without_names(item) for key, item in value.items() if key != "referenceName"}
    if isinstance(value, list):
        return [_without_names(item) for item in value]
    return value


def _object(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else ()


def _name(activity: Mapping[str, Any]) -> str:
    name = activity.get("name")
    return name if isinstance(name, str) else ""
