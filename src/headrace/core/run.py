"""Runs, activity runs, batches: what the ledger keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.flow import Plan
from headrace.core.outcome import CodeSet, Failure, Figures, ReasonCount
from headrace.core.window import Window


class RunStatus(StrEnum):
    """Statuses of a run; the moves between them stand in ``core.transitions``."""

    QUEUED = "queued"
    """Accepted: it waits for its due time, for a worker, or for the flow's other runs."""
    RUNNING = "running"
    """A worker has it, and at least one activity can go on."""
    WAITING = "waiting"
    """A worker has it, and nothing can go on before a timer, a callback or a predecessor does."""
    CANCELLING = "cancelling"
    """Somebody asked for the end; what is running is being stopped."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Say whether nothing leaves this status."""
        return self in {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED}


class ActivityStatus(StrEnum):
    """Statuses of an activity run."""

    PENDING = "pending"
    """Its dependencies have not ended."""
    QUEUED = "queued"
    """It can start, and waits for room or for the pause before its next attempt."""
    RUNNING = "running"
    WAITING = "waiting"
    """A timer or somebody outside has to act."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Its dependencies ended otherwise than it asks for."""
    INACTIVE = "inactive"
    """Switched off in the plan."""
    CARRIED = "carried"
    """An earlier run of the group did it; its outcome is reused."""

    @property
    def is_final(self) -> bool:
        """Say whether nothing leaves this status."""
        return self not in {
            ActivityStatus.PENDING,
            ActivityStatus.QUEUED,
            ActivityStatus.RUNNING,
            ActivityStatus.WAITING,
        }


class RunKind(StrEnum):
    """What brought a run about."""

    ON_DEMAND = "on_demand"
    SCHEDULED = "scheduled"
    RETRY = "retry"
    REPLAY = "replay"
    """Corrected rejects of a batch, played again."""


BODY = "body"
"""The kind of the rows that stand for one run of a container's body (an iteration, a branch)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The attempt at an activity, of another run, that a run was made by and that may wait for its end."""

    run_id: str
    path: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a flow.

    ``group_id`` is the first run's id (its own for a first run); ``retry_of`` the run it was made from. ``attempt`` counts the group's
    runs from 1. ``definition`` is the flow's plan as it was when the run was asked for, ``plan`` what ``plan_run`` decided (encoded
    ``RunPlan``). ``due_at``: not to be started before. ``priority``: smaller goes first. ``request_key`` makes creation safe to repeat.
    ``details`` are the door's own facts; nothing in the engine reads them. Figures are the sums over its activities. ``caller``: whoever it
    was made by is told of its end. ``exclusive``: no other run of its group goes on beside it (the ledger refuses a second one).
    """

    id: str
    scope: str
    flow_id: str
    flow_name: str
    kind: RunKind
    group_id: str
    definition: Plan
    created_at: Instant
    retry_of: str | None = None
    attempt: int = 1
    status: RunStatus = RunStatus.QUEUED
    reason: Failure | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    window: Window | None = None
    plan: Mapping[str, Json] = field(default_factory=dict)
    due_at: Instant | None = None
    priority: int = 100
    request_key: str | None = None
    created_by: str = ""
    details: Mapping[str, Json] = field(default_factory=dict)
    figures: Figures = Figures()
    revision: int = 1
    updated_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    caller: Caller | None = None
    exclusive: bool = True


@dataclass(frozen=True, slots=True)
class ActivityRun:
    """One execution of one activity in one run, at one path, one attempt.

    Activities of the flow's own plan have their name as path, and no ``parent``. Those inside a container have the path of the body that they
    are in (``parent``: ``Each/3``, ``Check/true``) before their name; a body has a row of its own, of kind ``body``, whose parent is the container.
    ``state`` is what a waiting activity or a container goes on with (``core.task``), ``wake_at`` when it is to be gone on with by the clock, or
    when a further attempt may start. ``details`` are the door's own facts about the attempt (its evaluated input).

    ``epoch`` counts the claims of this attempt: a worker that took it over has a higher one, and only the highest may write.
    ``lost`` counts those claims whose predecessor was lost, not stopped; only the store writes it.
    ``carried_from`` is the id of the run whose outcome is reused. ``progress`` are the figures so far, while it runs.
    """

    run_id: str
    path: str
    attempt: int
    kind: str
    status: ActivityStatus
    fingerprint: str
    epoch: int = 0
    worker_id: str | None = None
    commit_key: str | None = None
    carried_from: str | None = None
    verdict: str = "run"
    verdict_reason: str = ""
    output: Mapping[str, Json] = field(default_factory=dict)
    figures: Figures = Figures()
    failure: Failure | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    parent: str = ""
    state: Mapping[str, Json] | None = None
    wake_at: Instant | None = None
    details: Mapping[str, Json] = field(default_factory=dict)
    lost: int = 0


class BatchStatus(StrEnum):
    """Statuses of a batch."""

    STAGING = "staging"
    COMMITTED = "committed"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one promotion.

    ``replay_of`` is the batch whose rejects it played again. ``resolved`` counts rejects of this batch that a replay has accepted since:
    what is still rejected is ``figures.rows_rejected - resolved``. ``reverted_at``: when its rows were taken back out of the table.
    """

    id: str
    scope: str
    run_id: str
    path: str
    table: str
    status: BatchStatus
    commit_key: str
    created_at: Instant
    updated_at: Instant
    version: int | None = None
    figures: Figures = Figures()
    rejects: tuple[ReasonCount, ...] = ()
    warnings: tuple[ReasonCount, ...] = ()
    diagnostics: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    failure: Failure | None = None
    replay_of: str | None = None
    resolved: int = 0
    code_sets: tuple[CodeSet, ...] = ()
    reverted_at: Instant | None = None


class RejectCode(StrEnum):
    """Why a row was not accepted, or what a warning was; doors have their own names for these."""

    UNREADABLE = "unreadable"
    """The row could not be parsed: broken JSON, an unclosed quote, a wrong number of columns, bad bytes."""
    REQUIRED = "required"
    """A required column is null although no transformation failed."""
    TRANSFORM = "transform"
    """A transform error made a column null: a warning, or a reject where the column is required."""
    TYPE = "type"
    """A value cannot become the column's type."""
    ENUM = "enum"
    FORMAT = "format"
    PATTERN = "pattern"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    MIN_LENGTH = "min_length"
    MAX_LENGTH = "max_length"
