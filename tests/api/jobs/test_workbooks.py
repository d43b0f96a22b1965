"""Workbooks are made with their sheets, listed, changed sheet by sheet, and removed (contract 12.3)."""

from typing import Any

from api.jobs.conftest import Client, errors_of
from api.jobs.told import told, topics

FIELDS = [{"key": "email", "type": "string"}, {"key": "age", "type": "number", "label": "Age"}]
CONTACTS = {"name": "My Contacts!", "fields": FIELDS, "actions": [{"operation": "go", "label": "Go"}]}


def book(client: Client, *sheets: dict[str, Any], **more: Any) -> Any:
    """Return a new workbook in a new space."""
    space = client.post("/spaces", {"name": "A", "namespace": "crm"})
    return client.post("/workbooks", {"name": "W", "spaceId": space["id"], "sheets": list(sheets), **more})


def test_a_workbook_comes_with_its_sheets_in_the_order_given(sqlite_client: Client) -> None:
    """What was sent is echoed; name and slug of each configuration are filled; listeners hear of all of it with every parent id."""
    made = book(
        sqlite_client,
        CONTACTS,
        {"name": "B", "slug": "b", "fields": []},
        namespace="n",
        labels=["x"],
        metadata={"m": 1},
    )
    assert sqlite_client.get(f"/workbooks/{made['id']}") == made
    assert (made["namespace"], made["labels"], made["metadata"]) == ("n", ["x"], {"m": 1})
    assert [(sheet["name"], sheet["slug"]) for sheet in made["sheets"]] == [("My Contacts!", "My-Contacts"), ("B", "b")]
    assert made["sheets"][0]["config"] == {**CONTACTS, "slug": "My-Contacts"}
    first = told(sqlite_client, "sheet:created")[0]
    assert first.payload == {
        "sheetId": made["sheets"][0]["id"],
        "workbookId": made["id"],
        "name": "My Contacts!",
        "slug": "My-Contacts",
        "fieldCount": 2,
    }
    assert first.context["sheetSlug"] == first.context["slugs"]["sheet"] == "My-Contacts"
    assert (first.context["workbookId"], first.context["spaceId"]) == (made["id"], made["spaceId"])
    assert first.context["namespaces"] == ["space:crm", "workbook:n"]


def test_slugs_are_unique_in_a_workbook(sqlite_client: Client) -> None:
    """A slug that was chosen twice is refused; one that was made up gives way."""
    made = book(sqlite_client, CONTACTS, CONTACTS)
    assert [sheet["slug"] for sheet in made["sheets"]] == ["My-Contacts", "My-Contacts-2"]
    assert made["sheets"][1]["config"]["slug"] == "My-Contacts-2"
    twice = {"name": "W", "spaceId": made["spaceId"], "sheets": [{**CONTACTS, "slug": "a"}, {**CONTACTS, "slug": "a"}]}
    status, errors = errors_of(sqlite_client("POST", "/workbooks", twice))
    assert (status, [key for key, _ in errors]) == (400, ["sheets[1].slug"])
    path = f"/sheets/{made['sheets'][1]['id']}"
    assert errors_of(sqlite_client("PATCH", path, {"slug": "My-Contacts"}))[1][0][0] == "slug"


def test_what_is_wrong_with_a_workbook_is_said_at_once_and_leaves_nothing(sqlite_client: Client) -> None:
    """Each mistake has its path, in sheets and fields too."""
    space = sqlite_client.post("/spaces", {"name": "A"})
    wrong = {
        "spaceId": space["id"],
        "sheets": [{"name": "A", "fields": [{"key": "k", "type": "text"}, {"type": "string"}]}, {"fields": []}, 3],
    }
    status, errors = errors_of(sqlite_client("POST", "/workbooks", wrong))
    assert status == 400
    keys = [key for key, _ in errors]
    assert sorted(map(str, keys)) == [
        "name",
        "sheets[0].fields[0].type",
        "sheets[0].fields[1].key",
        "sheets[1].name",
        "sheets[2]",
    ]
    assert sqlite_client.get("/workbooks") == []
    assert errors_of(sqlite_client("POST", "/workbooks", {"name": "W"})) == (400, [("spaceId", "spaceId is required")])
    unknown = sqlite_client("POST", "/workbooks", {"name": "W", "spaceId": "us_sp_nothing1"})
    assert errors_of(unknown) == (404, [("spaceId", "Space not found")])


def test_lists_of_workbooks_are_filtered(sqlite_client: Client) -> None:
    """By space, name, namespace, label and treatment; a leading minus means all others."""
    one = book(sqlite_client, CONTACTS, labels=["a"], namespace="n", treatments=["EXTRACTED_FROM_SOURCE"])
    space = one["spaceId"]
    two = sqlite_client.post("/workbooks", {"name": "-x", "spaceId": space})

    def ids(query: str) -> list[str]:
        return [found["id"] for found in sqlite_client.get(f"/workbooks?spaceId={space}&{query}")]

    assert sorted(ids("")) == sorted([one["id"], two["id"]])
    assert (
        ids("name=W") == ids("namespace=n") == ids("label=a") == ids("treatment=EXTRACTED_FROM_SOURCE") == [one["id"]]
    )
    assert ids("name=-W") == ids("namespace=-n") == ids("label=-a") == [two["id"]]
    (listed, _) = sqlite_client.get(f"/workbooks?spaceId={space}&includeSheets=false")
    assert "sheets" not in listed
    assert sqlite_client.get("/workbooks?spaceId=us_sp_nothing1") == []


def test_a_change_of_a_workbook_changes_the_sheets_that_it_lists(client: Client) -> None:
    """Sheets are found by id, else by slug; their fields are replaced; those that are not listed stay; a new one is added."""
    made = book(
        client, CONTACTS, {"name": "B", "slug": "b", "fields": FIELDS}, {"name": "C", "slug": "c", "fields": FIELDS}
    )
    first, second, third = made["sheets"]
    change = {
        "name": "V",
        "sheets": [
            {"id": first["id"], "config": {"name": "Renamed", "slug": "r", "fields": FIELDS[:1]}},
            {"slug": "b", "fields": [*FIELDS, {"key": "new", "type": "date"}], "readonly": True},
            {"name": "D", "fields": []},
        ],
    }
    changed = client.done("PATCH", f"/workbooks/{made['id']}", change)
    assert changed["name"] == "V"
    assert [(sheet["name"], sheet["slug"]) for sheet in changed["sheets"]] == [
        ("Renamed", "r"),
        ("B", "b"),
        ("C", "c"),
        ("D", "D"),
    ]
    assert [field["key"] for field in changed["sheets"][0]["config"]["fields"]] == ["email"]
    assert changed["sheets"][0]["config"]["actions"] == CONTACTS["actions"]
    assert changed["sheets"][1]["config"]["readonly"] is True
    assert changed["sheets"][2] == third
    updates = {item.payload["sheetId"]: item.payload["changes"] for item in told(client, "sheet:updated")}
    assert [item["type"] for item in updates[first["id"]]] == ["field_removed", "config_updated"]
    assert updates[second["id"]][0] == {"type": "field_added", "details": {"key": "new"}}
    (update,) = told(client, "workbook:updated")
    assert [item["type"] for item in update.payload["changes"]] == [
        "name_updated",
        "sheet_updated",
        "sheet_updated",
        "sheet_added",
    ]
    before = len(topics(client))
    assert client.done("PATCH", f"/workbooks/{made['id']}", change | {"sheets": change["sheets"][:2]}) == changed
    assert len(topics(client)) == before


def test_a_change_of_a_workbook_that_is_wrong_changes_nothing(sqlite_client: Client) -> None:
    """An unknown sheet, a wrong field or another space refuse the whole change."""
    made = book(sqlite_client, CONTACTS)
    path = f"/workbooks/{made['id']}"
    unknown = {"name": "V", "sheets": [{"id": "us_sh_nothing1", "name": "x"}]}
    assert errors_of(sqlite_client("PATCH", path, unknown))[1][0][0] == "sheets[0].id"
    wrong = {"name": "V", "sheets": [{"slug": "My-Contacts", "fields": [{"key": "a", "type": "enum"}]}]}
    assert errors_of(sqlite_client("PATCH", path, wrong))[1][0][0] == "sheets[0].fields[0].config"
    inside = {"sheets": [{"slug": "My-Contacts", "config": {"fields": 1}}]}
    assert errors_of(sqlite_client("PATCH", path, inside))[1][0][0] == "sheets[0].config.fields"
    assert errors_of(sqlite_client("PATCH", path, {"sheets": [{"config": 1}]}))[1][0][0] == "sheets[0].config"
    assert errors_of(sqlite_client("PATCH", path, {"spaceId": "us_sp_nothing1"}))[1][0][0] == "spaceId"
    assert sqlite_client.get(path) == made


def test_a_removed_workbook_takes_its_sheets_with_it(sqlite_client: Client) -> None:
    """Nothing of it is found any more; listeners hear of the workbook."""
    made = book(sqlite_client, CONTACTS)
    assert sqlite_client.post(f"/workbooks/{made['id']}/rebuild") == {"success": True}
    assert sqlite_client.done("DELETE", f"/workbooks/{made['id']}") == {"success": True}
    assert sqlite_client("GET", f"/sheets/{made['sheets'][0]['id']}").status_code == 404
    assert errors_of(sqlite_client("GET", f"/workbooks/{made['id']}")) == (404, [("workbookId", "Workbook not found")])
    assert topics(sqlite_client)[-1] == "workbook:deleted"
    assert errors_of(sqlite_client("POST", f"/workbooks/{made['id']}/rebuild"))[0] == 404
