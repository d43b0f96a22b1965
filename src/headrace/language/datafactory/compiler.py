"""Trees to closures: an expression is compiled once, and then costs a few calls for each evaluation.

Arguments are evaluated from left to right before a function is called, and only then its number of arguments is checked; an
unknown function is reported after its arguments were evaluated.
"""

from collections.abc import Callable, Sequence

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.catalogue import FUNCTIONS
from headrace.language.datafactory.state import matching
from headrace.language.datafactory.syntax import Access, Invocation, Literal, Node
from headrace.language.datafactory.table import Call, Choice, Compute, Evaluation, Function
from headrace.language.datafactory.values import kind_of, text_of


def compile_node(node: Node, expression: str) -> Compute:
    """Return what computes ``node``; ``expression`` is the whole text, for messages."""
    match node:
        case Literal(value=value):
            return lambda _: value
        case Invocation():
            return _call(node, expression)
        case Access(root=root, steps=steps):
            plain = [
                (
                    step.key.value if isinstance(step.key, Literal) else compile_node(step.key, expression),
                    step.null_safe,
                )
                for step in steps
            ]
            return _access(_call(root, expression), plain, expression)


def _call(node: Invocation, expression: str) -> Compute:
    arguments = [compile_node(argument, expression) for argument in node.arguments]
    function = FUNCTIONS.get(node.name.lower())
    if function is None:
        return _unknown(node.name, arguments)
    implementation = function.implementation
    if isinstance(implementation, Choice):
        return (
            implementation.build(arguments) if function.takes(len(arguments)) else _miscounted(function, len(arguments))
        )
    if function.takes(len(arguments)):
        return _evaluated(function, implementation, arguments)
    return _miscounted(function, len(arguments), arguments)


def _evaluated(function: Function, implementation: Callable[[Call], Json], arguments: Sequence[Compute]) -> Compute:
    """Return the closure of a call; for few arguments without a loop, which would cost a frame of the stack for each level."""
    match arguments:
        case []:
            return lambda evaluation: implementation(Call(function, (), evaluation))
        case [only]:
            return lambda evaluation: implementation(Call(function, (only(evaluation),), evaluation))
        case [first, second]:
            return lambda evaluation: implementation(
                Call(function, (first(evaluation), second(evaluation)), evaluation)
            )

    def compute(evaluation: Evaluation) -> Json:
        values: list[Json] = []
        for argument in arguments:
            values.append(argument(evaluation))  # noqa: PERF401 — a comprehension is a frame more
        return implementation(Call(function, values, evaluation))

    return compute


def _unknown(name: str, arguments: Sequence[Compute]) -> Compute:
    def compute(evaluation: Evaluation) -> Json:
        for argument in arguments:
            argument(evaluation)
        raise Problem(Code.UNKNOWN_FUNCTION, f"The template function '{name}' is not defined or not valid.")

    return compute


def _miscounted(function: Function, count: int, arguments: Sequence[Compute] = ()) -> Compute:
    def compute(evaluation: Evaluation) -> Json:
        for argument in arguments:
            argument(evaluation)
        raise function.wrong_count(count)

    return compute


def _access(root: Compute, steps: "Sequence[tuple[Json | Compute, bool]]", expression: str) -> Compute:
    def compute(evaluation: Evaluation) -> Json:
        value = root(evaluation)
        for key, null_safe in steps:
            # Most keys are names that the object has as they are written: that way is kept short.
            if type(key) is str and type(value) is dict and key in value:
                value = value[key]
            else:
                value = _select(value, key(evaluation) if callable(key) else key, null_safe, expression)
        return value

    return compute


def _select(value: Json, key: Json, null_safe: bool, expression: str) -> Json:
    start = f"The expression '{expression}' cannot be evaluated because"
    if value is None and null_safe:
        return None
    if isinstance(value, dict) and isinstance(key, str):
        name = key if key in value else matching(key, value)
        if name is not None:
            found: Json = value[name]
            return found
        if null_safe:
            return None
        names = ", ".join(value)
        raise _refusal(f"{start} property '{key}' doesn't exist, available properties are '{names}'.")
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(value):
            element: Json = value[key]
            return element
        if null_safe:
            return None
        if not value:
            raise _refusal(f"{start} array index '{key}' cannot be selected from empty array.")
        raise _refusal(f"{start} array index '{key}' is outside bounds (0, {len(value) - 1}) of array.")
    raise _refusal(f"{start} property '{text_of(key)}' cannot be selected.{_hint(value)}")


def _hint(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " Array elements can only be selected using an integer index."
    if isinstance(value, dict):
        return " Object properties can only be selected by names."
    return f" Property selection is not supported on values of type '{kind_of(value)}'."


def _refusal(message: str) -> Problem:
    return Problem(Code.EXPRESSION_TYPE, message)
