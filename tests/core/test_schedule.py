"""Schedules: due times and the windows of their runs (the cases of contracts/flowservice.md §4.3)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.clock import DAY, HOUR, MINUTE, Instant
from headrace.core.errors import Problem
from headrace.core.schedule import Due, Schedule, Unit, due, next_fire, windows_of
from headrace.core.window import Window

START = Instant(1_760_000_000 * 1_000_000)


def at(offset: int) -> Instant:
    """Return the instant ``offset`` microseconds after the start."""
    return Instant(START + offset)


def test_once_is_due_once_and_takes_all_that_is_there() -> None:
    """The window of the only run ends at the moment that it starts."""
    schedule = Schedule(START, Unit.ONCE)
    run = due(schedule, None, at(5 * MINUTE))
    assert run == Due(START, Window(None, at(5 * MINUTE)))
    assert due(schedule, run.window, at(DAY)) is None
    assert next_fire(schedule) == START
    assert next_fire(schedule, START) is None


def test_a_backfill_takes_everything_first_and_then_tiles() -> None:
    """The first run is due at the start; each later one begins where the one before it ended."""
    schedule = Schedule(START, Unit.HOUR, 2)
    first = due(schedule, None, at(MINUTE))
    assert first == Due(START, Window(None, at(MINUTE)))
    assert due(schedule, first.window, at(2 * HOUR)) == Due(at(2 * HOUR), Window(at(MINUTE), at(2 * HOUR)))


def test_without_backfill_nothing_older_than_the_start_is_taken() -> None:
    """There is no run at the start; the first one has the first interval as its window."""
    schedule = Schedule(START, Unit.DAY, backfill=False)
    assert due(schedule, None, at(DAY - 1)) is None
    assert due(schedule, None, at(DAY)) == Due(at(DAY), Window(START, at(DAY)))
    assert next_fire(schedule) == at(DAY)


def test_missed_due_times_are_merged_into_one_run() -> None:
    """After an outage there is one run whose window ends at the newest due time, not one run for each."""
    schedule = Schedule(START, Unit.MINUTE, 15, backfill=False)
    late = due(schedule, Window(START, at(15 * MINUTE)), at(100 * MINUTE))
    assert late == Due(at(90 * MINUTE), Window(at(15 * MINUTE), at(90 * MINUTE)))


def test_a_due_time_that_an_earlier_window_covers_makes_no_run() -> None:
    """A first run that started late took those rows already."""
    schedule = Schedule(START, Unit.MINUTE, 15)
    assert due(schedule, Window(None, at(40 * MINUTE)), at(31 * MINUTE)) is None


def test_a_changed_schedule_keeps_the_phase_and_goes_on_after_the_change() -> None:
    """Due times up to the change do not count."""
    schedule = Schedule(START, Unit.WEEK, since=at(8 * DAY))
    assert due(schedule, Window(None, at(DAY)), at(9 * DAY)) is None
    assert next_fire(schedule) == at(14 * DAY)


def test_an_interval_is_at_least_one() -> None:
    """Zero would be due for ever."""
    with pytest.raises(Problem, match="1 or more"):
        Schedule(START, Unit.HOUR, 0)


UNITS = st.sampled_from([Unit.MINUTE, Unit.HOUR, Unit.DAY, Unit.WEEK])


@given(UNITS, st.integers(1, 50), st.booleans(), st.lists(st.integers(0, 90 * DAY), max_size=20))
def test_windows_tile_whenever_the_scheduler_looks(unit: Unit, interval: int, backfill: bool, looks: list[int]) -> None:
    """Scenario D7: no gap and no overlap, however late and irregular the looks; nothing from before the start unless asked for."""
    schedule = Schedule(START, unit, interval, backfill=backfill)
    windows: list[Window] = []
    for look in sorted(looks):
        run = due(schedule, windows[-1] if windows else None, at(look))
        if run is not None:
            assert START <= run.at <= at(look)
            windows.append(run.window)
    assert all(before.end == after.start and not after.is_empty for before, after in pairwise(windows))
    if windows:
        assert windows[0].start == (None if backfill else START)


@given(UNITS, st.integers(1, 50), st.booleans(), st.integers(-DAY, 90 * DAY))
def test_the_next_due_time_is_later_and_in_phase(unit: Unit, interval: int, backfill: bool, after: int) -> None:
    """No due time lies between the given instant and the next one."""
    schedule = Schedule(START, unit, interval, backfill=backfill)
    fire = next_fire(schedule, at(after))
    period = schedule.period
    assert fire is not None
    assert period is not None
    assert fire > at(after)
    assert (fire - START) % period == 0
    assert fire == schedule.first or fire - period <= at(after)


@given(st.integers(1, 50), st.booleans(), st.integers(0, 3 * DAY))
def test_the_windows_of_a_punctual_schedule_reach_to_the_newest_due_time(
    interval: int, backfill: bool, until: int
) -> None:
    """Each due time makes one run, and together they cover all time up to the last."""
    runs = list(windows_of(Schedule(START, Unit.HOUR, interval, backfill=backfill), at(until)))
    assert [run.window.end for run in runs] == [run.at for run in runs]
    assert all(before.window.end == after.window.start for before, after in pairwise(runs))
