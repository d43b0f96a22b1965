"""A house in which the engine does jobs: a ledger with a space, files and workbooks in it, and a clock that can blow a fuse.

A job's activity is called as a worker calls it. ``crashing`` calls it again and again, and lets it crash at the first, the second, the third … look
at the clock, until it comes through: so whatever it does is cut at every place and gone on with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fakes import CountingIds
from headrace.activities.jobs.working import Desks, Operation, working
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.job import Actor, Job, JobTrigger
from headrace.core.job_limits import JobLimits
from headrace.core.outcome import Figures, Outcome
from headrace.core.record import CommitWish, NewRecord, Record, RecordChange, Selection
from headrace.core.scripts import ScriptRunner
from headrace.core.task import Cancellation, Task, WorkFunction
from headrace.core.workspace import Resource, ResourceKind, Sheet
from headrace.dataplane.storage import Roots
from headrace.service.jobs import making, retrying, verbs
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.making import JobRequest
from headrace.service.jobs.verbs import JobChange
from headrace.service.records import writing
from headrace.service.records.desk import RecordDesk
from headrace.service.sealing import Sealer
from headrace.service.workspace import files, workbooks
from headrace.service.workspace.desk import WorkspaceDesk
from headrace.store import jobs, record_pages, resources, sheets
from headrace.store.database import Database
from headrace.store.tables import runs
from service.conftest import TickingClock

SCOPE = "jobs/us_acc_1/us_env_1"
SPACE = "us_sp_1"
KEY = Actor("us_key_1", SCOPE)


class Crash(BaseException):
    """The process is lost: nothing of ours catches that."""


class FusedClock(TickingClock):
    """A clock that crashes whoever looks at it for the n-th time, once."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 0

    def crash_at(self, look: int) -> None:
        """Crash at the ``look``-th look from now on."""
        self._left = look

    def now(self) -> Instant:
        """Return the present instant, or crash."""
        if self._left:
            self._left -= 1
            if self._left == 0:
                raise Crash
        return super().now()


@dataclass
class QuietContext:
    """A context of an activity that nobody looks at."""

    cancellation: Cancellation = field(default_factory=Cancellation)

    def progress(self, figures: Figures) -> None:
        """Forget the figures."""

    def evaluate(self, template: Json, *items: Json) -> Json:
        """Refuse: jobs have no expressions."""
        raise AssertionError((template, items))

    def note(self, details: Mapping[str, Json]) -> None:
        """Forget the details."""


class NoScripts:
    """Refuses to run scripts."""

    def __call__(
        self, script: str, keys: Sequence[str], records: Sequence[Record], cancellation: Cancellation | None = None
    ) -> list[RecordChange | None]:
        """Refuse."""
        raise AssertionError((script, keys, records, cancellation))

    def close(self) -> None:
        """Do nothing: nothing is running."""


@dataclass
class JobsHouse:
    """A ledger with a space in it, and the desks of those who work there."""

    desks: Desks
    clock: FusedClock
    database: Database
    cancellation: Cancellation = field(default_factory=Cancellation)

    @classmethod
    def build(cls, database: Database, folder: Path, scripts: ScriptRunner | None = None, **limits: Any) -> "JobsHouse":
        """Return a house on a fresh ledger; ``limits`` are those of jobs."""
        clock, ids, most = FusedClock(), CountingIds(), JobLimits(**limits)
        roots = Roots(
            landing=folder / "landing",
            lake=folder / "lake",
            quarantine=folder / "quarantine",
            work=folder / "work",
            file_roots=None,
        )
        roots.make()
        desk = JobDesk(database, clock, ids, most)
        desks = Desks(
            jobs=desk,
            workspace=WorkspaceDesk(database, clock, ids, Sealer([b"k" * 32]), roots, most, desk),
            records=RecordDesk(database, clock, ids, most),
            scripts=scripts or NoScripts(),
            work=roots.work,
        )
        house = cls(desks, clock, database)
        now = clock.now()
        with database.transaction() as tx:
            kind, name = ResourceKind.SPACE, "space"
            space = Resource(
                scope=SCOPE,
                kind=kind,
                id=SPACE,
                name=name,
                body={},
                created_by="me",
                created_at=now,
                updated_at=now,
                space_id=SPACE,
            )
            resources.insert(tx, space)
        return house

    def file(self, name: str, data: bytes) -> Resource:
        """Return a new file of the space; nothing is extracted of it yet."""
        file_id = f"us_fl_{name.replace('.', '')}"
        path = files.path(self.desks.workspace, file_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        with self.database.transaction() as tx:
            now = self.clock.now()
            return files.store_in(
                tx, self.desks.workspace, KEY, SPACE, name, files.IMPORT, len(data), now, file_id=file_id
            )

    def workbook(self, *configs: Mapping[str, Json], name: str = "book") -> tuple[Resource, list[Sheet]]:
        """Return a new workbook with its sheets."""
        return workbooks.create(self.desks.workspace, KEY, SPACE, {"name": name, "sheets": list(configs)})

    def insert(self, sheet: Sheet, rows: Sequence[Mapping[str, Json]]) -> None:
        """Write records."""
        wish = CommitWish(actor_id=KEY.id)
        writing.insert(self.desks.records, KEY, sheet.id, [NewRecord(row) for row in rows], wish)

    def remove(self, sheet: Sheet, records: Sequence[Record]) -> None:
        """Remove records."""
        ids = [record.id for record in records]
        writing.remove(self.desks.records, KEY, sheet.id, ids, CommitWish(actor_id=KEY.id))

    def make(self, type_: str, operation: str, source: str, **more: Any) -> Job:
        """Make a job of the engine that is to be done at once, unless ``more`` says otherwise."""
        asked = {"trigger": JobTrigger.IMMEDIATE, **more}
        return making.create(self.desks.jobs, KEY, JobRequest(type=type_, operation=operation, source=source, **asked))

    def retry(self, job: Job, config: Mapping[str, Json] | None = None) -> Job:
        """Make a job that has failed ready again, with another configuration if one is given."""
        again = retrying.retry(self.desks.jobs, KEY, job.id)
        if config is None:
            return again
        return verbs.patch(self.desks.jobs, KEY, job.id, JobChange(config=config))

    def execute(self, job: Job) -> Job:
        """Say that a job is to be done."""
        return verbs.execute(self.desks.jobs, KEY, job.id)

    def newest_run(self) -> str:
        """Return the id of the run that was made last."""
        with self.database.reading() as tx:
            return str(tx.scalar(sa.select(sa.func.max(runs.c.id))))

    def act(self, job: Job, operate: Operation) -> Outcome:
        """Do a job as a worker does."""
        return self.run(working(self.desks, operate), job.run_id)

    def run(self, function: WorkFunction, run_id: str) -> Outcome:
        """Call an activity function for a run."""
        task = Task(SCOPE, "flow", run_id, run_id, "work", 1, 1, "jobs", {}, f"{run_id}/work")
        return function(task, QuietContext(self.cancellation))

    def crashing(self, job: Job, operate: Operation) -> tuple[Outcome, int]:
        """Do a job with a crash at every look at the clock in turn; return how it ended, and how often it crashed."""
        for look in range(1, 1_000):
            self.clock.crash_at(look)
            try:
                outcome = self.act(job, operate)
            except Crash:
                continue
            self.clock.crash_at(0)
            return outcome, look - 1
        message = "it never comes to its end"
        raise AssertionError(message)

    def job(self, job: Job) -> Job:
        """Return a job as it is now."""
        with self.database.reading() as tx:
            return jobs.get(tx, SCOPE, job.id)

    def sheets_of(self, workbook_id: str) -> list[Sheet]:
        """Return the sheets of a workbook."""
        with self.database.reading() as tx:
            return sheets.of_workbook(tx, workbook_id)

    def records(self, sheet: Sheet) -> list[dict[str, Json]]:
        """Return the values of all records of a sheet."""
        return [dict(record.values) for record in self.whole_records(sheet)]

    def whole_records(self, sheet: Sheet) -> list[Record]:
        """Return all records of a sheet."""
        with self.database.reading() as tx:
            return record_pages.walk(tx, sheets.get(tx, SCOPE, sheet.id), Selection(), None, 1_000_000)

    def resource(self, resource_id: str, kind: ResourceKind = ResourceKind.FILE) -> Resource:
        """Return a resource as it is now."""
        with self.database.reading() as tx:
            return resources.get(tx, SCOPE, kind, resource_id)
