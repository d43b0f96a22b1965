"""Flows and what starts them, as they are asked for and told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.outcome import Figures
from headrace.core.run import RunStatus
from headrace.core.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlows:
    """Flows, newest first. ``text``: part of the name, or the beginning of an id."""

    scope: str | None = None
    text: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One run of a strip: what is seen of it at a glance."""

    run: str
    status: RunStatus
    created_at: Instant
    started_at: Instant | None = None
    ended_at: Instant | None = None
    figures: Figures = Figures()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowLine:
    """What lists show of a flow.

    ``last``: its newest runs, oldest first, at most ``STRIP``. ``success_rate``: the share of ``last`` that ended and succeeded; None: none ended.
    ``next_at``: when it is started next. ``starts``: by what, in words (``every hour``, ``2 triggers``). ``paused``: it would start, and is paused.
    ``verbs``: what can be asked for now by who asks (``run``, ``pause``, ``resume``).
    """

    id: str
    scope: str
    name: str
    enabled: bool
    activities: int
    last: tuple[Square, ...] = ()
    success_rate: float | None = None
    next_at: Instant | None = None
    starts: str = ""
    paused: bool = False
    verbs: tuple[str, ...] = ()


STRIP = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowList:
    """A page of flows."""

    items: tuple[FlowLine, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFlow:
    """A flow: its id or its name. ``scope``: where it is looked for; None: wherever the caller may look, and then it must be the only one."""

    flow: str
    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView:
    """A flow in full. ``history``: its newest runs, oldest first, at most ``HISTORY``, for charts. ``definition``: its plan, without secrets."""

    line: FlowLine
    history: tuple[Square, ...] = ()
    parameters: Mapping[str, Json] = field(default_factory=dict)
    definition: Mapping[str, Json] = field(default_factory=dict)
    watermark: Instant | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    schedules: tuple["ScheduleLine", ...] = ()


HISTORY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFlowRun:
    """A run of a flow, now."""

    flow: str
    scope: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    window: Window | None = None
    request_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSchedules:
    """What starts flows by itself: schedules of the Flow Service door, triggers of the Data Factory door. By when they are due."""

    scope: str | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLine:
    """One of them. ``kind``: ``schedule``, or the trigger's type. ``words``: when it starts, for people. ``state``: ``started`` or ``paused``.

    ``last_run``: the newest run that it made. ``problem``: why its last firing made none. ``verbs``: ``pause``, ``resume``.
    """

    id: str
    scope: str
    name: str
    kind: str
    words: str
    state: str
    flows: tuple[str, ...] = ()
    next_at: Instant | None = None
    last_run: str | None = None
    problem: str = ""
    verbs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleList:
    """A page of schedules."""

    items: tuple[ScheduleLine, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSchedule:
    """A schedule: its id, in its scope."""

    schedule: str
    scope: str
