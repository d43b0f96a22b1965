"""What the use cases of jobs need."""

from dataclasses import dataclass

from headrace.core.clock import Clock
from headrace.core.ids import Ids
from headrace.core.job_limits import JobLimits
from headrace.store.database import Database


@dataclass(frozen=True, slots=True)
class JobDesk:
    """What the use cases of jobs need; it holds nothing itself."""

    database: Database
    clock: Clock
    ids: Ids
    limits: JobLimits
