"""The live tree of a run that is watched, and the lines that stand for it in a pipe."""

import io
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

import warm
from cli.seeded_home import HOSTILE, RUNNING, seeded
from command_line import COMMAND, environment
from headrace.cli.progress import line_of
from headrace.cli.run_tree import arranged, tree_of
from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Blame, Code
from headrace.core.native.runs import ActivityLine, Reason, RunLine, RunView
from headrace.core.outcome import Figures
from headrace.core.run import BODY, ActivityStatus, RunKind, RunStatus

NOW = Instant(1_700_000_000_000_000)
BROKE_OFF = Reason(code=Code.SOURCE_UNAVAILABLE, blame=Blame.SOURCE, message="it broke off\x1b[2J")


def line(path: str, status: ActivityStatus = ActivityStatus.RUNNING, **changes: Any) -> ActivityLine:
    """Return an activity that began ten seconds ago."""
    parent = path.rpartition("/")[0]
    known = {"name": path.rpartition("/")[2], "kind": "copy", "attempt": 1, "parent": parent}
    begun = {"started_at": Instant(NOW - 10 * SECOND), "depth": path.count("/")}
    return ActivityLine(path=path, status=status, **{**known, **begun, **changes})


def view(*lines: ActivityLine, **changes: Any) -> RunView:
    """Return a run that began ten seconds ago."""
    run = RunLine(
        id="c3000000-0000",
        scope="local",
        flow="nightly",
        flow_id="f",
        status=RunStatus.RUNNING,
        kind=RunKind.ON_DEMAND,
        group_id="c3000000-0000",
        attempt=1,
        created_at=NOW,
        updated_at=NOW,
        started_at=Instant(NOW - 10 * SECOND),
    )
    return RunView(run=replace(run, **changes), activities=lines)


def drawn(shown: RunView) -> str:
    """Return the tree as text of 100 columns."""
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    console.print(tree_of(shown, NOW))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_tree_says_how_each_activity_stands() -> None:
    """Status by sign and word, time, figures, how much is done, what is carried over, why something failed."""
    copy = line(
        "Copy",
        ActivityStatus.SUCCEEDED,
        ended_at=Instant(NOW - 8 * SECOND),
        figures=Figures(files_read=2, bytes_written=1000),
    )
    promote = line("Promote", kind="promote", figures=Figures(rows_read=1_234, rows_rejected=5, bytes_read=500))
    kept = line("Kept", ActivityStatus.CARRIED, carried_from="a1000000-0000")
    broken = line("Broken", ActivityStatus.FAILED, reason=BROKE_OFF)
    waits = line("Then", ActivityStatus.PENDING, started_at=None)
    text = drawn(view(copy, promote, kept, broken, waits))
    assert text.splitlines()[0].rstrip() == "nightly  ● running  10.0 s  run c3000000"
    assert "✓ Copy  succeeded  2.0 s  2 files" in text
    assert "● Promote  running  ━━━━━━━━━━────────── 50%  10.0 s  1,234 rows, 500 B, 5 rejected" in text
    assert "↷ Kept  carried  from run a1000000" in text
    assert "✗ Broken  failed  10.0 s  source_unavailable: it broke off [2J" in text
    assert "· Then  pending\n" in text
    assert "\x1b" not in text


def test_further_attempts_and_waits_count_down() -> None:
    """Whoever watches sees what is waited for, and how long still."""
    again = line("Copy", ActivityStatus.QUEUED, attempt=2, started_at=None, wakes_at=Instant(NOW + 30 * SECOND))
    wait = line("Wait", ActivityStatus.WAITING, waits_for="an answer", wakes_at=Instant(NOW + 90 * SECOND))
    text = drawn(view(line("Copy", ActivityStatus.FAILED), again, wait))
    assert "· Copy  queued  attempt 2  tried again in 30.0 s" in text
    assert "◌ Wait  waiting  10.0 s  an answer, goes on in 1 min 30 s" in text
    assert line_of(wait, NOW) == "Wait: waiting, an answer, goes on in 1 min 30 s"


def test_what_lies_in_containers_lies_below_them() -> None:
    """Bodies and their activities, as deep as they go; and there is an end to it."""
    each = line("Each", kind="for_each", bodies={"running": 2, "succeeded": 7})
    text = drawn(view(each, line("Each/3", kind=BODY), line("Each/3/Load")))
    assert "2 running, 7 succeeded" in text
    assert text.index("Each") < text.index("● 3") < text.index("Load")
    many = [line(f"Each/{n}", ActivityStatus.SUCCEEDED, kind=BODY) for n in range(400)]
    (top,) = arranged([each, *many])
    assert len(top.children) < 100


def test_who_stops_watching_leaves_the_run_alone(tmp_path: Path) -> None:
    """Ctrl-C ends the looking, in a terminal too, and the screen is as it was; the data's escapes reach no terminal."""
    master, slave = os.openpty()
    with seeded(tmp_path):
        variables = {**environment(), "HEADRACE_HOME": "home", "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": ""}
        process = subprocess.Popen(
            [*COMMAND, "runs", "watch", RUNNING[:2]], cwd=tmp_path, env=variables, stdout=slave, stderr=slave
        )
        os.close(slave)
        text = b""
        while b"Copy" not in text:
            text += os.read(master, 65536)
        process.send_signal(signal.SIGINT)
        try:
            while piece := os.read(master, 65536):
                text += piece
        except OSError:
            pass
        os.close(master)
        assert process.wait(30) == 130
    shown = text.decode()
    assert "no longer watched; run c3000000 goes on" in shown
    assert "●" in shown
    assert HOSTILE not in shown
    assert "\u202e" not in shown


def test_a_run_that_is_watched_in_a_pipe_is_told_of_in_lines(tmp_path: Path) -> None:
    """A line for each change, and then the summary; the exit code is the run's."""
    with seeded(tmp_path):
        env = {**environment(), "HEADRACE_HOME": "home"}
        ended = warm.run([*COMMAND, "runs", "watch", "b2"], cwd=tmp_path, env=env)
    assert ended.returncode == 2
    assert (
        ended.stderr == "Copy: succeeded, 40 files, 400.0 KB, 2.5 s\nPromote: succeeded, 10 rows, 3 rejected, 1.5 s\n"
    )
    assert ended.stdout.startswith("! flights: succeeded, 3 rejected in 4.1 s")
