"""Operators on values whose kind shows at run time only (JSON): they do what the kinds that they meet do.

A number is a number, a string is text; ``+`` with a string concatenates, other arithmetic reads it as a number. What has no order or is no
number is a transform error there.
"""

from typing import Final

from headrace.core.schema import Kind
from headrace.language.dataprep.casts import cast_sql, written
from headrace.language.dataprep.values import BOOLEAN, DOUBLE, JSON, STRING, Value, attempt, let, strict

_WHOLE: Final = "('BIGINT', 'UBIGINT')"
_NUMBER: Final = "('BIGINT', 'UBIGINT', 'DOUBLE')"
_EXACT_DOUBLES: Final = "1e15"


def is_dynamic(*values: Value) -> bool:
    """Say whether the kind of any of the values shows at run time only."""
    return any(value.type is not None and value.type.kind is Kind.JSON for value in values)


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Return ``left operator right`` as JSON."""
    sides = [written(left), written(right)]

    def body(a: str, b: str) -> str:
        whole = f"json_type({a}) IN {_WHOLE} AND json_type({b}) IN {_WHOLE}"
        exact = attempt(
            [_long(a), _long(b)], lambda x, y: f"{x} {'//' if operator == '/' else operator} {_divisor(operator, y)}"
        )
        joined = ""
        if operator == "+":
            texts = f"{cast_sql(a, JSON, STRING).sql} || {cast_sql(b, JSON, STRING).sql}"
            joined = f"WHEN json_type({a}) = 'VARCHAR' OR json_type({b}) = 'VARCHAR' THEN to_json({texts}) "
        result = let([_double(a), _double(b)], lambda x, y: f"{x} {operator} {_divisor(operator, y)}")
        finite = let([result], lambda x: f"CASE WHEN isfinite({x}) THEN {x} END")
        return f"CASE WHEN {whole} THEN to_json({exact}) {joined}ELSE to_json({finite}) END"

    return strict(let([side.sql for side in sides], body), JSON, sides, fails=True)


def _divisor(operator: str, number: str) -> str:
    return f"NULLIF({number}, 0)" if operator in {"/", "%"} else number


def _long(sql: str) -> str:
    return f"TRY_CAST(CAST({sql} AS VARCHAR) AS BIGINT)"


def _double(sql: str) -> str:
    return cast_sql(sql, JSON, DOUBLE).sql


def order(operator: str, left: Value, right: Value) -> Value:
    """Return whether ``left operator right`` holds: of two numbers or of two texts; false where a side is null."""

    def body(a: str, b: str) -> str:
        numbers = f"{_double(a)} {operator} {_double(b)}"
        texts = f"json_extract_string({a}, '$') {operator} json_extract_string({b}, '$')"
        return (
            f"CASE WHEN json_type({a}) IN {_NUMBER} AND json_type({b}) IN {_NUMBER} THEN {numbers} "
            f"WHEN json_type({a}) = 'VARCHAR' AND json_type({b}) = 'VARCHAR' THEN {texts} END"
        )

    held = strict(let([left.sql, right.sql], body), BOOLEAN, [left, right], fails=True)
    return Value(f"({held.sql} IS TRUE)", BOOLEAN, held.error, sound=held.error is None)


def text_of(value: Value) -> Value:
    """Return a dynamic value as text to compare with: a string, a number or a boolean as it reads; it never fails."""
    return strict(f"json_extract_string({value.sql}, '$')", STRING, [value])


def canonical(value: Value) -> Value:
    """Return a value as JSON that equals only JSON of the same meaning: whatever the order of keys, and 1.0 is 1."""

    def body(whole: str) -> str:
        number = _double(whole)
        is_whole = let([number], lambda x: f"{x} = trunc({x}) AND abs({x}) < {_EXACT_DOUBLES}")
        plain = f"CAST(CAST({number} AS BIGINT) AS VARCHAR)"
        return f"CASE WHEN json_type({whole}) = 'DOUBLE' AND {is_whole} THEN {plain} ELSE json_normalize({whole}) END"

    whole = written(value)
    return strict(let([whole.sql], body), STRING, [whole])


def extreme(values: list[Value], chooser: str) -> Value:
    """Return the smallest (``list_min``) or largest (``list_max``) value: all numbers or all texts, anything else is a transform error."""

    def body(*sqls: str) -> str:
        there = " AND ".join(f"{sql} IS NOT NULL" for sql in sqls)
        numbers = " AND ".join(f"json_type({sql}) IN {_NUMBER}" for sql in sqls)
        texts = " AND ".join(f"json_type({sql}) = 'VARCHAR'" for sql in sqls)
        by_number = ", ".join(f"{{'k': {_double(sql)}, 'v': {sql}}}" for sql in sqls)
        by_text = ", ".join(f"{{'k': json_extract_string({sql}, '$'), 'v': {sql}}}" for sql in sqls)
        chosen = f"WHEN {numbers} THEN {chooser}([{by_number}]).v WHEN {texts} THEN {chooser}([{by_text}]).v"
        return f"CASE WHEN NOT ({there}) THEN NULL {chosen} END"

    return strict(let([value.sql for value in values], body), JSON, values, fails=True)
