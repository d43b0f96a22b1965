"""Automatic conversion between types (section 8.6 of the contract), as SQL that never raises.

``scalars`` says how one scalar becomes another. Here stand objects and lists: objects of a known shape (STRUCT), lists (LIST), and JSON,
whose shape shows at run time only. What is in them is converted by the same rules, and one value that does not convert fails the whole.

JSON null counts as null. ``written`` makes JSON of a value: a text becomes a JSON string there, whereas a text that is mapped to a
JSON column is read as JSON.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from headrace.core.errors import Code, Problem
from headrace.core.schema import Column, ColumnType, Kind
from headrace.language.dataprep.scalars import (
    NUMBER_KINDS,
    WHOLE_KINDS,
    Rule,
    finite,
    number_of_json,
    rule_of,
    sql_type,
)
from headrace.language.dataprep.stages import Stages
from headrace.language.dataprep.values import (
    JSON,
    STRING,
    Value,
    either,
    let,
    quote_identifier,
    quote_text,
    strict,
    variable,
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
_NESTED: Final = frozenset({Kind.STRUCT, Kind.LIST})


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


_OfStage = Callable[[int], str]
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
        result, may_fail = let([sql], lambda value: _scalar_of_json(value, target)), True
    else:
        convert, may_fail = _rule(source, target)
        result = convert(sql)
    given = f"NULLIF({sql}, 'null')" if source.kind is Kind.JSON else sql
    return Cast(result, f"({given} IS NOT NULL AND {result} IS NULL)" if may_fail else None)


def _rule(source: ColumnType, target: ColumnType) -> Rule:
    rule = rule_of(source, target)
    if rule is None:
        what = f"{_named(source)} does not convert to {_named(target)}{_hint(source)}"
        raise Problem(Code.EXPRESSION_TYPE, what)
    return rule


def _scalar_of_json(value: str, target: ColumnType) -> str:
    if target.kind is Kind.STRING:
        return _of_json(f"json_type({value})", _text(value), target)
    return let([_text(value)], lambda text: _of_json(f"json_type({value})", text, target))


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


def _text(value: str) -> str:
    return f"json_extract_string({value}, '$')"


def _of_json(kind: str, text: str, target: ColumnType) -> str:
    """Return a scalar of JSON, of its type and text, which are cheap to repeat.

    A string goes by the rules of text, a number where it fits; objects, arrays and other booleans are no scalars.
    """
    if target.kind is Kind.STRING:
        return f"CASE WHEN {kind} IN ('VARCHAR', {_JSON_NUMBERS[1:]} THEN {text} END"
    cases = ""
    if target.kind is Kind.BOOLEAN:
        cases += f" WHEN {kind} = 'BOOLEAN' THEN {text} = 'true'"
    rule = rule_of(STRING, target)
    if rule is not None:
        cases += f" WHEN {kind} = 'VARCHAR' THEN {rule[0](text)}"
    if target.kind in NUMBER_KINDS:
        cases += f" WHEN {kind} IN {_JSON_NUMBERS} THEN {number_of_json(text, target)}"
    elif (moment := rule_of(ColumnType(Kind.LONG), target)) is not None:
        cases += f" WHEN {kind} IN ('BIGINT', 'UBIGINT') THEN {moment[0](f'TRY_CAST({text} AS BIGINT)')}"
    return f"CASE{cases} END"


@dataclass(frozen=True, slots=True)
class _Part:
    """A converted place in an element: SQL of its value, and of whether it could not be converted (None: it always can).

    Both are functions of the stage that they stand in, which is ``stage`` or later.
    """

    stage: int
    sql: _OfStage
    failed: _OfStage | None


def _list_cast(sql: str, source: ColumnType, target: ColumnType, to_json: _ToJson) -> tuple[str, bool]:
    """Return a list converted element by element, null when an element fails, and whether that can be."""
    made, may_fail = _elementwise(sql, _free_number(sql), source, target.element or STRING, to_json)
    return (
        (let([made], lambda parts: f"CASE WHEN NOT {_any_failed(parts)} THEN {_values(parts)} END"), True)
        if may_fail
        else (made, False)
    )


def _elementwise(
    items: str, number: int, source: ColumnType, target: ColumnType, to_json: _ToJson
) -> tuple[str, bool]:  # fmt: skip
    """Return a list of converted elements, and False; or of pairs of those (``f0``) and whether they failed (``f1``), and True.

    ``number`` makes the name of the elements.
    """
    stages = Stages(f"_e{number}")
    element = fresh(stages.item, source)
    simple = _unfailing(element.sql, source, target, to_json)
    if simple is not None:
        return stages.over(items, 0, simple), False
    part = _part(stages, number, _Place(0, element.sql, source), target, to_json)
    value = part.sql(part.stage)
    if part.failed is None:
        return stages.over(items, part.stage, value), False
    return stages.over(items, part.stage, f"{{'f0': {value}, 'f1': {part.failed(part.stage)}}}"), True


def _any_failed(parts: str) -> str:
    name = variable(parts)
    return f"list_contains(list_transform({parts}, lambda {name}: {name}.f1), true)"


def _values(parts: str) -> str:
    name = variable(parts)
    return f"list_transform({parts}, lambda {name}: {name}.f0)"


def _struct_cast(sql: str, source: ColumnType, target: ColumnType, to_json: _ToJson) -> tuple[str, bool]:
    """Return an object converted field by field by name, null when a field fails, and whether that can be.

    A field that the source lacks is null.
    """
    number = _free_number(sql)
    stages = Stages(f"_e{number}")
    part = _part(stages, number, _Place(0, stages.item, source), target, to_json)
    return f"{stages.over(f'[{sql}]', part.stage, part.sql(part.stage))}[1]", part.failed is not None


@dataclass(frozen=True, slots=True)
class _Place:
    """A value in an element, for use in ``stage`` only; JSON null counts as null, which the SQL need not say."""

    stage: int
    sql: str
    type: ColumnType


def _unfailing(sql: str, source: ColumnType, target: ColumnType, to_json: _ToJson) -> str | None:
    """Return a conversion that needs no stages and cannot fail; None: it needs them or can."""
    if source == target:
        return sql
    if target.kind is Kind.JSON:
        written_, may_fail = to_json(sql, source)
        return None if may_fail else written_
    if source.kind is Kind.JSON or target.kind in _NESTED:
        return None
    convert, may_fail = _rule(source, target)
    return None if may_fail else convert(sql)


def _written_over(stages: Stages, column: int | None, form: str = "{}") -> _OfStage:
    """Return the function from a stage to ``form``, which is SQL, with a column in it (None: with none)."""
    return lambda stage: form if column is None else form.replace("{}", stages.at(column, stage))


def _part(stages: Stages, number: int, place: _Place, target: ColumnType, to_json: _ToJson) -> _Part:
    """Put the conversion of a place on ``stages``."""
    source = place.type
    simple = _unfailing(fresh(place.sql, source).sql, source, target, to_json)
    if simple is not None:
        column = stages.put(place.stage, simple)
        return _Part(place.stage + 1, _written_over(stages, column), None)
    if target.kind is Kind.LIST and source.kind in {Kind.LIST, Kind.JSON}:
        return _list_part(stages, number, place, target, to_json)
    if target.kind is Kind.STRUCT and source.kind in _OBJECTS:
        return _struct_part(stages, number, place, target, to_json)
    if source.kind is Kind.JSON:
        kind, text = stages.put(place.stage, f"json_type({place.sql})"), stages.put(place.stage, _text(place.sql))
        ready = place.stage + 1
        result = stages.put(ready, _of_json(stages.at(kind, ready), stages.at(text, ready), target))
        given = _written_over(stages, kind, "{} <> 'NULL'")
    else:
        value = stages.put(place.stage, place.sql)
        ready = place.stage + 1
        sql = stages.at(value, ready)
        result = stages.put(
            ready, to_json(sql, source)[0] if target.kind is Kind.JSON else _rule(source, target)[0](sql)
        )
        given = _written_over(stages, value, "{} IS NOT NULL")
    return _Part(
        ready + 1,
        _written_over(stages, result),
        lambda stage: f"({given(stage)} AND {stages.at(result, stage)} IS NULL)",
    )


def _list_part(stages: Stages, number: int, place: _Place, target: ColumnType, to_json: _ToJson) -> _Part:
    is_json = place.type.kind is Kind.JSON
    items = elements(place.sql) if is_json else place.sql
    made, may_fail = _elementwise(items, number + 1, place.type.element or JSON, target.element or STRING, to_json)
    parts, ready = stages.put(place.stage, made), place.stage + 1
    made_of = _written_over(stages, parts)

    def values(stage: int) -> str:
        return _values(made_of(stage)) if may_fail else made_of(stage)

    if not (may_fail or is_json):
        return _Part(ready, values, None)
    wrong = [_any_failed(stages.at(parts, ready))] if may_fail else []
    if is_json:
        kind = stages.put(place.stage, f"json_type({place.sql})")
        wrong.insert(0, f"{stages.at(kind, ready)} NOT IN ('ARRAY', 'NULL')")
    failed = stages.put(ready, f"COALESCE({' OR '.join(wrong)}, false)")
    return _Part(
        ready + 1,
        lambda stage: f"CASE WHEN NOT {stages.at(failed, stage)} THEN {values(stage)} END",
        _written_over(stages, failed),
    )


def _struct_part(stages: Stages, number: int, place: _Place, target: ColumnType, to_json: _ToJson) -> _Part:
    wrong: list[_OfStage] = []
    if place.type.kind is Kind.JSON:
        # One pass over the text takes all fields out; DuckDB takes no empty name there.
        have = {field.name: JSON for field in target.fields if field.name}
        shape = json.dumps(dict.fromkeys(have, "JSON"), ensure_ascii=False)
        kind, opened = (
            stages.put(place.stage, f"json_type({place.sql})"),
            stages.put(place.stage, _opened(place.sql, shape)),
        )
        begin = place.stage + 1
        whole = stages.at(opened, begin)
        there = _written_over(stages, kind, "{} = 'OBJECT'")
        wrong.append(_written_over(stages, kind, "{} NOT IN ('OBJECT', 'NULL')"))
    else:
        have = {field.name: field.type for field in place.type.fields}
        begin, whole = place.stage, place.sql
        stands = stages.put(begin, f"{whole} IS NOT NULL")
        there = _written_over(stages, stands)
    made: list[tuple[str, _OfStage]] = []
    ready = place.stage + 1
    for field in target.fields:
        name = quote_identifier(field.name)
        if field.name not in have:
            made.append((name, _written_over(stages, None, f"CAST(NULL AS {sql_type(field.type)})")))
            continue
        part = _part(stages, number, _Place(begin, _field(whole, field.name), have[field.name]), field.type, to_json)
        made.append((name, part.sql))
        ready = max(ready, part.stage)
        if part.failed is not None:
            wrong.append(part.failed)

    def packed(stage: int, condition: str) -> str:
        parts = ", ".join(f"{name} := {value(stage)}" for name, value in made)
        return f"CASE WHEN {condition} THEN struct_pack({parts}) END"

    if not wrong:
        return _Part(ready, lambda stage: packed(stage, there(stage)), None)
    failed = stages.put(ready, f"COALESCE({' OR '.join(condition(ready) for condition in wrong)}, false)")
    return _Part(
        ready + 1,
        lambda stage: packed(stage, f"{there(stage)} AND NOT {stages.at(failed, stage)}"),
        _written_over(stages, failed),
    )


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
    return f"_e{_free_number(sql)}"


def _free_number(sql: str) -> int:
    """Return the least number from which on no name of an element occurs in SQL."""
    return max((int(found) + 1 for found in re.findall(r"_e(\d+)", sql.lower())), default=0)
