"""Recurrences: at which moments a schedule trigger is due (contract 10.1).

Days, weeks and months are counted on the clocks of a time zone, minutes and hours as time that has passed. A time that the clocks skip
is due at the first moment after the gap; a time that they show twice is due the first time. So what clocks show grows with the
moments that it stands for, and the next occurrence is found by looking at later and later clock times.

It always ends: days and weeks have an occurrence in every period, months repeat after 4,800 of them (400 years, which are whole weeks), and what
filters hours and minutes sees the same clock times again and again as long as a zone keeps its offset.
"""

import math
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from headrace.core.clock import DAY, HOUR, MINUTE, Instant

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 — what clocks show has no zone of its own
_MICROSECOND = timedelta(microseconds=1)
_LAST = 253_370_000_000_000_000
"""In the year 9998: what would be due later is never due."""
_FIRST = -62_000_000_000_000_000
_MONTHS_UNTIL_ALL_REPEATS = 4_800
_MINUTES_OF_DAY = 1_440


class Frequency(StrEnum):
    """Units of a recurrence's interval."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Weekday:
    """A weekday of a month: the ``occurrence``-th (negative: from the end; None: every one). ``day``: Monday is 0."""

    day: int
    occurrence: int | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which times of a period a recurrence is due at; what is empty says nothing. ``month_days`` below 0 count from the end of the month."""

    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    week_days: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    month_weekdays: tuple[Weekday, ...] = ()


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a schedule trigger is due. ``start`` and ``end`` (inclusive) are what the zone's clocks show, in microseconds as if they showed UTC."""

    frequency: Frequency
    interval: int
    start: int
    end: int | None = None
    zone: str = "UTC"
    pattern: Pattern = field(default_factory=Pattern)


def next_occurrence(recurrence: Recurrence, after: Instant) -> Instant | None:
    """Return the first occurrence later than ``after``; None: there is none any more."""
    zone = ZoneInfo(recurrence.zone)
    last = _LAST if recurrence.end is None else min(_LAST, instant_of(recurrence.end, zone))
    first = instant_of(recurrence.start, zone)
    # What is asked for before the start is the first of all.
    bound = Instant(max(after, first - 1, _FIRST))
    if bound >= last:
        return None
    if recurrence.frequency in {Frequency.MINUTE, Frequency.HOUR}:
        return _elapsed(recurrence, zone, first, bound, last)
    return _on_the_calendar(recurrence, zone, bound, last)


def occurrence_before(recurrence: Recurrence, first: Instant, now: Instant, within: int) -> Instant | None:
    """Return the newest occurrence from ``first`` to ``now`` that is less than ``within`` microseconds old, or None."""
    found = None
    at = next_occurrence(recurrence, Instant(max(first - 1, now - within)))
    while at is not None and at <= now:
        found = at
        at = next_occurrence(recurrence, at)
    return found


def clock_of(instant: Instant, zone: ZoneInfo) -> int:
    """Return what the zone's clocks show at a moment, in microseconds as if they showed UTC."""
    return instant + _offset_at(instant, zone)


def instant_of(clock: int, zone: ZoneInfo) -> Instant:
    """Return when the zone's clocks show ``clock``: the first time that they do, or the first moment after the gap that it falls into."""
    shown = (_EPOCH + timedelta(microseconds=clock)).replace(tzinfo=zone)
    before, after = _microseconds(shown.utcoffset()), _microseconds(shown.replace(fold=1).utcoffset())
    if before >= after:
        return Instant(clock - before)
    return _end_of_gap(clock - after, clock - before, zone)


def _end_of_gap(low: int, high: int, zone: ZoneInfo) -> Instant:
    """Return the moment between the two at which the zone's offset changes."""
    offset = _offset_at(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(middle, zone) == offset:
            high = middle
        else:
            low = middle
    return Instant(high)


def _offset_at(instant: int, zone: ZoneInfo) -> int:
    # At the ends of the calendar, clocks of other zones would show dates that there are not.
    near = min(max(instant, _FIRST), _LAST)
    moment = (_EPOCH + timedelta(microseconds=near)).replace(tzinfo=UTC)
    return _microseconds(moment.astimezone(zone).utcoffset())


def _microseconds(offset: timedelta | None) -> int:
    return (offset or timedelta()) // _MICROSECOND


def _elapsed(recurrence: Recurrence, zone: ZoneInfo, first: Instant, after: Instant, last: int) -> Instant | None:
    """Return the first of ``first + k * step`` that is later than ``after`` and that the pattern lets through."""
    step = recurrence.interval * (MINUTE if recurrence.frequency is Frequency.MINUTE else HOUR)
    at = first + ((after - first) // step + 1) * step
    pattern = recurrence.pattern
    if not pattern.minutes and not pattern.hours:
        return Instant(at) if at <= last else None
    never: set[int] = set()
    while at <= last:
        offset = _offset_at(at, zone)
        if _lets_through(pattern, at + offset):
            return Instant(at)
        if offset not in never and not any(_lets_through(pattern, shown) for shown in _orbit(first + offset, step)):
            never.add(offset)
        if offset in never:
            following = _before_another_offset(at, zone, never, last)
            if following is None:
                return None
            at += max((following - at) // step, 1) * step
        else:
            at += step
    return None


def _orbit(clock: int, step: int) -> Iterator[int]:
    """Yield a clock time for each time of day that ``clock + k * step`` comes to."""
    minutes = step // MINUTE
    for number in range(_MINUTES_OF_DAY // math.gcd(minutes, _MINUTES_OF_DAY)):
        yield clock + number * step


def _lets_through(pattern: Pattern, clock: int) -> bool:
    hour, minute = clock % DAY // HOUR, clock % HOUR // MINUTE
    return (not pattern.hours or hour in pattern.hours) and (not pattern.minutes or minute in pattern.minutes)


def _before_another_offset(instant: int, zone: ZoneInfo, known: set[int], last: int) -> int | None:
    """Return a moment at most a day before the zone has an offset, after ``instant``, that is not ``known``; None: it never has."""
    # Rules of the future repeat every year; what a hundred years do not bring does not come.
    for day in range(1, 36_525):
        at = instant + day * DAY
        if at > last:
            return None
        if _offset_at(at, zone) not in known:
            return at - DAY
    return None


def _on_the_calendar(recurrence: Recurrence, zone: ZoneInfo, after: Instant, last: int) -> Instant | None:
    shown = clock_of(after, zone)
    times = _times(recurrence)
    for day in _days(recurrence, shown):
        midnight = (day - _EPOCH.date()).days * DAY
        for clock in times[bisect_left(times, shown - midnight) :]:
            if midnight + clock < recurrence.start:
                continue
            at = instant_of(midnight + clock, zone)
            if at > last:
                return None
            # The clocks may show again what they showed already, for which it was due then.
            if at > after:
                return at
    return None


def _times(recurrence: Recurrence) -> list[int]:
    """Return the times of day that a day's occurrences have, as microseconds from midnight, in order."""
    pattern, start = recurrence.pattern, recurrence.start % DAY
    hours = pattern.hours or (range(24) if pattern.minutes else (start // HOUR,))
    minutes = pattern.minutes or (start % HOUR // MINUTE,)
    return sorted({hour * HOUR + minute * MINUTE + start % MINUTE for hour in hours for minute in minutes})


def _days(recurrence: Recurrence, clock: int) -> Iterator[date]:
    """Yield the days with occurrences from the one of ``clock`` on, in order, as far as there are dates."""
    begin = max(_date(clock), _date(recurrence.start))
    days = {Frequency.DAY: _daily, Frequency.WEEK: _weekly, Frequency.MONTH: _monthly}[recurrence.frequency]
    try:
        for day in days(recurrence, begin):
            if day >= begin:
                yield day
    except OverflowError:
        # The calendar's last day has passed.
        return


def _daily(recurrence: Recurrence, begin: date) -> Iterator[date]:
    start = _date(recurrence.start)
    number = -(-(begin - start).days // recurrence.interval)
    while True:
        yield start + timedelta(days=number * recurrence.interval)
        number += 1


def _weekly(recurrence: Recurrence, begin: date) -> Iterator[date]:
    start = _date(recurrence.start)
    # By number: the calendar's first week has days that are no dates.
    sunday = start.toordinal() - start.isoweekday() % 7
    weekdays = sorted({(day + 1) % 7 for day in recurrence.pattern.week_days or (start.weekday(),)})
    number = (begin.toordinal() - sunday) // (7 * recurrence.interval)
    while True:
        first = sunday + number * 7 * recurrence.interval
        if first + 7 > date.max.toordinal():
            return
        yield from (date.fromordinal(first + weekday) for weekday in weekdays if first + weekday > 0)
        number += 1


def _monthly(recurrence: Recurrence, begin: date) -> Iterator[date]:
    start = _date(recurrence.start)
    first = start.year * 12 + start.month - 1
    number = max(0, (begin.year * 12 + begin.month - 1 - first) // recurrence.interval)
    pattern = recurrence.pattern
    for each in range(number, number + _MONTHS_UNTIL_ALL_REPEATS + 1):
        year, month = divmod(first + each * recurrence.interval, 12)
        if year > 9998:
            return
        yield from _days_of_month(pattern, start.day, year, month + 1)


@lru_cache(maxsize=512)
def _days_of_month(pattern: Pattern, day: int, year: int, month: int) -> tuple[date, ...]:
    weekday, length = monthrange(year, month)
    if not pattern.month_days and not pattern.month_weekdays:
        return (date(year, month, min(day, length)),)
    days = {number if number > 0 else length + 1 + number for number in pattern.month_days}
    for one in pattern.month_weekdays:
        first = 1 + (one.day - weekday) % 7
        all_of_them = range(first, length + 1, 7)
        if one.occurrence is None:
            days.update(all_of_them)
        elif 0 < one.occurrence <= len(all_of_them) or -len(all_of_them) <= one.occurrence < 0:
            days.add(all_of_them[one.occurrence - (one.occurrence > 0)])
    return tuple(date(year, month, number) for number in sorted(days) if 1 <= number <= length)


def _date(clock: int) -> date:
    return (_EPOCH + timedelta(microseconds=clock)).date()


def clock_reading(moment: datetime) -> int:
    """Return what clocks show that show the date and time of ``moment``, whatever zone it has."""
    return (moment.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
