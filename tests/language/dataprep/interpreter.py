"""A naive interpreter of a part of the language: what the compiled SQL must agree with.

It evaluates the tree row by row over Python values, in the words of the contract and without a thought of SQL. It knows texts,
whole numbers, booleans, and (``documents``) lists and objects.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from headrace.language.dataprep.syntax import Binary, Call, Conditional, Literal, Node, Reference, Unary

Plain: TypeAlias = str | int | bool | None
Row: TypeAlias = Mapping[str, str | None]

_LEAST, _MOST = -(2**63), 2**63 - 1
_TRUTHS = {**dict.fromkeys(("y", "yes", "on", "true"), True), **dict.fromkeys(("n", "no", "off", "false"), False)}


class TransformError(Exception):
    """The expression cannot be evaluated for this row."""


def interpret(node: Node, row: Row) -> Plain:
    """Return the value of an expression for a row.

    Raises:
        TransformError: it cannot be evaluated.
    """
    match node:
        case Literal(value=str() | int() | bool() | None as value):
            return value
        case Reference(path=path):
            return row[path[0]]
        case Conditional():
            return interpret(node.then if _truth(interpret(node.condition, row)) else node.otherwise, row)
        case Unary(operator="!"):
            return not _truth(interpret(node.operand, row))
        case Unary(operator="-"):
            number = interpret(node.operand, row)
            return None if number is None else _fits(-_whole(number))
        case Binary():
            return _binary(node, row)
        case Call():
            return _call(node, row)
    raise NotImplementedError(node)


def _fits(number: int) -> int:
    if not _LEAST <= number <= _MOST:
        raise TransformError
    return number


def _whole(value: Plain) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"[ \t\n\r\f\v]*([+-]?[0-9]+)(\.0*)?[ \t\n\r\f\v]*", str(value))
    if match is None:
        raise TransformError
    return _fits(int(match[1]))


def _truth(value: Plain) -> bool:
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if str(value).lower() not in _TRUTHS:
        raise TransformError
    return _TRUTHS[str(value).lower()]


def _binary(node: Binary, row: Row) -> Plain:
    left = interpret(node.left, row)
    if node.operator in {"&&", "||"}:
        decided = _truth(left) == (node.operator == "||")
        return node.operator == "||" if decided else _truth(interpret(node.right, row))
    if node.operator == "??":
        return interpret(node.right, row) if left is None else left
    right = interpret(node.right, row)
    if node.operator in {"==", "!="}:
        return (left == right) == (node.operator == "==")
    if node.operator in {"<", "<=", ">", ">="}:
        return left is not None and right is not None and _ordered(node.operator, left, right)
    if left is None or right is None:
        return None
    if isinstance(left, str) or isinstance(right, str):
        return str(left) + str(right)
    return _arithmetic(node.operator, left, right)


def _ordered(operator: str, left: Any, right: Any) -> bool:
    order: int = (left > right) - (left < right)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _arithmetic(operator: str, left: int, right: int) -> int:
    if operator in {"/", "%"} and right == 0:
        raise TransformError
    quotient = 0 if right == 0 else abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    results = {"+": left + right, "-": left - right, "*": left * right, "/": quotient, "%": left - quotient * right}
    if operator == "%":
        _fits(quotient)
    return _fits(results[operator])


def _call(node: Call, row: Row) -> Plain:
    """Functions that choose look at their arguments one by one; the others at all of them."""
    if node.name == "iif":
        return interpret(node.arguments[1] if _truth(interpret(node.arguments[0], row)) else node.arguments[2], row)
    if node.name == "coalesce":
        return next((value for argument in node.arguments if (value := interpret(argument, row)) is not None), None)
    if node.name == "decode":
        return _decode(node.arguments, row)
    values = [interpret(argument, row) for argument in node.arguments]
    if node.name in _LENIENT:
        return _LENIENT[node.name](values)
    if any(value is None for value in values):
        return None
    return _STRICT[node.name](*values)


def _decode(arguments: Sequence[Node], row: Row) -> Plain:
    key, rest = interpret(arguments[0], row), list(arguments[1:])
    while len(rest) > 1:
        if interpret(rest[0], row) == key:
            return interpret(rest[1], row)
        rest = rest[2:]
    return interpret(rest[0], row) if rest else None


def _pad(text: Plain, count: Plain, pad: Plain, *, left: bool) -> Plain:
    if count is None:
        return None
    whole, size = str(text or ""), _whole(count)
    if size > 10_000:
        raise TransformError
    room = max(size - len(whole), 0)
    fill = (str(pad or " ") * room)[:room]
    return fill + whole if left else whole + fill


def _substr(text: str, start: int, length: int) -> str:
    if start < 0 or length < 0:
        raise TransformError
    return text[start : start + length]


def _instr(text: str, sub: str, start: int = 0, number: int = 1) -> int:
    if number < 1:
        raise TransformError
    start = max(start, 0)
    if not sub:
        return min(start, len(text))
    at = start - len(sub)
    for _ in range(number):
        at = text.find(sub, at + len(sub))
        if at < 0:
            return -1
    return at


def _end(text: str, count: int, *, left: bool) -> str:
    if count < 0:
        raise TransformError
    return text[:count] if left else text[max(len(text) - count, 0) :]


_LENIENT: dict[str, Callable[[Sequence[Plain]], Plain]] = {
    "concat": lambda values: "".join("" if value is None else str(value) for value in values),
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "is_empty": lambda values: values[0] is None or values[0] == "",
    "size_of": lambda values: 0 if values[0] is None else len(str(values[0])),
    "lpad": lambda values: _pad(*values, left=True),
    "rpad": lambda values: _pad(*values, left=False),
}

_STRICT: dict[str, Callable[..., Plain]] = {
    "to_integer": _whole,
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "trim": lambda text: text.strip(" "),
    "ltrim": lambda text: text.lstrip(" "),
    "rtrim": lambda text: text.rstrip(" "),
    "replacestr": lambda text, find, new: text.replace(find, new) if find else text,
    "substr": _substr,
    "left": lambda text, count: _end(text, count, left=True),
    "right": lambda text, count: _end(text, count, left=False),
    "instr": _instr,
    "equals": lambda left, right: left == right,
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
}
