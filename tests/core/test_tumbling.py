"""Tumbling windows: how they tile the time, and which of them wait for which."""

from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.clock import DAY, HOUR, MINUTE, Instant, from_datetime, to_iso
from headrace.core.trigger import TriggerRunStatus
from headrace.core.tumbling import (
    Dependency,
    DependencyStatus,
    KnownWindows,
    Tumbling,
    WindowUnit,
    merged,
    needed,
    standing,
    windows_from,
)

START = from_datetime(datetime(2026, 1, 31, tzinfo=UTC))
HOURLY = Tumbling(WindowUnit.HOUR, 1, START)
_S = TriggerRunStatus

tumblings = st.builds(
    Tumbling,
    st.sampled_from(list(WindowUnit)),
    st.integers(1, 20),
    st.integers(START - 900 * DAY, START + 900 * DAY).map(Instant),
)


@given(tumblings, st.integers(0, 500), st.integers(0, 10**6))
def test_windows_tile_the_time_from_the_start_on(tumbling: Tumbling, number: int, part: int) -> None:
    """Every moment from the start on is in exactly one window, which is the one that is computed for it."""
    window = tumbling.window(number)
    assert window.start < window.end == tumbling.start_of(number + 1)
    inside = window.start + (window.end - window.start - 1) * part // 10**6
    assert (
        tumbling.number_at(inside) == tumbling.number_at(window.start) == tumbling.number_at(window.end - 1) == number
    )
    assert tumbling.start_of(0) == tumbling.start
    assert tumbling.number_at(tumbling.start - 1) < 0


@given(tumblings, st.integers(0, 50), st.integers(0, 10**6))
def test_windows_are_gone_on_with_where_they_were_left(tumbling: Tumbling, number: int, part: int) -> None:
    """From a cursor on: the first window that begins there or later, and each following one."""
    window = tumbling.window(number)
    cursor = Instant(window.start + (window.end - window.start - 1) * part // 10**6)
    found = list(islice(windows_from(tumbling, cursor), 3))
    begins = number if cursor == window.start else number + 1
    assert found == [tumbling.window(begins + more) for more in range(3)]
    assert all(a.end == b.start for a, b in pairwise(found))


def test_months_are_clamped_to_their_ends() -> None:
    """From the 31st on, windows begin at the ends of months, and their phase stays."""
    monthly = Tumbling(WindowUnit.MONTH, 1, START)
    starts = [to_iso(window.start)[:10] for window in islice(windows_from(monthly, START), 4)]
    assert starts == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]


def test_no_window_reaches_beyond_the_end() -> None:
    """The end stops the windows; one that would reach beyond it is none."""
    ends = Tumbling(WindowUnit.HOUR, 1, START, Instant(START + 150 * MINUTE))
    assert [window.end - START for window in windows_from(ends, START)] == [HOUR, 2 * HOUR]


def test_a_window_is_due_after_its_delay() -> None:
    """The delay does not move the window."""
    late = Tumbling(WindowUnit.HOUR, 1, START, delay=15 * MINUTE)
    assert late.due_at(late.window(0)) == START + 75 * MINUTE


NEEDED = {
    "the same window of another": (Dependency("a"), HOURLY, range(4, 5)),
    "an earlier one": (Dependency("a", -HOUR), HOURLY, range(3, 4)),
    "two of them": (Dependency("a", -HOUR, 2 * HOUR), HOURLY, range(3, 5)),
    "all that overlap": (Dependency("a", -30 * MINUTE, HOUR), HOURLY, range(3, 5)),
    "smaller ones": (Dependency("a"), Tumbling(WindowUnit.MINUTE, 15, START), range(16, 20)),
    "a larger one": (Dependency("a"), Tumbling(WindowUnit.HOUR, 24, START), range(1)),
    "before the start nothing": (Dependency("a", -DAY), HOURLY, range(0)),
    "in part before the start": (Dependency("a", -8 * HOUR, 6 * HOUR), HOURLY, range(2)),
    "behind the end nothing": (
        Dependency("a"),
        Tumbling(WindowUnit.HOUR, 1, START, Instant(START + 4 * HOUR)),
        range(4, 4),
    ),
    "its own earlier ones": (Dependency(None, -2 * HOUR, 2 * HOUR), HOURLY, range(2, 4)),
    "never itself": (Dependency(None, -HOUR, 3 * HOUR), HOURLY, range(3, 4)),
}


@pytest.mark.parametrize("what", NEEDED)
def test_a_window_waits_for_those_that_overlap_its_range(what: str) -> None:
    """Contract 10.2, of the fifth hourly window."""
    dependency, upstream, expected = NEEDED[what]
    assert list(needed(upstream, dependency, HOURLY.window(4))) == list(expected)


def test_windows_that_were_removed_are_not_waited_for() -> None:
    """What retention has taken cannot succeed any more; what was never there still can."""
    known = KnownWindows.of(HOURLY, {HOURLY.start_of(2): _S.SUCCEEDED})
    broken = KnownWindows.of(HOURLY, {HOURLY.start_of(2): _S.SUCCEEDED, HOURLY.start_of(1): _S.FAILED})
    assert standing(HOURLY, range(3), known, None) is DependencyStatus.WAITING
    assert standing(HOURLY, range(3), known, HOURLY.start_of(2)) is DependencyStatus.SUCCEEDED
    assert standing(HOURLY, range(3), broken, HOURLY.start_of(2)) is DependencyStatus.FAILED
    assert standing(HOURLY, range(0), KnownWindows.of(HOURLY, {}), None) is DependencyStatus.SUCCEEDED


@given(
    st.dictionaries(st.integers(-3, 30), st.sampled_from(list(_S))),
    st.integers(0, 20),
    st.integers(0, 20),
    st.none() | st.integers(-2, 30 * 60),
)
def test_how_it_stands_with_many_windows_is_counted_as_one_looks_at_each(
    found: dict[int, TriggerRunStatus], first: int, count: int, minutes: int | None
) -> None:
    """Also where some were removed, or are of another start."""
    until = None if minutes is None else Instant(START + minutes * MINUTE)
    statuses = {HOURLY.start_of(number): status for number, status in found.items()}
    statuses[Instant(START + MINUTE)] = _S.FAILED
    each = [
        statuses.get(HOURLY.start_of(number))
        or (_S.SUCCEEDED if until is not None and HOURLY.window(number).end <= until else _S.WAITING)
        for number in range(first, first + count)
    ]
    broken = any(status in {_S.FAILED, _S.CANCELLED} for status in each)
    done = all(status is _S.SUCCEEDED for status in each)
    expected = DependencyStatus.SUCCEEDED if done else DependencyStatus.WAITING
    known = KnownWindows.of(HOURLY, statuses)
    shown = standing(HOURLY, range(first, first + count), known, until)
    assert shown is (DependencyStatus.FAILED if broken else expected)


def test_spans_that_lie_close_are_read_as_one() -> None:
    """Many windows that wait need few looks into the ledger."""
    spans = [(Instant(START + n * HOUR), Instant(START + n * HOUR)) for n in (0, 1, 2, 100)]
    assert merged(iter(spans)) == [(START, START + 2 * HOUR), (START + 100 * HOUR, START + 100 * HOUR)]
