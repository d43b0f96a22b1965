"""XDM schemas, in: an object's properties become the columns of a target (10).

Objects become structs and arrays become lists; an object without properties (a map, or anything) is one JSON column.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.translate.parts import BUILT_IN, EVENT, XDM
from headrace.api.flowservice.translate.resolving import Find, resolve
from headrace.api.flowservice.wire import Item, integer, list_in, object_in, text_in
from headrace.core.errors import Problem
from headrace.core.schema import STRING, Column, ColumnType, Format, Kind, Schema
from headrace.language.dataprep.regexes import RegexError, read_regex

MAX_COLUMNS = 10_000
"""Fields that a schema can have, at all depths together."""
MAX_DEPTH = 20
"""How deep objects and lists can be in one another."""

MAX_LISTS = 3
"""Lists in one another that keep their type; what lies in more of them is JSON."""

_INTEGERS = {"byte": Kind.INTEGER, "short": Kind.INTEGER, "int": Kind.INTEGER, "integer": Kind.INTEGER}
_NUMBERS = frozenset({Kind.INTEGER, Kind.LONG, Kind.FLOAT, Kind.DOUBLE})
_MAX_PATH = 1000


def _nobody(_: str) -> None:
    """Find no resource."""


def read_schema(resource: Item, find: Find = _nobody) -> Schema:
    """Return the columns that an XDM schema resource asks for, those of its class first.

    ``find`` returns the tenant's own resources by their ``$id``; a resource that has been resolved needs none. ``required`` holds at every level.

    Raises:
        Refusal: 1312-400: a type, a bound or a name that cannot be; a ``$ref`` that leads nowhere; too many fields, too deep.
    """
    resolved = resolve(resource, find)
    reader = _Reader()
    try:
        return Schema(tuple(reader.columns(resolved, "", 1)))
    except Problem as problem:
        if isinstance(problem, Refusal):
            raise
        raise Refusal(Fault.VALUE, f"the schema cannot be a table: {problem}") from problem


def is_open(resource: Item) -> bool:
    """Say whether a resolved schema refers to a part of Adobe's that is not built in: then unknown destination paths are borne (10)."""
    references = {text_in(part, "$ref") for part in list_in(resource, "allOf") if isinstance(part, Mapping)}
    return any(reference.startswith(XDM) and reference not in BUILT_IN for reference in references)


def behaviour_of(resource: Item) -> str:
    """Return ``time-series`` or ``record``: what a dataset of the schema holds."""
    references = [text_in(part, "$ref") for part in list_in(resource, "allOf") if isinstance(part, Mapping)]
    return "time-series" if EVENT in references else "record"


@dataclass(slots=True)
class _Reader:
    """Counts the fields of one schema while it is read."""

    fields: int = 0

    def columns(self, definition: Mapping[str, Any], above: str, depth: int) -> Iterator[Column]:
        """Yield the properties of an object as columns."""
        required = {name for name in list_in(definition, "required") if isinstance(name, str)}
        for name, inner in object_in(definition, "properties").items():
            path = f"{above}{name}"
            if not name or len(path) > _MAX_PATH or not isinstance(inner, Mapping):
                raise Refusal(Fault.VALUE, f"properties.{path[:200]} is no definition of a field")
            self.fields += 1
            if self.fields > MAX_COLUMNS:
                raise Refusal(Fault.VALUE, f"the schema has more than {MAX_COLUMNS} fields")
            yield self._column(name, path, inner, depth, required=name in required)

    def _column(self, name: str, path: str, definition: Mapping[str, Any], depth: int, *, required: bool) -> Column:
        type_ = self._type(path, definition, depth)
        is_number = type_.kind in _NUMBERS
        pattern = definition.get("pattern")
        if pattern is not None:
            _check_pattern(path, pattern)
        return Column(
            name=name,
            type=type_,
            required=required,
            enum=_enum(type_, definition),
            format=_format(definition) if type_.kind is Kind.STRING else None,
            pattern=pattern if type_.kind is Kind.STRING else None,
            minimum=_bound(path, definition, "minimum") if is_number else None,
            maximum=_bound(path, definition, "maximum") if is_number else None,
            min_length=_length(path, definition, "minLength") if type_.kind is Kind.STRING else None,
            max_length=_length(path, definition, "maxLength") if type_.kind is Kind.STRING else None,
            default=_default(type_, definition.get("default")),
            elements=self._elements(path, definition, type_, depth),
        )

    def _elements(self, path: str, definition: Mapping[str, Any], type_: ColumnType, depth: int) -> Column | None:
        """Return the rules of a list's elements; None: they have none of their own."""
        if type_.kind is not Kind.LIST or type_.element is None or type_.element.kind is Kind.STRUCT:
            return None
        counted = self.fields
        column = self._column("element", f"{path}[]", object_in(definition, "items"), depth + 1, required=False)
        self.fields = counted
        return None if column == Column("element", column.type) else column

    def _type(self, path: str, definition: Mapping[str, Any], depth: int) -> ColumnType:
        if depth > MAX_DEPTH:
            raise Refusal(Fault.VALUE, f"properties.{path[:200]} is nested more than {MAX_DEPTH} deep")
        name = definition.get("type")
        if isinstance(name, list):
            name = next((item for item in name if item != "null"), None)
        if name is None:
            name = "object" if object_in(definition, "properties") else "string"
        if name == "array":
            items = object_in(definition, "items")
            is_known = isinstance(items.get("type"), str) or bool(object_in(items, "properties"))
            is_known = is_known and path.count("[]") < MAX_LISTS
            return ColumnType(Kind.LIST, element=self._type(f"{path}[]", items, depth + 1)) if is_known else _JSON
        if name == "object":
            fields = tuple(self.columns(definition, f"{path}.", depth + 1))
            return ColumnType(Kind.STRUCT, fields=fields) if fields else _JSON
        return _scalar(path, name, definition)


_JSON = ColumnType(Kind.JSON)


def _scalar(path: str, name: object, definition: Mapping[str, Any]) -> ColumnType:
    xdm = text_in(definition, "meta:xdmType").lower()
    if name == "string":
        kinds = {"date": Kind.DATE, "date-time": Kind.TIMESTAMP}
        return ColumnType(kinds.get(text_in(definition, "format") or xdm, Kind.STRING))
    if name == "integer":
        return ColumnType(_INTEGERS.get(xdm, Kind.LONG))
    if name == "number":
        return ColumnType({"float": Kind.FLOAT, "long": Kind.LONG}.get(xdm, Kind.DOUBLE))
    if name == "boolean":
        return ColumnType(Kind.BOOLEAN)
    if name == "null":
        return STRING
    raise Refusal(Fault.VALUE, f"properties.{path}.type is {name!r}; no type of a schema")


def _enum(type_: ColumnType, definition: Mapping[str, Any]) -> tuple[str | int | float, ...]:
    if type_.kind in {Kind.STRUCT, Kind.LIST, Kind.JSON}:
        return ()
    return tuple(value for value in list_in(definition, "enum") if isinstance(value, str | int | float))


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


def _default(type_: ColumnType, value: object) -> str | int | float | bool | None:
    if type_.kind in {Kind.STRUCT, Kind.LIST, Kind.JSON}:
        return None
    return value if isinstance(value, str | int | float | bool) else None
