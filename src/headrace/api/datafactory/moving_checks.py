"""Checks on PUT of the activities that move data (contract 9.1 and Appendix A): what is written has to be whole.

What is left out altogether, or is empty, is unfinished work that may be stored; a run that comes there fails. An expression is as good as
any value, wherever it stands. Sources, sinks and datasets of types that nothing here knows are no reason to refuse.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from headrace.api.datafactory.bodies import shown
from headrace.api.datafactory.errors import Refusal, bad_request

_LOGS = ("redirectIncompatibleRowSettings", "logStorageSettings", "stagingSettings")


def check_moving(activity: Mapping[str, Any]) -> None:
    """Check an activity whose name and type are all right; activities of other types are not looked at.

    Raises:
        Refusal: 400, naming the activity and the property.
    """
    check = _CHECKS.get(str(activity["type"]).lower())
    if check is not None and str(activity.get("state", "")).lower() != "inactive":
        check(activity, activity.get("typeProperties") or {})


def _copy(activity: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for key in ("inputs", "outputs"):
        listed = activity.get(key) or []
        if len(listed) > 1:
            raise _wrong(activity, key, f"must hold exactly one reference to a dataset; there are {len(listed)}")
        for one in listed:
            _reference(activity, one, key)
    for key, other in (("source", "sink"), ("sink", "source")):
        if given.get(key) is None and given.get(other) is not None:
            raise _wrong(activity, key, f"is missing beside '{other}'")
        _end(activity, given, key)
    for key in _LOGS:
        settings = given.get(key)
        if isinstance(settings, Mapping) and not _is_expression(settings) and settings.get("linkedServiceName") is None:
            raise _wrong(activity, f"{key}.linkedServiceName", "is missing")
    _log(activity, given)


def _log(activity: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    settings = given.get("logSettings")
    if settings is None or _is_expression(settings):
        return
    if not isinstance(settings, Mapping):
        raise _wrong(activity, "logSettings", f"is {shown(settings)}; an object is expected")
    place = settings.get("logLocationSettings")
    wanted = settings.get("enableCopyActivityLog", True) is not False
    if (
        wanted
        and not _is_expression(place)
        and not (isinstance(place, Mapping) and place.get("linkedServiceName") is not None)
    ):
        raise _wrong(activity, "logSettings.logLocationSettings", "must name the linked service of the log")


def _lookup(activity: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    _end(activity, given, "source")
    _reference(activity, given.get("dataset"), "dataset")


def _with_dataset(activity: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    _reference(activity, given.get("dataset"), "dataset")


def _script(activity: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    _reference(activity, activity.get("linkedServiceName"), "linkedServiceName")
    scripts = given.get("scripts")
    if scripts is None or _is_expression(scripts):
        return
    if not isinstance(scripts, list):
        raise _wrong(activity, "scripts", f"is {shown(scripts)}; a list of scripts is expected")
    for number, one in enumerate(scripts, 1):
        if _is_expression(one):
            continue
        if not isinstance(one, Mapping):
            raise _wrong(activity, f"scripts[{number}]", f"is {shown(one)}; an object is expected")
        for key in ("text", "type"):
            if one.get(key) in (None, ""):
                raise _wrong(activity, f"scripts[{number}].{key}", "is missing")


def _procedure(activity: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    _reference(activity, activity.get("linkedServiceName"), "linkedServiceName")
    if given and given.get("storedProcedureName") in (None, ""):
        raise _wrong(activity, "storedProcedureName", "is missing")


def _end(activity: Mapping[str, Any], given: Mapping[str, Any], key: str) -> None:
    end = given.get(key)
    if end is None or end == {} or _is_expression(end):
        return
    if not isinstance(end, Mapping):
        raise _wrong(activity, key, f"is {shown(end)}; an object is expected")
    kind = end.get("type")
    if not isinstance(kind, str) or not kind:
        raise _wrong(
            activity, f"{key}.type", f"is {shown(kind)}; a type such as 'DelimitedText{key.capitalize()}' is expected"
        )


def _reference(activity: Mapping[str, Any], value: Any, key: str) -> None:
    if value is None or value == {}:
        return
    name = value.get("referenceName") if isinstance(value, Mapping) else None
    if not isinstance(name, str) or not name:
        raise _wrong(activity, key, f"is {shown(value)}; a reference with a 'referenceName' is expected")


def _is_expression(value: Any) -> bool:
    if isinstance(value, str):
        return "@" in value
    return isinstance(value, Mapping) and str(value.get("type", "")).lower() == "expression"


def _wrong(activity: Mapping[str, Any], key: str, what: str) -> Refusal:
    name = str(activity["name"])
    return bad_request(f"The property '{key}' of the activity '{name}' of type {activity['type']} {what}.", name)


_CHECKS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], None]] = MappingProxyType(
    {
        "copy": _copy,
        "lookup": _lookup,
        "getmetadata": _with_dataset,
        "delete": _with_dataset,
        "script": _script,
        "sqlserverstoredprocedure": _procedure,
    }
)
"""By types in lower case."""
