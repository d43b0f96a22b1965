"""What the engine reads out of a run's rows, and the small values that it hands on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from headrace.core import codec
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Plan
from headrace.core.landing import Landing
from headrace.core.outcome import BatchReport, Failure, Figures
from headrace.core.planning import PlannedActivity
from headrace.core.progress import culprits
from headrace.core.run import ActivityRun, ActivityStatus, Batch, BatchStatus, Run
from headrace.store import watermarks
from headrace.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that goes on. ``settled``: what was decided before it began. ``first``: nothing of it was done before now."""

    run: Run
    settled: Mapping[str, ActivityStatus]
    first: bool


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at one activity of a run."""

    run: Run
    activity: Activity
    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended; ``again``: the policy wants another one."""

    status: ActivityStatus
    attempt: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this worker may do. ``inputs`` are the outputs of what the activity depends on, directly or not, by path.

    ``lost``: how many workers were lost while they had it.
    """

    epoch: int
    inputs: Mapping[str, Mapping[str, Json]]
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run whose activities have all ended, with these statuses."""

    run: Run
    statuses: Mapping[str, ActivityStatus]


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt's end as it was written. ``following``: what was claimed in the same transaction; ``run_ended``: the run ended in it."""

    ended: Ended
    following: Claimed | Ended | None = None
    run_ended: bool = False


def newest_rows(rows: Iterable[ActivityRun]) -> dict[str, ActivityRun]:
    """Return the newest attempt at each path."""
    newest: dict[str, ActivityRun] = {}
    for row in sorted(rows, key=lambda row: row.attempt):
        newest[row.path] = row
    return newest


def planned_of(chance: Try) -> PlannedActivity | None:
    """Return what the planner decided about the activity."""
    for planned in chance.run.plan.get("activities", ()):  # type: ignore[union-attr]  # an encoded RunPlan
        if planned["path"] == chance.activity.name:  # type: ignore[index,call-overload]  # the same
            return codec.decode(PlannedActivity, planned, what="the run's plan")
    return None


def row_of(rows: Iterable[ActivityRun], chance: Try) -> ActivityRun:
    """Return the row of the attempt."""
    for row in rows:
        if row.path == chance.activity.name and row.attempt == chance.attempt:
            return row
    raise Problem(
        Code.INTERNAL, f"run {chance.run.id} has no attempt {chance.attempt} of {chance.activity.name!r} in the ledger"
    )


def ended_of(rows: Iterable[ActivityRun], chance: Try) -> Ended | None:
    """Return how the attempt ended; None: it has not."""
    rows = list(rows)
    row = row_of(rows, chance)
    if not row.status.is_final:
        return None
    newest = max(other.attempt for other in rows if other.path == row.path)
    return Ended(row.status, row.attempt, again=newest > row.attempt)


def batch_of(chance: Try, report: BatchReport, failure: Failure | None, now: Instant) -> Batch:
    """Return the batch that an activity reported, as the ledger keeps it."""
    replay_of = chance.run.details.get("replay_of")
    return Batch(
        id=report.batch_id,
        scope=chance.run.scope,
        run_id=chance.run.id,
        path=chance.activity.name,
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


def figures_of(rows: Iterable[ActivityRun]) -> Figures:
    """Return the sums of what the activities of a run moved, without those that an earlier run did.

    A row that one activity read from the source and another one from the landing is one row: where there are promotions, rows are read by them,
    and by copies only as far as these left rows out (skipped). So read = accepted + rejected + skipped holds for the run too.
    """
    done = [row.figures for row in rows if row.status is not ActivityStatus.CARRIED]
    total = reduce(Figures.plus, done, Figures())
    promoted = [figures for figures in done if figures.rows_accepted is not None]
    if not promoted:
        return total
    read = sum(figures.rows_read or 0 for figures in promoted)
    skipped = sum(figures.rows_skipped or 0 for figures in done if figures.rows_accepted is None)
    return replace(total, rows_read=read + skipped)


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


def reason_of(run: Run, statuses: Mapping[str, ActivityStatus], rows: Mapping[str, ActivityRun]) -> Failure | None:
    """Return why the run failed: the failure of the first activity that makes it so."""
    for path in culprits(run.definition, statuses):
        failure = rows[path].failure
        if failure is not None:
            return failure
    return None


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
