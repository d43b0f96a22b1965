"""Triggers: what makes runs of pipelines without being asked, and their trigger runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.core.clock import Instant
from headrace.core.codec import Json


class TriggerKind(StrEnum):
    """What a trigger fires on."""

    SCHEDULE = "schedule"
    """The occurrences of a recurrence."""
    TUMBLING = "tumbling"
    """Windows that tile the time."""
    FILES = "files"
    """Files that come into a store, or go from it."""
    EVENTS = "events"
    """Events that somebody posts."""


class TriggerState(StrEnum):
    """Whether a trigger fires."""

    STARTED = "started"
    STOPPED = "stopped"


class TriggerRunStatus(StrEnum):
    """How a trigger run stands."""

    WAITING = "waiting"
    """A window that is due; it has no place yet among those that go on at once."""
    BLOCKED = "blocked"
    """A window that is due, and waits for other windows."""
    RUNNING = "running"
    """A window whose pipeline run goes on, or is to be tried again."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Say whether nothing more happens by itself."""
        return self in {TriggerRunStatus.SUCCEEDED, TriggerRunStatus.FAILED, TriggerRunStatus.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger as it fires.

    ``id`` is another one when a trigger of the same name is made anew: what belongs to the first is not the second's. ``type`` is the door's word for
    it. ``definition`` is what its kind is encoded as (``Recurrence``, ``Tumbling``, …). ``cursor``: how far it has come, in the terms of its kind.
    ``next_at``: when it is to be looked at next (None: not by the clock). ``removed_until``: windows that ended by then may have been removed.
    ``blocked``: some of its windows wait for those of other triggers.
    """

    id: str
    scope: str
    name: str
    type: str
    kind: TriggerKind
    definition: Mapping[str, Json]
    state: TriggerState = TriggerState.STOPPED
    cursor: Mapping[str, Json] = field(default_factory=dict)
    next_at: Instant | None = None
    removed_until: Instant | None = None
    blocked: bool = False
    revision: int = 1

    @property
    def is_started(self) -> bool:
        """Say whether it fires."""
        return self.state is TriggerState.STARTED


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRun:
    """One occurrence, window or event of a trigger, and what became of it.

    ``key`` tells it from all others of its trigger. ``facts`` are what is shown of it. ``pipelines`` are the ids of the pipeline runs that it made
    last, by the names of the pipelines. ``run_id`` is that of a window's, ``values`` are the parameters of it, which every try has; ``attempt``
    counts the tries, ``try_at`` is when the next one is due. ``waits_since``: since when it waits for other windows, ``dependencies`` how it stands
    with them.
    """

    id: str
    scope: str
    trigger_id: str
    trigger_name: str
    trigger_type: str
    key: str
    status: TriggerRunStatus
    created_at: Instant
    updated_at: Instant
    ended_at: Instant | None = None
    message: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)
    pipelines: Mapping[str, str] = field(default_factory=dict)
    window_start: Instant | None = None
    window_end: Instant | None = None
    run_id: str | None = None
    values: Mapping[str, Json] | None = None
    attempt: int = 0
    try_at: Instant | None = None
    waits_since: Instant | None = None
    dependencies: Mapping[str, str] = field(default_factory=dict)


_TICKS_OF_EPOCH = 621_355_968_000_000_000
_LARGEST = 9_223_372_036_854_775_807


def trigger_run_id(at: Instant, chance: int) -> str:
    """Return an id for a trigger run made ``at`` a moment: those made later come first in order. ``chance`` tells those of one moment apart."""
    ticks = _TICKS_OF_EPOCH + at * 10
    return f"{_LARGEST - ticks:020d}{chance % 10**9:09d}CU{chance // 10**9 % 100:02d}"
