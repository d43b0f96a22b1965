"""Jobs of the engine that are cancelled and retried, and cancelled again before a worker has begun: what the first attempt wrote is still known."""

from pathlib import Path

import pytest

from headrace.activities.jobs import extract
from headrace.activities.jobs import map as mapping
from headrace.activities.jobs.working import Operation
from headrace.core.codec import Json
from headrace.core.job import Job
from headrace.core.workspace import ResourceKind
from headrace.service.jobs import verbs
from headrace.store import resources
from headrace.store.database import Database
from headrace.store.resources import ResourceQuery
from jobs_house import KEY, Crash, JobsHouse

FIELDS: list[Json] = [{"key": "a", "type": "string"}]
ROWS: list[dict[str, Json]] = [{"a": f"r{number}"} for number in range(7)]


@pytest.fixture
def house(sqlite_database: Database, tmp_path: Path) -> JobsHouse:
    """Return a house whose commits have two records at most."""
    return JobsHouse.build(sqlite_database, tmp_path, commit_records=2)


def _retried_often(house: JobsHouse, job: Job, operate: Operation, done: str) -> None:
    """Let the first attempt get somewhere, the next two nowhere, and the last one to the end."""
    for look in range(1, 200):
        house.clock.crash_at(look)
        with pytest.raises(Crash):
            house.act(job, operate)
        house.clock.crash_at(0)
        if house.job(job).position.get(done):
            break
    for _ in range(3):
        verbs.cancel(house.desks.jobs, KEY, job.id)
        job = house.retry(job)
    assert house.act(job, operate).failure is None


def test_a_mapping_writes_nothing_twice(house: JobsHouse) -> None:
    """A retry goes on behind what was written, however many attempts ago."""
    book, [source] = house.workbook({"name": "from", "fields": FIELDS})
    other, [destination] = house.workbook({"name": "to", "fields": FIELDS})
    house.insert(source, ROWS)
    config: dict[str, Json] = {"sourceSheetId": source.id, "destinationSheetId": destination.id}
    job = house.make("workbook", "map", book.id, destination=other.id, config=config)
    _retried_often(house, job, mapping.operate, "written")
    assert house.records(destination) == ROWS


def test_an_extraction_makes_one_workbook(house: JobsHouse) -> None:
    """The workbook that the first attempt began is filled, and no other one is made."""
    file = house.file("x.csv", b"a\n" + b"".join(f"r{number}\n".encode() for number in range(7)))
    job = house.make("file", "extract", file.id)
    _retried_often(house, job, extract.operate, "records")
    book = str(house.resource(file.id).body["workbookId"])
    assert house.records(house.sheets_of(book)[0]) == ROWS
    query = ResourceQuery(scope=KEY.scope, kind=ResourceKind.WORKBOOK)
    with house.database.reading() as tx:
        assert [one.id for one in resources.page(tx, query, 10)[0]] == [book]
