"""Jobs: units of work that somebody asks for, and that a listener outside or the engine does.

A job is a document with a state machine of its own (``core.job_moves``) that points to its newest run in the ledger. Each *attempt* at it is
a run; the runs of one job are a group. The words here are the core's; the doors have their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.core.clock import Instant
from headrace.core.codec import Json


class JobStatus(StrEnum):
    """Statuses of a job."""

    CREATED = "created"
    """It waits until somebody says that it is to be done."""
    PLANNING = "planning"
    """As ``CREATED``, with a plan that may be looked at and changed."""
    SCHEDULED = "scheduled"
    """It waits for its time."""
    WAITING = "waiting"
    """It waits for its predecessors, or for the part before it."""
    READY = "ready"
    """To be done: by a listener that takes it, or by the engine."""
    EXECUTING = "executing"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Say whether only a retry leaves this status."""
        return self in {JobStatus.COMPLETE, JobStatus.FAILED, JobStatus.CANCELLED}


class JobTrigger(StrEnum):
    """What makes a job ready."""

    MANUAL = "manual"
    """Somebody says so."""
    IMMEDIATE = "immediate"
    """That it was made."""


class PartExecution(StrEnum):
    """How the parts of a split job are done."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"


class EndedBy(StrEnum):
    """Who ended an attempt."""

    CLIENT = "client"
    ENGINE = "engine"
    TIMEOUT = "timeout"
    CANCEL = "cancel"
    PREDECESSOR = "predecessor"


class Verb(StrEnum):
    """What may be asked of a job, as refusals name it (``Cannot <verb> a job in status …``)."""

    EXECUTE = "execute"
    ACKNOWLEDGE = "acknowledge"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"
    SPLIT = "split"
    ACKNOWLEDGE_OUTCOME = "acknowledge the outcome of"
    CHANGE_PLAN = "change the plan of"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, and what that one may reach.

    ``id``: a key, a user, an agent, or ``SYSTEM``. ``scope``: ``jobs/<account>/<environment>``. ``space_id``: the only space that it may
    reach (None: all of the environment). ``request``: which request this is, so that no event of it goes out before its answer has
    (empty: there is none).
    """

    id: str
    scope: str
    space_id: str | None = None
    request: str = ""

    @property
    def account_id(self) -> str:
        """Return the account of its scope."""
        return account_of(self.scope)

    @property
    def environment_id(self) -> str:
        """Return the environment of its scope."""
        return environment_of(self.scope)


SYSTEM = "system"
"""The id of the actor when nobody asked: the engine and the timekeeper."""


def scope_of(account_id: str, environment_id: str) -> str:
    """Return the scope of an environment."""
    return f"jobs/{account_id}/{environment_id}"


def account_of(scope: str) -> str:
    """Return the account of the scope of an environment."""
    return scope.split("/")[1]


def environment_of(scope: str) -> str:
    """Return the environment of its scope."""
    return scope.split("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is now.

    ``type`` (file, workbook, sheet, …) and ``operation`` say what is to be done, ``source`` and ``destination`` with what. ``config``, ``input``,
    ``subject``, ``metadata``, ``result``, ``outcome``, ``part_data`` are kept verbatim (None: absent). ``engine``: the engine does it.
    ``announced``: somebody was told that it is ready (in this attempt). ``progress``: whole percents. ``attempt`` counts from 1, ``run_id`` is
    its run in the ledger.
    ``delivered_at``: when a listener first got word that this attempt is ready. ``deadline_at``: when the timekeeper acts, if nothing happens.
    ``executed``: somebody asked for a job that waits; it becomes ready by itself. ``plan``: the execution plan (None: it has none, or none yet).
    ``position``: where the engine goes on, written with each chunk. ``restarted_parts``: a retry made its parts ready anew, so it is not
    announced itself.
    """

    id: str
    scope: str
    type: str
    operation: str
    source: str
    status: JobStatus
    created_by: str
    created_at: Instant
    updated_at: Instant
    trigger: JobTrigger = JobTrigger.MANUAL
    engine: bool = False
    managed: bool = False
    announced: bool = False
    executed: bool = False
    restarted_parts: bool = False
    progress: int = 0
    info: str | None = None
    mode: str | None = None
    destination: str | None = None
    space_id: str | None = None
    file_id: str | None = None
    parent_id: str | None = None
    part: int | None = None
    part_execution: PartExecution | None = None
    predecessors: tuple[str, ...] = ()
    config: Mapping[str, Json] | None = None
    input: Mapping[str, Json] | None = None
    subject: Mapping[str, Json] | None = None
    metadata: Mapping[str, Json] | None = None
    result: Mapping[str, Json] | None = None
    outcome: Mapping[str, Json] | None = None
    part_data: Mapping[str, Json] | None = None
    plan: Mapping[str, Json] | None = None
    position: Mapping[str, Json] = field(default_factory=dict)
    attempt: int = 1
    run_id: str = ""
    started_at: Instant | None = None
    finished_at: Instant | None = None
    outcome_acknowledged_at: Instant | None = None
    estimated_at: Instant | None = None
    delivered_at: Instant | None = None
    deadline_at: Instant | None = None
    due_at: Instant | None = None
    revision: int = 1

    @property
    def is_part(self) -> bool:
        """Say whether it is a part of another job."""
        return self.parent_id is not None

    @property
    def name(self) -> str:
        """Return what is to be done, as listeners know it: ``sheet:submit``."""
        return f"{self.type}:{self.operation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAttempt:
    """One attempt at a job, as the ledger keeps it: frozen when it ended. ``ended_by`` None: it goes on."""

    job_id: str
    number: int
    run_id: str
    status: JobStatus
    progress: int = 0
    started_at: Instant | None = None
    finished_at: Instant | None = None
    info: str | None = None
    outcome: Mapping[str, Json] | None = None
    result: Mapping[str, Json] | None = None
    config: Mapping[str, Json] | None = None
    input: Mapping[str, Json] | None = None
    plan: Mapping[str, Json] | None = None
    ended_by: EndedBy | None = None
    actor_id: str | None = None
    notes: tuple[str, ...] = ()
    """What came too late to count, in words (a completion after the time-out)."""
