"""Types that azure-mgmt-datafactory 10.0.0 leaves out or writes wrongly for its typed models (contract 14.1): repaired where they are unambiguous.

What is stored has the right type. Whatever has another form than the contract says is passed through as it is: ``checks`` refuses it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from headrace.api.datafactory.errors import Refusal, bad_request
from headrace.api.datafactory.wire import Item

CONTAINER = "Container"
EXECUTION = "Execution"
MULTIPLE = "MultiplePipelineTrigger"
INNER_LISTS = ("activities", "ifTrueActivities", "ifFalseActivities", "defaultActivities")
"""Properties of containers that are lists of activities; a Switch has further ones in its ``cases``."""

_Rule = tuple[str, Callable[[Mapping[str, Any]], bool]]


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda given: all(name in given for name in names)


def _any(first: str, *names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda given: first in given and any(name in given for name in names)


_CONTAINERS: tuple[_Rule, ...] = (
    ("Wait", _has("waitTimeInSeconds")),
    ("ForEach", _has("items", "activities")),
    ("Filter", _has("items", "condition")),
    ("Until", _has("expression", "activities")),
    ("IfCondition", _has("expression")),
    ("Switch", _has("on")),
    ("ExecutePipeline", _has("pipeline")),
    ("Fail", _has("message", "errorCode")),
    ("WebHook", _has("url")),
    ("Validation", _has("dataset")),
)
_EXECUTIONS: tuple[_Rule, ...] = (
    ("Copy", _has("source", "sink")),
    ("Lookup", _has("source", "dataset")),
    ("GetMetadata", _has("dataset", "fieldList")),
    ("Delete", _any("dataset", "enableLogging", "logStorageSettings", "recursive", "maxConcurrentConnections")),
    ("WebActivity", _has("url")),
    ("AzureFunctionActivity", _has("functionName")),
    ("SqlServerStoredProcedure", _has("storedProcedureName")),
    ("Script", _has("scripts")),
    ("ExecuteDataFlow", _has("dataFlow")),
    ("Custom", _has("command")),
)
_TRIGGERS: tuple[_Rule, ...] = (
    ("ScheduleTrigger", _has("recurrence")),
    ("TumblingWindowTrigger", _has("maxConcurrency", "frequency")),
    ("BlobEventsTrigger", _has("blobPathBeginsWith")),
    ("BlobEventsTrigger", _has("blobPathEndsWith")),
)
_DATASETS: tuple[_Rule, ...] = (
    ("DelimitedText", _any("location", "columnDelimiter", "rowDelimiter", "quoteChar", "escapeChar")),
    ("Excel", _any("location", "sheetName", "sheetIndex", "range")),
    ("Avro", _has("location", "avroCompressionCodec")),
    ("RestResource", _has("relativeUrl")),
)
_TABLES = {"SqlServer": "SqlServerTable", "AzureSqlDatabase": "AzureSqlTable"}
_OF_TABLES = frozenset({"table", "schema", "tableName"})


def repair_pipeline(properties: Mapping[str, Any]) -> Item:
    """Return a pipeline's properties with the types of its activities, inner ones included.

    Raises:
        Refusal: 400: a type that the client wrote by mistake, and that cannot be told.
    """
    arrays = {
        name.lower()
        for name, declared in _object(properties.get("variables")).items()
        if str(_object(declared).get("type")).lower() == "array"
    }
    repaired = dict(properties)
    if "activities" in repaired:
        repaired["activities"] = _activities(repaired["activities"], arrays)
    return repaired


def repair_trigger(name: str, properties: Mapping[str, Any]) -> Item:
    """Return a trigger's properties with its type.

    Raises:
        Refusal: 400: it cannot be told.
    """
    written = properties.get("type")
    if written is not None and written != MULTIPLE:
        return dict(properties)
    found = _first(_TRIGGERS, _object(properties.get("typeProperties")))
    if found is None and written == MULTIPLE:
        raise unusable(MULTIPLE, name)
    return _typed(properties, found)


def repair_dataset(properties: Mapping[str, Any], type_of_service: Callable[[str], str | None]) -> Item:
    """Return a dataset's properties with its type, where it can be told; ``type_of_service`` gives a linked service's by its name."""
    if properties.get("type") is not None:
        return dict(properties)
    given = _object(properties.get("typeProperties"))
    found = _first(_DATASETS, given)
    if found is None and _OF_TABLES & set(given):
        service = _object(properties.get("linkedServiceName")).get("referenceName")
        kind = type_of_service(service) if isinstance(service, str) else None
        found = None if kind is None else _TABLES.get(kind, f"{kind}Table")
    return _typed(properties, found)


def repair_linked_service(properties: Mapping[str, Any]) -> Item:
    """Return a linked service's properties with its type, where it can be told."""
    given = _object(properties.get("typeProperties"))
    if properties.get("type") is None and "serviceUrl" in given and "forcePathStyle" in given:
        return _typed(properties, "AmazonS3Compatible")
    return dict(properties)


def unusable(written: str, name: str) -> Refusal:
    """Return 400: the type is one that the client writes by mistake."""
    return bad_request(
        f"The type '{written}' of '{name}' is not a usable type. azure-mgmt-datafactory 10.0.0 writes it by mistake for typed models: "
        "pass a dict, set .type after construction, or use 9.2.0.",
        name,
    )


def _activities(value: Any, arrays: set[str]) -> Any:
    if not isinstance(value, list):
        return value
    return [_activity(item, arrays) if isinstance(item, dict) else item for item in value]


def _activity(activity: Item, arrays: set[str]) -> Item:
    given = activity.get("typeProperties")
    repaired = dict(activity)
    written = activity.get("type")
    if isinstance(written, str) and written in {CONTAINER, EXECUTION}:
        found = _told(written, _object(given), arrays)
        if found is None:
            raise unusable(written, str(activity.get("name", "")))
        repaired["type"] = found
    if isinstance(given, dict):
        inner = {name: _activities(given[name], arrays) for name in INNER_LISTS if name in given}
        if isinstance(given.get("cases"), list):
            inner["cases"] = [_case(case, arrays) for case in given["cases"]]
        repaired["typeProperties"] = {**given, **inner}
    return repaired


def _case(case: Any, arrays: set[str]) -> Any:
    if not isinstance(case, dict) or "activities" not in case:
        return case
    return {**case, "activities": _activities(case["activities"], arrays)}


def _told(written: str, given: Mapping[str, Any], arrays: set[str]) -> str | None:
    if written == EXECUTION:
        return _first(_EXECUTIONS, given)
    found = _first(_CONTAINERS, given)
    if found is None and "variableName" in given:
        # An AppendVariable to an Array looks the same.
        is_array = str(given["variableName"]).lower() in arrays
        return "SetVariable" if "setSystemVariable" in given or not is_array else None
    return found


def _first(rules: tuple[_Rule, ...], given: Mapping[str, Any]) -> str | None:
    return next((kind for kind, holds in rules if holds(given)), None)


def _typed(properties: Mapping[str, Any], kind: str | None) -> Item:
    if kind is None:
        return dict(properties)
    if "type" in properties:
        return {**properties, "type": kind}
    return {"type": kind, **properties}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
