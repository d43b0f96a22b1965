"""Target schemas: columns, their types, and what their values must satisfy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem


class Kind(StrEnum):
    """Kinds of column types."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    """32 bits, signed."""
    LONG = "long"
    """64 bits, signed."""
    FLOAT = "float"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    """An instant, UTC, microseconds."""
    UUID = "uuid"
    BINARY = "binary"
    JSON = "json"
    STRUCT = "struct"
    LIST = "list"


class Format(StrEnum):
    """String formats that a schema can demand."""

    DATE = "date"
    DATE_TIME = "date-time"
    EMAIL = "email"
    URI = "uri"
    UUID = "uuid"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type: ``precision`` and ``scale`` belong to decimals, ``fields`` to structs, ``element`` to lists."""

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    fields: tuple["Column", ...] = ()
    element: "ColumnType | None" = None

    def __str__(self) -> str:
        if self.kind is Kind.DECIMAL:
            return f"decimal({self.precision},{self.scale})"
        if self.kind is Kind.LIST:
            return f"list<{self.element}>"
        if self.kind is Kind.STRUCT:
            return "struct<" + ", ".join(f"{field.name}: {field.type}" for field in self.fields) + ">"
        return self.kind.value


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a target, and what a value must satisfy to be accepted.

    ``default`` stands in for null before ``required`` is looked at. ``minimum`` and ``maximum`` are inclusive; for dates and
    timestamps they are ISO 8601 text. Lengths count characters. ``pattern`` is an RE2 regular expression that must be found in the
    value (anchor it to match the whole, as in JSON Schema). ``required`` of a struct's field counts only where the struct is there.
    ``elements`` says what each element of a list must satisfy; its name and type are not looked at.
    """

    name: str
    type: ColumnType
    required: bool = False
    enum: tuple[Json, ...] = ()
    format: Format | None = None
    pattern: str | None = None
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    min_length: int | None = None
    max_length: int | None = None
    default: Json = None
    elements: "Column | None" = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a target, in order."""

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        _check_names(self.columns, "columns", "column ")

    @property
    def by_name(self) -> Mapping[str, Column]:
        """Return the columns by their names."""
        return {column.name: column for column in self.columns}


def _check_names(columns: tuple[Column, ...], where: str, above: str) -> None:
    """Refuse names that occur twice, also in structs; Delta and SQL engines read names regardless of case."""
    seen: set[str] = set()
    for number, column in enumerate(columns):
        path = f"{where}[{number}]"
        if column.name.lower() in seen:
            message = f"{above}{column.name!r} occurs twice"
            error = FieldError(f"{path}.name", message, "names must differ by more than case")
            raise Problem(Code.INVALID, error.message, (error,))
        seen.add(column.name.lower())
        inner: ColumnType | None = column.type
        while inner is not None and inner.kind is Kind.LIST:
            inner = inner.element
        if inner is not None and inner.fields:
            _check_names(inner.fields, f"{path}.type.fields", f"in {column.name!r} the field ")


STRING = ColumnType(Kind.STRING)

_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_MAX_PRECISION = 38


def parse_type(text: str) -> ColumnType:
    """Return the type written as ``string``, ``decimal(10,2)``, ``list<string>`` or ``struct<a: string, b: long>``.

    Raises:
        Problem: ``INVALID``: the text is no type.
    """
    text = text.strip()
    if match := _DECIMAL.fullmatch(text):
        precision, scale = int(match[1]), int(match[2])
        if not 1 <= precision <= _MAX_PRECISION or scale > precision:
            raise Problem(
                Code.INVALID, f"{text}: the precision must be 1 to {_MAX_PRECISION} and the scale at most the precision"
            )
        return ColumnType(Kind.DECIMAL, precision, scale)
    if text.startswith("list<") and text.endswith(">"):
        return ColumnType(Kind.LIST, element=parse_type(text[5:-1]))
    if text.startswith("struct<") and text.endswith(">"):
        return ColumnType(Kind.STRUCT, fields=tuple(_parse_field(part) for part in _split_fields(text[7:-1])))
    simple = {kind.value for kind in Kind} - {"decimal", "list", "struct"}
    if text not in simple:
        raise Problem(
            Code.INVALID,
            f"{text!r} is no column type; expected one of {', '.join(sorted(simple))}, decimal(p,s), list<…>, struct<…>",
        )
    return ColumnType(Kind(text))


def _parse_field(text: str) -> Column:
    name, colon, type_text = text.partition(":")
    if not colon or not name.strip():
        raise Problem(Code.INVALID, f"{text.strip()!r} is no struct field; expected name: type")
    return Column(name.strip(), parse_type(type_text))


def _split_fields(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]
