"""Tests of files that become workbooks."""

import json
from pathlib import Path

import pytest

from headrace.activities.jobs import extract
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.job import JobStatus
from headrace.core.workspace import ResourceKind
from headrace.service.workspace import files
from headrace.store.database import Database
from jobs_house import JobsHouse


@pytest.fixture
def house(database: Database, tmp_path: Path) -> JobsHouse:
    """Return a house on a fresh ledger."""
    return JobsHouse.build(database, tmp_path)


@pytest.fixture
def sqlite_house(sqlite_database: Database, tmp_path: Path) -> JobsHouse:
    """Return a house for what does not depend on the kind of database."""
    return JobsHouse.build(sqlite_database, tmp_path)


@pytest.mark.turn_about
def test_a_file_becomes_a_workbook_with_its_records_and_says_so_before_the_job_does(house: JobsHouse) -> None:
    """Clients read the file when they hear that the job is complete (contract 11.2)."""
    file = house.file("people.csv", b"Name,Name,Born\nAnn,Lee,1990\nBob,,\n,,\n")
    job = house.make("file", "extract", file.id)
    house.act(job, extract.operate)
    done = house.job(job)
    assert done.status is JobStatus.COMPLETE
    after = house.resource(file.id)
    assert after.body["status"] == "complete"
    assert done.result == {"workbookId": after.body["workbookId"], "sheets": 1, "records": 2}
    assert done.config is not None
    assert done.config["detectedHeaderRow"] == 1
    book = house.resource(str(after.body["workbookId"]), ResourceKind.WORKBOOK)
    assert (book.name, book.body["labels"]) == ("[file] people.csv", ["file"])
    assert book.body["treatments"] == ["EXTRACTED_FROM_SOURCE"]
    [sheet] = house.sheets_of(book.id)
    assert [(item.key, item.label, item.kind.value) for item in sheet.blueprint.fields] == [
        ("Name", "Name", "string"),
        ("Name_1", "Name_1", "string"),
        ("Born", "Born", "string"),
    ]
    assert house.records(sheet) == [{"Name": "Ann", "Name_1": "Lee", "Born": "1990"}, {"Name": "Bob"}]


@pytest.mark.turn_about
def test_an_extraction_that_is_cut_anywhere_goes_on_without_loss_or_doubles(database: Database, tmp_path: Path) -> None:
    """Workbook, records and place are written together, so whoever goes on finds all of them or none."""
    house = JobsHouse.build(database, tmp_path, commit_records=2)
    file = house.file("n.csv", b"n\n" + b"".join(b"%d\n" % number for number in range(5)))
    job = house.make("file", "extract", file.id)
    outcome, crashes = house.crashing(job, extract.operate)
    assert outcome.failure is None
    assert crashes > 5
    assert (outcome.output["sheets"], outcome.output["records"]) == (1, 5)
    [sheet] = house.sheets_of(str(outcome.output["workbookId"]))
    assert house.records(sheet) == [{"n": str(number)} for number in range(5)]
    assert house.act(job, extract.operate).output == outcome.output


def test_an_extraction_of_several_worksheets_goes_on_in_the_one_where_it_was(sqlite_house: JobsHouse) -> None:
    """Each has its own place in the workbook that was made first."""
    rows: Json = [{"n": number} for number in range(3)]
    file = sqlite_house.file("two.json", json.dumps({"a": rows, "b": rows}).encode())
    job = sqlite_house.make("file", "extract", file.id)
    outcome, _ = sqlite_house.crashing(job, extract.operate)
    sheets = sqlite_house.sheets_of(str(outcome.output["workbookId"]))
    assert [(sheet.name, len(sqlite_house.records(sheet))) for sheet in sheets] == [("a", 3), ("b", 3)]


@pytest.mark.turn_about
def test_a_file_that_cannot_be_read_fails_with_its_row_and_leaves_nothing_behind(house: JobsHouse) -> None:
    """All of it is looked at before anything is written."""
    file = house.file("broken.csv", b'a,b\n1,2\n"3"x,4\n')
    job = house.make("file", "extract", file.id)
    outcome = house.act(job, extract.operate)
    assert outcome.failure is not None
    assert outcome.failure.code is Code.SOURCE_UNREADABLE
    failed = house.job(job)
    assert failed.status is JobStatus.FAILED
    assert failed.info is not None
    assert "'broken.csv' cannot be read in row 3" in failed.info
    after = house.resource(file.id)
    assert (after.body["status"], after.body.get("workbookId")) == ("failed", None)


def test_a_retry_after_the_file_was_put_right_makes_its_workbook(sqlite_house: JobsHouse) -> None:
    """The options of the job may be changed in between."""
    house = sqlite_house
    file = house.file("x.csv", "a\n\u20ac\n".encode("cp1252"))
    job = house.make("file", "extract", file.id, config={"driver": "csv", "options": {"encoding": "ascii"}})
    assert house.act(job, extract.operate).failure is not None
    again = house.retry(job, {"driver": "csv", "options": {"encoding": "windows-1252"}})
    assert house.act(again, extract.operate).failure is None
    book = str(house.resource(file.id).body["workbookId"])
    assert house.records(house.sheets_of(book)[0]) == [{"a": "\u20ac"}]


def test_empty_files_and_empty_worksheets_become_empty_sheets(sqlite_house: JobsHouse) -> None:
    """There is nothing wrong with them."""
    house = sqlite_house
    file = house.file("empty.csv", b"")
    job = house.make("file", "extract", file.id)
    assert house.act(job, extract.operate).failure is None
    [sheet] = house.sheets_of(str(house.resource(file.id).body["workbookId"]))
    assert (sheet.name, sheet.blueprint.fields, house.records(sheet)) == ("Sheet1", (), [])


def test_a_file_of_another_type_is_refused(sqlite_house: JobsHouse) -> None:
    """The message says what can be extracted."""
    file = sqlite_house.file("x.pdf", b"%PDF")
    job = sqlite_house.make("file", "extract", file.id)
    outcome = sqlite_house.act(job, extract.operate)
    assert outcome.failure is not None
    assert "csv" in outcome.failure.message


def test_a_cancelled_extraction_stops_and_keeps_what_was_written(sqlite_house: JobsHouse) -> None:
    """Whoever cancelled has moved the job already."""
    house = sqlite_house
    job = house.make("file", "extract", house.file("x.csv", b"a\n1\n").id)
    house.cancellation.stop(Code.CANCELLED, "no more")
    stopped = house.act(job, extract.operate).failure
    assert stopped is not None
    assert (stopped.code, stopped.message) == (Code.CANCELLED, "no more")


def test_a_file_that_is_removed_before_it_is_read_fails_its_job_with_words(sqlite_house: JobsHouse) -> None:
    """Whoever removed it knows why; nobody has to look into a log."""
    house = sqlite_house
    file = house.file("gone.csv", b"a\n1\n")
    job = house.make("file", "extract", file.id)
    files.path(house.desks.workspace, file.id).unlink()
    failure = house.act(job, extract.operate).failure
    assert failure is not None
    assert (failure.code, "was removed" in failure.message) == (Code.SOURCE_NOT_FOUND, True)
