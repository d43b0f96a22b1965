"""The tree that the parser builds: a closed set of small immutable nodes.

Every node carries ``at``, the zero-based character of the expression where it begins, so that every later refusal can
point to its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: text, a whole number (``int``), a number with a point (``Decimal``, meant as double), a boolean, or null."""

    value: str | int | Decimal | bool | None
    at: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A source column, or a path of names into one: ``a.b`` is ``("a", "b")``."""

    path: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a list, ``target[index]``, counted from 0, or one field of an object, ``target["key"]``."""

    target: "Node"
    index: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a computed value: ``target.name``."""

    target: "Node"
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Every element of a list: ``target[*]``; what stands behind it is taken of each element."""

    target: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; the receiver of a method call is its first argument."""

    name: str
    arguments: tuple["Node", ...]
    at: int
    method: bool = False


@dataclass(frozen=True, slots=True)
class Unary:
    """``-``, ``~`` or ``!`` before an operand."""

    operator: str
    operand: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two operands, under its symbol (``and`` is ``&&``, ``eq`` is ``==``)."""

    operator: str
    left: "Node"
    right: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Conditional:
    """``condition ? then : otherwise``."""

    condition: "Node"
    then: "Node"
    otherwise: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """``[a, b]``."""

    elements: tuple["Node", ...]
    at: int


@dataclass(frozen=True, slots=True)
class ObjectLiteral:
    """``{"k": v}``: keys and values alternate in ``entries``."""

    entries: tuple["Node", ...]
    at: int


@dataclass(frozen=True, slots=True)
class Lambda:
    """``x -> body`` or ``(x, y) -> body``, as a function's argument."""

    parameters: tuple[str, ...]
    body: "Node"
    at: int


Node: TypeAlias = (
    Literal
    | Reference
    | Element
    | Member
    | Spread
    | Call
    | Unary
    | Binary
    | Conditional
    | ListLiteral
    | ObjectLiteral
    | Lambda
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression and the text that it was parsed from."""

    root: Node
    text: str


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below ``node``, from left to right."""
    for field in fields(node):
        value = getattr(node, field.name)
        members = value if isinstance(value, tuple) else (value,)
        yield from (member for member in members if isinstance(member, Node))


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and every node below it, without recursion."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))


def depth(node: Node) -> int:
    """Return how many nodes the longest way from ``node`` to a leaf has."""
    deepest, pending = 0, [(node, 1)]
    while pending:
        current, level = pending.pop()
        deepest = max(deepest, level)
        pending.extend((child, level + 1) for child in children(current))
    return deepest


def columns_of(expression: Expression) -> frozenset[str]:
    """Return the source columns that an expression reads.

    Without the source at hand, the first name of a path is taken for the column; ``Compiled.columns`` is exact.
    """
    bound = {name for node in walk(expression.root) if isinstance(node, Lambda) for name in node.parameters}
    read = {node.path[0] for node in walk(expression.root) if isinstance(node, Reference)}
    return frozenset(read - bound)
