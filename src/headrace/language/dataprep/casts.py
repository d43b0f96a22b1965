"""Automatic conversion between types (section 8.6 of the contract), as SQL that never raises.

``scalars`` says how one scalar becomes another. Here stand objects and lists: objects of a known shape (STRUCT), lists (LIST), and JSON,
whose shape shows at run time only. What is in them is converted by the same rules, and one value that does not convert fails the whole.

JSON null counts as null. ``written`` makes JSON of a value: a text becomes a JSON string there, whereas a text that is mapped to a
JSON column is read as JSON.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from headrace.core.errors import Code, Problem
from headrace.core.schema import Column, ColumnType, Kind
from headrace.language.dataprep.scalars import NUMBER_KINDS, WHOLE_KINDS, finite, number_of_json, rule_of, sql_type
from headrace.language.dataprep.values import (
    JSON,
    STRING,
    Value,
    either,
    let,
    quote_identifier,
    quote_text,
    strict,
)

__all__ = [
    "NUMBER_KINDS",
    "WHOLE_KINDS",
    "Cast",
    "cast_sql",
    "converted",
    "elements",
    "fresh",
    "json_of_text",
    "sql_type",
    "unified",
    "written",
]

_JSON_NUMBERS: Final = "('BIGINT', 'UBIGINT', 'DOUBLE')"
_JSON_STRING: Final = r'"(\\.|[^"\\])*"'
_OBJECTS: Final = frozenset({Kind.STRUCT, Kind.JSON})


@dataclass(frozen=True, slots=True)
class Cast:
    """A conversion: ``sql`` is the converted value, ``error`` true where a non-null value could not be converted."""

    sql: str
    error: str | None


def cast_sql(sql: str, from_type: ColumnType | None, to_type: ColumnType) -> Cast:
    """Return the automatic conversion of ``sql`` to a target column's type.

    ``sql`` must not raise. ``Cast.error`` covers this conversion only; the errors inside of ``sql`` are the caller's.

    Raises:
        Problem: ``EXPRESSION_TYPE``: no value of ``from_type`` converts to ``to_type``.
    """
    return _cast(sql, from_type, to_type, _parsed)


def _parsed(sql: str, source: ColumnType) -> tuple[str, bool]:
    """Return JSON of what is mapped to a JSON column: a text is JSON itself."""
    if source.kind is Kind.STRING:
        return let([sql], json_of_text), True
    return _written(sql, source), source.kind in {Kind.DOUBLE, Kind.FLOAT}


def _quoted(sql: str, source: ColumnType) -> tuple[str, bool]:
    return _written(sql, source), source.kind in {Kind.DOUBLE, Kind.FLOAT}


_ToJson = Callable[[str, ColumnType], tuple[str, bool]]


def _cast(sql: str, source: ColumnType | None, target: ColumnType, to_json: _ToJson) -> Cast:
    if source is None:
        return Cast(f"CAST(NULL AS {sql_type(target)})", None)
    if source == target:
        return Cast(sql, None)
    if target.kind is Kind.JSON:
        result, may_fail = to_json(sql, source)
    elif target.kind is Kind.LIST and source.kind in {Kind.LIST, Kind.JSON}:
        listed = elements(sql) if source.kind is Kind.JSON else sql
        result, may_fail = _list_cast(listed, source.element or JSON, target, to_json)
        may_fail = may_fail or source.kind is Kind.JSON
    elif target.kind is Kind.STRUCT and source.kind in _OBJECTS:
        result, may_fail = _struct_cast(sql, source, target, to_json)
    elif source.kind is Kind.JSON:
        result, may_fail = let([sql], lambda value: _of_json(value, target)), True
    else:
        rule = rule_of(source, target)
        if rule is None:
            what = f"{_named(source)} does not convert to {_named(target)}{_hint(source)}"
            raise Problem(Code.EXPRESSION_TYPE, what)
        result, may_fail = rule[0](sql), rule[1]
    given = f"NULLIF({sql}, 'null')" if source.kind is Kind.JSON else sql
    return Cast(result, f"({given} IS NOT NULL AND {result} IS NULL)" if may_fail else None)


def converted(value: Value, to_type: ColumnType) -> Value:
    """Return a value converted automatically.

    Raises:
        Problem: ``EXPRESSION_TYPE``: as ``cast_sql``.
    """
    return _converted(value, to_type, _parsed)


def unified(value: Value, to_type: ColumnType) -> Value:
    """Return a value in a type that it has in common with others: as ``converted``, but a text in JSON is a JSON string.

    Raises:
        Problem: ``EXPRESSION_TYPE``: as ``cast_sql``.
    """
    return _converted(value, to_type, _quoted)


def _converted(value: Value, to_type: ColumnType, to_json: _ToJson) -> Value:
    if value.type == to_type:
        return value
    if value.type is None:
        return Value(f"CAST(NULL AS {sql_type(to_type)})", to_type, value.error, value.sound)
    cast = _cast(value.sql, value.type, to_type, to_json)
    result = strict(cast.sql, to_type, [value])
    return Value(result.sql, to_type, either(value.error, cast.error), result.sound, zone=value.zone)


def written(value: Value) -> Value:
    """Return a value as JSON: texts are JSON strings, dates and times are in ISO 8601, binary is base64."""
    return unified(value, JSON)


def fresh(sql: str, type_: ColumnType) -> Value:
    """Return a value that comes from the source or out of a list or object: JSON null there is null."""
    return Value(f"NULLIF({sql}, 'null')" if type_.kind is Kind.JSON else sql, type_)


def json_of_text(text: str) -> str:
    """Return the JSON that a text (a column or a bound variable) is, null where it is none.

    DuckDB takes more than JSON: what it reads is written anew, without commas at an end, and NaN and infinity are looked for.
    """

    def body(read: str) -> str:
        bare = f"regexp_replace(CAST({read} AS VARCHAR), {quote_text(_JSON_STRING)}, '', 'g')"
        odd = f"regexp_matches(CAST({read} AS VARCHAR), '(?i)nan|inf') AND regexp_matches({bare}, '(?i)nan|inf')"
        return f"CASE WHEN NOT ({odd}) THEN {read} END"

    return let([f"CASE WHEN json_valid({text}) THEN json_extract({text}, '$') END"], body)


def elements(sql: str) -> str:
    """Return the elements of a JSON array as a list of JSON, null for any other JSON."""
    return f"from_json({sql}, '[\"JSON\"]')"


def _named(type_: ColumnType) -> str:
    return f"{'an' if str(type_)[0] in 'aeiou' else 'a'} {type_}"


def _hint(from_type: ColumnType) -> str:
    if from_type.kind is Kind.BOOLEAN:
        return '; write for example iif(value, "true", "false")'
    if from_type.kind is Kind.LIST:
        return '; write for example join(",", list)'
    if from_type.kind is Kind.STRUCT:
        return "; write for example value.field"
    return ""


def _of_json(value: str, target: ColumnType) -> str:
    """Return a scalar of JSON: a string by the rules of text, a number where it fits; objects, arrays and other booleans are no scalars."""
    text = f"json_extract_string({value}, '$')"
    if target.kind is Kind.STRING:
        return f"CASE WHEN json_type({value}) IN ('VARCHAR', {_JSON_NUMBERS[1:]} THEN {text} END"
    cases = ""
    if target.kind is Kind.BOOLEAN:
        cases += f" WHEN 'BOOLEAN' THEN {text} = 'true'"
    rule = rule_of(STRING, target)
    if rule is not None:
        cases += f" WHEN 'VARCHAR' THEN {let([text], rule[0])}"
    if target.kind in NUMBER_KINDS:
        number = let([text], lambda digits: number_of_json(digits, target))
        cases += "".join(f" WHEN '{kind}' THEN {number}" for kind in ("BIGINT", "UBIGINT", "DOUBLE"))
    elif (moment := rule_of(ColumnType(Kind.LONG), target)) is not None:
        milliseconds = moment[0](f"TRY_CAST({text} AS BIGINT)")
        cases += f" WHEN 'BIGINT' THEN {milliseconds} WHEN 'UBIGINT' THEN {milliseconds}"
    return f"CASE json_type({value}){cases} END"


def _list_cast(sql: str, source: ColumnType, target: ColumnType, to_json: _ToJson) -> tuple[str, bool]:
    """Return a list converted element by element, null when an element fails, and whether that can be."""
    to_type = target.element or STRING
    may_fail = False

    def body(items: str) -> str:
        nonlocal may_fail
        name = _free_name(items)
        element = fresh(name, source)
        cast = _cast(element.sql, source, to_type, to_json)
        may_fail = cast.error is not None
        whole = f"list_transform({items}, lambda {name}: {cast.sql})"
        if not may_fail:
            return whole
        given = _nulls_out(items, source)
        return let([whole], lambda made: f"CASE WHEN list_count({made}) = list_count({given}) THEN {made} END")

    return let([sql], body), may_fail


def _nulls_out(items: str, source: ColumnType) -> str:
    if source.kind is not Kind.JSON:
        return items
    name = _free_name(items)
    return f"list_transform({items}, lambda {name}: {fresh(name, source).sql})"


def _struct_cast(sql: str, source: ColumnType, target: ColumnType, to_json: _ToJson) -> tuple[str, bool]:
    """Return an object converted field by field by name, null when a field fails, and whether that can be.

    A field that the source lacks is null.
    """
    may_fail = source.kind is Kind.JSON
    have = {field.name: field.type for field in source.fields}
    opened = sql
    if source.kind is Kind.JSON:
        # One pass over the text takes all fields out; DuckDB takes no empty name there.
        have = {field.name: JSON for field in target.fields if field.name}
        shape = json.dumps(dict.fromkeys(have, "JSON"), ensure_ascii=False)
        opened = let([sql], lambda value: f"CASE WHEN json_type({value}) = 'OBJECT' THEN {_opened(value, shape)} END")

    def body(whole: str) -> str:
        nonlocal may_fail
        parts: list[str] = []
        checks: list[tuple[str, str]] = []
        for field in target.fields:
            name = quote_identifier(field.name)
            if field.name not in have:
                parts.append(f"{name} := CAST(NULL AS {sql_type(field.type)})")
                continue
            part = fresh(_field(whole, field.name), have[field.name])
            cast = _cast(part.sql, have[field.name], field.type, to_json)
            parts.append(f"{name} := {cast.sql}")
            if cast.error is not None:
                checks.append((part.sql, field.name))
        made = f"struct_pack({', '.join(parts)})"
        if not checks:
            return f"CASE WHEN {whole} IS NOT NULL THEN {made} END"
        may_fail = True

        def checked(result: str) -> str:
            lost = " OR ".join(f"({part} IS NOT NULL AND {_field(result, name)} IS NULL)" for part, name in checks)
            return f"CASE WHEN {whole} IS NOT NULL AND NOT ({lost}) THEN {result} END"

        return let([made], checked)

    return let([opened], body), may_fail


def _opened(value: str, shape: str) -> str:
    return f"from_json({value}, {quote_text(shape)})" if shape != "{}" else f"struct_pack(x := {value})"


def _field(sql: str, name: str) -> str:
    return f"struct_extract({sql}, {quote_text(name)})"


def _written(sql: str, source: ColumnType) -> str:
    """Return a value as JSON; a number that JSON lacks (NaN, infinity) is null."""
    if source.kind is Kind.JSON:
        return sql
    return f"to_json({_writable(sql, source)})"


def _writable(sql: str, source: ColumnType) -> str:
    """Return a value of which ``to_json`` makes the JSON that is meant."""
    if source.kind in {Kind.DOUBLE, Kind.FLOAT}:
        return let([sql], finite)
    if source.kind is Kind.BINARY:
        return f"base64({sql})"
    if source.kind is Kind.DECIMAL:
        digits = rule_of(source, STRING)
        return f"CAST({digits[0](sql)} AS JSON)" if digits else sql
    if source.kind in {Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.UUID}:
        text = rule_of(source, STRING)
        return text[0](sql) if text else sql
    if source.kind is Kind.LIST and source.element is not None and not _plain(source.element):
        element = source.element
        return let([sql], lambda items: _each_writable(items, element))
    if source.kind is Kind.STRUCT and not _plain(source):
        return let(
            [sql], lambda whole: f"CASE WHEN {whole} IS NOT NULL THEN {_fields_writable(whole, source.fields)} END"
        )
    return sql


def _each_writable(items: str, element: ColumnType) -> str:
    name = _free_name(items)
    return f"list_transform({items}, lambda {name}: {_writable(name, element)})"


def _fields_writable(whole: str, fields: tuple[Column, ...]) -> str:
    parts = (
        f"{quote_identifier(field.name)} := {_writable(_field(whole, field.name), field.type)}" for field in fields
    )
    return f"struct_pack({', '.join(parts)})"


def _plain(type_: ColumnType) -> bool:
    """Say whether ``to_json`` of a value of the type is right as it stands."""
    if type_.kind is Kind.LIST:
        return type_.element is None or _plain(type_.element)
    if type_.kind is Kind.STRUCT:
        return all(_plain(field.type) for field in type_.fields)
    return type_.kind in {Kind.STRING, Kind.BOOLEAN, Kind.INTEGER, Kind.LONG, Kind.JSON}


def _free_name(sql: str) -> str:
    number = 0
    while f"_e{number}" in sql.lower():
        number += 1
    return f"_e{number}"
