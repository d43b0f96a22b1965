"""Pipelines in: the ``properties`` of a pipeline document become a plan.

Nothing is refused: a stored document that makes no sense in places (imported, or of an older version) becomes a plan in which the activity
concerned fails and says what is wrong with it. Expressions stay as they are written; the plan's dialect reads them.
"""

import graphlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from headrace.api.datafactory.translate.policy import policy_of
from headrace.api.datafactory.wire import Item
from headrace.core.codec import Json
from headrace.core.flow import Activity, Alike, Condition, Dependency, OnRecovery, Plan

DIALECT = "datafactory"
"""The name of the dialect of these plans."""
_KEPT = ("type", "typeProperties", "policy", "userProperties", "linkedServiceName", "inputs", "outputs")
"""What an activity's settings have of its document."""
_ACTIVITIES = frozenset({"activities", "ifTrueActivities", "ifFalseActivities", "defaultActivities"})
"""Inner activities in ``typeProperties``."""
_WORDS = {condition.value: condition for condition in Condition}
_MARKS = {
    "succeeded": Condition.SUCCEEDED,
    "failed": Condition.FAILED,
    "skipped": Condition.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class _Type:
    """What activities of one type become."""

    kind: str
    on_recovery: OnRecovery = OnRecovery.CARRY


_UNSUPPORTED = _Type("unsupported")
_TYPES: Mapping[str, _Type] = MappingProxyType(
    {
        "foreach": _Type("for_each", OnRecovery.ENTER),
        "until": _Type("until", OnRecovery.ENTER),
        "ifcondition": _Type("if", OnRecovery.ENTER),
        "switch": _Type("switch", OnRecovery.ENTER),
        "filter": _Type("filter", OnRecovery.REPEAT),
        "wait": _Type("pipeline_wait", OnRecovery.REPEAT),
        "setvariable": _Type("set_variable", OnRecovery.REBUILD),
        "appendvariable": _Type("append_variable", OnRecovery.REBUILD),
        "executepipeline": _Type("execute_pipeline", OnRecovery.ENTER),
        "fail": _Type("fail"),
        "validation": _Type("validation"),
        "webactivity": _Type("web"),
        "webhook": _Type("web_hook"),
        "azurefunctionactivity": _Type("azure_function"),
        "copy": _Type("copy_data"),
        "lookup": _Type("lookup"),
        "getmetadata": _Type("get_metadata"),
        "delete": _Type("delete"),
        "script": _Type("script"),
        "sqlserverstoredprocedure": _Type("stored_procedure"),
    }
)
"""The types that are executed, in lower case."""


def compile_plan(name: str, properties: Mapping[str, Any]) -> Plan:
    """Return what the pipeline ``name`` with these ``properties`` does."""
    del name
    return Plan(_level(properties.get("activities")), dialect=DIALECT)


def kind_of(type_name: object) -> str:
    """Return the kind of activities of the ADF type ``type_name``."""
    return _type_of(type_name).kind


def activities_of(plan: Plan) -> Iterator[Activity]:
    """Yield every activity of a plan, those inside of containers behind the container."""
    for activity in plan.activities:
        yield activity
        for body in activity.bodies.values():
            yield from activities_of(body)


def case_text(value: object) -> str:
    """Return the text by which a case of a Switch is found."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return value if isinstance(value, str) else "" if value is None else str(value)


def _level(activities: object) -> tuple[Activity, ...]:
    """Return the activities of one list; what cannot be part of a plan is made to fail."""
    raw = activities if isinstance(activities, list) else []
    made = _renamed([_activity(item, number) for number, item in enumerate(raw, 1)])
    names = {one.name.lower(): one.name for one in made}
    linked = tuple(_linked(activity, item, names) for activity, item in zip(made, raw, strict=True))
    return _without_circles(linked)


def _activity(item: object, number: int) -> Activity:
    if not isinstance(item, dict):
        return _failing(Activity(f"Activity {number}", ""), f"The element {number} of the activities is no object.")
    given = item.get("name")
    name = given if isinstance(given, str) and given else f"Activity {number}"
    found = _type_of(item.get("type"))
    policy, dynamic = policy_of(found.kind, item)
    activity = Activity(
        # A slash ends a name in the paths of a run's activities.
        name=name.replace("/", "_"),
        kind=found.kind,
        settings=_settings(item),
        policy=policy,
        inactive=_word(item, "state") == "inactive",
        inactive_as=_MARKS.get(_word(item, "onInactiveMarkAs"), Condition.SUCCEEDED),
        bodies=_bodies(found.kind, _object(item, "typeProperties")),
        on_recovery=_on_recovery(found, _object(item, "typeProperties")),
        alike=Alike.KIND,
        dynamic_policy=dynamic,
    )
    if name != given:
        return _failing(activity, f"The activity {number} has no name.")
    if name != activity.name:
        return _failing(activity, f"The name '{name}' has a slash, which no activity can have.")
    return activity


def _settings(item: Item) -> dict[str, Json]:
    settings = {key: item[key] for key in _KEPT if key in item}
    properties = item.get("typeProperties")
    if isinstance(properties, dict):
        settings["typeProperties"] = {
            key: _case_values(value) if key == "cases" else value
            for key, value in properties.items()
            if key not in _ACTIVITIES
        }
    return settings


def _case_values(cases: object) -> Json:
    return [{"value": case.get("value")} for case in _objects(cases)]


def _bodies(kind: str, properties: Item) -> dict[str, Plan]:
    lists: dict[str, object] = {}
    match kind:
        case "for_each":
            lists["each"] = properties.get("activities")
        case "until":
            lists["pass"] = properties.get("activities")
        case "if":
            lists = {"true": properties.get("ifTrueActivities"), "false": properties.get("ifFalseActivities")}
        case "switch":
            for case in _objects(properties.get("cases")):
                # Of cases with one value the first is taken.
                lists.setdefault(f"case:{case_text(case.get('value'))}", case.get("activities"))
            lists["default"] = properties.get("defaultActivities")
    # A case without activities is kept: it is a hit, so that the default is not taken.
    return {name: Plan(_level(activities)) for name, activities in lists.items() if activities or kind == "switch"}


def _on_recovery(found: _Type, properties: Item) -> OnRecovery:
    if found.kind == "execute_pipeline" and properties.get("waitOnCompletion") is not True:
        return OnRecovery.CARRY
    return found.on_recovery


def _renamed(activities: Iterable[Activity]) -> list[Activity]:
    """Return the activities with names that differ, whatever the letter case; the second of two is made to fail."""
    seen: set[str] = set()
    result: list[Activity] = []
    for activity in activities:
        lower, number = activity.name.lower(), 1
        while lower in seen:
            number += 1
            lower = f"{activity.name} ({number})".lower()
        seen.add(lower)
        if number > 1:
            text = f"The name '{activity.name}' belongs to several activities of one list."
            activity = _failing(replace(activity, name=f"{activity.name} ({number})"), text)  # noqa: PLW2901 — as it is from here on
        result.append(activity)
    return result


def _linked(activity: Activity, item: object, names: Mapping[str, str]) -> Activity:
    """Return the activity with its dependencies; one that depends on what is not there has none, and is made to fail.

    ``names`` are those of its list, by themselves in lower case.
    """
    dependencies: list[Dependency] = []
    for entry in _objects(item.get("dependsOn") if isinstance(item, dict) else None):
        given = entry.get("activity")
        upstream = names.get(given.lower()) if isinstance(given, str) else None
        conditions = _conditions(entry.get("dependencyConditions"))
        if upstream is None or upstream == activity.name:
            return _failing(activity, f"It depends on '{given}', which is no other activity of the same list.")
        if conditions is None:
            text = f"It depends on '{given}' with conditions other than Succeeded, Failed, Skipped and Completed."
            return _failing(activity, text)
        dependencies.append(Dependency(upstream, conditions))
    return replace(activity, depends_on=tuple(dependencies))


def _conditions(words: object) -> frozenset[Condition] | None:
    """Return the conditions of one entry, of which one has to hold; None: some are not known."""
    if words is None or words == []:
        return frozenset({Condition.SUCCEEDED})
    if not isinstance(words, list):
        return None
    found = [_WORDS.get(word.lower()) if isinstance(word, str) else None for word in words]
    known = frozenset(condition for condition in found if condition is not None)
    return known if len(known) == len(set(found)) else None


def _without_circles(activities: tuple[Activity, ...]) -> tuple[Activity, ...]:
    """Return the activities; those that depend on each other in a circle depend on nothing, and are made to fail."""
    while (circle := _circle(activities)) is not None:
        text = f"Activities depend on each other in a circle: {' → '.join(circle)}."
        activities = tuple(
            _failing(replace(one, depends_on=()), text) if one.name in circle else one for one in activities
        )
    return activities


def _circle(activities: Iterable[Activity]) -> list[str] | None:
    graph = {activity.name: [one.activity for one in activity.depends_on] for activity in activities}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return None


def _failing(activity: Activity, message: str) -> Activity:
    """Return the activity as one that fails with ``message``, whatever it was to do."""
    literal = message.replace("@{", "@@{")
    settings = {
        "type": activity.settings.get("type", ""),
        "typeProperties": {"message": literal, "errorCode": "BadRequest"},
    }
    return Activity(
        activity.name,
        "fail",
        settings,
        inactive=activity.inactive,
        inactive_as=activity.inactive_as,
        alike=Alike.KIND,
    )


def _type_of(type_name: object) -> _Type:
    return _TYPES.get(type_name.lower(), _UNSUPPORTED) if isinstance(type_name, str) else _UNSUPPORTED


def _object(item: Item, name: str) -> Item:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[Item]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _word(item: Item, name: str) -> str:
    value = item.get(name)
    return value.lower() if isinstance(value, str) else ""
