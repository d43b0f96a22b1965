"""Recurrences: against a model that walks through time step by step, and what the contract says in so many words."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.clock import DAY, HOUR, MINUTE, Instant, from_datetime, to_iso
from headrace.core.recurrence import (
    Frequency,
    Pattern,
    Recurrence,
    Weekday,
    clock_reading,
    instant_of,
    next_occurrence,
    occurrence_before,
)

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu")
CHANGES = (
    datetime(2024, 3, 31),  # noqa: DTZ001 — what clocks show
    datetime(2024, 10, 27),  # noqa: DTZ001 — what clocks show
    datetime(2023, 11, 5),  # noqa: DTZ001 — what clocks show
    datetime(2018, 11, 4),  # noqa: DTZ001 — what clocks show
    datetime(2024, 4, 7),  # noqa: DTZ001 — what clocks show
    datetime(2024, 2, 27),  # noqa: DTZ001 — what clocks show
)


def reading(text: str) -> int:
    """Return what clocks show that show ``text``."""
    return clock_reading(datetime.fromisoformat(text))


def instant(text: str) -> Instant:
    """Return a moment of UTC."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def first(recurrence: Recurrence, count: int, after: str = "1990-01-01") -> list[str]:
    """Return the first occurrences after a moment, as texts."""
    found: list[str] = []
    at = next_occurrence(recurrence, instant(after))
    while at is not None and len(found) < count:
        found.append(to_iso(at).removesuffix("Z"))
        at = next_occurrence(recurrence, at)
    return found


def modelled(recurrence: Recurrence, begin: Instant, end: Instant, step: int) -> Iterator[Instant]:
    """Yield the occurrences from ``begin`` to ``end``, by looking at every step of time."""
    zone = ZoneInfo(recurrence.zone)
    opens = instant_of(recurrence.start, zone)
    closes = end if recurrence.end is None else min(end, instant_of(recurrence.end, zone))
    for at in range(begin, closes + 1, step):
        if at < opens:
            continue
        if recurrence.frequency in {Frequency.MINUTE, Frequency.HOUR}:
            unit = MINUTE if recurrence.frequency is Frequency.MINUTE else HOUR
            if (at - opens) % (recurrence.interval * unit) == 0 and _lets(recurrence, _shown(at, zone)):
                yield Instant(at)
        elif any(_is_due(recurrence, shown) for shown in _first_shown(at, step, zone)):
            yield Instant(at)


def _shown(at: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(zone)


def _first_shown(at: int, step: int, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the times that clocks have come to by ``at`` and not before: those of a gap too, none that they show again."""
    now, before = (_shown(each, zone).replace(tzinfo=None) for each in (at, at - step))
    if _shown(at, zone).fold == 0:
        shown = now
        while shown > max(before, now - timedelta(hours=25)):
            yield shown
            shown -= timedelta(microseconds=step)


def _lets(recurrence: Recurrence, shown: datetime) -> bool:
    pattern = recurrence.pattern
    return (not pattern.hours or shown.hour in pattern.hours) and (
        not pattern.minutes or shown.minute in pattern.minutes
    )


def _is_due(recurrence: Recurrence, shown: datetime) -> bool:
    start = datetime(1970, 1, 1) + timedelta(microseconds=recurrence.start)  # noqa: DTZ001 — what clocks show
    pattern = recurrence.pattern
    if shown < start or not _is_day(recurrence, start.date(), shown.date()):
        return False
    hours = pattern.hours or (range(24) if pattern.minutes else (start.hour,))
    return shown.hour in hours and shown.minute in (pattern.minutes or (start.minute,))


def _is_day(recurrence: Recurrence, start: date, day: date) -> bool:
    pattern, interval = recurrence.pattern, recurrence.interval
    if recurrence.frequency is Frequency.DAY:
        return (day - start).days % interval == 0
    if recurrence.frequency is Frequency.WEEK:
        weeks = (_sunday(day) - _sunday(start)).days // 7
        return weeks % interval == 0 and day.weekday() in (pattern.week_days or (start.weekday(),))
    months = (day.year - start.year) * 12 + day.month - start.month
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    length = (following - timedelta(days=1)).day
    if months % interval:
        return False
    if not pattern.month_days and not pattern.month_weekdays:
        return day.day == min(start.day, length)
    return (
        day.day in pattern.month_days
        or day.day - length - 1 in pattern.month_days
        or any(_is_weekday(one, day, length) for one in pattern.month_weekdays)
    )


def _is_weekday(one: Weekday, day: date, length: int) -> bool:
    numbers = ((day.day - 1) // 7 + 1, -((length - day.day) // 7 + 1))
    return day.weekday() == one.day and (one.occurrence is None or one.occurrence in numbers)


def _sunday(day: date) -> date:
    return day - timedelta(days=(day.weekday() + 1) % 7)


@st.composite
def recurrences(draw: st.DrawFn, grid: int) -> Recurrence:
    """Return a recurrence whose times lie on a grid of minutes, near a day on which clocks change somewhere."""
    frequency = draw(st.sampled_from(list(Frequency)))
    minutes = st.sets(st.integers(0, 60 // grid - 1).map(lambda n: n * grid), max_size=3).map(sorted).map(tuple)
    hours = st.sets(st.integers(0, 23), max_size=4).map(sorted).map(tuple)
    days = st.sets(st.integers(0, 6), max_size=3).map(sorted).map(tuple)
    weekday = st.builds(Weekday, st.integers(0, 6), st.sampled_from([None, 1, 2, 5, -1, -5]))
    of_month = st.sets(st.sampled_from([1, 15, 29, 31, -1, -3, -30]), max_size=2).map(sorted).map(tuple)
    monthly = frequency is Frequency.MONTH
    pattern = Pattern(
        draw(minutes),
        draw(hours),
        draw(days) if frequency is Frequency.WEEK else (),
        draw(of_month) if monthly else (),
        tuple(draw(st.lists(weekday, max_size=1))) if monthly else (),
    )
    near = draw(st.sampled_from(CHANGES)) - timedelta(days=draw(st.integers(0, 40 if grid > 1 else 2)))
    start = near + timedelta(minutes=draw(st.integers(0, 1440 // grid - 1)) * grid)
    end = draw(st.none() | st.integers(0, 60).map(lambda days: clock_reading(start) + days * DAY))
    interval = draw(st.sampled_from([1, 2, 3, 5, 7]))
    if frequency is Frequency.MINUTE:
        interval *= grid
    return Recurrence(frequency, interval, clock_reading(start), end, draw(st.sampled_from(ZONES)), pattern)


def _check(recurrence: Recurrence, days: int, step: int) -> None:
    begin = Instant(recurrence.start - recurrence.start % DAY - DAY)
    end = Instant(begin + days * DAY)
    found, at = [], next_occurrence(recurrence, Instant(begin - 1))
    while at is not None and at <= end:
        found.append(at)
        at = next_occurrence(recurrence, at)
    assert [to_iso(each) for each in found] == [to_iso(each) for each in modelled(recurrence, begin, end, step)]


@settings(max_examples=15)
@given(recurrences(1))
def test_every_minute_of_some_days_is_as_in_a_model_that_steps_through_them(recurrence: Recurrence) -> None:
    """Gaps, repeated hours, filters and ends, to the minute."""
    _check(recurrence, 4, MINUTE)


@settings(max_examples=15)
@given(recurrences(15))
def test_months_and_weeks_are_as_in_a_model_that_steps_through_them(recurrence: Recurrence) -> None:
    """The calendar: weeks from Sunday, days from the end of the month, n-th weekdays, days that months lack."""
    _check(recurrence, 70, 15 * MINUTE)


MONTHLY = {"frequency": Frequency.MONTH, "interval": 1}
SAID = {
    "a month's day is clamped to its end": (
        Recurrence(Frequency.MONTH, 1, reading("2023-12-31T10:00")),
        ["2023-12-31T10:00:00", "2024-01-31T10:00:00", "2024-02-29T10:00:00", "2024-03-31T10:00:00"],
    ),
    "a listed day that a month lacks is left out": (
        Recurrence(Frequency.MONTH, 1, reading("2024-01-01T10:00"), pattern=Pattern(month_days=(31,))),
        ["2024-01-31T10:00:00", "2024-03-31T10:00:00", "2024-05-31T10:00:00"],
    ),
    "the last Friday and the first day of a month": (
        Recurrence(
            Frequency.MONTH, 1, reading("2024-01-02"), pattern=Pattern(month_days=(1,), month_weekdays=(Weekday(4, -1),))
        ),
        ["2024-01-26T00:00:00", "2024-02-01T00:00:00", "2024-02-23T00:00:00"],
    ),
    "weeks begin on Sunday": (
        Recurrence(Frequency.WEEK, 2, reading("2024-01-03T06:00"), pattern=Pattern(week_days=(0, 6))),
        ["2024-01-14T06:00:00", "2024-01-15T06:00:00", "2024-01-28T06:00:00"],
    ),
    "only hours: the minute and the second of the start": (
        Recurrence(Frequency.DAY, 1, reading("2024-01-01T10:20:30"), pattern=Pattern(hours=(5, 11))),
        ["2024-01-01T11:20:30", "2024-01-02T05:20:30", "2024-01-02T11:20:30"],
    ),
    "only minutes: every hour": (
        Recurrence(Frequency.DAY, 2, reading("2024-01-01T22:20"), pattern=Pattern(minutes=(0, 30))),
        ["2024-01-01T22:30:00", "2024-01-01T23:00:00", "2024-01-01T23:30:00", "2024-01-03T00:00:00"],
    ),
    "a time that the clocks skip is due at the first moment after": (
        Recurrence(Frequency.DAY, 1, reading("2024-03-30T02:30"), zone="Europe/Berlin"),
        ["2024-03-30T01:30:00", "2024-03-31T01:00:00", "2024-04-01T00:30:00"],
    ),
    "a time that the clocks show twice is due once, the first time": (
        Recurrence(Frequency.DAY, 1, reading("2024-10-26T02:30"), zone="Europe/Berlin"),
        ["2024-10-26T00:30:00", "2024-10-27T00:30:00", "2024-10-28T01:30:00"],
    ),
    "hours are time that has passed": (
        Recurrence(Frequency.HOUR, 12, reading("2024-03-30T18:00"), zone="Europe/Berlin"),
        ["2024-03-30T17:00:00", "2024-03-31T05:00:00", "2024-03-31T17:00:00"],
    ),
    "29 February on a Friday": (
        Recurrence(Frequency.MONTH, 12, reading("2024-02-01"), pattern=Pattern(month_weekdays=(Weekday(4, 5),))),
        ["2036-02-29T00:00:00", "2064-02-29T00:00:00", "2092-02-29T00:00:00", "2104-02-29T00:00:00"],
    ),
    "a day that was left out of the calendar": (
        Recurrence(Frequency.DAY, 1, reading("2011-12-29T12:00"), zone="Pacific/Apia"),
        ["2011-12-29T22:00:00", "2011-12-30T10:00:00", "2011-12-30T22:00:00"],
    ),
    "the end is included": (
        Recurrence(Frequency.MINUTE, 30, reading("2024-01-01T10:00"), reading("2024-01-01T11:00")),
        ["2024-01-01T10:00:00", "2024-01-01T10:30:00", "2024-01-01T11:00:00"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
def test_the_contract_is_kept_to_the_letter(what: str) -> None:
    """Section 10.1, sentence by sentence."""
    recurrence, expected = SAID[what]
    assert first(recurrence, len(expected)) == expected


NEVER = {
    "30 February": Recurrence(Frequency.MONTH, 12, reading("2024-02-01"), pattern=Pattern(month_days=(30,))),
    "an hour that is never reached": Recurrence(
        Frequency.HOUR, 24, reading("2024-02-01T05:00"), zone="Europe/Berlin", pattern=Pattern(hours=(10,))
    ),
    "a minute that is never reached": Recurrence(
        Frequency.MINUTE, 2, reading("2024-02-01T05:00"), zone="Africa/Casablanca", pattern=Pattern(minutes=(7,))
    ),
    "a fifth Friday at an interval that misses it": Recurrence(
        Frequency.MONTH,
        1000,
        reading("2024-02-01"),
        reading("2100-01-01"),
        pattern=Pattern(month_weekdays=(Weekday(4, 5),)),
    ),
}


@pytest.mark.parametrize("what", NEVER)
def test_what_never_comes_is_found_out_soon(what: str) -> None:
    """The search ends, whatever somebody writes, and does not hold up others for long."""
    began = time.process_time()
    assert next_occurrence(NEVER[what], instant("2024-02-02")) is None
    assert time.process_time() - began < 1


def test_an_occurrence_is_found_within_milliseconds() -> None:
    """Also far from the start, and for rare ones."""
    recurrences = [recurrence for recurrence, _ in SAID.values() if recurrence.end is None]
    began = time.process_time()
    for recurrence in recurrences:
        for year in range(2024, 2064, 4):
            assert next_occurrence(recurrence, instant(f"{year}-05-05")) is not None
    assert (time.process_time() - began) / (len(recurrences) * 10) < 0.005


def test_the_last_year_of_the_calendar_is_the_end() -> None:
    """Dates that nobody can show are never due."""
    for frequency in Frequency:
        assert next_occurrence(Recurrence(frequency, 1000, reading("2024-01-31T10:00")), instant("9999-01-05")) is None
        assert next_occurrence(Recurrence(frequency, 1, reading("9999-12-31T10:00")), instant("2024-12-01")) is None


def test_the_first_year_of_the_calendar_is_a_start_and_the_last_one_an_end() -> None:
    """Clients write the smallest and the largest date that they know for dates that do not matter."""
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
        for frequency in Frequency:
            ends = reading("9999-12-31T23:59:59")
            ever = Recurrence(frequency, 1, reading("0001-01-01T00:00"), ends, zone)
            found = next_occurrence(ever, instant("2026-01-01T00:00:01"))
            assert found is not None
            assert found < instant("2026-02-03")


def test_of_what_was_missed_only_what_is_young_counts() -> None:
    """The newest that is less than five minutes old, if it is not one from before it was to be looked at."""
    each = Recurrence(Frequency.MINUTE, 2, reading("2024-01-01T10:00"))
    now, young = instant("2024-01-01T12:01"), 5 * MINUTE
    assert occurrence_before(each, instant("2024-01-01T10:00"), now, young) == instant("2024-01-01T12:00")
    assert occurrence_before(each, instant("2024-01-01T12:02"), now, young) is None
    hourly = Recurrence(Frequency.HOUR, 1, reading("2024-01-01T10:00"))
    start = instant("2024-01-01T10:00")
    assert occurrence_before(hourly, start, instant("2024-01-01T12:04:59"), young) == instant("2024-01-01T12:00")
    assert occurrence_before(hourly, start, instant("2024-01-01T12:05"), young) is None
