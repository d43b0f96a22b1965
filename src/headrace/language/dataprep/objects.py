"""Objects: literals, building them, reading texts into them, and asking for their keys.

An object whose keys are written down has a known shape (STRUCT); one whose keys are computed, equal but for case, or empty, is JSON.
"""

from collections.abc import Sequence
from typing import Final

from headrace.core.errors import Code, Problem
from headrace.core.schema import Column, ColumnType, Kind
from headrace.language.dataprep.casts import converted, json_of_text, written
from headrace.language.dataprep.paths import lookup
from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import (
    BOOLEAN,
    JSON,
    NULL,
    STRING,
    STRINGS,
    Value,
    let,
    quote_identifier,
    quote_text,
    strict,
)

_OBJECT: Final = "object"
_FEW: Final = 8
PATH_FUNCTIONS: Final = frozenset({"contains_key", "is_set"})
"""Functions whose argument is a path of the source, not a value; the compiler itself builds them."""


def key_of(value: Value) -> Value:
    """Return a value as the key of a map: keys are texts.

    Raises:
        Problem: ``EXPRESSION_TYPE``: it is a list or an object.
    """
    if value.type is None or value.type.kind is not Kind.BOOLEAN:
        return converted(value, STRING)
    return strict(f"CASE WHEN {value.sql} THEN 'true' WHEN NOT {value.sql} THEN 'false' END", STRING, [value])


def made_object(keys: Sequence[Value], values: Sequence[Value]) -> Value:
    """Return the object of keys and values.

    Raises:
        Problem: ``EXPRESSION_TYPE``: a key is a list or an object.
    """
    names = [key_of(key) for key in keys]
    written_down = [name.constant for name in names if isinstance(name.constant, str) and name.constant]
    if not keys or len({name.lower() for name in written_down}) < len(keys):
        return made_map(names, values)
    types = [value.type or JSON for value in values]
    made = ", ".join(
        f"{quote_identifier(name)} := {value.sql if value.type else 'CAST(NULL AS JSON)'}"
        for name, value in zip(written_down, values, strict=True)
    )
    fields = tuple(Column(name, type_) for name, type_ in zip(written_down, types, strict=True))
    return Value(f"struct_pack({made})", ColumnType(Kind.STRUCT, fields=fields)).with_errors_of(*values)


def made_map(names: Sequence[Value], values: Sequence[Value]) -> Value:
    """Return the map of texts and values as JSON, null where a name is null; of equal names the last one counts."""
    if not names:
        return Value("CAST('{}' AS JSON)", JSON)
    whole = [written(value) for value in values]
    if len(names) <= _FEW:
        sql = let([*(name.sql for name in names), *(value.sql for value in whole)], _joined)
        return Value(sql, JSON).with_errors_of(*names, *whole)
    keys = ", ".join(name.sql for name in names)
    parts = ", ".join(f"CAST({value.sql} AS VARCHAR)" for value in whole)
    there = " AND ".join(f"{name.sql} IS NOT NULL" for name in names)
    made = native_json(f"CASE WHEN {there} THEN headrace_object([{keys}], [{parts}]) END")
    return Value(made, JSON, f"({there} AND {made} IS NULL)").with_errors_of(*names, *whole)


def _joined(*parts: str) -> str:
    """Return the map of names and, behind them, as many values of JSON: for few of them, ten times as fast as a native function."""
    names, values = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    entries = []
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        entry = f"concat(to_json({name}), ':', COALESCE(CAST({value} AS VARCHAR), 'null'))"
        later = ", ".join(names[number + 1 :])
        entries.append(f"CASE WHEN {name} NOT IN ({later}) THEN {entry} END" if later else entry)
    there = " AND ".join(f"{name} IS NOT NULL" for name in names)
    return f"CASE WHEN {there} THEN CAST(concat('{{', array_to_string([{', '.join(entries)}], ','), '}}') AS JSON) END"


def native_json(call: str) -> str:
    """Return SQL of a native function's answer as JSON."""
    return f"TRY_CAST({call} AS JSON)"


def as_object(value: Value) -> Value:
    """Return an object or a map as JSON; JSON that is no object is a transform error, null stays null.

    Raises:
        Problem: ``EXPRESSION_TYPE``: it is no object.
    """
    if value.type is None:
        return value
    if value.type.kind is Kind.STRUCT:
        return converted(value, JSON)
    if value.type.kind is not Kind.JSON:
        raise Problem(Code.EXPRESSION_TYPE, f"expected an object or a map, not a {value.type}")
    sql = let([value.sql], lambda whole: f"CASE WHEN json_type({whole}) = 'OBJECT' THEN {whole} END")
    return strict(sql, JSON, [value], fails=True)


def pairs_of(site: Site) -> tuple[list[Value], list[Value]]:
    """Return keys and values of a call ``(k, v, …)``.

    Raises:
        Problem: ``EXPRESSION_TYPE``: a key without a value, or a key that is a list or an object.
    """
    if len(site) % 2:
        raise site.refusal(len(site) - 1, "a key without its value; keys and values alternate")
    return [site.checked(index, key_of) for index in range(0, len(site), 2)], list(site.arguments[1::2])


@function(
    "to_object(key, value, …)",
    _OBJECT,
    "An object of keys and values.",
    'to_object("firstName", "John", "age", 5) -> {"firstName":"John","age":5}',
)
def _to_object(site: Site) -> Value:
    return made_object(*pairs_of(site))


@function(
    "str_to_object(s[, valueDelimiter[, fieldDelimiter]])",
    _OBJECT,
    "An object from a text of keys and values, both trimmed; the delimiters are : and , unless given.",
    'str_to_object("name: John, age: 5") -> {"name":"John","age":"5"}',
)
def _str_to_object(site: Site) -> Value:
    return _delimited(site, 1)


def _delimited(site: Site, first: int) -> Value:
    text = site.take(0, STRING)
    delimiters = []
    for index, default in ((first, ":"), (first + 1, ",")):
        given = site.take(index, STRING) if len(site) > index else NULL
        if given.type is None:
            delimiters.append(Value(quote_text(default), STRING, given.error, is_constant=True, constant=default))
        else:
            sql = f"COALESCE(NULLIF({given.sql}, ''), {quote_text(default)})"
            delimiters.append(Value(sql, STRING, given.error, given.sound))
    call = f"headrace_delimited({text.sql}, {delimiters[0].sql}, {delimiters[1].sql})"
    return strict(native_json(call), JSON, [text], fails=True).with_errors_of(*delimiters)


@function(
    "get_values(s, key, valueDelimiter, fieldDelimiter)",
    _OBJECT,
    "The value of one key in a text of keys and values; where a delimiter is null or empty it is : and ,.",
    'get_values("name: John, age: 5", "age", ":", ",") -> 5',
)
def _get_values(site: Site) -> Value:
    found = lookup(_delimited(site, 2), site.take(1, STRING))
    return converted(found, STRING)


@function(
    "json_to_object(s)",
    _OBJECT,
    "What a text of JSON says; a text that is no JSON is a transform error.",
    'json_to_object("{\\"name\\":\\"John\\"}") -> {"name":"John"}',
)
def _json_to_object(site: Site) -> Value:
    text = site.take(0, STRING)
    if text.type is None or (
        site.arguments[0].type and site.arguments[0].type.kind is Kind.JSON and text.error is None
    ):
        return text
    read = strict(let([text.sql], json_of_text), JSON, [text], fails=True)
    return Value(f"NULLIF({read.sql}, 'null')", JSON, read.error, read.sound)


@function(
    "o.get(key)",
    _OBJECT,
    "The value of a key of an object or a map; null where it has none.",
    '{"name": "John"}.get("name") -> John',
)
def _get(site: Site) -> Value:
    return site.checked(0, lambda value: lookup(value, site.take(1, STRING)))


@function(
    "get_keys(o)",
    _OBJECT,
    "The keys of an object or a map.",
    'get_keys({"book1": "Austen", "book2": "Brontë"}) -> ["book1","book2"]',
)
def _get_keys(site: Site) -> Value:
    value = site.arguments[0]
    if value.type is not None and value.type.kind is Kind.STRUCT:
        names = ", ".join(quote_text(field.name) for field in value.type.fields)
        return strict(f"CASE WHEN {value.sql} IS NOT NULL THEN [{names}] END", STRINGS, [value])
    whole = site.checked(0, as_object)
    if whole.type is None:
        return whole
    return strict(f"json_keys({whole.sql})", STRINGS, [whole])


@function(
    "contains_key(path)",
    _OBJECT,
    "Whether a path of the source, as a text or as it stands, leads to a value; a null counts as absent.",
    'contains_key("person.name") -> false',
    "is_set",
)
def _contains_key(_site: Site) -> Value:
    return Value("false", BOOLEAN)


FUNCTIONS: tuple[Function, ...] = (
    _to_object,
    _str_to_object,
    _get_values,
    _json_to_object,
    _get,
    _get_keys,
    _contains_key,
)
"""The functions of objects."""
