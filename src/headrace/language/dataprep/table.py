"""What one function of the language is: its name, what it takes, how it becomes SQL, and what the reference says of it.

There is one table, ``catalogue.FUNCTIONS``; the compiler, the reference page and the doors read it, and nothing else knows a
function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType
from headrace.language.dataprep.casts import converted
from headrace.language.dataprep.paths import as_list
from headrace.language.dataprep.refusal import refuse
from headrace.language.dataprep.values import STRING, Value


@dataclass(frozen=True, slots=True)
class FunctionDoc:
    """What a reader is told of a function. ``most`` is None where any number of arguments is taken."""

    name: str
    category: str
    syntax: str
    least: int
    most: int | None
    doc: str
    example: str
    result: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """One call: the function's name, its compiled arguments, and where they stand in the expression.

    ``lambdas`` has, by index, the arguments that are lambdas: given a list, each returns the name that its elements have, and its body.
    """

    name: str
    arguments: tuple[Value, ...]
    expression: str
    at: int
    places: tuple[int, ...]
    lambdas: Mapping[int, Callable[[Value], tuple[str, Value]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arguments)

    def take(self, index: int, type_: ColumnType) -> Value:
        """Return an argument converted to ``type_``.

        Raises:
            Problem: ``EXPRESSION_TYPE``: the argument's type does not convert.
        """
        try:
            return converted(self.arguments[index], type_)
        except Problem as problem:
            raise self.refusal(index, problem.message) from problem

    def texts(self) -> list[Value]:
        """Return all arguments as text."""
        return [self.take(index, STRING) for index in range(len(self))]

    def constant(self, index: int, what: str) -> str:
        """Return an argument that must be written as a text literal.

        Raises:
            Problem: ``EXPRESSION_TYPE``: it is computed or no text.
        """
        value = self.arguments[index]
        if isinstance(value.constant, str):
            return value.constant
        raise self.refusal(index, f"{what} must be a text in quotes")

    def items(self, index: int) -> Value:
        """Return an argument that must be a list, or JSON that may be an array.

        Raises:
            Problem: ``EXPRESSION_TYPE``: it is neither.
        """
        return self.checked(index, as_list)

    def checked(self, index: int, build: Callable[[Value], Value]) -> Value:
        """Return what ``build`` makes of an argument.

        Raises:
            Problem: ``EXPRESSION_TYPE``: what ``build`` refuses, at the argument.
        """
        try:
            return build(self.arguments[index])
        except Problem as problem:
            raise self.refusal(index, problem.message) from problem

    def refusal(self, index: int, message: str, code: Code = Code.EXPRESSION_TYPE) -> Problem:
        """Return the problem of one argument."""
        return refuse(code, self.expression, self.places[index], f"{self.name}, argument {index + 1}: {message}")


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its documentation, and ``build``, which turns a call into a value."""

    doc: FunctionDoc
    build: Callable[[Site], Value]

    @property
    def is_method(self) -> bool:
        """Say whether it may be written as ``receiver.name(…)``."""
        return "." in self.doc.syntax.partition("(")[0]


def function(
    syntax: str,
    category: str,
    doc: str,
    example: str,
    *aliases: str,
) -> Callable[[Callable[[Site], Value]], Function]:
    """Return a decorator that makes a builder a function of the table.

    ``syntax`` says name and arity: ``name(a, b[, c])``, with ``…`` for any number more, and ``a.`` before a method, whose
    receiver is its first argument.
    ``example`` is ``expression -> result``.
    """
    head, _, inner = syntax.removesuffix(")").partition("(")
    required, _, optional = inner.partition("[")
    receiver = 1 if "." in head else 0
    least = receiver + _names(required)
    most = None if "…" in inner else least + _names(optional)
    expression, _, result = example.rpartition(" -> ")
    name = head.rpartition(".")[2]
    entry = FunctionDoc(name, category, syntax, least, most, doc, expression, result, aliases)
    return lambda build: Function(entry, build)


def _names(parameters: str) -> int:
    return len([name for name in parameters.replace("[", "").replace("]", "").split(",") if name.strip(" …")])


def wrong_count(name: str, count: int, doc: FunctionDoc) -> str:
    """Return what is wrong with so many arguments for the function, or ``""``."""
    if count >= doc.least and (doc.most is None or count <= doc.most):
        return ""
    if doc.most is None:
        wanted = f"at least {doc.least}"
    elif doc.least == doc.most:
        wanted = str(doc.least)
    else:
        wanted = f"{doc.least} to {doc.most}"
    plural = "argument" if wanted in {"1", "at least 1"} else "arguments"
    return f"{name} takes {wanted} {plural}, not {count}: {doc.syntax}"
