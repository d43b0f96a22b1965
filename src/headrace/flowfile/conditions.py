"""``source.where``: which rows of a table are read, as a condition of the core.

    status: open                          is this value
    region: [north, south]                is one of these
    closed_at: null                       is null
    amount: {">=": 10, "<": 100}          compares; several in one object hold together
    name: {like: "A%"}                    SQL's LIKE
    note: {not: null}                     not: of a value, a list, null, or comparisons
    any: [{vip: true}, {amount: {">": 1000}}]      at least one holds; all: every one; not: it does not hold

Entries of one object hold together. Nothing here knows the table: whether a column exists, and takes such values, the database's connector says.
"""

import difflib
import math
from collections.abc import Mapping, Sequence

from headrace.core.codec import Json
from headrace.core.condition import AllOf, AnyOf, Comparator, Comparison, Condition, IsNull, Membership, Negation
from headrace.flowfile.findings import Findings

COMPARATORS: Mapping[str, Comparator] = {comparator.value: comparator for comparator in Comparator}
IN, NOT = "in", "not"
OPERATORS = (*COMPARATORS, IN, NOT)
"""What may stand in the object of a column."""
_MEANT: Mapping[str, str] = {
    "==": "=", "eq": "=", "is": "=", "equals": "=", "<>": "!=", "ne": "!=", "neq": "!=", "lt": "<", "lte": "<=", "le": "<=", "=<": "<=",
    "gt": ">", "gte": ">=", "ge": ">=", "=>": ">=", "nin": NOT, "not in": NOT, "not_in": NOT, "is not": NOT,
}  # fmt: skip
"""What other languages call the operators."""
_EXAMPLE = "such as {status: open}"


def condition_of(where: Mapping[str, Json], findings: Findings, path: str = "source.where") -> Condition | None:
    """Return the condition that ``where`` says; None: something is wrong in it, and stands in ``findings`` with its path."""
    before = len(findings.found)
    condition = _Reader(findings).every(where, path)
    return condition if len(findings.found) == before else None


class _Reader:
    """Reads conditions; where one is wrong, any other stands in for it, since what is wrong is in ``findings`` and nothing is used then."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def every(self, where: Json, path: str) -> Condition:
        if not isinstance(where, Mapping):
            self._findings.add(path, "expected an object of columns", _EXAMPLE)
            return AllOf(())
        if not where:
            self._findings.add(path, "the object is empty", _EXAMPLE)
        return _joined([self._entry(name, value, f"{path}.{name}") for name, value in where.items()])

    def _entry(self, name: str, value: Json, path: str) -> Condition:
        match name:
            case "all":
                return _joined(self._parts(value, path))
            case "any":
                return AnyOf(tuple(self._parts(value, path)))
            case "not":
                return Negation(self.every(value, path))
            case "":
                self._findings.add(path, "the name of the column is empty", _EXAMPLE)
                return AllOf(())
            case _:
                return self._column(name, value, path)

    def _parts(self, value: Json, path: str) -> list[Condition]:
        if isinstance(value, str) or not isinstance(value, Sequence) or not value:
            self._findings.add(path, "expected a list of objects of columns", "such as [{status: open}, {vip: true}]")
            return []
        return [self.every(part, f"{path}[{number}]") for number, part in enumerate(value)]

    def _column(self, name: str, value: Json, path: str) -> Condition:
        if isinstance(value, Mapping):
            if not value:
                self._findings.add(path, "the object is empty", "one of " + ", ".join(OPERATORS))
            return _joined([self._operator(name, word, item, f"{path}.{word}") for word, item in value.items()])
        if isinstance(value, Sequence) and not isinstance(value, str):
            return self._membership(name, value, path)
        return IsNull(name) if value is None else self._comparison(name, Comparator.EQ, value, path)

    def _operator(self, name: str, word: str, value: Json, path: str) -> Condition:
        if word == NOT:
            return Negation(self._column(name, value, path))
        if word == IN:
            if isinstance(value, str) or not isinstance(value, Sequence):
                self._findings.add(path, "expected a list of values", "such as [north, south]")
                return IsNull(name)
            return self._membership(name, value, path)
        comparator = COMPARATORS.get(word)
        if comparator is None:
            self._findings.add(path, f"unknown operator {word!r}", _nearest(word))
            return IsNull(name)
        if value is None and comparator in {Comparator.EQ, Comparator.NE}:
            return IsNull(name) if comparator is Comparator.EQ else Negation(IsNull(name))
        return self._comparison(name, comparator, value, path)

    def _comparison(self, name: str, comparator: Comparator, value: Json, path: str) -> Condition:
        self._check(value, path)
        if comparator is Comparator.LIKE and not isinstance(value, str):
            self._findings.add(path, "expected a text with % and _", 'such as "A%"')
        return Comparison(name, comparator, value)

    def _membership(self, name: str, values: Sequence[Json], path: str) -> Condition:
        if not values:
            self._findings.add(path, "the list is empty, so that no row could fulfil it", "at least one value")
        for number, value in enumerate(values):
            if value is not None:
                self._check(value, f"{path}[{number}]")
        known = tuple(value for value in values if value is not None)
        if len(known) == len(values):
            return Membership(name, known)
        return AnyOf((Membership(name, known), IsNull(name))) if known else IsNull(name)

    def _check(self, value: Json, path: str) -> None:
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            self._findings.add(path, "expected a text, a number, true or false")


def _joined(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _nearest(word: str) -> str:
    lower = word.strip().lower()
    meant = _MEANT.get(lower) or next(iter(difflib.get_close_matches(lower, OPERATORS, n=1, cutoff=0.6)), None)
    return f"did you mean {meant!r}?" if meant else "one of " + ", ".join(OPERATORS)
