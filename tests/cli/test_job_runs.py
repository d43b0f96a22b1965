"""Runs of jobs as the command line shows them: which job it is, and what it waits for."""

import pytest

from headrace.cli import rendering
from headrace.cli.output import Output
from headrace.core.clock import Instant
from headrace.core.engine_operations import LISTEN
from headrace.core.native.runs import ActivityLine, RunLine, RunView
from headrace.core.run import ActivityStatus, RunKind, RunStatus


def shown(status: ActivityStatus, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed of the run of a part of a job, whose activity has the status."""
    known = {"id": "r1", "scope": "jobs/a/e", "flow": "space:tidy", "flow_id": "f1", "group_id": "r1", "attempt": 1}
    instants = {"created_at": Instant(0), "updated_at": Instant(0)}
    run = RunLine(**known, **instants, status=RunStatus.WAITING, kind=RunKind.ON_DEMAND, job="us_jb_1")  # type: ignore[arg-type]  # each is what its name says
    row = ActivityLine(
        path="work", name="work", kind=LISTEN, status=status, attempt=1, verdict_reason="this is a first run"
    )
    rendering.header(RunView(run=run, activities=(row,), details={"parent": "us_jb_0"}), Output())
    rendering.activities_table((row,), Output())
    return capsys.readouterr().out


def test_the_run_of_a_job_says_which_job_it_is_and_whom_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Its id is what the door's calls need; no worker of ours does what is a listener's."""
    waiting = shown(ActivityStatus.WAITING, capsys)
    assert "job      us_jb_1, a part of us_jb_0\n" in waiting
    assert "waits for a listener" in waiting
    assert "a listener is at it" in shown(ActivityStatus.RUNNING, capsys)
    assert "first run" not in shown(ActivityStatus.SUCCEEDED, capsys)
