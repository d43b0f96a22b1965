"""A house of jobs: a ledger, time and ids that tests foresee, an environment with a workbook, and what listeners are told there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from fakes import CountingIds
from headrace.core.codec import Json
from headrace.core.job import Actor, Job
from headrace.core.job_limits import JobLimits
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.jobs import making
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.making import JobRequest
from headrace.store import jobs, resources
from headrace.store.database import Database
from headrace.store.job_tables import happenings
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


@dataclass(frozen=True)
class Told:
    """What listeners were told: the topic, of which job, and the payload."""

    topic: str
    job_id: str
    payload: dict[str, Json]
    row: dict[str, Json] = field(compare=False)


@dataclass(frozen=True)
class House:
    """A ledger with an environment in it."""

    desk: JobDesk
    clock: TickingClock

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
            return jobs.get(tx, SCOPE, job_id)

    def parts(self, parent_id: str) -> list[Job]:
        """Return the parts of a job."""
        with self.database.transaction() as tx:
            return jobs.parts_of(tx, parent_id)

    def told(self, after: int = 0) -> list[Told]:
        """Return all that listeners were told, in order, from the ``after``-th on."""
        with self.database.reading() as tx:
            rows = tx.rows(sa.select(happenings).order_by(happenings.c.written))
        return [Told(row["topic"], row["job_id"], row["body"]["payload"], dict(row)) for row in rows[after:]]

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
            resources.insert(tx, _resource(house, thing_id, kind))
    return house


def _resource(house: House, thing_id: str, kind: ResourceKind) -> Resource:
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
