"""Where a mapping's values go: its destinations, gathered to a tree for each column of the target."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headrace.core.destination import Every, Step, is_path, read_path, step_into
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.schema import STRING, Column, ColumnType


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
    steps: tuple[Step, ...] = read_path(key) if is_path(key) else (key,)
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
    assert node.column is not None  # noqa: S101 — paths begin at a column of the schema
    step_into(type_of(node), step, node.path)
    if isinstance(step, str):
        return node.at(step)
    if (step is Every.EVERY and node.elements) or (step is not Every.EVERY and node.every is not None):
        raise Problem(Code.INVALID, f"{node.path!r} is filled by [*] and by numbered elements; use one of both")
    column = element_column(node.column)
    if isinstance(step, Every):
        node.every = node.every or Node(column, f"{node.key}[*]", f"{node.path}[]")
        return node.every
    return node.elements.setdefault(step, Node(column, f"{node.key}[{step}]", f"{node.path}[]"))
