"""Schedules: which flows are run by the clock, and the firing of what is due.

A due schedule is fired in one transaction: its row is changed by compare-and-set, its run written and queued. Any number of processes may fire, and
die at any line: a due time makes its run once. What was missed meanwhile is merged into one run (``core.schedule``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from headrace.core.clock import Clock, Instant
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow, Plan
from headrace.core.ids import Ids
from headrace.core.outcome import Failure
from headrace.core.planning import PlanRequest, plan_run
from headrace.core.run import ActivityStatus, Run, RunKind, RunStatus
from headrace.core.schedule import Due, Schedule, Unit, due, next_fire
from headrace.core.window import Window
from headrace.service.runs import RunRequest, first_run, pending, queue_run
from headrace.store import activity_runs, audit, flows, runs, schedules
from headrace.store.database import Database, Transaction
from headrace.store.schedules import Scheduled

_log = structlog.get_logger(__name__)

SCHEDULER = "headrace"
"""Under this name the audit has the runs that schedules make."""
AT_ONCE = 200
"""Schedules that one call fires at most."""
_LATER = frozenset({Code.UNAVAILABLE, Code.DISK_FULL})


@dataclass(frozen=True, slots=True)
class Firing:
    """What a flow's run executes, decided at the moment of firing. ``details`` are the door's own facts."""

    plan: Plan
    details: Mapping[str, Json] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)


Maker = Callable[[Flow], Firing]
"""Returns what a run of a flow executes now. Raises a ``Problem`` when the flow cannot be run any more (its mapping is gone): that fails the run."""


@dataclass(frozen=True, slots=True)
class FiringDesk:
    """What firing needs. ``makers``: one for each door, by the first segment of its scopes; a flow of another scope is run as it is kept."""

    database: Database
    clock: Clock
    ids: Ids
    makers: Mapping[str, Maker] = field(default_factory=dict)


def put_schedule(tx: Transaction, flow: Flow, schedule: Schedule | None, now: Instant) -> None:
    """Keep the schedule by which ``flow`` is run from now on (None: by none), in the transaction of the flow's change.

    While the flow is not enabled, its schedule is paused; what is missed meanwhile is merged into one run when it is enabled again. A changed
    schedule goes on from the window of the newest run.
    """
    kept = schedules.get(tx, flow.scope, flow.id)
    if schedule is None:
        if kept is not None:
            schedules.remove(tx, flow.scope, flow.id)
        return
    if kept is None:
        fresh = Scheduled(flow.scope, flow.id, schedule, flow.enabled, next_fire(schedule), None, None, 0)
        schedules.put(tx, fresh, now)
    elif kept.schedule != schedule or kept.enabled != flow.enabled:
        next_at = kept.next_at if kept.schedule == schedule else _due_after(schedule, kept.window)
        schedules.put(tx, replace(kept, schedule=schedule, enabled=flow.enabled, next_at=next_at), now)


def fire_due(desk: FiringDesk, limit: int = AT_ONCE) -> int:
    """Fire what is due, the longest due first; return how many runs were made (none: there is nothing more to do now).

    What one flow's run cannot be made of fails that run, and never holds up another flow's.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached.
    """
    with desk.database.reading() as tx:
        found = schedules.due(tx, desk.clock.now(), limit)
    made = 0
    for scheduled in found:
        try:
            made += _fire(desk, scheduled) is not None
        except Problem as problem:
            # The ledger is busy: this one is still due, and the next look finds it.
            _log.warning("a schedule could not be fired now", flow=scheduled.flow_id, problem=problem.message)
    return made


def fire(desk: FiringDesk, scope: str, flow_id: str) -> Run | None:
    """Return the run that the flow's schedule asks for now; None: it is not due, or somebody else fires it at this moment.

    Raises:
        Problem: ``UNAVAILABLE``.
    """
    with desk.database.reading() as tx:
        scheduled = schedules.get(tx, scope, flow_id)
    if scheduled is None or not scheduled.enabled or scheduled.next_at is None:
        return None
    return _fire(desk, scheduled) if scheduled.next_at <= desk.clock.now() else None


def next_due(database: Database, after: Instant) -> Instant | None:
    """Return the first moment after ``after`` at which some schedule is due, or None."""
    with database.reading() as tx:
        return schedules.next_due(tx, after)


def _fire(desk: FiringDesk, scheduled: Scheduled) -> Run | None:
    flow = _flow(desk, scheduled)
    if flow is None:
        return None
    made = _made(desk, flow)
    try:
        run = _write(desk, scheduled, flow, made)
    except Problem as problem:
        if problem.code in _LATER or isinstance(made, Failure):
            raise
        # What was made cannot be kept as a run: that is the run's failure, or it would be tried at every look, and hold up others.
        run = _write(desk, scheduled, flow, Failure.of(problem))
    if run is not None:
        crash_point("schedule-fired")
        _log.info("a schedule was fired", flow=flow.id, run=run.id, window=str(run.window))
    return run


def _write(desk: FiringDesk, scheduled: Scheduled, flow: Flow, made: Firing | Failure) -> Run | None:
    now = desk.clock.now()
    asked = due(scheduled.schedule, scheduled.window, now)
    with desk.database.transaction() as tx:
        # Whoever changes a flow holds its schedule until the end: what is seen of the two from here on belongs together.
        schedules.get(tx, flow.scope, flow.id)
        if not flows.is_at(tx, flow):
            # Changed or removed since the run was made of it: the next look finds what it is now.
            return None
        return _written(tx, desk, scheduled, (flow, made), asked, now)


def _flow(desk: FiringDesk, scheduled: Scheduled) -> Flow | None:
    """Return the flow, if it is there and enabled; a schedule that nobody has told of it is set right."""
    flow = _kept(desk, scheduled)
    if flow is not None and flow.enabled:
        return flow
    with desk.database.transaction() as tx:
        kept = schedules.get(tx, scheduled.scope, scheduled.flow_id)
        # The schedule as it was seen with the flow as it was seen: in between somebody may have enabled both.
        if kept is None or kept.revision != scheduled.revision:
            return None
        if flow is None:
            schedules.remove(tx, scheduled.scope, scheduled.flow_id)
        elif flows.is_at(tx, flow):
            put_schedule(tx, flow, scheduled.schedule, desk.clock.now())
    return None


def _kept(desk: FiringDesk, scheduled: Scheduled) -> Flow | None:
    try:
        with desk.database.reading() as tx:
            return flows.get(tx, scheduled.scope, scheduled.flow_id)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return None


def _made(desk: FiringDesk, flow: Flow) -> Firing | Failure:
    make = desk.makers.get(flow.scope.partition("/")[0])
    if make is None:
        return Firing(flow.plan)
    try:
        return make(flow)
    except Problem as problem:
        if problem.code in _LATER:
            raise
        return Failure.of(problem)
    except Exception as error:  # noqa: BLE001 — a bug of a door must not stop the clock for everybody: the flow's run fails with it
        _log.exception("a run could not be made of a flow", flow=flow.id)
        return Failure(Code.INTERNAL, f"no run could be made of the flow: {type(error).__name__}")


def _written(
    tx: Transaction,
    desk: FiringDesk,
    scheduled: Scheduled,
    of: tuple[Flow, Firing | Failure],
    asked: Due | None,
    now: Instant,
) -> Run | None:
    """Write that the schedule is fired, and its run; None: somebody else did, or nothing is due."""
    schedule = scheduled.schedule
    if asked is None:
        # The clock went back, or the schedule was changed: nothing is due before the next time.
        schedules.advance(
            tx, scheduled, _due_after(schedule, scheduled.window, now), scheduled.window, scheduled.run_id, now
        )
        return None
    flow, made = of
    run_id = desk.ids.uuid()
    # A run that stands alone has no end to hand on: it takes what there is when it reads.
    window = Window() if schedule.unit is Unit.ONCE else asked.window
    if not schedules.advance(tx, scheduled, _due_after(schedule, window, now), window, run_id, now):
        return None
    crash_point("schedule-advanced")
    request = RunRequest(scope=flow.scope, flow_id=flow.id, created_by=SCHEDULER, window=window, kind=RunKind.SCHEDULED)
    if isinstance(made, Failure):
        run = _failed(tx, flow, request, made, run_id, now)
    else:
        flow = replace(flow, plan=made.plan)
        request = replace(request, details=made.details, parameters=made.parameters)
        run_plan = plan_run(flow.plan, (), PlanRequest(run_id))
        run = first_run(flow, request, now, run_id, run_plan)
        queue_run(tx, run, pending(run, run_plan))
    audit.record(tx, run.scope, SCHEDULER, "run.create", run.id, now)
    return run


def _failed(tx: Transaction, flow: Flow, request: RunRequest, failure: Failure, run_id: str, now: Instant) -> Run:
    """Write a run that cannot begin, with the reason; its window counts as every other's, so a retry brings its rows."""
    run_plan = plan_run(flow.plan, (), PlanRequest(run_id))
    # What its parameters would have been does not matter any more.
    run = first_run(replace(flow, parameters={}), request, now, run_id, run_plan)
    runs.insert(tx, run)
    rows = pending(run, run_plan)
    activity_runs.insert_all(tx, [replace(row, status=ActivityStatus.CANCELLED, ended_at=now) for row in rows])
    runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.FAILED, now, reason=failure)
    return runs.get(tx, flow.scope, run.id)


def _due_after(schedule: Schedule, previous: Window | None, now: Instant | None = None) -> Instant | None:
    """Return when a schedule is due next whose newest run had the window ``previous``."""
    if previous is None:
        return next_fire(schedule, now)
    if schedule.unit is Unit.ONCE:
        return None
    bounds = [bound for bound in (previous.end, now) if bound is not None]
    return next_fire(schedule, max(bounds, default=None))
