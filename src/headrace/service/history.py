"""A group's past as the planner reads it, from the rows that the ledger keeps."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from headrace.core.carrying import DONE, ORIGIN, newest_attempts, origin_of
from headrace.core.planning import PastActivity, PastRun, RunPlan, Verdict
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunKind
from headrace.service.outcomes import OutcomeLost
from headrace.service.runs import pending

GroupRows = Sequence[tuple[Run, Sequence[ActivityRun]]]
"""The runs of a group, oldest first, each with its activity runs."""


def past_runs(rows: GroupRows, lost: OutcomeLost, differs: Callable[[Run], str]) -> tuple[PastRun, ...]:
    """Return what the planner may know of the group's ``rows``, without replays of rejects, which are no tries of the flow.

    What stands inside of containers is planned when their bodies begin, and left out.
    ``differs`` says why no outcome of a run fits any more (its parameters were others), or ``""``.
    """
    return tuple(
        PastRun(
            run.id,
            run.status,
            tuple(_past(row, lost, differs(run)) for row in newest_attempts(activities) if not row.parent),
        )
        for run, activities in rows
        if run.kind is not RunKind.REPLAY
    )


def carried_or_pending(run: Run, run_plan: RunPlan, rows: GroupRows) -> tuple[ActivityRun, ...]:
    """Return the activity runs that ``run`` begins with: those carried over have the outcome of the run that did them."""
    done = {
        (past.id, row.path): row
        for past, activities in rows
        for row in newest_attempts(activities)
        if row.status in DONE
    }
    begun = []
    for row in pending(run, run_plan):
        planned = run_plan.by_path[row.path]
        if planned.verdict is Verdict.CARRY_OVER and planned.carried_from is not None:
            origin = done[planned.carried_from, row.path]
            begun.append(
                replace(
                    row,
                    status=ActivityStatus.CARRIED,
                    carried_from=planned.carried_from,
                    output=origin.output,
                    figures=origin.figures,
                    started_at=origin.started_at,
                    ended_at=origin.ended_at,
                    details={**origin.details, ORIGIN: origin_of(origin)},
                )
            )
        else:
            begun.append(row)
    return tuple(begun)


def _past(row: ActivityRun, lost: OutcomeLost, changed: str) -> PastActivity:
    because = changed if row.status in DONE else ""
    return PastActivity(
        path=row.path,
        status=row.status,
        fingerprint=row.fingerprint,
        commit_key=row.commit_key,
        reusable=not because,
        unusable_because=because,
        gone=lost(row) if row.status in DONE else "",
        carried_from=row.carried_from,
    )
