r"""Where a mapping's values go: its keys as paths into the target's columns, gathered to a tree for each column.

    person.name.firstName    a field of a struct, whose structs are made on the way
    items[0].sku             an element of a list
    orders[*].total          every element of a list, from every element of the source's (``c[*].sum``)

A key that is exactly a column's name is that column, whatever it looks like. A dot that belongs to a name is written ``\.``.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.schema import STRING, Column, ColumnType, Kind

MAX_ELEMENT = 999
"""Highest number of an element that a mapping can name."""

_PIECE = re.compile(r"(?P<dot>\.)|\[(?P<index>\d+|\*)\]|(?P<name>(?:\\.|[^.\[\]\\])+)", re.DOTALL)


class Every(Enum):
    """Every element of a list."""

    EVERY = "*"


Step: TypeAlias = "str | int | Every"


@dataclass(frozen=True, slots=True)
class Given:
    """What a place is filled with: an ``expression``, or the source's ``column`` as it is."""

    expression: str | None = None
    column: str | None = None


@dataclass(slots=True)
class Node:
    """One place of the target.

    ``column``: its name, type and rules (None: no schema speaks of it, its type is that of its value). ``key`` tells it apart from all others,
    ``path`` is what reports call it (``orders[].sku`` for every element). Of ``elements`` and ``every`` at most one is used.
    """

    column: Column | None
    key: str
    path: str
    given: Given | None = None
    fields: dict[str, "Node"] = field(default_factory=dict)
    elements: dict[int, "Node"] = field(default_factory=dict)
    every: "Node | None" = None

    @property
    def is_plain(self) -> bool:
        """Say whether nothing is mapped below this place."""
        return not (self.fields or self.elements or self.every)

    def at(self, name: str) -> "Node":
        """Return the place of a struct's field, made when it is asked for."""
        if name not in self.fields:
            column = next(inner for inner in type_of(self).fields if inner.name == name)
            written = name.replace("\\", "\\\\").replace(".", "\\.")
            self.fields[name] = Node(column, f"{self.key}.{written}", f"{self.path}.{name}")
        return self.fields[name]


def type_of(node: Node) -> ColumnType:
    """Return the type of a place that a schema speaks of."""
    return STRING if node.column is None else node.column.type


def element_column(column: Column) -> Column:
    """Return the elements of a list column as a column: their type, and the rules that they have."""
    element = column.type.element or STRING
    return replace(column.elements or Column("element", element), name=column.name, type=element, required=False)


def read_path(key: str) -> tuple[Step, ...]:
    """Return the steps of a key.

    Raises:
        Problem: ``INVALID``: the key is no path.
    """
    steps: list[Step] = []
    at, wants_name = 0, True
    while at < len(key):
        match = _PIECE.match(key, at)
        if match is None or (match["name"] is not None) != wants_name:
            break
        at, wants_name = match.end(), match["dot"] is not None
        if match["name"] is not None:
            steps.append(re.sub(r"(?s)\\(.)", r"\1", match["name"]))
        elif match["index"] is not None:
            steps.append(Every.EVERY if match["index"] == "*" else int(match["index"][:6]))
    if at < len(key) or wants_name or not steps:
        message = f"{key!r} is no path of a target"
        raise Problem(Code.INVALID, message, (FieldError("", message, "such as person.name, items[0].sku or a[*].b"),))
    return tuple(steps)


def plant(columns: Mapping[str, Column], given: Mapping[str, Given]) -> tuple[dict[str, Node], list[FieldError]]:
    """Return the tree of each column that ``given`` or ``columns`` name, and what is wrong with keys.

    ``given`` are the mapping's keys in order, ``columns`` those of the schema. A key whose first name is no column of the schema is a column
    of its own, under the whole key.
    """
    roots: dict[str, Node] = {}
    errors: list[FieldError] = []
    for key, value in given.items():
        try:
            node = _find(roots, columns, key)
        except Problem as problem:
            hint = problem.fields[0].hint if problem.fields else ""
            errors.append(FieldError(f"mapping.{key}", problem.message, hint))
            continue
        node.given = value
    for name, column in columns.items():
        roots.setdefault(name, Node(column, name, name))
    return roots, errors


def _find(roots: dict[str, Node], columns: Mapping[str, Column], key: str) -> Node:
    if key in columns:
        return roots.setdefault(key, Node(columns[key], key, key))
    steps: tuple[Step, ...] = read_path(key) if "." in key or "[" in key else (key,)
    first = str(steps[0])
    column = columns.get(first)
    if column is None or len(steps) == 1:
        if any(not isinstance(step, str) for step in steps):
            raise Problem(Code.INVALID, f"the schema has no list column {first!r}; a list's elements need one")
        return roots.setdefault(key, Node(None, key, key))
    node = roots.setdefault(first, Node(column, first, first))
    for step in steps[1:]:
        node = _below(node, step)
    return node


def _below(node: Node, step: Step) -> Node:
    type_ = type_of(node)
    if isinstance(step, str):
        return _field(node, type_, step)
    if type_.kind is not Kind.LIST or node.column is None:
        raise Problem(Code.INVALID, f"{node.path!r} is a {type_} and has no elements")
    if (step is Every.EVERY and node.elements) or (step is not Every.EVERY and node.every is not None):
        raise Problem(Code.INVALID, f"{node.path!r} is filled by [*] and by numbered elements; use one of both")
    column = element_column(node.column)
    if isinstance(step, Every):
        node.every = node.every or Node(column, f"{node.key}[*]", f"{node.path}[]")
        return node.every
    if step > MAX_ELEMENT:
        raise Problem(
            Code.LIMIT_EXCEEDED, f"{node.path}[{step}]: the highest element that can be named is {MAX_ELEMENT}"
        )
    return node.elements.setdefault(step, Node(column, f"{node.key}[{step}]", f"{node.path}[]"))


def _field(node: Node, type_: ColumnType, name: str) -> Node:
    if type_.kind is not Kind.STRUCT:
        hint = "map it as a whole" if type_.kind is Kind.JSON else ""
        message = f"{node.path!r} is a {type_} and has no field {name!r}"
        raise Problem(Code.INVALID, message, (FieldError("", message, hint),))
    names = [inner.name for inner in type_.fields]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        message = f"{node.path!r} has no field {name!r}"
        raise Problem(Code.INVALID, message, (FieldError("", message, f"did you mean {near[0]!r}?" if near else ""),))
    return node.at(name)
