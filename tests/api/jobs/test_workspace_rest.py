"""Documents, actions and secrets, and what there is none of (contract 12.9)."""

from typing import Any

from api.jobs.conftest import Client, errors_of
from api.jobs.told import told, topics
from headrace.api.jobs.absent import GROUPS

ACTION = {"operation": "submit", "label": "Submit", "mode": "foreground", "constraints": [{"type": "hasData"}]}


def a_space(client: Client) -> str:
    """Return the id of a new space."""
    made: str = client.post("/spaces", {"name": "A"})["id"]
    return made


def test_documents_live_in_their_space(sqlite_client: Client) -> None:
    """They are made, listed, changed key by key and removed; from another space they are not there."""
    space, other = a_space(sqlite_client), a_space(sqlite_client)
    made = sqlite_client.post(f"/spaces/{space}/documents", {"title": "T", "body": "# b", "treatments": ["x"]})
    path = f"/spaces/{space}/documents/{made['id']}"
    assert sqlite_client.get(path) == made
    assert (made["environmentId"], made["spaceId"]) == (sqlite_client.actor.environment_id, space)
    changed = sqlite_client.done("PATCH", path, {"body": "", "title": None})
    assert (changed["title"], changed["body"]) == ("T", "")
    assert sqlite_client.get(f"/spaces/{space}/documents") == [changed]
    assert sqlite_client.get(f"/spaces/{other}/documents") == []
    assert errors_of(sqlite_client("GET", f"/spaces/{other}/documents/{made['id']}")) == (
        404,
        [("documentId", "Document not found")],
    )
    assert [key for key, _ in errors_of(sqlite_client("POST", f"/spaces/{space}/documents", {"body": 1}))[1]] == [
        "body",
        "title",
        "body",
    ]
    assert sqlite_client.done("DELETE", path) == {"success": True}
    assert sqlite_client("DELETE", path).status_code == 404
    assert topics(sqlite_client)[2:] == ["document:created", "document:updated", "document:deleted"]
    assert told(sqlite_client, "document:updated")[0].context["documentId"] == made["id"]


def test_actions_are_made_one_by_one_and_in_bulk(sqlite_client: Client) -> None:
    """Both official clients can read a single one; lists and bulk answers have no envelope and keep the order."""
    space = a_space(sqlite_client)
    book = sqlite_client.post("/workbooks", {"name": "W", "spaceId": space, "sheets": [{"name": "S", "fields": []}]})
    one = sqlite_client("POST", f"/actions?spaceId={space}", ACTION).json()
    assert one["data"] == {key: value for key, value in one.items() if key != "data"}
    assert {key: one[key] for key in ACTION} == ACTION
    assert one["targetId"] == space
    targets = [book["id"], book["sheets"][0]["id"], space]
    bulk = sqlite_client(
        "POST", f"/actions/bulk?spaceId={space}", [{**ACTION, "targetId": target} for target in targets]
    ).json()
    assert [action["targetId"] for action in bulk] == targets
    assert {action["id"] for action in sqlite_client("GET", f"/actions?spaceId={space}").json()} == {
        one["id"],
        *(a["id"] for a in bulk),
    }
    changed = sqlite_client.done("PATCH", f"/actions/{one['id']}", {"label": "Go", "primary": True})
    assert (changed["label"], changed["primary"], changed["operation"]) == ("Go", True, "submit")
    assert sqlite_client.done("DELETE", f"/actions/{one['id']}") == {"success": True}
    assert errors_of(sqlite_client("GET", f"/actions/{one['id']}")) == (404, [("actionId", "Action not found")])
    assert [item.domain for item in told(sqlite_client, "action:created")] == ["space", "workbook", "sheet", "space"]
    sqlite_client.done("DELETE", f"/workbooks/{book['id']}")
    assert [action["targetId"] for action in sqlite_client("GET", f"/actions?spaceId={space}").json()] == [space]


def test_wrong_actions_are_refused_with_their_places(sqlite_client: Client) -> None:
    """A bulk makes all of its actions or none."""
    space = a_space(sqlite_client)
    wrong: list[Any] = [ACTION, {"schedule": "yearly"}, {**ACTION, "constraints": [{"type": "x"}], "mount": {}}]
    _, errors = errors_of(sqlite_client("POST", f"/actions/bulk?spaceId={space}", wrong))
    assert [key for key, _ in errors] == ["[1].label", "[1].schedule", "[2].constraints[0].type", "[2].mount.type"]
    far = [ACTION, {**ACTION, "targetId": a_space(sqlite_client)}]
    assert errors_of(sqlite_client("POST", f"/actions/bulk?spaceId={space}", far))[1][0][0] == "[1].targetId"
    assert sqlite_client("GET", f"/actions?spaceId={space}").json() == []
    assert errors_of(sqlite_client("GET", "/actions")) == (400, [("spaceId", "spaceId is required")])
    assert errors_of(sqlite_client("POST", f"/actions/bulk?spaceId={space}", ["x"]))[1][0][0] == "[0]"


def test_an_action_with_a_schedule_has_its_next_job(sqlite_client: Client) -> None:
    """Its next occurrence waits for its time, until the action is changed or removed."""
    space = a_space(sqlite_client)
    action = sqlite_client("POST", f"/actions?spaceId={space}", {**ACTION, "schedule": "daily"}).json()
    (job,) = sqlite_client.get(f"/jobs?spaceId={space}")
    assert (job["status"], job["type"], job["operation"], job["source"]) == ("scheduled", "space", "submit", space)
    sqlite_client.done("DELETE", f"/actions/{action['id']}")
    assert sqlite_client.get(f"/jobs/{job['id']}")["status"] == "canceled"


def test_secrets_are_sealed_and_listed_from_wide_to_narrow(client: Client) -> None:
    """One name may have a secret in several scopes; writing it again replaces it; the ledger does not hold its text."""
    space = a_space(client)
    narrow = {"name": "token", "value": "narrow-value", "spaceId": space}
    (first,) = client.post("/secrets", {"name": "token", "value": "wide"})
    assert [item["value"] for item in client.post("/secrets", narrow)] == ["wide", "narrow-value"]
    assert [item["value"] for item in client.post("/secrets", {"name": "token", "value": "wider"})] == ["wider"]
    listed = client.get(f"/secrets?spaceId={space}&environmentId={client.actor.environment_id}")
    assert [(item["name"], item["value"], item.get("spaceId")) for item in listed] == [
        ("token", "wider", None),
        ("token", "narrow-value", space),
    ]
    assert listed[0]["id"] == first["id"]
    assert client.get("/secrets?environmentId=us_env_nothing1") == []
    assert [item["value"] for item in client.get("/secrets")] == ["wider"]
    with client.door.database.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT * FROM resources").fetchall()
    assert "narrow-value" not in str(
        [bytes(cell) if isinstance(cell, memoryview) else cell for row in kept for cell in row]
    )
    assert [item["value"] for item in client.done("DELETE", f"/secrets/{listed[1]['id']}")] == ["wider"]
    assert client("DELETE", f"/secrets/{listed[1]['id']}").status_code == 404
    assert [key for key, _ in errors_of(client("POST", "/secrets", {}))[1]] == ["name", "value"]
    assert topics(client)[1:] == ["secret:created", "secret:created", "secret:updated", "secret:deleted"]


def test_there_are_no_entitlements_clips_views_agents_and_apps(sqlite_client: Client) -> None:
    """Tools that ask for them get an empty list, and a plain answer to all else."""
    assert sqlite_client.get("/entitlements?resourceId=us_sp_12345678") == []
    for path in GROUPS:
        assert sqlite_client.get(path) == []
        assert errors_of(sqlite_client("GET", f"{path}/us_xx_1"))[0] == 404
        assert "not supported" in errors_of(sqlite_client("POST", path, {}))[1][0][1]
