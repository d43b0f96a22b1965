"""Filters of table sources, in: PQL as JSON (7.5) becomes a ``core.condition.Condition``."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.core.codec import Json
from headrace.core.condition import AllOf, AnyOf, Comparator, Comparison, Condition, IsNull, Membership, Negation
from headrace.core.errors import Problem
from headrace.http.bodies import parse

MAX_LITERALS = 1000
"""Values of one ``in``."""
MAX_DIGITS = 38
"""Digits of a whole number: what the widest column of a database holds."""

_COMPARATORS: Mapping[str, Comparator] = {
    **{comparator.value: comparator for comparator in Comparator},
    "==": Comparator.EQ,
}
_MIRRORED: Mapping[Comparator, Comparator] = {
    Comparator.EQ: Comparator.EQ,
    Comparator.NE: Comparator.NE,
    Comparator.LT: Comparator.GT,
    Comparator.LE: Comparator.GE,
    Comparator.GT: Comparator.LT,
    Comparator.GE: Comparator.LE,
}
_FUNCTIONS = (*_COMPARATORS, "in", "isNull", "and", "or", "not")


def read_filters(value: object) -> Condition | None:
    """Return the condition that ``params.filters`` says; None or an empty object: none.

    Raises:
        Refusal: 1355, 1356, 1357 (``type``, ``format``, ``value``); 1350, 1351 (function missing, unknown); 1390 (``not`` of several);
            1377 (null with an operator); 1379 (a literal of the wrong type); 1349 (anything else).
    """
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping):
        raise _wrong("filters is no object with type, format and value")
    if value.get("type") != "PQL":
        raise Refusal(Fault.FILTER_TYPE, f"filters.type is {value.get('type')!r}; 'PQL' is expected")
    if value.get("format") != "pql/json":
        raise Refusal(Fault.FILTER_FORMAT, f"filters.format is {value.get('format')!r}; 'pql/json' is expected")
    node = value.get("value")
    if node is None or node == {}:
        raise Refusal(Fault.FILTER_NO_VALUE, "filters.value is missing; an object with a nodeType is expected")
    return _condition(node, "filters.value")


def decode_filters(text: str) -> Condition | None:
    """Return the condition of the query parameter ``filters``: base64 of the JSON that ``read_filters`` takes.

    Raises:
        Refusal: 1389-400: it cannot be decoded; and as ``read_filters``.
    """
    plain = text.strip().replace("-", "+").replace("_", "/").replace(" ", "+")
    try:
        value = parse(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (ValueError, binascii.Error, Problem) as error:
        raise Refusal(Fault.FILTER_ENCODING, "the query parameter filters is no base64 of a JSON document") from error
    return read_filters(value)


def _condition(node: object, where: str) -> Condition:
    if not isinstance(node, Mapping) or node.get("nodeType") != "fnApply":
        raise _wrong(f"{where} is no function; an object with the nodeType fnApply is expected")
    name = node.get("fnName")
    if not isinstance(name, str) or not name.strip():
        raise Refusal(Fault.FILTER_NO_FUNCTION, f"{where}.fnName is missing; use one of {', '.join(_FUNCTIONS)}")
    params = node.get("params")
    if isinstance(params, str) or not isinstance(params, Sequence):
        raise _wrong(f"{where}.params is no list")
    word, below = name.strip().lower(), f"{where}.params"
    if word in _COMPARATORS:
        return _comparison(_COMPARATORS[word], params, below)
    if word == "in":
        return _membership(params, below)
    if word == "isnull":
        _count(params, 1, name, below)
        return IsNull(_column(params[0], f"{below}[0]"))
    if word == "not":
        if len(params) != 1:
            raise Refusal(Fault.FILTER_NEGATION, f"{below} has {len(params)} elements; not takes exactly one")
        return Negation(_condition(params[0], f"{below}[0]"))
    if word in {"and", "or"}:
        if not params:
            raise _wrong(f"{below} is empty; {name} takes one condition or more")
        parts = tuple(_condition(param, f"{below}[{position}]") for position, param in enumerate(params))
        return AllOf(parts) if word == "and" else AnyOf(parts)
    raise Refusal(Fault.FILTER_FUNCTION, f"{where}.fnName {name[:40]!r} is unknown; use one of {', '.join(_FUNCTIONS)}")


def _comparison(op: Comparator, params: Sequence[Any], where: str) -> Comparison:
    _count(params, 2, op.value, where)
    column, literal = 0, 1
    if _is(params[0], "literal") and op in _MIRRORED:
        column, literal, op = 1, 0, _MIRRORED[op]
    value = _literal(params[literal], f"{where}[{literal}]")
    if op is Comparator.LIKE and not isinstance(value, str):
        raise Refusal(Fault.FILTER_LITERAL, f"{where}[{literal}].value is no text; like compares with texts")
    return Comparison(_column(params[column], f"{where}[{column}]"), op, value)


def _membership(params: Sequence[Any], where: str) -> Membership:
    if len(params) < 2:
        raise _wrong(f"{where} has {len(params)} elements; in takes a field and a list of literals")
    column = _column(params[0], f"{where}[0]")
    values: list[Json] = []
    for position, node in enumerate(params[1:], 1):
        at = f"{where}[{position}]"
        given = node.get("value") if _is(node, "literal") else None
        if isinstance(given, list):
            values.extend(_scalar(one, f"{at}.value[{index}]") for index, one in enumerate(given))
        else:
            values.append(_literal(node, at))
    if not values:
        raise Refusal(Fault.FILTER_LITERAL, f"{where}[1].value is an empty list; in needs one value or more")
    if len(values) > MAX_LITERALS:
        raise _wrong(f"{where} has {len(values)} values; the limit is {MAX_LITERALS}")
    return Membership(column, tuple(values))


def _column(node: object, where: str) -> str:
    name = node.get("fieldName") if _is(node, "fieldLookup") and isinstance(node, Mapping) else None
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise _wrong(f"{where} names no column; an object with the nodeType fieldLookup and a fieldName is expected")
    return name


def _literal(node: object, where: str) -> Json:
    if not isinstance(node, Mapping) or not _is(node, "literal"):
        raise _wrong(f"{where} is no literal; an object with the nodeType literal and a value is expected")
    return _scalar(node.get("value"), f"{where}.value")


def _scalar(value: object, where: str) -> Json:
    if value is None:
        raise Refusal(Fault.FILTER_NULL, f"{where} is null, which does not go with an operator; use isNull")
    if isinstance(value, bool | float | str):
        return value
    if isinstance(value, int) and len(str(abs(value))) <= MAX_DIGITS:
        return value
    raise Refusal(Fault.FILTER_LITERAL, f"{where} is no text, number or boolean")


def _is(node: object, kind: str) -> bool:
    return isinstance(node, Mapping) and node.get("nodeType") == kind


def _count(params: Sequence[Any], expected: int, name: str, where: str) -> None:
    if len(params) != expected:
        raise _wrong(f"{where} has {len(params)} elements; {name} takes {expected}")


def _wrong(message: str) -> Refusal:
    return Refusal(Fault.FILTER_INVALID, message)
