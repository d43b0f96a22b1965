"""Triggers that depend on each other in a circle: which windows wait for themselves."""

from typing import Any

import pytest

from headrace.core.clock import DAY, HOUR, Instant
from headrace.core.tumbling import Dependency, Tumbling, WindowUnit
from headrace.core.window_cycles import circle_of

START = Instant(1_767_268_800_000_000)


def hourly(*depends_on: Dependency, **more: Any) -> Tumbling:
    """Return windows of an hour."""
    return Tumbling(**{"unit": WindowUnit.HOUR, "interval": 1, "start": START, "depends_on": depends_on, **more})


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        (Dependency("a"), ("a", "b", "a")),
        (Dependency("a", -HOUR, 2 * HOUR), ("a", "b", "a")),
        (Dependency("a", -HOUR), None),
        (Dependency("a", -36_525 * DAY, 36_525 * DAY), None),
        (Dependency("a", -36_525 * DAY, 36_525 * DAY + HOUR), ("a", "b", "a")),
        (Dependency("c"), None),
    ],
)
def test_a_circle_is_one_when_a_window_waits_for_itself(back: Dependency, expected: tuple[str, ...] | None) -> None:
    """An offset into the past on the way lets windows wait for earlier ones only."""
    triggers = {"a": hourly(Dependency("b")), "b": hourly(back), "c": hourly(Dependency(None, -HOUR))}
    assert circle_of("a", triggers) == expected


def test_a_circle_may_lead_over_windows_of_another_size() -> None:
    """A day waits for its hours, and each of them for the day, or for the day before."""
    day = hourly(Dependency("hour"), interval=24, end=Instant(START + 30 * DAY))
    assert circle_of("day", {"day": day, "hour": hourly(Dependency("day"))}) == ("day", "hour", "day")
    assert circle_of("day", {"day": day, "hour": hourly(Dependency("day", -DAY))}) is None


def test_months_wait_for_months() -> None:
    """And triggers that have not begun yet count."""
    month = hourly(Dependency("later"), unit=WindowUnit.MONTH)
    later = hourly(Dependency("month"), unit=WindowUnit.MONTH, start=Instant(START + 100 * DAY))
    assert circle_of("month", {"month": month, "later": later}) == ("month", "later", "month")
