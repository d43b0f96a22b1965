"""What a run's page tells of a run beyond its facts."""

from dataclasses import replace
from typing import Any

from headrace.core.clock import HOUR, Instant
from headrace.core.native.runs import ActivityLine, RunLine, RunView
from headrace.core.outcome import Figures
from headrace.core.run import BODY, ActivityStatus, RunKind, RunStatus
from headrace.web import run_story, wording
from headrace.web.charts import gantt

T = Instant(1_700_000_000_000_000)
A = ActivityStatus
RUN = RunLine(
    id="r1",
    scope="local",
    flow="f",
    flow_id="f",
    status=RunStatus.FAILED,
    kind=RunKind.ON_DEMAND,
    group_id="r1",
    attempt=1,
    created_at=T,
    updated_at=T,
)


def a_line(path: str, status: ActivityStatus = A.SUCCEEDED, **changes: Any) -> ActivityLine:
    """Return an activity of a run; its parent is what stands before its last slash."""
    parent, _, name = path.rpartition("/")
    line = ActivityLine(path=path, name=name, kind="copy", status=status, attempt=1, parent=parent, started_at=T)
    return replace(line, **changes)


def a_view(*lines: ActivityLine, **changes: Any) -> RunView:
    """Return a run with these activities."""
    return replace(RunView(run=RUN, activities=lines), **changes)


def test_shares_of_rows_make_a_whole() -> None:
    """Rows with warnings are accepted ones; where no rows were read there is no bar."""
    figures = Figures(rows_read=200, rows_accepted=150, rows_rejected=30, rows_skipped=20, rows_warned=50)
    found = [(share.name, share.count, share.left, share.width) for share in run_story.shares(figures)]
    assert found == [
        ("accepted", 100, 0, 50),
        ("warned", 50, 50, 25),
        ("rejected", 30, 75, 15),
        ("skipped", 20, 90, 10),
    ]
    assert run_story.shares(Figures()) == run_story.shares(Figures(rows_read=0)) == ()


def test_the_innermost_failures_are_told_and_only_those_that_stand() -> None:
    """Not the containers around them, and no attempt that was followed by one that succeeded."""
    view = a_view(
        a_line("Each", A.FAILED),
        a_line("Each/0", A.FAILED, kind=BODY),
        a_line("Each/0/Load", A.TIMED_OUT),
        a_line("Retried", A.FAILED),
        a_line("Retried", attempt=2),
    )
    assert [line.path for line in run_story.failures(view)] == ["Each/0/Load"]


def test_what_goes_on_are_activities_and_not_what_they_lie_in() -> None:
    """A container waits for what is in it: that is told of."""
    view = a_view(
        a_line("Each", A.WAITING, bodies={"waiting": 1}),
        a_line("Each/0", A.WAITING, kind=BODY),
        a_line("Each/0/Load", A.RUNNING),
        a_line("Done"),
    )
    assert [line.path for line in run_story.afoot(view)] == ["Each/0/Load"]


def test_the_table_has_what_is_open_and_what_failed() -> None:
    """Of a loop over many only the failed ones."""
    bodies = [a_line(f"Each/{n}", A.FAILED if n == 3 else A.SUCCEEDED, kind=BODY) for n in range(40)]
    stretch = gantt.Stretch(created_at=T, now=Instant(T + HOUR), started_at=T, ended_at=Instant(T + HOUR))
    chart = gantt.draw(stretch, [a_line("Each", A.FAILED), *bodies, a_line("Last")])
    assert [row.line.path for row in run_story.table_rows(chart.rows)] == ["Each", "Each/3", "Last"]


def test_a_queued_run_says_what_it_waits_for() -> None:
    """Its time, or a worker; when its time has come it is a worker."""
    queued = replace(RUN, status=RunStatus.QUEUED, due_at=Instant(T + HOUR))
    assert "when its time has come" in run_story.standing(queued, T)
    assert "a free worker" in run_story.standing(queued, Instant(T + 2 * HOUR))
    assert run_story.standing(RUN, T) == ""


def test_the_run_before_is_the_one_to_compare_with() -> None:
    """For the first of a group it is the next one; a run alone has none."""
    first, second, third = (replace(RUN, id=name) for name in ("a", "b", "c"))
    group = (first, second, third)
    assert [run_story.before(a_view(run=one, group=group)) for one in group] == ["b", "a", "b"]
    assert run_story.before(a_view(group=(RUN,))) is None


def test_a_run_that_was_retried_says_what_became_of_it() -> None:
    """Who comes to a failure late learns first whether it is mended: by the newest run of the group."""
    group = tuple(replace(RUN, id=f"r{number}", attempt=number) for number in (1, 2, 3))
    found = [run_story.later(replace(a_view(), run=run, group=group)) for run in group]
    assert [run and run.attempt for run in found] == [3, 3, None]
    assert run_story.later(a_view()) is None


def test_of_a_doors_nested_message_the_cause_is_told() -> None:
    """Lists have room for a line: it is what went wrong, not which activity lies in which; several failures stay as they are."""
    inner = "Activity failed because an inner activity failed; Inner activity name: Load, Error: "
    side = "Failure happened on 'Sink' side. ErrorCode=SqlFailed,'Type=A.B,Message=no such table: a, b,Source=A.B,'"
    assert wording.heart(f"Operation on target Each failed: {inner}{inner}{side}") == "no such table: a, b"
    assert wording.heart("Operation on target A failed: out of reach") == "out of reach"
    several = "Operation on target A failed: x; Operation on target B failed: y"
    assert wording.heart(several) == several
    assert wording.heart("a plain message") == "a plain message"
