"""What the ledger is told that an operation has moved, however it ended."""

from pathlib import Path

from headrace.activities.jobs import find_replace
from headrace.activities.jobs.operations import OPERATIONS
from headrace.activities.jobs.working import Done, Work
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.outcome import Figures
from headrace.service.jobs import verbs
from headrace.store.database import Database
from jobs_house import KEY, JobsHouse


def test_each_operation_counts_what_it_has_moved(sqlite_database: Database, tmp_path: Path) -> None:
    """Records looked at, changed and left alone, and files; asked again after its end, it says the same."""
    house = JobsHouse.build(sqlite_database, tmp_path, commit_records=2)
    _book, (sheet,) = house.workbook({"name": "S", "slug": "s", "fields": [{"key": "a", "type": "string"}]})
    house.insert(sheet, [{"a": "one"}, {"a": "once"}, {"a": "two"}])
    counted = {"rows_rejected": 0, "rows_skipped": 0}
    expected: list[tuple[str, dict[str, Json], Figures]] = [
        ("find-replace", {"fieldKey": "a", "find": "on"}, Figures(rows_read=2, rows_accepted=2, **counted)),
        ("export", {"options": {}}, Figures(rows_read=3, rows_accepted=3, files_written=1, **counted)),
        ("snapshot", {}, Figures()),
        ("delete-records", {"sheet": sheet.id, "filter": "all"}, Figures(rows_read=3, rows_accepted=3, **counted)),
    ]
    for operation, config, figures in expected:
        job = house.make("sheet", operation, sheet.id, config=config)
        operate = OPERATIONS["jobs_" + operation.replace("-", "_")]
        assert [house.act(job, operate).figures, house.act(job, operate).figures] == [figures, figures], operation


def test_what_a_cancelled_operation_has_committed_is_counted(sqlite_database: Database, tmp_path: Path) -> None:
    """Its changes stay, so the figures do."""
    house = JobsHouse.build(sqlite_database, tmp_path, commit_records=2)
    _book, (sheet,) = house.workbook({"name": "S", "slug": "s", "fields": [{"key": "a", "type": "string"}]})
    house.insert(sheet, [{"a": "one"}, {"a": "once"}, {"a": "two"}])
    config = {"sheetId": sheet.id, "fieldKey": "a", "find": "on", "replace": "in"}
    job = house.make("sheet", "find-replace", sheet.id, config=config)

    def cancelled(work: Work) -> Done:
        ended = find_replace.operate(work)
        verbs.cancel(house.desks.jobs, KEY, job.id, None)
        return ended

    outcome = house.act(job, cancelled)
    assert outcome.failure is not None
    assert outcome.failure.code is Code.CANCELLED
    assert outcome.figures == Figures(rows_read=2, rows_accepted=2, rows_rejected=0, rows_skipped=0)
