"""XDM schemas with objects in them, and mappings whose destinations lie in those."""

from typing import Any

import pytest

from headrace.api.flowservice.errors import Refusal
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.mapping import expressions, read_mapping_set, unusable, widened
from headrace.api.flowservice.translate.schema import MAX_COLUMNS, MAX_DEPTH, read_schema
from headrace.core.schema import Column, Format, Kind, Schema, parse_type

TEXT = {"type": "string"}


def nested(**properties: Any) -> dict[str, Any]:
    """Return the definition of an object."""
    return {"type": "object", "properties": properties}


def test_objects_are_structs_and_arrays_are_lists() -> None:
    """At every depth, with what is required there; a map, and anything, is JSON."""
    order = nested(sku=TEXT, tags={"type": "array", "items": {**TEXT, "enum": ["a"]}}) | {"required": ["sku"]}
    email = {"type": "string", "format": "email"}
    body = nested(
        person=nested(name=nested(first=TEXT), born={"type": "string", "format": "date"}) | {"required": ["name"]},
        orders={"type": "array", "items": order},
        map={"type": "object", "additionalProperties": TEXT},
        maps={"type": "array", "items": {"type": "object"}},
        email=email,
    )
    columns = read_schema({**body, "required": ["email"]}).by_name
    assert [str(column.type) for column in columns.values()] == [
        "struct<name: struct<first: string>, born: date>",
        "list<struct<sku: string, tags: list<string>>>",
        "json",
        "list<json>",
        "string",
    ]
    assert [field.required for field in columns["person"].type.fields] == [True, False]
    assert (columns["email"].required, columns["email"].format) == (True, Format.EMAIL)
    element = columns["orders"].type.element
    assert element is not None
    assert element.fields[0].required
    assert element.fields[1].elements == Column("element", parse_type("string"), enum=("a",))


def test_lists_in_lists_are_json_from_some_depth_on() -> None:
    """Converting them takes ten times as long for each level."""
    inner: dict[str, Any] = nested(a=TEXT)
    for _ in range(5):
        inner = {"type": "array", "items": inner}
    (column,) = read_schema(nested(l=inner)).columns
    assert str(column.type) == "list<list<list<json>>>"


def test_references_and_parts_are_followed() -> None:
    """Definitions, the tenant's own groups, and the class: all of one object come together in it."""
    group = {"definitions": {"g": nested(_acme=nested(b=TEXT))}, "allOf": [{"$ref": "#/definitions/g"}]}
    body = {
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}, {"$ref": "g"}, nested(_acme=nested(a=TEXT))],
        "definitions": {"d": {"type": "integer"}},
        "properties": {"own": {"$ref": "#/definitions/d"}},
    }
    columns = read_schema(body, lambda subject: group if subject == "g" else None).by_name
    assert {field.name for field in columns["_acme"].type.fields} == {"a", "b"}
    assert columns["own"].type.kind is Kind.LONG
    assert str(columns["personalEmail"].type) == "struct<address: string>"


def deep(depth: int) -> dict[str, Any]:
    """Return an object of objects."""
    return TEXT if depth == 0 else nested(a=deep(depth - 1))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (deep(MAX_DEPTH + 2), "nested more than"),
        (nested(a=nested(**{f"f{number}": TEXT for number in range(MAX_COLUMNS)})), "more than 10000 fields"),
        (nested(a=nested(b=TEXT, B=TEXT)), "occurs twice"),
        (nested(a=nested(b={"type": "word"})), "properties.a.b.type"),
        (nested(a=nested(b={"$ref": "#/definitions/none"})), "no definition"),
        (
            {"properties": {"a": {"$ref": "#/definitions/a"}}, "definitions": {"a": {"$ref": "#/definitions/a"}}},
            "itself",
        ),
    ],
)
def test_a_schema_that_cannot_be_a_table_is_refused(body: dict[str, Any], told: str) -> None:
    """With the path of what is wrong."""
    with pytest.raises(Refusal, match=told):
        read_schema(body)


def test_destinations_lie_in_objects_and_lists() -> None:
    """Those that lead nowhere are named; in an open schema they make their place."""
    schema = read_schema(nested(p=nested(n=nested(first=TEXT)), items={"type": "array", "items": nested(sku=TEXT)}))
    good = ["p.n.first", "p.n", "items[0].sku", "items[*].sku"]
    bad = ["p.x", "items.sku", "items[0].x", "p.n.first.x", "zip"]
    pairs = [{"source": "c[*].d" if "*" in name else "a", "destination": name} for name in [*good, *bad]]
    stored = read_mapping_set({"mappings": pairs})["mappings"]
    found = unusable(stored, schema, check_expression, is_open=False)
    assert [one.destination for one in found] == bad
    wide = widened(
        schema, [one["destination"] for one in stored if one["destination"] in ("p.x.y", "zip")] + ["p.x.y", "l[*].z"]
    )
    assert str(wide.by_name["p"].type) == "struct<n: struct<first: string>, x: struct<y: string>>"
    assert str(wide.by_name["l"].type) == "list<struct<z: string>>"
    assert widened(Schema(()), ["a", "a.b"]).by_name["a"].type.kind is Kind.STRUCT


@pytest.mark.parametrize("destination", ["a..b", "a[", "a[x]", ".a", "a[99999]"])
def test_a_destination_that_is_no_path_is_refused(destination: str) -> None:
    """When the set is made, whether it is validated or not."""
    with pytest.raises(Refusal):
        read_mapping_set({"mappings": [{"source": "a", "destination": destination}]})


def test_an_attribute_can_be_a_path_through_a_list() -> None:
    """Names that are no path are quoted."""
    pairs = [("c[*].d", "a[*].b"), ("x[0].y", "z"), ("x[].y", "w"), ("or.x", "v")]
    body = {"mappings": [{"sourceType": "ATTRIBUTE", "source": s, "destination": d} for s, d in pairs]}
    found = expressions(read_mapping_set(body)["mappings"], check_expression)
    assert list(found.values()) == ["c[*].d", "x[0].y", "${x[].y}", "${or.x}"]
