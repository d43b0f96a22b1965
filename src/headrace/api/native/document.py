"""The OpenAPI document, made from the table of operations and the dataclasses that they name."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from headrace import __version__
from headrace.api.native.door import PREFIX
from headrace.api.native.paths import HEALTH, METRICS, READY
from headrace.api.native.routes import IDEMPOTENCY_KEY, IN_QUERY, LONGEST_KEY, NDJSON, REQUEST_KEY, AnyOperation, answer
from headrace.api.native.schemas import EXAMPLE_INSTANT, Schema, Schemas, reference_to
from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.native.operation import Download, Nothing
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import members_of

router = APIRouter()
JSON, EVENTS, TEXT = "application/json", "text/event-stream", "text/plain"
_EXAMPLES = {"run": "@latest", "batch": "@latest", "limit": 50, "since": EXAMPLE_INSTANT}
_BINARY: Schema = {"type": "string", "format": "binary"}
_REFUSED = {
    "400": "The request cannot be read.",
    "401": "No token, or one that is unknown, expired or revoked.",
    "403": "The caller's role is too low.",
    "404": "It is not there, or not for this caller.",
    "409": "The present state does not allow this.",
    "413": "The body is too long.",
    "422": "What is asked does not fit; `fields` has every error.",
    "429": "The client asks too often.",
    "503": "The ledger cannot be reached now; it is safe to repeat.",
}
_ABOUT = (
    "The operations that the console and the command line are made of, over HTTP. Scopes are looked at for every request: what lies in one that the "
    "caller does not reach is not there."
)


@router.get(PREFIX + "/openapi.json")
def show() -> Response:
    """Answer with the OpenAPI document."""
    return answer(document())


@cache
def document() -> Schema:
    """Return the document."""
    schemas = Schemas()
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(schemas, operation)
    schemas.named["Refused"] = _refused_schema(schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headrace: native API", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(tag_of(one) for one in OPERATIONS)] + [{"name": "server"}],
        "paths": {**paths, **_further_paths()},
        "components": {"schemas": schemas.named, "securitySchemes": _security()},
        "security": [{"token": []}, {"client": []}],
    }


def tag_of(operation: AnyOperation) -> str:
    """Return the noun that an operation is about."""
    first, dot, _ = operation.name.partition(".")
    return first if dot else "installation"


def _operation(schemas: Schemas, operation: AnyOperation) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the role `{operation.role}`.",
        "tags": [tag_of(operation)],
        "parameters": list(_parameters(schemas, operation)),
        "responses": {**_told(schemas, operation), **_refusals()},
    }
    if operation.sends:
        rows = {"content": {NDJSON: {"schema": _BINARY}}, "required": True}
        return {**described, "requestBody": rows}
    body = schemas.body(operation.asked, operation.path_names)
    if operation.method in IN_QUERY or not body["properties"]:
        return described
    return {**described, "requestBody": {"content": {JSON: {"schema": body}}, "required": "required" in body}}


def _parameters(schemas: Schemas, operation: AnyOperation) -> Iterator[Schema]:
    members = members_of(operation.asked)
    in_query = operation.sends or operation.method in IN_QUERY
    for name, hint in members.items():
        in_path = name in operation.path_names
        if in_path or in_query:
            schema = schemas.member(operation.asked, name, hint)
            # None cannot be written in a query: leaving it out says it.
            yield _parameter(name, _without_null(schema), in_path=in_path, hint=hint)
    if REQUEST_KEY in members:
        key = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
        words = f"Fills `{REQUEST_KEY}`: asking again with the same one changes nothing more."
        yield {"name": IDEMPOTENCY_KEY, "in": "header", "schema": key, "description": words}


def _parameter(name: str, schema: Schema, *, in_path: bool, hint: Any) -> Schema:
    words = schema.pop("description", None)
    example = _EXAMPLES.get(name) if hint is not Instant else EXAMPLE_INSTANT
    needed = in_path or ("default" not in schema and hint in {str, int, bool})
    parameter: Schema = {"name": name, "in": "path" if in_path else "query", "required": needed, "schema": schema}
    if words:
        parameter["description"] = words
    if example is not None:
        parameter["example"] = example
    return parameter


def _without_null(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), list):
        return {**schema, "type": schema["type"][0]}
    if "anyOf" in schema:
        return {**{key: value for key, value in schema.items() if key != "anyOf"}, **schema["anyOf"][0]}
    return schema


def _told(schemas: Schemas, operation: AnyOperation) -> Schema:
    if operation.told is Download:
        content = {media_type: {"schema": _BINARY} for media_type in (NDJSON, "text/csv")}
        return {"200": {"description": "The file, as an attachment.", "content": content}}
    if operation.told is Nothing:
        return {"204": {"description": "Done."}}
    return {"200": {"description": "Told.", "content": {JSON: {"schema": schemas.of(operation.told)}}}}


def _refusals() -> Schema:
    content = {JSON: {"schema": reference_to("Refused")}}
    return {
        **{status: {"description": words, "content": content} for status, words in _REFUSED.items()},
        "default": {"description": "Another refusal.", "content": content},
    }


def _refused_schema(schemas: Schemas) -> Schema:
    text = {"type": "string"}
    members = {
        "code": schemas.of(Code),
        "message": text,
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": text, "message": text, "hint": text},
                "required": ["path", "message", "hint"],
            },
        },
        "request_id": {**text, "description": "The log has what happened under this id."},
    }
    error = {"type": "object", "properties": members, "required": list(members)}
    words = "Why a request was refused: what kind of thing is wrong, what is wrong with each field, and what would be right."
    return {"type": "object", "description": words, "properties": {"error": error}, "required": ["error"]}


def _security() -> Schema:
    flow = {"tokenUrl": f"{PREFIX}/token", "scopes": {}}
    words = "A token that the token endpoint gave, or a static one."
    return {
        "token": {"type": "http", "scheme": "bearer", "description": words},
        "client": {"type": "oauth2", "flows": {"clientCredentials": flow}},
    }


# What is no operation


def _further_paths() -> Schema:
    following = _get(
        "runs.events",
        "Follow all runs",
        "Server-sent events: `changed` with a revision whenever something of the newest runs is another than before.",
        {EVENTS: {"schema": {"type": "string"}}},
    )
    run = {"name": "run", "in": "path", "required": True, "schema": {"type": "string"}, "example": "@latest"}
    one = _get(
        "runs.follow",
        "Follow a run",
        "Server-sent events: `changed` with the run's revision; `ended` when nothing of it can change any more.",
        {EVENTS: {"schema": {"type": "string"}}},
    )
    return {
        f"{PREFIX}/runs/events": {"get": {**following, "tags": ["runs"], "parameters": [_since()]}},
        f"{PREFIX}/runs/{{run}}/events": {"get": {**one, "tags": ["runs"], "parameters": [run, _since()]}},
        f"{PREFIX}/token": {"post": _token()},
        f"{PREFIX}/openapi.json": {"get": _get("openapi", "Show this document", "", {JSON: {"schema": {}}})},
        HEALTH: {"get": {**_status("health", "Say that the process answers"), "security": []}},
        READY: {"get": {**_status("ready", "Say whether the installation can take work"), "security": []}},
        METRICS: {"get": _get("metrics", "Show figures for Prometheus", "", {TEXT: {"schema": {"type": "string"}}})},
    }


def _get(name: str, summary: str, description: str, content: Schema) -> Schema:
    told = {"description": "Told.", "content": content}
    described = {"operationId": name, "summary": summary, "tags": ["server"], "responses": {"200": told, **_refusals()}}
    return {**described, "description": description} if description else described


def _since() -> Schema:
    words = "The revision that is known already; a browser's `Last-Event-ID` counts more."
    return {"name": "since", "in": "query", "required": False, "schema": {"type": "string"}, "description": words}


def _status(name: str, summary: str) -> Schema:
    content = {JSON: {"schema": {"type": "object", "properties": {"status": {"type": "string"}}}}}
    described = _get(name, summary, "Open to all.", content)
    return {**described, "responses": {"200": described["responses"]["200"], "default": _not_ready(content)}}


def _not_ready(content: Schema) -> Schema:
    return {"description": "Not so; `problems` says why.", "content": content}


def _token() -> Schema:
    text = {"type": "string"}
    asked = {
        "type": "object",
        "properties": {
            "grant_type": {"type": "string", "enum": ["client_credentials"]},
            "client_id": text,
            "client_secret": {"type": "string", "format": "password"},
        },
    }
    members = {"access_token": text, "token_type": text, "expires_in": {"type": "integer", "description": "Seconds."}}
    told = {"type": "object", "properties": members, "required": list(members)}
    return {
        "operationId": "token",
        "summary": "Give a token for a client's id and secret",
        "description": "A form, JSON, or HTTP Basic.",
        "tags": ["server"],
        "security": [],
        "requestBody": {
            "content": {"application/x-www-form-urlencoded": {"schema": asked}, JSON: {"schema": asked}},
            "required": False,
        },
        "responses": {"200": {"description": "A token.", "content": {JSON: {"schema": told}}}, **_refusals()},
    }
