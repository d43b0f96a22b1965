"""Runs of jobs as the command line shows them: which job it is, and what it waits for."""

import pytest

from headrace.cli import rendering
from headrace.cli.output import Output
from headrace.core.clock import Instant
from headrace.core.engine_operations import LISTEN
from headrace.core.flow import Activity, Plan
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunKind
from headrace.service.runs import RunDetails

PLAN = Plan((Activity("work", LISTEN),))


def shown(status: ActivityStatus, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed of the run of a part of a job, whose activity has the status."""
    details = {"job": "us_jb_1", "parent": "us_jb_0"}
    run = Run("r1", "jobs/a/e", "f1", "space:tidy", RunKind.ON_DEMAND, "r1", PLAN, Instant(0), details=details)
    row = ActivityRun("r1", "work", 1, LISTEN, status, "", verdict_reason="this is a first run")
    rendering.header(run, Output())
    rendering.activities_table(RunDetails(run, (row,), ()), Output())
    return capsys.readouterr().out


def test_the_run_of_a_job_says_which_job_it_is_and_whom_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Its id is what the door's calls need; no worker of ours does what is a listener's."""
    waiting = shown(ActivityStatus.WAITING, capsys)
    assert "job       us_jb_1, a part of us_jb_0\n" in waiting
    assert "waits for a listener" in waiting
    assert "a listener is at it" in shown(ActivityStatus.RUNNING, capsys)
    assert "first run" not in shown(ActivityStatus.SUCCEEDED, capsys)
