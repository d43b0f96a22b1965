"""Choosing and comparing: coalesce, iif, decode, min, max and their like.

The errors of an argument count only where it is evaluated: ``iif`` looks at the branch that it takes, ``coalesce`` stops at the
first value that is not null.
"""

from collections.abc import Sequence
from dataclasses import replace

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.language.dataprep.casts import NUMBER_KINDS, WHOLE_KINDS, converted, elements, fresh, sql_type, unified
from headrace.language.dataprep.dynamic import extreme, is_dynamic
from headrace.language.dataprep.refusal import refuse
from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import (
    BOOLEAN,
    DOUBLE,
    JSON,
    JSONS,
    LONG,
    NULL,
    STRING,
    TIMESTAMP,
    Value,
    either,
    let,
    strict,
)


def common_type(types: Sequence[ColumnType | None], *, text: bool = True) -> ColumnType | None:
    """Return the type that all ``types`` have in common without a loss of meaning; None when all are null.

    Numbers widen to long, decimal or double, dates to timestamps; with ``text``, numbers and dates beside text become text. Beside JSON
    everything becomes JSON, and so do objects of different shapes.

    Raises:
        Problem: ``EXPRESSION_TYPE``: the types are of different kinds.
    """
    found = list(dict.fromkeys(type_ for type_ in types if type_ is not None))
    if len(found) <= 1:
        return found[0] if found else None
    kinds = {type_.kind for type_ in found}
    if Kind.JSON in kinds or kinds == {Kind.STRUCT}:
        return JSON
    if kinds == {Kind.LIST}:
        return ColumnType(Kind.LIST, element=element_type([type_.element for type_ in found]))
    if kinds <= WHOLE_KINDS:
        return LONG
    if kinds <= WHOLE_KINDS | {Kind.DECIMAL}:
        return ColumnType(Kind.DECIMAL, 38, max(type_.scale or 0 for type_ in found))
    if kinds <= NUMBER_KINDS:
        return DOUBLE
    if kinds <= {Kind.DATE, Kind.TIMESTAMP}:
        return TIMESTAMP
    if (
        text
        and kinds <= NUMBER_KINDS | {Kind.STRING, Kind.DATE, Kind.TIMESTAMP, Kind.TIME, Kind.UUID}
        and Kind.STRING in kinds
    ):
        return STRING
    raise Problem(Code.EXPRESSION_TYPE, " and ".join(str(type_) for type_ in found))


def element_type(types: Sequence[ColumnType | None]) -> ColumnType:
    """Return the type of a list's elements of these types: JSON where they are of different kinds, text where all are null."""
    try:
        return common_type(types, text=False) or STRING
    except Problem:
        return JSON


def unify(site: Site, indexes: Sequence[int], *, text: bool = True) -> tuple[list[Value], ColumnType | None]:
    """Return the arguments at ``indexes`` in their common type, and it.

    Raises:
        Problem: ``EXPRESSION_TYPE``: they have none.
    """
    try:
        type_ = common_type([site.arguments[index].type for index in indexes], text=text)
    except Problem as problem:
        message = f"{site.name}: the values are of different types ({problem.message}); convert them to one"
        raise refuse(Code.EXPRESSION_TYPE, site.expression, site.at, message) from problem
    if type_ is None:
        return [site.arguments[index] for index in indexes], None
    return [unified(site.arguments[index], type_) for index in indexes], type_


def truth(value: Value) -> Value:
    """Return a condition: true or false, null counting as false.

    Raises:
        Problem: ``EXPRESSION_TYPE``: the value is neither boolean nor text.
    """
    flag = converted(value, BOOLEAN)
    if flag.sql.endswith(" IS TRUE)") or (flag.is_constant and flag.constant is not None):
        return flag
    return Value(f"({flag.sql} IS TRUE)", BOOLEAN, flag.error, sound=flag.error is None)


def _zone(values: Sequence[Value]) -> str | None:
    zones = {value.zone for value in values if value.type is not None}
    return zones.pop() if len(zones) == 1 else None


def choose(condition: Value, then: Value, otherwise: Value, type_: ColumnType | None) -> Value:
    """Return ``then`` where the condition holds, else ``otherwise``; both must have the type ``type_``."""
    if type_ is None:
        return NULL.with_errors_of(condition, then, otherwise)
    sql = f"CASE WHEN {condition.sql} THEN {then.sql} ELSE {otherwise.sql} END"
    branch = None
    if then.error or otherwise.error:
        branch = f"CASE WHEN {condition.sql} THEN {then.error or 'false'} ELSE {otherwise.error or 'false'} END"
    error = either(condition.error, branch)
    sound = condition.error is None and then.sound and otherwise.sound
    return Value(sql, type_, error, sound, zone=_zone([then, otherwise]))


@function(
    "iif(condition, a, b)",
    "logical",
    "a where the condition holds, else b. A null condition is false; only the chosen value is evaluated.",
    'iif(1 < 2, "yes", "no") -> yes',
)
def _iif(site: Site) -> Value:
    try:
        condition = truth(site.arguments[0])
    except Problem as problem:
        raise site.refusal(0, problem.message) from problem
    (then, otherwise), type_ = unify(site, (1, 2))
    return choose(condition, then, otherwise, type_)


def first_of(values: Sequence[Value], type_: ColumnType | None) -> Value:
    """Return the first value that is not null; what stands behind it is not evaluated."""
    if type_ is None:
        return NULL.with_errors_of(*values)
    sql = f"COALESCE({', '.join(value.sql for value in values)})" if len(values) > 1 else values[0].sql
    error: str | None = None
    for value in reversed(values):
        later = f"({value.sql} IS NULL AND {error})" if error is not None and value.may_be_null else None
        error = either(value.error, later)
    sound = error is None or (len(values) == 1 and values[0].sound)
    return Value(sql, type_, error, sound, zone=_zone(values))


@function(
    "coalesce(x, …)",
    "coalescing",
    "The first value that is not null, of the arguments or of one list; what stands behind it is not evaluated.",
    'coalesce(null, "a", "b") -> a',
)
def _coalesce(site: Site) -> Value:
    if len(site) == 1 and (listed := _list_of(site)):
        return _from_list(listed, "list_filter({0}, lambda {1}: {2} IS NOT NULL)[1]")
    values, type_ = unify(site, range(len(site)))
    return first_of(values, type_)


def _list_of(site: Site) -> Value | None:
    value = site.arguments[0]
    if is_dynamic(value):
        sql = let(
            [value.sql], lambda one: f"CASE WHEN json_type({one}) = 'ARRAY' THEN {elements(one)} ELSE [{one}] END"
        )
        return strict(sql, JSONS, [value])
    return value if value.type is not None and value.type.kind is Kind.LIST else None


def _from_list(value: Value, template: str) -> Value:
    name = "_x" if "_x" not in value.sql.lower() else "_x_" + str(len(value.sql))
    element = value.type.element if value.type is not None else None
    if element is None:
        return NULL.with_errors_of(value)
    found = fresh(template.format(value.sql, name, fresh(name, element).sql), element)
    return strict(found.sql, element, [value])


@function(
    "first(x, …)",
    "coalescing",
    "The first of the arguments or of one list, null or not.",
    "first(1, 2, 3) -> 1",
)
def _first(site: Site) -> Value:
    if len(site) == 1 and (listed := _list_of(site)):
        return _from_list(listed, "{0}[1]")
    return site.arguments[0].with_errors_of(*site.arguments[1:])


@function(
    "last(x, …)",
    "coalescing",
    "The last of the arguments or of one list, null or not.",
    "last(1, 2, 3) -> 3",
)
def _last(site: Site) -> Value:
    if len(site) == 1 and (listed := _list_of(site)):
        return _from_list(listed, "{0}[-1]")
    return site.arguments[-1].with_errors_of(*site.arguments[:-1])


@function(
    "decode(key, k1, v1, …[, default])",
    "logical",
    "The value beside the first key that equals the first argument; else the default, else null.",
    'decode("B", "A", "first", "B", "second", "other") -> second',
)
def _decode(site: Site) -> Value:
    """Compare keys from left to right; nothing behind the first match is evaluated."""
    pairs = (len(site) - 1) // 2
    if is_dynamic(site.arguments[0]):
        _, others = unify(site, [2 * pair + 1 for pair in range(pairs)])
        if others is not None and others.kind is not Kind.JSON:
            site = replace(site, arguments=(site.take(0, others), *site.arguments[1:]))
    keys, key_type = unify(site, [0, *(2 * pair + 1 for pair in range(pairs))])
    chosen = [2 * pair + 2 for pair in range(pairs)]
    if len(site) % 2 == 0:
        chosen.append(len(site) - 1)
    values, type_ = unify(site, chosen)
    default = values[pairs] if len(values) > pairs else NULL
    if key_type is None or type_ is None:
        return NULL.with_errors_of(*site.arguments)
    default = default if default.type is not None else Value(f"CAST(NULL AS {sql_type(type_)})", type_)
    cases, errors = [], []
    for key, value in zip(keys[1:], values, strict=False):
        same = f"{keys[0].sql} IS NOT DISTINCT FROM {key.sql}"
        if key.error:
            errors.append(f"WHEN {key.error} THEN true")
        cases.append(f"WHEN {same} THEN {value.sql}")
        errors.append(f"WHEN {same} THEN {value.error or 'false'}")
    sql = f"CASE {' '.join(cases)} ELSE {default.sql} END"
    inner = [keys[0], *keys[1:], *values, default]
    if all(value.error is None for value in inner):
        return Value(sql, type_, zone=_zone([*values, default]))
    chain = f"CASE {' '.join(errors)} ELSE {default.error or 'false'} END"
    return Value(sql, type_, either(keys[0].error, chain), sound=False, zone=_zone([*values, default]))


def _extreme(site: Site, chooser: str) -> Value:
    values, type_ = unify(site, range(len(site)), text=False)
    if type_ is None:
        return NULL.with_errors_of(*values)
    if type_.kind in {Kind.LIST, Kind.STRUCT, Kind.BINARY}:
        raise site.refusal(0, f"a {type_} has no order")
    if type_.kind is Kind.JSON and len(values) > 1:
        return extreme(values, "list_min" if chooser == "least" else "list_max")
    if len(values) == 1:
        return values[0]

    def body(*sqls: str) -> str:
        nulls = " OR ".join(f"{sql} IS NULL" for sql in sqls)
        return f"CASE WHEN NOT ({nulls}) THEN {chooser}({', '.join(sqls)}) END"

    return strict(let([value.sql for value in values], body), type_, values)


@function(
    "min(x, …)",
    "logical",
    "The smallest of the values in their natural order; values of different kinds are refused.",
    "min(3, 1, 2) -> 1",
)
def _min(site: Site) -> Value:
    return _extreme(site, "least")


@function(
    "max(x, …)",
    "logical",
    "The largest of the values in their natural order; values of different kinds are refused.",
    "max(3, 1, 2) -> 3",
)
def _max(site: Site) -> Value:
    return _extreme(site, "greatest")


@function(
    "is_empty(x)",
    "logical",
    "True for null, an empty text, an empty list and an empty object.",
    'is_empty("") -> true',
)
def _is_empty(site: Site) -> Value:
    value = site.arguments[0]
    kind = value.type.kind if value.type is not None else None
    tests = {
        Kind.LIST: f"COALESCE(len({value.sql}), 0) = 0",
        Kind.STRING: f"COALESCE({value.sql}, '') = ''",
        Kind.JSON: f"COALESCE(json_normalize({value.sql}), '\"\"') IN ('\"\"', '[]', '{{}}')",
    }
    test = "true" if kind is None else tests.get(kind, f"{value.sql} IS NULL")
    return Value(f"({test})", BOOLEAN, value.error, sound=value.error is None)


@function(
    "size_of(x)",
    "logical",
    "The number of a list's elements, of an object's keys, or of a text's characters; 0 for null.",
    "size_of([1, 2, 3]) -> 3",
)
def _size_of(site: Site) -> Value:
    value = site.arguments[0]
    if value.type is None:
        return Value("CAST(0 AS BIGINT)", LONG, value.error, sound=value.error is None)
    if value.type.kind is Kind.LIST:
        size = f"len({value.sql})"
    elif value.type.kind is Kind.STRUCT:
        size = f"CASE WHEN {value.sql} IS NOT NULL THEN {len(value.type.fields)} END"
    elif value.type.kind is Kind.JSON:
        size = let([value.sql], _size_of_json)
    else:
        value = site.take(0, STRING)
        size = f"length({value.sql})"
    return Value(f"CAST(COALESCE({size}, 0) AS BIGINT)", LONG, value.error, sound=value.error is None)


def _size_of_json(whole: str) -> str:
    return (
        f"CASE json_type({whole}) WHEN 'OBJECT' THEN len(json_keys({whole})) WHEN 'ARRAY' THEN json_array_length({whole}) "
        f"ELSE length(json_extract_string({whole}, '$')) END"
    )


@function("nullify()", "coalescing", "Null: nothing is written.", "nullify() -> null")
def _nullify(_site: Site) -> Value:
    return NULL


@function("a.equals(b)", "logical", "Whether two texts are equal.", '"abc".equals("abc") -> true')
def _equals(site: Site) -> Value:
    left, right = site.texts()
    return strict(f"({left.sql} = {right.sql})", BOOLEAN, [left, right])


@function(
    "a.equalsIgnoreCase(b)",
    "logical",
    "Whether two texts are equal, whatever their case.",
    '"Abc".equalsIgnoreCase("aBC") -> true',
)
def _equals_ignore_case(site: Site) -> Value:
    left, right = site.texts()
    return strict(f"(lower({left.sql}) = lower({right.sql}))", BOOLEAN, [left, right])


FUNCTIONS: tuple[Function, ...] = (
    _iif,
    _decode,
    _coalesce,
    _first,
    _last,
    _nullify,
    _is_empty,
    _size_of,
    _equals,
    _equals_ignore_case,
    _min,
    _max,
)
"""The choosing and comparing functions."""
