"""The door's OpenAPI document, put together from the tables in ``openapi/``.

It is written by hand and not derived from the handlers, since what is published is a contract; tests hold it against the routes.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

METHODS = frozenset({"get", "put", "post", "patch", "delete"})
_PROVIDER = "/providers/Microsoft.DataFactory"
_PLACES = {
    "subscription": f"/subscriptions/{{subscriptionId}}{_PROVIDER}",
    "group": f"/subscriptions/{{subscriptionId}}/resourceGroups/{{resourceGroupName}}{_PROVIDER}",
    "factory": f"/subscriptions/{{subscriptionId}}/resourceGroups/{{resourceGroupName}}{_PROVIDER}/factories/{{factoryName}}",
}
_PLACE = re.compile(r"\{(\w+)\}")
_NAME = {"maxLength": 260, "pattern": r"^[A-Za-z0-9_][^<>*#.%&:\\+?/]*$"}
_NAMES = {
    "resourceGroupName": {"maxLength": 90, "pattern": r"^[-\w._()]+$"},
    "factoryName": {"minLength": 3, "maxLength": 63, "pattern": "^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$"},
    "name": _NAME,
    "pipeline": _NAME,
}
_JSON = "application/json"
_VERSION = {"name": "api-version", "in": "query", "required": True, "schema": {"type": "string", "const": "2018-06-01"}}

Item = dict[Any, Any]


@cache
def document() -> Item:
    """Return the OpenAPI 3.1 document of all operations."""
    paths: Item = {}
    for group in (*_read("operations")["groups"], *_collections()):
        base = _PLACES.get(group.get("at", ""), "")
        for path, methods in group["paths"].items():
            paths.setdefault(base + path, {"parameters": list(_places(base + path))}).update(
                {method: _operation(group, described) for method, described in methods.items()}
            )
    tags = dict.fromkeys(group["tag"] for group in (*_read("operations")["groups"], *_collections()))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace: Data Factory",
            "version": "2018-06-01",
            "description": "The management API of Azure Data Factory, served by Headrace. Fixed segments and names match in any case.",
        },
        "tags": [{"name": name} for name in tags],
        "paths": paths,
        "components": {
            "schemas": _read("schemas"),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def paths_table() -> str:
    """Return the table of operations as ``docs/reference/data-factory.md`` has it; B is the path of a factory."""
    rows = [
        f"| {method.upper()} | `{path.replace(_PLACES['factory'], 'B')}` | {operation['summary']} |"
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    return "\n".join(["| | path | what it does |", "|---|---|---|", *rows])


@cache
def _read(name: str) -> Item:
    """Return a table, which nobody changes."""
    text = (files(__package__) / "openapi" / f"{name}.yaml").read_text(encoding="utf-8")
    loaded: Item = yaml.safe_load(text)
    return loaded


def _collections() -> Iterator[Item]:
    """Return the operations of every collection, which are the same for all."""
    for segment, about in _read("operations")["collections"].items():
        tag, one = about["tag"], about["one"]
        changing = ["If-Match", "If-None-Match"]
        yield {
            "tag": tag,
            "at": "factory",
            "paths": {
                f"/{segment}": {
                    "get": {
                        "id": f"{tag}_ListByFactory",
                        "does": f"List {about['many']}",
                        "query": ["$skiptoken"],
                        200: "ResourceList",
                    }
                },
                f"/{segment}/{{name}}": {
                    "get": {
                        "id": f"{tag}_Get",
                        "does": f"Show {one}",
                        "headers": ["If-None-Match"],
                        200: about["shape"],
                        304: "-",
                    },
                    "put": {
                        "id": f"{tag}_CreateOrUpdate",
                        "does": f"Make or replace {one}",
                        "headers": changing,
                        "body": about["draft"],
                        200: about["shape"],
                    },
                    "delete": {
                        "id": f"{tag}_Delete",
                        "does": f"Remove {one}",
                        "headers": ["If-Match"],
                        200: "-",
                        204: "-",
                    },
                },
            },
        }


def _operation(group: Item, described: Item) -> Item:
    is_open = group.get("open", False)
    answers = {status: shape for status, shape in described.items() if not isinstance(status, str)}
    refused = {} if is_open else _read("operations")["refused"]
    operation: Item = {
        "operationId": described["id"],
        "summary": described["does"],
        "tags": [group["tag"]],
        "parameters": [*([] if is_open else [_VERSION]), *_parameters(described)],
        "responses": {str(status): _answer(shape) for status, shape in {**answers, **refused}.items()},
        "security": [] if is_open else [{"token": []}],
    }
    if "body" in described:
        shape, _, media = described["body"].rstrip("?").partition(" ")
        content = {media or _JSON: {"schema": _shape(shape)}}
        operation["requestBody"] = {"required": not described["body"].endswith("?"), "content": content}
    return operation


def _places(path: str) -> Iterator[Item]:
    for name in _PLACE.findall(path):
        schema = {"type": "string", "minLength": 1, **_NAMES.get(name, {})}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _parameters(described: Item) -> Iterator[Item]:
    known = _read("parameters")
    for name in (*described.get("headers", ()), *described.get("query", ())):
        about = known[name]
        yield {
            "name": name,
            "in": about["in"],
            "required": False,
            "schema": about["schema"],
            "description": about["about"],
        }


def _answer(shape: str) -> Item:
    words = "Refused" if shape in {"Error", "TokenError"} else "Done"
    return {"description": words} | ({} if shape == "-" else {"content": {_JSON: {"schema": _shape(shape)}}})


def _shape(name: str) -> Item:
    return {"$ref": f"#/components/schemas/{name}"}
