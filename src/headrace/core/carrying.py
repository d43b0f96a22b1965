"""How what earlier runs did becomes rows of a new run, for a flow's own plan and for the bodies of containers.

A row that is carried over keeps what the doors show of the attempt that it stands for (output, figures, details), and says in
``details["carried"]`` which that was: run, path and attempt of the one that really did it, however often it has been carried over since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.flow import Plan
from headrace.core.planning import PastActivity, RunPlan, Verdict
from headrace.core.run import ActivityRun, ActivityStatus

ORIGIN = "carried"
"""The name, among a row's details, of what says where it was carried over from."""
DONE = frozenset({ActivityStatus.SUCCEEDED, ActivityStatus.CARRIED})
"""The statuses of activities that did their work, in this run or in an earlier one."""


def newest_attempts(rows: Iterable[ActivityRun]) -> tuple[ActivityRun, ...]:
    """Return the newest attempt of each path, in the order in which the paths occur first."""
    newest: dict[str, ActivityRun] = {}
    for row in rows:
        known = newest.get(row.path)
        if known is None or row.attempt > known.attempt:
            newest[row.path] = row
    return tuple(newest.values())


def name_of(row: ActivityRun) -> str:
    """Return the name of the row's activity: its path without that of the body that it is in."""
    return row.path[len(row.parent) + 1 :] if row.parent else row.path


def past_activities(rows: Iterable[ActivityRun]) -> tuple[PastActivity, ...]:
    """Return how the activities of one level stood at the end of an earlier run, with their names as paths."""
    return tuple(
        PastActivity(
            path=name_of(row),
            status=row.status,
            fingerprint=row.fingerprint,
            commit_key=row.commit_key,
            carried_from=row.carried_from,
        )
        for row in newest_attempts(rows)
    )


def begun_rows(
    run_id: str, plan: Plan, planned: RunPlan, earlier: Sequence[ActivityRun], now: Instant, at: str = ""
) -> tuple[ActivityRun, ...]:
    """Return the rows with which a level begins: those of the flow's own plan, or (``at`` its path) of a body.

    ``planned`` is the planner's decision; ``earlier`` are the rows of the same level that were its history. What is carried over has ended,
    everything else is pending.
    """
    verdicts = planned.by_path
    done = {name_of(row).lower(): row for row in newest_attempts(earlier)}
    done |= {name_of(row): row for row in newest_attempts(earlier)}
    rows = []
    for activity in plan.in_order():
        verdict = verdicts[activity.name]
        row = ActivityRun(
            run_id=run_id,
            path=f"{at}/{activity.name}" if at else activity.name,
            attempt=1,
            kind=activity.kind,
            status=ActivityStatus.PENDING,
            fingerprint=activity.fingerprint,
            commit_key=verdict.commit_key,
            verdict=verdict.verdict,
            verdict_reason=verdict.reason,
            created_at=now,
            updated_at=now,
            parent=at,
        )
        if verdict.verdict is Verdict.CARRY_OVER:
            row = carried(row, done.get(activity.name) or done[activity.name.lower()], now)
        rows.append(row)
    return tuple(rows)


def carried(row: ActivityRun, done: ActivityRun, now: Instant) -> ActivityRun:
    """Return ``row``, which has not begun, as carried over from ``done``; one that did not succeed keeps the end that it had."""
    origin = origin_of(done)
    return replace(
        row,
        status=ActivityStatus.CARRIED if done.status in DONE else done.status,
        verdict=Verdict.CARRY_OVER,
        carried_from=str(origin["run_id"]),
        commit_key=done.commit_key,
        output=done.output,
        figures=done.figures,
        failure=done.failure,
        started_at=now,
        ended_at=now,
        details={**done.details, ORIGIN: origin},
    )


def carried_below(
    run_id: str, rows: Iterable[ActivityRun], before: str, at: str, now: Instant
) -> tuple[ActivityRun, ...]:
    """Return the rows below the path ``before`` of an earlier run as carried over, below ``at`` of the run ``run_id``; the newest of each path."""
    return tuple(
        carried(
            replace(
                row,
                run_id=run_id,
                path=at + row.path.removeprefix(before),
                parent=at + row.parent.removeprefix(before),
                attempt=1,
                epoch=0,
                worker_id=None,
                state=None,
                wake_at=None,
                created_at=now,
                updated_at=now,
            ),
            row,
            now,
        )
        for row in newest_attempts(rows)
    )


def origin_of(row: ActivityRun) -> Mapping[str, Json]:
    """Return which attempt the row stands for: the one that it was carried over from, or itself; ``run_id``, ``path`` and ``attempt``."""
    origin = row.details.get(ORIGIN)
    if isinstance(origin, Mapping):
        return origin
    return {"run_id": row.carried_from or row.run_id, "path": row.path, "attempt": row.attempt}
