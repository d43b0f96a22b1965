"""The door's OpenAPI document, put together from the tables in ``openapi/``: one file for each group of routes, and ``shared``.

It is written by hand and not derived from the handlers, since what is published is a contract; tests hold it against the routes. A group says:

    tag: Jobs
    paths:
      /jobs:                          # below /v1; a path that begins with // is a whole one: //time/0
        get: {id: listJobs, does: List jobs, query: [spaceId, pageSize], pages: Job}
        post: {id: createJob, does: Make a job, body: JobConfig, answers: Job}
    parameters:                       # those that only this group has
      excludeChildJobs: {type: boolean}
    schemas:
      Job: {type: object, required: [id], properties: {…}}

What an operation answers: ``answers: X`` ``{data: X}``, ``lists: X`` ``{data: X[]}``, ``pages: X`` the same with pagination, ``success: true``
``{data: {success: true}}``, ``bare: X`` X itself, ``bares: X`` an array of X, ``raw: text/csv`` other bytes. What it takes: ``body: X`` (``X?``:
it may be left out), ``bodies: X`` an array of X,
``form: X`` a multipart form, ``takes: application/jsonl`` other bytes; ``query: […]``, ``headers: […]``.
``open: true``: nobody is asked for a token.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.mounts import API
from headrace.api.jobs.wire import answer

router = APIRouter()

METHODS = frozenset({"get", "put", "post", "patch", "delete"})
_SHARED = "shared"
_PLACE = re.compile(r"\{(\w+)\}")
_JSON = "application/json"
_REFUSED = ("400", "401", "403", "404")

Item = dict[Any, Any]


@router.get("/openapi.json", include_in_schema=False)
def show_document() -> Response:
    """Answer with the door's OpenAPI document."""
    return answer(document())


@cache
def document() -> Item:
    """Return the OpenAPI 3.1 document of all operations."""
    paths: Item = {}
    schemas: Item = dict(_read(_SHARED)["schemas"])
    for name in _groups():
        group = _read(name)
        schemas.update(group.get("schemas", {}))
        for path, methods in group["paths"].items():
            whole = path[1:] if path.startswith("//") else API + path
            paths.setdefault(whole, {"parameters": list(_places(whole))}).update(
                {method: _operation(group, described) for method, described in methods.items()}
            )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace: Jobs",
            "version": "1",
            "description": "The Flatfile Platform API as far as Headrace serves it. What is below /v1 is below /api/v1 too.",
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(_read(name)["tag"] for name in _groups())],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def paths_table() -> str:
    """Return the table of operations as ``docs/reference/jobs.md`` has it; paths are those below ``/v1``."""
    rows = [
        f"| {method.upper()} | `{path.removeprefix(API) if path.startswith(API + '/') else path}` | {operation['summary']} |"
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    return "\n".join(["| | path | what it does |", "|---|---|---|", *rows])


def _groups() -> list[str]:
    names = [file.name for file in (files(__package__) / "openapi").iterdir() if file.name.endswith(".yaml")]
    found = sorted(name.removesuffix(".yaml") for name in names)
    found.remove(_SHARED)
    # Jobs come first, whatever else there is.
    return sorted(found, key=lambda name: (name != "jobs", name))


@cache
def _read(name: str) -> Item:
    """Return a table, which nobody changes."""
    text = (files(__package__) / "openapi" / f"{name}.yaml").read_text(encoding="utf-8")
    loaded: Item = yaml.safe_load(text)
    return loaded


def _operation(group: Item, described: Item) -> Item:
    is_open = described.get("open", False)
    refused = {status: _content("Refused", _JSON, _shape("Errors")) for status in _REFUSED}
    operation: Item = {
        "operationId": described["id"],
        "summary": described["does"],
        "tags": [group["tag"]],
        "parameters": list(_parameters(group, described)),
        "responses": {"200": _done(described), **refused},
        "security": [] if is_open else [{"token": []}],
    }
    body = _body(described)
    return operation if body is None else {**operation, "requestBody": body}


def _body(described: Item) -> Item | None:
    if "takes" in described:
        return {"required": True, "content": {described["takes"]: {}}}
    if "form" in described:
        return {"required": True, "content": {"multipart/form-data": {"schema": _shape(described["form"])}}}
    name: str | None = described.get("body", described.get("bodies"))
    if name is None:
        return None
    shape = _shape(name.rstrip("?"))
    schema = {"type": "array", "items": shape} if "bodies" in described else shape
    return {"required": not name.endswith("?"), "content": {_JSON: {"schema": schema}}}


def _done(described: Item) -> Item:
    if "raw" in described:
        return _content("Done", described["raw"], {})
    if "bare" in described:
        return _content("Done", _JSON, _shape(described["bare"]))
    if "bares" in described:
        return _content("Done", _JSON, {"type": "array", "items": _shape(described["bares"])})
    if "answers" in described:
        return _content("Done", _JSON, _wrapped(_shape(described["answers"])))
    if "success" in described:
        return _content("Done", _JSON, _shape("Success"))
    wrapped = _wrapped({"type": "array", "items": _shape(described.get("lists", described.get("pages")))})
    if "pages" in described:
        wrapped["properties"]["pagination"] = _shape("Pagination")
        wrapped["required"].append("pagination")
    return _content("Done", _JSON, wrapped)


def _wrapped(shape: Item) -> Item:
    return {"type": "object", "required": ["data"], "properties": {"data": shape}}


def _content(words: str, media: str, shape: Item) -> Item:
    return {"description": words, "content": {media: {"schema": shape}}}


def _places(path: str) -> Iterator[Item]:
    for name in _PLACE.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _parameters(group: Item, described: Item) -> Iterator[Item]:
    known = {**_read(_SHARED)["parameters"], **group.get("parameters", {})}
    for where, place in (("query", "query"), ("headers", "header")):
        for name in described.get(where, ()):
            about = known[name]
            schema = {key: value for key, value in about.items() if key not in {"required", "name"}}
            # Two parameters of one name and different forms have a "name" each.
            yield {
                "name": about.get("name", name),
                "in": place,
                "required": about.get("required", False),
                "schema": schema,
            }


def _shape(name: Any) -> Item:
    return {"$ref": f"#/components/schemas/{name}"}
