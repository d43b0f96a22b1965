"""What filters and searches mean, said a second time in plain Python: the oracle for the SQL."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from headrace.core.blueprint import Blueprint
from headrace.core.record import And, Compare, Is, Operator, Or, RecordFilter

Messages = Mapping[str, list[list[str]]]
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def holds(where: RecordFilter, values: Mapping[str, Any], messages: Messages, blueprint: Blueprint) -> bool:
    """Say whether ``where`` holds of a record."""
    match where:
        case And(terms):
            return all(holds(term, values, messages, blueprint) for term in terms)
        case Or(terms):
            return any(holds(term, values, messages, blueprint) for term in terms)
        case Is(field, state):
            level = "warn" if state == "warning" else "error"
            said = any(item[0] == level for key, items in messages.items() if field in {None, key} for item in items)
            return said != (state == "valid")
        case Compare(field, chosen, value):
            keys = list(blueprint.by_key) if field is None else [field]
            return any(_holds(chosen, values.get(key), value, key, blueprint) for key in keys)


def found(text: str, field: str | None, values: Mapping[str, Any], blueprint: Blueprint, *, whole: bool) -> bool:
    """Say whether a search finds a record."""
    keys = list(blueprint.by_key) if field is None else [field]
    texts = [_shown(item).lower() for key in keys for item in _scalars(values.get(key), key, blueprint)]
    return any(text.lower() == item if whole else text.lower() in item for item in texts)


def sort_key(value: Any, key: str, blueprint: Blueprint) -> tuple[int, Any]:
    """Return the rank of a value, and what it is sorted by within it."""
    kind = blueprint.by_key[key].kind
    if value is None:
        return 5, 0
    if kind.is_list:
        return 0, ", ".join(_shown(item) for item in _scalars(value, key, blueprint))
    types = {"number": _is_number(value), "text": isinstance(value, str), "boolean": isinstance(value, bool)}
    if types[kind.value if kind.value in types else "text"]:
        return 0, value
    for rank, holds_of in enumerate(types.values()):
        if holds_of:
            return rank + 1, value
    return 4, 0


def _holds(chosen: Operator, cell: Any, value: str | None, key: str, blueprint: Blueprint) -> bool:
    if chosen is Operator.NE:
        return not _holds(Operator.EQ, cell, value, key, blueprint)
    if value is None:
        return cell is None and chosen not in {Operator.LT, Operator.GT, Operator.LTE, Operator.GTE}
    if chosen is Operator.CONTAINS and not blueprint.by_key[key].kind.is_list:
        return False
    return any(_compares(chosen, item, value, key, blueprint) for item in _scalars(cell, key, blueprint))


def _compares(chosen: Operator, item: Any, value: str, key: str, blueprint: Blueprint) -> bool:
    if chosen in {Operator.LIKE, Operator.ILIKE}:
        shown, pattern = _shown(item), value
        if chosen is Operator.ILIKE:
            shown, pattern = shown.lower(), pattern.lower()
        if "%" not in pattern and "_" not in pattern:
            return pattern in shown
        parts = {"%": ".*", "_": "."}
        return re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), shown, re.DOTALL) is not None
    pair = _pair(item, value)
    if pair is None:
        return False
    left, right = pair
    if chosen in {Operator.EQ, Operator.CONTAINS}:
        return bool(left == right)
    if isinstance(item, str) and blueprint.by_key[key].kind.value in {"number", "boolean"}:
        return False
    orders = {Operator.LT: left < right, Operator.GT: left > right, Operator.LTE: left <= right}
    return bool(orders.get(chosen, left >= right))


def _pair(item: Any, value: str) -> tuple[Any, Any] | None:
    if isinstance(item, str):
        return item, value
    if isinstance(item, bool):
        word = _WORDS.get(value.strip().lower())
        return None if word is None else (item, word)
    number = re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", value, re.ASCII)
    if not _is_number(item) or number is None:
        return None
    return item, float(value) if float(value) != int(float(value)) else int(Decimal(value))


def _scalars(cell: Any, key: str, blueprint: Blueprint) -> list[Any]:
    items = cell if isinstance(cell, list) and blueprint.by_key[key].kind.is_list else [cell]
    return [item for item in items if isinstance(item, str | bool | int | float)]


def _shown(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return item if isinstance(item, str) else format(Decimal(repr(item)), "f")


def _is_number(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool)
