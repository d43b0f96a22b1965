"""Data Prep (8.1, 8.2): sets and their versions, single mappings, validation, previews, the language's own tables."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.flowservice.conftest import Client, flow_body, make_ends, make_schema, serve
from fakes import ManualClock
from headrace.api.flowservice.app import make_app
from headrace.api.flowservice.door import FlowServiceDoor
from headrace.core.explore import TryMapping
from headrace.dataplane.exploring.mappings import try_mapping
from headrace.dataplane.limits import Limits
from promoting import LANGUAGE

SETS = "/data/foundation/conversion/mappingSets"
EL = "/data/foundation/conversion/languages/el"


class InProcess:
    """An explorer that answers in this process."""

    def __call__(self, question: Any, /) -> Any:
        """Try a mapping; nothing else is asked here."""
        assert isinstance(question, TryMapping)
        return try_mapping(question, LANGUAGE, Limits(threads=1))


@pytest.fixture
def client(make_door: Callable[..., FlowServiceDoor], tmp_path: Path, clock: ManualClock) -> Iterator[Client]:
    """Return a client of a door that can try mappings."""
    for base in serve(make_app(make_door(explore=InProcess()))):
        yield Client(base, tmp_path / "files", clock)


def ask(client: Client, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    """Return the body of an answer that has ``status``."""
    answer = client(method, path, body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def new_shape(schema: str, *mappings: tuple[str, str, str]) -> dict[str, Any]:
    """Return a set's body in the newer shape: source type, source, destination."""
    names = ("sourceType", "source", "destination")
    pairs = [dict(zip(names, one, strict=True)) for one in mappings]
    return {"name": "m", "outputSchema": {"schemaRef": {"id": schema}}, "mappings": pairs}


def nested_schema(client: Client) -> str:
    """Return the ``$id`` of a new schema with objects and lists in it."""
    text = {"type": "string"}
    name = {"type": "object", "properties": {"firstName": text, "lastName": text}, "required": ["lastName"]}
    properties = {
        "_id": text,
        "person": {"type": "object", "properties": {"name": name, "age": {"type": "integer", "minimum": 0}}},
        "emails": {"type": "array", "items": {"type": "object", "properties": {"address": text}}},
    }
    body = {"type": "object", "title": "People", "allOf": [], "properties": properties, "required": ["_id"]}
    made = ask(client, "POST", "/data/foundation/schemaregistry/tenant/schemas", body, status=201)
    return str(made["$id"])


def test_both_shapes_are_stored_as_one(client: Client) -> None:
    """Read back with both names of everything, source types in their text form, numeric dates."""
    schema = make_schema(client)
    body = new_shape(schema, ("ATTRIBUTE", "Id", "_id"), ("text/x.aep-xl", "lower(E)", "email"), ("STATIC", "7", "age"))
    old = {
        "version": 0,
        "xdmSchema": schema,
        "xdmVersion": "1.0",
        "id": None,
        "mappings": [
            {
                "destinationXdmPath": "_id",
                "sourceAttribute": "Id",
                "identity": True,
                "identityGroup": None,
                "version": 0,
            }
        ],
    }
    first, second = (ask(client, "POST", SETS, one) for one in (body, old))
    assert set(first) == {"id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy"}
    found = ask(client, "GET", f"{SETS}/{first['id']}")
    assert [one["sourceType"] for one in found["mappings"]] == ["text/x.schema-path", "text/x.aep-xl", "text/plain"]
    assert found["xdmSchema"] == found["schemaRef"]["id"] == found["outputSchema"]["schemaRef"]["id"] == schema
    assert (found["status"], found["supportVersion"], found["strictMapping"], found["allowNullValues"]) == (
        "PUBLISHED",
        "1.1",
        False,
        False,
    )
    (one,) = ask(client, "GET", f"{SETS}/{second['id']}?expandSchema=True")["mappings"]
    assert (one["source"], one["sourceAttribute"], one["destination"], one["destinationXdmPath"]) == (
        "Id",
        "Id",
        "_id",
        "_id",
    )
    assert (one["identity"], one["primaryIdentity"], one["matchScore"], one["version"]) == (True, False, 0.0, 0)
    assert isinstance(one["createdDate"], int)
    assert len(one["id"]) == 32


def test_sets_are_listed_by_date_name_and_filter(client: Client) -> None:
    """With pages, and with the schema where it is asked for."""
    schema = make_schema(client)
    made = []
    for name in ("a", "b", "c"):
        made.append(ask(client, "POST", SETS, {**new_shape(schema, ("STATIC", "x", "_id")), "name": name})["id"])
        client.clock.advance(1_000_000)

    def names(query: str) -> list[str]:
        return [one["name"] for one in ask(client, "GET", f"{SETS}?{query}")["data"]]

    assert names("orderBy=createdDate") == ["a", "b", "c"]
    assert names("orderBy=-createdDate&limit=2") == ["c", "b"]
    assert names("orderBy=%2BupdatedDate&start=1") == ["b", "c"]
    assert names("name=b&property=status==PUBLISHED") == ["b"]
    assert names("property=xdmSchema==other") == []
    listed = ask(client, "GET", f"{SETS}?expandSchema=true&limit=1")
    assert listed["_page"] == {"count": 1, "limit": 1}
    assert "email" in listed["data"][0]["outputSchema"]["schema"]["properties"]
    for query in ("orderBy=name", "property=name~a"):
        assert ask(client, "GET", f"{SETS}?{query}", status=400)["type"].endswith("CONVERSION-1000-400")


def test_every_change_makes_a_version_and_old_ones_stay(client: Client) -> None:
    """Whole sets and single mappings alike; a mapping keeps its id."""
    schema = make_schema(client)
    subject = ask(client, "POST", SETS, new_shape(schema, ("ATTRIBUTE", "Id", "_id")))["id"]
    path = f"{SETS}/{subject}"
    again = ask(client, "PUT", path, new_shape(schema, ("ATTRIBUTE", "Key", "_id"), ("ATTRIBUTE", "E", "email")))
    added = ask(client, "POST", f"{path}/mappings", {"source": "7", "sourceType": "STATIC", "destination": "age"})
    changed = ask(
        client, "PUT", f"{path}/mappings/{added['id']}", {"destinationXdmPath": "age", "sourceAttribute": "Age"}
    )
    removed = ask(client, "DELETE", f"{path}/mappings/{again['mappings'][1]['id']}")
    assert (again["version"], added["id"], removed["destination"]) == (1, changed["id"], "email")
    sources = [
        [one["source"] for one in ask(client, "GET", f"{path}/mappings?version={number}")["data"]]
        for number in range(5)
    ]
    assert sources == [["Id"], ["Key", "E"], ["Key", "E", "7"], ["Key", "E", "Age"], ["Key", "Age"]]
    assert ask(client, "GET", path)["version"] == 4
    first, last = (ask(client, "GET", f"{path}?version={number}")["mappings"][0]["id"] for number in (0, 4))
    assert first == last
    assert ask(client, "GET", f"{path}/mappings/{added['id']}")["source"] == "Age"
    assert ask(client, "GET", f"{path}/mappings/{'0' * 32}", status=404)["type"].endswith("CONVERSION-1000-404")
    assert ask(client, "GET", f"{path}?version=9", status=400)["detail"].endswith("has no version '9'")


def test_a_set_that_a_flow_uses_stays(client: Client) -> None:
    """Once no flow names it any more it can go."""
    ends = make_ends(client)
    flow = client.make("/flows", flow_body(ends))
    refused = ask(client, "DELETE", f"{SETS}/{ends['mapping']}", status=400)
    assert flow in refused["detail"]
    assert client("DELETE", f"/flows/{flow}").status_code == 204
    ask(client, "DELETE", f"{SETS}/{ends['mapping']}")
    ask(client, "GET", f"{SETS}/{ends['mapping']}", status=404)


def test_validation_names_each_mapping_that_cannot_be_used(client: Client) -> None:
    """Destinations in objects and lists, expressions, functions; a set is refused as a whole only where it is asked."""
    schema = nested_schema(client)
    body = new_shape(
        schema,
        ("ATTRIBUTE", "f", "person.name.firstName"),
        ("ATTRIBUTE", "c[*].mail", "emails[*].address"),
        ("ATTRIBUTE", "f", "person.nick"),
        ("EXPRESSION", "nope(f)", "_id"),
        ("EXPRESSION", "lower(", "emails[0].address"),
    )
    answers = ask(client, "POST", f"{SETS}/validate", body)["validationResponse"]
    assert [one["status"] for one in answers] == ["SUCCESS", "SUCCESS", "FAILED", "FAILED", "FAILED"]
    assert answers[0]["errors"] is None
    (error,) = answers[2]["errors"]
    assert {name: error[name] for name in ("destination", "source", "columnName", "sourceType")} == {
        "destination": "person.nick",
        "source": "f",
        "columnName": "f",
        "sourceType": "text/x.schema-path",
    }
    assert "no field 'nick'" in error["exception"]
    ask(client, "POST", f"{SETS}?validate=False", body)
    refused = ask(client, "POST", f"{SETS}?validate=True", body, status=400)
    assert refused["detail"].startswith("3 mappings cannot be used")


def test_a_preview_is_what_a_run_would_make(client: Client) -> None:
    """One object in, one out; a list in, a list out; errors only where there are some."""
    body = new_shape(
        nested_schema(client),
        ("ATTRIBUTE", "id", "_id"),
        ("EXPRESSION", "upper(l)", "person.name.lastName"),
        ("EXPRESSION", "to_integer(a)", "person.age"),
        ("ATTRIBUTE", "c[*].m", "emails[*].address"),
    )
    good = {"id": "1", "l": "x", "a": "3", "c": [{"m": "a@b.c"}]}
    shown = ask(client, "POST", f"{SETS}/preview", {"data": good, "mappingSet": body})
    assert shown == {
        "data": {"_id": "1", "person": {"name": {"lastName": "X"}, "age": 3}, "emails": [{"address": "a@b.c"}]}
    }
    bad = {"id": "2", "l": None, "a": "-1", "c": None}
    both = ask(client, "POST", f"{SETS}/preview", {"data": [good, bad], "mappingSet": body})
    assert [row["_id"] for row in both["data"]] == ["1", "2"]
    (error,) = both["errors"]
    assert (error["destination"], error["source"]) == ("person.age", "to_integer(a)")
    assert "minimum" in error["exception"]
    ask(client, "POST", f"{SETS}/preview", {"data": [1], "mappingSet": body}, status=400)
    ask(client, "POST", f"{SETS}/preview", {"mappingSet": body}, status=400)


def test_a_preview_needs_no_schema(client: Client) -> None:
    """Paths make objects all the same; what cannot be compiled is an error of its mapping."""
    body = {
        "mappings": [
            {"source": "a", "destination": "x.y"},
            {"source": "b", "destination": "n"},
            {"source": "nope(a)", "sourceType": "EXPRESSION", "destination": "z"},
        ]
    }
    shown = ask(client, "POST", f"{SETS}/preview", {"data": {"a": "1", "b": 2}, "mappingSet": body})
    assert shown["data"] == {"x": {"y": "1"}, "n": 2}
    assert [error["destination"] for error in shown["errors"]] == ["z"]


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"expression": "lower(a.b)"}, True),
        ({"expression": {"expression": "c[*].d"}}, True),
        ({"expression": "nope(a)"}, False),
        ({"expression": "lower("}, False),
        ({"expression": "lower(a)", "sampleData": {"a": "X"}}, True),
        ({"expression": "lower(a)", "sampleData": '{"b": "X"}', "sampleDataType": "application/json"}, False),
        ({"expression": "to_integer(a)", "sampleData": {"a": "X"}}, True),
    ],
)
def test_an_expression_is_one_or_not(client: Client, body: dict[str, Any], *, valid: bool) -> None:
    """With sample data: whether it can be compiled for rows like them."""
    assert ask(client, "POST", f"{EL}/validate", body) is valid


def test_the_tables_of_the_language_are_served(client: Client) -> None:
    """Every function under each of its names, with its parameters; every operator."""
    functions = {one["function"]: one for one in ask(client, "GET", f"{EL}/functions")}
    assert {"lower", "lcase", "substr", "iif", "make_date_time", "make_timestamp"} <= set(functions)
    shown = functions["lpad"]
    assert [(one["name"], one["position"]) for one in shown["params"]] == [("s", 0), ("count", 1), ("pad", 2)]
    assert (shown["returnType"], shown["result"]) == ("String", "yzyzybat")
    operators = ask(client, "GET", f"{EL}/operators")
    assert {"+", "==", "??", "?:"} <= {one["operatorSymbol"] for one in operators}
    assert ask(client, "POST", f"{EL}/validate", {}, status=400)["type"].endswith("CONVERSION-1000-400")
