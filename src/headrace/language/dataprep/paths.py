"""What lies in objects and lists: fields, elements, and every element of a list.

Objects are STRUCT where their shape is known, else JSON; lists are LIST, or JSON. What is missing is null: a field that a JSON object
lacks, an element behind the end. A field that no object of a known shape has is refused before the run.
"""

from collections.abc import Callable

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.language.dataprep.casts import converted, elements, fresh
from headrace.language.dataprep.refusal import did_you_mean
from headrace.language.dataprep.values import (
    JSON,
    JSONS,
    LONG,
    NULL,
    STRING,
    Value,
    either,
    let,
    quote_text,
    strict,
)


def field(value: Value, name: str) -> Value:
    """Return a field of an object.

    Raises:
        Problem: ``UNKNOWN_COLUMN``: objects of its shape have no such field; ``EXPRESSION_TYPE``: it is no object.
    """
    if value.type is None:
        return value
    if value.type.kind is Kind.JSON:
        return _json_field(value, name)
    if value.type.kind is Kind.STRUCT:
        fields = {member.name: member.type for member in value.type.fields}
        if name not in fields:
            message = f"{_shown(value)} has no field {name!r}{did_you_mean(name, fields)}"
            raise Problem(Code.UNKNOWN_COLUMN, message)
        part = fresh(f"struct_extract({value.sql}, {quote_text(name)})", fields[name])
        return strict(part.sql, fields[name], [value])
    hint = f"; [*].{name} takes it from every element" if value.type.kind is Kind.LIST else ""
    raise Problem(Code.EXPRESSION_TYPE, f"a {value.type} has no field {name!r}{hint}")


def _shown(value: Value) -> str:
    return repr(value.sql[1:-1].replace('""', '"')) if value.sql.startswith('"') else "the object"


def _json_field(value: Value, name: str) -> Value:
    if not name or '"' in name:
        # DuckDB has no path for such a key.
        return _entry(value, Value(quote_text(name), STRING, is_constant=True, constant=name))
    path = quote_text(f'$."{name}"')
    return strict(f"NULLIF(json_extract({value.sql}, {path}), 'null')", JSON, [value])


def _entry(value: Value, key: Value) -> Value:
    def body(whole: str, name: str) -> str:
        return f"NULLIF(json_extract({whole}, '$.*')[list_position(json_keys({whole}), {name})], 'null')"

    return strict(let([value.sql, key.sql], body), JSON, [value, key])


def lookup(value: Value, key: Value) -> Value:
    """Return the field of an object under a key that may be computed; a key that it lacks gives null.

    Raises:
        Problem: ``EXPRESSION_TYPE``: it is no object.
    """
    if value.type is None or key.type is None:
        return NULL.with_errors_of(value, key)
    name = converted(key, STRING)
    if value.type.kind is Kind.JSON:
        return _json_field(value, name.constant) if isinstance(name.constant, str) else _entry(value, name)
    if value.type.kind is not Kind.STRUCT:
        raise Problem(Code.EXPRESSION_TYPE, f"a {value.type} is no object")
    if not isinstance(name.constant, str):
        return _entry(converted(value, JSON), name)
    has = any(member.name == name.constant for member in value.type.fields)
    return field(value, name.constant) if has else NULL.with_errors_of(value)


def element(value: Value, index: Value) -> Value:
    """Return an element of a list, counted from 0; a text as index takes a field of an object.

    Raises:
        Problem: ``EXPRESSION_TYPE``: the value is neither, or the index is of another type.
    """
    if value.type is None:
        return value.with_errors_of(index)
    if index.type is not None and index.type.kind is Kind.STRING and value.type.kind in {Kind.JSON, Kind.STRUCT}:
        return lookup(value, index)
    if value.type.kind is Kind.JSON:
        return _json_element(value, converted(index, LONG))
    if value.type.kind is not Kind.LIST or value.type.element is None:
        raise Problem(Code.EXPRESSION_TYPE, f"[n] takes an element of a list, not of a {value.type}")
    number = converted(index, LONG)

    def body(items: str, n: str) -> str:
        return f"CASE WHEN {n} >= 0 AND {n} < len({items}) THEN {items}[{n} + 1] END"

    type_ = value.type.element
    return strict(fresh(let([value.sql, number.sql], body), type_).sql, type_, [value, number])


def _json_element(value: Value, number: Value) -> Value:
    if isinstance(number.constant, int) and number.constant >= 0:
        path = f"'$[{number.constant}]'"
        return strict(f"NULLIF(json_extract({value.sql}, {path}), 'null')", JSON, [value])

    def body(whole: str, n: str) -> str:
        return f"CASE WHEN {n} >= 0 THEN NULLIF({elements(whole)}[{n} + 1], 'null') END"

    return strict(let([value.sql, number.sql], body), JSON, [value, number])


def as_list(value: Value) -> Value:
    """Return a value as a list; JSON that is no array is a transform error, null stays null.

    Raises:
        Problem: ``EXPRESSION_TYPE``: it is no list.
    """
    if value.type is None or value.type.kind is Kind.LIST:
        return value
    if value.type.kind is Kind.JSON:
        return converted(value, JSONS)
    raise Problem(Code.EXPRESSION_TYPE, f"expected a list, not a {value.type}")


def each(items: Value, name: str, body: Value) -> Value:
    """Return the list of ``body`` for every element of a list, which ``body`` knows as ``name``; it fails where one of them does."""
    type_ = body.type or STRING
    made = body.sql if body.type is not None else "CAST(NULL AS VARCHAR)"
    sql = f"list_transform({items.sql}, lambda {name}: {made})"
    error = either(items.error, any_of(items, name, body.error))
    return Value(sql, ColumnType(Kind.LIST, element=type_), error, sound=error is None)


def any_of(items: Value, name: str, condition: str | None) -> str | None:
    """Return SQL that is true where a condition holds for an element of a list."""
    if condition is None:
        return None
    return f"COALESCE(list_bool_or(list_transform({items.sql}, lambda {name}: {condition})), false)"


def element_of(items: Value, name: str) -> Value:
    """Return the element of a list that a lambda knows as ``name``."""
    type_ = items.type.element if items.type is not None else None
    return fresh(name, type_) if type_ is not None else NULL


Build = Callable[[Value], Value]
"""What is computed of an element."""
