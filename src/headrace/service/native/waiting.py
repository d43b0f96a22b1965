"""What activities that have not ended wait for, in sentences."""

from collections.abc import Mapping

from headrace.core.clock import to_iso
from headrace.core.engine_operations import LISTEN
from headrace.core.flow import Activity, Plan
from headrace.core.run import BODY, ActivityRun, ActivityStatus, Run, RunStatus

_PARTIES: Mapping[str, str] = {
    LISTEN: "A listener has to take it and say how it ended.",
    "external": "Somebody outside has to say that it is done.",
    "web_hook": "The other side has to call its callback address.",
    "execute_pipeline": "The run that it has made has to end.",
}
"""By the kind of an activity that waits to be told."""
_MOST_NAMES = 3

Standing = Mapping[tuple[str, str], ActivityStatus]
"""How activities stand, by the path of what they are in and their name."""


def waits_for(row: ActivityRun, run: Run, standing: Standing) -> str:
    """Return what the attempt waits for, a sentence; ``""``: it does not wait. ``standing``: those beside it, as far as they are known."""
    if row.status is ActivityStatus.PENDING:
        return _turn(row, run, standing)
    if row.status is ActivityStatus.QUEUED:
        if row.wake_at is not None and row.attempt > 1:
            return f"The pause before attempt {row.attempt} lasts until {to_iso(row.wake_at)}."
        return "A worker has to have room for it."
    if row.status is not ActivityStatus.WAITING:
        return ""
    party = _PARTIES.get(row.kind)
    if row.wake_at is not None:
        # A run that was made is looked at by the clock, too.
        return party or f"A timer lasts until {to_iso(row.wake_at)}."
    return party or "What is in it has to end."


def activity_at(plan: Plan, path: str) -> Activity | None:
    """Return the activity of the definition that a path leads to (None: it leads to a body, or nowhere)."""
    name, _, rest = path.partition("/")
    found = plan.by_name.get(name)
    if found is None or not rest:
        return found
    # The values of cases may have slashes; the one body of a loop is run under a number each time.
    for body in sorted(found.bodies, key=len, reverse=True):
        if rest == body or rest.startswith(f"{body}/"):
            return activity_at(found.bodies[body], rest[len(body) + 1 :])
    each = next(iter(found.bodies.values()), None)
    return None if each is None else activity_at(each, rest.partition("/")[2])


def _turn(row: ActivityRun, run: Run, standing: Standing) -> str:
    if run.status is RunStatus.QUEUED:
        return "The run has to begin."
    if row.kind == BODY:
        return "The bodies before it have to end."
    activity = activity_at(run.definition, row.path)
    named = [] if activity is None else [dependency.activity for dependency in activity.depends_on]
    open_ones = [name for name in named if not standing.get((row.parent, name), ActivityStatus.PENDING).is_final]
    if not open_ones:
        return "Its turn has to come."
    shown = ", ".join(repr(name) for name in open_ones[:_MOST_NAMES])
    further = f" and {len(open_ones) - _MOST_NAMES} more" if len(open_ones) > _MOST_NAMES else ""
    return f"{shown}{further} {'has' if len(open_ones) == 1 else 'have'} to end."
