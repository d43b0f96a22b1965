"""What writing records needs."""

from dataclasses import dataclass

from headrace.core.clock import Clock
from headrace.core.ids import Ids
from headrace.core.job_limits import JobLimits
from headrace.store.database import Database


@dataclass(frozen=True, slots=True)
class RecordDesk:
    """Where records are written, and when."""

    database: Database
    clock: Clock
    ids: Ids
    limits: JobLimits
