"""Spans of time as text."""

import pytest

from headrace.core.timespan import parse_timespan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7.00:00:00", 604_800.0),
        ("0.12:00:00", 43_200.0),
        ("00:10:00", 600.0),
        ("1:02:03", 3723.0),
        ("00:30", 1800.0),
        ("00:00:01.5", 1.5),
        ("2", 172_800.0),
        ("-00:00:05", -5.0),
        ("24:00:00", None),
        ("00:60:00", None),
        ("", None),
        ("7 days", None),
        ("@pipeline().parameters.t", None),
    ],
)
def test_a_span_has_days_and_a_clock(text: str, seconds: float | None) -> None:
    """What pipelines write as a timeout is that many seconds; anything else is none."""
    assert parse_timespan(text) == seconds
