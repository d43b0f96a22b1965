"""Flows run now, by hand: each reads what is new, as its next run by itself would, and that one goes on from there."""

from collections.abc import Mapping
from dataclasses import replace

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Flow
from headrace.core.planning import PlanRequest, plan_run
from headrace.core.query import Order
from headrace.core.run import Run, RunStatus
from headrace.core.schedule import Unit, next_fire
from headrace.core.target import WriteMode
from headrace.core.window import Window
from headrace.service.delivered import watermark_key
from headrace.service.runs import RunRequest, first_run, key_in_use, once, pending, queue_run
from headrace.service.schedules import Firing, FiringDesk
from headrace.store import audit, flows, runs, schedules, watermarks
from headrace.store.database import Transaction
from headrace.store.runs import RunQuery
from headrace.store.schedules import Scheduled

_OPEN = frozenset(status for status in RunStatus if not status.is_final)
_NEWEST_FIRST = Order("created_at", descending=True)
_MOST = 20


def run_now(desk: FiringDesk, flow: Flow, request: RunRequest) -> Run:
    """Return a new run of ``flow``, made as its door makes them, or the one that an earlier request with the same key made.

    Without a window, it has the one that the flow's schedule would give it now, and the schedule goes on from its end; a flow of a flow file goes on
    from its watermark.

    Raises:
        Problem: ``ILLEGAL_STATE``: the flow is disabled, or nothing is new since the newest run; ``INVALID`` or ``UNKNOWN_FIELD``: parameters;
            ``STALE``: the flow is changed, or fired, at this moment; ``CONFLICT``: the key belongs to another request; what the door says.
    """
    now = desk.clock.now()
    make = desk.makers.get(flow.scope.partition("/")[0])
    if not flow.enabled:
        # Before its door looks for what it is made of.
        raise Problem(Code.ILLEGAL_STATE, f"flow {flow.name} ({flow.id}) is disabled; enable it to run it")
    made = Firing(flow.plan) if make is None else make(flow)
    asked = replace(
        request,
        details={**made.details, **request.details},
        parameters={**made.parameters, **request.parameters},
    )

    def write(tx: Transaction) -> Run:
        # Whoever fires a schedule, or changes its flow, holds it until the end.
        scheduled = schedules.get(tx, flow.scope, flow.id)
        if not flows.is_at(tx, flow):
            raise _at_this_moment(flow)
        run_id = desk.ids.uuid()
        wanted = asked if asked.window is not None else _with_window(tx, flow, asked, scheduled, run_id, now)
        current = replace(flow, plan=made.plan)
        run_plan = plan_run(current.plan, (), PlanRequest(run_id))
        run = first_run(current, wanted, now, run_id, run_plan)
        queue_run(tx, run, pending(run, run_plan))
        audit.record(tx, run.scope, run.created_by, "run.create", run.id, now)
        return run

    run = once(desk.database, flow.scope, request.request_key, now - request.request_key_lifetime, write)
    if run.flow_id != flow.id or run.retry_of is not None:
        raise key_in_use(run)
    return run


def _with_window(
    tx: Transaction, flow: Flow, asked: RunRequest, scheduled: Scheduled | None, run_id: str, now: Instant
) -> RunRequest:
    if scheduled is None:
        return _going_on(tx, flow, asked)
    if scheduled.schedule.unit is Unit.ONCE:
        return replace(asked, window=Window())
    window = _window_until(scheduled, now)
    if not schedules.advance(tx, scheduled, next_fire(scheduled.schedule, now), window, run_id, now):
        raise _at_this_moment(flow)
    return replace(asked, window=window)


def _window_until(scheduled: Scheduled, now: Instant) -> Window:
    """Return the window that a schedule's run has now: from the end of the newest one's on."""
    schedule, previous = scheduled.schedule, scheduled.window
    if previous is not None and previous.end is not None:
        if previous.end >= now:
            raise Problem(
                Code.ILLEGAL_STATE, "the newest run of this flow reads up to this moment: nothing is new since"
            )
        return previous.following(now)
    return Window(None if schedule.backfill or schedule.start >= now else schedule.start, now)


def _going_on(tx: Transaction, flow: Flow, asked: RunRequest) -> RunRequest:
    """Return the request with the window from the flow's watermark on, if its runs go on from one."""
    if not _selects_what_is_new(flow):
        return asked
    newest = runs.page(tx, RunQuery(scopes=(flow.scope,), flow_id=flow.id), _NEWEST_FIRST, _MOST).items
    keys = [key for run in newest if run.definition == flow.plan and (key := watermark_key(run)) is not None]
    if not keys:
        error = FieldError(
            "window", "is not given", "START and END, or run the flow's file once: its runs go on from there"
        )
        message = f"{flow.name} selects by a window, and no run of it has gone on from a watermark yet: {error}"
        raise Problem(Code.INVALID, message, (error,))
    for run in runs.page(
        tx, RunQuery(scopes=(flow.scope,), flow_id=flow.id, statuses=_OPEN), _NEWEST_FIRST, _MOST
    ).items:
        if watermark_key(run) == keys[0]:
            what = f"run {run.id} of {flow.name} is {run.status} and reads from the same watermark"
            raise Problem(Code.ILLEGAL_STATE, f"{what}; wait for its end, or give a window")
    reached = watermarks.get(tx, flow.scope, flow.id, keys[0])
    details: Mapping[str, Json] = {**asked.details, "watermark": {"key": keys[0]}}
    return replace(asked, window=Window(None if reached is None else reached.value, None), details=details)


def _selects_what_is_new(flow: Flow) -> bool:
    """Say whether what the flow copies is selected by a window, and laid to what is there already."""
    found = False
    for activity in flow.plan.activities:
        source, target = activity.settings.get("source"), activity.settings.get("target")
        if isinstance(target, Mapping) and target.get("mode") == WriteMode.OVERWRITE.value:
            return False
        if activity.kind == "copy" and isinstance(source, Mapping):
            found = found or bool(source.get("delta") or source.get("by_modification_time"))
    return found


def _at_this_moment(flow: Flow) -> Problem:
    return Problem(
        Code.STALE, f"flow {flow.name} is being changed, or run by its schedule, at this moment; look at it again"
    )
