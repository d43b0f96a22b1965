"""A process that fires triggers dies at any line: nothing is lost, and nothing is done twice."""

import os
import signal
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from api.datafactory.firing import Triggers, make_triggers
from headrace.core import crashpoints
from headrace.core.clock import MINUTE
from headrace.service.triggers.due import fire_due
from headrace.store.database import Database

OF_SCHEDULES = ("trigger-advanced", "trigger-run-written", "trigger-runs-queued", "trigger-fired")
OF_WINDOWS = ("windows-written", "windows-looked-at", "window-moved", "window-begun")
EVERY_MINUTE = {"frequency": "Minute", "interval": 1, "startTime": "2026-01-01T00:00:30Z"}
WINDOWS: dict[str, Any] = {
    "frequency": "Hour",
    "interval": 1,
    "startTime": "2026-01-01T09:00:00Z",
    "endTime": "2026-01-01T12:00:00Z",
    "maxConcurrency": 2,
}


def die_while_firing(triggers: Triggers, url: str, point: str) -> None:
    """Look at the clock in a process of its own, which is killed at ``point``."""
    child = os.fork()
    if child == 0:
        # Nothing of the tests is to be done twice: whatever happens, this process ends here.
        try:
            crashpoints.arm(point)
            own = replace(triggers.desk, database=Database(url))
            while fire_due(own):
                pass
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), point
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.turn_about
def test_an_occurrence_is_fired_once_wherever_a_process_is_killed(database: Database, ledger_url: str) -> None:
    """The trigger run, its pipeline run and the next due time are there together, or none of them is."""
    triggers = make_triggers(database)
    for number, point in enumerate(OF_SCHEDULES):
        triggers.schedule(f"t{number}", **EVERY_MINUTE)
        triggers.client.clock.advance(MINUTE)
        die_while_firing(triggers, ledger_url, point)
        triggers.fire()
        triggers.stop(f"t{number}")
        assert len(triggers.runs()) == len(triggers.pipeline_runs()) == number + 1, point


@pytest.mark.turn_about
def test_each_window_has_its_run_once_wherever_a_process_is_killed(database: Database, ledger_url: str) -> None:
    """Windows that were written begin later, those that have begun do not begin again."""
    triggers = make_triggers(database)
    for number, point in enumerate(OF_WINDOWS):
        name = f"t{number}"
        triggers.put("TumblingWindowTrigger", WINDOWS, name, n=name, begin="@trigger().outputs.windowStartTime")
        triggers.start(name)
        die_while_firing(triggers, ledger_url, point)
        triggers.fire()
        while triggers.end():
            die_if_there_is_reason(triggers, ledger_url, point)
            triggers.fire()
        made = [run for run in triggers.pipeline_runs() if run["parameters"]["n"] == name]
        assert Counter(run["parameters"]["begin"][11:13] for run in made) == {"09": 1, "10": 1, "11": 1}, point
        assert {run["status"] for run in triggers.runs()} == {"Succeeded"}


def die_if_there_is_reason(triggers: Triggers, url: str, point: str) -> None:
    """Be killed once more, when windows have ended."""
    if point == "windows-looked-at":
        die_while_firing(triggers, url, point)


def test_every_point_of_triggers_is_killed_at() -> None:
    """The lists above are those of the code."""
    named = {point for point in crashpoints.declared() if point.startswith(("trigger-", "window"))}
    assert named == {*OF_SCHEDULES, *OF_WINDOWS}
