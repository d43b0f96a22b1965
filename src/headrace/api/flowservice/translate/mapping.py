"""Mapping sets: both request shapes in, one stored shape out, and the expressions of a promotion (8.2, 8.3)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import Item, object_in, text_in
from headrace.core.destination import Step, destination_type, read_path
from headrace.core.errors import Problem
from headrace.core.schema import Column, ColumnType, Kind, Schema

MAX_MAPPINGS = 10_000

_ATTRIBUTE, _EXPRESSION, _STATIC = "text/x.schema-path", "text/x.aep-xl", "text/plain"
_TYPES = {
    "ATTRIBUTE": _ATTRIBUTE,
    "EXPRESSION": _EXPRESSION,
    "STATIC": _STATIC,
    _ATTRIBUTE: _ATTRIBUTE,
    _EXPRESSION: _EXPRESSION,
    _STATIC: _STATIC,
}
_NAME = r"[^\W\d]\w*(\[(\d+|\*)\])*"
_PATH = re.compile(rf"{_NAME}(\.{_NAME})*")
_WORDS = re.compile(r"[^\W\d]\w*")
_RESERVED = frozenset(
    {"new", "mod", "or", "break", "var", "lt", "for", "false", "while", "eq", "gt", "div", "not", "null"}
    | {"continue", "else", "and", "ne", "true", "le", "if", "ge", "return"}
)

Check = Callable[[str], object]
"""Parses an expression of the *dataprep* language, or raises its ``Problem``."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """One mapping that cannot be used."""

    destination: str
    source: str
    message: str


def read_mapping_set(body: Item) -> Item:
    """Return the stored form of a mapping set's request: mappings under both names, ``xdmSchema`` and ``outputSchema``; ids are the caller's to add.

    Raises:
        Refusal: 1312-400: no list of mappings, or one without a destination or with an unknown source type.
    """
    given = body.get("mappings", [])
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise Refusal(Fault.VALUE, "mappings is no list")
    if len(given) > MAX_MAPPINGS:
        raise Refusal(Fault.VALUE, f"mappings has {len(given)} entries; the limit is {MAX_MAPPINGS}")
    reference = object_in(object_in(body, "outputSchema"), "schemaRef")
    schema = text_in(body, "xdmSchema") or text_in(reference, "id")
    content_type = text_in(reference, "contentType", "application/vnd.adobe.xed-full+json;version=1")
    schema_ref = {"id": schema, "contentType": content_type}
    return {
        "name": body.get("name") if isinstance(body.get("name"), str) else None,
        "xdmSchema": schema,
        "xdmVersion": text_in(body, "xdmVersion", "1.0"),
        "schemaRef": schema_ref,
        "outputSchema": {"schemaRef": schema_ref},
        "inputSchema": object_in(body, "inputSchema"),
        "tags": object_in(body, "tags"),
        "mappings": [_mapping(number, item) for number, item in enumerate(given)],
    }


def expressions(mappings: Sequence[Mapping[str, Any]], check: Check) -> dict[str, str]:
    """Return target column to expression; of several mappings to one destination the last one wins (8.3)."""
    found: dict[str, str] = {}
    for item in mappings:
        destination = str(item["destination"])
        found.pop(destination, None)
        found[destination] = expression_of(item, check)
    return found


def expression_of(item: Mapping[str, Any], check: Check) -> str:
    """Return one stored mapping as an expression: attributes as references, static texts as literals."""
    source, kind = str(item["source"]), str(item["sourceType"])
    if kind == _STATIC:
        return _literal(source)
    return _reference(source) if kind == _ATTRIBUTE or (kind == "" and not _parses(source, check)) else source


def unusable(
    mappings: Sequence[Mapping[str, Any]], schema: Schema | None, check: Check, *, is_open: bool
) -> list[Unusable]:
    """Return the mappings that cannot be used: expressions that do not parse, destinations that ``schema`` does not have."""
    return list(_unusable(mappings, schema, check, is_open=is_open))


def widened(schema: Schema, destinations: Sequence[str]) -> Schema:
    """Return ``schema`` with a text field at every destination that it does not have (an open schema bears them).

    A text or JSON field that destinations lie below becomes an object.
    """
    columns = {column.name: column for column in schema.columns}
    for destination in destinations:
        if destination not in columns:
            first, *steps = read_path(destination)
            name = str(first)
            known = columns.get(name) or Column(name, _UNKNOWN)
            columns[name] = replace(known, type=_wider(known.type, steps))
    return Schema(tuple(columns.values()))


_UNKNOWN = ColumnType(Kind.STRING)


def _wider(type_: ColumnType, steps: Sequence[Step]) -> ColumnType:
    """Return ``type_`` with a place at ``steps``; what can have nothing below it stays as it is."""
    if not steps:
        return type_
    step, *rest = steps
    is_new = type_.kind in {Kind.STRING, Kind.JSON}
    if isinstance(step, str) and (is_new or type_.kind is Kind.STRUCT):
        fields = {field.name: field for field in type_.fields}
        known = fields.get(step) or Column(step, _UNKNOWN)
        fields[step] = replace(known, type=_wider(known.type, rest))
        return ColumnType(Kind.STRUCT, fields=tuple(fields.values()))
    if not isinstance(step, str) and (is_new or type_.kind is Kind.LIST):
        return ColumnType(Kind.LIST, element=_wider(type_.element or _UNKNOWN, rest))
    return type_


def _unusable(
    mappings: Sequence[Mapping[str, Any]], schema: Schema | None, check: Check, *, is_open: bool
) -> Iterator[Unusable]:
    if schema is not None and is_open:
        schema = widened(schema, [str(item["destination"]) for item in mappings])
    columns = None if schema is None else schema.by_name
    for item in mappings:
        destination, source = str(item["destination"]), str(item["source"])
        try:
            if columns is not None and destination_type(columns, destination) is None:
                yield Unusable(destination, source, f"the schema has no field {destination!r}")
                continue
            check(expression_of(item, check))
        except Problem as problem:
            yield Unusable(
                destination, source, "; ".join([problem.message, *(e.hint for e in problem.fields if e.hint)])
            )


def _mapping(number: int, item: object) -> Item:
    if not isinstance(item, Mapping):
        raise Refusal(Fault.VALUE, f"mappings[{number}] is no object")
    destination = text_in(item, "destination") or text_in(item, "destinationXdmPath")
    if not destination.strip():
        raise Refusal(Fault.VALUE, f"mappings[{number}] has no destination")
    try:
        read_path(destination)
    except Problem as problem:
        raise Refusal(Fault.VALUE, f"mappings[{number}].destination: {problem.message}") from problem
    source = text_in(item, "source") or text_in(item, "sourceAttribute")
    kind = item.get("sourceType")
    if kind not in (None, "") and (not isinstance(kind, str) or (kind not in _TYPES and kind.upper() not in _TYPES)):
        raise Refusal(
            Fault.VALUE, f"mappings[{number}].sourceType is {kind!r}; ATTRIBUTE, EXPRESSION or STATIC is expected"
        )
    # Without a type, a path is an attribute (8.2); what else it may be is known to the language.
    untyped = _ATTRIBUTE if _PATH.fullmatch(source) and not _reserved(source) else ""
    stored = _TYPES.get(kind, _TYPES.get(kind.upper(), "")) if isinstance(kind, str) and kind else untyped
    return {
        "sourceType": stored,
        "source": source,
        "sourceAttribute": source,
        "destination": destination,
        "destinationXdmPath": destination,
        "name": item.get("name"),
        "description": item.get("description"),
        "identity": item.get("identity") is True,
        "primaryIdentity": item.get("primaryIdentity") is True,
        "matchScore": 0.0,
        "functionVersion": "1.0",
    }


def _parses(source: str, check: Check) -> bool:
    """Say whether an entry without a source type is read as it stands: a path, or what the language takes for an expression."""
    if _PATH.fullmatch(source):
        return not _reserved(source)
    try:
        check(source)
    except Problem:
        return False
    return True


def _reference(name: str) -> str:
    if _PATH.fullmatch(name) and not _reserved(name):
        return name
    return "${" + name.replace("\\", "\\\\").replace("}", "\\}") + "}"


def _reserved(path: str) -> bool:
    """Say whether a name in a path is a reserved word, which only ``${…}`` can have."""
    return not _RESERVED.isdisjoint(_WORDS.findall(path))


def _literal(text: str) -> str:
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return f'"{escaped}"'


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
