"""What others hear of an operation while it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headrace.activities.jobs import mutate
from headrace.core.clock import SECOND
from headrace.core.job import Job, JobStatus
from headrace.core.record import Record, RecordChange
from headrace.core.task import Cancellation
from headrace.store.database import Database
from jobs_house import JobsHouse


@dataclass
class SlowScripts:
    """Runs scripts that change nothing, and take two seconds a call; ``heard``: what the job says of itself by then."""

    house: JobsHouse | None = None
    job: Job | None = None
    heard: list[tuple[int, str | None]] = field(default_factory=list)

    def __call__(
        self, script: str, keys: Sequence[str], records: Sequence[Record], cancellation: Cancellation | None = None
    ) -> list[RecordChange | None]:
        """Let the time pass."""
        del script, keys, cancellation
        assert self.house is not None
        assert self.job is not None
        job = self.house.job(self.job)
        self.heard.append((job.progress, job.info))
        self.house.clock.advance(2 * SECOND)
        return [None] * len(records)

    def close(self) -> None:
        """Do nothing: nothing runs."""


def test_a_slow_script_is_heard_of_while_it_runs_through_one_chunk(sqlite_database: Database, tmp_path: Path) -> None:
    """Progress is told at least every two seconds of work, also where a chunk takes much longer."""
    scripts = SlowScripts()
    house = JobsHouse.build(sqlite_database, tmp_path, scripts)
    _book, (sheet,) = house.workbook({"name": "S", "fields": [{"key": "n", "type": "number"}]})
    house.insert(sheet, [{"n": number} for number in range(160)])
    job = house.make("sheet", "mutate-records", sheet.id, config={"sheetId": sheet.id, "mutateRecord": "r => r"})
    scripts.house, scripts.job = house, job
    house.act(job, mutate.operate)
    assert scripts.heard == [
        (percent, f"{done} of 160 records run through the script")
        for done, percent in ((0, 0), (40, 25), (80, 50), (120, 75))
    ]
    ended = house.job(job)
    assert (ended.status, ended.progress, ended.result) == (JobStatus.COMPLETE, 100, {"updated": 0, "unchanged": 160})
