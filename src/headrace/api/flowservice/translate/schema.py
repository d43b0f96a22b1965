"""XDM schemas, in: an object's properties become the columns of a target (10).

Nested objects become flat columns under their dotted path (``person.name.firstName``): the next issue makes structs of them. An object
without properties, and an array of objects, become one JSON column.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import Item, integer, list_in, object_in, text_in
from headrace.core.errors import Problem
from headrace.core.schema import Column, ColumnType, Format, Kind, Schema
from headrace.language.dataprep.regexes import RegexError, read_regex

MAX_COLUMNS = 10_000
MAX_DEPTH = 20
PROFILE = "https://ns.adobe.com/xdm/context/profile"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"

_INTEGERS = {"byte": Kind.INTEGER, "short": Kind.INTEGER, "int": Kind.INTEGER, "integer": Kind.INTEGER}
_TEXT = {"type": "string"}
_CLASSES: Mapping[str, Mapping[str, Any]] = {
    PROFILE: {
        "_id": _TEXT,
        "person": {"type": "object", "properties": {
            "name": {"type": "object", "properties": {
                "firstName": _TEXT, "middleName": _TEXT, "lastName": _TEXT, "fullName": _TEXT}},
            "birthDate": {"type": "string", "format": "date"}, "gender": _TEXT}},
        "personalEmail": {"type": "object", "properties": {"address": _TEXT}},
        "workEmail": {"type": "object", "properties": {"address": _TEXT}},
        "mobilePhone": {"type": "object", "properties": {"number": _TEXT}},
        "homePhone": {"type": "object", "properties": {"number": _TEXT}},
        "homeAddress": {"type": "object", "properties": {
            "street1": _TEXT, "city": _TEXT, "stateProvince": _TEXT, "postalCode": _TEXT, "country": _TEXT}},
        "workAddress": {"type": "object", "properties": {
            "street1": _TEXT, "city": _TEXT, "stateProvince": _TEXT, "postalCode": _TEXT, "country": _TEXT}},
    },
    EVENT: {"_id": _TEXT, "timestamp": {"type": "string", "format": "date-time"}, "eventType": _TEXT},
}  # fmt: skip
_CLASS_REQUIRED: Mapping[str, frozenset[str]] = {EVENT: frozenset({"_id", "timestamp"})}
_CLOSED = frozenset(
    {
        *_CLASSES,
        *(f"https://ns.adobe.com/xdm/data/{name}" for name in ("record", "time-series", "adhoc")),
        *(f"https://ns.adobe.com/xdm/context/{name}" for name in ("identitymap", "profile-person-details")),
        *(f"https://ns.adobe.com/xdm/context/{name}" for name in ("profile-personal-details", "profile-work-details")),
        *(f"https://ns.adobe.com/xdm/common/{name}" for name in ("auditable", "extensible")),
    }
)


def read_schema(resource: Item) -> Schema:
    """Return the columns that an XDM schema resource asks for, classes named in ``allOf`` first.

    ``required`` of a nested object counts only when that object is present, which a flat row cannot say: it is left out.

    Raises:
        Refusal: 1312-400: a type, a bound or a name that cannot be; too many columns.
    """
    columns: dict[str, Column] = {}
    for part in (*_parts(resource), resource):
        required = _required(part)
        for column in _columns(object_in(part, "properties"), required, (), 1):
            columns[column.name] = column
            if len(columns) > MAX_COLUMNS:
                raise Refusal(Fault.VALUE, f"the schema has more than {MAX_COLUMNS} fields")
    try:
        return Schema(tuple(columns.values()))
    except Problem as problem:
        raise Refusal(Fault.VALUE, f"the schema cannot be a table: {problem}") from problem


def is_open(resource: Item) -> bool:
    """Say whether the schema refers to a part that is not built in: then unknown destination paths are borne (10)."""
    references = {text_in(part, "$ref") for part in list_in(resource, "allOf") if isinstance(part, Mapping)}
    return bool({reference for reference in references if reference} - _CLOSED)


def unknown_reference(resource: Item) -> str | None:
    """Return the first ``$ref`` of ``allOf`` that is no part of Adobe's, or None."""
    for part in list_in(resource, "allOf"):
        reference = text_in(part, "$ref") if isinstance(part, Mapping) else ""
        if reference and not reference.startswith("https://ns.adobe.com/xdm/"):
            return reference
    return None


def behaviour_of(resource: Item) -> str:
    """Return ``time-series`` or ``record``: what a dataset of the schema holds."""
    references = [text_in(part, "$ref") for part in list_in(resource, "allOf") if isinstance(part, Mapping)]
    return "time-series" if EVENT in references else "record"


def _parts(resource: Item) -> Iterator[Item]:
    for part in list_in(resource, "allOf"):
        if not isinstance(part, Mapping):
            continue
        reference = text_in(part, "$ref")
        if reference in _CLASSES:
            yield {"properties": _CLASSES[reference], "required": sorted(_CLASS_REQUIRED.get(reference, ()))}
        elif "properties" in part:
            yield dict(part)


def _required(part: Item) -> frozenset[str]:
    return frozenset(name for name in list_in(part, "required") if isinstance(name, str))


def _columns(properties: Item, required: frozenset[str], above: tuple[str, ...], depth: int) -> Iterator[Column]:
    for name, definition in properties.items():
        path = ".".join((*above, name))
        if not name or len(path) > 1000 or not isinstance(definition, Mapping):
            raise Refusal(Fault.VALUE, f"properties.{path[:200]} is no definition of a field")
        inner = object_in(definition, "properties")
        if inner and depth < MAX_DEPTH:
            yield from _columns(inner, frozenset(), (*above, name), depth + 1)
        else:
            yield _column(path, definition, required=name in required)


def _column(path: str, definition: Mapping[str, Any], *, required: bool) -> Column:
    type_ = _type(path, definition)
    textual = type_.kind in {Kind.STRING, Kind.DATE, Kind.TIMESTAMP}
    pattern = definition.get("pattern")
    if pattern is not None:
        _check_pattern(path, pattern)
    return Column(
        name=path,
        type=type_,
        required=required,
        enum=tuple(value for value in list_in(definition, "enum") if isinstance(value, str | int | float)),
        format=_format(definition) if type_.kind is Kind.STRING else None,
        pattern=pattern if type_.kind is Kind.STRING else None,
        minimum=None if textual else _bound(path, definition, "minimum"),
        maximum=None if textual else _bound(path, definition, "maximum"),
        min_length=_length(path, definition, "minLength") if type_.kind is Kind.STRING else None,
        max_length=_length(path, definition, "maxLength") if type_.kind is Kind.STRING else None,
        default=_default(definition.get("default")),
    )


def _type(path: str, definition: Mapping[str, Any]) -> ColumnType:
    name = definition.get("type", "string")
    xdm = text_in(definition, "meta:xdmType").lower()
    if isinstance(name, list):
        name = next((item for item in name if item != "null"), "string")
    if name == "string":
        kinds = {"date": Kind.DATE, "date-time": Kind.TIMESTAMP}
        return ColumnType(kinds.get(text_in(definition, "format") or xdm, Kind.STRING))
    if name == "integer":
        return ColumnType(_INTEGERS.get(xdm, Kind.LONG))
    if name == "number":
        return ColumnType({"float": Kind.FLOAT, "long": Kind.LONG}.get(xdm, Kind.DOUBLE))
    if name == "boolean":
        return ColumnType(Kind.BOOLEAN)
    if name == "array":
        items = object_in(definition, "items")
        plain = text_in(items, "type") in {"string", "integer", "number", "boolean"}
        return ColumnType(Kind.LIST, element=_type(path + "[]", items)) if plain else ColumnType(Kind.JSON)
    if name == "object":
        return ColumnType(Kind.JSON)
    raise Refusal(Fault.VALUE, f"properties.{path}.type is {name!r}; no type of a schema")


def _format(definition: Mapping[str, Any]) -> Format | None:
    name = text_in(definition, "format")
    return Format(name) if name in {item.value for item in Format} else None


def _bound(path: str, definition: Mapping[str, Any], name: str) -> int | float | None:
    value = definition.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 10**300:
        raise Refusal(Fault.VALUE, f"properties.{path}.{name} is {str(value)[:40]!r}; a number is expected")
    return value


def _length(path: str, definition: Mapping[str, Any], name: str) -> int | None:
    if definition.get(name) is None:
        return None
    value = integer(definition[name])
    if value is None or not 0 <= value < 2**31:
        raise Refusal(Fault.VALUE, f"properties.{path}.{name} must be a whole number of 0 or more")
    return value


def _check_pattern(path: str, pattern: object) -> None:
    """Refuse what the data plane, which matches in linear time, cannot match by."""
    try:
        read_regex(pattern if isinstance(pattern, str) else "(")
    except RegexError as error:
        raise Refusal(
            Fault.VALUE, f"properties.{path}.pattern is no pattern that can be matched by: {error}"
        ) from error


def _default(value: object) -> str | int | float | bool | None:
    return value if isinstance(value, str | int | float | bool) else None
