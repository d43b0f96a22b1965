"""How a run goes on: what may start now, what will never start, and how the run ended. All of a run's branching stands here.

The rules are those of Azure Data Factory, of which a plan with only ``succeeded`` conditions is the simple case:

- An activity starts when each dependency has ended in one of that dependency's conditions. When one has ended
  otherwise, the activity is skipped, and counts as ``skipped`` for those that depend on it.
- ``completed`` means succeeded or failed, not skipped. Carried over counts as succeeded, timed out as failed, inactive as the end that the
  plan marks it with. Cancelled meets no condition.
- The leaves decide about the run; where a leaf was skipped, the activities that it depends on are looked at in its
  place. One failed among them: the run failed. So a failure that an activity with a ``failed`` condition handled is none.
- The same holds for each run of a container's body.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Condition, Dependency, Plan
from headrace.core.run import ActivityStatus, Run, RunStatus

_MET: Mapping[ActivityStatus, frozenset[Condition]] = {
    ActivityStatus.SUCCEEDED: frozenset({Condition.SUCCEEDED, Condition.COMPLETED}),
    ActivityStatus.CARRIED: frozenset({Condition.SUCCEEDED, Condition.COMPLETED}),
    ActivityStatus.FAILED: frozenset({Condition.FAILED, Condition.COMPLETED}),
    ActivityStatus.TIMED_OUT: frozenset({Condition.FAILED, Condition.COMPLETED}),
    ActivityStatus.SKIPPED: frozenset({Condition.SKIPPED}),
    ActivityStatus.CANCELLED: frozenset(),
}
"""The conditions that each final status meets."""

_MARKED: Mapping[Condition, ActivityStatus] = {
    Condition.SUCCEEDED: ActivityStatus.SUCCEEDED,
    Condition.FAILED: ActivityStatus.FAILED,
    Condition.SKIPPED: ActivityStatus.SKIPPED,
}
"""How an inactive activity counts."""

_FAILED = frozenset({ActivityStatus.FAILED, ActivityStatus.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done now, as paths in plan order.

    ``start``: pending activities that may start. ``skip``: pending ones that never will (those downstream of them included).
    ``inactive``: pending ones that are switched off. ``done``: every activity has ended once ``skip`` and ``inactive`` are marked.
    """

    start: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()
    done: bool = False


def ready(plan: Plan, statuses: Mapping[str, ActivityStatus]) -> Step:
    """Return what may start, what is to be marked, and whether the run is done. A path without a status is pending."""
    known = counted(plan, statuses)
    waiting = _behind_carried(plan, known)
    start: list[str] = []
    skip: list[str] = []
    inactive: list[str] = []
    for activity in plan.in_order():
        if known.get(activity.name, ActivityStatus.PENDING) is not ActivityStatus.PENDING:
            continue
        if activity.inactive:
            inactive.append(activity.name)
            known[activity.name] = marked(activity)
        elif any(is_missed(dependency, known) for dependency in activity.depends_on):
            skip.append(activity.name)
            known[activity.name] = ActivityStatus.SKIPPED
        elif activity.name not in waiting and all(is_met(dependency, known) for dependency in activity.depends_on):
            start.append(activity.name)
    done = all(known.get(activity.name, ActivityStatus.PENDING).is_final for activity in plan.activities)
    return Step(tuple(start), tuple(skip), tuple(inactive), done)


def _behind_carried(plan: Plan, statuses: Mapping[str, ActivityStatus]) -> frozenset[str]:
    """Return what stands behind an activity that was carried over, while something before that one is executed again.

    A recovery sets variables again and looks into containers again. What comes later needs their values, though all that it depends on
    directly may have been carried over.
    """
    if ActivityStatus.CARRIED not in statuses.values():
        return frozenset()
    open_ends: set[str] = set()
    for activity in plan.in_order():
        upstream = [dependency.activity for dependency in activity.depends_on]
        if any(name in open_ends or not _status(name, statuses).is_final for name in upstream):
            open_ends.add(activity.name)
    return frozenset(open_ends)


def marked(activity: Activity) -> ActivityStatus:
    """Return the end that the activity has, while it is inactive, for what depends on it and for the run."""
    return _MARKED.get(activity.inactive_as, ActivityStatus.SUCCEEDED)


def counted(plan: Plan, statuses: Mapping[str, ActivityStatus]) -> dict[str, ActivityStatus]:
    """Return the statuses as they count: those of inactive activities are the ends that the plan marks them with."""
    by_name = plan.by_name if ActivityStatus.INACTIVE in statuses.values() else {}
    return {
        name: marked(by_name[name]) if status is ActivityStatus.INACTIVE and name in by_name else status
        for name, status in statuses.items()
    }


def is_met(dependency: Dependency, statuses: Mapping[str, ActivityStatus]) -> bool:
    """Say whether the upstream activity has ended in one of the conditions, by statuses as they count."""
    return bool(_MET.get(_status(dependency.activity, statuses), frozenset()) & dependency.conditions)


def is_missed(dependency: Dependency, statuses: Mapping[str, ActivityStatus]) -> bool:
    """Say whether the upstream activity has ended otherwise, so that the condition never comes true."""
    return _status(dependency.activity, statuses).is_final and not is_met(dependency, statuses)


def outcome(plan: Plan, statuses: Mapping[str, ActivityStatus]) -> RunStatus:
    """Return how a run ended whose activities have all ended: ``FAILED``, ``CANCELLED`` or ``SUCCEEDED``.

    An activity that failed before the cancellation counts more than the cancellation: the run failed.

    Raises:
        Problem: ``ILLEGAL_STATE``: an activity has not ended.
    """
    open_ends = [a.name for a in plan.activities if not _status(a.name, statuses).is_final]
    if open_ends:
        raise Problem(Code.ILLEGAL_STATE, f"the run has no outcome yet: {', '.join(open_ends)} did not end")
    if culprits(plan, statuses):
        return RunStatus.FAILED
    return RunStatus.CANCELLED if ActivityStatus.CANCELLED in statuses.values() else RunStatus.SUCCEEDED


def run_outcome(run: Run, statuses: Mapping[str, ActivityStatus]) -> RunStatus:
    """Return how ``run``, as it stands now, ended by its activities: their outcome.

    A pipeline (its plan has a dialect) that is being cancelled ends cancelled, whatever became of them: who cancels it waits for exactly that.

    Raises:
        Problem: as ``outcome``.
    """
    ended = outcome(run.definition, statuses)
    cancelled = run.status is RunStatus.CANCELLING and run.definition.dialect
    return RunStatus.CANCELLED if cancelled else ended


def culprits(plan: Plan, statuses: Mapping[str, ActivityStatus]) -> tuple[str, ...]:
    """Return the paths of the failed activities that make the run failed, in plan order; empty: it did not fail.

    Those that are inactive and marked as failed are among them.
    """
    by_name = plan.by_name
    statuses = counted(plan, statuses)
    upstream = {dependency.activity for activity in plan.activities for dependency in activity.depends_on}
    looked_at: set[str] = set()
    waiting = [activity.name for activity in plan.activities if activity.name not in upstream]
    while waiting:
        name = waiting.pop()
        if name in looked_at:
            continue
        looked_at.add(name)
        if _status(name, statuses) in {ActivityStatus.SKIPPED, ActivityStatus.CANCELLED}:
            waiting.extend(dependency.activity for dependency in by_name[name].depends_on)
    failed = {name for name in looked_at if _status(name, statuses) in _FAILED}
    return tuple(activity.name for activity in plan.in_order() if activity.name in failed)


def downstream(plan: Plan, names: frozenset[str]) -> frozenset[str]:
    """Return ``names`` and every activity that depends on one of them, directly or not."""
    reached = set(names)
    for activity in plan.in_order():
        if _depends_on_any(activity, reached):
            reached.add(activity.name)
    return frozenset(reached)


def _depends_on_any(activity: Activity, names: set[str]) -> bool:
    return any(dependency.activity in names for dependency in activity.depends_on)


def _status(name: str, statuses: Mapping[str, ActivityStatus]) -> ActivityStatus:
    return statuses.get(name, ActivityStatus.PENDING)
