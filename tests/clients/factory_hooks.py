"""What schemathesis is told of the Data Factory door besides its document: most requests name things that exist.

A quarter of all requests are left as they were generated. Which ones is decided by what was generated, so that a failure can be repeated.
"""

import json
import os
import zlib
from typing import Any

import httpx
import schemathesis
from schemathesis import HookContext

KNOWN: dict[str, str] = json.loads(os.environ["HEADRACE_TESTS_KNOWN"])
"""Path parameters by their names, and things by the last word of the collection that they are in."""
BASE = KNOWN["base"]
_FACTORY = (
    f"{BASE}/subscriptions/{KNOWN['subscriptionId']}/resourceGroups/{KNOWN['resourceGroupName']}/providers"
    f"/Microsoft.DataFactory/factories/{KNOWN['factoryName']}"
)
_VERSION = {"api-version": "2018-06-01"}
_SPARE = "spare"
_ACTIVITIES = (
    {"name": "W", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}},
    {"name": "S", "type": "SetVariable", "typeProperties": {"variableName": "v", "value": "@concat('a', 1)"}},
    {
        "name": "L",
        "type": "ForEach",
        "typeProperties": {
            "items": "@createArray(1, 2)",
            "activities": [{"name": "I", "type": "Wait", "typeProperties": {"waitTimeInSeconds": "@item()"}}],
        },
    },
    {"name": "N", "type": "Copy", "typeProperties": {}},
)
_DRAFTS: dict[str, Any] = {
    "triggers": {
        "properties": {
            "type": "ScheduleTrigger",
            "typeProperties": {"recurrence": {"frequency": "Day", "startTime": "2026-01-01T00:00:00Z"}},
        }
    },
    "datasets": {
        "properties": {
            "type": "Json",
            "linkedServiceName": {"referenceName": "ls", "type": "LinkedServiceReference"},
            "typeProperties": {},
        }
    },
    "linkedservices": {"properties": {"type": "HttpServer", "typeProperties": {"url": "http://x"}}},
    "pipelines": {"properties": {"activities": [_ACTIVITIES[0]]}},
}


@schemathesis.hook
def map_path_parameters(context: HookContext, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Put what exists into most paths; what a removal would remove is always a spare one."""
    if not path_parameters or context.operation is None:
        return path_parameters
    chosen = _chosen(path_parameters)
    mapped = {name: KNOWN.get(name, value) if chosen else value for name, value in path_parameters.items()}
    if chosen and "name" in mapped:
        mapped["name"] = KNOWN.get(_collection(context.operation.path), mapped["name"])
    if context.operation.method.upper() in {"PUT", "DELETE"} and "name" in mapped and chosen:
        mapped["name"] = "default" if "globalParameters" in context.operation.path else _SPARE
    if context.operation.method.upper() == "DELETE" and context.operation.path.endswith("{factoryName}"):
        mapped["factoryName"] = _SPARE
    return mapped


@schemathesis.hook
def map_headers(_: HookContext, headers: dict[str, Any] | None) -> dict[str, Any] | None:
    """Let most changes be unconditional."""
    if headers and _chosen(headers):
        return {name: value for name, value in headers.items() if name.lower() not in {"if-match", "if-none-match"}}
    return headers


@schemathesis.hook
def map_query(_: HookContext, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Refer to a run that is there, in most queries."""
    if not query or not _chosen(query):
        return query
    mapped = {name: value for name, value in query.items() if name != "$skiptoken"}
    if "referencePipelineRunId" in mapped:
        mapped["referencePipelineRunId"] = KNOWN["runId"]
    return {**mapped, **({"startActivityName": "S"} if "startActivityName" in mapped else {})}


@schemathesis.hook
def map_body(context: HookContext, body: Any) -> Any:
    """Put activities that are some into most pipelines, and a window that is one into most queries."""
    if not isinstance(body, dict) or context.operation is None or not _chosen(body):
        return body
    if "properties" in body and context.operation.path.endswith("/pipelines/{name}"):
        properties = body["properties"] if isinstance(body["properties"], dict) else {}
        return {**body, "properties": {**properties, "activities": list(_ACTIVITIES[: 1 + len(properties) % 4])}}
    if "lastUpdatedAfter" in body:
        window = {"lastUpdatedAfter": "2020-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
        return {**{name: value for name, value in body.items() if name != "continuationToken"}, **window}
    return body


@schemathesis.hook
def before_call(_: HookContext, case: Any, **__: object) -> None:
    """Make what a removal is to remove."""
    if case.method.upper() != "DELETE" or _SPARE not in (case.path_parameters or {}).values():
        return
    draft = _DRAFTS.get(_collection(case.operation.path).lower())
    if draft is not None:
        httpx.put(f"{_FACTORY}/{_collection(case.operation.path)}/{_SPARE}", params=_VERSION, json=draft, timeout=60)


def _collection(path: str) -> str:
    """Return what stands before ``{name}`` in a path."""
    before, found, _ = path.partition("/{name}")
    return before.rpartition("/")[2] if found else ""


def _chosen(generated: Any) -> bool:
    """Return whether these are to name what exists: the same for the same, in every process."""
    return bool(zlib.crc32(repr(generated).encode("utf-8", "replace")) % 4)
