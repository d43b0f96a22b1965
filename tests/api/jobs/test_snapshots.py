"""Snapshots over the wire, on both databases."""

import asyncio
from typing import Any

from api.jobs.conftest import Client, MakeDoor, client_of, errors_of
from api.jobs.sheets_of_tests import make_sheet, names_of
from fakes import ManualClock
from headrace.core.job_limits import JobLimits
from headrace.store import record_versions, sheets

ROWS = [{"name": name, "age": place} for place, name in enumerate(["Ann", "Bob", "Cleo", "Dan"])]


def _values(records: list[Any]) -> list[tuple[Any, Any]]:
    return sorted((record["values"]["name"]["value"], record["values"]["age"]["value"]) for record in records)


def test_a_snapshot_tells_what_has_become_of_its_sheet_and_brings_it_back(
    runner: asyncio.Runner, make_jobs_door: MakeDoor, clock: ManualClock
) -> None:
    """Created, updated and deleted records; each is brought back only if its flag says so, and the result is an ordinary commit."""
    # Chunks of two records, so that there are several.
    client = client_of(runner, make_jobs_door(limits=JobLimits(commit_records=2)), clock)
    sheet = make_sheet(client)
    path = f"/sheets/{sheet['id']}/records"
    ids = [record["id"] for record in client.post(path, ROWS)["records"]]
    snapshot = client.post("/snapshots", {"sheetId": sheet["id"], "label": "before"})
    assert client.get(f"/snapshots?sheetId={sheet['id']}") == [snapshot]
    client.done("PUT", path, [{"id": ids[0], "values": {"age": {"value": 7}}}, {"id": ids[1], "metadata": {"a": 1}}])
    client.done(
        "PUT", path, [{"id": ids[2], "values": {"age": {"value": 7}}}, {"id": ids[0], "values": {"age": {"value": 8}}}]
    )
    client.done("PUT", path, [{"id": ids[2], "values": {"age": {"value": 2}}}])
    client.done("DELETE", f"{path}?ids={ids[3]}")
    client.post(path, [{"name": "Eve"}, {"name": "Flo"}, {"name": "Gus"}])

    about = client.get(f"/snapshots/{snapshot['id']}?includeSummary=true")
    summary = about["summary"]
    assert summary["createdSince"] == {"total": 3}
    assert summary["updatedSince"] == {"total": 2, "byField": {"age": 1}}
    assert summary["deletedSince"] == {"total": 1}
    assert set(summary["schemaDiff"].values()) == {"unchanged"}
    records = f"/snapshots/{snapshot['id']}/records"
    updated = client.get(f"{records}?changeType=updatedSince")
    assert [item["id"] for item in updated] == ids[:2]
    assert updated[0]["values"]["age"] == {"value": 8, "messages": [], "valid": True, "snapshotValue": 0}
    assert "snapshotValue" not in updated[0]["values"]["name"]
    deleted = client.get(f"{records}?changeType=deletedSince")
    assert [item["values"]["name"]["snapshotValue"] for item in deleted] == ["Dan"]
    assert names_of(client.get(f"{records}?pageSize=2&pageNumber=2")) == ["Gus", "Ann"]
    assert len(client.get(records)) == 6

    restore = f"/snapshots/{snapshot['id']}/restore"
    client.post(restore, {"created": True})
    assert _values(client.get(path)["records"]) == [("Ann", 8), ("Bob", 1), ("Cleo", 2)]
    client.post(restore, {"deleted": True})
    assert _values(client.get(path)["records"]) == [("Ann", 8), ("Bob", 1), ("Cleo", 2), ("Dan", 3)]
    assert client.post(restore, {"created": True, "updated": True, "deleted": True}) == snapshot
    found = client.get(path)["records"]
    assert _values(found) == [(row["name"], row["age"]) for row in ROWS]
    assert {record["id"] for record in found} == set(ids)
    assert client.get(records) == []


def test_what_no_snapshot_needs_is_forgotten(client: Client) -> None:
    """Old states are kept for the snapshots that there are, and for no longer."""
    sheet = make_sheet(client)
    path = f"/sheets/{sheet['id']}/records"
    (record,) = client.post(path, ROWS[:1])["records"]

    def set_age(age: int) -> None:
        client.done("PUT", path, [{"id": record["id"], "values": {"age": {"value": age}}}])

    def kept() -> int:
        with client.door.database.reading() as tx:
            return record_versions.count(tx, sheets.get(tx, None, sheet["id"]))

    set_age(1)
    assert kept() == 0
    first = client.post("/snapshots", {"sheetId": sheet["id"]})
    set_age(2)
    set_age(3)
    assert kept() == 1
    second = client.post("/snapshots", {"sheetId": sheet["id"]})
    set_age(4)
    assert kept() == 2
    (changed,) = client.get(f"/snapshots/{first['id']}/records")
    assert changed["values"]["age"]["snapshotValue"] == 1
    client.done("DELETE", f"/snapshots/{first['id']}")
    assert kept() == 1
    client.post(f"/snapshots/{second['id']}/restore", {"updated": True})
    assert _values(client.get(path)["records"]) == [("Ann", 3)]
    client.done("DELETE", f"/snapshots/{second['id']}")
    assert kept() == 0
    assert errors_of(client("GET", f"/snapshots/{second['id']}")) == (404, [("snapshotId", "Snapshot not found")])
