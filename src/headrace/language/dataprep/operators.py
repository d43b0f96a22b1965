"""The operators, as SQL.

Whole numbers stay whole: ``7 / 2`` is 3, as in Java, and ``7.0 / 2`` is 3.5. Text in arithmetic is read as a number (double), but
``+`` with a text concatenates. A result outside of its type's range, and a division by zero, are transform errors.
"""

from typing import Final

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.language.dataprep import dynamic
from headrace.language.dataprep.casts import NUMBER_KINDS, WHOLE_KINDS, converted, unified
from headrace.language.dataprep.logic import choose, common_type, first_of, truth
from headrace.language.dataprep.values import (
    BOOLEAN,
    DOUBLE,
    JSON,
    LONG,
    NULL,
    NUMBER,
    STRING,
    TIMESTAMP,
    Value,
    attempt,
    either,
    let,
    strict,
)

_ORDER: Final = {"<", "<=", ">", ">="}
_BITS: Final = {"&", "|", "^"}
_BYTES: Final = frozenset({Kind.BINARY, Kind.LIST, Kind.STRUCT})


def unary(operator: str, operand: Value) -> Value:
    """Return ``-x``, ``~x`` or ``!x``.

    Raises:
        Problem: ``EXPRESSION_TYPE``: the operand has a wrong type.
    """
    if operator == "!":
        flag = truth(operand)
        return Value(f"(NOT {flag.sql})", BOOLEAN, flag.error, sound=flag.error is None)
    if operand.type is None:
        return operand
    if operator == "~":
        return strict(f"(~{converted(operand, LONG).sql})", LONG, [converted(operand, LONG)])
    constant = operand.constant
    if isinstance(constant, int | float) and not isinstance(constant, bool):
        # Two signs in a row would begin an SQL comment.
        sql = operand.sql[1:] if operand.sql.startswith("-") else "-" + operand.sql
        return Value(sql, operand.type, is_constant=True, constant=-constant)
    if operand.type.kind is Kind.JSON:
        return dynamic.arithmetic("-", Value("0", LONG, is_constant=True, constant=0), operand)
    number = _number(operand)
    if number.type == LONG:
        return strict(attempt([number.sql], "(0 - {0})".format), LONG, [number], fails=True)
    return strict(f"(- {number.sql})", number.type or DOUBLE, [number])


def binary(operator: str, left: Value, right: Value) -> Value:
    """Return ``left operator right``.

    Raises:
        Problem: ``EXPRESSION_TYPE``: the operands have wrong types.
    """
    if operator in {"&&", "||"}:
        return _logical(operator, left, right)
    if operator == "??":
        return first_of(*_unified([left, right]))
    if operator == "?:":
        (left, right), type_ = _unified([left, right])
        return choose(_present(left), left, right, type_)
    if operator in {"==", "!="}:
        return _equality(operator, left, right)
    if operator in _ORDER:
        return _order(operator, left, right)
    if left.type is None or right.type is None:
        return NULL.with_errors_of(left, right)
    if operator in _BITS:
        return _bits(operator, left, right)
    if operator == "+" and Kind.STRING in {left.type.kind, right.type.kind}:
        texts = [converted(left, STRING), converted(right, STRING)]
        return strict(f"({texts[0].sql} || {texts[1].sql})", STRING, texts)
    if dynamic.is_dynamic(left, right):
        return dynamic.arithmetic(operator, _dynamic_side(left), _dynamic_side(right))
    return _arithmetic(operator, _number(left), _number(right))


def _dynamic_side(value: Value) -> Value:
    return value if dynamic.is_dynamic(value) else _number(value)


def _unified(values: list[Value]) -> tuple[list[Value], ColumnType | None]:
    type_ = common_type([value.type for value in values])
    return (values if type_ is None else [unified(value, type_) for value in values]), type_


def _present(value: Value) -> Value:
    """Return whether a value counts as there for ``?:``: not null, false, zero or empty."""
    if value.type is None:
        return Value("false", BOOLEAN, is_constant=True, constant=False)
    if value.type.kind is Kind.LIST:
        return Value(f"(COALESCE(len({value.sql}), 0) > 0)", BOOLEAN, value.error, sound=value.error is None)
    if value.type.kind is Kind.JSON:
        test = f"{dynamic.canonical(value).sql} NOT IN ('false', '0', '\"\"', '[]', '{{}}')"
        return Value(f"(({test}) IS TRUE)", BOOLEAN, value.error, sound=value.error is None)
    empty = {Kind.BOOLEAN: "false", Kind.STRING: "''"}.get(
        value.type.kind, "0" if value.type.kind in NUMBER_KINDS else ""
    )
    test = f"{value.sql} <> {empty}" if empty else f"{value.sql} IS NOT NULL"
    return Value(f"(({test}) IS TRUE)", BOOLEAN, value.error, sound=value.error is None)


def _number(value: Value) -> Value:
    """Return an operand of arithmetic: text as double, whole numbers as long."""
    if value.type is None:
        return value
    if value.type.kind in WHOLE_KINDS:
        return converted(value, LONG)
    if value.type.kind is Kind.DECIMAL:
        return value
    if value.type.kind in {Kind.STRING, Kind.FLOAT, Kind.DOUBLE}:
        return converted(value, DOUBLE)
    raise Problem(Code.EXPRESSION_TYPE, f"a {value.type} is no number")


def _logical(operator: str, left: Value, right: Value) -> Value:
    """``&&`` and ``||``: the right side is evaluated only where the left one does not decide."""
    first, second = truth(left), truth(right)
    word, decides = ("AND", f"NOT {first.sql}") if operator == "&&" else ("OR", first.sql)
    later = second.error and f"(NOT ({decides}) AND {second.error})"
    error = either(first.error, later)
    return Value(f"({first.sql} {word} {second.sql})", BOOLEAN, error, sound=error is None)


def _comparable(left: Value, right: Value) -> tuple[Value, Value]:
    """Return both operands in the type in which they are compared: text takes the other side's type."""
    if left.type is None or right.type is None:
        return left, right
    if dynamic.is_dynamic(left) != dynamic.is_dynamic(right):
        return _comparable_to_json(left, right)
    if Kind.STRING in {left.type.kind, right.type.kind} and left.type.kind is not right.type.kind:
        other = right.type if left.type.kind is Kind.STRING else left.type
        type_ = (
            NUMBER if other.kind in WHOLE_KINDS | {Kind.DECIMAL} else DOUBLE if other.kind in NUMBER_KINDS else other
        )
        if other.kind is Kind.DATE:
            type_ = TIMESTAMP
        return converted(left, type_), converted(right, type_)
    (first, second), _ = _unified([left, right])
    return first, second


def _comparable_to_json(left: Value, right: Value) -> tuple[Value, Value]:
    """Return a dynamic value and another in the other one's type."""
    if dynamic.is_dynamic(right):
        second, first = _comparable_to_json(right, left)
        return first, second
    if right.type is None or right.type.kind in {Kind.LIST, Kind.STRUCT}:
        return left, unified(right, JSON)
    if right.type.kind is Kind.STRING:
        return dynamic.text_of(left), right
    type_ = NUMBER if right.type.kind in WHOLE_KINDS | {Kind.DECIMAL} else right.type
    return converted(left, type_), converted(right, type_)


def _equality(operator: str, left: Value, right: Value) -> Value:
    first, second = _comparable(left, right)
    if first.type is not None and second.type is not None and _holds_json(first.type):
        first, second = dynamic.canonical(first), dynamic.canonical(second)
    word = "IS NOT DISTINCT FROM" if operator == "==" else "IS DISTINCT FROM"
    return Value(f"({first.sql} {word} {second.sql})", BOOLEAN).with_errors_of(first, second)


def _holds_json(type_: ColumnType) -> bool:
    if type_.kind is Kind.LIST and type_.element is not None:
        return _holds_json(type_.element)
    return type_.kind is Kind.JSON or any(_holds_json(field.type) for field in type_.fields)


def _order(operator: str, left: Value, right: Value) -> Value:
    first, second = _comparable(left, right)
    if first.type is None or second.type is None:
        return Value("false", BOOLEAN).with_errors_of(first, second)
    if dynamic.is_dynamic(first):
        return dynamic.order(operator, first, second)
    if first.type.kind in _BYTES:
        raise Problem(Code.EXPRESSION_TYPE, f"a {first.type} has no order")
    return Value(f"(({first.sql} {operator} {second.sql}) IS TRUE)", BOOLEAN).with_errors_of(first, second)


def _bits(operator: str, left: Value, right: Value) -> Value:
    first, second = converted(left, LONG), converted(right, LONG)
    sql = f"xor({first.sql}, {second.sql})" if operator == "^" else f"({first.sql} {operator} {second.sql})"
    return strict(sql, LONG, [first, second])


def _arithmetic(operator: str, left: Value, right: Value) -> Value:
    kinds = {left.type.kind if left.type else None, right.type.kind if right.type else None}
    if kinds == {Kind.LONG}:
        return _whole(operator, left, right)
    if Kind.DOUBLE not in kinds and operator in {"+", "-", "*"}:
        return _exact(operator, left, right)
    return _floating(operator, converted(left, DOUBLE), converted(right, DOUBLE))


def _whole(operator: str, left: Value, right: Value) -> Value:
    symbol = "//" if operator == "/" else operator

    def body(a: str, b: str) -> str:
        divisor = f"NULLIF({b}, 0)" if operator in {"/", "%"} else b
        return f"{a} {symbol} {divisor}"

    return strict(attempt([left.sql, right.sql], body), LONG, [left, right], fails=True)


def _exact(operator: str, left: Value, right: Value) -> Value:
    """Decimals: as many digits behind the point as the operands need, 38 in all."""
    scales = [value.type.scale or 0 for value in (left, right) if value.type is not None]
    scale = min(sum(scales) if operator == "*" else max(scales), 38)
    if operator == "*" and scale > 18:
        scale = 18
    type_ = ColumnType(Kind.DECIMAL, 38, scale)
    name = f"DECIMAL(38,{scale})"
    if operator == "*":
        product = f"TRY_CAST(CAST({left.sql} AS DOUBLE) * CAST({right.sql} AS DOUBLE) AS {name})"
        return strict(product, type_, [left, right], fails=True)
    sides = [f"TRY_CAST({value.sql} AS {name})" for value in (left, right)]
    sql = attempt(sides, lambda a, b: f"{a} {operator} {b}")
    return strict(sql, type_, [left, right], fails=True)


def _floating(operator: str, left: Value, right: Value) -> Value:
    divisor = f"NULLIF({right.sql}, 0)" if operator in {"/", "%"} else right.sql
    result = f"({left.sql} {operator} {divisor})"
    finite = let([result], lambda x: f"CASE WHEN isfinite({x}) THEN {x} END")
    return strict(finite, DOUBLE, [left, right], fails=True)
