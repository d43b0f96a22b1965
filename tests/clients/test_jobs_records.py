"""Records of sheets by Flatfile's own clients: JavaScript, and Python, which refuses every answer that is not exactly as published."""

from typing import Any

import httpx
import pytest
from flatfile import Flatfile

from clients.factory_served import session
from clients.jobs_served import TOKEN, ServedJobs

pytestmark = pytest.mark.e2e


def test_the_javascript_client_reads_and_writes_records(jobs_server: ServedJobs) -> None:
    """Packed pages, queries, lines both ways, snapshots."""
    assert session("records_session.mjs", {"base": jobs_server.base, "token": TOKEN}) == {
        "inserted": [True, 3, ["config", "id", "metadata", "valid", "values"]],
        "updated": True,
        "wrong": [["Cleo", "x"]],
        "asked": [["Bob", None], ["Ann", 4]],
        "left": [["Ann", 4], ["B0b", None]],
        "indices": [1],
        "counts": {"total": 2, "valid": 2, "error": 0, "empty": 1},
        "cells": [
            {"value": 4, "counts": {"total": 1, "valid": 1, "error": 0}},
            # This client leaves out what is null.
            {"counts": {"total": 1, "valid": 1, "error": 0}},
        ],
        "written": {"success": True, "created": 1, "updated": 1},
        "lines": [["Ann", None, "string"], ["Dan", 9, "string"]],
        "streamed": ["Ann", "Dan"],
        "since": [1, {"age": 1}, 1],
        "restored": [["Ann", 4], ["B0b", None]],
    }


def test_the_python_client_takes_every_answer_about_records(jobs_server: ServedJobs) -> None:
    """Pages with messages, counts and links; commits, versions and snapshots."""
    with httpx.Client(timeout=60, trust_env=False) as http:
        api: Any = Flatfile(token=TOKEN, base_url=f"{jobs_server.base}/v1", httpx_client=http)
        environment = api.environments.list().data[0].id
        space = api.spaces.create(name="Records", environment_id=environment).data.id
        fields = [
            {"key": "name", "type": "string", "constraints": [{"type": "required"}]},
            {"key": "age", "type": "number"},
        ]
        sheets = [{"name": "People", "slug": "people", "fields": fields}]
        book = http.post(
            f"{jobs_server.base}/v1/workbooks",
            json={"name": "W", "spaceId": space, "sheets": sheets},
            headers={"authorization": f"Bearer {TOKEN}"},
        ).json()["data"]
        sheet = book["sheets"][0]["id"]
        made = api.records.insert(sheet, request=[{"name": {"value": "Ann"}}, {"age": {"value": "old"}}]).data
        page = api.records.get(sheet, include_counts=True, include_links=True, include_messages=True).data
        assert made.commit_id == page.commit_id
        assert [str(message.source) for message in page.records[1].values["age"].messages or []] == ["is-artifact"]
        changed = api.records.update(sheet, request=[page.records[0]]).data
        assert changed.version_id == made.commit_id
        replaced = api.records.find_and_replace(sheet, field_key="name", find="Ann", replace="Bea").data
        assert api.commits.get(replaced.version_id).data.completed_at is not None
        assert api.commits.complete(replaced.version_id).data.success
        assert api.commits.replay(replaced.version_id).data.success
        assert api.versions.create_id(sheet_id=sheet).data.version_id
        snapshot = api.snapshots.create_snapshot(sheet_id=sheet, label="before").data
        api.records.delete(sheet, ids=[page.records[0].id])
        api.records.insert(sheet, request=[{"name": {"value": "Cleo"}}])
        differing = api.snapshots.get_snapshot_records(snapshot.id).data
        assert [record.values["name"].value for record in differing] == ["Cleo", None]
        assert api.snapshots.get_snapshot(snapshot.id, include_summary=True).data.summary is not None
        assert api.snapshots.restore_snapshot(snapshot.id).data.id == snapshot.id
        assert api.snapshots.delete_snapshot(snapshot.id).data.success
