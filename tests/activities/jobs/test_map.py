"""Tests of records that are mapped from one sheet to another."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.activities.jobs import map as mapping
from headrace.activities.jobs.planning import plan_activity
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.job import Job, JobStatus, JobTrigger
from headrace.core.job_limits import ScriptLimits
from headrace.core.workspace import Sheet
from headrace.dataplane.scripts.runner import Scripts
from headrace.service.jobs import plans
from headrace.store.database import Database
from jobs_house import KEY, JobsHouse

OPTIONS: Json = {"options": [{"value": "de", "label": "Germany"}, {"value": "fr", "label": "France"}]}
FROM: Mapping[str, Json] = {
    "name": "from",
    "fields": [{"key": key, "type": "string"} for key in ("First Name", "Age", "Country", "Note")],
}
TO: Mapping[str, Json] = {
    "name": "to",
    "fields": [
        {"key": "firstName", "type": "string", "label": "First name"},
        {"key": "age", "type": "number"},
        {"key": "country", "type": "enum", "config": OPTIONS},
    ],
}
ROWS: list[dict[str, Json]] = [
    {"First Name": "Ann", "Age": "30", "Country": "Germany", "Note": "a-1"},
    {"First Name": "Bob", "Age": "x", "Country": "fr"},
    {"Country": "Mars", "Note": "c-3"},
]


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    """Return what runs regular expressions."""
    with Scripts(ScriptLimits()) as runner:
        yield runner


@pytest.fixture
def house(database: Database, tmp_path: Path, scripts: Scripts) -> JobsHouse:
    """Return a house on a fresh ledger; its commits have two records at most."""
    return JobsHouse.build(database, tmp_path, scripts, commit_records=2)


@pytest.fixture
def sqlite_house(sqlite_database: Database, tmp_path: Path, scripts: Scripts) -> JobsHouse:
    """Return a house for what does not depend on the kind of database."""
    return JobsHouse.build(sqlite_database, tmp_path, scripts, commit_records=2)


def _mapping(
    house: JobsHouse, *, to: Mapping[str, Json] = TO, rules: Json = None, **more: Any
) -> tuple[Job, Sheet, Sheet]:
    """Return a map job and its two sheets, the first with records in it."""
    book, [source] = house.workbook(FROM, name="[file] people")
    _, [destination] = house.workbook(to, name="main")
    house.insert(source, ROWS)
    config: dict[str, Json] = {"sourceSheetId": source.id, "destinationSheetId": destination.id}
    if rules is not None:
        config["mappingRules"] = rules
    job = house.make(
        "workbook", "map", book.id, destination=destination.workbook_id, config=config, managed=True, **more
    )
    return job, source, destination


def _planned(house: JobsHouse, job: Job) -> None:
    """Let the engine build the plan, as it does after the job was made."""
    run_id = house.newest_run()
    assert run_id != job.run_id
    house.run(plan_activity(house.desks), run_id)


def test_an_immediate_job_builds_its_plan_and_executes_it(house: JobsHouse) -> None:
    """Names are matched, values of enums translated, types converted; what does not fit becomes an error there."""
    job, _, destination = _mapping(house)
    house.act(job, mapping.operate)
    done = house.job(job)
    assert (done.status, done.result) == (JobStatus.COMPLETE, {"recordsRead": 3, "recordsWritten": 3})
    records = house.whole_records(destination)
    assert [dict(record.values) for record in records] == [
        {"firstName": "Ann", "age": 30, "country": "de"},
        {"firstName": "Bob", "age": "x", "country": "fr"},
        {"country": "Mars"},
    ]
    assert [record.valid for record in records] == [True, False, False]
    _, plan = plans.get(house.desks.jobs, KEY, job.id)
    edges: Any = plan["fieldMapping"]
    assert [edge["sourceField"]["key"] for edge in edges] == ["First Name", "Age", "Country"]
    assert {edge["metadata"]["certainty"] for edge in edges} == {"strong"}


def test_a_mapping_that_is_cut_anywhere_goes_on_without_loss_or_doubles(house: JobsHouse) -> None:
    """Records and place are written together; the commits have the size that is allowed."""
    job, source, destination = _mapping(house)
    house.insert(source, [{"First Name": f"n{number}"} for number in range(4)])
    outcome, crashes = house.crashing(job, mapping.operate)
    assert outcome.output == {"recordsRead": 7, "recordsWritten": 7}
    assert crashes > 5
    assert [row.get("firstName") for row in house.records(destination)] == ["Ann", "Bob", None, "n0", "n1", "n2", "n3"]
    assert house.act(job, mapping.operate).output == outcome.output


def test_a_manual_job_waits_with_its_plan_for_somebody_to_change_it(house: JobsHouse) -> None:
    """Planning, with word of it; then the plan that was changed is what is done."""
    job, _, destination = _mapping(house, trigger=JobTrigger.MANUAL)
    _, nothing = plans.get(house.desks.jobs, KEY, job.id)
    assert nothing == {"fieldMapping": (), "unmappedSourceFields": (), "unmappedDestinationFields": ()}
    _planned(house, job)
    assert house.job(job).status is JobStatus.PLANNING
    _, plan = plans.get(house.desks.jobs, KEY, job.id)
    edges: Any = plan["fieldMapping"]
    note = {"sourceField": {"key": "Note"}, "destinationField": {"key": "firstName"}}
    plans.patch(house.desks.jobs, KEY, job.id, {"jobId": job.id, "fieldMapping": [note, *edges[1:]]})
    ready = house.execute(job)
    house.act(ready, mapping.operate)
    assert [row.get("firstName") for row in house.records(destination)] == ["a-1", None, "c-3"]


def test_a_plan_that_a_client_gives_first_wins(sqlite_house: JobsHouse) -> None:
    """The engine's own, which comes later, changes nothing of it."""
    house = sqlite_house
    job, _, _ = _mapping(house, trigger=JobTrigger.MANUAL)
    edge = {"sourceField": {"key": "Note"}, "destinationField": {"key": "firstName"}}
    given: dict[str, Json] = {"fieldMapping": [edge], "unmappedSourceFields": [], "unmappedDestinationFields": []}
    _, kept = plans.put(
        house.desks.jobs, KEY, job.id, {**given, "jobId": job.id, "fileId": "us_fl_x", "programId": "p1"}
    )
    run_id = house.newest_run()
    for _ in range(2):
        house.run(plan_activity(house.desks), run_id)
    after, plan = plans.get(house.desks.jobs, KEY, job.id)
    assert (after.status, plan) == (JobStatus.PLANNING, kept)
    assert plan["programId"] == "p1"
    assert "fileId" not in plan


def test_plans_of_jobs_that_have_none_and_of_other_statuses_are_refused(sqlite_house: JobsHouse) -> None:
    """Each with the key that the contract names."""
    house = sqlite_house
    job, _, _ = _mapping(house)
    desk = house.desks.jobs
    other = house.make("workbook", "submit", job.source, trigger=JobTrigger.MANUAL)
    empty: dict[str, Json] = {"fieldMapping": [], "unmappedSourceFields": [], "unmappedDestinationFields": []}
    calls: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: plans.get(desk, KEY, other.id), "plan"),
        (lambda: plans.put(desk, KEY, other.id, empty), "plan"),
        (lambda: plans.patch(desk, KEY, job.id, {}), "status"),
        (lambda: plans.patch(desk, KEY, job.id, {"jobId": other.id}), "jobId"),
    )
    for call, path in calls:
        with pytest.raises(Problem) as caught:
            call()
        assert [error.path for error in caught.value.fields] == [path]
    with pytest.raises(Problem) as caught:
        plans.patch(desk, KEY, job.id, {})
    assert caught.value.message == 'Cannot change the plan of a job in status "ready".'


def test_a_plan_may_bring_a_field_where_the_destination_allows_it(sqlite_house: JobsHouse) -> None:
    """It is text, like all that comes along with records."""
    house = sqlite_house
    job, _, destination = _mapping(house, to={**TO, "allowAdditionalFields": True}, trigger=JobTrigger.MANUAL)
    edge = {"sourceField": {"key": "Note"}, "destinationField": {"key": "note"}}
    plans.patch(house.desks.jobs, KEY, job.id, {"fieldMapping": [edge]})
    house.act(house.execute(job), mapping.operate)
    assert house.records(destination) == [{"note": "a-1"}, {}, {"note": "c-3"}]


RULES: Json = [
    {"type": "assign", "sourceField": "First Name", "destinationField": "firstName"},
    {"type": "constant", "destinationField": "firstName", "value": "German", "filter": "Country eq Germany"},
    {"type": "regex-extract", "sourceField": "Note", "regex": r"(?<=-)(\d)", "destinationFields": ["age"]},
    {"type": "arithmetic", "sourceFields": ["destination!age"], "destinationField": "age", "equation": "{0} * 2"},
]


@pytest.mark.turn_about
@pytest.mark.parametrize("where", ["config", "input"])
def test_rules_take_the_place_of_the_plan_wherever_they_stand(house: JobsHouse, where: str) -> None:
    """Clients for Node drop them from the configuration; filters are those of the records, regular expressions those of JavaScript."""
    more: dict[str, Any] = {"rules": RULES} if where == "config" else {"input": {"mappingRules": RULES}}
    job, _, destination = _mapping(house, **more)
    assert house.act(job, mapping.operate).failure is None
    assert house.records(destination) == [{"firstName": "German", "age": 2}, {"firstName": "Bob"}, {"age": 6}]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            {"type": "regex-extract", "sourceField": "Note", "regex": "(", "destinationFields": ["age"]},
            "regular expression '\\('",
        ),
        (
            {"type": "regex-extract", "sourceField": "Note", "regex": "^(a|a|-|.)*=$", "destinationFields": ["age"]},
            "regular expression",
        ),
        ({"type": "assign", "sourceField": "Gone", "destinationField": "age"}, "no field 'Gone'"),
        ({"type": "delete", "destinationField": "age", "filter": "Nobody eq 1"}, "Nobody"),
    ],
)
def test_rules_that_cannot_be_done_fail_the_job_with_the_reason(
    sqlite_house: JobsHouse, rule: Mapping[str, Json], words: str
) -> None:
    """A regular expression that would take for ever is stopped."""
    house = sqlite_house
    job, source, destination = _mapping(house, rules=[rule])
    house.insert(source, [{"Note": "a" * 40}])
    outcome = house.act(job, mapping.operate)
    assert outcome.failure is not None
    assert outcome.failure.code is Code.INVALID
    assert re.search(words, f"{outcome.failure.message} {outcome.failure.fields}")
    ended = house.job(job)
    assert ended.status is JobStatus.FAILED
    assert re.search(words, ended.info or ""), "people see nothing else of it"
    assert len(house.records(destination)) <= 2


def test_a_sheet_can_be_mapped_onto_itself(sqlite_house: JobsHouse) -> None:
    """What is written meanwhile is not read again."""
    house = sqlite_house
    book, [sheet] = house.workbook(FROM)
    house.insert(sheet, ROWS)
    config: dict[str, Json] = {"sourceSheetId": sheet.id, "destinationSheetId": sheet.id}
    job = house.make("workbook", "map", book.id, config=config)
    assert house.act(job, mapping.operate).output == {"recordsRead": 3, "recordsWritten": 3}
    assert house.records(sheet) == [*ROWS, *ROWS]


def test_places_of_removed_records_are_passed_over(sqlite_house: JobsHouse) -> None:
    """However many of them stand between two records."""
    house = sqlite_house
    job, source, destination = _mapping(house)
    house.insert(source, [{"First Name": f"n{number}"} for number in range(9)])
    house.remove(source, house.whole_records(source)[1:-1])
    assert house.act(job, mapping.operate).output == {"recordsRead": 2, "recordsWritten": 2}
    assert [row["firstName"] for row in house.records(destination)] == ["Ann", "n8"]


def test_a_retry_goes_on_behind_what_the_attempt_before_has_written(sqlite_house: JobsHouse) -> None:
    """Nothing is written twice, and what has come to the source since is mapped, too; the ledger counts for each attempt what it has moved."""
    house = sqlite_house
    rules: Json = [
        {"type": "regex-extract", "sourceField": "Note", "regex": "^(c|c|.)*=$", "destinationFields": ["firstName"]}
    ]
    job, source, destination = _mapping(house, rules=rules)
    house.insert(source, [{"Note": "c" * 40}])
    failed = house.act(job, mapping.operate)
    assert failed.failure is not None
    written = len(house.records(destination))
    assert written in {0, 2}
    assert (failed.figures.rows_read, failed.figures.rows_accepted) == (written, written)
    again = house.retry(job, {**(job.config or {}), "mappingRules": [RULES[0]]})  # type: ignore[index]  # the rules are a list
    mapped = house.act(again, mapping.operate)
    assert mapped.output == {"recordsRead": 4, "recordsWritten": 4}
    assert mapped.figures.rows_accepted == 4 - written
    assert len(house.records(destination)) == 4
