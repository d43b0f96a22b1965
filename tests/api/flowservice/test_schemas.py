"""The Schema Registry: schemas, field groups, what is built in, and every form in which they are asked for."""

from typing import Any
from urllib.parse import quote

import pytest

from api.flowservice.conftest import HEADERS, Client, make_ends

SR = "/data/foundation/schemaregistry"
FULL = "application/vnd.adobe.xed-full+json; version=1"
PLAIN = "application/vnd.adobe.xed+json; version=1"
PROFILE = "https://ns.adobe.com/xdm/context/profile"


def group(client: Client, **fields: Any) -> dict[str, Any]:
    """Return a new field group as the tutorial makes them: its fields under ``definitions``, below the tenant's name."""
    definitions = {"custom": {"type": "object", "properties": {"_acme": {"type": "object", "properties": fields}}}}
    body = {
        "type": "object",
        "title": "Loyalty",
        "meta:intendedToExtend": [PROFILE],
        "definitions": definitions,
        "allOf": [{"$ref": "#/definitions/custom"}],
    }
    answer = client("POST", f"{SR}/tenant/fieldgroups", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def schema(client: Client, *references: str, **given: Any) -> dict[str, Any]:
    """Return a new schema of these parts."""
    body = {"type": "object", "title": "Members", "allOf": [{"$ref": one} for one in references], **given}
    answer = client("POST", f"{SR}/tenant/schemas", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def get(client: Client, resource: dict[str, Any], accept: str, kind: str = "schemas") -> dict[str, Any]:
    """Return a resource in the form that ``accept`` names."""
    answer = client("GET", f"{SR}/tenant/{kind}/{quote(resource['$id'], safe='')}", accept=accept)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def number(answer: Any) -> str:
    """Return the number of a refusal."""
    return str(answer.json()["type"]).rpartition("XDM-")[2]


def test_the_full_form_has_the_fields_of_class_and_groups_in_place(client: Client) -> None:
    """``-full`` resolves every reference; two groups meet below the tenant's name; ``required`` is a union."""
    groups = [group(client, tier={"type": "string", "title": "Tier"}), group(client, points={"type": "integer"})]
    inline = {"own": {"type": "string"}}
    made = schema(client, PROFILE, *(one["$id"] for one in groups), properties=inline, required=["own"])
    full = get(client, made, FULL)
    assert set(full["properties"]["_acme"]["properties"]) == {"tier", "points"}
    assert full["properties"]["person"]["properties"]["name"]["properties"]["firstName"] == {"type": "string"}
    assert (full["required"], "allOf" in full, full["meta:class"]) == (["own"], False, PROFILE)
    assert get(client, made, PLAIN)["allOf"] == made["allOf"]
    assert client("GET", f"{SR}/tenant/schemas/{made['meta:altId']}").json() == full


def test_texts_and_descriptors_come_as_they_are_asked_for(client: Client) -> None:
    """``-notext`` drops titles and descriptions, not properties that are called so; xdm equals xed."""
    made = schema(client, properties={"title": {"type": "string", "title": "T", "description": "D"}})
    bare = get(client, made, "application/vnd.adobe.xdm-full-notext+json; version=1")
    assert (bare["properties"], "title" in bare) == ({"title": {"type": "string"}}, False)
    assert get(client, made, "application/vnd.adobe.xed-full-desc+json;version=1")["meta:descriptors"] == []
    assert get(client, made, FULL) == get(client, made, FULL.replace("xed", "xdm"))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/vnd.adobe.xed-full+json", "1007-400"),
        ("application/vnd.adobe.xed-id+json; version=1", "1006-400"),
        ("text/html", "1006-400"),
        ("application/vnd.adobe.xed+json; version=7", "1012-404"),
    ],
)
def test_an_accept_header_that_cannot_be_used_is_told(client: Client, accept: str, expected: str) -> None:
    """A client that forgot the version learns just that."""
    made = schema(client)
    answer = client("GET", f"{SR}/tenant/schemas/{made['meta:altId']}", accept=accept)
    assert number(answer) == expected
    assert set(answer.json()["report"]) == {"registryRequestId", "timestamp", "detailed-message", "sub-errors"}


def test_lists_have_their_own_forms_and_pages(client: Client) -> None:
    """Short entries by default, whole resources for ``xed``, pages by ``start``; the full form is none of a list."""
    made = [schema(client, title=title) for title in ("A", "B", "C")]
    short = client(
        "GET", f"{SR}/tenant/schemas/?orderby=title&limit=2", accept="application/vnd.adobe.xed-id+json"
    ).json()
    assert [one["title"] for one in short["results"]] == ["A", "B"]
    assert set(short["results"][0]) == {"$id", "meta:altId", "version", "title"}
    assert (short["_page"], short["_links"]["next"] is None) == ({"orderby": "title", "next": "2", "count": 2}, False)
    rest = client(
        "GET", f"{SR}/tenant/schemas?orderby=title&limit=2&start=2", accept="application/vnd.adobe.xed+json"
    ).json()
    assert (rest["results"], rest["_page"]["next"], rest["_links"]) == ([made[2]], None, {"next": None})
    assert number(client("GET", f"{SR}/tenant/schemas", accept=FULL)) == "1006-400"
    filtered = client("GET", f"{SR}/tenant/schemas?property=title==B").json()["results"]
    assert [one["$id"] for one in filtered] == [made[1]["$id"]]


def test_a_change_makes_the_next_version(client: Client) -> None:
    """PATCH and PUT keep the id; the minor version grows, and the new fields are there."""
    made = schema(client, PROFILE)
    path = f"{SR}/tenant/schemas/{made['meta:altId']}"
    added = group(client, tier={"type": "string"})
    patch = [{"op": "add", "path": "/allOf/-", "value": {"$ref": added["$id"]}}]
    patched = client("PATCH", path, patch, content_type="application/json-patch+json").json()
    assert (patched["version"], len(patched["allOf"])) == ("1.1", 2)
    assert "_acme" in get(client, made, FULL)["properties"]
    put = client("PUT", path, {"type": "object", "title": "Renamed", "allOf": []}).json()
    assert (put["$id"], put["title"], put["version"]) == (made["$id"], "Renamed", "1.2")


def test_what_is_used_stays(client: Client) -> None:
    """A schema with a dataset and a group in a schema cannot be removed; what is free can."""
    ends = make_ends(client)
    used = client("DELETE", f"{SR}/tenant/schemas/{quote(ends['schema'], safe='')}")
    assert (used.status_code, ends["dataset"] in used.json()["detail"]) == (400, True)
    added = group(client, tier={"type": "string"})
    made = schema(client, added["$id"])
    assert client("DELETE", f"{SR}/tenant/fieldgroups/{added['meta:altId']}").status_code == 400
    assert client("DELETE", f"{SR}/tenant/schemas/{made['meta:altId']}").status_code == 204
    gone = client("DELETE", f"{SR}/tenant/fieldgroups/{added['meta:altId']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert number(client("GET", f"{SR}/tenant/fieldgroups/{added['meta:altId']}")) == "1012-404"


@pytest.mark.parametrize(
    "change",
    [
        {"allOf": [{"$ref": "https://ns.adobe.com/acme/mixins/" + "0" * 48}]},
        {"allOf": [{"$ref": "#/definitions/nowhere"}]},
        {"definitions": {"a": {"$ref": "#/definitions/a"}}, "allOf": [{"$ref": "#/definitions/a"}]},
        {"properties": {"a": {"type": "object", "properties": {"b": {"$ref": "https://ns.adobe.com/acme/mixins/x"}}}}},
        {"title": " "},
        {"type": "string"},
        {"allOf": None},
        {"properties": {"a": {"type": "string", "pattern": "(a)\\1"}}},
    ],
)
def test_what_leads_nowhere_is_refused(client: Client, change: dict[str, Any]) -> None:
    """Unknown and circular references, missing fields and unusable rules are told when the schema is made."""
    body = {"type": "object", "title": "Bad", "allOf": [], **change}
    answer = client("POST", f"{SR}/tenant/schemas", body)
    assert (answer.status_code, answer.json()["type"].endswith("-400")) == (400, True)


def test_another_part_of_adobes_is_borne(client: Client) -> None:
    """A reference to a part that is not built in puts no constraints (10)."""
    made = schema(client, "https://ns.adobe.com/xdm/context/some-other")
    assert get(client, made, FULL)["properties"] == {}


def test_built_in_parts_are_found_by_both_ids(client: Client) -> None:
    """Classes, behaviours and groups, in every sandbox alike."""
    classes = client("GET", f"{SR}/global/classes").json()["results"]
    assert {one["meta:altId"] for one in classes} == {"_xdm.context.profile", "_xdm.context.experienceevent"}
    by_id = client("GET", f"{SR}/global/classes/{quote(PROFILE, safe='')}", accept=FULL).json()
    assert by_id == client("GET", f"{SR}/global/classes/_xdm.context.profile", accept=FULL).json()
    assert "person" in by_id["properties"]
    assert number(client("GET", f"{SR}/global/classes/_xdm.context.nothing", accept=FULL)) == "1012-404"
    for kind, name in (("behaviors", "data.record"), ("fieldgroups", "context.identitymap")):
        assert client("GET", f"{SR}/global/{kind}/_xdm.{name}").json()["meta:containerId"] == "global"
        assert len(client("GET", f"{SR}/global/{kind}").json()["results"]) >= 3
    empty = [client("GET", f"{SR}/{path}").json()["results"] for path in ("global/schemas", "tenant/classes")]
    assert empty == [[], []]


def test_stats_count_what_the_tenant_has(client: Client) -> None:
    """The tenant's id is part of the answer: clients look it up here."""
    schema(client, group(client, tier={"type": "string"})["$id"])
    assert client("GET", f"{SR}/stats").json() == {
        "imsOrg": "acme@AdobeOrg",
        "tenantId": "acme",
        "counts": {"schemas": 1, "mixins": 1, "datatypes": 0, "classes": 0, "unions": 0},
        "recentlyCreatedResources": [],
        "recentlyUpdatedResources": [],
        "classUsage": [],
    }
    stranger = Client(client.base, client.files, client.clock, {**HEADERS, "x-gw-ims-org-id": "other@AdobeOrg"})
    assert stranger("GET", f"{SR}/stats").json()["counts"]["schemas"] == 0
    assert stranger("GET", f"{SR}/tenant/fieldgroups").json()["results"] == []
