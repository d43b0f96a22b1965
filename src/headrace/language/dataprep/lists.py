"""Lists: building, joining, filtering and transforming them, and their sizes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from headrace.core.schema import Column, ColumnType, Kind
from headrace.language.dataprep.casts import elements, sql_type, unified
from headrace.language.dataprep.logic import element_type, truth
from headrace.language.dataprep.objects import native_json
from headrace.language.dataprep.paths import any_of, each
from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.texts import joined
from headrace.language.dataprep.values import (
    JSON,
    JSONS,
    NULL,
    STRING,
    Value,
    either,
    let,
    quote_identifier,
    strict,
    variable,
)

_LIST: Final = "list"
LAMBDAS: Final[Mapping[str, int]] = MappingProxyType({"filterArray": 1, "transformArray": 1})
"""Functions that take a lambda, and the place of it among their arguments."""


def listed(items: Sequence[Value]) -> Value:
    """Return the list of values; of different kinds they are JSON."""
    type_ = element_type([item.type for item in items])
    values = [unified(item, type_) for item in items]
    sql = f"CAST([{', '.join(value.sql for value in values)}] AS {sql_type(type_)}[])"
    return Value(sql, ColumnType(Kind.LIST, element=type_)).with_errors_of(*values)


def _alike(lists: Sequence[Value], others: Sequence[Value] = ()) -> tuple[list[Value], list[Value]]:
    """Return lists and single values with one type of elements."""
    inner = [items.type.element for items in lists if items.type is not None]
    type_ = element_type([*inner, *(value.type for value in others)])
    whole = ColumnType(Kind.LIST, element=type_)
    return [unified(items, whole) for items in lists], [unified(value, type_) for value in others]


@function(
    "to_array(includeNulls, value, …)",
    _LIST,
    "A list of the values, with or without those that are null.",
    'to_array(false, "a", null, "b") -> ["a","b"]',
)
def _to_array(site: Site) -> Value:
    wanted = site.checked(0, truth)
    items = listed(site.arguments[1:])
    if wanted.constant is True:
        return items
    one = variable(items.sql)
    kept = f"list_filter({items.sql}, lambda {one}: {one} IS NOT NULL)"
    sql = kept if wanted.constant is False else f"CASE WHEN {wanted.sql} THEN {items.sql} ELSE {kept} END"
    return Value(sql, items.type, items.error, items.sound).with_errors_of(wanted)


@function(
    "add_to_array(list, value, …)",
    _LIST,
    "The list with the values behind it.",
    'add_to_array(["a"], "b", "c") -> ["a","b","c"]',
)
def _add_to_array(site: Site) -> Value:
    first = site.items(0)
    if first.type is None:
        return NULL.with_errors_of(*site.arguments)
    (items,), values = _alike([first], site.arguments[1:])
    more = ", ".join(value.sql for value in values)
    sql = let([items.sql], lambda whole: f"CASE WHEN {whole} IS NOT NULL THEN list_concat({whole}, [{more}]) END")
    return strict(sql, items.type or JSONS, [items]).with_errors_of(*values)


@function(
    "join_arrays(list, list, …)",
    _LIST,
    "One list of the elements of all of them.",
    'join_arrays(["a"], ["b"], ["c", "d"]) -> ["a","b","c","d"]',
)
def _join_arrays(site: Site) -> Value:
    given = [site.items(index) for index in range(len(site))]
    if any(items.type is None for items in given):
        return NULL.with_errors_of(*given)
    lists, _ = _alike(given)

    def body(*wholes: str) -> str:
        there = " AND ".join(f"{whole} IS NOT NULL" for whole in wholes)
        return f"CASE WHEN {there} THEN list_concat({', '.join(wholes)}) END"

    return strict(let([items.sql for items in lists], body), lists[0].type or JSONS, lists)


@function(
    "arrays_to_objects(key, list, …)",
    _LIST,
    "A list of objects, zipped from lists of their fields; where a list is shorter the field is null.",
    'arrays_to_objects("sku", [1, 2], "code", ["a"]) -> [{"sku":1,"code":"a"},{"sku":2,"code":null}]',
    "arrays_to_object",
)
def _arrays_to_objects(site: Site) -> Value:
    if len(site) % 2:
        raise site.refusal(len(site) - 1, "a key without its list; keys and lists alternate")
    names = [site.constant(index, "the key") for index in range(0, len(site), 2)]
    lists = [site.items(index) for index in range(1, len(site), 2)]
    for number, name in enumerate(names):
        if not name or name.lower() in (other.lower() for other in names[:number]):
            raise site.refusal(2 * number, "a key must not be empty, and keys must differ by more than case")
    if any(items.type is None for items in lists):
        return NULL.with_errors_of(*lists)
    fields = tuple(Column(name, _element(items)) for name, items in zip(names, lists, strict=True))

    def body(*wholes: str) -> str:
        longest = f"greatest({', '.join(f'len({whole})' for whole in wholes)})"
        at = variable(*wholes)
        parts = ", ".join(
            f"{quote_identifier(name)} := {whole}[{at} + 1]" for name, whole in zip(names, wholes, strict=True)
        )
        there = " AND ".join(f"{whole} IS NOT NULL" for whole in wholes)
        return f"CASE WHEN {there} THEN list_transform(range({longest}), lambda {at}: struct_pack({parts})) END"

    type_ = ColumnType(Kind.LIST, element=ColumnType(Kind.STRUCT, fields=fields))
    return strict(let([items.sql for items in lists], body), type_, lists)


def _element(items: Value) -> ColumnType:
    return (items.type.element if items.type is not None else None) or STRING


@function(
    "filterArray(list, x -> condition)",
    _LIST,
    "The elements for which the condition holds.",
    "filterArray([5, 50, 500], x -> x > 20) -> [50,500]",
)
def _filter_array(site: Site) -> Value:
    items = site.items(0)
    if items.type is None:
        return items
    name, body = site.lambdas[1](items)
    condition = site.checked(1, lambda _: truth(body))
    error = either(items.error, any_of(items, name, condition.error))
    sql = f"list_filter({items.sql}, lambda {name}: {condition.sql})"
    return Value(sql, items.type, error, sound=error is None)


@function(
    "transformArray(list, x -> value)",
    _LIST,
    "The list of what the lambda makes of each element.",
    "transformArray([1, 2], x -> x * 10) -> [10,20]",
)
def _transform_array(site: Site) -> Value:
    items = site.items(0)
    if items.type is None:
        return items
    return each(items, *site.lambdas[1](items))


@function(
    "flattenArray(list)",
    _LIST,
    "One list of the elements of all lists in the list, however deep; nulls among the lists are left out.",
    'flattenArray([[["a", "b"]], [["c"], ["d"]]]) -> ["a","b","c","d"]',
)
def _flatten_array(site: Site) -> Value:
    items = site.items(0)
    if items.type is None:
        return items
    sql, element = items.sql, _element(items)
    while element.kind is Kind.LIST and element.element is not None:
        sql, element = f"flatten({sql})", element.element
    flat = strict(sql, ColumnType(Kind.LIST, element=element), [items])
    if element.kind is not Kind.JSON:
        return flat
    one = variable(flat.sql)
    texts = f"list_transform({flat.sql}, lambda {one}: CAST({one} AS VARCHAR))"
    made = strict(native_json(f"headrace_flat({texts})"), JSON, [flat], fails=True)
    return Value(elements(made.sql), JSONS, made.error, made.sound)


@function(
    "array_to_string(separator, list)",
    _LIST,
    "The elements of a list as one text, nulls left out.",
    'array_to_string(", ", ["a", "b"]) -> a, b',
)
def _array_to_string(site: Site) -> Value:
    return joined(site)


def _as_it_is(site: Site) -> Value:
    return site.items(0)


FUNCTIONS: tuple[Function, ...] = (
    _to_array,
    _add_to_array,
    _join_arrays,
    _arrays_to_objects,
    _filter_array,
    _transform_array,
    _flatten_array,
    _array_to_string,
    function(
        "upsert_array_append(list)",
        _LIST,
        "The list itself: rows are appended, never merged.",
        'upsert_array_append(["a"]) -> ["a"]',
    )(_as_it_is),
    function(
        "upsert_array_replace(list[, index])",
        _LIST,
        "The list itself: rows are appended, never merged.",
        'upsert_array_replace(["a"], 0) -> ["a"]',
    )(_as_it_is),
)
"""The functions of lists."""
