"""The calls of contract 2, as clients make them. What the machine does with jobs is tested below; here it is the wire."""

from typing import Any

import pytest

from api.jobs.conftest import Client, errors_of
from headrace.core.workspace import KeyKind
from headrace.service.workspace.keys import create_key

SENT: dict[str, Any] = {"type": "workbook", "operation": "submitAction", "source": "us_wb_Tz31kP0a"}


def make(client: Client, **given: Any) -> dict[str, Any]:
    """Return a new job."""
    made: dict[str, Any] = client.post("/jobs", {**SENT, **given})
    return made


def test_a_job_is_made_with_the_defaults_of_the_contract(client: Client) -> None:
    """Created, manual, nothing done; what is absent is left out."""
    job = make(client, managed=None, config=None, unknown={"a": 1})
    assert job == {
        **SENT,
        "id": job["id"],
        "trigger": "manual",
        "status": "created",
        "progress": 0,
        "managed": False,
        "environmentId": client.door.account.environment_id,
        "createdBy": job["createdBy"],
        "createdAt": "2023-11-14T22:13:20.000Z",
        "updatedAt": "2023-11-14T22:13:20.000Z",
    }
    assert job["createdBy"].startswith("us_key_")
    assert client.get(f"/jobs/{job['id']}") == job
    assert client.raw("GET", f"/api/v1/jobs/{job['id']}").json() == {"data": job}


def test_what_a_job_carries_comes_back_verbatim(client: Client) -> None:
    """Unknown keys, nulls and nesting inside of the free objects are nobody's business but the clients'."""
    carried = {
        "input": {"region": "eu", "none": None, "deep": [{"é": "\U0001f600"}]},
        "metadata": {"1": [1, 2.5, 10**20]},
        "config": {"options": {}, "more": None},
        "subject": {"type": "collection", "resource": "records", "query": {"filter": "error"}, "extra": 1},
        "outcome": {"acknowledge": True, "next": {"type": "url", "url": "https://e.example"}, "own": {"x": None}},
        "result": {"n": 0},
        "partData": {"part": 0},
        "mode": "toolbarBlocking",
        "info": "waits",
        "progress": 12.5,
        "destination": "us_wb_b",
        "fileId": "us_fl_b",
    }
    job = make(client, **carried)
    assert {key: job[key] for key in carried} == {**carried, "progress": 13}


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ({}, {"type", "operation", "source"}),
        ({**SENT, "type": 1, "operation": "", "source": []}, {"type", "operation", "source"}),
        (
            {**SENT, "type": "what", "trigger": "now", "mode": "loud", "partExecution": "all"},
            {"type", "trigger", "mode", "partExecution"},
        ),
        ({**SENT, "status": "executing"}, {"status"}),
        ({**SENT, "status": "done"}, {"status"}),
        (
            {**SENT, "config": [], "input": "x", "metadata": 1, "result": True},
            {"config", "input", "metadata", "result"},
        ),
        ({**SENT, "subject": {"type": "other"}}, {"subject.type"}),
        ({**SENT, "subject": {"type": "resource"}}, {"subject.id"}),
        ({**SENT, "operation": "x" * 1_001}, {"operation"}),
        ({**SENT, "progress": "half", "predecessorIds": [1], "part": -1}, {"progress", "predecessorIds", "part"}),
        (
            {**SENT, "outcome": {"next": {"type": "view", "sheetId": "s"}, "trigger": "later"}},
            {"outcome.next.hiddenColumns", "outcome.trigger"},
        ),
        ({**SENT, "outcome": {"next": {"type": "files", "files": [{}]}}}, {"outcome.next.files[0].fileId"}),
        ({**SENT, "parentId": "us_jb_none"}, {"parentId"}),
        ({**SENT, "predecessorIds": ["us_jb_none"]}, {"predecessorIds"}),
        ({**SENT, "environmentId": "us_env_other"}, {"environmentId"}),
    ],
)
def test_all_that_is_wrong_with_a_job_is_said_at_once(
    shared_client: Client, sent: dict[str, Any], keys: set[str]
) -> None:
    """One entry for each fault, with the path of the field as its key."""
    status, errors = errors_of(shared_client("POST", "/jobs", sent))
    assert (status, {key for key, _ in errors}) == (400, keys)


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"{", b"\xff", b'{"type": NaN}', b"[" * 200 + b"]" * 200])
def test_a_body_that_is_no_object_is_refused(shared_client: Client, body: bytes) -> None:
    """400 with a message; never a fault of ours."""
    status, errors = errors_of(shared_client.raw("POST", "/v1/jobs", body))
    assert (status, len(errors)) == (400, 1)


def test_a_listener_takes_a_job_and_completes_it(client: Client) -> None:
    """Every verb answers the job, but execute and delete, which answer success."""
    job = make(client)
    at = f"/jobs/{job['id']}"
    assert client("POST", f"{at}/execute").json() == {"data": {"success": True}}
    assert client.get(at)["status"] == "ready"
    taken = client.post(
        f"{at}/ack", {"info": "Accepted", "progress": 10.4, "estimatedCompletionAt": "2024-01-01T00:00:00Z"}
    )
    assert (taken["status"], taken["progress"], taken["info"]) == ("executing", 10, "Accepted")
    assert taken["estimatedCompletionAt"] == "2024-01-01T00:00:00.000Z"
    assert taken["startedAt"]
    ended = client.post(f"{at}/complete", {"outcome": {"message": "Done"}, "info": "ok"})
    assert (ended["status"], ended["progress"], ended["outcome"], ended["info"]) == (
        "complete",
        100,
        {"message": "Done"},
        "ok",
    )
    seen = client.post(f"{at}/outcome/ack")
    assert (seen["status"], bool(seen["outcomeAcknowledgedAt"])) == ("complete", True)
    assert [attempt["number"] for attempt in client.get(f"{at}/attempts")] == [1]
    assert client("DELETE", at).json() == {"data": {"success": True}}
    assert errors_of(client("GET", at)) == (404, [("jobId", "Job not found")])


def test_a_job_fails_is_cancelled_and_tried_again(client: Client) -> None:
    """``canceled`` has one l; a retry has the same id and an attempt more."""
    job = make(client, trigger="immediate")
    at = f"/jobs/{job['id']}"
    failed = client.post(f"{at}/fail", {"outcome": {"acknowledge": True, "message": "no"}})
    assert (failed["status"], failed["outcome"]["message"]) == ("failed", "no")
    again = client.post(f"{at}/retry")
    assert (again["id"], again["status"], "outcome" in again) == (job["id"], "ready", False)
    cancelled = client.post(f"{at}/cancel", {"info": "not now"})
    assert (cancelled["status"], cancelled["info"]) == ("canceled", "not now")
    attempts = client.get(f"{at}/attempts")
    assert [(item["number"], item["status"], item["endedBy"]) for item in attempts] == [
        (1, "failed", "client"),
        (2, "canceled", "cancel"),
    ]
    assert errors_of(client("POST", f"{at}/complete")) == (
        400,
        [("status", 'Cannot complete a job in status "canceled".')],
    )
    assert client.post(f"{at}/ack")["status"] == "canceled"


@pytest.mark.parametrize("body", [None, b"", b"  ", b"null", b"{}"])
def test_a_post_without_a_body_is_one_of_nothing(shared_client: Client, body: bytes | None) -> None:
    """With a content type or without, with a length of zero, or null."""
    at = f"/v1/jobs/{make(shared_client, trigger='immediate')['id']}"
    for verb in ("execute", "ack", "complete", "outcome/ack"):
        assert shared_client.raw("POST", f"{at}/{verb}", body, content_type="application/json").status_code == 200, verb
        assert shared_client.raw("POST", f"{at}/{verb}", body).status_code in {200, 400}, verb


def test_a_change_is_applied_and_statuses_are_verbs(sqlite_client: Client) -> None:
    """PATCH with a status does what the verb does; those that nobody can ask for are refused."""
    job = make(sqlite_client)
    at = f"/jobs/{job['id']}"
    changed = sqlite_client.done(
        "PATCH", at, {"info": "soon", "metadata": {"a": 1}, "result": {"r": 1}, "progress": 250}
    )
    assert (changed["info"], changed["metadata"], changed["result"], changed["progress"]) == (
        "soon",
        {"a": 1},
        {"r": 1},
        100,
    )
    assert sqlite_client.done("PATCH", at, {"status": "canceled"})["status"] == "canceled"
    assert errors_of(sqlite_client("PATCH", at, {"status": "waiting"}))[0] == 400
    assert errors_of(sqlite_client("PATCH", at, {"status": "gone"}))[0] == 400


def test_a_job_is_split_into_parts(client: Client) -> None:
    """The answer is the parent; a list by ``parentId`` has the parts."""
    parent = make(client, trigger="immediate")
    split = client.post(f"/jobs/{parent['id']}/split", {"parts": [{"a": 1}, {"a": 2}], "runInParallel": True})
    assert (split["id"], split["partExecution"], split["status"]) == (parent["id"], "parallel", "executing")
    parts = client.get(f"/jobs?parentId={parent['id']}&sortDirection=asc")
    assert sorted((part["part"], part["partData"]["a"], part["status"]) for part in parts) == [
        (0, 1, "ready"),
        (1, 2, "ready"),
    ]
    listed = client.get("/jobs?excludeChildJobs=true")
    assert [job["id"] for job in listed] == [parent["id"]]
    wrongs: list[dict[str, Any]] = [
        {},
        {"parts": 0},
        {"parts": []},
        {"parts": "2"},
        {"parts": [1]},
        {"parts": 1.5},
        {"parts": True},
    ]
    for wrong in wrongs:
        status, errors = errors_of(client("POST", f"/jobs/{parts[0]['id']}/split", wrong))
        assert (status, {key for key, _ in errors} <= {"parts", "parentId"}) == (400, True)


def test_lists_are_paged_and_filtered(sqlite_client: Client) -> None:
    """Pages from 1, the newest first, empty beyond the end; bad parameters are refused one by one, too large ones cut."""
    made = []
    for number in range(3):
        sqlite_client.clock.advance(1_000)
        made.append(make(sqlite_client, source=f"us_wb_{number}", fileId=f"us_fl_{number}")["id"])
    answer = sqlite_client("GET", "/jobs?pageSize=2").json()
    assert [job["id"] for job in answer["data"]] == made[:0:-1]
    assert answer["pagination"] == {"currentPage": 1, "pageCount": 2, "totalCount": 3}
    assert [job["id"] for job in sqlite_client.get("/jobs?sortDirection=asc&pageSize=5000")] == made
    assert sqlite_client("GET", "/jobs?pageNumber=9").json() == {
        "pagination": {"currentPage": 9, "pageCount": 1, "totalCount": 3},
        "data": [],
    }
    assert [job["id"] for job in sqlite_client.get("/jobs?workbookId=us_wb_1")] == [made[1]]
    assert [job["id"] for job in sqlite_client.get("/jobs?fileId=us_fl_2")] == [made[2]]
    assert [job["id"] for job in sqlite_client.get("/jobs?source=us_wb_0")] == [made[0]]
    assert sqlite_client.get("/jobs?environmentId=us_env_other") == []
    status, errors = errors_of(
        sqlite_client("GET", "/jobs?pageSize=0&pageNumber=-1&sortDirection=up&excludeChildJobs=maybe")
    )
    assert (status, {key for key, _ in errors}) == (
        400,
        {"pageSize", "pageNumber", "sortDirection", "excludeChildJobs"},
    )


def test_an_account_works_where_the_job_is(sqlite_client: Client) -> None:
    """A personal token finds a job by its id, in whichever environment, and makes one in that which the body names."""
    door = sqlite_client.door
    mine = sqlite_client.holding(personal_token(sqlite_client))
    second = mine.post("/environments", {"name": "second"})["id"]
    job = mine.post("/jobs", {**SENT, "environmentId": second})
    assert job["environmentId"] == second
    assert mine.post(f"/jobs/{job['id']}/cancel")["status"] == "canceled"
    assert [item["id"] for item in mine.get(f"/jobs?environmentId={second}")] == [job["id"]]
    assert mine.get("/jobs") == []
    assert make(mine)["environmentId"] == door.account.environment_id
    assert errors_of(sqlite_client("GET", f"/jobs/{job['id']}")) == (404, [("jobId", "Job not found")])
    assert errors_of(mine("POST", "/jobs", {**SENT, "environmentId": "us_env_none"}))[0] == 400


def personal_token(client: Client) -> str:
    """Return a new personal access token."""
    return create_key(client.door.keys, client.door.account.scope, KeyKind.PERSONAL, "us_usr_test0001").token


def test_who_speaks_for_the_engine_is_told_that_the_job_is_not_theirs(client: Client) -> None:
    """The contract's words come first, the reason behind them."""
    space = client.post("/spaces", {"name": "A"})["id"]
    sheets = [{"name": "S", "slug": "s", "fields": [{"key": "a", "type": "string"}]}]
    sheet = client.post("/workbooks", {"name": "W", "spaceId": space, "sheets": sheets})["sheets"][0]["id"]
    job = make(client, type="sheet", operation="delete-records", source=sheet, config={"sheet": sheet})
    answer = client.raw("POST", f"/v1/jobs/{job['id']}/complete")
    assert errors_of(answer)[1] == [("status", 'Cannot complete a job in status "created". The engine does this job.')]
