"""Flatfile's own Python client, which refuses every answer that is not exactly as published, against a server."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from flatfile import Flatfile
from flatfile.core.api_error import ApiError
from flatfile.events.types.context import Context
from flatfile.jobs.types.job_ack_details import JobAckDetails
from flatfile.jobs.types.job_cancel_details import JobCancelDetails
from flatfile.jobs.types.job_complete_details import JobCompleteDetails
from flatfile.jobs.types.job_outcome import JobOutcome
from flatfile.property.types.property import Property_String
from flatfile.sheets.types.sheet_config import SheetConfig

from clients.jobs_served import TOKEN, ServedJobs
from waiting import until

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "jobs.md"


@dataclass(frozen=True)
class Desk:
    """The client (its answers are looked at when it reads them, not by their types), and a space with a workbook of two sheets."""

    api: Any
    environment: str
    space: str
    workbook: str
    people: str
    contacts: str

    def job(self, **given: Any) -> Any:
        """Return a new job."""
        return self.api.jobs.create(**{"type": "workbook", "operation": "tidy", "source": self.workbook, **given}).data

    def status(self, job_id: str) -> str:
        """Return the status of a job."""
        return str(self.api.jobs.get(job_id).data.status)


pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def desk(jobs_server: ServedJobs) -> Iterator[Desk]:
    """Return a desk."""
    with httpx.Client(timeout=60, trust_env=False) as http:
        yield from _furnished(Flatfile(token=TOKEN, base_url=f"{jobs_server.base}/v1", httpx_client=http))


def _furnished(api: Any) -> Iterator[Desk]:
    environment = api.environments.list().data[0].id
    space = api.spaces.create(name="SDK", environment_id=environment).data
    sheets = [
        SheetConfig(name=name, slug=name, fields=[Property_String(type="string", key=key, label=key.title())])
        for name, key in (("people", "name"), ("contacts", "name"))
    ]
    made = api.workbooks.create(name="W", space_id=space.id, environment_id=environment, sheets=sheets).data
    people, contacts = (sheet.id for sheet in made.sheets)
    api.records.insert(people, request=[{"name": {"value": "Ann"}}, {"name": {"value": "Bob"}}])
    yield Desk(api, environment, space.id, made.id, people, contacts)
    api.spaces.delete(space.id)


def test_the_guide_is_true(jobs_server: ServedJobs, capsys: pytest.CaptureFixture[str]) -> None:
    """Its program does a job."""
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    program = "".join(blocks)
    program = program.replace("http://127.0.0.1:8080", jobs_server.base).replace("sk_…", TOKEN)
    with httpx.Client(trust_env=False) as http:
        exec(program.replace('/v1")', '/v1", httpx_client=http)'), {"http": http})  # noqa: S102 — that is what a guide is for
    assert capsys.readouterr().out == "complete\nfailed\ncomplete\n2 records in 1 sheet ['Ann', 'Bob']\n"


def test_the_client_does_all_that_can_be_done_with_a_listeners_job(desk: Desk) -> None:
    """create, list, get, update, execute, ack, split, complete, outcome ack, fail, retry, cancel, delete: every answer is read strictly."""
    jobs = desk.api.jobs
    job = desk.job(input={"a": 1}, mode="background", metadata={"m": None}, progress=3)
    assert (job.status, job.trigger, job.progress, job.environment_id) == ("created", "manual", 3, desk.environment)
    assert jobs.update(job.id, info="soon", metadata={"m": 2}).data.info == "soon"
    assert jobs.execute(job.id).data.success is True
    taken = jobs.ack(job.id, request=JobAckDetails(info="Accepted", progress=10)).data
    assert (taken.status, taken.progress) == ("executing", 10)
    assert taken.started_at is not None
    parent = jobs.split(job.id, parts=[{"n": 1}, {"n": 2}], run_in_parallel=True).data
    parts = jobs.list(parent_id=parent.id).data
    assert sorted(part.part_data["n"] for part in parts if part.part_data) == [1, 2]
    for part in parts:
        jobs.complete(part.id)
    outcome = JobOutcome.model_validate(
        {"acknowledge": True, "message": "Done", "next": {"type": "retry", "label": "Again"}}
    )
    done = jobs.complete(job.id, request=JobCompleteDetails(outcome=outcome, info="Yes")).data
    assert (done.status, done.progress, done.info) == ("complete", 100, "Yes")
    assert jobs.ack_outcome(job.id).data.outcome_acknowledged_at is not None
    assert jobs.retry(job.id).data.status == "ready"
    failed = jobs.fail(job.id, request=JobCompleteDetails(outcome=JobOutcome(message="No"))).data
    assert failed.status == "failed"
    jobs.retry(job.id)
    assert jobs.cancel(job.id, request=JobCancelDetails(info="Not now")).data.status == "canceled"
    with pytest.raises(ApiError) as refused:
        jobs.complete(job.id)
    assert (refused.value.status_code, refused.value.body["errors"][0]["key"]) == (400, "status")
    listed = jobs.list(workbook_id=desk.workbook, exclude_child_jobs=True, sort_direction="asc", page_size=5)
    assert job.id in [one.id for one in listed.data or ()]
    assert jobs.delete(job.id).data.success is True
    with pytest.raises(ApiError) as gone:
        jobs.get(job.id)
    assert gone.value.status_code == 404


def test_the_client_maps_by_a_plan(desk: Desk) -> None:
    """The plan is built, read, replaced, changed in part and executed; the records arrive."""
    jobs = desk.api.jobs
    config: Any = {"sourceSheetId": desk.people, "destinationSheetId": desk.contacts}
    job = desk.job(operation="map", destination=desk.workbook, config=config, managed=True)
    until(lambda: desk.status(job.id) == "planning", seconds=30, what="the plan", every=0.1)
    plan = jobs.get_execution_plan(job.id).data
    assert (plan.job.id, [edge.destination_field.key for edge in plan.plan.field_mapping]) == (job.id, ["name"])
    whole = {
        "field_mapping": plan.plan.field_mapping,
        "unmapped_source_fields": [],
        "unmapped_destination_fields": [],
    }
    put = jobs.update_execution_plan(job.id, file_id="us_fl_none0000", job_id=job.id, **whole).data
    assert len(put.plan.field_mapping) == 1
    changed = jobs.update_execution_plan_fields(
        job.id, file_id="us_fl_none0000", job_id=job.id, unmapped_source_fields=[]
    )
    assert len(changed.data.plan.field_mapping) == 1
    jobs.execute(job.id)
    until(lambda: desk.status(job.id) == "complete", seconds=30, what="the mapping", every=0.1)
    records = desk.api.records.get(desk.contacts).data.records
    assert [record.values["name"].value for record in records] == ["Ann", "Bob"]


def test_the_client_previews_a_mutation(desk: Desk) -> None:
    """Nothing is changed."""
    script = "function mutate(record) { record.set('name', record.get('name').toUpperCase()); return record }"
    found = desk.api.jobs.preview_mutation(sheet_id=desk.people, mutate_record=script).data
    assert [(diff.values["name"].value, diff.values["name"].snapshot_value) for diff in found] == [
        ("ANN", "Ann"),
        ("BOB", "Bob"),
    ]


def test_the_client_lists_everything(desk: Desk) -> None:
    """Every list of the client is read strictly, whether there is something in it or not."""
    api = desk.api
    file = api.files.upload(space_id=desk.space, environment_id=desk.environment, file=("note.txt", b"hello"))
    document = api.documents.create(desk.space, title="T", body="B").data
    api.secrets.upsert(name="N", value="v", environment_id=desk.environment, space_id=desk.space)
    snapshot = api.snapshots.create_snapshot(sheet_id=desk.people, label="before").data
    assert api.accounts.get_current().data.id.startswith("us_acc_")
    assert [one.id for one in api.files.list(space_id=desk.space).data] == [file.data.id]
    assert [one.id for one in api.documents.list(desk.space).data] == [document.id]
    assert [one.name for one in api.secrets.list(space_id=desk.space).data] == ["N"]
    assert [one.id for one in api.snapshots.list_snapshots(sheet_id=desk.people).data] == [snapshot.id]
    assert desk.space in [one.id for one in api.spaces.list(environment_id=desk.environment).data]
    assert [one.id for one in api.workbooks.list(space_id=desk.space).data] == [desk.workbook]
    assert [one.id for one in api.sheets.list(workbook_id=desk.workbook).data] == [desk.people, desk.contacts]
    assert api.workbooks.get_workbook_commits(desk.workbook).data
    assert api.sheets.get_sheet_commits(desk.people).data
    assert api.sheets.get_record_counts(desk.people).data.counts.total == 2
    assert api.sheets.get_cell_values(desk.people, field_key="name", distinct=True).data["name"]
    assert api.records.get(desk.people, include_counts=True).data.counts is not None
    assert len(api.records.indices(desk.people, ids=[api.records.get(desk.people).data.records[0].id])) == 1
    assert api.snapshots.get_snapshot_records(snapshot.id, change_type="createdSince").data == []
    assert api.environments.get(desk.environment).data.name == "local"
    assert api.actions.get_all(space_id=desk.space) == []
    assert api.entitlements.list(resource_id=desk.space).data == []
    assert api.agents.list(environment_id=desk.environment).data == []
    assert api.apps.list().data == []
    assert api.views.list(sheet_id=desk.people).data == []
    place = Context(environment_id=desk.environment, account_id="us_acc_none0000", space_id=desk.space)
    api.events.create(domain="space", topic="space:updated", context=place, payload={})
    events = until(
        lambda: api.events.list(space_id=desk.space, page_size=100).data, seconds=10, what="events", every=0.1
    )
    assert api.events.get(events[0].id).data.id == events[0].id
    assert api.events.ack(events[0].id).data.success is True
    token = api.environments.get_environment_event_token(environment_id=desk.environment).data
    assert token.subscribe_key
    assert api.events.get_event_token(scope=desk.space).data.token
