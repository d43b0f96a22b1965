r"""Destinations of a mapping: paths into the columns of a target.

    person.name.firstName    a field of a struct, whose structs are made on the way
    items[0].sku             an element of a list
    orders[*].total          every element of a list, from every element of the source's (``c[*].sum``)

A destination that is exactly a column's name is that column, whatever it looks like. A dot that belongs to a name is written ``\.``.
"""

import difflib
import re
from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.schema import STRING, Column, ColumnType, Kind

MAX_ELEMENT = 999
"""Highest number of an element that a mapping can name."""

_PIECE = re.compile(r"(?P<dot>\.)|\[(?P<index>\d+|\*)\]|(?P<name>(?:\\.|[^.\[\]\\])+)", re.DOTALL)
_SEPARATORS = re.compile(r"[.\[]")


class Every(Enum):
    """Every element of a list."""

    EVERY = "*"


Step: TypeAlias = "str | int | Every"


def read_path(key: str) -> tuple[Step, ...]:
    """Return the steps of a destination.

    Raises:
        Problem: ``INVALID``: it is no path; ``LIMIT_EXCEEDED``: an element beyond ``MAX_ELEMENT``.
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
            steps.append(Every.EVERY if match["index"] == "*" else _element(key, match["index"]))
    if at < len(key) or wants_name:
        message = f"{key!r} is no path of a target"
        raise Problem(Code.INVALID, message, (FieldError("", message, "such as person.name, items[0].sku or a[*].b"),))
    return tuple(steps)


def _element(key: str, digits: str) -> int:
    number = int(digits) if len(digits) <= len(str(MAX_ELEMENT)) else MAX_ELEMENT + 1
    if number > MAX_ELEMENT:
        raise Problem(Code.LIMIT_EXCEEDED, f"{key!r}: the highest element that can be named is {MAX_ELEMENT}")
    return number


def is_path(key: str) -> bool:
    """Say whether a destination that is no column's name could be more than one step."""
    return _SEPARATORS.search(key) is not None


def step_into(type_: ColumnType, step: Step, path: str) -> ColumnType:
    """Return the type of what lies a step below a value of ``type_``, which ``path`` names.

    Raises:
        Problem: ``INVALID``: nothing does.
    """
    if not isinstance(step, str):
        if type_.kind is not Kind.LIST:
            raise Problem(Code.INVALID, f"{path!r} is a {type_} and has no elements")
        return type_.element or STRING
    if type_.kind is not Kind.STRUCT:
        hint = "map it as a whole" if type_.kind is Kind.JSON else ""
        message = f"{path!r} is a {type_} and has no field {step!r}"
        raise Problem(Code.INVALID, message, (FieldError("", message, hint),))
    by_name = {field.name: field.type for field in type_.fields}
    if step not in by_name:
        near = difflib.get_close_matches(step, list(by_name), n=1)
        message = f"{path!r} has no field {step!r}"
        raise Problem(Code.INVALID, message, (FieldError("", message, f"did you mean {near[0]!r}?" if near else ""),))
    return by_name[step]


def destination_type(columns: Mapping[str, Column], key: str) -> ColumnType | None:
    """Return the type of a destination; None: its first name is no column.

    Raises:
        Problem: ``INVALID``: it is no path, or leads nowhere.
    """
    if key in columns:
        return columns[key].type
    steps = read_path(key) if is_path(key) else (key,)
    column = columns.get(str(steps[0]))
    if column is None:
        return None
    type_, path = column.type, column.name
    for step in steps[1:]:
        type_ = step_into(type_, step, path)
        path = f"{path}.{step}" if isinstance(step, str) else f"{path}[]"
    return type_
