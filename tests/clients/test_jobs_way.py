"""The whole way of a file by both of Flatfile's own clients: uploaded, extracted, mapped, mended, submitted to a listener, exported."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from flatfile import Flatfile
from flatfile.jobs.types.job_ack_details import JobAckDetails
from flatfile.jobs.types.job_complete_details import JobCompleteDetails
from flatfile.jobs.types.job_outcome import JobOutcome

from clients.factory_served import session
from clients.jobs_served import TOKEN, ServedJobs
from waiting import until

pytestmark = pytest.mark.e2e

FILE = '\ufeffFirst Name;E-MAIL;Age\r\nAnn;ann@example.test;31\r\n"Bob ""B""";;"4\n2"\r\nMüller;mue@example.test;7\r\n\r\n'.encode()
"""As a spreadsheet program writes it: with a mark at its beginning, semicolons, quotes, and a line break in a cell."""
FIELDS: list[dict[str, Any]] = [
    {"key": "name", "type": "string", "label": "First name", "constraints": [{"type": "required"}]},
    {"key": "email", "type": "string", "label": "E-Mail", "constraints": [{"type": "required"}, {"type": "unique"}]},
    {"key": "age", "type": "number", "label": "Age"},
]
MENDED = {"email": {"value": "bob@example.test"}, "age": {"value": 42}}
EXPORTED = 'First name,E-Mail,Age\r\nAnn,ann@example.test,31\r\n"Bob ""B""",bob@example.test,42\r\nMüller,mue@example.test,7\r\n'
PLANNED = [["First Name", "name"], ["E-MAIL", "email"], ["Age", "age"]]


def test_the_javascript_client_goes_the_whole_way(jobs_server: ServedJobs, tmp_path: Path) -> None:
    """What comes out is what went in, mended."""
    path = tmp_path / "contacts.csv"
    path.write_bytes(FILE)
    asked = {"base": jobs_server.base, "token": TOKEN, "file": str(path), "fields": FIELDS, "mended": MENDED}
    assert session("way_session.mjs", asked) == {
        "extracted": ["extract", "complete", ["First Name", "E-MAIL", "Age"]],
        "planned": PLANNED,
        "wrong": [["required-constraint", "is-artifact"]],
        "counts": 0,
        "submitted": ["sheet:submit", {"region": "eu"}, "3 contacts"],
        "exported": EXPORTED,
    }


def test_the_python_client_goes_the_whole_way(jobs_server: ServedJobs) -> None:
    """The same by the client that refuses every answer which is not exactly as published."""
    with httpx.Client(timeout=60, trust_env=False) as http:
        _go(Flatfile(token=TOKEN, base_url=f"{jobs_server.base}/v1", httpx_client=http), jobs_server)


def _go(api: Any, server: ServedJobs) -> None:
    environment = api.environments.list().data[0].id
    space = api.spaces.create(name="Way", environment_id=environment).data.id
    sheets = [{"name": "Contacts", "slug": "contacts", "fields": FIELDS}]
    book = server.ask("POST", "/workbooks", {"name": "W", "spaceId": space, "sheets": sheets})
    sheet = book["sheets"][0]["id"]

    def reached(job_id: str, status: str) -> Any:
        def look() -> Any:
            job = api.jobs.get(job_id).data
            assert job.status != "failed", job
            return job if job.status == status else None

        return until(look, seconds=30, what=f"{job_id} {status}", every=0.05)

    upload = api.files.upload(space_id=space, environment_id=environment, file=("contacts.csv", FILE)).data
    (extraction,) = api.jobs.list(file_id=upload.id).data
    reached(extraction.id, "complete")
    file = api.files.get(upload.id).data
    source = api.workbooks.get(file.workbook_id).data
    assert (file.status, source.name) == ("complete", "[file] contacts.csv")

    config: Any = {"sourceSheetId": source.sheets[0].id, "destinationSheetId": sheet}
    ends = {"source": source.id, "destination": book["id"]}
    mapping = api.jobs.create(type="workbook", operation="map", config=config, managed=True, **ends).data
    reached(mapping.id, "planning")
    edges = api.jobs.get_execution_plan(mapping.id).data.plan.field_mapping
    assert [[edge.source_field.key, edge.destination_field.key] for edge in edges] == PLANNED
    api.jobs.execute(mapping.id)
    reached(mapping.id, "complete")

    (wrong,) = api.records.get(sheet, filter="error").data.records
    mended = {key: wrong.values[key].model_copy(update=cell) for key, cell in MENDED.items()}
    api.records.update(sheet, request=[wrong.model_copy(update={"values": {**wrong.values, **mended}})])
    assert api.sheets.validate(sheet).data.success
    assert api.sheets.get_record_counts(sheet).data.counts.error == 0

    given: Any = {"type": "sheet", "source": sheet, "trigger": "immediate"}
    job = api.jobs.create(operation="submit", input={"region": "eu"}, **given).data

    def word() -> Any:
        told = api.events.list(space_id=space, topic="job:ready", page_size=100).data
        return next((event for event in told if event.context.job_id == job.id), None)

    event = until(word, seconds=30, what="word of the job", every=0.05)
    api.jobs.ack(event.context.job_id, request=JobAckDetails(info="Accepted", progress=1))
    count = len(api.records.get(event.context.sheet_id, filter="valid").data.records)
    outcome = JobOutcome(message=f"{count} contacts")
    assert (
        api.jobs.complete(job.id, request=JobCompleteDetails(outcome=outcome)).data.outcome["message"] == "3 contacts"
    )

    leaving = api.jobs.create(operation="export", config={"options": {}}, **given).data
    (exported,) = reached(leaving.id, "complete").outcome["next"]["files"]
    assert b"".join(api.files.download(exported["fileId"])).decode() == EXPORTED
    assert api.spaces.delete(space).data.success
