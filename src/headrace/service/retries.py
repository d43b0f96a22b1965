"""Retries: a new run in the group of a run that has ended, which does what is left to do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headrace.core.clock import DAY, Clock, Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow, Plan
from headrace.core.ids import Ids
from headrace.core.outcome import Figures
from headrace.core.planning import PlanMode, PlanRequest, RunPlan, Verdict, plan_run
from headrace.core.run import Run, RunKind, RunStatus
from headrace.core.window import Window
from headrace.service.delivered import check_not_delivered_since
from headrace.service.history import GroupRows, carried_or_pending, past_runs
from headrace.service.outcomes import OutcomeLost
from headrace.service.runs import as_object, check_no_job, checked_parameters, key_in_use, once, queue_run
from headrace.store import audit, flows, runs
from headrace.store.database import Database, Transaction

_PREVIEW = "preview"
"""The run id that a plan is made for which no run follows: commit keys derived from it are never used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRequest:
    """How a run is retried.

    ``mode`` and ``activity`` are the planner's. ``definition`` overrules the flow's present plan. ``parameters`` (those that differ) and ``window``
    overrule those of the run that is retried; where they do differ, nothing is carried over. ``details`` None: those of the run
    that is retried. ``request_key`` as for ``RunRequest``. ``if_needed``: refused where nothing would be done.
    """

    created_by: str
    mode: PlanMode = PlanMode.FROM_FAILURE
    activity: str | None = None
    definition: Plan | None = None
    parameters: Mapping[str, Json] | None = None
    window: Window | None = None
    priority: int = 100
    request_key: str | None = None
    request_key_lifetime: int = 7 * DAY
    details: Mapping[str, Json] | None = None
    if_needed: bool = False


def preview_retry(
    database: Database, scope: str | None, run_id: str, request: RetryRequest, lost: OutcomeLost
) -> RunPlan:
    """Return what ``retry_run`` would do now, activity by activity with the reason; nothing is changed.

    Raises:
        Problem: as ``retry_run``.
    """
    with database.reading() as tx:
        run = runs.get(tx, scope, run_id)
        rows = runs.history(tx, run.group_id)
        flow = flows.get(tx, run.scope, run.flow_id)
        check_not_delivered_since(tx, run, rows)
    return _planned(run, rows, _wanted(run, flow, request), request, (lost, _PREVIEW))


def retry_run(  # noqa: PLR0913 — a use case and what it needs; the last two by keyword
    database: Database,
    scope: str | None,
    run_id: str,
    request: RetryRequest,
    lost: OutcomeLost,
    *,
    clock: Clock,
    ids: Ids,
) -> Run:
    """Return the new run that repairs the run ``run_id``: queued, in the same group, one attempt further.

    The disks are asked what is left before the transaction begins; should a landing be removed between, its activity says so.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: the run, or another one of its group, has not ended (the message names it), or the flow is
            disabled, or another run has delivered since what this one was to read, or it is a pipeline's or a job's, or nothing is left to do and
            that was asked; ``INVALID``: no such activity; ``UNKNOWN_FIELD`` or ``INVALID``: the parameters; ``CONFLICT``: the key belongs to another
            request.
    """
    now = clock.now()
    with database.reading() as tx:
        retried = runs.get(tx, scope, run_id)
        looked_at = _look(runs.history(tx, retried.group_id), lost)

    def make(tx: Transaction) -> Run:
        rows = runs.history(tx, retried.group_id)
        flow = flows.get(tx, retried.scope, retried.flow_id)
        wanted = _wanted(retried, flow, request)
        new_id = ids.uuid()
        run_plan = _planned(retried, rows, wanted, request, (looked_at, new_id))
        check_not_delivered_since(tx, retried, rows)
        if request.if_needed:
            check_needed(retried, run_plan)
        run = replace(_new_run(wanted, rows, run_plan, request, now), id=new_id)
        queue_run(tx, run, carried_or_pending(run, run_plan, rows))
        audit.record(tx, run.scope, request.created_by, "run.retry", run.id, now)
        return run

    run = once(database, retried.scope, request.request_key, now - request.request_key_lifetime, make)
    if run.retry_of != retried.id:
        raise key_in_use(run)
    return run


def check_needed(retried: Run, run_plan: RunPlan) -> None:
    """Refuse a retry that would do nothing.

    Raises:
        Problem: ``ILLEGAL_STATE``.
    """
    if all(planned.verdict is Verdict.CARRY_OVER for planned in run_plan.activities):
        message = (
            f"run {retried.id} succeeded, so nothing is left to do; begin with an activity, or do everything again"
        )
        raise Problem(Code.ILLEGAL_STATE, message)


def _look(rows: GroupRows, lost: OutcomeLost) -> OutcomeLost:
    """Return ``lost`` with its answers of now, so that no disk is waited for while the ledger is locked."""
    answers = {(row.run_id, row.path, row.attempt): lost(row) for _, activities in rows for row in activities}
    return lambda row: answers.get(
        (row.run_id, row.path, row.attempt), "nobody looked whether its outcome is there still"
    )


def _wanted(retried: Run, flow: Flow, request: RetryRequest) -> Run:
    """Return the retried run with the definition, the parameters and the window that it is to be done with now."""
    if not flow.enabled:
        raise Problem(Code.ILLEGAL_STATE, f"flow {flow.name} ({flow.id}) is disabled; enable it to retry its runs")
    parameters: Mapping[str, Json] = retried.parameters
    if request.parameters is not None:
        kept = {name: value for name, value in retried.parameters.items() if name in flow.parameters}
        parameters = checked_parameters(flow, {**kept, **request.parameters})
    return replace(
        retried,
        flow_name=flow.name,
        definition=request.definition or flow.plan,
        parameters=parameters,
        window=request.window or retried.window,
    )


def _planned(
    retried: Run, rows: GroupRows, wanted: Run, request: RetryRequest, made: tuple[OutcomeLost, str]
) -> RunPlan:
    lost, new_id = made
    check_no_job(retried, "retried")
    if retried.definition.dialect:
        what = f"run {retried.id} is one of the pipeline {retried.flow_name!r}"
        raise Problem(
            Code.ILLEGAL_STATE,
            f"{what}; runs of pipelines are not retried, but recovered by the door that they came through",
        )
    if retried.kind is RunKind.REPLAY:
        what = f"run {retried.id} plays rejected rows again"
        raise Problem(Code.ILLEGAL_STATE, f"{what}; play them again once more, or retry run {retried.retry_of}")
    if not retried.status.is_final:
        raise Problem(Code.ILLEGAL_STATE, f"run {retried.id} is {retried.status}; it can be retried when it has ended")
    active = [run for run, _ in rows if not run.status.is_final and run.kind is not RunKind.REPLAY]
    if active:
        raise Problem(
            Code.ILLEGAL_STATE,
            f"run {active[-1].id} of the same group is {active[-1].status}; a retry is possible when it has ended",
            context={"run_id": active[-1].id},
        )
    past = past_runs(rows, lost, lambda run: _difference(run, wanted))
    return plan_run(wanted.definition, past, PlanRequest(new_id, request.mode, request.activity))


def _difference(past: Run, wanted: Run) -> str:
    if dict(past.parameters) != dict(wanted.parameters):
        return "the parameters are others now"
    return "the window is another now" if past.window != wanted.window else ""


def _new_run(wanted: Run, rows: GroupRows, run_plan: RunPlan, request: RetryRequest, now: Instant) -> Run:
    return replace(
        wanted,
        kind=RunKind.RETRY,
        retry_of=wanted.id,
        attempt=1 + max(run.attempt for run, _ in rows),
        status=RunStatus.QUEUED,
        reason=None,
        plan=as_object(run_plan),
        due_at=None,
        priority=request.priority,
        request_key=request.request_key,
        created_by=request.created_by,
        details=wanted.details if request.details is None else request.details,
        figures=Figures(),
        revision=1,
        created_at=now,
        updated_at=now,
        started_at=None,
        ended_at=None,
        # Whoever has made the retried run was told of its end; this one is somebody else's.
        caller=None,
    )
