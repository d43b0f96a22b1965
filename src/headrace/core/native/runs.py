"""Runs, as they are asked for and told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Blame, Code, FieldError
from headrace.core.outcome import Figures, ReasonCount
from headrace.core.planning import PlanMode, Verdict
from headrace.core.run import ActivityStatus, BatchStatus, RunKind, RunStatus
from headrace.core.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRuns:
    """Which runs a list has, newest first; what is not given does not narrow it down.

    ``scope``: a path with all that lies below it. ``flow``: an id or a name. ``since``/``until``: when they were made, half-open. ``rejects``: only
    runs with rejected rows, or only ones without. ``text``: what is searched for, in ids, flows' names, parameters' values and reasons.
    """

    status: tuple[RunStatus, ...] = ()
    scope: str | None = None
    flow: str | None = None
    kind: RunKind | None = None
    group: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    rejects: bool | None = None
    text: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something failed.

    ``blame``: who has to act. ``advice``: what a person may do about it, a sentence. ``label``: its name in a door's words.
    """

    code: Code
    blame: Blame
    message: str
    advice: str = ""
    label: str = ""
    fields: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """What lists show of a run.

    ``attempt``: its number in its group. ``figures.rows_rejected`` are the rows that were rejected; ``rejects_left`` those of them that no replay has
    accepted since. ``job``: the job that it is an attempt at. ``verbs``: what can be asked for now by who asks (``retry``, ``cancel``).
    ``caller``: the run that made it.
    """

    id: str
    scope: str
    flow: str
    flow_id: str
    status: RunStatus
    kind: RunKind
    group_id: str
    attempt: int
    created_at: Instant
    updated_at: Instant
    created_by: str = ""
    retry_of: str | None = None
    caller: str | None = None
    job: str | None = None
    due_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    reason: Reason | None = None
    window: Window | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    figures: Figures = Figures()
    rejects_left: int = 0
    verbs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """A page of runs. ``next``: the cursor of the next one. ``searched_until``: a free search looked no further back than this (None: at all)."""

    items: tuple[RunLine, ...]
    next: str | None = None
    searched_until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskThroughput:
    """Runs that ended, by time: ``buckets`` equal parts of the time from ``since`` until ``until`` (default: the last 24 hours until now)."""

    scope: str | None = None
    flow: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    buckets: int = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What ended in one part of the time, which begins at ``start``. ``with_rejects`` are among the succeeded ones."""

    start: Instant
    succeeded: int = 0
    with_rejects: int = 0
    failed: int = 0
    cancelled: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Runs by time, and how many are open now, by status. ``counted_since``: very many have ended; earlier ones were not counted (None: all were)."""

    buckets: tuple[Bucket, ...]
    width: int
    """Microseconds of a bucket."""
    open: Mapping[str, int] = field(default_factory=dict)
    counted_since: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRun:
    """A run: its id, the beginning of one, or ``@latest``."""

    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityLine:
    """One attempt at one activity of a run.

    ``depth``: how many containers it is in. ``verdict``/``verdict_reason``: what the planner decided, and why. ``carried_from``: the run that did it.
    ``wakes_at``: it waits until then; ``waits_for``: a sentence on what it waits for. ``lost``: how many workers were lost while they did it;
    another one took over each time.
    """

    path: str
    name: str
    kind: str
    status: ActivityStatus
    attempt: int
    parent: str = ""
    depth: int = 0
    verdict: Verdict = Verdict.RUN
    verdict_reason: str = ""
    carried_from: str | None = None
    created_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    wakes_at: Instant | None = None
    waits_for: str = ""
    worker: str | None = None
    figures: Figures = Figures()
    reason: Reason | None = None
    bodies: Mapping[str, int] = field(default_factory=dict)
    """Of a container: how many runs of its bodies there are, by status."""
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """A batch: the rows of one promotion."""

    id: str
    run_id: str
    activity: str
    table: str
    status: BatchStatus
    created_at: Instant
    version: int | None = None
    figures: Figures = Figures()
    rejects: tuple[ReasonCount, ...] = ()
    warnings: tuple[ReasonCount, ...] = ()
    rejects_left: int = 0
    replay_of: str | None = None
    reverted_at: Instant | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with what belongs to it.

    ``activities``: those of its own plan, every attempt, and what lies in containers as far as there is room (``MOST_ACTIVITIES``);
    ``more_activities``: there are more. ``group``: its group's runs, oldest first. ``definition``: its plan, as JSON, without secrets.
    ``details``: the door's own facts.
    ``parts``: runs that its activities made (pipelines that call others), newest first.
    """

    run: RunLine
    activities: tuple[ActivityLine, ...]
    batches: tuple[BatchLine, ...] = ()
    group: tuple[RunLine, ...] = ()
    parts: tuple[RunLine, ...] = ()
    definition: Mapping[str, Json] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)
    more_activities: bool = False
    revision: str = ""
    """Changes whenever something of this does."""


MOST_ACTIVITIES = 500
"""Activities that a run's view has at most; the others are asked for by ``ListActivities``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActivities:
    """Activities of a run: those in the container or body ``parent``; None: all of them, wherever. In the order of the plan."""

    run: str
    parent: str | None = None
    status: tuple[ActivityStatus, ...] = ()
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityList:
    """A page of activities."""

    items: tuple[ActivityLine, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskActivity:
    """One activity of a run. ``attempt`` None: its newest."""

    run: str
    path: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityView:
    """An attempt at an activity with its input and output, what is secret in them masked; long ones are cut (``is_cut``)."""

    line: ActivityLine
    run_id: str
    attempts: int
    input: Json = None
    output: Mapping[str, Json] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskLogs:
    """Log lines of a run, oldest first. ``activity``: of this path and what lies in it. ``level``: this one and worse. ``after``: a line's number."""

    run: str
    activity: str | None = None
    level: str = "debug"
    after: int = 0
    limit: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One thing that happened while a run was done. ``number`` grows within the run. ``fields``: what belongs to it, without secrets."""

    number: int
    at: Instant
    level: str
    message: str
    activity: str = ""
    attempt: int = 0
    fields: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogList:
    """Log lines. ``next``: the number to ask for more with. ``dropped``: lines that were not kept, since a run keeps so many."""

    items: tuple[LogLine, ...]
    next: int | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProblem:
    """One activity that did not succeed, and why."""

    activity: str
    attempt: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RunErrors:
    """Why a run did not succeed, or not wholly; rows by code and column, most first."""

    run: RunLine
    failures: tuple[RunProblem, ...] = ()
    rejects: tuple[ReasonCount, ...] = ()
    warnings: tuple[ReasonCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDiff:
    """What differs between two runs."""

    run: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs: ``what`` is a path such as ``parameters.day`` or ``activities.Load.duration``; values None: it is not there."""

    what: str
    left: Json = None
    right: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiff:
    """What differs between two runs, by kind; ``definition`` says which parts of which activities, ``durations`` are microseconds."""

    left: RunLine
    right: RunLine
    parameters: tuple[Difference, ...] = ()
    definition: tuple[Difference, ...] = ()
    figures: tuple[Difference, ...] = ()
    durations: tuple[Difference, ...] = ()
    statuses: tuple[Difference, ...] = ()
    errors: tuple[Difference, ...] = ()
    other: tuple[Difference, ...] = ()
    """Kind, window, who made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRetry:
    """How a run is retried. ``activity``: with ``from_activity``. ``parameters``: those that are to be others; None: none are.

    ``as_it_was``: with the definition that the run had, not with the flow's present one. ``request_key``: asking again with it makes no second run.
    """

    run: str
    mode: PlanMode = PlanMode.FROM_FAILURE
    activity: str | None = None
    parameters: Mapping[str, Json] | None = None
    as_it_was: bool = False
    request_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """What would become of one activity, and why."""

    path: str
    kind: str
    verdict: Verdict
    reason: str
    carried_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPlan:
    """What a retry would do now; nothing is changed. ``is_needed``: something would be done. ``command``/``call``: the same for a shell.

    ``activities``: names that a retry can begin with. ``parameters``: the run's own, to be changed.
    """

    run: RunLine
    mode: PlanMode
    planned: tuple[PlannedLine, ...]
    is_needed: bool
    command: str
    call: str
    activities: tuple[str, ...] = ()
    parameters: Mapping[str, Json] = field(default_factory=dict)
    modes: tuple[PlanMode, ...] = ()
    """The modes that this run can be retried in: a job has one only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskMany:
    """Several runs at once, at most ``MOST_AT_ONCE``. ``request_key``: asking again with it changes nothing more."""

    runs: tuple[str, ...]
    request_key: str | None = None


MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOfMany:
    """What became of one: the run that was made or changed, or why not."""

    run: str
    done: RunLine | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyTold:
    """What became of each, in the order of asking."""

    items: tuple[OneOfMany, ...]
