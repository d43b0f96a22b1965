"""What a new run executes: the single place that decides it, for first runs and for every kind of retry.

An activity is *settled* when it is sure how it will stand in the new run without it or anything upstream being executed: carried
over, still switched off, or skipped once more. Whatever depends on one that is not settled cannot be carried over.

What an activity left behind may be *gone* (a landing that was cleaned up). That matters only where an activity that depends on it
may be executed; else it is carried over all the same, since doing it again would do all that follows again too.

Commit keys name writes to targets (design §6, "Exactly once"): an activity that is executed again because it did not
succeed inherits the key, so that a commit that nobody heard of is found and not repeated; one that is executed again
although it had succeeded gets a new key, since that is what was asked for.

A container is looked into (``Activity.on_recovery``): that alone makes nothing downstream of it run. Each run of one of its bodies is
planned here too, when it begins: by the body's plan, what was done in the body that it goes on with, and the mode that the run has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Activity, Condition, OnRecovery, Plan
from headrace.core.ids import derived_uuid
from headrace.core.progress import is_missed, marked
from headrace.core.run import ActivityStatus, RunStatus


class Verdict(StrEnum):
    """What becomes of an activity in a new run."""

    RUN = "run"
    """It is executed, if what it depends on ends as it asks for."""
    REEVALUATE = "reevaluate"
    """It did not run before, or runs in certain cases only: its conditions are looked at again."""
    CARRY_OVER = "carry_over"
    """It is not executed; the outcome of an earlier run of the group is reused."""


class PlanMode(StrEnum):
    """What the new run is for."""

    FRESH = "fresh"
    """A first run: everything runs."""
    FROM_FAILURE = "from_failure"
    """What did not succeed, and all that depends on it."""
    FROM_ACTIVITY = "from_activity"
    """A named activity and all that depends on it, and what else did not succeed."""
    ALL = "all"
    """Everything again."""
    CARRY = "carry"
    """Nothing of a body that succeeded, but for what has to be rebuilt (``OnRecovery.REBUILD``); each of its activities keeps the end that it had."""


@dataclass(frozen=True, slots=True)
class PlannedActivity:
    """What becomes of one activity, and why (``reason`` completes "it runs/is carried over, since …").

    ``carried_from`` is the run that really did a carried-over activity. ``previous_from`` is the newest earlier run in which an activity
    with the same fingerprint and the same inputs was tried without success: finished slices can be taken from there. ``enters`` is the run whose
    work inside of the activity (a container, a run of another flow) is gone on with; None: all that is in it runs.
    """

    path: str
    verdict: Verdict
    reason: str
    commit_key: str
    carried_from: str | None = None
    previous_from: str | None = None
    enters: str | None = None


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a new run executes; activities stand after those that they depend on. ``activity`` is the one that was asked for, if one was."""

    mode: PlanMode
    activities: tuple[PlannedActivity, ...]
    activity: str | None = None

    @property
    def by_path(self) -> Mapping[str, PlannedActivity]:
        """Return the planned activities by their paths."""
        return {planned.path: planned for planned in self.activities}


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Asks for a plan for the run ``run_id``.

    ``activity`` is given with ``FROM_ACTIVITY``, and with ``CARRY`` in a run that has that mode; it may stand inside of a container. ``at`` is the
    path of the body that is planned (empty: the flow's own plan): history and plan then have the activities' names as paths, and a body that
    does not have the activity goes on from failure. ``as_it_stands``: runs of the history may still go on.
    """

    run_id: str
    mode: PlanMode = PlanMode.FRESH
    activity: str | None = None
    at: str = ""
    as_it_stands: bool = False


@dataclass(frozen=True, slots=True)
class PastActivity:
    """How an activity stood at the end of an earlier run (its newest attempt).

    ``reusable``: what it did still fits (else ``unusable_because`` completes "it runs, since …"). ``gone`` completes it where what it left
    behind exists no more; empty: it is there.
    ``carried_from``: the run from which it was carried over, or was going to be.
    """

    path: str
    status: ActivityStatus
    fingerprint: str
    commit_key: str | None = None
    reusable: bool = True
    unusable_because: str = ""
    gone: str = ""
    carried_from: str | None = None

    @property
    def succeeded(self) -> bool:
        """Say whether it did its work, there or in the run that it was carried from."""
        return self.status in {ActivityStatus.SUCCEEDED, ActivityStatus.CARRIED}


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier run of the group; replays of rejects are none."""

    id: str
    status: RunStatus
    activities: tuple[PastActivity, ...]


@dataclass(frozen=True, slots=True)
class _Try:
    run_id: str
    activity: PastActivity
    needed: bool = False


@dataclass(frozen=True, slots=True)
class _Decision:
    verdict: Verdict
    reason: str
    settled: ActivityStatus | None = None
    enters: bool = False


_NOT_SUCCEEDED: Mapping[ActivityStatus, _Decision] = {
    ActivityStatus.FAILED: _Decision(Verdict.RUN, "it failed"),
    ActivityStatus.TIMED_OUT: _Decision(Verdict.RUN, "it did not end in time"),
    ActivityStatus.CANCELLED: _Decision(Verdict.RUN, "it was cancelled"),
    ActivityStatus.QUEUED: _Decision(Verdict.RUN, "it did not start"),
    ActivityStatus.RUNNING: _Decision(Verdict.RUN, "it did not end"),
    ActivityStatus.WAITING: _Decision(Verdict.RUN, "it did not end"),
    ActivityStatus.PENDING: _Decision(Verdict.REEVALUATE, "it never started"),
    ActivityStatus.SKIPPED: _Decision(Verdict.REEVALUATE, "it was skipped"),
    ActivityStatus.INACTIVE: _Decision(Verdict.REEVALUATE, "it was switched off before"),
}

_NOT_BEGUN = frozenset({ActivityStatus.PENDING, ActivityStatus.QUEUED, ActivityStatus.CANCELLED})

_HANDLED = frozenset({ActivityStatus.FAILED, ActivityStatus.TIMED_OUT})

_TRIED = frozenset(
    {
        ActivityStatus.FAILED,
        ActivityStatus.TIMED_OUT,
        ActivityStatus.CANCELLED,
        ActivityStatus.RUNNING,
        ActivityStatus.WAITING,
    }
)


def plan_run(plan: Plan, history: tuple[PastRun, ...], request: PlanRequest) -> RunPlan:
    """Return what the run ``request.run_id`` of ``plan`` executes, given the group's earlier runs (oldest first).

    Activities are those of earlier runs by their names; where there is none of quite that name, letter case does not matter.

    Raises:
        Problem: ``INVALID``: the named activity is not in the plan, is switched off, or mode and activity do not fit together.
            ``ILLEGAL_STATE``: there is nothing to go on from, or an earlier run has not ended.
    """
    request = _resolved(plan, history, request)
    _check(plan, history, request)
    history = _as_named_today(plan, history)
    past = () if request.mode is PlanMode.FRESH else history
    needed: frozenset[str] = frozenset()
    while True:
        planned, settled = _plan(plan, past, request, needed)
        missing = _missing(plan, planned, settled, past)
        if not missing:
            return RunPlan(request.mode, planned, request.activity)
        needed |= missing


def _plan(
    plan: Plan, past: tuple[PastRun, ...], request: PlanRequest, needed: frozenset[str]
) -> tuple[tuple[PlannedActivity, ...], Mapping[str, ActivityStatus]]:
    """Return what becomes of each activity, and what is settled; outcomes that are gone count as there, but for those ``needed``."""
    settled: dict[str, ActivityStatus] = {}
    verdicts: dict[str, Verdict] = {}
    planned: list[PlannedActivity] = []
    for activity in plan.in_order():
        tries = tuple(_tries(activity.name, past))
        newest = tries[0] if tries else None
        loose = tuple(d.activity for d in activity.depends_on if d.activity not in settled)
        if newest is not None and newest.activity.gone and activity.name in needed:
            newest = replace(newest, needed=True)
        decision = _decide(activity, newest, settled, loose, request)
        if request.mode is not PlanMode.FRESH:
            decision = _demoted(activity, decision, verdicts, settled)
        verdicts[activity.name] = decision.verdict
        if decision.settled is not None:
            settled[activity.name] = decision.settled
        carried = decision.verdict is Verdict.CARRY_OVER and newest is not None
        planned.append(
            PlannedActivity(
                activity.name,
                decision.verdict,
                decision.reason,
                _commit_key(activity.name, newest, request, carried=carried),
                _origin(newest, past) if carried and newest is not None else None,
                None if carried or loose or request.mode is PlanMode.ALL else _previous(activity, tries),
                newest.run_id if newest is not None and _is_entered(activity, newest, decision, request) else None,
            )
        )
    return tuple(planned), settled


def _missing(
    plan: Plan,
    planned: tuple[PlannedActivity, ...],
    settled: Mapping[str, ActivityStatus],
    past: tuple[PastRun, ...],
) -> frozenset[str]:
    """Return what would be carried over although its outcome is gone and an activity that may be executed depends on it."""
    carried = {one.path for one in planned if one.verdict is Verdict.CARRY_OVER}
    gone = {path for path in carried if next(_tries(path, past)).activity.gone}
    executed = [activity for activity in plan.activities if activity.name not in settled]
    return frozenset(d.activity for activity in executed for d in activity.depends_on if d.activity in gone)


def rebuilds(plan: Plan) -> bool:
    """Say whether something in the plan, however deep, has to be rebuilt where the plan's work is carried over as a whole."""
    return any(
        activity.on_recovery is OnRecovery.REBUILD or any(rebuilds(body) for body in activity.bodies.values())
        for activity in plan.activities
    )


def _resolved(plan: Plan, history: tuple[PastRun, ...], request: PlanRequest) -> PlanRequest:
    """Return the request with the activity's name as the plan has it, and with the mode that holds in the body that is planned."""
    if request.activity is not None:
        named = _find(plan, request.activity)
        if named is not None:
            mode = PlanMode.FROM_ACTIVITY if request.mode is PlanMode.CARRY else request.mode
            request = replace(request, activity=named.name, mode=mode)
        elif request.at:
            goes_on = request.mode is PlanMode.FROM_ACTIVITY
            request = replace(request, activity=None, mode=PlanMode.FROM_FAILURE if goes_on else request.mode)
    return replace(request, mode=PlanMode.FRESH, activity=None) if request.at and not history else request


def _find(plan: Plan, name: str) -> Activity | None:
    """Return the activity of that name, of the plan or of a body in it (letter case does not matter); None: there is none."""
    for activity in plan.activities:
        if activity.name == name:
            return activity
    for activity in plan.activities:
        if activity.name.lower() == name.lower():
            return activity
    inside = (_find(body, name) for activity in plan.activities for body in activity.bodies.values())
    return next((found for found in inside if found is not None), None)


def _check(plan: Plan, history: tuple[PastRun, ...], request: PlanRequest) -> None:
    if (request.mode is PlanMode.FROM_ACTIVITY) != (request.activity is not None):
        raise _invalid("an activity is named with the mode from_activity, and with no other")
    if request.activity is not None:
        activity = _find(plan, request.activity)
        if activity is None:
            raise _invalid(f"{request.activity!r} is no activity of this flow; it has {', '.join(plan.by_name)}")
        if activity.inactive:
            raise _invalid(f"{request.activity!r} is switched off in the flow, so no run can begin with it")
    if request.mode is PlanMode.FRESH:
        return
    if not history:
        raise Problem(Code.ILLEGAL_STATE, "there is no earlier run to go on from")
    going_on = [run for run in history if not run.status.is_final]
    if going_on and not request.at and not request.as_it_stands:
        raise Problem(
            Code.ILLEGAL_STATE,
            f"run {going_on[-1].id} is {going_on[-1].status}; a retry is possible when it has ended, or was cancelled",
        )


def _invalid(message: str) -> Problem:
    return Problem(Code.INVALID, message, (FieldError("activity", message),))


def _as_named_today(plan: Plan, history: tuple[PastRun, ...]) -> tuple[PastRun, ...]:
    """Return the history with the names that activities have in the plan, where only letter case differs."""
    names = {activity.name for activity in plan.activities}
    if all(past.path in names for run in history for past in run.activities):
        return history
    today = {name.lower(): name for name in sorted(names)}

    def named(past: PastActivity) -> PastActivity:
        return past if past.path in names else replace(past, path=today.get(past.path.lower(), past.path))

    return tuple(replace(run, activities=tuple(map(named, run.activities))) for run in history)


def _tries(path: str, history: tuple[PastRun, ...]) -> Iterator[_Try]:
    """Yield how the activity stood in earlier runs, newest first, without those in which it was only going to be carried over."""
    for run in reversed(history):
        for activity in run.activities:
            only_planned = activity.carried_from is not None and activity.status in _NOT_BEGUN
            if activity.path == path and not only_planned:
                yield _Try(run.id, activity)


def _decide(
    activity: Activity,
    newest: _Try | None,
    settled: Mapping[str, ActivityStatus],
    loose: tuple[str, ...],
    request: PlanRequest,
) -> _Decision:
    if activity.inactive:
        # Of one that had succeeded, too, nothing is done now that what depends on it would have to see.
        stands = newest is None or newest.activity.succeeded or newest.activity.status is ActivityStatus.INACTIVE
        settles = marked(activity) if stands and not loose else None
        return _Decision(Verdict.REEVALUATE, "it is switched off in the flow", settles)
    if request.mode is PlanMode.FRESH:
        return _Decision(Verdict.RUN, "no earlier run came here" if request.at else "this is a first run")
    if request.mode is PlanMode.ALL:
        return _Decision(Verdict.RUN, "everything was asked to run again")
    if request.activity == activity.name:
        return _Decision(Verdict.RUN, "the run was asked to begin again here")
    if newest is None:
        return _Decision(Verdict.RUN, "it is new in the flow")
    if newest.activity.succeeded:
        return _decide_succeeded(activity, newest, settled, loose, request)
    if request.mode is PlanMode.CARRY and _keeps_its_end(activity, newest, loose):
        reason = f"run {newest.activity.carried_from or newest.run_id} did it already, and succeeded all the same"
        return _Decision(Verdict.CARRY_OVER, reason, newest.activity.status)
    if (
        newest.activity.status is ActivityStatus.SKIPPED
        and not loose
        and any(is_missed(d, settled) for d in activity.depends_on)
    ):
        return _Decision(Verdict.REEVALUATE, "it was skipped, and will be again", ActivityStatus.SKIPPED)
    return _NOT_SUCCEEDED[newest.activity.status]


def _decide_succeeded(
    activity: Activity,
    newest: _Try,
    settled: Mapping[str, ActivityStatus],
    loose: tuple[str, ...],
    request: PlanRequest,
) -> _Decision:
    past = newest.activity
    if past.fingerprint != activity.fingerprint:
        return _Decision(Verdict.RUN, "its definition changed since")
    if not past.reusable:
        return _Decision(Verdict.RUN, past.unusable_because or "what it did does not fit any more")
    if newest.needed:
        return _Decision(Verdict.RUN, past.gone)
    if loose:
        return _Decision(Verdict.RUN, f"what it depends on is done again: {_names(loose)}")
    if any(is_missed(dependency, settled) for dependency in activity.depends_on):
        return _Decision(Verdict.REEVALUATE, "what it depends on does not end as it asks for any more")
    reason = f"run {past.carried_from or newest.run_id} did it already"
    again = _decide_done_again(activity, reason, request)
    if again is not None:
        return again
    if past.gone:
        reason += f"; {past.gone}, and nothing that runs needs it"
    return _Decision(Verdict.CARRY_OVER, reason, ActivityStatus.CARRIED)


def _decide_done_again(activity: Activity, reason: str, request: PlanRequest) -> _Decision | None:
    """Return what becomes of an activity that has succeeded, and is done again or looked into all the same; None: it is carried over."""
    whole = request.mode is PlanMode.CARRY
    if activity.on_recovery is OnRecovery.ENTER:
        if request.activity is not None and any(_find(body, request.activity) for body in activity.bodies.values()):
            return _Decision(
                Verdict.REEVALUATE,
                f"the run was asked to begin again at {request.activity!r}, which is in it",
                enters=True,
            )
        if whole and not any(rebuilds(body) for body in activity.bodies.values()):
            return None
        again = "what makes variables in it is done again" if whole else "what is in it is looked at again"
        return _Decision(Verdict.REEVALUATE, f"{reason}; {again}", ActivityStatus.CARRIED, enters=True)
    if activity.on_recovery is OnRecovery.REBUILD or (activity.on_recovery is OnRecovery.REPEAT and not whole):
        return _Decision(
            Verdict.RUN, f"{reason}, but what it makes is not kept from run to run", ActivityStatus.CARRIED
        )
    return None


def _keeps_its_end(activity: Activity, newest: _Try, loose: tuple[str, ...]) -> bool:
    """Say whether an activity of a body that succeeded keeps the failure that the body succeeded with."""
    past = newest.activity
    fits = past.fingerprint == activity.fingerprint and past.reusable and not loose
    return fits and past.status in _HANDLED and activity.on_recovery is not OnRecovery.REBUILD


def _is_entered(activity: Activity, newest: _Try, decision: _Decision, request: PlanRequest) -> bool:
    """Say whether what was done inside of the activity is gone on with: it did not succeed, or nothing but what is inside made it run again."""
    if activity.on_recovery is not OnRecovery.ENTER or request.mode in {PlanMode.FRESH, PlanMode.ALL}:
        return False
    past = newest.activity
    failed = past.status in _TRIED and past.fingerprint == activity.fingerprint and past.reusable
    return decision.enters or (failed and decision.verdict is not Verdict.CARRY_OVER)


def _demoted(
    activity: Activity,
    decision: _Decision,
    verdicts: Mapping[str, Verdict],
    settled: Mapping[str, ActivityStatus],
) -> _Decision:
    """Return the decision, as ``REEVALUATE`` where success upstream is not enough for the activity to run."""
    if decision.verdict is not Verdict.RUN:
        return decision
    on_success = {Condition.SUCCEEDED, Condition.COMPLETED}
    doubtful = tuple(
        dependency.activity
        for dependency in activity.depends_on
        if is_missed(dependency, settled)
        or (
            dependency.activity not in settled
            and (not dependency.conditions & on_success or verdicts[dependency.activity] is Verdict.REEVALUATE)
        )
    )
    if not doubtful:
        return decision
    return _Decision(Verdict.REEVALUATE, f"{decision.reason}; whether it runs hangs on how {_names(doubtful)} ends")


def _commit_key(path: str, newest: _Try | None, request: PlanRequest, *, carried: bool) -> str:
    if newest is not None and newest.activity.commit_key and (carried or not newest.activity.succeeded):
        return newest.activity.commit_key
    return derived_uuid(request.run_id, f"{request.at}/{path}" if request.at else path)


def _origin(newest: _Try | None, history: tuple[PastRun, ...]) -> str | None:
    """Return the run that really did it: the end of the chain of carrying over."""
    if newest is None:
        return None
    origins = {(run.id, past.path): past.carried_from for run in history for past in run.activities}
    run_id, seen = newest.run_id, {newest.run_id}
    while (further := origins.get((run_id, newest.activity.path))) is not None and further not in seen:
        run_id = further
        seen.add(further)
    return run_id


def _previous(activity: Activity, tries: tuple[_Try, ...]) -> str | None:
    for attempt in tries:
        if attempt.activity.succeeded:
            return None
        if attempt.activity.status in _TRIED and attempt.activity.fingerprint == activity.fingerprint:
            return attempt.run_id
    return None


def _names(names: tuple[str, ...]) -> str:
    quoted = [repr(name) for name in dict.fromkeys(names)]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
