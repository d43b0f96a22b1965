"""Lines: attempts that one thread does one after the other, each claimed in the transaction that ended the one before it.

A plan is a line wherever one activity's success lets exactly one other start, and nothing else is going on. What would follow from any other end
is decided by the parent (``execution``), as everything is that has branches.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.core.flow import Activity
from headrace.core.progress import ready
from headrace.core.run import ActivityStatus
from headrace.engine.records import Ended, Ending, Try

_LONGEST = 16
"""Attempts of a line at most: the parent hears of them at its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """Attempts to be done as long as each succeeds. ``ending``: the run's, where nothing is left to do after them."""

    tries: tuple[Try, ...]
    ending: Ending | None = None

    def after(self, number: int) -> Try | Ending | None:
        """Return what follows when attempt ``number`` of the line has succeeded."""
        return self.tries[number + 1] if number + 1 < len(self.tries) else self.ending


@dataclass(frozen=True, slots=True)
class Done:
    """What was done of a line: the ends of attempts, by path; ``run_ended``: the run has ended with the last of them."""

    ends: tuple[tuple[str, Ended], ...]
    run_ended: bool = False


def line_of(first: Try, statuses: Mapping[str, ActivityStatus], joins: Callable[[Activity], bool]) -> Line:
    """Return the line that begins with ``first`` in a run with ``statuses``; an activity that does not join ends it."""
    plan, known = first.run.definition, {**statuses, first.activity.name: ActivityStatus.SUCCEEDED}
    tries = [first]
    while True:
        step = ready(plan, known)
        if step.skip or step.inactive:
            return Line(tuple(tries))
        if step.done:
            return Line(tuple(tries), Ending(first.run, known))
        if len(step.start) != 1 or len(tries) == _LONGEST:
            return Line(tuple(tries))
        activity = plan.by_name[step.start[0]]
        if not joins(activity):
            return Line(tuple(tries))
        known[activity.name] = ActivityStatus.SUCCEEDED
        tries.append(Try(first.run, activity, 1))
