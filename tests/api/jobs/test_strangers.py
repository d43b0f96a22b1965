"""Every route of the door, asked by those whose things they are not: without a token, from another environment, with the token of another space."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from api.jobs.conftest import Client, errors_of
from headrace.api.jobs.document import METHODS, document
from headrace.core.workspace import KeyKind
from headrace.service.workspace.keys import create_key

SHEET = {"name": "Contacts", "slug": "contacts", "fields": [{"key": "name", "type": "string"}]}
NOBODYS = "00000000"
"""The end of ids that nothing has."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    is_open: bool
    parameters: tuple[str, ...]

    def at(self, ids: Mapping[str, str]) -> str:
        """Return its path with these ids in the places."""
        return re.sub(r"\{(\w+)\}", lambda match: ids.get(match[1], "x"), self.path)

    @property
    def places(self) -> list[str]:
        """Return the names of its places."""
        return re.findall(r"\{(\w+)\}", self.path)


def operations() -> Iterator[Operation]:
    """Return every operation."""
    for path, methods in document()["paths"].items():
        for method, described in methods.items():
            if method in METHODS:
                names = tuple(item["name"] for item in described["parameters"] if item["in"] == "query")
                yield Operation(method.upper(), path, not described["security"], names)


OPERATIONS = list(operations())


def furnish(client: Client) -> dict[str, str]:
    """Return the ids of one thing of each kind, by the names that places have."""
    space = client.post("/spaces", {"name": "Ours"})
    workbook = client.post("/workbooks", {"name": "W", "spaceId": space["id"], "sheets": [SHEET]})
    sheet = workbook["sheets"][0]["id"]
    written = client.post(f"/sheets/{sheet}/records", [{"name": {"value": "Ann"}}])
    job = client.post("/jobs", {"type": "sheet", "operation": "submit", "source": sheet, "trigger": "immediate"})
    found = {
        "spaceId": space["id"],
        "workbookId": workbook["id"],
        "sheetId": sheet,
        "jobId": job["id"],
        "environmentId": client.door.account.environment_id,
        "commitId": written["commitId"],
        "versionId": written["commitId"],
        "documentId": client.post(f"/spaces/{space['id']}/documents", {"title": "T", "body": "B"})["id"],
        "actionId": client.post(f"/actions?spaceId={space['id']}", {"operation": "o", "label": "L"})["id"],
        "secretId": client.post("/secrets", {"name": "N", "value": "v", "spaceId": space["id"]})[0]["id"],
        "snapshotId": client.post("/snapshots", {"sheetId": sheet})["id"],
        "fileId": upload(client, space["id"]),
        "tokenId": "us_key_none0000",
        "source": sheet,
        "parentId": job["id"],
        "resourceId": space["id"],
        "scope": space["id"],
        "fieldKey": "name",
        "key": "name",
    }
    client.door.happenings.dispatcher.hand_out()
    client.clock.advance(60_000_000)
    client.door.happenings.dispatcher.hand_out()
    found["eventId"] = client.get("/events")[0]["id"]
    return found


def upload(client: Client, space_id: str) -> str:
    """Return the id of a new file."""
    parts = {"spaceId": space_id, "environmentId": client.door.account.environment_id}
    lines = [
        f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
    ]
    lines.append('--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n')
    answer = client.raw("POST", "/v1/files", "".join(lines).encode(), content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


def test_every_route_asks_for_a_token(shared_client: Client) -> None:
    """Whatever it is, below both mounts."""
    nobody = shared_client.holding("")
    for operation in OPERATIONS:
        if not operation.is_open:
            for prefix in ("", "/api"):
                answer = nobody.raw(operation.method, prefix + operation.at({}))
                assert errors_of(answer)[0] == 401, operation


def test_a_stranger_learns_nothing_from_any_route(sqlite_client: Client) -> None:
    """What is there for others, and what is nowhere, is answered alike: to another environment, and to another space's token."""
    client = sqlite_client
    ids = furnish(client)
    wrong = {name: _nobodys(value) for name, value in ids.items()}
    asking = strangers(client)
    before = counted(client, ids)
    for stranger, known in asking:
        for operation in OPERATIONS:
            if operation.is_open or not operation.places:
                continue
            there = stranger.raw(operation.method, operation.at(ids), b"{}")
            nowhere = stranger.raw(operation.method, operation.at(wrong), b"{}")
            assert there.status_code == nowhere.status_code, operation
            assert _plain(there.text, ids) == _plain(nowhere.text, wrong), operation
            assert not operation.path.endswith("}") or 400 <= there.status_code < 500, (operation, there.text)
        for operation in OPERATIONS:
            if operation.is_open or operation.places or operation.method != "GET":
                continue
            for name in ({*operation.parameters} & {*ids}) - known:
                there = stranger.raw("GET", f"{operation.path}?{name}={ids[name]}")
                nowhere = stranger.raw("GET", f"{operation.path}?{name}={wrong[name]}")
                assert there.status_code == nowhere.status_code, (operation, name)
                assert _plain(there.text, ids) == _plain(nowhere.text, wrong), (operation, name)
        for path, named in bodies(ids):
            there, nowhere = stranger("POST", path, named), stranger("POST", path, dict(bodies(wrong))[path])
            assert (there.status_code, _plain(there.text, ids)) == (nowhere.status_code, _plain(nowhere.text, wrong))
            assert 400 <= there.status_code < 500, (path, named)
    assert counted(client, ids) == before


def bodies(ids: Mapping[str, str]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return bodies that name what is to be reached."""
    job = {"type": "sheet", "operation": "o", "source": "us_sh_none0000"}
    return (
        ("/workbooks", {"name": "W", "spaceId": ids["spaceId"]}),
        ("/secrets", {"name": "N", "value": "v", "spaceId": ids["spaceId"]}),
        ("/versions", {"sheetId": ids["sheetId"]}),
        ("/jobs?snapshot", {"type": "sheet", "operation": "snapshot", "source": ids["sheetId"]}),
        ("/jobs?space", {**job, "spaceId": ids["spaceId"]}),
        ("/jobs?parent", {**job, "parentId": ids["jobId"]}),
        ("/jobs?predecessor", {**job, "predecessorIds": [ids["jobId"]]}),
    )


def strangers(client: Client) -> tuple[tuple[Client, set[str]], ...]:
    """Return who has a key of another environment, and who has the token of another space; each with what it may know."""
    door = client.door
    personal = create_key(door.keys, door.account.scope, KeyKind.PERSONAL, "us_usr_test0001")
    other = client.holding(personal.token).post("/environments", {"name": "other"})["id"]
    key = create_key(door.keys, f"{door.account.scope}/{other}", KeyKind.SECRET, "us_usr_test0001")
    guest = client.post("/spaces", {"name": "Another"})["accessToken"]
    return (client.holding(key.token), set()), (client.holding(guest), {"environmentId"})


def counted(client: Client, ids: Mapping[str, str]) -> list[Any]:
    """Return how much there is of everything: a stranger must have changed nothing."""
    return [
        len(client.get("/spaces")),
        len(client.get(f"/workbooks?spaceId={ids['spaceId']}")),
        client.get(f"/sheets/{ids['sheetId']}/counts"),
        [(job["id"], job["status"]) for job in client.get("/jobs?sortDirection=asc")],
        len(client.get(f"/files?spaceId={ids['spaceId']}")),
        len(client.get(f"/spaces/{ids['spaceId']}/documents")),
        client.get(f"/sheets/{ids['sheetId']}/records"),
    ]


def _nobodys(value: str) -> str:
    return value[:-8] + NOBODYS if value.startswith("us_") else value


def _plain(text: str, ids: Mapping[str, str]) -> str:
    for value in ids.values():
        if value.startswith("us_"):
            text = text.replace(value, "ID")
    return text


@pytest.mark.parametrize(
    "path", ["/v1/jobs/%00", "/v1/sheets/%F0%9F%98%80", "/v1/jobs/" + "x" * 3_000, "/v1/jobs/a%2Fb"]
)
def test_an_id_that_cannot_be_one_is_nowhere(shared_client: Client, path: str) -> None:
    """Never a fault of ours."""
    assert errors_of(shared_client.raw("GET", path))[0] in {400, 404}
