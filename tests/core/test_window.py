"""Windows: half-open, and tiling."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.clock import Instant, from_datetime, to_datetime, to_iso
from headrace.core.errors import Problem
from headrace.core.window import Window

INSTANTS = st.integers(-(10**15), 4 * 10**15).map(Instant)


@given(INSTANTS, INSTANTS, INSTANTS, INSTANTS)
def test_each_instant_lies_in_exactly_one_of_two_adjacent_windows(a: int, b: int, c: int, probe: int) -> None:
    """Scenario D7: an instant at the edge belongs to the later window, and to it alone."""
    start, middle, end = map(Instant, sorted((a, b, c)))
    first = Window(start, middle)
    second = first.following(end)
    within = start <= probe < end
    assert first.contains(Instant(probe)) + second.contains(Instant(probe)) == within


def test_a_window_may_be_open_on_either_side() -> None:
    """The first run of a flow takes all that is there."""
    assert Window(None, Instant(5)).contains(Instant(-(10**12)))
    assert Window(Instant(5), None).contains(Instant(10**15))
    assert str(Window(None, Instant(0))) == "[…, 1970-01-01T00:00:00Z)"


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    """It would select nothing and look like an empty source."""
    with pytest.raises(Problem, match="before it starts"):
        Window(Instant(2), Instant(1))


def test_an_empty_window_says_so() -> None:
    """Scenario D13: whoever writes leaves the target alone for it."""
    assert Window(Instant(1), Instant(1)).is_empty
    assert not Window(None, Instant(1)).is_empty


def test_nothing_follows_a_window_without_an_end() -> None:
    """There is no place where the next could begin."""
    with pytest.raises(Problem, match="nothing follows"):
        Window(Instant(1), None).following(Instant(2))


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 — the zone is given below
def test_instants_are_exact_to_the_microsecond(moment: datetime) -> None:
    """Scenario D4: nothing is truncated on the way."""
    aware = moment.replace(tzinfo=UTC)
    assert to_datetime(from_datetime(aware)) == aware


def test_an_instant_does_not_depend_on_the_zone_in_which_it_is_written() -> None:
    """Scenario D5: instants are compared as UTC."""
    zone = timezone(timedelta(hours=-3, minutes=-30))
    assert from_datetime(datetime(2026, 3, 29, 1, 30, tzinfo=zone)) == from_datetime(
        datetime(2026, 3, 29, 5, 0, tzinfo=UTC)
    )


def test_a_datetime_without_a_zone_is_no_instant() -> None:
    """Scenario D5: a naive time needs a declared zone."""
    with pytest.raises(ValueError, match="no time zone"):
        from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001 — the point of the test


def test_instants_are_written_as_iso_text() -> None:
    """Microseconds stand there only when there are any."""
    assert to_iso(Instant(0)) == "1970-01-01T00:00:00Z"
    assert to_iso(Instant(1)) == "1970-01-01T00:00:00.000001Z"
