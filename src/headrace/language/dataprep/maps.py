"""Maps: objects whose keys are data. They are JSON objects, and their keys are texts."""

from typing import Final

from headrace.core.schema import Kind
from headrace.language.dataprep.casts import written
from headrace.language.dataprep.objects import as_object, key_of, made_map, native_json, pairs_of
from headrace.language.dataprep.paths import each, element_of, field, lookup
from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import BOOLEAN, JSON, JSONS, STRINGS, Value, let, strict, variable

_MAP: Final = "map"


@function(
    "to_map(key, value, …)",
    _MAP,
    "A map of keys and values; keys become texts. Null where a key is null; of equal keys the last one counts.",
    'to_map("firstName", "John", "age", 5) -> {"firstName":"John","age":5}',
)
def _to_map(site: Site) -> Value:
    return made_map(*pairs_of(site))


@function(
    "object_to_map(x[, key, …])",
    _MAP,
    "A map: of an object; of keys and values (key, value, …); or of a list of objects, by the value of one of their fields "
    "(objects, field). Keys become texts; of equal keys the last one counts, an element without the field is left out.",
    'object_to_map([{"sku": 1, "n": "a"}, {"sku": 2, "n": "b"}], "sku") -> {"1":{"sku":1,"n":"a"},"2":{"sku":2,"n":"b"}}',
)
def _object_to_map(site: Site) -> Value:
    if len(site) == 1:
        return site.checked(0, as_object)
    first = site.arguments[0].type
    if len(site) == 2 and first is not None and first.kind in {Kind.LIST, Kind.JSON}:
        return _by_field(site)
    return made_map(*pairs_of(site))


@function(
    "array_to_map(objects, field)",
    _MAP,
    "A map of a list of objects, by the value of one of their fields; of equal values the last object counts.",
    'array_to_map([{"sku": 1, "n": "a"}, {"sku": 2, "n": "b"}], "sku") -> {"1":{"sku":1,"n":"a"},"2":{"sku":2,"n":"b"}}',
)
def _array_to_map(site: Site) -> Value:
    return _by_field(site)


def _by_field(site: Site) -> Value:
    items = site.items(0)
    name = site.constant(1, "the field")
    if items.type is None:
        return items
    one = variable(items.sql)
    item = element_of(items, one)
    key = site.checked(0, lambda _: key_of(field(item, name)))
    keys, values = each(items, one, key), each(items, one, written(item))
    parts = f"list_transform({values.sql}, lambda {one}: CAST({one} AS VARCHAR))"
    made = strict(native_json(f"headrace_object({keys.sql}, {parts})"), JSON, [items], fails=True)
    return made.with_errors_of(keys, values)


@function(
    "map_get_values(map, keys)",
    _MAP,
    "The value of one key; of a list of keys the distinct values of those that the map has.",
    'map_get_values({"a": 1, "b": 2, "c": 1}, ["a", "b", "c"]) -> [1,2]',
)
def _map_get_values(site: Site) -> Value:
    whole, keys = site.checked(0, as_object), site.arguments[1]
    if whole.type is None or keys.type is None:
        return Value("NULL", None).with_errors_of(whole, keys)
    if keys.type.kind is not Kind.LIST:
        return lookup(whole, site.checked(1, key_of))
    names = site.take(1, STRINGS)

    def body(entries: str, wanted: str) -> str:
        # The keys are looked for in the map's entries, each of which is taken out once.
        one = variable(entries, wanted)
        found = f"list_filter({wanted}, lambda {one}: list_contains(json_keys({entries}), {one}))"
        value = f"json_extract({entries}, '$.*')[list_position(json_keys({entries}), {one})]"
        texts = f"list_transform({found}, lambda {one}: CAST({value} AS VARCHAR))"
        return f"CASE WHEN {entries} IS NOT NULL THEN headrace_distinct({texts}) END"

    texts = strict(let([whole.sql, names.sql], body), STRINGS, [whole, names], fails=True)
    one = variable(texts.sql)
    return Value(f"list_transform({texts.sql}, lambda {one}: TRY_CAST({one} AS JSON))", JSONS, texts.error, texts.sound)


@function(
    "map_has_keys(map, keys)",
    _MAP,
    "Whether a map has a key, or any of a list of keys.",
    'map_has_keys({"a": 1}, ["a", "b"]) -> true',
)
def _map_has_keys(site: Site) -> Value:
    whole, keys = site.checked(0, as_object), site.arguments[1]
    if whole.type is None or keys.type is None:
        return Value("NULL", None).with_errors_of(whole, keys)
    if keys.type.kind is Kind.LIST:
        names = site.take(1, STRINGS)
        return strict(f"list_has_any(json_keys({whole.sql}), {names.sql})", BOOLEAN, [whole, names])
    name = site.checked(1, key_of)
    return strict(f"list_contains(json_keys({whole.sql}), {name.sql})", BOOLEAN, [whole, name])


@function(
    "add_to_map(map, …)",
    _MAP,
    "One map of all entries; of equal keys the first one counts.",
    'add_to_map({"a": 1}, {"a": 2, "b": 3}) -> {"a":1,"b":3}',
)
def _add_to_map(site: Site) -> Value:
    maps = [site.checked(index, as_object) for index in range(len(site))]
    if any(value.type is None for value in maps):
        return Value("NULL", None).with_errors_of(*maps)

    def body(*wholes: str) -> str:
        keys = ", ".join(f"json_keys({whole})" for whole in wholes)
        values = ", ".join(f"json_extract({whole}, '$.*')" for whole in wholes)
        one = variable(*wholes)
        texts = f"list_transform(flatten([{values}]), lambda {one}: CAST({one} AS VARCHAR))"
        there = " AND ".join(f"{whole} IS NOT NULL" for whole in wholes)
        return f"CASE WHEN {there} THEN {native_json(f'headrace_merged(flatten([{keys}]), {texts})')} END"

    return strict(let([value.sql for value in maps], body), JSON, maps, fails=True)


FUNCTIONS: tuple[Function, ...] = (
    _to_map,
    _object_to_map,
    _array_to_map,
    _map_get_values,
    _map_has_keys,
    _add_to_map,
)
"""The functions of maps."""
