"""Arithmetic of mapping rules: ``{price} * (1 + {1} / 100)``. Parsed by hand; there is nothing in it but numbers, fields and operators.

Reckoned in decimals of 28 digits, as people do it: 0.1 + 0.2 is 0.3. What cannot be reckoned (an empty field, a text that is no number, a division by
zero) is None.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException, DivisionByZero, InvalidOperation, Overflow
from typing import NoReturn, TypeAlias

from headrace.core.codec import Json

MAX_LETTERS = 10_000
"""Characters of an equation."""
MAX_DEPTH = 100
"""Parentheses in one another."""
_MOST_POWER = 1_000
_EXACT = 2**53
_CONTEXT = Context(prec=28, Emax=10_000, Emin=-10_000, traps=[InvalidOperation, DivisionByZero, Overflow])
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]{1,4})?|\.[0-9]+)|\{(?P<braced>[^{}]*)\}|(?P<name>[^\W\d]\w*)|(?P<sign>\*\*|[-+*/%^()]))"
)
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\s*\Z")
_SUMS = frozenset({"+", "-"})
_PRODUCTS = frozenset({"*", "/", "%"})
_POWERS = frozenset({"^", "**"})

Node: TypeAlias = Callable[[Sequence[Decimal | None]], Decimal | None]
"""Gives the value for the fields of one record."""
Reckon: TypeAlias = Callable[[Decimal, Decimal], Decimal]


class EquationError(ValueError):
    """An equation cannot be read; the message says where, and what would be right."""


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation over fields, by their places in ``fields``."""

    fields: tuple[str, ...]
    node: Node

    def column(self, columns: Sequence[Sequence[Json]]) -> list[Json]:
        """Return the value for each record; ``columns`` are those of ``fields``."""
        numbers = [[number_of(value) for value in column] for column in columns]
        return [_json(self._value(row)) for row in zip(*numbers, strict=True)]

    def _value(self, row: Sequence[Decimal | None]) -> Decimal | None:
        try:
            return self.node(row)
        except DecimalException:
            return None


def parse(text: str, fields: Sequence[str]) -> Equation:
    """Return the equation that ``text`` is; fields are written ``{key}``, ``{0}`` (their place in ``fields``), or ``key`` where that is a plain word.

    Raises:
        EquationError: it is none.
    """
    if len(text) > MAX_LETTERS:
        message = f"an equation has at most {MAX_LETTERS:,} characters, this one has {len(text):,}"
        raise EquationError(message)
    places = {str(place): place for place in range(len(fields))} | {name: place for place, name in enumerate(fields)}
    parser = _Parser(text, places)
    return Equation(tuple(fields), parser.whole())


def number_of(value: Json) -> Decimal | None:
    """Return the number that a value is, None if none."""
    match value:
        case bool() | None:
            return None
        case int() | float():
            text = _shown(value)
        case str():
            text = value.strip()
        case _:
            return None
    if not _NUMBER.match(text):
        return None
    try:
        return _CONTEXT.create_decimal(text)
    except DecimalException:
        return None


def _shown(value: float) -> str:
    try:
        return repr(value)
    except ValueError:
        # A whole number of more digits than Python shows.
        return ""


def _json(value: Decimal | None) -> Json:
    if value is None or not value.is_finite():
        return None
    if value == value.to_integral_value(context=_CONTEXT) and abs(value) < _EXACT:
        return int(value)
    number = float(value)
    return number if abs(number) < float("inf") else None


class _Parser:
    def __init__(self, text: str, places: Mapping[str, int]) -> None:
        self._text, self._places = text, places
        self._tokens = list(self._cut())
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._sum()
        if self._next < len(self._tokens):
            self._refuse("an operator")
        return node

    def _cut(self) -> list[tuple[str, str, int]]:
        """Return tokens with what they are, and where."""
        tokens = []
        place = 0
        while self._text[place:].strip():
            found = _TOKEN.match(self._text, place)
            if found is None:
                start = place + len(self._text[place:]) - len(self._text[place:].lstrip())
                message = f"{self._text[start]!r} at character {start + 1} is no part of an equation: write numbers, {{fields}}, + - * / % ^ ( )"
                raise EquationError(message)
            kind = str(found.lastgroup)
            tokens.append((kind, found[kind], found.start(kind) + 1))
            place = found.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._is("sign") else ""

    def _is(self, kind: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next][0] == kind

    def _refuse(self, wanted: str) -> NoReturn:
        if self._next < len(self._tokens):
            _, text, place = self._tokens[self._next]
            message = f"found {text!r} at character {place}, expected {wanted}"
        else:
            message = f"the equation ends where {wanted} is expected"
        raise EquationError(message)

    def _sum(self) -> Node:
        first, rest = self._product(), list[tuple[Reckon, Node]]()
        while (sign := self._peek()) in _SUMS:
            self._next += 1
            rest.append((_CONTEXT.add if sign == "+" else _CONTEXT.subtract, self._product()))
        return _chain(first, rest)

    def _product(self) -> Node:
        first, rest = self._signed(), list[tuple[Reckon, Node]]()
        while (sign := self._peek()) in _PRODUCTS:
            self._next += 1
            reckon = {"*": _CONTEXT.multiply, "/": _CONTEXT.divide, "%": _CONTEXT.remainder}[sign]
            rest.append((reckon, self._signed()))
        return _chain(first, rest)

    def _signed(self) -> Node:
        negative = False
        while (sign := self._peek()) in _SUMS:
            self._next += 1
            negative ^= sign == "-"
        node = self._power()
        return _negative(node) if negative else node

    def _power(self) -> Node:
        node = self._single()
        if self._peek() in _POWERS:
            self._enter()
            node = _chain(node, [(_raised, self._signed())])
            self._depth -= 1
        return node

    def _enter(self) -> None:
        self._next += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = f"an equation has at most {MAX_DEPTH} parentheses in one another"
            raise EquationError(message)

    def _single(self) -> Node:
        if self._peek() == "(":
            self._enter()
            node = self._sum()
            if self._peek() != ")":
                self._refuse("a closing parenthesis")
            self._next += 1
            self._depth -= 1
            return node
        if self._is("sign") or self._next == len(self._tokens):
            self._refuse("a number or a field")
        kind, text, place = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            value = _CONTEXT.create_decimal(text)
            return lambda _row: value
        at = self._places.get(text.strip())
        if at is None:
            message = f"{text.strip()!r} at character {place} is no field of sourceFields"
            raise EquationError(message)
        return lambda row: row[at]


def _chain(first: Node, rest: Sequence[tuple[Reckon, Node]]) -> Node:
    """Return the node that reckons from left to right: in a loop, since thousands of signs in one another would be too deep."""
    if not rest:
        return first

    def node(row: Sequence[Decimal | None]) -> Decimal | None:
        value = first(row)
        for reckon, other in rest:
            right = other(row)
            if value is None or right is None:
                return None
            value = reckon(value, right)
        return value

    return node


def _negative(inner: Node) -> Node:
    def node(row: Sequence[Decimal | None]) -> Decimal | None:
        value = inner(row)
        return None if value is None else _CONTEXT.minus(value)

    return node


def _raised(base: Decimal, exponent: Decimal) -> Decimal:
    if abs(exponent) > _MOST_POWER:
        raise Overflow
    return _CONTEXT.power(base, exponent)
