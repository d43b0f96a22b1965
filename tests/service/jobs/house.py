"""A house of jobs: a ledger, time and ids that tests foresee, an environment with a workbook, and what listeners are told there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from fakes import CountingIds
from headrace.core.clock import DAY, Instant
from headrace.core.codec import Json
from headrace.core.job import Actor, Job, JobStatus, JobTrigger
from headrace.core.job_limits import JobLimits
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.jobs import engine_side, making, verbs
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.making import JobRequest
from headrace.service.jobs.verbs import Ending, Sign
from headrace.store import activity_runs, job_attempts, jobs, resources
from headrace.store import runs as store_runs
from headrace.store.database import Database
from headrace.store.job_tables import happenings
from headrace.store.jobs import JobQuery
from headrace.store.tables import runs
from service.conftest import TickingClock

SCOPE = "jobs/us_acc_1/us_env_1"
SPACE = "us_sp_1"
WORKBOOK = "us_wb_1"
FILE = "us_fl_1"
KEY = Actor("us_key_1", SCOPE)
GUEST = Actor("us_ag_1", SCOPE, SPACE)
STRANGER = Actor("us_ag_2", SCOPE, "us_sp_2")
SUBMIT = JobRequest(type="workbook", operation="submit", source=WORKBOOK)
EXPORT = JobRequest(type="workbook", operation="export", source=WORKBOOK, config={"options": {}})
MAP = JobRequest(
    type="workbook",
    operation="map",
    source=WORKBOOK,
    config={"sourceSheetId": "us_sh_1", "destinationSheetId": "us_sh_2"},
)


RUN_STATUSES = {
    **dict.fromkeys(JobStatus, RunStatus.QUEUED),
    JobStatus.EXECUTING: RunStatus.RUNNING,
    JobStatus.COMPLETE: RunStatus.SUCCEEDED,
    JobStatus.FAILED: RunStatus.FAILED,
    JobStatus.CANCELLED: RunStatus.CANCELLED,
}
"""How the run of a listener's job stands."""
ACTIVITY_STATUSES = {
    **dict.fromkeys(JobStatus, ActivityStatus.WAITING),
    JobStatus.EXECUTING: ActivityStatus.RUNNING,
    JobStatus.COMPLETE: ActivityStatus.SUCCEEDED,
    JobStatus.CANCELLED: ActivityStatus.CANCELLED,
}


@dataclass(frozen=True)
class Told:
    """What listeners were told: the topic, of which job, and the payload."""

    topic: str
    job_id: str
    payload: dict[str, Json]
    context: dict[str, Json]
    row: dict[str, Any] = field(compare=False)


@dataclass(frozen=True)
class House:
    """A ledger with an environment in it."""

    desk: JobDesk
    clock: TickingClock
    scope: str = SCOPE

    @property
    def database(self) -> Database:
        """Return the ledger."""
        return self.desk.database

    def make(self, request: JobRequest = SUBMIT, actor: Actor = KEY, **changes: object) -> Job:
        """Make a job."""
        return making.create(self.desk, actor, replace(request, **changes))  # type: ignore[arg-type]  # a test's own fields

    def job(self, job_id: str) -> Job:
        """Return the job as it is."""
        with self.database.reading() as tx:
            return jobs.get(tx, self.scope, job_id)

    def standing(self, status: JobStatus, *, engine: bool = False) -> Job:
        """Make a job and bring it to ``status``, whatever it takes."""
        request = MAP if engine else SUBMIT
        job = self._begun(request, status)
        match status:
            case JobStatus.PLANNING:
                self._plan(job)
            case JobStatus.EXECUTING | JobStatus.COMPLETE | JobStatus.FAILED:
                self._end(job, status)
            case JobStatus.CANCELLED:
                verbs.cancel(self.desk, KEY, job.id)
        return self.job(job.id)

    def _begun(self, request: JobRequest, status: JobStatus) -> Job:
        match status:
            case JobStatus.SCHEDULED:
                return self.make(request, due_at=Instant(self.clock.now() + DAY), trigger=JobTrigger.IMMEDIATE)
            case JobStatus.WAITING:
                return self.make(request, predecessors=(self.make().id,))
            case JobStatus.CREATED | JobStatus.PLANNING:
                return self.make(request)
        return self.make(request, trigger=JobTrigger.IMMEDIATE)

    def _plan(self, job: Job) -> None:
        with self.database.transaction() as tx:
            if job.engine:
                run_id = tx.scalar(sa.select(sa.func.max(runs.c.id)))
                engine_side.planned(tx, self.desk, run_id, {"fieldMapping": []})
            else:
                # Listeners' jobs have no plan; what their verbs say of the status is looked at all the same.
                jobs.change(tx, job, replace(job, status=JobStatus.PLANNING))

    def _end(self, job: Job, status: JobStatus) -> None:
        if not job.engine:
            verbs.acknowledge(self.desk, KEY, job.id, Sign())
            if status is JobStatus.COMPLETE:
                verbs.complete(self.desk, KEY, job.id, Ending())
            elif status is JobStatus.FAILED:
                verbs.fail(self.desk, KEY, job.id, Ending())
            return
        with self.database.transaction() as tx:
            engine_side.claim(tx, self.desk, job.run_id)
            if status is JobStatus.COMPLETE:
                engine_side.finish(tx, self.desk, job.run_id, result={}, outcome=None)
            elif status is JobStatus.FAILED:
                engine_side.fail(tx, self.desk, job.run_id, message="no")

    def expect(self, topics: Sequence[str], work: Callable[[], object]) -> list[Told]:
        """Do ``work``, see that listeners are told of ``topics`` by it, and return what they are told."""
        before = len(self.told())
        work()
        told = self.told(before)
        assert [one.topic for one in told] == list(topics)
        return told

    def check_ledger(self) -> None:
        """See that every job's attempts are in the ledger as the jobs say, and that the runs of listeners stand as their jobs do."""
        with self.database.reading() as tx:
            found, _ = jobs.page(tx, self.scope, JobQuery(), 10_000, 0)
            for job in found:
                run = store_runs.get(tx, self.scope, job.run_id)
                ended = job_attempts.of_job(tx, job.id)
                assert [attempt.number for attempt in ended] == list(range(1, job.attempt + job.status.is_final))
                assert run.details["job"] == job.id
                if not job.engine:
                    assert run.status is RUN_STATUSES[job.status], job
                    rows = activity_runs.of_run(tx, run.id)
                    assert [row.status for row in rows] == [
                        ACTIVITY_STATUSES[job.status]
                    ] or job.status is JobStatus.FAILED
                elif job.status is JobStatus.CANCELLED:
                    assert run.status in {RunStatus.CANCELLED, RunStatus.CANCELLING}

    def parts(self, parent_id: str) -> list[Job]:
        """Return the parts of a job."""
        with self.database.transaction() as tx:
            return jobs.parts_of(tx, parent_id)

    def told(self, after: int = 0) -> list[Told]:
        """Return all that listeners were told, in order, from the ``after``-th on."""
        with self.database.reading() as tx:
            rows = tx.rows(sa.select(happenings).order_by(happenings.c.written))
        found = rows[after:]
        return [Told(r["topic"], r["job_id"], r["body"]["payload"], r["body"]["context"], dict(r)) for r in found]

    def topics(self, after: int = 0) -> list[str]:
        """Return the topics of it."""
        return [told.topic for told in self.told(after)]


def build(database: Database, ids: CountingIds, limits: JobLimits | None = None) -> House:
    """Return a house on a fresh ledger."""
    clock = TickingClock()
    house = House(JobDesk(database, clock, ids, limits or JobLimits()), clock)
    kinds = ((SPACE, ResourceKind.SPACE), (WORKBOOK, ResourceKind.WORKBOOK), (FILE, ResourceKind.FILE))
    with database.transaction() as tx:
        for thing_id, kind in kinds:
            resources.insert(tx, resource(house, thing_id, kind))
    return house


def resource(house: House, thing_id: str, kind: ResourceKind) -> Resource:
    """Return a thing of the workspace."""
    now = house.clock.now()
    return Resource(
        scope=SCOPE,
        kind=kind,
        id=thing_id,
        name=thing_id,
        body={},
        created_by="us_key_1",
        created_at=now,
        updated_at=now,
        parent_id=None if kind is ResourceKind.SPACE else SPACE,
        space_id=None if kind is ResourceKind.SPACE else SPACE,
        slug="crm" if kind is ResourceKind.SPACE else None,
    )


def ids_of(found: Sequence[Job]) -> list[str]:
    """Return the ids of jobs."""
    return [job.id for job in found]
