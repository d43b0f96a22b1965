"""The query language (2.3) against a naive reading of it: in Python as in the ledger, which must not differ."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams
from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.queries import Collection, ListRequest, match, project, read_list, read_search
from headrace.api.flowservice.selection import Kept, compiled
from headrace.core.clock import Instant
from headrace.store import documents
from headrace.store.database import Database
from headrace.store.documents import Document, DocumentQuery

SCOPE, KIND = "flowservice/acme/prod", "things"
COLLECTION = Collection(
    "things", frozenset({"id", "name", "state", "createdAt", "a", "b", "list", "flag", "amount", "absent", "flowId"})
)
KEPT = Kept(
    texts={"id": "id"},
    times={"createdAt": "created_at"},
    within="body.item",
    roots=frozenset({"name", "state", "a", "b", "list", "flag", "amount", "absent"}),
)
WORDS = ["x", "X", "xy", "5", "5.0", "-1", "true", "True", "null", "a,b", 'say "hi"', "enabled", "Enabled", ""]
PATHS = ["name", "state", "a.b", "a.c", "b", "list[]", "list[].k", "list", "flag", "amount", "absent", "a.b[].c", "id"]
OPERATORS = ["==", "=", "!=", "<", "<=", ">", ">="]


def asked(*texts: str, **others: str) -> ListRequest:
    """Return what a list asks for with these values of ``property``."""
    pairs = [*(("property", text) for text in texts), *others.items()]
    return read_list(cast("Request", SimpleNamespace(query_params=QueryParams(pairs))), COLLECTION)


def quoted(text: str) -> str:
    """Return ``text`` as a quoted value."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def leaves(value: Any, steps: list[str]) -> list[Any]:
    """Return what a path finds in an item, nulls left out."""
    if not steps:
        return [] if value is None else [value]
    name, each = steps[0].removesuffix("[]"), steps[0].endswith("[]")
    inner = value.get(name) if isinstance(value, dict) else None
    if not each:
        return leaves(inner, steps[1:])
    return [leaf for element in inner for leaf in leaves(element, steps[1:])] if isinstance(inner, list) else []


def equal(value: Any, word: str, path: str) -> bool:
    """Say whether a stored value is what a word of a filter says."""
    if isinstance(value, bool):
        return word.strip().lower() == str(value).lower()
    if isinstance(value, int | float):
        try:
            return float(word) == value
        except ValueError:
            return False
    if path == "state":
        return isinstance(value, str) and value == word.lower().replace("_", "").replace("-", "")
    return isinstance(value, str) and value == word


def naive(item: dict[str, Any], path: str, operator: str, words: list[str]) -> bool:
    """Say whether an item matches: the language read word by word. All values are quoted."""
    found = leaves(item, path.split("."))
    if operator in {"==", "="}:
        return any(equal(value, word, path) for value in found for word in words)
    if operator == "!=":
        return not any(equal(value, words[0], path) for value in found)
    compare = {"<": lambda x, y: x < y, "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y}
    for value in found:
        other: Any = words[0]
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                other = float(words[0])
            except ValueError:
                continue
        if isinstance(value, str | int | float) and not isinstance(value, bool) and compare[operator](value, other):
            return True
    return False


scalars = st.one_of(st.none(), st.booleans(), st.sampled_from([5, -1, 0, 5.5]), st.sampled_from(WORDS))
items = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(WORDS),
        "state": st.sampled_from(["enabled", "disabled", "draft"]),
        "a": st.one_of(scalars, st.fixed_dictionaries({}, optional={"b": scalars, "c": scalars})),
        "b": scalars,
        "list": st.one_of(scalars, st.lists(st.one_of(scalars, st.fixed_dictionaries({"k": scalars})), max_size=3)),
        "flag": scalars,
        "amount": scalars,
    },
)
filters = st.one_of(
    st.tuples(
        st.sampled_from(PATHS), st.sampled_from(["==", "="]), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)
    ),
    st.tuples(st.sampled_from(PATHS[:-1]), st.sampled_from(OPERATORS), st.sampled_from(WORDS).map(lambda word: [word])),
)


# Each example leaves the ledger as it was.
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(items, min_size=1, max_size=4), st.lists(filters, min_size=1, max_size=2))
def test_a_filter_means_what_the_language_says(
    database: Database, kept: list[dict[str, Any]], asks: list[tuple[str, str, list[str]]]
) -> None:
    """The naive reading, ``match`` and, where it can say it, the ledger choose the same things."""
    rows = [{**item, "id": f"i{number}"} for number, item in enumerate(kept)]
    listed = asked(*(path + operator + ",".join(map(quoted, words)) for path, operator, words in asks))
    expected = [row["id"] for row in rows if all(naive(row, *ask) for ask in asks)]
    assert [row["id"] for row in rows if match(row, listed.filters)] == expected
    where, left = compiled(listed.filters, KEPT)
    with database.transaction() as tx:
        for row in rows:
            body = {"item": {name: value for name, value in row.items() if name != "id"}}
            document = Document(SCOPE, KIND, row["id"], "n", body, Instant(0), Instant(0))
            documents.put(tx, document)
        found = documents.page(tx, DocumentQuery(scope=SCOPE, kind=KIND, filter=where), 100).items
        for row in rows:
            documents.delete(tx, SCOPE, KIND, row["id"])
    chosen = {document.id for document in found}
    assert [row["id"] for row in rows if row["id"] in chosen and match(row, left)] == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nosuch==1", Fault.FILTER_FIELD),
        ("name~x", Fault.FILTER_TILDE),
        ("name!>x", Fault.FILTER_OPERATOR),
        ("name=>x", Fault.FILTER_OPERATOR),
        ("name===x", Fault.FILTER_OPERATOR),
        ("name==", Fault.FILTER_VALUE_EMPTY),
        ("name==a,,b", Fault.FILTER_VALUE_EMPTY),
        ("name==a,", Fault.FILTER_VALUE_EMPTY),
        ("name!=a,b", Fault.FILTER_LIST),
        ("createdAt<1,2", Fault.FILTER_LIST),
        ("id<a", Fault.FILTER_ID_ORDER),
        ("flowId>=a", Fault.FILTER_ID_ORDER),
        ("a.someId>a", Fault.FILTER_ID_ORDER),
        ("createdAt>soon", Fault.NUMBER),
        ("a.failedRecordCount<many", Fault.NUMBER),
    ],
)
def test_a_wrong_filter_has_its_number(text: str, fault: Fault) -> None:
    """Each mistake in a filter says what it is."""
    with pytest.raises(Refusal) as caught:
        asked(text)
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("item", "text", "matches"),
    [
        ({"name": None}, "name==null", True),
        ({}, "name==null", True),
        ({"name": "null"}, "name==null", False),
        ({"name": "null"}, 'name=="null"', True),
        ({"name": "x"}, "name==null,x", True),
        ({}, "name!=null", False),
        ({}, "name!=x", True),
        ({"name": "a,b"}, 'name=="a,b"', True),
        ({"name": "a&property=b"}, 'name=="a&property=b"', True),
        ({"createdAt": 5}, "createdAt>=4&property=createdAt<6", True),
        ({"createdAt": 6}, "createdAt>=4&property=createdAt<6", False),
        ({"state": "enabled"}, "state==EN_ABLED", True),
        ({"list": ["a", "b"]}, "list[]==b,c", True),
        ({"list": ["a", "b"]}, "list==b", False),
        ({"list": [{"k": 1}, {"k": 2}]}, "list[].k>1", True),
        ({"list": []}, "list[]==null", True),
    ],
)
def test_what_the_language_says_in_words(item: dict[str, Any], text: str, matches: bool) -> None:
    """Nulls, quotes, ranges in one value, arrays, folded states."""
    assert match(item, asked(text).filters) is matches


def test_a_projection_keeps_what_it_names() -> None:
    """A value without an operator is a projection; paths reach into objects; id and etag stay."""
    item = {"id": "1", "etag": "e", "name": "n", "a": {"b": 1, "c": {"d": 2, "e": 3}}}
    assert project(item, asked("name").projection) == {"id": "1", "etag": "e", "name": "n"}
    assert project(item, asked("a.c.d, absent").projection) == {"id": "1", "etag": "e", "a": {"c": {"d": 2}}}
    assert project(item, asked("a.c,a.c.d").projection)["a"] == {"c": {"d": 2, "e": 3}}


def searched(body: object) -> ListRequest:
    """Return what a search asks for."""
    request = SimpleNamespace(query_params={})
    return read_search(cast("Request", request), json.loads(json.dumps(body)), COLLECTION)


def test_a_search_is_a_list_in_a_body() -> None:
    """``queryString`` joins filters with &, each with or without ``property=``; quotes hold their text together."""
    listed = searched(
        {
            "queryString": 'property=name=="a&b"&amount>5',
            "limit": 5,
            "orderby": "-createdAt",
            "projectionFields": "name,a.b",
        }
    )
    assert [(one.dotted, one.values) for one in listed.filters] == [("name", ("a&b",)), ("amount", ("5",))]
    assert (listed.limit, listed.order, listed.projection) == (5, ("createdAt", True), frozenset({"name", "a.b"}))
    assert searched({"count": "TRUE"}).count
    assert searched({}).filters == ()
    unclosed = searched({"queryString": 'name=="a&b==c&property=a.b==1'})
    assert [(one.dotted, one.values) for one in unclosed.filters] == [("name", ('"a',)), ("b", ("c",)), ("a.b", ("1",))]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"queryString": 5}, Fault.QUERY_STRING),
        ({"queryString": ["name==x"]}, Fault.QUERY_STRING),
        ({"queryString": "name==" + "x" * 70_000}, Fault.QUERY_STRING),
        ({"groupByProperty": "name"}, Fault.GROUPING),
        ({"limit": 5, "count": True}, Fault.LIMIT_AND_COUNT),
        ({"limit": 0}, Fault.NUMBER),
        ({"limit": "many"}, Fault.NUMBER),
        ({"orderby": "nosuch"}, Fault.ORDER_FIELD),
        ({"orderby": "*name"}, Fault.ORDER_SIGN),
        ({"projectionFields": {"a": 1}}, Fault.VALUE),
        ([], Fault.BODY),
    ],
)
def test_a_wrong_search_has_its_number(body: object, fault: Fault) -> None:
    """A search is refused like a list."""
    with pytest.raises(Refusal) as caught:
        searched(body)
    assert caught.value.fault is fault
