"""Spaces are made, listed, changed, archived and removed with all that is in them (contract 12.2)."""

from api.jobs.conftest import Client, errors_of
from api.jobs.told import told, topics
from headrace.core.record import CommitWish, NewRecord
from headrace.core.workspace import KeyKind, ResourceKind
from headrace.service.records import writing
from headrace.service.workspace import removal
from headrace.service.workspace.keys import create_key
from headrace.store import resources, sheets

SHEET = {"name": "Contacts", "fields": [{"key": "email", "type": "string"}]}


def test_a_space_is_shown_as_strict_clients_need_it(sqlite_client: Client) -> None:
    """Whatever was sent comes back, with what the server knows beside it; absent things are left out."""
    sent = {
        "name": "Crm",
        "namespace": "crm",
        "metadata": {"a": [1]},
        "labels": ["x"],
        "nobody": "knows",
        "actions": None,
    }
    made = sqlite_client.post("/spaces", sent)
    assert made["id"].startswith("us_sp_")
    assert (made["name"], made["namespace"], made["metadata"]) == ("Crm", "crm", {"a": [1]})
    assert made["guestAuthentication"] == ["shared_link"]
    assert made["environmentId"] == sqlite_client.actor.environment_id
    assert not {"nobody", "actions", "archivedAt"} & set(made)
    sqlite_client.post("/workbooks", {"name": "W", "spaceId": made["id"], "sheets": [SHEET]})
    shown = sqlite_client.get(f"/spaces/{made['id']}")
    assert (shown["workbooksCount"], shown["filesCount"]) == (1, 0)
    assert topics(sqlite_client) == ["space:created", "workbook:created", "sheet:created"]


def test_lists_of_spaces_are_paged_filtered_and_sorted(client: Client) -> None:
    """Archived ones are left out unless they are asked for; every sort field works on both databases."""
    made = []
    for name in ("Beta", "alpha_1", "Gamma"):
        made.append(client.post("/spaces", {"name": name, "namespace": name.lower()})["id"])
        client.clock.advance(1)
    client.post(f"/spaces/{made[2]}/archive")
    client.post(f"/spaces/{made[2]}/archive")
    answer = client("GET", "/spaces?sortField=createdAt&sortDirection=asc&pageSize=1&pageNumber=2").json()
    assert answer["pagination"] == {"currentPage": 2, "pageCount": 2, "totalCount": 2}
    assert [space["id"] for space in answer["data"]] == [made[1]]
    assert [space["name"] for space in client.get("/spaces?archived=true")] == ["Gamma"]
    assert [space["name"] for space in client.get("/spaces?search=A_")] == ["alpha_1"]
    assert [space["name"] for space in client.get("/spaces?namespace=beta")] == ["Beta"]
    assert client.get("/spaces?pageNumber=99999999") == []
    for field in ("name", "workbooksCount", "filesCount", "environmentId", "createdByUserName", "lastActivityAt"):
        assert len(client.get(f"/spaces?sortField={field}&sortDirection=asc")) == 2
    assert errors_of(client("GET", "/spaces?sortField=size"))[0] == 400
    client.post(f"/spaces/{made[2]}/unarchive")
    assert len(client.get("/spaces")) == 3
    assert topics(client).count("space:archived") == 1


def test_a_change_replaces_each_key_as_a_whole_and_is_told_once(sqlite_client: Client) -> None:
    """Null is the same as absent, and a change that changes nothing is told to nobody."""
    space = sqlite_client.post("/spaces", {"name": "A", "metadata": {"a": 1, "b": 2}})
    changed = sqlite_client.done("PATCH", f"/spaces/{space['id']}", {"metadata": {"a": 3}, "name": None})
    assert (changed["name"], changed["metadata"]) == ("A", {"a": 3})
    sqlite_client.done("PATCH", f"/spaces/{space['id']}", {"metadata": {"a": 3}})
    assert [item.payload["changes"] for item in told(sqlite_client, "space:updated")] == [
        [{"field": "metadata", "previousValue": {"a": 1, "b": 2}, "newValue": {"a": 3}}]
    ]


def test_what_is_wrong_with_a_space_is_said_at_once(sqlite_client: Client) -> None:
    """Each mistake has its path."""
    wrong = {"name": 1, "actions": [{"operation": "x"}], "labels": ["a", 2]}
    status, errors = errors_of(sqlite_client("POST", "/spaces", wrong))
    assert (status, [key for key, _ in errors]) == (400, ["name", "labels[1]", "actions[0].label"])


def test_auto_configure_asks_a_listener_to_configure_the_space(sqlite_client: Client) -> None:
    """The job is there in the transaction that makes the space, ready, managed, and not done by the engine."""
    space = sqlite_client.post("/spaces", {"name": "A", "autoConfigure": True})
    (job,) = sqlite_client.get(f"/jobs?spaceId={space['id']}")
    assert (job["type"], job["operation"], job["source"]) == ("space", "configure", space["id"])
    assert (job["status"], job["trigger"], job["managed"]) == ("ready", "immediate", True)
    assert topics(sqlite_client) == ["space:created", "job:created", "job:ready"]


def test_the_token_of_a_space_reaches_that_space_and_no_other(sqlite_client: Client) -> None:
    """What is not in it is not there for the guest, in single answers and in lists."""
    mine, other = (sqlite_client.post("/spaces", {"name": name}) for name in "ab")
    theirs = sqlite_client.post("/workbooks", {"name": "W", "spaceId": other["id"], "sheets": [SHEET]})
    guest = sqlite_client.holding(mine["accessToken"])
    assert [space["id"] for space in guest.get("/spaces")] == [mine["id"]]
    own = guest.post("/workbooks", {"name": "mine", "sheets": [SHEET]})
    assert own["spaceId"] == mine["id"]
    for path in (f"/spaces/{other['id']}", f"/workbooks/{theirs['id']}", f"/sheets/{theirs['sheets'][0]['id']}"):
        assert guest("GET", path).status_code == 404
        assert guest("PATCH", path, {"name": "x"}).status_code == 404
    assert guest.get(f"/workbooks?spaceId={other['id']}") == []
    assert [book["id"] for book in guest.get("/workbooks")] == [own["id"]]
    assert guest("GET", "/secrets").status_code == 403


def test_a_removed_space_takes_everything_with_it(client: Client) -> None:
    """From one moment to the next nothing of it is there, its open jobs are cancelled, and the sweep leaves no row behind."""
    space = client.post("/spaces", {"name": "A"})
    keeps = client.post("/spaces", {"name": "B"})
    book = client.post("/workbooks", {"name": "W", "spaceId": space["id"], "sheets": [SHEET]})
    sheet = book["sheets"][0]["id"]
    new = [NewRecord({"email": str(number)}) for number in range(5)]
    writing.insert(client.door.workspace.records, client.actor, sheet, new, CommitWish(actor_id="us_key_1"))
    document = client.post(f"/spaces/{space['id']}/documents", {"title": "T", "body": "b"})
    job = client.post("/jobs", {"type": "workbook", "operation": "go", "source": book["id"]})
    assert client.done("DELETE", f"/spaces?spaceIds={space['id']}") == {"success": True}
    account = create_key(client.door.keys, client.door.account.scope, KeyKind.PERSONAL, "us_usr_test0001").token
    for somebody in (client, client.holding(account)):
        for path in (f"/spaces/{space['id']}", f"/workbooks/{book['id']}", f"/sheets/{sheet}"):
            assert somebody("GET", path).status_code == 404
    assert client("GET", f"/spaces/{space['id']}/documents/{document['id']}").status_code == 404
    assert client.get(f"/jobs/{job['id']}")["status"] == "canceled"
    assert topics(client)[-1] == "space:deleted"
    desk = client.door.workspace
    while removal.sweep(desk):
        pass
    with client.door.database.reading() as tx:
        assert sheets.removed(tx) is None
        assert resources.ids_of_space(tx, space["id"], ResourceKind.WORKBOOK) == []
    assert [left["id"] for left in client.get("/spaces")] == [keeps["id"]]
    assert errors_of(client("DELETE", f"/spaces/{space['id']}")) == (404, [("spaceId", "Space not found")])
