"""A real worker is killed with -9 at every crash point of the engine's jobs: no record is lost, none is there twice, no job hangs."""

import signal

import pytest

from e2e.house import House, ended_at_last
from e2e.jobs import SCRIPT, Shop, as_extracted, as_mapped
from headrace.bootstrap.working import working
from headrace.core import crashpoints
from headrace.core.job import JobStatus, JobTrigger
from waiting import until

pytestmark = [pytest.mark.e2e]

KILLED = -signal.SIGKILL
EXTRACTING = {"jobs-extract-looked", "jobs-claimed", "jobs-chunk-written:2", "jobs-chunk-committed:2"}
MAPPING = {"jobs-map-built", "jobs-finish-written"}
PLANNING = {"jobs-plan-built", "jobs-plan-kept"}
CHANGING = {"jobs-chunk-written:3", "jobs-finished"}
EXPORTING = {"jobs-export-placed"}
FAILING = {"jobs-failed"}
"""All of them are killed at below."""


def killed_at(house: House, *points: str) -> None:
    """Let a worker die at each of the ``points`` in turn, and another one do the rest."""
    for point in points:
        with ended_at_last(house.start("worker", crash_at=point)) as worker:
            assert worker.wait(timeout=60) == KILLED
    with working(house.application):
        # Not until every run has ended: that of a job which waits for somebody to look at its plan is there already.
        until(lambda: not house.in_hand(), seconds=60, what="the end of all that is to be done", every=0.05)


@pytest.mark.turn_about
def test_a_file_finds_its_way_though_a_worker_is_killed_at_each_step(house: House) -> None:
    """Extracted, planned and mapped, each customer once, when a worker dies in each of these.

    The points that are left out here are killed at in ``activities/jobs/test_operations.py``; the tests below kill at all of them, job by job.
    """
    shop = Shop(house)
    file = shop.upload()
    killed_at(house, "jobs-extract-looked")
    source_id, source = shop.extracted(file)
    assert shop.records(source) == as_extracted()
    workbook, sheet = shop.customers()
    config = {"sourceSheetId": source.id, "destinationSheetId": sheet.id}
    mapping = shop.ask("workbook", "map", source_id, config, destination=workbook.id, trigger=JobTrigger.MANUAL)
    killed_at(house, *sorted(PLANNING))
    assert shop.job(mapping).status is JobStatus.PLANNING
    shop.execute(mapping)
    killed_at(house, "jobs-map-built")
    assert shop.job(mapping).status is JobStatus.COMPLETE
    assert shop.records(sheet) == as_mapped()


@pytest.mark.soak
@pytest.mark.parametrize("point", sorted(EXTRACTING))
def test_an_extraction_whose_worker_is_killed_has_each_row_once(house: House, point: str) -> None:
    """One workbook, each row of the file in it once and in order, whatever line the worker dies on."""
    shop = Shop(house)
    file = shop.upload()
    killed_at(house, point)
    (job,) = shop.jobs()
    assert (job.status, job.attempt, job.progress) == (JobStatus.COMPLETE, 1, 100)
    assert shop.records(shop.extracted(file)[1]) == as_extracted()
    assert shop.workbooks() == ["[file] customers.csv"]


@pytest.mark.soak
@pytest.mark.parametrize(("mapping_at", "changing_at"), list(zip(sorted(MAPPING), sorted(CHANGING), strict=True)))
def test_a_mapping_and_a_script_whose_worker_is_killed_do_each_record_once(
    house: House, mapping_at: str, changing_at: str
) -> None:
    """A script that was run twice over a record would show, and so would a record that was mapped twice."""
    shop = Shop(house)
    file = shop.upload()
    house.work()
    source_id, source = shop.extracted(file)
    workbook, sheet = shop.customers()
    config = {"sourceSheetId": source.id, "destinationSheetId": sheet.id}
    mapping = shop.ask("workbook", "map", source_id, config, destination=workbook.id)
    killed_at(house, mapping_at)
    assert shop.job(mapping).status is JobStatus.COMPLETE
    assert shop.records(sheet) == as_mapped()
    changing = shop.ask("sheet", "mutate-records", sheet.id, {"sheetId": sheet.id, "mutateRecord": SCRIPT})
    killed_at(house, changing_at)
    assert shop.job(changing).status is JobStatus.COMPLETE, shop.job(changing)
    assert shop.records(sheet) == as_mapped(shouting=True)


@pytest.mark.soak
@pytest.mark.parametrize("point", sorted(PLANNING))
def test_a_plan_whose_worker_is_killed_is_there_in_the_end(sqlite_house: House, point: str) -> None:
    """The job waits for whoever looks at its plan, and maps when it is told to."""
    house, shop = sqlite_house, Shop(sqlite_house)
    file = shop.upload()
    house.work()
    source_id, source = shop.extracted(file)
    workbook, sheet = shop.customers()
    config = {"sourceSheetId": source.id, "destinationSheetId": sheet.id}
    mapping = shop.ask("workbook", "map", source_id, config, destination=workbook.id, trigger=JobTrigger.MANUAL)
    killed_at(house, point)
    assert shop.job(mapping).status is JobStatus.PLANNING
    shop.execute(mapping)
    house.work()
    assert shop.records(sheet) == as_mapped()


@pytest.mark.soak
@pytest.mark.parametrize("point", sorted(EXPORTING))
def test_an_export_whose_worker_is_killed_leaves_one_file(sqlite_house: House, point: str) -> None:
    """The file that was laid down before the kill is the one that is told of."""
    house, shop = sqlite_house, Shop(sqlite_house)
    file = shop.upload()
    house.work()
    sheet = shop.extracted(file)[1]
    job = shop.ask("sheet", "export", sheet.id, {"options": {}})
    killed_at(house, point)
    assert shop.job(job).status is JobStatus.COMPLETE
    assert len(shop.files()) == 2


@pytest.mark.soak
@pytest.mark.parametrize("point", sorted(FAILING))
def test_a_job_that_fails_while_its_worker_is_killed_has_failed(sqlite_house: House, point: str) -> None:
    """The failure is there, and the run of the ledger says so too."""
    house, shop = sqlite_house, Shop(sqlite_house)
    file = shop.send("broken.json", b"[{")
    job = shop.ask("file", "extract", file.id, {"driver": "csv", "options": {}})
    killed_at(house, point)
    assert shop.job(job).status is JobStatus.FAILED
    assert {str(run.status) for run in house.runs()} == {"failed"}


def test_every_point_of_jobs_is_killed_at() -> None:
    """The lists above are those of the code."""
    named = {point for point in crashpoints.declared() if point.startswith("jobs-")}
    assert named == {
        point.partition(":")[0] for point in EXTRACTING | PLANNING | MAPPING | CHANGING | EXPORTING | FAILING
    }
