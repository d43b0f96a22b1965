"""Sheets are shown, changed, locked, duplicated, downloaded and removed; their fields come and go (contract 12.3)."""

from typing import Any

from api.jobs.conftest import Client, errors_of
from api.jobs.told import told, topics
from headrace.core.record import CommitWish, Level, Message, MessageSource, NewRecord, Record, Selection
from headrace.service.records import writing
from headrace.store import record_pages, sheets

FIELDS = [
    {"key": "email", "type": "string", "label": "E-mail", "constraints": [{"type": "required"}]},
    {"key": "tags", "type": "string-list"},
    {"key": "adult", "type": "boolean"},
]


def a_sheet(client: Client, *records: dict[str, Any], **more: Any) -> Any:
    """Return a sheet with these records."""
    space = client.post("/spaces", {"name": "A"})
    config = {"name": "Contacts", "slug": "contacts", "fields": FIELDS, **more}
    book = client.post("/workbooks", {"name": "W", "spaceId": space["id"], "sheets": [config]})
    sheet = book["sheets"][0]
    if records:
        new = [NewRecord(record) for record in records]
        writing.insert(client.door.workspace.records, client.actor, sheet["id"], new, CommitWish(actor_id="us_key_1"))
    return sheet


def records_of(client: Client, sheet_id: str) -> list[Record]:
    """Return the records of a sheet."""
    with client.door.database.reading() as tx:
        return record_pages.walk(tx, sheets.get(tx, None, sheet_id), Selection(), None, 100)


def test_a_sheet_is_shown_with_its_counts(sqlite_client: Client) -> None:
    """Alone and in the list of its workbook."""
    sheet = a_sheet(sqlite_client, {"email": "a@b"}, {"tags": ["x"]}, metadata={"rowHeaders": [4]})
    shown = sqlite_client.get(f"/sheets/{sheet['id']}")
    assert shown == {**sheet, "recordCounts": {"total": 2, "valid": 1, "error": 1}, "updatedAt": shown["updatedAt"]}
    assert shown["metadata"] == {"rowHeaders": [4]}
    assert sqlite_client.get(f"/sheets?workbookId={sheet['workbookId']}") == [shown]
    assert errors_of(sqlite_client("GET", "/sheets"))[1][0][0] == "workbookId"
    assert errors_of(sqlite_client("GET", "/sheets/us_sh_nothing1")) == (404, [("sheetId", "Sheet not found")])


def test_name_slug_and_metadata_of_a_sheet_change(sqlite_client: Client) -> None:
    """The configuration says the same name and slug."""
    sheet = a_sheet(sqlite_client)
    change = {"name": "People", "slug": "people", "metadata": [1], "fields": []}
    changed = sqlite_client.done("PATCH", f"/sheets/{sheet['id']}", change)
    assert (changed["name"], changed["slug"], changed["metadata"]) == ("People", "people", [1])
    assert (changed["config"]["name"], changed["config"]["slug"]) == ("People", "people")
    assert len(changed["config"]["fields"]) == 3
    assert topics(sqlite_client)[-1] == "sheet:updated"


def test_fields_come_and_go_and_bring_their_values_back(client: Client) -> None:
    """A field is put where it is wanted; its values stay unseen while it is away; records are judged by the fields that there are."""
    sheet = a_sheet(client, {"email": "a@b", "tags": ["x"]}, {"tags": ["y"]})
    path = f"/sheets/{sheet['id']}"
    added = {"key": "born", "type": "date", "label": "Born"}
    assert client.post(f"{path}/fields?insertAtIndex=1", added) == added
    keys = [field["key"] for field in client.get(path)["config"]["fields"]]
    assert keys == ["email", "born", "tags", "adult"]
    assert client.done("DELETE", f"{path}/fields/email") == {"success": True}
    assert client.get(path)["recordCounts"]["error"] == 0
    client.post(f"{path}/fields", FIELDS[0])
    assert [record.values.get("email") for record in records_of(client, sheet["id"])] == ["a@b", None]
    assert client.get(path)["recordCounts"]["error"] == 1
    assert errors_of(client("POST", f"{path}/fields", FIELDS[0]))[1][0][0] == "key"
    assert errors_of(client("POST", f"{path}/fields", {"key": "x"}))[1][0][0] == "type"
    assert errors_of(client("DELETE", f"{path}/fields/nothing")) == (404, [("fieldKey", "Field not found")])


def test_a_field_that_a_constraint_of_the_sheet_names_stays(sqlite_client: Client) -> None:
    """Else the constraint would hold of nothing, silently."""
    both = [{"type": "unique", "name": "both", "fields": ["email", "adult"], "strategy": "concat"}]
    sheet = a_sheet(sqlite_client, constraints=both)
    status, errors = errors_of(sqlite_client("DELETE", f"/sheets/{sheet['id']}/fields/adult"))
    assert (status, errors[0][0]) == (400, "constraints[0].fields")


def test_a_sheet_is_locked_and_unlocked(sqlite_client: Client) -> None:
    """It says by whom; a second lock changes nothing."""
    sheet = a_sheet(sqlite_client)
    path = f"/sheets/{sheet['id']}"
    assert sqlite_client.post(f"{path}/lock") == sqlite_client.post(f"{path}/lock") == {"success": True}
    locked = sqlite_client.get(path)
    assert locked["lockedBy"].startswith("us_key_")
    assert locked["lockedAt"].endswith("Z")
    sqlite_client.post(f"{path}/unlock")
    assert "lockedBy" not in sqlite_client.get(path)
    assert len(told(sqlite_client, "sheet:updated")) == 2


def test_a_duplicate_has_the_same_records(client: Client) -> None:
    """Values, and the messages that clients wrote, are copied; nobody is asked to run hooks on them once more."""
    sheet = a_sheet(client, {"email": "a@b"}, {"tags": ["x"]})
    said = {"email": (Message(Level.WARN, MessageSource.CUSTOM, "hm"),)}
    new = [NewRecord({"email": "c"}, said, {"m": 1})]
    writing.insert(client.door.workspace.records, client.actor, sheet["id"], new, CommitWish(actor_id="us_key_1"))
    before = len(told(client, "commit:created"))
    copy = client.post(f"/sheets/{sheet['id']}/duplicate")
    assert (copy["name"], copy["slug"], copy["workbookId"]) == ("Contacts copy", "Contacts-copy", sheet["workbookId"])
    originals, copied = records_of(client, sheet["id"]), records_of(client, copy["id"])
    assert [(a.values, a.messages, a.metadata) for a in copied] == [
        (a.values, a.messages, a.metadata) for a in originals
    ]
    assert len(told(client, "commit:created")) == before
    again = client.post(f"/sheets/{sheet['id']}/duplicate", {"name": "Contacts copy"})
    assert again["slug"] == "Contacts-copy-2"
    assert errors_of(client("POST", f"/sheets/{sheet['id']}/duplicate", {"slug": "contacts"}))[1][0][0] == "slug"


def test_a_duplicate_leaves_what_its_original_keeps_of_removed_fields(sqlite_client: Client) -> None:
    """Such values are hidden, and no reason to refuse the copy."""
    sheet = a_sheet(sqlite_client, {"email": "a@b", "tags": ["x"]})
    sqlite_client.done("DELETE", f"/sheets/{sheet['id']}/fields/tags")
    copy = sqlite_client.post(f"/sheets/{sheet['id']}/duplicate")
    assert [record.values for record in records_of(sqlite_client, copy["id"])] == [{"email": "a@b"}]


def test_a_sheet_is_downloaded_as_csv(sqlite_client: Client) -> None:
    """Labels first, lists joined, nothing for null; a selection sends what it selects; the name cannot break the header."""
    sheet = a_sheet(
        sqlite_client, {"email": 'a,"b', "tags": ["x", "y"], "adult": True}, {"tags": ["z"]}, name='He said "ä"'
    )
    answer = sqlite_client("GET", f"/sheets/{sheet['id']}/download")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''He%20said%20%22%C3%A4%22.csv"
    assert answer.text == 'E-mail,tags,adult\r\n"a,""b","x, y",true\r\n,z,\r\n'
    assert sqlite_client("GET", f"/sheets/{sheet['id']}/download?filter=error").text == "E-mail,tags,adult\r\n,z,\r\n"
    sorted_ = sqlite_client("GET", f"/sheets/{sheet['id']}/download?sortField=email&sortDirection=desc")
    assert sorted_.text.count("\r\n") == 3
    assert errors_of(sqlite_client("GET", f"/sheets/{sheet['id']}/download?q=nothing%20eq"))[1][0][0] == "q"


def test_validation_and_removal_of_a_sheet(sqlite_client: Client) -> None:
    """Every record is looked at anew; a removed sheet frees its slug at once."""
    sheet = a_sheet(sqlite_client, {"email": "a"})
    assert sqlite_client.post(f"/sheets/{sheet['id']}/validate") == {"success": True}
    assert sqlite_client.done("DELETE", f"/sheets/{sheet['id']}") == {"success": True}
    assert sqlite_client("POST", f"/sheets/{sheet['id']}/validate").status_code == 404
    (removed,) = told(sqlite_client, "sheet:deleted")
    assert (removed.payload["slug"], removed.context["sheetSlug"]) == ("contacts", "contacts")
    again = {"sheets": [{"name": "Contacts", "slug": "contacts", "fields": FIELDS}]}
    assert len(sqlite_client.done("PATCH", f"/workbooks/{sheet['workbookId']}", again)["sheets"]) == 1
