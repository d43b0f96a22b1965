"""What one function of the language is, and what a call of it knows.

There is one table, ``catalogue.FUNCTIONS``; the compiler and the reference page read it, and nothing else knows a function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import Budget
from headrace.language.datafactory.state import State
from headrace.language.datafactory.values import kind_of, text_of

_ORDINALS = ("first", "second", "third", "fourth", "fifth")


@dataclass(slots=True)
class Evaluation:
    """One evaluation of a template: what it may see, and what it may still spend."""

    state: State
    budget: Budget = field(default_factory=Budget)

    def text_form(self, value: Json) -> str:
        """Return a value's text form (``values.text_of``), and spend what it takes to make it."""
        if isinstance(value, str):
            return value
        text = text_of(value)
        self.budget.produce_text(len(text))
        self.budget.spend(text.count(","))  # each element of an array or object costs more than its characters
        return text

    def joined(self, texts: Sequence[str], separator: str = "") -> str:
        """Return texts behind each other, if that does not become too long."""
        self.budget.produce_text(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
        return separator.join(texts)


Compute: TypeAlias = Callable[[Evaluation], Json]
"""A compiled expression."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An implementation that does not evaluate all of its arguments: it is compiled from theirs, once."""

    build: Callable[[Sequence[Compute]], Compute]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language.

    ``most`` is None where any number of arguments is taken. ``implementation`` gets a call with as many arguments as are
    allowed, and returns JSON (no NaN, no infinity) or raises a Problem (use the methods of ``Call``).
    """

    name: str
    least: int
    most: int | None
    implementation: "Callable[[Call], Json] | Choice"
    category: str
    """``String``, ``Collection``, ``Logical``, ``Conversion``, ``Math``, ``Date`` or ``Accessor``."""
    syntax: str
    """How it is written, for the reference: ``substring(text, start[, length])``."""
    doc: str
    """What it does, for the reference: one line of Markdown, with what it refuses."""
    example: str = ""
    """An expression; its value is shown in the reference."""
    expects: str = ""
    """What follows ``The function 'x' expects`` where the number of arguments is wrong; default: their number."""

    def takes(self, count: int) -> bool:
        """Say whether the function takes so many arguments."""
        return count >= self.least and (self.most is None or count <= self.most)

    def wrong_count(self, count: int) -> Problem:
        """Return the problem of a call with the wrong number of arguments, in the service's words."""
        expects = self.expects or self._expected()
        given = f"with '{count}' parameter(s)" if self.expects or count else "with no parameters"
        message = f"The function '{self.name}' expects {expects}. The function was invoked {given}."
        return Problem(Code.EXPRESSION_TYPE, message)

    def _expected(self) -> str:
        if self.most is None:
            return "a comma separated list of parameters"
        if self.least != self.most:
            return f"{self.least} to {self.most} parameters"
        return "one parameter" if self.least == 1 else f"{self.least} parameters"


@dataclass(slots=True)
class Call:
    """One call: the function, its evaluated arguments, and the evaluation that it belongs to."""

    function: Function
    arguments: Sequence[Json]
    evaluation: Evaluation

    def __len__(self) -> int:
        return len(self.arguments)

    @property
    def name(self) -> str:
        """The function's name, for messages."""
        return self.function.name

    @property
    def state(self) -> State:
        """What the expression may see."""
        return self.evaluation.state

    @property
    def budget(self) -> Budget:
        """What may be spent; tell it of every text and array that can become large, before it is made."""
        return self.evaluation.budget

    def text_form(self, value: Json) -> str:
        """Return a value's text form, and spend what it takes to make it."""
        return self.evaluation.text_form(value)

    def joined(self, texts: Sequence[str], separator: str = "") -> str:
        """Return texts behind each other, if that does not become too long."""
        return self.evaluation.joined(texts, separator)

    def text(self, index: int, expected: str = "to be of type string") -> str:
        """Return an argument that must be a string.

        Raises:
            Problem: it is none (null too): ``The function 'f' expects its second parameter {expected}. The provided value …``
        """
        value = self.arguments[index]
        if isinstance(value, str):
            return value
        raise self.wrong_type(index, expected)

    def integer(self, index: int, expected: str = "to be an integer") -> int:
        """Return an argument that must be an integer (no float, no boolean).

        Raises:
            Problem: it is none.
        """
        value = self.arguments[index]
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.wrong_type(index, expected)

    def wrong_type(self, index: int, expected: str) -> Problem:
        """Return the problem of an argument of the wrong type."""
        which = "" if self.function.most == 1 else f"{_ORDINALS[min(index, 4)]} "
        kind = kind_of(self.arguments[index])
        return self.refusal(
            f"The function '{self.name}' expects its {which}parameter {expected}. The provided value is of type '{kind}'."
        )

    def not_convertible(self) -> Problem:
        """Return the problem of a value that does not convert."""
        return self.refusal(
            f"The function '{self.name}' was invoked with a parameter that is not valid. "
            "The value cannot be converted to the target type."
        )

    @staticmethod
    def refusal(message: str) -> Problem:
        """Return the problem with exactly this message."""
        return Problem(Code.EXPRESSION_TYPE, message)


def makes(category: str) -> Callable[..., Function]:
    """Return what makes the functions of a category: called with the fields of ``Function`` in their order, but for the category."""

    def made(
        name: str, least: int, most: int | None, implementation: "Callable[[Call], Json] | Choice", *texts: str
    ) -> Function:
        return Function(name, least, most, implementation, category, *texts)

    return made
