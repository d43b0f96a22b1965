"""The timeline of a run: bars at their places, ticks that can be read, and nothing that could be taken for markup."""

import re
from dataclasses import replace
from typing import Any

import pytest

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant
from headrace.core.errors import Blame, Code
from headrace.core.native.runs import ActivityLine, Reason
from headrace.core.run import BODY, ActivityStatus
from headrace.web.charts.gantt import Chart, Stretch, dependencies, draw, offset_text, ticks

T = 1_700_000_000_000_000
S = ActivityStatus


def a_line(path: str = "Copy", begin: float | None = 0, end: float | None = 1, **changes: Any) -> ActivityLine:
    """Return an activity's attempt; ``begin`` and ``end`` are seconds after ``T``."""
    line = ActivityLine(
        path=path,
        name=path.rpartition("/")[2],
        kind="copy",
        status=S.SUCCEEDED,
        attempt=1,
        created_at=Instant(T),
        started_at=None if begin is None else Instant(int(T + begin * SECOND)),
        ended_at=None if end is None else Instant(int(T + end * SECOND)),
    )
    return replace(line, **changes)


def a_stretch(**changes: Any) -> Stretch:
    """Return the time of a run that began at ``T`` and ended after ten seconds."""
    stretch = Stretch(
        created_at=Instant(T), now=Instant(T + DAY), started_at=Instant(T), ended_at=Instant(T + 10 * SECOND)
    )
    return replace(stretch, **changes)


def bars(chart: Chart, row: int = 0) -> list[tuple[str, float, float]]:
    """Return class, left and width of the bars of a row."""
    found = re.findall(r'class="bar ([\w ]+)" x="([\d.]+)%" width="([\d.]+)%"', chart.rows[row].track)
    return [(name, float(left), float(width)) for name, left, width in found]


def test_a_bar_stands_where_its_time_was() -> None:
    """A bar's place and width are shares of the run's time."""
    chart = draw(a_stretch(), [a_line(begin=2, end=4.5)])
    assert bars(chart) == [("queued", 0, 20), ("succeeded", 20, 25)]
    assert "2.5\u202fs" in chart.rows[0].track


def test_each_attempt_is_a_bar_of_one_row() -> None:
    """A failed attempt, the pause before the next one, and the next one stand in one row."""
    lines = [
        a_line(end=2, status=S.FAILED),
        a_line(begin=5, end=10, attempt=2, created_at=Instant(T + 2 * SECOND)),
    ]
    chart = draw(a_stretch(), lines)
    assert len(chart.rows) == 1
    assert bars(chart) == [("failed", 0, 20), ("queued", 20, 30), ("succeeded", 50, 50)]
    assert chart.rows[0].attempts == 2


def test_time_before_what_it_depends_on_had_ended_is_no_time_in_a_queue() -> None:
    """Rows are written when the run is made; an activity is queued when those that it depends on have ended."""
    lines = [a_line("Copy", 0, 5), a_line("Promote", 5, 10)]
    assert bars(draw(a_stretch(), lines, {"Promote": ["Copy"]}), 1) == [("succeeded", 50, 50)]


def test_what_lies_in_a_container_is_its_row_s() -> None:
    """Containers have their bodies, and those their activities; what is above a row may be missing."""
    lines = [
        a_line("Each", 0, 10, kind="for_each", bodies={"succeeded": 2}),
        a_line("Each/0", 0, 5, kind=BODY, parent="Each", depth=1),
        a_line("Each/0/Load", 1, 5, parent="Each/0", depth=2),
        a_line("Other/3/Load", 1, 5, parent="Other/3", depth=2),
    ]
    chart = draw(a_stretch(), lines)
    assert [row.line.path for row in chart.rows] == ["Each", "Other/3/Load"]
    assert chart.rows[0].rows[0].rows[0].line.path == "Each/0/Load"
    assert [row.is_container for row in (chart.rows[0], chart.rows[0].rows[0], chart.rows[1])] == [True, True, False]


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (S.RUNNING, "copy", "running"),
        (S.WAITING, "web_hook", "waiting"),
        (S.WAITING, BODY, "container running"),
        (S.TIMED_OUT, "copy", "failed"),
        (S.CANCELLED, "copy", "cancelled"),
        (S.SUCCEEDED, "pipeline_wait", "waited"),
    ],
)
def test_a_bar_says_how_it_stands(status: ActivityStatus, kind: str, name: str) -> None:
    """Waits are hatched, also those that are over; a container that waits for its bodies goes on."""
    chart = draw(a_stretch(), [a_line(status=status, kind=kind)])
    assert [bar[0] for bar in bars(chart)] == [name]
    assert ("url(#gantt-waiting)" in chart.rows[0].track) == (name in {"waiting", "waited"})


@pytest.mark.parametrize("status", [S.SKIPPED, S.INACTIVE, S.CARRIED, S.PENDING])
def test_what_was_not_done_has_no_bar(status: ActivityStatus) -> None:
    """Nothing is drawn of an activity that took no time."""
    assert bars(draw(a_stretch(), [a_line(begin=None, end=None, status=status)])) == []


def test_a_run_that_goes_on_has_the_line_of_now() -> None:
    """Bars that go on reach to now."""
    chart = draw(a_stretch(ended_at=None, now=Instant(T + 4 * SECOND)), [a_line(end=None, status=S.RUNNING)])
    assert bars(chart) == [("running", 0, 100)]
    assert 'class="now" x1="100%"' in chart.grid
    assert 'class="now"' not in draw(a_stretch(), []).grid


def test_a_long_time_in_the_queue_does_not_squash_the_rest() -> None:
    """The axis begins in the queue only where the run's own time can still be seen."""
    late = a_stretch(started_at=Instant(T + HOUR), ended_at=Instant(T + HOUR + SECOND))
    soon = a_stretch(started_at=Instant(T + SECOND))
    assert draw(late, []).begin == T + HOUR
    assert draw(soon, []).begin == T


@pytest.mark.parametrize("length", [1000, 5_000, 999_999, 61 * SECOND, 3 * HOUR, 3 * DAY, 400 * DAY, 9000 * DAY])
def test_an_axis_has_a_few_ticks(length: int) -> None:
    """From milliseconds to years, two to seven ticks, beginning with 0."""
    assert 2 <= len(ticks(length)) <= 10
    assert ticks(length)[0] == 0


def test_offsets_are_words_that_people_use() -> None:
    """Each size in its unit."""
    offsets = (0, 500, 250_000, 2 * SECOND, 90 * SECOND, 2 * HOUR + 30 * MINUTE, 2 * DAY + 12 * HOUR)
    assert [offset_text(o) for o in offsets] == ["0", "500 µs", "250 ms", "2 s", "1 min 30 s", "2 h 30 min", "2 d 12 h"]


def test_names_and_reasons_stay_text() -> None:
    """Whatever an activity is called, and whatever its failure says, is no markup."""
    evil = "<script>alert(1)</script>\"'"
    reason = Reason(code=Code.INTERNAL, blame=Blame.PLATFORM, message=evil)
    chart = draw(a_stretch(), [a_line(evil, status=S.FAILED, reason=reason, waits_for=evil)])
    assert "<script" not in chart.rows[0].track
    assert "&lt;script&gt;" in chart.rows[0].track
    assert "style=" not in chart.rows[0].track + chart.grid + chart.axis


def test_many_bodies_are_closed_at_first() -> None:
    """A loop over hundreds of items is one row until somebody opens it; drawing five hundred rows is a matter of moments."""
    lines = [a_line("Each", 0, 10, kind="for_each")]
    lines += [a_line(f"Each/{n}", n / 50, n / 50 + 0.01, kind=BODY, parent="Each") for n in range(499)]
    chart = draw(a_stretch(), lines)
    assert chart.count == 500
    assert not chart.rows[0].is_open
    assert len(chart.rows[0].rows) == 499


def test_dependencies_are_read_from_a_definition() -> None:
    """Those of activities in bodies too."""
    inner = {"activities": [{"name": "B", "depends_on": [{"activity": "A"}]}, {"name": "A"}]}
    plan = {"activities": [{"name": "Each", "bodies": {"each": inner}, "depends_on": [{"activity": "Get"}]}]}
    assert dependencies(plan) == {"Each": ["Get"], "B": ["A"], "A": []}


def test_what_is_drawn_is_explained_and_nothing_else() -> None:
    """The legend has the keys that occur; a run that has not begun has no axis."""
    assert draw(a_stretch(), [a_line()]).keys == ()
    lines = [a_line(begin=2), a_line("Call", kind="web_hook"), a_line("Old", begin=None, end=None, status=S.CARRIED)]
    assert draw(a_stretch(), lines).keys == ("queued", "waits", "carried")
    assert "<text" not in draw(a_stretch(started_at=None, ended_at=None), []).axis
