"""What a template names, found without evaluating it: a definition is checked with it before a run begins."""

from dataclasses import dataclass
from typing import Final

from headrace.core.codec import Json
from headrace.language.datafactory.syntax import Invocation, Literal, Step, invocations
from headrace.language.datafactory.templates import parse, strings

_ACCESSORS: Final = frozenset({
    "pipeline", "activity", "variables", "item", "dataset", "linkedservice", "trigger", "triggerbody", "parameters",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class AccessorUse:
    """One call of an accessor: its name as written, the expression that it stands in, and where, in characters from 0."""

    name: str
    expression: str
    at: int


@dataclass(frozen=True, slots=True)
class References:
    """The names that a template has as literals, each as written (they compare without case).

    A name that is computed cannot be known, and is not here.
    """

    activities: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    """Of ``pipeline().parameters.x`` and ``parameters('x')``."""
    global_parameters: frozenset[str] = frozenset()
    uses_item: bool = False
    accessors: tuple[AccessorUse, ...] = ()
    """All calls of accessors, in the order of the text."""


def references(template: Json) -> References:
    """Return what the expressions of ``template`` refer to.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``: one of them cannot be read.
    """
    names: dict[str, set[str]] = {key: set() for key in ("activity", "variables", "parameters", "globalparameters")}
    accessors: list[AccessorUse] = []
    for text in strings(template):
        if "@" not in text:
            continue
        for expression in parse(text).expressions:
            for call, steps in invocations(expression.tree):
                name = call.name.lower()
                if name not in _ACCESSORS:
                    continue
                accessors.append(AccessorUse(call.name, expression.text, call.at))
                for group, found in _named(name, call, steps):
                    names[group].add(found)
    return References(
        activities=frozenset(names["activity"]),
        variables=frozenset(names["variables"]),
        parameters=frozenset(names["parameters"]),
        global_parameters=frozenset(names["globalparameters"]),
        uses_item=any(use.name.lower() == "item" for use in accessors),
        accessors=tuple(accessors),
    )


def _named(name: str, call: Invocation, steps: tuple[Step, ...]) -> list[tuple[str, str]]:
    """Return what one accessor names, each with the group that it belongs to."""
    if name == "pipeline":
        match [step.key.value if isinstance(step.key, Literal) else None for step in steps[:2]]:
            case [str(group), str(found)] if group.lower() in {"parameters", "globalparameters"}:
                return [(group.lower(), found)]
        return []
    match call.arguments:
        case (Literal(value=str(found)),) if name in {"activity", "variables", "parameters"}:
            return [(name, found)]
    return []
