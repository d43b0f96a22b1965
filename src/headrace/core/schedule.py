"""Schedules: when a flow is due, and which window each of its runs has.

Due times are ``start + n * interval * unit`` in plain UTC arithmetic: no daylight saving, so none is skipped, doubled or
endless. Due times that were missed (the service was down, the flow disabled, a run took long) are merged into one run whose window
reaches to the newest of them. Windows tile: each begins where the one before it ended.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.clock import DAY, HOUR, MINUTE, Instant
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.window import Window


class Unit(StrEnum):
    """Units of a schedule's interval."""

    ONCE = "once"
    """One run at the start; the interval means nothing."""
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    """24 hours."""
    WEEK = "week"


_NEVER = 253_402_300_800_000_000
"""The year 10000: what is due from then on is never due, so that every interval gives times that can be kept and shown."""
_LENGTHS: Mapping[Unit, int] = {Unit.MINUTE: MINUTE, Unit.HOUR: HOUR, Unit.DAY: DAY, Unit.WEEK: 7 * DAY}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a flow is due.

    ``backfill``: the first run is due at the start and takes everything that is there already; without it, nothing older than the start is taken,
    and the first run is due one interval later. ``since``: due times up to then do not count (the schedule was changed at that moment); the phase
    stays that of the start.
    """

    start: Instant
    unit: Unit
    interval: int = 1
    backfill: bool = True
    since: Instant | None = None

    def __post_init__(self) -> None:
        if self.interval < 1:
            error = FieldError("interval", f"{self.interval} is no interval", "1 or more")
            raise Problem(Code.INVALID, str(error), (error,))

    @property
    def period(self) -> int | None:
        """Return the microseconds from one due time to the next; None: there is only one."""
        return None if self.unit is Unit.ONCE else self.interval * _LENGTHS[self.unit]

    @property
    def first(self) -> Instant:
        """Return the first due time, whatever ``since`` says."""
        period = self.period
        return self.start if period is None or self.backfill else Instant(self.start + period)


@dataclass(frozen=True, slots=True)
class Due:
    """A run that a schedule asks for: when it was due (the newest of merged due times), and its window."""

    at: Instant
    window: Window


def next_fire(schedule: Schedule, after: Instant | None = None) -> Instant | None:
    """Return the first due time later than ``after`` (None: the first of all); None: there is none any more."""
    bounds = [bound for bound in (after, schedule.since) if bound is not None]
    following = schedule.first
    if bounds and max(bounds) >= schedule.first:
        period = schedule.period
        if period is None:
            return None
        following = Instant(schedule.first + ((max(bounds) - schedule.first) // period + 1) * period)
    return following if following < _NEVER else None


def due(schedule: Schedule, previous: Window | None, now: Instant) -> Due | None:
    """Return the one run that is due at ``now``, or None.

    ``previous`` is the window of the schedule's newest run, whatever became of it (a failed run does not widen the next window: its rows come back
    by a retry); None: this is the first. The first window of a backfill ends ``now``; every other ends at a due time.
    """
    newest = _newest(schedule, now)
    if newest is None:
        return None
    if previous is None:
        window = Window(None, now) if schedule.backfill or schedule.period is None else Window(schedule.start, newest)
        return Due(newest, window)
    if schedule.period is None or previous.end is None or newest <= previous.end:
        return None
    return Due(newest, previous.following(newest))


def windows_of(schedule: Schedule, until: Instant) -> Iterator[Due]:
    """Yield each run that is due up to ``until``, if none is missed and each starts at the moment that it is due."""
    at = next_fire(schedule)
    previous: Window | None = None
    while at is not None and at <= until:
        run = due(schedule, previous, at)
        if run is not None:
            yield run
            previous = run.window
        at = next_fire(schedule, at)


def _newest(schedule: Schedule, now: Instant) -> Instant | None:
    """Return the newest due time up to ``now`` that counts."""
    if now < schedule.first:
        return None
    period = schedule.period
    newest = schedule.first if period is None else Instant(schedule.first + (now - schedule.first) // period * period)
    return newest if schedule.since is None or newest > schedule.since else None
