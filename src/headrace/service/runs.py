"""Runs: ask for one, look at it, stop it, complete what it waits for.

Asking for a run is one transaction: the run, its activity runs and its place in the queue are there together or not at all. Workers
find it in the database only; nothing here calls the engine.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from typing import cast

from headrace.core import messages
from headrace.core.clock import DAY, Clock, Instant
from headrace.core.codec import Json, JsonObject, encode
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Flow, Plan
from headrace.core.ids import Ids
from headrace.core.outcome import Failure, ReasonCount
from headrace.core.planning import PlanRequest, RunPlan, plan_run
from headrace.core.query import Cursor, Order, Page
from headrace.core.run import BODY, ActivityRun, ActivityStatus, Batch, Run, RunKind, RunStatus
from headrace.core.window import Window
from headrace.store import activity_runs, audit, batches, flows, queue, runs, signals
from headrace.store.database import Database, Transaction
from headrace.store.runs import RunQuery

NEWEST_FIRST = Order("created_at", descending=True)
"""The order of run lists unless a caller asks for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run is asked for with.

    ``parameters`` overrule the flow's defaults; names that the flow does not declare are refused. ``due_at``: not to be started before.
    ``priority``: smaller goes first. The first request with a ``request_key`` makes the run, and every further one in the same scope answers with it
    until ``request_key_lifetime`` (microseconds) is over. ``created_by`` is the subject for the audit. ``details`` are the door's own facts.
    """

    scope: str
    flow_id: str
    created_by: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    window: Window | None = None
    due_at: Instant | None = None
    priority: int = 100
    kind: RunKind = RunKind.ON_DEMAND
    request_key: str | None = None
    request_key_lifetime: int = 7 * DAY
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run with all that belongs to it: activity runs in the plan's order (every attempt), and its batches."""

    run: Run
    activities: tuple[ActivityRun, ...]
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class External:
    """An activity that waits for somebody outside, and who says that it is done or has failed."""

    run_id: str
    path: str
    who: str


@dataclass(frozen=True, slots=True)
class ActivityFailure:
    """One activity of a run that did not succeed, and why."""

    path: str
    attempt: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class RunErrors:
    """Why a run did not succeed, or not wholly: its own reason, its activities' failures, rejects and warnings by code and column."""

    run: Run
    failures: tuple[ActivityFailure, ...]
    rejects: tuple[ReasonCount, ...]
    warnings: tuple[ReasonCount, ...]


def create_run(database: Database, request: RunRequest, clock: Clock, ids: Ids) -> Run:
    """Return the run that ``request`` asks for: new and queued, or the one that an earlier request with its key made.

    Raises:
        Problem: ``NOT_FOUND``: no such flow in the scope; ``ILLEGAL_STATE``: the flow is disabled; ``UNKNOWN_FIELD`` or ``INVALID``: parameters that
            the flow does not declare, that it needs, or of another type, all at once; ``CONFLICT``: the key belongs to another request.
    """
    now = clock.now()

    def make(tx: Transaction) -> Run:
        flow = flows.get(tx, request.scope, request.flow_id)
        run_id = ids.uuid()
        run_plan = plan_run(flow.plan, (), PlanRequest(run_id))
        run = first_run(flow, request, now, run_id, run_plan)
        queue_run(tx, run, pending(run, run_plan))
        audit.record(tx, run.scope, request.created_by, "run.create", run.id, now)
        return run

    run = once(database, request.scope, request.request_key, now - request.request_key_lifetime, make)
    if run.flow_id != request.flow_id or run.retry_of is not None:
        raise key_in_use(run)
    return run


def once(database: Database, scope: str, key: str | None, since: int, make: Callable[[Transaction], Run]) -> Run:
    """Return the run that the scope made for ``key`` after ``since``, or what ``make`` makes now, in one transaction.

    Two requests with one key at the same moment end with the same run: the ledger refuses the second insert.
    """
    try:
        with database.transaction() as tx:
            found = None if key is None else runs.find_by_request_key(tx, scope, key, Instant(since))
            return make(tx) if found is None else found
    except Problem as problem:
        if key is None or problem.code is not Code.CONFLICT:
            raise
        with database.reading() as tx:
            found = runs.find_by_request_key(tx, scope, key, Instant(since))
        if found is None:
            raise
        return found


def key_in_use(run: Run) -> Problem:
    """Return the problem that a request key has made ``run``, which is not what is asked for with it now."""
    return Problem(
        Code.CONFLICT,
        f"the request key was used before for something else, run {run.id}; a new request needs a new key",
    )


def queue_run(tx: Transaction, run: Run, activities: Iterable[ActivityRun]) -> None:
    """Write ``run``, its activity runs and its place in the queue; the caller's transaction makes them one."""
    runs.insert(tx, run)
    activity_runs.insert_all(tx, activities)
    queue.enqueue(tx, run)


def queue_first_run(tx: Transaction, run: Run) -> None:
    """Write a first run, and put it into the queue.

    Raises:
        Problem: ``CONFLICT``: its id is taken.
    """
    run_plan = plan_run(run.definition, (), PlanRequest(run.id))
    planned = replace(run, plan=as_object(run_plan))
    queue_run(tx, planned, pending(planned, run_plan))
    audit.record(tx, run.scope, run.created_by, "run.create", run.id, run.created_at)


def pending(run: Run, run_plan: RunPlan) -> tuple[ActivityRun, ...]:
    """Return an activity run for each activity of ``run``, none of them begun, with the planner's verdicts."""
    planned = run_plan.by_path
    return tuple(
        ActivityRun(
            run_id=run.id,
            path=activity.name,
            attempt=1,
            kind=activity.kind,
            status=ActivityStatus.PENDING,
            fingerprint=activity.fingerprint,
            commit_key=planned[activity.name].commit_key,
            verdict=planned[activity.name].verdict,
            verdict_reason=planned[activity.name].reason,
            created_at=run.created_at,
            updated_at=run.created_at,
        )
        for activity in run.definition.in_order()
    )


def checked_parameters(flow: Flow, given: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the flow's parameters with ``given`` in the place of defaults.

    Raises:
        Problem: ``UNKNOWN_FIELD`` or ``INVALID``, all errors at once.
    """
    errors = [
        FieldError(f"parameters.{name}", "is no parameter of the flow", _nearest(name, flow.parameters))
        for name in given
        if name not in flow.parameters
    ]
    code = Code.UNKNOWN_FIELD if errors else Code.INVALID
    values = {name: given.get(name, default) for name, default in flow.parameters.items()}
    for name, value in values.items():
        default = flow.parameters[name]
        if value is None:
            errors.append(FieldError(f"parameters.{name}", "is not given", "the flow has no default for it"))
        elif default is not None and _type_name(value) != _type_name(default):
            errors.append(
                FieldError(f"parameters.{name}", f"is {_type_name(value)}", f"expected {_type_name(default)}")
            )
    if errors:
        raise Problem.of_fields(code, f"the request for a run of {flow.name}", tuple(errors))
    return values


def get_run(database: Database, scope: str | None, run_id: str) -> RunDetails:
    """Return the run with its activity runs and batches, as of one moment.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        run = runs.get(tx, scope, run_id)
        rows = activity_runs.of_run(tx, run.id)
        return RunDetails(run, _in_plan_order(run, rows), tuple(batches.of_run(tx, run.id)))


def find_run(database: Database, scope: str | None, text: str) -> str:
    """Return the id that ``text`` (an id, the beginning of one, or ``@latest``) stands for.

    Raises:
        Problem: ``NOT_FOUND``: none; ``INVALID``: several runs begin so.
    """
    with database.reading() as tx:
        return runs.resolve_id(tx, None if scope is None else (scope,), text)


def page_runs(
    database: Database, query: RunQuery, order: Order = NEWEST_FIRST, limit: int = 50, cursor: str | None = None
) -> Page[Run]:
    """Return a page of the runs that ``query`` selects. ``cursor`` is the token of the page before.

    Raises:
        Problem: ``INVALID``: the token, the limit, or an order that the ledger has no index for.
    """
    position = None if cursor is None else Cursor.parse(cursor)
    with database.reading() as tx:
        return runs.page(tx, query, order, limit, position)


def cancel_run(
    database: Database, scope: str | None, run_id: str, who: str, clock: Clock, *, recursive: bool = False
) -> Run:
    """Return the run after asking for its end: cancelled at once if it is queued, else cancelling until its worker has stopped it.

    ``recursive``: so are the runs that its activities have made, and all that these have made. Asking again while it is being stopped changes
    nothing but for such runs as were made since.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it has ended, or it is an attempt at a job, which is cancelled as such.
    """
    with database.transaction() as tx:
        run, now = runs.get(tx, scope, run_id), clock.now()
        check_no_job(run, "cancelled")
        if run.status.is_final:
            raise Problem(Code.ILLEGAL_STATE, f"run {run.id} has {run.status}: there is nothing to cancel")
        if not end_run(tx, run, who, now):
            raise Problem(Code.ILLEGAL_STATE, f"run {run.id} ended just now: there is nothing to cancel")
        if recursive:
            _end_below(tx, run.id, who, now)
        return runs.get(tx, None, run.id)


def check_no_job(run: Run, what: str) -> None:
    """Refuse to do something with an attempt at a job that only the job's own verb does (``service.jobs``): it has more to it than its run.

    Raises:
        Problem: ``ILLEGAL_STATE``, naming the job.
    """
    if job_of(run) is not None:
        message = f"run {run.id} is an attempt at the job {job_of(run)}, which is {what} as a job"
        raise Problem(Code.ILLEGAL_STATE, message)


def job_of(run: Run) -> str | None:
    """Return the id of the job that ``run`` is an attempt at, or builds the plan of; None: it is of no job."""
    job_id = run.details.get("job")
    return job_id if run.scope.startswith("jobs/") and isinstance(job_id, str) else None


def end_run(tx: Transaction, run: Run, who: str, now: Instant) -> bool:
    """Ask for the end of an open run within the caller's transaction; say whether there was one to ask for."""
    if run.status is RunStatus.CANCELLING:
        return True
    reason = Failure(Code.CANCELLED, f"cancelled by {who}")
    if runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.CANCELLED, now, reason):
        _cancel_pending(tx, run.id, now)
    # The worker that has the run looks for this status; nothing needs to be sent.
    elif not runs.move(tx, run.id, {RunStatus.RUNNING, RunStatus.WAITING}, RunStatus.CANCELLING, now, reason):
        return False
    audit.record(tx, run.scope, who, "run.cancel", run.id, now)
    return True


def _end_below(tx: Transaction, run_id: str, who: str, now: Instant) -> None:
    """Ask for the end of all runs below this one, also of those that are made while one of them is waited for."""
    asked: set[str] = set()
    while fresh := [run for run in runs.open_below(tx, run_id) if run.id not in asked]:
        for run in fresh:
            end_run(tx, run, who, now)
            asked.add(run.id)


def redefine_run(tx: Transaction, run: Run, definition: Plan) -> bool:
    """Let a run that has not begun do what ``definition`` says, within the caller's transaction; say whether it will.

    It keeps its own where an activity that it carries over is another one now, or where the activities have other names: its verdicts
    were made for those.
    """
    before, after = run.definition.by_name, definition.by_name
    carried = {row.path for row in activity_runs.of_run(tx, run.id) if row.status is ActivityStatus.CARRIED}
    if set(before) != set(after) or any(before[name].fingerprint != after[name].fingerprint for name in carried):
        return False
    if not runs.redefine(tx, run.id, definition):
        return False
    activity_runs.redefine(tx, run.id, {name: activity.fingerprint for name, activity in after.items()})
    return True


def complete_external(
    database: Database, scope: str | None, told: External, output: Mapping[str, Json], clock: Clock
) -> None:
    """Tell the run that the activity that waits for somebody outside is done, with ``output``. Saying the same again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``: no such run or activity; ``ILLEGAL_STATE``: it does not wait, or was told something else before.
    """
    _tell(database, scope, told, messages.completed(told.who, output), clock.now())


def fail_external(database: Database, scope: str | None, told: External, message: str, clock: Clock) -> None:
    """Tell the run that the activity that waits for somebody outside has failed there. Saying the same again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``: no such run or activity; ``ILLEGAL_STATE``: it does not wait, or was told something else before.
    """
    _tell(database, scope, told, messages.failed(told.who, message), clock.now())


def errors_of_run(database: Database, scope: str | None, run_id: str) -> RunErrors:
    """Return why the run did not succeed, or not wholly, grouped by code and column, most rows first.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    details = get_run(database, scope, run_id)
    newest = {row.path: row for row in details.activities}
    failures = tuple(
        ActivityFailure(row.path, row.attempt, row.failure)
        for row in newest.values()
        if row.failure is not None and row.kind != BODY
    )
    return RunErrors(
        details.run,
        failures,
        summed(reason for batch in details.batches for reason in batch.rejects),
        summed(reason for batch in details.batches for reason in batch.warnings),
    )


def first_run(flow: Flow, request: RunRequest, now: Instant, run_id: str, run_plan: RunPlan) -> Run:
    """Return the run of ``flow`` that ``request`` asks for, as it is to be written.

    Raises:
        Problem: ``ILLEGAL_STATE``, ``UNKNOWN_FIELD`` or ``INVALID``, as ``create_run``.
    """
    if not flow.enabled:
        raise Problem(Code.ILLEGAL_STATE, f"flow {flow.name} ({flow.id}) is disabled; enable it to run it")
    return Run(
        id=run_id,
        scope=flow.scope,
        flow_id=flow.id,
        flow_name=flow.name,
        kind=request.kind,
        group_id=run_id,
        definition=flow.plan,
        created_at=now,
        parameters=checked_parameters(flow, request.parameters),
        window=request.window,
        plan=as_object(run_plan),
        due_at=request.due_at,
        priority=request.priority,
        request_key=request.request_key,
        created_by=request.created_by,
        details=request.details,
        updated_at=now,
    )


def _cancel_pending(tx: Transaction, run_id: str, now: Instant) -> None:
    for row in activity_runs.of_run(tx, run_id):
        if row.status is ActivityStatus.PENDING:
            activity_runs.move(
                tx, run_id, row.path, row.attempt, {ActivityStatus.PENDING}, ActivityStatus.CANCELLED, now
            )


def _tell(database: Database, scope: str | None, told: External, message: JsonObject, now: Instant) -> None:
    with database.transaction() as tx:
        run = runs.get(tx, scope, told.run_id)
        attempts = activity_runs.at_path(tx, run.id, told.path)
        if not attempts:
            known = ", ".join(run.definition.by_name)
            raise Problem(Code.NOT_FOUND, f"run {run.id} has no activity {told.path!r}; it has {known}")
        newest = attempts[-1]
        what = f"activity {told.path!r} of run {run.id}"
        if newest.kind != "external" or newest.status is not ActivityStatus.WAITING:
            raise Problem(Code.ILLEGAL_STATE, f"{what} is {newest.status}: it does not wait for anybody outside")
        if signals.send(tx, run.scope, run.id, told.path, newest.attempt, message, now):
            audit.record(tx, run.scope, told.who, "activity.tell", f"{run.id}/{told.path}", now)
        elif signals.get(tx, run.id, told.path, newest.attempt) != message:
            raise Problem(Code.ILLEGAL_STATE, f"{what} was told before how it ended; the first word counts")


def as_object(run_plan: RunPlan) -> JsonObject:
    """Return the run plan as the ledger keeps it."""
    return cast("JsonObject", encode(run_plan))


def _in_plan_order(run: Run, rows: Iterable[ActivityRun]) -> tuple[ActivityRun, ...]:
    """Return the rows by the plan's order; what is inside of a container follows it, level by level, loops in the order of their numbers."""
    position = {activity.name: number for number, activity in enumerate(run.definition.in_order())}
    below: dict[str, list[ActivityRun]] = {}
    for row in rows:
        below.setdefault(row.parent, []).append(row)

    def place(row: ActivityRun) -> tuple[int, str]:
        if not row.parent:
            return position.get(row.path, len(position)), row.path
        last = row.path[len(row.parent) + 1 :]
        return int(last) if row.kind == BODY and last.isdecimal() else 0, ""

    def under(parent: str) -> Iterator[ActivityRun]:
        level = sorted(below.pop(parent, ()), key=place)
        for row, following in zip_longest(level, level[1:]):
            yield row
            if following is None or following.path != row.path:
                yield from under(row.path)

    ordered = tuple(under(""))
    return (*ordered, *chain.from_iterable(below.values()))


def summed(reasons: Iterable[ReasonCount]) -> tuple[ReasonCount, ...]:
    """Return the counts of equal codes and columns together, most rows first."""
    sums: dict[tuple[str, str | None], ReasonCount] = {}
    for reason in reasons:
        known = sums.get((reason.code, reason.column))
        count = reason.count + (known.count if known else 0)
        sums[reason.code, reason.column] = replace(known or reason, count=count)
    return tuple(sorted(sums.values(), key=lambda reason: (-reason.count, reason.code, reason.column or "")))


def _nearest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {nearest[0]!r}?" if nearest else "it has " + (", ".join(known) or "none")


def _type_name(value: Json) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "an object" if isinstance(value, Mapping) else "a list"
