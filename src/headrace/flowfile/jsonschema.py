"""The JSON Schema of flow files, made from the same table that files are read by."""

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any

from headrace.core.codec import Json, encode
from headrace.flowfile.conditions import COMPARATORS, IN, NOT
from headrace.flowfile.connections import OUTSIDE
from headrace.flowfile.document import FURTHER_DOCS, SHORT_FORMS, Document, hints_of, is_json

_TEXT_WITH_PARAMETER = {"type": "string", "pattern": "\\$\\{"}
"""What may stand for any value: a text with a parameter in it."""
_SCALARS: Mapping[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def json_schema() -> Mapping[str, Json]:
    """Return the JSON Schema (2020-12) of a flow file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Headrace flow file",
        **_object(Document),
        "$defs": {"where": _where()},
    }


def _where() -> Json:
    """Return the schema of a condition, which refers to itself."""
    itself: Json = {"$ref": "#/$defs/where"}
    scalar: Json = {"type": ["string", "number", "boolean", "null"]}
    values: Json = {"type": "array", "items": scalar, "minItems": 1}
    ordered: Json = {"type": ["string", "number", "boolean"]}
    operators = {
        **dict.fromkeys(COMPARATORS, ordered),
        "=": scalar,
        "!=": scalar,
        "like": {"type": "string"},
        IN: values,
        NOT: {},
    }
    column: Json = {
        "anyOf": [
            scalar,
            values,
            {"type": "object", "properties": operators, "additionalProperties": False, "minProperties": 1},
        ]
    }
    parts: Json = {"type": "array", "items": itself, "minItems": 1}
    return {
        "type": "object",
        "description": "Column: value, list of values, null, or comparisons; all, any and not put conditions together.",
        "minProperties": 1,
        "properties": {"all": parts, "any": parts, "not": itself},
        "additionalProperties": column,
    }


def _object(cls: type) -> dict[str, Json]:
    hints = hints_of(cls)
    properties: dict[str, Json] = {}
    required: list[str] = []
    for field in dataclasses.fields(cls):
        properties[field.name] = _property(cls, field, hints[field.name])
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(field.name)
    schema: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    if cls.__doc__ and cls not in FURTHER_DOCS:
        schema["description"] = cls.__doc__
    return {**schema, "required": required} if required else schema


def _property(cls: type, field: "dataclasses.Field[Any]", hint: Any) -> Json:
    schema: dict[str, Json] = {
        "description": field.metadata.get("doc") or FURTHER_DOCS[cls][field.name],
        **_schema(hint),
    }
    if field.metadata.get("shape"):
        schema = {"description": schema["description"], "$ref": f"#/$defs/{field.metadata['shape']}"}
    if field.metadata.get("secret"):
        schema = {"description": schema["description"], "type": "string", "pattern": OUTSIDE}
    if field.metadata.get("one"):
        schema = {"description": schema["description"], "anyOf": [{"type": "string"}, *_list(_schema(hint))]}
    if field.metadata.get("example") is not None:
        schema["examples"] = [field.metadata["example"]]
    if field.default is not dataclasses.MISSING and isinstance(field.default, str | int | float | bool):
        schema["default"] = encode(field.default)
    return schema


def _list(schema: Mapping[str, Json]) -> list[Json]:
    options = schema.get("anyOf")
    return list(options) if isinstance(options, list) else [schema]


def _schema(hint: Any) -> dict[str, Json]:
    origin = typing.get_origin(hint)
    if hint is object or is_json(hint):
        return {}
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(hint))
    if origin is tuple:
        return {"type": "array", "items": _schema(typing.get_args(hint)[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(typing.get_args(hint)[1])}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        whole = _object(hint)
        return {"anyOf": [{"type": "string"}, whole]} if hint in SHORT_FORMS else whole
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"anyOf": [{"enum": [encode(member) for member in hint]}, _TEXT_WITH_PARAMETER]}
    if hint is str:
        return {"type": "string"}
    return {"anyOf": [{"type": _SCALARS[hint]}, _TEXT_WITH_PARAMETER]}


def _union(options: tuple[Any, ...]) -> dict[str, Json]:
    schemas = [_schema(option) for option in options if option is not type(None)]
    if type(None) in options:
        schemas.append({"type": "null"})
    if {} in schemas:
        return {}
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
