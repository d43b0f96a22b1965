"""One transaction about jobs: what it has in hand, and what listeners are told in it."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.flow import Flow
from headrace.core.happening import Happening, Place
from headrace.core.job import Actor, Job
from headrace.service.happenings.announce import happening_of
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.refusals import not_found, shown
from headrace.store import happenings, jobs
from headrace.store.database import Transaction
from headrace.store.places import place_of

_ID_KEYS = {
    "workbook": "workbook_id",
    "sheet": "sheet_id",
    "file": "file_id",
    "document": "document_id",
    "space": "space_id",
}
"""Under which id an unknown source stands in the context, by the job's type."""
_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended in this transaction, as it is now. ``gone``: it was removed."""

    job: Job
    gone: bool = False


@dataclass(slots=True)
class Work:
    """One transaction about jobs of one environment, which it holds.

    ``ended``: whose end has not been followed up yet (``moving.follow``): parts, parents and jobs that wait behind them. ``telling``: what listeners
    are to be told, in its order; it is written at the end, all at once. ``over``: ids of the jobs that this transaction has ended; nothing begins
    them again in it.
    """

    tx: Transaction
    desk: JobDesk
    actor: Actor
    now: Instant
    ended: deque[Ended] = field(default_factory=deque)
    telling: list[Happening] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    places: dict[str, Place | None] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)

    def hold(self, job_id: str) -> Job:
        """Return a job that the actor may reach, held.

        Raises:
            Problem: ``NOT_FOUND``.
        """
        job = jobs.find(self.tx, job_id, hold=True)
        if job is None or job.scope != self.actor.scope:
            raise not_found()
        if self.actor.space_id is not None and job.space_id != self.actor.space_id:
            raise not_found()
        return job

    def change(self, before: Job, after: Job) -> Job:
        """Write what is another in ``after``, and return it as it is kept."""
        return jobs.change(self.tx, before, replace(after, updated_at=self.now))

    def place(self, thing_id: str) -> Place | None:
        """Return where a thing of the workspace is; None: there is no such thing in the environment."""
        if thing_id not in self.places:
            self.places[thing_id] = place_of(self.tx, self.actor.scope, thing_id)
        return self.places[thing_id]

    def tell(self, job: Job, topic: str, more: Mapping[str, Json] | None = None) -> None:
        """Tell listeners of ``job``; ``more`` stands in the payload beside what is always there (contract 9.5)."""
        ready = topic == READY
        happening = happening_of(
            self.desk.ids,
            self.now,
            self.actor,
            self._place_of(job),
            topic,
            {**payload(job), **({} if more is None else more)},
            data_url=self._data_url(job) if ready else None,
            run_id=job.run_id if ready else None,
        )
        self.telling.append(happening)

    def write_down(self) -> None:
        """Write down what listeners are told."""
        happenings.insert_all(self.tx, self.telling, self.actor.request)
        self.telling.clear()

    def _data_url(self, job: Job) -> str | None:
        """Return where the records are that a job is about, for its happening to fill in; None: it is about no sheet.

        Listeners ask there with keys of their own: who made the job leads them to nothing that is not a sheet, nor out of the job's space.
        """
        sheet = sheet_named(job)
        if sheet is None or _ID.fullmatch(sheet) is None:
            return None
        place = self.place(sheet)
        if place is not None and job.space_id not in {None, place.space_id}:
            return None
        return f"v1/sheets/{sheet}/records?for={{event}}"

    def _place_of(self, job: Job) -> Place:
        found = self.place(job.source)
        if found is None:
            more = {"appId": job.source} if job.type == "app" else {}
            unknown = Place(scope=job.scope, job_id=job.id, space_id=job.space_id, more=more)
            known: dict[str, Any] = {_ID_KEYS[job.type]: job.source} if job.type in _ID_KEYS else {}
            return replace(unknown, **known)
        return replace(found, job_id=job.id, space_id=found.space_id or job.space_id)


CREATED = "job:created"
SCHEDULED = "job:scheduled"
READY = "job:ready"
UPDATED = "job:updated"
COMPLETED = "job:completed"
FAILED = "job:failed"
PARTS_COMPLETED = "job:parts-completed"
OUTCOME_ACKNOWLEDGED = "job:outcome-acknowledged"
DELETED = "job:deleted"


def payload(job: Job) -> dict[str, Json]:
    """Return what every happening about a job says of it."""
    said: dict[str, Json] = {
        "job": job.name,
        "domain": job.type,
        "operation": job.operation,
        "status": shown(job.status),
        "info": job.info,
        "isPart": job.is_part,
    }
    return said if job.input is None else {**said, "input": job.input}


def sheet_named(job: Job) -> str | None:
    """Return what a job calls the sheet that it is about; None: it is about none."""
    config = {} if job.config is None else job.config
    named = next((name for key in ("sheet", "sheetId") if isinstance(name := config.get(key), str) and name), None)
    return job.source if job.type == "sheet" else named
