"""The door's OpenAPI document, put together from the tables in ``openapi/``.

It is written by hand and not derived from the handlers, since what is published is a contract: the handlers answer with the exact shapes of
another's API, and tests ask whether they keep to what is written here (every route has its operation, and schemathesis asks them all).
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

METHODS = frozenset({"get", "put", "post", "patch", "delete", "head"})
_LIST = ("property", "limit", "orderby", "continuationToken", "count")
_JSON = "application/json"
_XED = (
    _JSON,
    "application/vnd.adobe.xed-full+json",
    "application/vnd.adobe.xed+json",
    "application/vnd.adobe.xed-id+json",
)
_ENVELOPE = re.compile(r"(Page|One)<(\w+)>")
_PLACE = re.compile(r"\{(\w+)\}")

Item = dict[Any, Any]


@cache
def document() -> Item:
    """Return the OpenAPI 3.1 document of all operations."""
    services = _read("services")
    operations = _read("operations")
    paths: Item = {}
    for name, service in services.items():
        for path, methods in operations[name].items():
            whole = service["base"] + path
            paths[whole] = {"parameters": list(_places(whole))} | {
                method: _operation(name, service, method, whole, described) for method, described in methods.items()
            }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace: Flow Service",
            "version": "1.0",
            "description": "Adobe's Flow Service and the neighbours that its clients need, served by Headrace.",
        },
        "tags": [{"name": name, "description": service["about"]} for name, service in services.items()],
        "paths": paths,
        "components": {
            "schemas": _read("schemas"),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


@cache
def _read(name: str) -> Item:
    """Return a table, which nobody changes: reading YAML is slow, and every operation looks at the parameters."""
    text = (files(__package__) / "openapi" / f"{name}.yaml").read_text(encoding="utf-8")
    loaded: Item = yaml.safe_load(text)
    return loaded


def _operation(name: str, service: Item, method: str, path: str, described: Item) -> Item:
    answers = {status: described[status] for status in described if not isinstance(status, str)}
    words = re.findall(r"[A-Za-z0-9]+", path.removeprefix("/data/foundation"))
    operation: Item = {
        "operationId": "_".join([method, *words]),
        "summary": described["does"],
        "tags": [name],
        "parameters": [*_headers(service, described), *_query(described)],
        "responses": {
            **{str(status): _answer(shapes, "Done") for status, shapes in answers.items()},
            **{str(status): _answer(shapes, "Refused") for status, shapes in service["refused"].items()},
        },
        "security": [{"token": []}] if service["headers"] else [],
    }
    if "body" in described:
        text = described["body"]
        shape, _, media = text.rstrip("?").partition(" ")
        operation["requestBody"] = {
            "required": not text.endswith("?"),
            "content": {media or _JSON: {"schema": _shape(shape)}},
        }
    return operation


def _places(path: str) -> Iterator[Item]:
    for name in _PLACE.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _headers(service: Item, described: Item) -> Iterator[Item]:
    for header in (*service["headers"], *(f"{name}?" for name in described.get("headers", ()) if name != "Accept")):
        yield {
            "name": header.rstrip("?"),
            "in": "header",
            "required": not header.endswith("?"),
            "schema": {"type": "string"},
        }


def _query(described: Item) -> Iterator[Item]:
    known = _read("parameters")
    names = [inner for name in described.get("query", ()) for inner in (_LIST if name == "list" else (name,))]
    for name in names:
        parameter = known[name]
        schema = parameter["schema"]
        yield {
            "name": name,
            "in": "query",
            "required": bool(parameter.get("needed")),
            "schema": {"type": "array", "items": schema} if parameter.get("many") else schema,
            **({"description": parameter["about"]} if "about" in parameter else {}),
        }


def _answer(shapes: str | list[str], words: str) -> Item:
    """Return one response; shapes of one media type are alternatives, ``-`` is an empty body."""
    by_media: dict[str, list[Item]] = {}
    for text in [shapes] if isinstance(shapes, str) else shapes:
        if text == "-":
            continue
        shape, _, media = text.partition(" ")
        for one in _XED if media == "xed" else (media or _JSON,):
            by_media.setdefault(one, []).append(_shape(shape))
    content: Mapping[str, Item] = {
        media: {"schema": found[0] if len(found) == 1 else {"anyOf": found}} for media, found in by_media.items()
    }
    return {"description": words, **({"content": content} if content else {})}


def _shape(text: str) -> Item:
    envelope = _ENVELOPE.fullmatch(text)
    if envelope is None:
        return {"$ref": f"#/components/schemas/{text}"}
    inner = {"$ref": f"#/components/schemas/{envelope[2]}"}
    if envelope[1] == "One":
        return {
            "type": "object",
            "required": ["items"],
            "properties": {"items": {"type": "array", "minItems": 1, "maxItems": 1, "items": inner}},
        }
    # A projection returns what it was asked for, so the items' own required fields hold for whole items only.
    return {
        "anyOf": [
            {
                "type": "object",
                "required": ["items", "_links"],
                "properties": {
                    "items": {"type": "array", "items": inner},
                    "_links": {"$ref": "#/components/schemas/Links"},
                },
            },
            {
                "type": "object",
                "required": ["items", "_links"],
                "properties": {"items": {"type": "array", "items": {"type": "object", "maxProperties": 12}}},
            },
            {"$ref": "#/components/schemas/Count"},
        ]
    }


def paths_table() -> str:
    """Return the table of operations as ``docs/reference/flow-service.md`` has it."""
    rows = [
        f"| {method.upper()} | `{path}` | {operation['summary']} |"
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    return "\n".join(["| | path | what it does |", "|---|---|---|", *rows])
