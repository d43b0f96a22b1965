"""What schemathesis is told besides the document, so that requests get behind the first refusal: most name things that exist.

Half of all requests are left as they were generated. Which ones is decided by what was generated, so that a failure can be repeated.
"""

import json
import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import schemathesis
from schemathesis import HookContext

KNOWN: dict[str, str] = json.loads(os.environ["HEADRACE_TESTS_KNOWN"])
"""Ids by what stands before them in a path: ``flows`` to a flow's id."""
VALUES: dict[str, Any] = json.loads(os.environ["HEADRACE_TESTS_VALUES"])
"""What the collection kept of the things that it made."""
_FILES_SPEC = {"id": "6f0b0c1e-2f5c-4b7e-9d55-0a1a5f3c7e01", "version": "1.0"}
_FILES_FLOW = {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "version": "1.0"}
_LAKE_SPEC = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
_SCHEMA = {"id": VALUES["schema"], "contentType": "application/vnd.adobe.xed-full+json;version=1"}
_BODY: Mapping[str, Any] = {
    "flowId": VALUES["flow"],
    "sourceConnectionIds": [VALUES["source"]],
    "targetConnectionIds": [VALUES["target"]],
    "baseConnectionId": VALUES["files"],
    "dataSetId": VALUES["dataset"],
    "datasetId": VALUES["dataset"],
    "mappingId": VALUES["mapping"],
    "mappingSetId": VALUES["mapping"],
    "schemaRef": _SCHEMA,
    "xdmSchema": VALUES["schema"],
    "schema": _SCHEMA,
    "flowSpec": _FILES_FLOW,
    "auth": {"specName": "Directory", "params": {"rootPath": VALUES["ROOT"]}},
}
"""What stands in bodies under these names, wherever they come up."""
_SPECS = {"/connections": _FILES_SPEC, "/sourceConnections": _FILES_SPEC, "/targetConnections": _LAKE_SPEC}
_QUERY: Mapping[str, Any] = {"object": "customers.csv", "action": "COMPLETE", "dataSet": VALUES["dataset"]}
_FLOW, _CATALOG = "/data/foundation/flowservice", "/data/foundation/catalog"
_REGISTRY = "/data/foundation/schemaregistry/tenant"
_RESOURCE = {"type": "object", "title": "Spare", "allOf": [], "meta:intendedToExtend": []}
_SPARE: Mapping[str, tuple[str, Any, Callable[[Any], str]]] = {
    "connections": (f"{_FLOW}/connections?mode=draft", {"name": "spare"}, lambda made: made["id"]),
    "sourceConnections": (f"{_FLOW}/sourceConnections?mode=draft", {"name": "spare"}, lambda made: made["id"]),
    "targetConnections": (f"{_FLOW}/targetConnections?mode=draft", {"name": "spare"}, lambda made: made["id"]),
    "flows": (f"{_FLOW}/flows?mode=draft", {"name": "spare", "flowSpec": _FILES_FLOW}, lambda made: made["id"]),
    "mappingSets": ("/data/foundation/conversion/mappingSets", {"mappings": []}, lambda made: made["id"]),
    "dataSets": (f"{_CATALOG}/dataSets", {"name": "spare", "schemaRef": _SCHEMA}, lambda made: made[0][11:]),
    "schemas": (f"{_REGISTRY}/schemas", _RESOURCE, lambda made: made["meta:altId"]),
    "fieldgroups": (f"{_REGISTRY}/fieldgroups", _RESOURCE, lambda made: made["meta:altId"]),
}
"""What a removal is given: something made for it, so that everything else stays for the requests after it."""


@schemathesis.hook
def map_path_parameters(context: HookContext, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Put existing ids into every second path."""
    if not path_parameters or context.operation is None or not _chosen(path_parameters):
        return path_parameters
    path = context.operation.path.split("/")
    before = {name: path[path.index("{" + name + "}") - 1] for name in path_parameters if "{" + name + "}" in path}
    return {name: KNOWN.get(before.get(name, ""), value) for name, value in path_parameters.items()}


@schemathesis.hook
def map_headers(_: HookContext, headers: dict[str, Any] | None) -> dict[str, Any] | None:
    """Let every second change be one of the newest state."""
    if headers and "If-Match" in headers and _chosen(headers):
        return {**headers, "If-Match": "*"}
    return headers


@schemathesis.hook
def map_query(_: HookContext, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Name existing things in every second query."""
    if not query or not _chosen(query):
        return query
    return {name: _QUERY.get(name, value) for name, value in query.items()}


@schemathesis.hook
def map_body(context: HookContext, body: Any) -> Any:
    """Refer to existing things in every second body."""
    if not isinstance(body, dict | list) or context.operation is None or not _chosen(body):
        return body
    return _filled(body, _SPECS.get(context.operation.path.removeprefix(_FLOW).removesuffix("/{id}")))


@schemathesis.hook
def before_call(_: HookContext, case: Any, **__: object) -> None:
    """Make what a removal of something that exists is to remove."""
    if case.method.upper() != "DELETE":
        return
    for name, value in (case.path_parameters or {}).items():
        place = next((place for place, known in KNOWN.items() if known == value and place in _SPARE), "")
        if place:
            path, body, made_id = _SPARE[place]
            made = httpx.post(VALUES["GW"] + path, json=body, headers=VALUES["headers"], timeout=60)
            case.path_parameters[name] = made_id(made.raise_for_status().json())


def _filled(value: Any, spec: Any) -> Any:
    if isinstance(value, list):
        return [_filled(one, spec) for one in value]
    if not isinstance(value, dict):
        return value
    known = {**_BODY, **({"connectionSpec": spec, "path": "customers.csv"} if spec else {})}
    return {name: known[name] if name in known else _filled(inner, spec) for name, inner in value.items()}


def _chosen(generated: Any) -> bool:
    """Return whether this one of two is to name what exists: the same for the same, in every process."""
    return bool(zlib.crc32(repr(generated).encode("utf-8", "replace")) % 2)
