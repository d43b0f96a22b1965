"""Execution plans and mapping rules, as clients ask for them."""

from typing import Any

import httpx

from api.jobs.conftest import Client, errors_of

FIELDS = [{"key": "First Name", "type": "string"}, {"key": "Mail", "type": "string"}]
TARGETS: list[dict[str, Any]] = [
    {"key": "firstName", "type": "string", "label": "First name"},
    {"key": "email", "type": "string", "alternativeNames": ["mail"]},
    {"key": "total", "type": "number", "constraints": [{"type": "computed"}]},
]
EMPTY: dict[str, Any] = {"fieldMapping": [], "unmappedSourceFields": [], "unmappedDestinationFields": []}


def _job(client: Client) -> dict[str, Any]:
    """Return a new map job between two new sheets."""
    space = client.post("/spaces", {"name": "crm"})
    books = [
        client.post("/workbooks", {"name": name, "spaceId": space["id"], "sheets": [{"name": name, "fields": fields}]})
        for name, fields in (("from", FIELDS), ("to", TARGETS))
    ]
    config = {"sourceSheetId": books[0]["sheets"][0]["id"], "destinationSheetId": books[1]["sheets"][0]["id"]}
    body = {"type": "workbook", "operation": "map", "source": books[0]["id"], "destination": books[1]["id"]}
    made: dict[str, Any] = client.post("/jobs", {**body, "managed": True, "config": config})
    return made


def keys_of(refused: httpx.Response) -> list[str | None]:
    """Return the keys of a refusal that is a 400."""
    status, errors = errors_of(refused)
    assert status == 400
    return [key for key, _ in errors]


def test_a_plan_is_empty_until_it_is_there_and_can_be_replaced_and_changed(client: Client) -> None:
    """The job stands beside it, since clients read its configuration in the same answer (contract 7)."""
    job = _job(client)
    path = f"/jobs/{job['id']}/plan"
    assert client.get(path) == {"job": job, "plan": EMPTY}
    edge = {"sourceField": {"key": "Mail", "type": "string"}, "destinationField": {"key": "email", "type": "string"}}
    put = client("PUT", path, {**EMPTY, "fieldMapping": [edge], "jobId": job["id"], "fileId": "us_fl_x"})
    assert put.status_code == 200
    found = put.json()["data"]["plan"]["fieldMapping"]
    assert [(item["sourceField"]["key"], item["destinationField"]["key"]) for item in found] == [("Mail", "email")]
    assert found[0]["destinationField"]["alternativeNames"] == ["mail"]
    patched = client("PATCH", path, {"programId": "p"}).json()["data"]
    assert (patched["plan"]["programId"], patched["plan"]["fieldMapping"]) == ("p", found)
    assert client.get(path) == patched


def test_plans_that_cannot_be_are_refused_with_their_keys(client: Client) -> None:
    """All of it at once."""
    job = _job(client)
    path = f"/jobs/{job['id']}/plan"
    edge = {"sourceField": {"key": "nope"}, "destinationField": {"key": "nope"}}
    refused = client("PUT", path, {"fieldMapping": [edge], "unmappedSourceFields": []})
    assert keys_of(refused) == [
        "fieldMapping[0].sourceField.key",
        "fieldMapping[0].destinationField.key",
        "unmappedDestinationFields",
    ]
    custom = client.post("/jobs", {"type": "workbook", "operation": "submit", "source": job["source"]})
    for method, body in (("GET", None), ("PUT", EMPTY), ("PATCH", {})):
        refused = client(method, f"/jobs/{custom['id']}/plan", body)
        assert errors_of(refused) == (400, [("plan", "This job has no execution plan.")])
    assert client("GET", "/jobs/us_jb_nobody00/plan").status_code == 404


def test_rules_are_proposed_for_two_blueprints(client: Client) -> None:
    """Each is the whole rule under ``config``, as a map job takes it."""
    answer = client.post(
        "/mapping", {"source": {"name": "a", "fields": FIELDS}, "destination": {"name": "b", "fields": TARGETS}}
    )
    assert answer == {
        "rules": [
            {
                "name": "Assign First Name to First name",
                "type": "assign",
                "config": {
                    "type": "assign",
                    "name": "Assign First Name to First name",
                    "sourceField": "First Name",
                    "destinationField": "firstName",
                },
            },
            {
                "name": "Assign Mail to email",
                "type": "assign",
                "config": {
                    "type": "assign",
                    "name": "Assign Mail to email",
                    "sourceField": "Mail",
                    "destinationField": "email",
                },
            },
        ],
        "sourceKeys": ["First Name", "Mail"],
        "destinationKeys": ["firstName", "email", "total"],
    }


def test_what_mapping_does_not_do_is_refused(sqlite_client: Client) -> None:
    """Programs are not saved here."""
    asked: tuple[tuple[str, str, Any, list[str | None]], ...] = (
        ("POST", "/mapping", {}, ["source", "destination"]),
        ("POST", "/mapping", {"save": True}, ["save"]),
        ("POST", "/mapping", {"source": {"name": "a"}, "destination": {"name": "b", "fields": []}}, ["source.fields"]),
        ("GET", "/mapping", None, [None]),
        ("GET", "/mapping/us_mp_1", None, [None]),
        ("POST", "/mapping/us_mp_1/rules", {}, [None]),
    )
    assert [keys_of(sqlite_client(method, path, body)) for method, path, body, _ in asked] == [
        keys for *_, keys in asked
    ]
