"""Strings of Analytics.

Events are ``event101=5:123456,scOpen``; products are ``category;name;quantity;price;event1=2.3|event2=5:1;eVar1=x``, one behind another with
commas.
"""

from typing import Final

from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import STRING, STRINGS, Value, let, strict, variable

_ANALYTICS: Final = "analytics"


def _entry(entries: str, name: str) -> str:
    """Return the first of a list of entries (``name``, ``name=value``, ``name=value:id``) that has a name."""
    one = variable(entries, name)
    named = rf"trim(regexp_extract({one}, '^([^=:]*)', 1))"
    return f"list_filter({entries}, lambda {one}: {named} = {name})[1]"


def _value(entry: str) -> str:
    """Return the value of an entry, 1 where it has none."""
    return rf"CASE WHEN contains({entry}, '=') THEN trim(regexp_extract({entry}, '=([^:]*)', 1)) WHEN {entry} IS NOT NULL THEN '1' END"


def _id(entry: str) -> str:
    return rf"NULLIF(trim(regexp_extract({entry}, '(?s):(.*)$', 1)), '')"


def _of_event(site: Site, part: str) -> Value:
    text, event = site.take(0, STRING), site.take(1, STRING)

    def body(events: str, name: str) -> str:
        entry = _entry(f"string_split({events}, ',')", name)
        return let([entry], _value if part == "value" else _id)

    return strict(let([text.sql, event.sql], body), STRING, [text, event])


@function(
    "aa_get_event_id(events, event)",
    _ANALYTICS,
    "The id of an event in an Analytics event string; null where the event is not there or has none.",
    'aa_get_event_id("event101=5:123456,scOpen", "event101") -> 123456',
)
def _event_id(site: Site) -> Value:
    return _of_event(site, "id")


@function(
    "aa_get_event_value(events, event)",
    _ANALYTICS,
    "The value of an event in an Analytics event string, 1 where none is given; null where the event is not there.",
    'aa_get_event_value("event101=5:123456,scOpen", "event101") -> 5',
)
def _event_value(site: Site) -> Value:
    return _of_event(site, "value")


def _parts(products: str, number: int) -> str:
    """Return, for every product, its part with a number from 1, null where it is missing."""
    one = variable(products)
    part = f"NULLIF(trim(string_split({one}, ';')[{number}]), '')"
    whole = f"list_transform(string_split({products}, ','), lambda {one}: {part})"
    return f"CASE WHEN trim({products}) = '' THEN CAST([] AS VARCHAR[]) ELSE {whole} END"


def _part(name: str, number: int, example: str, *aliases: str) -> Function:
    def build(site: Site) -> Value:
        text = site.take(0, STRING)
        return strict(let([text.sql], lambda products: _parts(products, number)), STRINGS, [text])

    doc = f"The {name} of every product in an Analytics product string, null where one is missing."
    given = "Shoes;Sandal;1;3.50,;Boot;2;5.99"
    full = f'aa_get_product_{name}("{given}") -> {example}'
    return function(f"aa_get_product_{name}(products)", _ANALYTICS, doc, full, *aliases)(build)


def _entries_of(site: Site, number: int, *, is_event: bool) -> Value:
    text, name = site.take(0, STRING), site.take(1, STRING)

    def body(products: str, wanted: str) -> str:
        parts = _parts(products, number)
        one = variable(parts, wanted)
        entry = _entry(f"string_split({one}, '|')", wanted)
        made = f"list_transform({parts}, lambda {one}: {let([entry], _value if is_event else _assigned)})"
        return f"CASE WHEN {wanted} IS NOT NULL THEN {made} END"

    return strict(let([text.sql, name.sql], body), STRINGS, [text, name])


def _assigned(entry: str) -> str:
    return rf"NULLIF(trim(regexp_extract({entry}, '(?s)=(.*)$', 1)), '')"


@function(
    "aa_get_product_event_values(products, event)",
    _ANALYTICS,
    "The value of an event of every product in an Analytics product string, null where it is missing.",
    'aa_get_product_event_values(";a;1;4.20;event1=2.3|event2=5:1,;b;1;4.20;event1=3", "event2") -> ["5",null]',
)
def _event_values(site: Site) -> Value:
    return _entries_of(site, 5, is_event=True)


@function(
    "aa_get_product_evars(products, evar)",
    _ANALYTICS,
    "The value of a merchandising variable of every product in an Analytics product string, null where it is missing.",
    'aa_get_product_evars(";a;1;6.69;;eVar1=red|eVar2=x", "eVar1") -> ["red"]',
)
def _evars(site: Site) -> Value:
    return _entries_of(site, 6, is_event=False)


FUNCTIONS: tuple[Function, ...] = (
    _event_id,
    _event_value,
    _part("categories", 1, '["Shoes",null]'),
    _part("names", 2, '["Sandal","Boot"]'),
    _part("quantities", 3, '["1","2"]', "aa_get_product_quantity"),
    _part("prices", 4, '["3.50","5.99"]', "aa_get_product_price"),
    _event_values,
    _evars,
)
"""The functions of Analytics strings."""
