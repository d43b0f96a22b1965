"""The tree of an expression."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from headrace.core.codec import Json


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written down."""

    value: Json


@dataclass(frozen=True, slots=True)
class Invocation:
    """``name(argument, …)``; ``at`` is where the name begins, counted in Python's characters."""

    name: str
    arguments: "tuple[Node, ...]"
    at: int


@dataclass(frozen=True, slots=True)
class Step:
    """One ``.name`` or ``[key]``; ``null_safe`` where a ``?`` stands before it."""

    key: "Node"
    null_safe: bool


@dataclass(frozen=True, slots=True)
class Access:
    """What steps lead to, from the value of a call."""

    root: Invocation
    steps: tuple[Step, ...]


Node: TypeAlias = Literal | Invocation | Access


def invocations(node: Node) -> Iterator[tuple[Invocation, tuple[Step, ...]]]:
    """Yield all calls within ``node`` in the order of the text, each with the steps that follow it."""
    pending: list[Node] = [node]
    while pending:
        match pending.pop():
            case Invocation() as call:
                yield call, ()
                pending.extend(reversed(call.arguments))
            case Access(root=root, steps=steps):
                yield root, steps
                pending.extend(reversed([*root.arguments, *(step.key for step in steps)]))
            case Literal():
                pass
