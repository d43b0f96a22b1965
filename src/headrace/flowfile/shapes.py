"""Columns of ``target.schema``: keys that are paths become fields of structs and elements of lists.

person.name: string                             a field; person is a struct
orders[*].sku: {type: string, required: true}   a field of every element; orders is a list of structs
tags[*]: {type: string, enum: [a, b]}           what every element must satisfy
person: {type: struct, required: true}          the rules of the object itself
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from headrace.core.destination import Every, Step, is_path, read_path
from headrace.core.errors import Code, Problem
from headrace.core.schema import Column, ColumnType, Kind, parse_type
from headrace.flowfile.document import ColumnSpec

BARE = {"struct": ColumnType(Kind.STRUCT), "list": ColumnType(Kind.LIST)}
"""Types whose fields, or elements, stand in keys of their own."""


def read_type(text: str) -> ColumnType:
    """Return a column's type; ``struct`` and ``list`` alone are those whose insides stand in other keys.

    Raises:
        Problem: ``INVALID``: the text is no type.
    """
    return BARE.get(text.strip()) or parse_type(text)


@dataclass(slots=True)
class _Place:
    column: Column | None = None
    fields: dict[str, "_Place"] = field(default_factory=dict)
    element: "_Place | None" = None


def columns_of(
    specs: Mapping[str, ColumnSpec],
    read: Callable[[str, str, ColumnSpec], Column],
    fault: Callable[[str, Problem], None],
) -> tuple[Column, ...]:
    """Return the columns that ``specs`` describe, in the order of their first keys.

    ``read`` makes a column of key, name and spec; ``fault`` is told of keys that cannot be.
    """
    roots: dict[str, _Place] = {}
    for key, spec in specs.items():
        try:
            place, last = _find(roots, key)
        except Problem as problem:
            fault(key, problem)
            continue
        place.column = read(key, last if isinstance(last, str) else "element", spec)
    found = []
    for name, root in roots.items():
        try:
            found.append(_column(name, root))
        except Problem as problem:
            fault(name, problem)
    return tuple(found)


def _find(roots: dict[str, _Place], key: str) -> tuple[_Place, Step]:
    """Return the place of a key, made on the way, and the key's last step."""
    first, *rest = read_path(key) if is_path(key) else (key,)
    place, last = roots.setdefault(str(first), _Place()), first
    for step in rest:
        place, last = _below(place, step), step
    if place.column is not None:
        raise Problem(Code.INVALID, f"{key!r} is described twice")
    return place, last


def _below(place: _Place, step: Step) -> _Place:
    if isinstance(step, str):
        return place.fields.setdefault(step, _Place())
    if step is not Every.EVERY:
        raise Problem(Code.INVALID, f"[{step}] is one element; rules are for every element: write [*]")
    place.element = place.element or _Place()
    return place.element


def _column(name: str, place: _Place) -> Column:
    """Return a place with all that is below it as a column.

    Raises:
        Problem: ``INVALID``: it has fields and elements, or another type than what is below it asks for.
    """
    if not place.fields and place.element is None:
        if place.column is not None and place.column.type in BARE.values():
            message = (
                f"{name!r} is a {place.column.type.kind} without anything in it; describe it in keys such as {name}.x"
            )
            raise Problem(Code.INVALID, message)
        return place.column or Column(name, BARE["struct"])
    if place.fields and place.element is not None:
        raise Problem(Code.INVALID, f"{name!r} cannot be an object and a list at once")
    kind = Kind.STRUCT if place.fields else Kind.LIST
    column = place.column or Column(name, ColumnType(kind))
    if column.type.kind is not kind:
        raise Problem(Code.INVALID, f"{name!r} is a {column.type}; other keys say that it is a {kind}")
    if place.element is not None:
        element = _column("element", place.element)
        rules = None if element == Column("element", element.type) else element
        return replace(column, type=ColumnType(Kind.LIST, element=element.type), elements=rules)
    fields = {inner.name: inner for inner in column.type.fields}
    fields |= {inner: _column(inner, below) for inner, below in place.fields.items()}
    return replace(column, type=ColumnType(Kind.STRUCT, fields=tuple(fields.values())))
