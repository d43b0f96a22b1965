"""Checks of a document on PUT (contract 3, in its order); references are looked at by ``references``, the last thing before it is written.

Types that nothing here executes are never a reason to refuse. Every message names the activity and the property.
"""

import graphlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.api.datafactory.bodies import shown
from headrace.api.datafactory.errors import Refusal, bad_request
from headrace.api.datafactory.inference import INNER_LISTS
from headrace.api.datafactory.moving_checks import check_moving
from headrace.api.datafactory.names import LONGEST, is_resource_name
from headrace.api.datafactory.wire import Item

CONDITIONS = frozenset({"succeeded", "failed", "skipped", "completed"})
"""The words of ``dependencyConditions``, in lower case."""
PARAMETER_TYPES = frozenset(
    {"object", "string", "int", "integer", "float", "double", "bool", "boolean", "array", "securestring"}
)
"""Types of parameters, in lower case."""
VARIABLE_TYPES = frozenset({"string", "bool", "boolean", "int", "integer", "float", "double", "array", "object"})
"""Types of variables, in lower case."""
GLOBAL_TYPES = frozenset({"object", "string", "int", "float", "bool", "array"})
"""Types of global parameters, in lower case."""
_MAX_BATCH = 50
_STATES = {"state": {"active", "inactive"}, "onInactiveMarkAs": {"succeeded", "failed", "skipped"}}
_MISSING_TYPE = (
    "Provided type '' is either unsupported or an invalid type.The relevant property is 'type'."
    "The error occured at the location 'body/properties' in the request."
)


def properties_of(resource: Mapping[str, Any]) -> Item:
    """Return what stands in ``properties`` of a body.

    Raises:
        Refusal: 400: nothing, or no object.
    """
    if "properties" not in resource:
        raise bad_request("The body of the request has no 'properties'; an object is expected there.")
    properties = resource["properties"]
    if not isinstance(properties, dict):
        raise bad_request(f"The property 'properties' is {shown(properties)}; an object is expected.")
    return properties


def check_type(owner: Mapping[str, Any]) -> None:
    """Check that a definition says its type.

    Raises:
        Refusal: 400.
    """
    written = owner.get("type")
    if not isinstance(written, str) or not written.strip():
        raise bad_request(_MISSING_TYPE)


def check_typed(properties: Mapping[str, Any]) -> None:
    """Check the properties of a dataset, linked service or trigger.

    Raises:
        Refusal: 400.
    """
    check_type(properties)
    _expect(properties, "typeProperties", dict, "")
    _expect(properties, "annotations", list, "")
    _check_declared(properties, "parameters", PARAMETER_TYPES)


def check_pipeline(properties: Mapping[str, Any]) -> None:
    """Check the properties of a pipeline: types, names, dependencies, numbers (1, 3 and 4 of the contract's list).

    Raises:
        Refusal: 400, naming the first thing that is wrong.
    """
    _expect(properties, "activities", list, "")
    _expect(properties, "annotations", list, "")
    _expect(properties, "runDimensions", dict, "")
    levels = list(_levels(properties.get("activities") or [], (), ""))
    for level in levels:
        for activity in level.activities:
            check_type(activity)
    _check_declared(properties, "parameters", PARAMETER_TYPES)
    _check_declared(properties, "variables", VARIABLE_TYPES)
    for level in levels:
        _check_level(level)
    _check_concurrency(properties)
    for level in levels:
        for activity in level.activities:
            _check_loop(activity)
            check_moving(activity)


def check_global_parameters(declared: Any) -> None:
    """Check a map of global parameters: ``{name: {type, value}}``.

    Raises:
        Refusal: 400.
    """
    _check_declared({"globalParameters": declared}, "globalParameters", GLOBAL_TYPES)


@dataclass(frozen=True, slots=True)
class _Level:
    """A list of activities. ``above``: the names of the containers around it, in lower case; ``where``: in words, for messages."""

    activities: tuple[Mapping[str, Any], ...]
    above: tuple[str, ...]
    where: str


def _levels(value: Any, above: tuple[str, ...], where: str) -> Iterator[_Level]:
    """Return the list ``value`` and every list inside it, outer ones first."""
    for item in value:
        if not isinstance(item, dict):
            raise bad_request(f"The list of activities{where} holds {shown(item)}; an object is expected.")
    yield _Level(tuple(value), above, where)
    for activity in value:
        name = activity.get("name")
        _expect(activity, "typeProperties", dict, _of(name))
        given = activity.get("typeProperties") or {}
        around = (*above, name.lower()) if isinstance(name, str) else above
        for key in INNER_LISTS:
            if given.get(key) is not None:
                _expect(given, key, list, _of(name))
                yield from _levels(given[key], around, f" in '{key}'{_of(name)}")
        yield from _cases(given, around, name)


def _cases(given: Mapping[str, Any], around: tuple[str, ...], name: object) -> Iterator[_Level]:
    if given.get("cases") is None:
        return
    _expect(given, "cases", list, _of(name))
    for case in given["cases"]:
        if not isinstance(case, dict):
            raise bad_request(f"The property 'cases'{_of(name)} holds {shown(case)}; an object is expected.")
        if case.get("activities") is not None:
            _expect(case, "activities", list, _of(name))
            yield from _levels(case["activities"], around, f" in the case {shown(case.get('value'))}{_of(name)}")


def _check_level(level: _Level) -> None:
    seen: set[str] = set()
    for activity in level.activities:
        name = activity.get("name")
        if not isinstance(name, str) or not is_resource_name(name):
            raise bad_request(
                f"The activity name {shown(name)}{level.where} is not valid: a name begins with a letter, a digit or _, has 1 to {LONGEST} "
                "characters, and none of < > * # . % & : \\ + ? /.",
                name if isinstance(name, str) else None,
            )
        if name.lower() in seen or name.lower() in level.above:
            raise bad_request(
                f"The activity name '{name}' occurs more than once{level.where}; names are unique in a list and its containers.",
                name,
            )
        seen.add(name.lower())
        _check_forms(activity)
    graph = {str(activity["name"]).lower(): _upstream(activity, seen, level.where) for activity in level.activities}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        names = {str(activity["name"]).lower(): str(activity["name"]) for activity in level.activities}
        circle = " -> ".join(names[name] for name in error.args[1])
        raise bad_request(
            f"The activities{level.where} depend on each other in a circle: {circle}.", names[error.args[1][0]]
        ) from None


def _check_forms(activity: Mapping[str, Any]) -> None:
    where = _of(activity["name"])
    _expect(activity, "policy", dict, where)
    _expect(activity, "linkedServiceName", dict, where)
    for key in ("dependsOn", "userProperties", "inputs", "outputs"):
        _expect(activity, key, list, where)
    for key, words in _STATES.items():
        word = activity.get(key)
        if word is not None and (not isinstance(word, str) or word.lower() not in words):
            expected = ", ".join(sorted(entry.capitalize() for entry in words))
            raise bad_request(
                f"The property '{key}'{where} is {shown(word)}; one of {expected} is expected.", activity["name"]
            )


def _upstream(activity: Mapping[str, Any], siblings: set[str], where: str) -> list[str]:
    name = activity["name"]
    found = []
    for dependency in activity.get("dependsOn") or []:
        upstream = dependency.get("activity") if isinstance(dependency, dict) else None
        if not isinstance(upstream, str):
            raise bad_request(
                f"The property 'dependsOn'{_of(name)} holds {shown(dependency)}; {{activity, dependencyConditions}} is expected.",
                name,
            )
        if upstream.lower() not in siblings:
            raise bad_request(
                f"The activity '{name}' depends on '{upstream}', which is no activity{where or ' of the pipeline'} beside it.",
                name,
            )
        _check_conditions(name, dependency.get("dependencyConditions"))
        found.append(upstream.lower())
    return found


def _check_conditions(name: str, conditions: Any) -> None:
    if conditions is None:
        return
    words = conditions if isinstance(conditions, list) else [conditions]
    for word in words:
        if not isinstance(conditions, list) or not isinstance(word, str) or word.lower() not in CONDITIONS:
            raise bad_request(
                f"The property 'dependencyConditions'{_of(name)} has {shown(word)}; a list of Succeeded, Failed, Skipped, Completed is expected.",
                name,
            )


def _check_concurrency(properties: Mapping[str, Any]) -> None:
    concurrency = properties.get("concurrency")
    if concurrency is not None and not (_is_whole(concurrency) and 1 <= concurrency < 1 << 31):
        raise bad_request(
            f"The property 'concurrency' of the pipeline is {shown(concurrency)}; a whole number of 1 or more is expected."
        )


def _check_loop(activity: Mapping[str, Any]) -> None:
    kind, given = str(activity["type"]).lower(), activity.get("typeProperties") or {}
    name = activity["name"]
    if kind in {"foreach", "until"} and not given.get("activities"):
        raise bad_request(
            f"The activity '{name}' of type {activity['type']} has no inner activities: 'activities' is empty.", name
        )
    batch = given.get("batchCount")
    if (
        kind == "foreach"
        and batch is not None
        and _is_literal(batch)
        and not (_is_whole(batch) and 1 <= batch <= _MAX_BATCH)
    ):
        raise bad_request(
            f"The property 'batchCount'{_of(name)} is {shown(batch)}; 1 to {_MAX_BATCH} is expected.", name
        )


def _check_declared(owner: Mapping[str, Any], key: str, types: frozenset[str]) -> None:
    declared = owner.get(key)
    if declared is None:
        return
    _expect(owner, key, dict, "")
    for name, entry in declared.items():
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or kind.lower() not in types:
            raise bad_request(
                f"The entry '{name}' of '{key}' is {shown(entry)}; an object with a 'type' of {', '.join(sorted(types))} is expected.",
                name,
            )


def _expect(owner: Mapping[str, Any], key: str, kind: type[dict[str, Any]] | type[list[Any]], where: str) -> None:
    value = owner.get(key)
    if value is not None and not isinstance(value, kind):
        raise _form(key, value, "an object" if kind is dict else "a list", where)


def _form(key: str, value: object, expected: str, where: str) -> Refusal:
    return bad_request(f"The property '{key}'{where} is {shown(value)}; {expected} is expected.")


def _of(name: object) -> str:
    return f" of the activity '{name}'" if isinstance(name, str) else " of an activity without a name"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_literal(value: object) -> bool:
    """Say whether a value stands for itself and is no expression."""
    if isinstance(value, str):
        return "@" not in value
    return not (isinstance(value, Mapping) and str(value.get("type")).lower() == "expression") and not isinstance(
        value, Sequence
    )
