"""Lines: attempts that one thread does one after the other, each claimed in the transaction that ended the one before it.

A plan is a line wherever one activity's success lets exactly one other start, and nothing else is going on in its level. What would follow from
any other end is decided by the parent (``walk``), as everything is that has branches. A line stops where an activity pauses or has bodies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.core.flow import Activity
from headrace.core.progress import ready
from headrace.core.run import ActivityStatus
from headrace.engine.records import Ended, Ending, Standing, Try

_LONGEST = 16
"""Attempts of a line at most: the parent hears of them at its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """Attempts to be done as long as each succeeds. ``ending``: the level's, where nothing is left to do after them."""

    tries: tuple[Try, ...]
    ending: Ending | None = None

    def after(self, number: int) -> Try | Ending | None:
        """Return what follows when attempt ``number`` of the line has succeeded."""
        return self.tries[number + 1] if number + 1 < len(self.tries) else self.ending


@dataclass(frozen=True, slots=True)
class Done:
    """What was done of a line: how attempts ended, by the activities' names; the last one may stand open.

    ``level_end``: how their level ended with it.
    """

    ends: tuple[tuple[str, Ended | Standing], ...]
    level_end: ActivityStatus | None = None


def line_of(
    first: Try,
    statuses: Mapping[str, ActivityStatus],
    standings: Mapping[str, Standing],
    joins: Callable[[Activity], bool],
) -> Line:
    """Return the line that begins with ``first`` in a level with ``statuses``; an activity that does not join ends it."""
    plan, known = first.level.plan, {**statuses, first.activity.name: ActivityStatus.SUCCEEDED}
    tries = [first]
    while True:
        step = ready(plan, known)
        if step.skip or step.inactive:
            return Line(tuple(tries))
        if step.done:
            return Line(tuple(tries), Ending(first.level, known))
        if len(step.start) != 1 or len(tries) == _LONGEST:
            return Line(tuple(tries))
        activity = plan.by_name[step.start[0]]
        standing = standings.get(activity.name)
        if standing is None or not joins(activity):
            return Line(tuple(tries))
        known[activity.name] = ActivityStatus.SUCCEEDED
        tries.append(Try(first.level, activity, standing))
