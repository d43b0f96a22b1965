"""Objects and lists are put together as a naive assembler would do it, row by row."""

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.core.explore import TryMapping
from headrace.core.schema import ColumnType, Kind, Schema
from headrace.dataplane.exploring.mappings import try_mapping
from headrace.dataplane.limits import Limits
from promoting import LANGUAGE, schema

COLUMNS = schema(
    person="struct<name: struct<first: string, last: string>, age: long, tags: list<string>>",
    items="list<struct<sku: string, at: struct<n: long>>>",
    words="list<string>",
    more="list<struct<sku: string, at: struct<n: long>>>",
)
TEXT = st.one_of(st.none(), st.sampled_from(["a", "b", ""]))
NUMBER = st.one_of(st.none(), st.integers(0, 3))
NAME = st.one_of(st.none(), st.fixed_dictionaries({}, optional={"first": TEXT, "last": TEXT, "other": TEXT}))
TAGS = st.one_of(st.none(), st.lists(TEXT, max_size=2))
PERSON = st.one_of(st.none(), st.fixed_dictionaries({}, optional={"name": NAME, "age": NUMBER, "tags": TAGS}))
ITEM = st.one_of(
    st.none(),
    st.fixed_dictionaries({}, optional={"sku": TEXT, "at": st.one_of(st.none(), st.fixed_dictionaries({"n": NUMBER}))}),
)
ROW = st.fixed_dictionaries(
    {"t": TEXT, "n": NUMBER, "p": PERSON, "q": NAME, "i": st.one_of(st.none(), st.lists(ITEM, max_size=3)), "w": TAGS}
)
SOURCES = {
    "person": ["p"],
    "person.name": ["q", "p.name", "nullify()"],
    "person.name.first": ["t", "q.last", "nullify()"],
    "person.name.last": ["t"],
    "person.age": ["n", "p.age"],
    "person.tags": ["w"],
    "person.tags[1]": ["t", "w[0]"],
    "items": ["i"],
    "items[0]": ["i[1]"],
    "items[0].sku": ["t", "nullify()"],
    "items[2].at.n": ["n"],
    "words": ["w"],
    "words[0]": ["t"],
    "more[*].sku": ["i[*].sku", "t"],
    "more[*].at.n": ["i[*].at.n"],
    "more[*].at": ["i[*].at"],
    "more": ["i"],
}
FULL = {
    "t": "a",
    "n": 1,
    "p": {"name": {"first": "a", "last": "b", "other": "c"}, "age": 1, "tags": ["a"]},
    "q": {"first": "a", "last": "b", "other": "c"},
    "i": [{"sku": "a", "at": {"n": 1}}],
    "w": ["a"],
}
"""A row that has everything, so that all columns and their types are known."""


def value(expression: str, row: Any) -> Any:
    """Return what a path says of a row."""
    for step in re.findall(r"[a-z()]+|\d+", expression):
        if step.isdigit():
            row = row[int(step)] if isinstance(row, list) and int(step) < len(row) else None
        else:
            row = row.get(step) if isinstance(row, dict) else None
    return row


def place(path: str, type_: ColumnType, copies: list[Any], row: Any, mapping: dict[str, str]) -> Any:
    """Return a place with the nearest value, put together from the places below it; None: it is absent."""
    if path in mapping:
        own = value(mapping[path], row)
        copies = [own] if mapping[path] == "nullify()" else [own, *copies]
    copies = [copy for copy in copies if copy is not None]
    if type_.kind is Kind.STRUCT:
        found = {}
        for field in type_.fields:
            below = [copy.get(field.name) for copy in copies]
            found[field.name] = place(f"{path}.{field.name}", field.type, below, row, mapping)
        return {name: item for name, item in found.items() if item is not None} or None
    if type_.kind is not Kind.LIST:
        return copies[0] if copies else None
    assert type_.element is not None
    numbers = [int(n) for key in mapping for n in re.findall(re.escape(path) + r"\[(\d+)\]", key)]
    sources = [mapping[key] for key in mapping if key.startswith(f"{path}[*]") and "[*]" in mapping[key]]
    if sources:
        return filled(path, type_.element, copies, row, mapping)
    copied = copies[0] if copies else None
    if copied is None and not numbers:
        return None
    length = max([len(copied or []), *(number + 1 for number in numbers)])
    made = [
        place(f"{path}[{n}]", type_.element, [value(str(n), copied)], row, mapping if n in numbers else {})
        for n in range(length)
    ]
    while made and made[-1] is None and len(made) > len(copied or []):
        made.pop()
    return made if made or copied is not None else None


def filled(path: str, type_: ColumnType, copies: list[Any], row: Any, mapping: dict[str, str]) -> Any:
    """Return a list that is filled element by element."""
    below = {key: text for key, text in mapping.items() if key.startswith(f"{path}[*]")}
    lists = [value(text.partition("[*]")[0], row) for text in below.values() if "[*]" in text] + copies[:1]
    lengths = [len(one) for one in lists if one is not None]
    if not lengths:
        return None
    made = []
    for number in range(max(lengths)):
        each = {key.replace("[*]", f"[{number}]"): text.replace("[*]", f"[{number}]") for key, text in below.items()}
        made.append(place(f"{path}[{number}]", type_, [value(str(number), one) for one in copies[:1]], row, each))
    return made


def is_possible(mapping: dict[str, str]) -> bool:
    """Say whether something is gone through wherever ``[*]`` is filled."""
    every = [text for key, text in mapping.items() if "[*]" in key]
    return not every or "more" in mapping or any("[*]" in text for text in every)


MAPPING = (
    st.fixed_dictionaries({}, optional={key: st.sampled_from(texts) for key, texts in SOURCES.items()})
    .filter(bool)
    .filter(is_possible)
)


@given(MAPPING, st.lists(ROW, max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_a_target_is_what_a_naive_assembler_makes(mapping: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Whatever is copied, overridden, removed, numbered or gone through; nothing is refused, and nothing fails."""
    rows = [FULL, *rows]
    used = Schema(tuple(column for column in COLUMNS.columns if any(key.startswith(column.name) for key in mapping)))
    tried = try_mapping(TryMapping(tuple(rows), mapping, used), LANGUAGE, Limits(threads=1))
    expected = []
    for row in rows:
        made = {column.name: place(column.name, column.type, [], row, mapping) for column in used.columns}
        expected.append({name: item for name, item in made.items() if item is not None})
    assert tried.errors == ()
    assert list(tried.rows) == expected
