"""The vendor's plugins, as they are published, in a listener of a space."""

from typing import Any

import httpx
import pytest

from clients.jobs_served import TOKEN, Listener, ServedJobs, listening
from waiting import until

FIELDS = [
    {"key": "first", "type": "string", "label": "First name"},
    {"key": "last", "type": "string", "label": "Last name"},
    {"key": "email", "type": "string", "label": "Email"},
    {"key": "full", "type": "string", "label": "Full name"},
]
PEOPLE = [("Ann", "Ash", "ann@example.org"), ("Bob", "Birch", "nowhere")]


@pytest.mark.e2e
def test_the_vendors_plugins_work_unchanged(jobs_server: ServedJobs) -> None:
    """Record hook, job handler and automap: hooks run on what is written and mapped, jobs are done and fail, a file finds its way into the sheet."""
    space = jobs_server.ask("POST", "/spaces", {"name": "plugins", "environmentId": jobs_server.environment_id})
    sheets = [{"name": "Contacts", "slug": "contacts", "fields": FIELDS}]
    made = {"name": "Main", "spaceId": space["id"], "labels": ["primary"], "sheets": sheets}
    workbook = jobs_server.ask("POST", "/workbooks", made)
    sheet = workbook["sheets"][0]["id"]
    with listening(jobs_server, "jobs_plugins.cjs", SPACE_ID=space["id"], FLATFILE_BEARER_TOKEN=TOKEN) as listener:
        _hooks_run_once(jobs_server, listener, sheet)
        _jobs_are_handled(jobs_server, workbook["id"])
        _a_file_is_mapped(jobs_server, listener, space["id"], sheet)


def _hooks_run_once(server: ServedJobs, listener: Listener, sheet: str) -> None:
    rows = [{"first": {"value": a}, "last": {"value": b}, "email": {"value": c}} for a, b, c in PEOPLE]
    server.ask("POST", f"/sheets/{sheet}/records", rows)
    records = _hooked(server, sheet, len(rows))
    assert [record["values"]["full"]["value"] for record in records] == ["Ann Ash", "Bob Birch"]
    assert [record["valid"] for record in records] == [True, False]
    (message,) = records[1]["values"]["email"]["messages"]
    assert (message["type"], message["source"], message["message"]) == ("error", "custom-logic", "is no address")
    assert len(listener.did("hooked")) == len(rows), "the hook's own write-back is no news"
    assert len(listener.did("commit:created")) == 1


def _jobs_are_handled(server: ServedJobs, workbook: str) -> None:
    def job(**given: Any) -> str:
        wanted = {"type": "workbook", "operation": "submit", "source": workbook, "trigger": "immediate", "input": given}
        return str(server.ask("POST", "/jobs", wanted)["id"])

    sent, refused = job(region="eu"), job(refuse=True)
    done = server.ended(sent, "complete")
    assert (done["progress"], done["outcome"]) == (100, {"message": "Sent to eu"})
    failed = server.ended(refused, "failed")
    assert (failed["progress"], failed["info"]) == (50, "The target is closed")
    assert failed["outcome"] == {"acknowledge": True, "message": "The target is closed"}


def _a_file_is_mapped(server: ServedJobs, listener: Listener, space: str, sheet: str) -> None:
    answer = httpx.post(
        f"{server.base}/v1/files",
        data={"spaceId": space, "environmentId": server.environment_id},
        files={"file": ("people.csv", b"First name,Last name,email\nCid,Cedar,cid@example.org\n")},
        headers={"authorization": f"Bearer {TOKEN}"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    until(lambda: listener.did("job:completed", "file:extract"), seconds=90, what="the file's extraction")
    until(lambda: listener.did("job:completed", "workbook:map"), seconds=90, what="the mapping")
    records = _hooked(server, sheet, len(PEOPLE) + 1)
    assert records[-1]["values"]["full"]["value"] == "Cid Cedar"
    assert not listener.did("automap")


def _hooked(server: ServedJobs, sheet: str, count: int) -> list[Any]:
    """Return the records of the sheet when the hook has been at all of them."""

    def look() -> list[Any] | None:
        records = server.ask("GET", f"/sheets/{sheet}/records")["records"]
        is_done = len(records) == count and all(record["values"]["full"]["value"] for record in records)
        return records if is_done else None

    return until(look, seconds=30, what="the hook's work", every=0.1)
