"""What the engine does to the records of sheets, each operation also cut at every place and gone on with."""

import csv
import io
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]  # it ships no type information
import pytest

from headrace.activities.jobs import export
from headrace.activities.jobs import working as frame
from headrace.activities.jobs.operations import OPERATIONS
from headrace.activities.jobs.working import Done, Work
from headrace.bootstrap.application import SystemIds
from headrace.core import crashpoints
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.job import Job, JobStatus
from headrace.core.job_limits import ScriptLimits
from headrace.core.outcome import Outcome
from headrace.core.record import CommitWish, Record, RecordChange
from headrace.core.task import Cancellation
from headrace.core.workspace import ResourceKind, Sheet
from headrace.dataplane.scripts.runner import Scripts
from headrace.service.jobs import engine_side, verbs
from headrace.service.records import writing
from headrace.service.workspace import files
from headrace.store import jobs
from headrace.store.database import Database
from headrace.store.resources import ResourceQuery
from jobs_house import KEY, SCOPE, Crash, JobsHouse

PEOPLE: dict[str, Json] = {
    "name": "People",
    "slug": "people",
    "fields": [
        {"key": "name", "type": "string", "label": "Full name", "constraints": [{"type": "required"}]},
        {"key": "age", "type": "number", "label": "Age"},
        {"key": "born", "type": "date"},
        {"key": "tags", "type": "string-list"},
        {"key": "member", "type": "boolean"},
    ],
}
ROWS = 25


def row(number: int) -> dict[str, Json]:
    """Return the values of a record; every fifth has no name, which is wrong."""
    values: dict[str, Json] = {"age": number, "born": f"2001-02-{number % 28 + 1:02}", "tags": ["a", f"t{number}"]}
    if number % 5:
        values["name"] = f"Person {number}"
    return values | {"member": number % 2 == 0}


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    """Return what runs scripts."""
    with Scripts(ScriptLimits(preview_records=10)) as runner:
        yield runner


@pytest.fixture
def house(database: Database, tmp_path: Path, scripts: Scripts) -> JobsHouse:
    """Return a house whose commits have ten records at most."""
    return JobsHouse.build(database, tmp_path, scripts, commit_records=10)


@pytest.fixture
def sqlite_house(sqlite_database: Database, tmp_path: Path, scripts: Scripts) -> JobsHouse:
    """Return a house as ``house`` does, for what does not depend on the kind of database."""
    return JobsHouse.build(sqlite_database, tmp_path, scripts, commit_records=10)


def people(house: JobsHouse, rows: int = ROWS) -> Sheet:
    """Return a new sheet with records."""
    _book, (sheet,) = house.workbook(PEOPLE)
    house.insert(sheet, [row(number) for number in range(rows)])
    return sheet


def asked(house: JobsHouse, operation: str, source: str, config: Mapping[str, Json] | None = None, **more: Any) -> Job:
    """Make a job of a sheet."""
    type_ = "sheet" if source.startswith("us_sh_") else "workbook"
    return house.make(type_, operation, source, config=config, **more)


def done(house: JobsHouse, job: Job) -> Outcome:
    """Do a job."""
    return house.act(job, OPERATIONS["jobs_" + job.operation.replace("-", "_")])


def result(house: JobsHouse, operation: str, source: str, config: Mapping[str, Json] | None = None, **more: Any) -> Any:
    """Do an operation from its beginning to its end, and return its result."""
    job = asked(house, operation, source, config, **more)
    outcome = done(house, job)
    ended = house.job(job)
    assert (ended.status, ended.progress, ended.result) == (JobStatus.COMPLETE, 100, dict(outcome.output)), ended.info
    return ended.result


def names(house: JobsHouse, sheet: Sheet) -> list[Json]:
    """Return the names, in order."""
    return [values.get("name") for values in house.records(sheet)]


MUTATION = "r => { if (r.get('age') % 3 === 0) r.set('name', (r.get('name') ?? 'nobody') + '!'); }"


SHOUT = "r => { r.set('name', (r.get('name') ?? 'nobody') + '!'); }"


def configured(operation: str, sheet: Sheet) -> dict[str, Json]:
    """Return a configuration for each operation."""
    configs: dict[str, dict[str, Json]] = {
        "delete-records": {"sheet": sheet.id, "filter": "valid", "snapshotLabel": "before"},
        "find-replace": {"sheetId": sheet.id, "fieldKey": "name", "find": "Person", "replace": "Human"},
        "mutate-records": {"sheetId": sheet.id, "mutateRecord": MUTATION, "snapshotLabel": "before"},
        "export": {"options": {}},
        "snapshot": {},
    }
    return configs[operation]


@pytest.mark.parametrize("operation", ["find-replace", "mutate-records"])
def test_a_retry_changes_no_record_twice(sqlite_house: JobsHouse, operation: str) -> None:
    """Cancelled in the middle, an operation goes on behind what it has written; asked for something else, it begins anew."""
    house, operate = sqlite_house, OPERATIONS["jobs_" + operation.replace("-", "_")]
    config = configured(operation, people(house)) | {"find": "Person", "replace": "Person Person"}
    whole, cut = people(house), people(house)
    place = {"sheetId": whole.id}
    result(house, operation, whole.id, {**config, **place})
    job = asked(house, operation, cut.id, {**config, "sheetId": cut.id})
    for look in range(1, 200):
        house.clock.crash_at(look)
        with pytest.raises(Crash):
            house.act(job, operate)
        house.clock.crash_at(0)
        if house.job(job).position.get("seen"):
            break
    verbs.cancel(house.desks.jobs, KEY, job.id)
    again = house.retry(job)
    outcome = house.act(again, operate)
    assert house.records(cut) == house.records(whole)
    assert outcome.figures.rows_read is not None
    assert 0 < outcome.figures.rows_read < len(house.records(whole))


def test_a_retry_passes_nothing_over_that_was_undone_meanwhile(sqlite_house: JobsHouse) -> None:
    """Whoever brings the snapshot back and tries again gets every record changed."""
    house, operate = sqlite_house, OPERATIONS["jobs_mutate_records"]
    sheet = people(house)
    before = house.whole_records(sheet)
    job = asked(house, "mutate-records", sheet.id, {"sheetId": sheet.id, "mutateRecord": SHOUT})
    for look in range(1, 200):
        house.clock.crash_at(look)
        with pytest.raises(Crash):
            house.act(job, operate)
        house.clock.crash_at(0)
        if house.job(job).position.get("updated"):
            break
    verbs.cancel(house.desks.jobs, KEY, job.id)
    undone = [RecordChange(record.id, {"name": record.values.get("name")}) for record in before]
    writing.update(house.desks.records, KEY, sheet.id, undone, CommitWish(actor_id=KEY.id))
    house.act(house.retry(job), operate)
    assert names(house, sheet) == [f"{record.values.get('name') or 'nobody'}!" for record in before]


@pytest.mark.turn_about
@pytest.mark.parametrize("operation", ["delete-records", "find-replace", "mutate-records", "snapshot", "export"])
def test_an_operation_that_is_cut_anywhere_ends_as_if_it_had_not_been(house: JobsHouse, operation: str) -> None:
    """No record is changed twice or left out; there is one result, one end, and one snapshot or file."""
    whole, cut = people(house), people(house)
    expected = result(house, operation, whole.id, configured(operation, whole))
    job = asked(house, operation, cut.id, configured(operation, cut))
    outcome, crashes = house.crashing(job, OPERATIONS["jobs_" + operation.replace("-", "_")])
    ended = house.job(job)
    assert crashes > 3
    assert (ended.status, ended.result) == (JobStatus.COMPLETE, dict(outcome.output))
    assert house.records(cut) == house.records(whole)
    assert ended.result is not None
    assert {key: value for key, value in ended.result.items() if not key.endswith(("Id", "Ids"))} == {
        key: value for key, value in expected.items() if not key.endswith(("Id", "Ids"))
    }
    again = done(house, job)
    assert again == outcome
    assert house.job(job) == ended
    assert not list(house.desks.work.iterdir())


def test_without_a_selection_exactly_the_exceptions_are_deleted(sqlite_house: JobsHouse) -> None:
    """Deduplication sends thousands of ids, some of them twice, some of nothing."""
    sheet = people(sqlite_house, 60)
    ids = [record.id for record in sqlite_house.whole_records(sheet)]
    gone = [*ids[3:58], ids[4], "us_rc_nothing"]
    assert result(sqlite_house, "delete-records", sheet.id, {"sheet": sheet.id, "exceptions": gone}) == {"deleted": 55}
    assert [record.id for record in sqlite_house.whole_records(sheet)] == [*ids[:3], *ids[58:]]
    assert result(sqlite_house, "delete-records", sheet.id, {"sheet": sheet.id, "filter": "none"}) == {"deleted": 0}


def test_with_a_selection_all_of_it_but_the_exceptions_is_deleted(sqlite_house: JobsHouse) -> None:
    """A filter that selects everything empties the sheet."""
    sheet = people(sqlite_house)
    ids = [record.id for record in sqlite_house.whole_records(sheet)]
    config = {"sheet": sheet.id, "filter": "error", "exceptions": [ids[5], ids[6]]}
    assert result(sqlite_house, "delete-records", sheet.id, config) == {"deleted": 4}
    assert names(sqlite_house, sheet).count(None) == 1
    assert result(sqlite_house, "delete-records", sheet.id, {"sheet": sheet.id, "q": "age gt 20"}) == {"deleted": 4}
    assert result(sqlite_house, "delete-records", sheet.id, {"sheet": sheet.id, "filter": "all"}) == {"deleted": 17}
    assert sqlite_house.records(sheet) == []


def test_what_is_found_is_replaced_in_the_selected_records(sqlite_house: JobsHouse) -> None:
    """As the route does it: a part of a value, a whole one in quotes, or empty cells."""
    sheet = people(sqlite_house)
    config = {"fieldKey": "name", "find": "Person 1", "replace": "One ", "q": "age lt 15"}
    assert result(sqlite_house, "find-replace", sheet.id, config) == {"updated": 5}
    assert names(sqlite_house, sheet)[10:17] == [None, "One 1", "One 2", "One 3", "One 4", None, "Person 16"]
    assert result(sqlite_house, "find-replace", sheet.id, {"fieldKey": "name", "replace": "none"}) == {"updated": 5}
    assert names(sqlite_house, sheet)[10] == "none"
    job = asked(sqlite_house, "find-replace", sheet.id, {"fieldKey": "wrong"})
    assert done(sqlite_house, job).failure is not None
    assert sqlite_house.job(job).info == "the sheet has no field 'wrong'"


def test_a_script_changes_the_selected_records_and_says_how_many(sqlite_house: JobsHouse) -> None:
    """What it leaves alone is not written, and values are read as the types of their fields."""
    sheet = people(sqlite_house)
    config = {"sheetId": sheet.id, "mutateRecord": "r => r.set('age', '7')", "filter": "valid"}
    job = asked(sqlite_house, "mutate-records", sheet.id, config)
    assert done(sqlite_house, job).output == {"updated": 19, "unchanged": 1}
    assert sqlite_house.job(job).info == "19 of 20 records changed."
    assert [values["age"] for values in sqlite_house.records(sheet)][4:8] == [7, 5, 7, 7]


def test_the_first_record_on_which_a_script_fails_fails_the_job(sqlite_house: JobsHouse) -> None:
    """The job names it; what was committed before stays, and a snapshot was taken first."""
    sheet = people(sqlite_house)
    script = "r => { if (r.get('age') === 12) throw new Error('twelve'); r.set('name', 'x'); }"
    config = {"sheetId": sheet.id, "mutateRecord": script, "snapshotLabel": "before"}
    job = asked(sqlite_house, "mutate-records", sheet.id, config)
    outcome = done(sqlite_house, job)
    failed = sqlite_house.job(job)
    record = sqlite_house.whole_records(sheet)[12]
    message = f"the script failed: record {record.id}: Error: twelve"
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.message) == (Code.INVALID, message)
    assert (failed.status, failed.info, failed.outcome) == (
        JobStatus.FAILED,
        message,
        {"acknowledge": True, "message": message},
    )
    assert failed.config is not None
    assert str(failed.config["snapshotId"]).startswith("us_ss_")
    assert names(sqlite_house, sheet)[8:11] == ["x", "x", None]
    assert done(sqlite_house, job).failure is not None


@dataclass
class DisturbedScripts:
    """Runs scripts while others write: first to the record that the script sees first, then to the last of the sheet."""

    house: JobsHouse
    sheet: Sheet
    scripts: Scripts
    seen: list[Json] = field(default_factory=list)

    def __call__(
        self, script: str, keys: Sequence[str], records: Sequence[Record], cancellation: Cancellation | None = None
    ) -> list[RecordChange | None]:
        """Run the script."""
        found = self.scripts(script, keys, records, cancellation)
        self.seen.append(records[0].values["age"])
        if len(self.seen) <= 2:
            other = records[0] if len(self.seen) == 1 else self.house.whole_records(self.sheet)[-1]
            change = RecordChange(other.id, {"age": 100 + len(self.seen)})
            writing.update(self.house.desks.records, KEY, self.sheet.id, [change], CommitWish(actor_id=KEY.id))
        return found

    def close(self) -> None:
        """Leave the scripts to whoever made them."""


def test_records_that_change_while_a_script_sees_them_are_shown_to_it_again(
    sqlite_house: JobsHouse, scripts: Scripts
) -> None:
    """Nobody's write is lost under the result of a script; what others change elsewhere disturbs nobody."""
    house = sqlite_house
    sheet = people(house)
    disturbed = DisturbedScripts(house, sheet, scripts)
    config = {"sheetId": sheet.id, "mutateRecord": "r => r.set('name', 'aged ' + r.get('age'))"}
    job = asked(house, "mutate-records", sheet.id, config)
    operate = OPERATIONS["jobs_mutate_records"]
    JobsHouse(replace(house.desks, scripts=disturbed), house.clock, house.database).act(job, operate)
    assert house.job(job).status is JobStatus.COMPLETE
    assert disturbed.seen == [0, 101, 10, 20]
    assert names(house, sheet)[:2] == ["aged 101", "aged 1"]


def texts(house: JobsHouse, file_id: Json) -> list[list[str]]:
    """Return the rows of a file of comma-separated values."""
    data = files.path(house.desks.workspace, str(file_id)).read_bytes().decode()
    assert data.count("\r\n") >= data.count("\n") - data.count('"')
    return list(csv.reader(io.StringIO(data, newline="")))


def book(house: JobsHouse, file_id: Json) -> Any:
    """Return a spreadsheet."""
    return openpyxl.load_workbook(io.BytesIO(files.path(house.desks.workspace, str(file_id)).read_bytes()))


def exported(house: JobsHouse) -> list[Any]:
    """Return the exported files of the space."""
    found, _total = files.page(house.desks.workspace, ResourceQuery(scope=SCOPE, kind=ResourceKind.FILE), 100, 1)
    return [file for file in found if file.slug == files.EXPORT]


def test_a_sheet_is_exported_as_text_in_the_order_of_its_fields(sqlite_house: JobsHouse) -> None:
    """Labels stand at the top; lists are joined, what is missing is empty, and a formula is a text like others."""
    house = sqlite_house
    _book, (sheet,) = house.workbook(PEOPLE)
    values: dict[str, Json] = {"name": '=1+1, "quoted"\r\nand more', "age": 2.5, "tags": ["a", "b"], "member": True}
    house.insert(sheet, [values, {"name": "Ann", "age": 3}, {"name": "Bob", "age": "old"}])
    job = asked(house, "export", sheet.id, {"options": {}})
    done(house, job)
    (file,) = exported(house)
    assert house.job(job).result == {"fileIds": [file.id], "records": 3}
    assert house.job(job).outcome == {
        "message": "3 records exported to 1 file.",
        "next": {"type": "files", "files": [{"fileId": file.id}]},
    }
    path = files.path(house.desks.workspace, file.id)
    assert (file.name, file.slug, file.created_by) == ("People.csv", "export", KEY.id)
    assert {key: file.body[key] for key in ("ext", "status", "size")} == {
        "ext": "csv",
        "status": "complete",
        "size": path.stat().st_size,
    }
    assert path.read_bytes() == (
        b'Full name,Age,born,tags,member\r\n"=1+1, ""quoted""\r\nand more",2.5,,"a, b",true\r\n'
        b"Ann,3,,,\r\nBob,old,,,\r\n"
    )


def test_selection_order_and_header_of_an_export_are_those_that_were_asked_for(sqlite_house: JobsHouse) -> None:
    """Options say what is exported, the input how."""
    house = sqlite_house
    sheet = people(house)
    options = {"q": "age lt 9", "filter": "valid", "sortField": "age", "sortDirection": "desc"}
    found = result(house, "export", sheet.id, {"options": options}, input={"header": "key"})
    assert [line[:2] for line in texts(house, found["fileIds"][0])] == [
        ["name", "age"],
        *([f"Person {number}", str(number)] for number in (8, 7, 6, 4, 3, 2, 1)),
    ]
    ids = [record.id for record in house.whole_records(sheet)][:2]
    assert result(house, "export", sheet.id, {"options": {"ids": ids}})["records"] == 2
    wrong = asked(house, "export", sheet.id, {"options": {}}, input={"format": "pdf"})
    done(house, wrong)
    assert house.job(wrong).info == "input.format is 'pdf'; give csv or xlsx"


def test_a_workbook_is_exported_as_one_spreadsheet_with_typed_cells(sqlite_house: JobsHouse) -> None:
    """Each sheet is a worksheet, whatever its name; what cannot be read as its type stays text."""
    house = sqlite_house
    long, twin = "A rather long name of a sheet: [first]", "A rather long name of a sheet: [first] and second"
    workbook, found = house.workbook(
        {**PEOPLE, "name": long}, {**PEOPLE, "name": twin, "slug": "b"}, {**PEOPLE, "name": "'*'", "slug": "c"}
    )
    values: dict[str, Json] = {"name": "=1+1", "age": 2**60, "born": "2024-02-29", "tags": ["a", "b"], "member": False}
    house.insert(found[0], [values, {"name": "http://x.example", "age": 1.5, "born": "1899-01-01"}, {"born": "soon"}])
    answer = result(house, "export", workbook.id, {"options": {}})
    assert answer["records"] == 3
    (file,) = exported(house)
    assert file.name == "book.xlsx"
    sheets = book(house, file.id).worksheets
    assert [sheet.title for sheet in sheets] == [
        "A rather long name of a sheet",
        "A rather long name of a she (2)",
        "Sheet",
    ]
    cells = [[cell.value for cell in line] for line in sheets[0].iter_rows()]
    assert cells == [
        ["Full name", "Age", "born", "tags", "member"],
        [
            "=1+1",
            str(2**60),
            datetime(2024, 2, 29),  # noqa: DTZ001 — a day of a spreadsheet is in no zone
            "a, b",
            False,
        ],
        ["http://x.example", 1.5, "1899-01-01", None, None],
        [None, None, "soon", None, None],
    ]
    assert sheets[0]["A2"].data_type == "s"


def test_a_workbook_as_text_is_one_file_for_each_sheet(sqlite_house: JobsHouse) -> None:
    """Sheets without records have a header."""
    house = sqlite_house
    workbook, found = house.workbook(PEOPLE, {**PEOPLE, "name": "Q1/Q2 a\\b", "slug": "others"})
    house.insert(found[1], [row(1)])
    answer = result(house, "export", workbook.id, {"options": {}}, input={"format": "csv"})
    assert [len(texts(house, file_id)) for file_id in answer["fileIds"]] == [1, 2]
    assert {file.name for file in exported(house)} == {"People.csv", "Q1_Q2 a_b.csv"}


def test_what_a_worksheet_cannot_hold_is_refused_with_words(sqlite_house: JobsHouse) -> None:
    """Nothing is cut off, and no file is left."""
    house = sqlite_house
    _book, (sheet,) = house.workbook(PEOPLE)
    house.insert(sheet, [{"name": "x" * 32_768}])
    job = asked(house, "export", sheet.id, {"options": {}}, input={"format": "xlsx"})
    done(house, job)
    assert house.job(job).info == (
        "sheet 'People' has a value with 32,768 characters in 'Full name', a worksheet takes 32,767 in a cell; export it as csv"
    )
    assert exported(house) == []
    assert list(house.desks.workspace.roots.files.iterdir()) == []


def test_an_export_that_is_cancelled_leaves_nothing(sqlite_house: JobsHouse) -> None:
    """Neither a file of the space nor bytes of one."""
    house = sqlite_house
    sheet = people(house)
    job = asked(house, "export", sheet.id, {"options": {}})

    def cancelled(work: Work) -> Done:
        ended = export.operate(work)
        verbs.cancel(house.desks.jobs, KEY, job.id, None)
        return ended

    stopped = house.act(job, cancelled).failure
    assert stopped is not None
    assert stopped.code is Code.CANCELLED
    assert exported(house) == []
    assert list(house.desks.workspace.roots.files.iterdir()) == []
    assert house.job(job).status is JobStatus.CANCELLED


def test_a_cancelled_operation_stops_between_its_chunks(sqlite_house: JobsHouse) -> None:
    """What was committed stays."""
    house = sqlite_house
    sheet = people(house)
    job = asked(house, "find-replace", sheet.id, configured("find-replace", sheet))
    house.clock.crash_at(6)
    with pytest.raises(Crash):
        done(house, job)
    before = names(house, sheet)
    verbs.cancel(house.desks.jobs, KEY, job.id, None)
    with pytest.raises(Problem, match="cancelled"):
        done(house, job)
    assert names(house, sheet) == before


def test_a_snapshot_is_the_outcome_of_its_job(sqlite_house: JobsHouse) -> None:
    """With the label of the input."""
    house = sqlite_house
    sheet = people(house)
    job = asked(house, "snapshot", sheet.id, input={"label": "today"})
    done(house, job)
    ended = house.job(job)
    assert ended.result is not None
    snapshot_id = ended.result["snapshotId"]
    assert ended.outcome == {
        "message": "The snapshot was taken.",
        "next": {"type": "snapshot", "snapshotId": snapshot_id, "sheetId": sheet.id},
    }


def test_a_worker_that_was_taken_for_dead_neither_goes_on_nor_fails_the_job(sqlite_house: JobsHouse) -> None:
    """Another one has the job in hand; whatever breaks here is no matter there."""
    house = sqlite_house
    job = asked(house, "find-replace", people(house).id, {"fieldKey": "wrong"})
    with house.database.transaction() as tx:
        begun = engine_side.claim(tx, house.desks.jobs, job.run_id)
        jobs.change(tx, begun, replace(begun, position={"by": [1, 2]}))
    with pytest.raises(Problem) as stopped:
        done(house, job)
    assert stopped.value.code is Code.FENCED
    assert house.job(job).status is JobStatus.EXECUTING


def test_a_job_of_a_space_keeps_to_it(sqlite_house: JobsHouse) -> None:
    """A configuration may name any sheet; the operation reaches those of the job's space only."""
    house = sqlite_house
    sheet = people(house)
    job = asked(house, "delete-records", sheet.id, {"sheet": sheet.id, "filter": "all"})
    with house.database.transaction() as tx:
        jobs.change(tx, job, replace(job, space_id="us_sp_2"))
    done(house, job)
    assert house.job(job).info == f"there is no sheet {sheet.id!r} in the space of this job, us_sp_2"
    assert len(house.records(sheet)) == ROWS


def elsewhere(house: JobsHouse) -> JobsHouse:
    """Return the house as another process sees it: with connections and ids of its own."""
    desks, more = house.desks, {"database": Database(house.database.url), "ids": SystemIds()}
    jobs_desk = replace(desks.jobs, **more)  # type: ignore[arg-type]  # fields that all desks have
    workspace = replace(desks.workspace, jobs=jobs_desk, **more)  # type: ignore[arg-type]  # as above
    records = replace(desks.records, **more)  # type: ignore[arg-type]  # as above
    parts = {"jobs": jobs_desk, "workspace": workspace, "records": records}
    return JobsHouse(replace(desks, **parts), house.clock, jobs_desk.database)  # type: ignore[arg-type]  # as above


POINTS = sorted(crashpoints.names_in(Path(str(module.__file__)) for module in (frame, export)))


@pytest.mark.parametrize("point", [*POINTS, "jobs-chunk-committed:3"])
def test_an_operation_whose_process_is_killed_is_ended_by_the_next_one(sqlite_house: JobsHouse, point: str) -> None:
    """At every crash point of the frame, a real death."""
    house = sqlite_house
    sheet = people(house)
    operation = "export" if "export" in point else "find-replace"
    config = configured(operation, sheet)
    if point == "jobs-failed":
        config["fieldKey"] = "wrong"
    job = asked(house, operation, sheet.id, config)
    crashpoints.declared()
    child = os.fork()
    if child == 0:
        try:
            crashpoints.arm_from(point)
            done(elsewhere(house), job)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    done(house, job)
    ended = house.job(job)
    assert ended.status is (JobStatus.FAILED if point == "jobs-failed" else JobStatus.COMPLETE)
    if operation == "export":
        assert [file.id for file in exported(house)] == [
            path.name for path in house.desks.workspace.roots.files.iterdir()
        ]
    elif point != "jobs-failed":
        changed = [str(row(number).get("name")).replace("Person", "Human") for number in range(ROWS)]
        assert list(map(str, names(house, sheet))) == changed
