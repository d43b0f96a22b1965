"""What the engine reads out of a run's rows, and the small values that it hands on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from headrace.core import codec
from headrace.core.clock import Instant
from headrace.core.codec import Json, JsonObject
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Plan, Policy
from headrace.core.landing import Landing
from headrace.core.outcome import BatchReport, Expansion, Failure, Figures, Pause
from headrace.core.planning import PlanMode
from headrace.core.progress import culprits
from headrace.core.run import ActivityRun, ActivityStatus, Batch, BatchStatus, Run
from headrace.core.task import Resumed
from headrace.engine.bells import Bell
from headrace.store import watermarks
from headrace.store.database import Transaction

_MARKED = Failure(Code.INVALID, "The activity is inactive and marked as failed.")


@dataclass(frozen=True, slots=True)
class Repair:
    """The level of an earlier run, at ``path`` of it, whose work is gone on with. ``mode``: what is done for (``core.planning``)."""

    run_id: str
    path: str
    mode: PlanMode


@dataclass(frozen=True, slots=True)
class Level:
    """A list of activities at one place of a run: its own plan, or one run of a container's body.

    ``path`` is the body's (empty: the run's own plan), ``item`` what its loop is at (one, or none). ``around`` is the level that the container
    stands in. ``bell`` wakes what rests in it. ``repair``: the earlier work that it goes on with.
    """

    run: Run
    plan: Plan
    path: str = ""
    item: tuple[Json, ...] = ()
    around: "Level | None" = None
    bell: Bell = field(default_factory=Bell)
    repair: Repair | None = None

    def path_of(self, name: str) -> str:
        """Return the path of the activity ``name`` of this level."""
        return f"{self.path}/{name}" if self.path else name


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest attempt at an activity stands, and all that it is gone on with.

    ``enters`` is the run whose work inside of the activity is gone on with, ``previous_from`` the one whose finished slices may be taken
    (``core.planning``). ``policy`` None: nobody has evaluated it yet. ``pause`` and ``expansion``: what its function returned last; ``heard``: it
    was handed its signal. ``bodies_ended``: what it expanded to has ended, and its function is to be called again.
    """

    status: ActivityStatus
    attempt: int = 1
    commit_key: str = ""
    started_at: Instant | None = None
    wake_at: Instant | None = None
    details: Mapping[str, Json] = field(default_factory=dict)
    enters: str | None = None
    previous_from: str | None = None
    policy: Policy | None = None
    pause: Pause | None = None
    heard: bool = False
    expansion: Expansion | None = None
    bodies_ended: bool = False

    @property
    def has_bodies(self) -> bool:
        """Say whether bodies of it are to be run."""
        # A container may pause between its bodies; what it had expanded to last stays known.
        waits = self.status is ActivityStatus.WAITING and self.pause is None
        return waits and self.expansion is not None and not self.bodies_ended

    @property
    def is_paused(self) -> bool:
        """Say whether it rests until the clock or a signal wakes it."""
        return self.status is ActivityStatus.WAITING and self.pause is not None

    def state(self) -> JsonObject:
        """Return what a row keeps of it, beside its columns."""
        kept = {
            "enters": self.enters,
            "previous_from": self.previous_from,
            "policy": self.policy,
            "pause": None if self.pause is None else {"hears": self.pause.hears, "state": self.pause.state},
            "heard": self.heard or None,
            "expansion": self.expansion,
        }
        return {name: codec.encode(value) for name, value in kept.items() if value is not None}


def standing_of(row: ActivityRun) -> Standing:
    """Return how the attempt of ``row`` stands."""
    state = row.state or {}
    what = f"the state of {row.path!r} of run {row.run_id}"
    expansion, pause, policy = state.get("expansion"), state.get("pause"), state.get("policy")
    enters, previous = state.get("enters"), state.get("previous_from")
    return Standing(
        status=row.status,
        attempt=row.attempt,
        commit_key=row.commit_key or "",
        started_at=row.started_at,
        wake_at=row.wake_at,
        details=row.details,
        enters=enters if isinstance(enters, str) else None,
        previous_from=previous if isinstance(previous, str) else None,
        policy=None if policy is None else codec.decode(Policy, policy, what=what),
        pause=None if pause is None else codec.decode(Pause, pause, what=what),
        heard=bool(state.get("heard")),
        expansion=None if expansion is None else codec.decode(Expansion, expansion, what=what),
    )


def standings_of(level: Level, rows: Iterable[ActivityRun]) -> dict[str, Standing]:
    """Return how the activities of a level stand, by name. What the planner decided of the run's own ones stands in the run's plan."""
    newest = newest_rows(rows)
    planned = _planned(level.run) if level.path == "" else {}
    standings: dict[str, Standing] = {}
    for activity in level.plan.activities:
        row = newest.get(level.path_of(activity.name))
        if row is None:
            continue
        standing, decided = standing_of(row), planned.get(activity.name)
        if decided is not None:
            enters, previous = decided.get("enters"), decided.get("previous_from")
            standing = replace(
                standing,
                enters=enters if isinstance(enters, str) else None,
                previous_from=previous if isinstance(previous, str) else None,
            )
        standings[activity.name] = standing
    return standings


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that goes on, and how its own activities stand. ``signalled``: attempts, by path and number, that wait and have a signal."""

    level: Level
    standings: Mapping[str, Standing]
    first: bool
    signalled: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at one activity of a run."""

    level: Level
    activity: Activity
    standing: Standing

    @property
    def run(self) -> Run:
        """Return the run."""
        return self.level.run

    @property
    def path(self) -> str:
        """Return the activity's path."""
        return self.level.path_of(self.activity.name)

    @property
    def attempt(self) -> int:
        """Return the attempt's number, from 1."""
        return self.standing.attempt


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended; ``again``: how the next one stands that the policy wants."""

    status: ActivityStatus
    attempt: int
    again: Standing | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this worker may do. ``inputs`` are the outputs of what the activity depends on, directly or not, by name.

    ``lost``: how many workers were lost while they had it. ``resumed``: why its function is called again.
    """

    epoch: int
    started_at: Instant
    inputs: Mapping[str, Mapping[str, Json]]
    lost: int = 0
    resumed: Resumed | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a level whose activities have all ended, with these statuses."""

    level: Level
    statuses: Mapping[str, ActivityStatus]


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt's end as it was written. ``following``: what was claimed in the same transaction; ``level_end``: how its level ended in it."""

    ended: Ended
    following: Claimed | Ended | None = None
    level_end: ActivityStatus | None = None


def repair_of(run: Run) -> Repair | None:
    """Return what the run's own level goes on with: the run that it was made from."""
    mode = run.plan.get("mode")
    return None if run.retry_of is None or mode is None else Repair(run.retry_of, "", PlanMode(str(mode)))


def newest_rows(rows: Iterable[ActivityRun]) -> dict[str, ActivityRun]:
    """Return the newest attempt at each path."""
    newest: dict[str, ActivityRun] = {}
    for row in sorted(rows, key=lambda row: row.attempt):
        newest[row.path] = row
    return newest


def _planned(run: Run) -> dict[str, Mapping[str, Json]]:
    """Return what the planner decided about the run's own activities, by name, as it is kept."""
    decided = run.plan.get("activities", ())
    return {str(one["path"]): one for one in decided}  # type: ignore[union-attr,index,call-overload,misc]  # an encoded RunPlan


def row_of(rows: Iterable[ActivityRun], chance: Try) -> ActivityRun:
    """Return the row of the attempt."""
    for row in rows:
        if row.path == chance.path and row.attempt == chance.attempt:
            return row
    raise Problem(
        Code.INTERNAL, f"run {chance.run.id} has no attempt {chance.attempt} of {chance.path!r} in the ledger"
    )


def ended_of(rows: Iterable[ActivityRun], chance: Try) -> Ended | None:
    """Return how the attempt ended, out of the rows of its path; None: it has not."""
    rows = list(rows)
    row = row_of(rows, chance)
    if not row.status.is_final:
        return None
    newest = max(rows, key=lambda other: other.attempt)
    if newest.attempt == row.attempt:
        return Ended(row.status, row.attempt)
    known = chance.standing
    again = replace(standing_of(newest), enters=known.enters, previous_from=known.previous_from)
    return Ended(row.status, row.attempt, again)


def batch_of(chance: Try, report: BatchReport, failure: Failure | None, now: Instant) -> Batch:
    """Return the batch that an activity reported, as the ledger keeps it."""
    replay_of = chance.run.details.get("replay_of")
    return Batch(
        id=report.batch_id,
        scope=chance.run.scope,
        run_id=chance.run.id,
        path=chance.path,
        table=report.table,
        status=BatchStatus.COMMITTED if failure is None else BatchStatus.FAILED,
        commit_key=report.commit_key,
        created_at=now,
        updated_at=now,
        version=report.version,
        figures=report.figures,
        rejects=report.rejects,
        code_sets=report.code_sets,
        warnings=report.warnings,
        diagnostics=report.diagnostics,
        files=report.files,
        failure=failure,
        replay_of=replay_of if isinstance(replay_of, str) else None,
    )


def figures_of(moved: Iterable[tuple[ActivityStatus, Figures]]) -> Figures:
    """Return the sums of what the activities of a level moved, without those that an earlier run did.

    A row that one activity read from the source and another one from the landing is one row: where there are promotions, rows are read by them,
    and by copies only as far as these left rows out (skipped). So read = accepted + rejected + skipped holds for the run too.
    """
    done = [figures for status, figures in moved if status is not ActivityStatus.CARRIED]
    total = reduce(Figures.plus, done, Figures())
    promoted = [figures for figures in done if figures.rows_accepted is not None]
    if not promoted:
        return total
    read = sum(figures.rows_read or 0 for figures in promoted)
    skipped = sum(figures.rows_skipped or 0 for figures in done if figures.rows_accepted is None)
    return replace(total, rows_read=read + skipped)


def has_activity(plan: Plan, name: str) -> bool:
    """Say whether the plan has an activity of that name, at any depth; letter case does not matter."""
    wanted = name.casefold()
    return any(
        activity.name.casefold() == wanted or any(has_activity(body, name) for body in activity.bodies.values())
        for activity in plan.activities
    )


def upstream_of(plan: Plan, activity: Activity) -> tuple[str, ...]:
    """Return every activity that this one depends on, directly or not, in plan order."""
    by_name = plan.by_name
    reached: set[str] = set()
    open_ends = [dependency.activity for dependency in activity.depends_on]
    while open_ends:
        name = open_ends.pop()
        if name not in reached:
            reached.add(name)
            open_ends.extend(dependency.activity for dependency in by_name[name].depends_on)
    return tuple(other.name for other in plan.activities if other.name in reached)


def culprits_of(
    level: Level, statuses: Mapping[str, ActivityStatus], rows: Iterable[ActivityRun]
) -> list[tuple[str, ActivityRun]]:
    """Return the activities (name and newest attempt) that make a level failed, in plan order.

    Of those that are inactive and marked as failed, the mark is the failure.
    """
    newest = newest_rows(rows)
    found = [(name, newest[level.path_of(name)]) for name in culprits(level.plan, statuses)]
    found = [
        (name, replace(row, failure=_MARKED) if row.status is ActivityStatus.INACTIVE else row) for name, row in found
    ]
    return [(name, row) for name, row in found if row.failure is not None]


def advance_watermark(tx: Transaction, run: Run, rows: Iterable[ActivityRun], now: Instant) -> None:
    """Move the run's watermark, if it asks for that, to the end of the windows that it delivered (the least of them)."""
    wanted = run.details.get("watermark")
    key = wanted.get("key") if isinstance(wanted, Mapping) else None
    if not isinstance(key, str):
        return
    ends: list[Instant] = []
    for row in rows:
        value = row.output.get("landing")
        if value is None:
            continue
        window = codec.decode(Landing, value, what="the landing").window
        if window is None or window.end is None:
            return
        ends.append(window.end)
    if ends:
        watermarks.advance(tx, run.scope, run.flow_id, key, min(ends), run.id, now)


def by_end(failed: Iterable[tuple[str, ActivityRun]]) -> list[tuple[str, Failure]]:
    """Return the names and failures of activities in the order in which they ended."""
    ordered = sorted(failed, key=lambda one: one[1].ended_at or 0)
    return [(name, row.failure) for name, row in ordered if row.failure is not None]
