"""Recoveries of pipelines: a new run in the group of another one, which does by the pipeline's present definition what that one has not done.

They differ from retries (``service.retries``) in what they look at: the run that is referred to and no other, ended or not. Runs of a group may
go on side by side here, so nothing is asked of the others. The door has checked the request, and made of it what the run is to be.
"""

from dataclasses import dataclass, replace

from headrace.core.carrying import begun_rows, past_activities
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Plan
from headrace.core.planning import PastRun, PlanMode, PlanRequest, RunPlan, plan_run
from headrace.core.run import ActivityRun, Run, RunKind
from headrace.service.runs import as_object, queue_run
from headrace.store import activity_runs, audit, runs
from headrace.store.database import Transaction

_PREVIEW = "preview"
"""The run id that a plan is made for which no run follows: commit keys derived from it are never used."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery does: ``ALL`` again, ``FROM_FAILURE``, or ``FROM_ACTIVITY`` the one named (it may stand inside of a container)."""

    mode: PlanMode = PlanMode.FROM_FAILURE
    activity: str | None = None


def recover_run(tx: Transaction, referenced_id: str, wanted: Run, recovery: Recovery) -> Run:
    """Write and queue ``wanted``, made as for a first run, as the recovery of the run ``referenced_id``; return it as it was written.

    It joins that run's group, one attempt further than the newest run of it, and may go on beside others. What is carried over has its rows at once
    (``core.carrying``); the referenced run is taken as it stands at this moment.

    Raises:
        Problem: ``NOT_FOUND``: no such run in the scope of ``wanted``; ``INVALID``: no such activity, or one that is switched off;
            ``CONFLICT``: the id of ``wanted`` is taken.
    """
    referenced, earlier = _look(tx, wanted.scope, referenced_id)
    if wanted.id == referenced.group_id:
        raise Problem(Code.CONFLICT, f"the run {wanted.id} exists already")
    run_plan = _plan(referenced, earlier, wanted.definition, recovery, wanted.id)
    run = replace(
        wanted,
        kind=RunKind.RETRY,
        group_id=referenced.group_id,
        retry_of=referenced.id,
        attempt=runs.last_attempt(tx, referenced.group_id) + 1,
        plan=as_object(run_plan),
        exclusive=False,
    )
    queue_run(tx, run, begun_rows(run.id, run.definition, run_plan, earlier, run.created_at))
    facts: dict[str, Json] = {"run_id": referenced.id, "mode": recovery.mode.value, "activity": recovery.activity}
    audit.record(tx, run.scope, run.created_by, "run.recover", run.id, run.created_at, facts)
    return run


def preview_recovery(tx: Transaction, scope: str, referenced_id: str, definition: Plan, recovery: Recovery) -> RunPlan:
    """Return what ``recover_run`` would do now, activity by activity with the reason; nothing is changed.

    What becomes of activities inside of containers is decided when their bodies begin.

    Raises:
        Problem: as ``recover_run``.
    """
    referenced, earlier = _look(tx, scope, referenced_id)
    return _plan(referenced, earlier, definition, recovery, _PREVIEW)


def _look(tx: Transaction, scope: str, run_id: str) -> tuple[Run, list[ActivityRun]]:
    referenced = runs.get(tx, scope, run_id)
    return referenced, activity_runs.of_parent(tx, referenced.id, "")


def _plan(referenced: Run, earlier: list[ActivityRun], definition: Plan, recovery: Recovery, run_id: str) -> RunPlan:
    history = (PastRun(referenced.id, referenced.status, past_activities(earlier)),)
    request = PlanRequest(run_id, recovery.mode, recovery.activity, as_it_stands=True)
    return plan_run(definition, history, request)
