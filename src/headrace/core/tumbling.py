"""Tumbling windows: which windows a trigger has, which are due, and which others each of them waits for (contract 10.2).

Windows tile the time from the start on. Minutes and hours are counted as time that has passed, months on the calendar of UTC from the start's day,
which is clamped to the month's end.
"""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import accumulate
from typing import Self

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant, from_datetime, to_datetime
from headrace.core.trigger import TriggerRunStatus

PATIENCE = 7 * DAY
"""How long a window waits for others at most."""
_NEVER = 253_370_000_000_000_000


class WindowUnit(StrEnum):
    """Units of a window's size."""

    MINUTE = "minute"
    HOUR = "hour"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class WindowRange:
    """A window: from ``start`` up to ``end``, which is not in it."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Dependency:
    """A window waits for the windows of ``trigger`` (in lower case; None: its own trigger) that overlap ``size`` from its start and ``offset`` on."""

    trigger: str | None = None
    offset: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Tumbling:
    """The windows of a trigger, and how they are processed. All lengths of time are microseconds."""

    unit: WindowUnit
    interval: int
    start: Instant
    end: Instant | None = None
    delay: int = 0
    at_once: int = 1
    retries: int = 0
    retry_after: int = 30 * SECOND
    depends_on: tuple[Dependency, ...] = ()

    def start_of(self, number: int) -> Instant:
        """Return the start of the ``number``-th window (from 0)."""
        if self.unit is not WindowUnit.MONTH:
            return Instant(self.start + number * self._length)
        first = to_datetime(self.start)
        year, month = divmod(first.year * 12 + first.month - 1 + number * self.interval, 12)
        if year > 9998:
            return Instant(_NEVER)
        day = min(first.day, monthrange(year, month + 1)[1])
        return from_datetime(first.replace(year=year, month=month + 1, day=day))

    def window(self, number: int) -> WindowRange:
        """Return the ``number``-th window (from 0)."""
        return WindowRange(self.start_of(number), self.start_of(number + 1))

    def number_at(self, instant: int) -> int:
        """Return the number of the window that ``instant`` is in; it is negative before the start."""
        if self.unit is not WindowUnit.MONTH:
            return (instant - self.start) // self._length
        if instant < self.start:
            return -1
        first, then = to_datetime(self.start), to_datetime(Instant(min(instant, _NEVER)))
        months = (then.year - first.year) * 12 + then.month - first.month
        number = months // self.interval
        return number if self.start_of(number) <= instant else number - 1

    def is_there(self, window: WindowRange) -> bool:
        """Say whether the trigger has this window: windows that would reach beyond its end are none."""
        return window.end <= (_NEVER if self.end is None else self.end)

    def due_at(self, window: WindowRange) -> Instant:
        """Return when the window is due."""
        return Instant(window.end + self.delay)

    @property
    def _length(self) -> int:
        return self.interval * (MINUTE if self.unit is WindowUnit.MINUTE else HOUR)


def windows_from(tumbling: Tumbling, cursor: Instant) -> Iterator[WindowRange]:
    """Yield the windows whose start is at ``cursor`` or later, oldest first, due or not."""
    number = max(0, tumbling.number_at(cursor))
    if tumbling.start_of(number) < cursor:
        number += 1
    while True:
        window = tumbling.window(number)
        if not tumbling.is_there(window):
            return
        yield window
        number += 1


def needed(upstream: Tumbling, dependency: Dependency, window: WindowRange) -> range:
    """Return the numbers of the windows of ``upstream`` that ``window`` waits for. What lies before its start or behind its end is not waited for."""
    begin = window.start + dependency.offset
    end = begin + (window.end - window.start if dependency.size is None else dependency.size)
    first, last = max(0, upstream.number_at(begin)), upstream.number_at(end - 1)
    if upstream.end is not None:
        last = min(last, upstream.number_at(upstream.end) - 1)
    if dependency.trigger is None:
        # A window does not wait for itself.
        last = min(last, upstream.number_at(window.start) - 1)
    return range(first, max(first, last + 1))


class DependencyStatus(StrEnum):
    """How it stands with what a window waits for."""

    SUCCEEDED = "succeeded"
    WAITING = "waiting"
    FAILED = "failed"
    """One of the windows failed or was cancelled: it is waited for until it succeeds."""


_BROKEN = frozenset({TriggerRunStatus.FAILED, TriggerRunStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class KnownWindows:
    """Windows of a trigger that have a status: their numbers in order, and how many of those before each have succeeded, or are broken.

    So those of a long range are counted without looking at each of them.
    """

    numbers: tuple[int, ...]
    succeeded: tuple[int, ...]
    broken: tuple[int, ...]

    @classmethod
    def of(cls, tumbling: Tumbling, statuses: Mapping[Instant, TriggerRunStatus]) -> Self:
        """Return the windows of ``tumbling`` among ``statuses``, which are those of windows by their starts."""
        found = sorted((tumbling.number_at(start), start, status) for start, status in statuses.items())
        # What was a window while the trigger had another start is none now.
        found = [each for each in found if tumbling.start_of(each[0]) == each[1]]
        return cls(
            tuple(number for number, _, _ in found),
            tuple(accumulate((status is TriggerRunStatus.SUCCEEDED for _, _, status in found), initial=0)),
            tuple(accumulate((status in _BROKEN for _, _, status in found), initial=0)),
        )

    def between(self, numbers: range) -> tuple[int, int, int]:
        """Return how many windows of a range are known, have succeeded, and are broken."""
        low, high = bisect_left(self.numbers, numbers.start), bisect_left(self.numbers, numbers.stop)
        return high - low, self.succeeded[high] - self.succeeded[low], self.broken[high] - self.broken[low]


def standing(
    upstream: Tumbling, numbers: range, known: KnownWindows, removed_until: Instant | None
) -> DependencyStatus:
    """Return how it stands with the windows ``numbers`` of ``upstream``.

    Windows that ended by ``removed_until`` and are not known were removed with the history of their age: nobody can run them again, so they are
    not waited for.
    """
    _, succeeded, broken = known.between(numbers)
    if broken:
        return DependencyStatus.FAILED
    if removed_until is not None:
        old = range(numbers.start, max(numbers.start, min(numbers.stop, upstream.number_at(removed_until))))
        succeeded += len(old) - known.between(old)[0]
    return DependencyStatus.SUCCEEDED if succeeded >= len(numbers) else DependencyStatus.WAITING


def span_of(upstream: Tumbling, numbers: range) -> tuple[Instant, Instant] | None:
    """Return the first and the last start among windows, None: there are none."""
    return (upstream.start_of(numbers[0]), upstream.start_of(numbers[-1])) if numbers else None


def merged(
    spans: Iterator[tuple[Instant, Instant]], gap: timedelta = timedelta(days=1)
) -> list[tuple[Instant, Instant]]:
    """Return spans that together hold all of ``spans``; those that lie closer than ``gap`` are one."""
    found: list[tuple[Instant, Instant]] = []
    near = gap // timedelta(microseconds=1)
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1] + near:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
