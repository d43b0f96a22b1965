"""A flow's history as charts."""

from xml.etree import ElementTree as ET

import pytest

from headrace.core.clock import SECOND, Instant
from headrace.core.native.flows import Square
from headrace.core.outcome import Figures
from headrace.core.run import RunStatus
from headrace.web.charts import history


def _square(run: str, status: RunStatus = RunStatus.SUCCEEDED, seconds: float | None = 2, **rows: int) -> Square:
    ended = None if seconds is None else Instant(round(seconds * SECOND))
    return Square(
        run=run,
        status=status,
        created_at=Instant(0),
        started_at=Instant(0),
        ended_at=ended,
        figures=Figures(rows_accepted=rows.get("accepted"), rows_rejected=rows.get("rejected")),
    )


def _read(chart: history.Chart) -> ET.Element:
    return ET.fromstring(chart.svg)  # noqa: S314 — our own drawing


def _by_class(drawing: ET.Element, name: str) -> list[ET.Element]:
    return [part for part in drawing.iter() if name in part.get("class", "").split()]


def test_rejected_rows_stand_on_the_accepted_ones_in_the_same_scale() -> None:
    """A bar's parts are as high as their rows, and touch."""
    chart = history.rows((_square("a", accepted=60, rejected=30),))
    (accepted,), (rejected,) = _by_class(_read(chart), "accepted"), _by_class(_read(chart), "rejected")
    assert chart.top == 100
    assert (accepted.get("y"), accepted.get("height")) == ("40.0", "60.0")
    assert (rejected.get("y"), rejected.get("height")) == ("10.0", "30.0")


def test_one_rejected_row_among_a_million_is_seen() -> None:
    """Few rejects have a height all the same, and lie within the drawing."""
    (rejected,) = _by_class(_read(history.rows((_square("a", accepted=999_999, rejected=1),))), "rejected")
    assert float(rejected.get("height", "0")) == 1
    assert 0 <= float(rejected.get("y", "-1")) <= 99


def test_failed_runs_are_told_by_their_shape_too() -> None:
    """A failed run is a spot of its own kind in both charts, wherever its bar or its duration is."""
    squares = (_square("a", accepted=5), _square("b", RunStatus.FAILED), _square("c", RunStatus.RUNNING, seconds=None))
    for chart in (history.rows(squares), history.durations(squares)):
        assert len(_by_class(_read(chart), "failed")) == 1
        assert len(_by_class(_read(chart), "open")) == 1


def test_the_line_goes_through_the_runs_that_ended() -> None:
    """A run that goes on has no duration yet: the line passes over it."""
    squares = (_square("a", seconds=1), _square("b", RunStatus.RUNNING, seconds=None), _square("c", seconds=2))
    (line,) = _by_class(_read(history.durations(squares)), "line")
    assert line.get("d") == "M175.0 50.0L195.0 0.0"


def test_every_run_is_a_link_with_its_words() -> None:
    """Who points at a run reads what it did, and gets to it."""
    drawing = _read(history.rows((_square("run-1", accepted=1200, rejected=3),)))
    (link,) = [part for part in drawing.iter() if part.tag.endswith("a")]
    assert link.get("href") == "/runs/run-1"
    assert link[0].text == "succeeded, 1,200 rows accepted, 3 rejected, 2.0 s"


def test_no_history_is_an_empty_drawing() -> None:
    """A flow that never ran has a grid and nothing in it."""
    for chart in (history.rows(()), history.durations(())):
        assert _by_class(_read(chart), "grid")
        assert not _by_class(_read(chart), "place")


def test_what_a_title_says_stays_text() -> None:
    """Nothing that data bring becomes a part of the drawing."""
    drawing = _read(history.rows((_square('"><script>alert(1)</script>'),)))
    assert not [part for part in drawing.iter() if part.tag.endswith("script")]


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (999, 1000), (1001, 2000)])
def test_scales_end_at_good_numbers(most: int, top: int) -> None:
    """The uppermost line is one that a person can halve in the head."""
    assert history.round_up(most) == top


@pytest.mark.parametrize(("seconds", "top"), [(0, 1), (7, 10), (61, 120), (5000, 7200), (90_000, 172_800)])
def test_scales_of_time_end_at_good_times(seconds: int, top: int) -> None:
    """Seconds become minutes, hours, days."""
    assert history.round_up_time(seconds) == top
