"""``POST /jobs/preview-mutation`` (contract 8): what a script would change, on the wire."""

from typing import Any

import pytest

from api.jobs.conftest import Client, errors_of

FIELDS = [
    {"key": "name", "type": "string", "label": "Name", "constraints": [{"type": "required"}]},
    {"key": "age", "type": "number"},
]


@pytest.fixture
def sheet(client: Client) -> str:
    """Return the id of a sheet with three records."""
    return sheet_of(client)


def sheet_of(client: Client) -> str:
    """Return the id of a new sheet with three records."""
    space = client.post("/spaces", {"name": "S"})
    book = client.post(
        "/workbooks", {"name": "B", "spaceId": space["id"], "sheets": [{"name": "People", "fields": FIELDS}]}
    )
    sheet_id: str = book["sheets"][0]["id"]
    rows: list[dict[str, Any]] = [{"name": "Ann", "age": 30}, {"name": "Bob"}, {"age": "old"}]
    client.post(f"/sheets/{sheet_id}/records", [{key: {"value": value} for key, value in row.items()} for row in rows])
    return sheet_id


def records_of(client: Client, sheet_id: str) -> list[dict[str, Any]]:
    """Return the records of a sheet."""
    found: list[dict[str, Any]] = client.get(f"/sheets/{sheet_id}/records")["records"]
    return found


def test_changed_records_come_back_as_they_would_be(client: Client, sheet: str) -> None:
    """All fields are there, what was there before only where it is another value; nothing is changed."""
    before = records_of(client, sheet)
    script = "r => { if (r.get('age') !== 30) { r.set('name', null); r.set('age', '7'); r.metadata = {seen: true}; } }"
    found = client.post("/jobs/preview-mutation", {"sheetId": sheet, "mutateRecord": script, "config": None})
    required = [{"type": "error", "source": "required-constraint", "message": "Name is required"}]
    assert found == [
        {
            "id": before[1]["id"],
            "values": {
                "name": {"value": None, "snapshotValue": "Bob", "messages": required, "valid": False},
                "age": {"value": 7, "snapshotValue": None, "messages": [], "valid": True},
            },
            "valid": False,
            "metadata": {"seen": True},
            "config": {},
        },
        {
            "id": before[2]["id"],
            "values": {
                "name": {"value": None, "messages": required, "valid": False},
                "age": {"value": 7, "snapshotValue": "old", "messages": [], "valid": True},
            },
            "valid": False,
            "metadata": {"seen": True},
            "config": {},
        },
    ]
    assert records_of(client, sheet) == before


def test_only_the_selected_records_are_run(sqlite_client: Client) -> None:
    """The selection is that of all calls about records; text that reads as the number that was there changes nothing."""
    client = sqlite_client
    sheet_id = sheet_of(client)
    ids = [record["id"] for record in records_of(client, sheet_id)]
    ask = {"sheetId": sheet_id, "mutateRecord": "r => { r.set('name', r.get('name') + '!'); }"}
    for selection, expected in (
        ({"filter": "valid"}, ids[:2]),
        ({"q": "name eq Bob"}, [ids[1]]),
        ({"ids": [ids[0]]}, [ids[0]]),
        ({"filter": "all", "ids": [ids[0]]}, ids[1:]),
        ({"searchValue": "NN"}, [ids[0]]),
    ):
        assert [one["id"] for one in client.post("/jobs/preview-mutation", {**ask, **selection})] == expected
    same = {"sheetId": sheet_id, "mutateRecord": "r => { r.set('age', String(r.get('age') ?? '')); }"}
    assert client.post("/jobs/preview-mutation", same) == []


@pytest.mark.parametrize(
    ("body", "key", "words"),
    [
        ({"mutateRecord": "r => r"}, "sheetId", "sheetId is required"),
        ({"sheetId": "SHEET"}, "mutateRecord", "mutateRecord is required"),
        ({"sheetId": "SHEET", "mutateRecord": "r =>"}, "mutateRecord", "SyntaxError"),
        (
            {"sheetId": "SHEET", "mutateRecord": "r => { throw new Error('no') }"},
            "mutateRecord",
            "record RECORD: Error: no",
        ),
        (
            {"sheetId": "SHEET", "mutateRecord": "r => { for (;;); }"},
            "mutateRecord",
            "record RECORD: it took longer than",
        ),
        ({"sheetId": "SHEET", "mutateRecord": "r => r.set('x', 1)"}, "mutateRecord", "the sheet has no field 'x'"),
        ({"sheetId": "SHEET", "mutateRecord": "r => r", "q": "age gt"}, "q", ""),
    ],
)
def test_what_cannot_be_previewed_is_refused_with_its_key(
    sqlite_client: Client, body: dict[str, str], key: str, words: str
) -> None:
    """A script that fails is the caller's fault: 400, the record's id in the message."""
    sheet_id = sheet_of(sqlite_client)
    sent = {name: value.replace("SHEET", sheet_id) for name, value in body.items()}
    status, ((found, message),) = errors_of(sqlite_client("POST", "/jobs/preview-mutation", sent))
    assert (status, found) == (400, key)
    assert words.replace("RECORD", records_of(sqlite_client, sheet_id)[0]["id"]) in message


def test_the_sheet_of_another_space_is_not_found(sqlite_client: Client) -> None:
    """The token of a space previews there only; a preview is no way to read what is elsewhere."""
    sheet_id = sheet_of(sqlite_client)
    other = sqlite_client.post("/spaces", {"name": "T"})
    stranger = sqlite_client.holding(other["accessToken"])
    ask = {"sheetId": sheet_id, "mutateRecord": "r => ({values: {name: JSON.stringify(r)}})"}
    assert stranger("POST", "/jobs/preview-mutation", ask).status_code == 404
