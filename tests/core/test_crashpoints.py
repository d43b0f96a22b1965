"""Named places where a process can be made to die."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.core import crashpoints
from headrace.core.errors import Problem


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    crashpoints.disarm()


def test_a_point_that_is_not_armed_does_nothing() -> None:
    """Passing a point costs nothing and changes nothing unless it was armed."""
    crashpoints.crash_point("run-begun")


def test_points_are_found_in_the_source(tmp_path: Path) -> None:
    """Names are literals, so they can be enumerated."""
    file = tmp_path / "some.py"
    file.write_text("crash_point('one')\nif x:\n    crash_point('two')\nother('three')\ncrash_point(name)\n")
    assert crashpoints.names_in([file]) == {"one", "two"}


def test_the_installed_package_declares_its_points() -> None:
    """The engine's points are among them."""
    assert {"attempt-claimed", "attempt-finished"} <= crashpoints.declared()


def test_an_unknown_point_is_refused_by_name() -> None:
    """A test that means a point which is gone must fail, not pass."""
    with pytest.raises(Problem, match="no crash point 'nowhere'"):
        crashpoints.arm_from("nowhere")


@pytest.mark.parametrize("text", ["run-begun:x", "run-begun:0"])
def test_a_passing_that_never_comes_is_refused(text: str) -> None:
    """The passing is a number from 1."""
    with pytest.raises(Problem):
        crashpoints.arm_from(text)


def test_the_process_dies_at_the_passing_that_was_asked_for() -> None:
    """The second passing of an armed point kills the process as kill -9 does."""
    program = (
        "from headrace.core.crashpoints import arm_from, crash_point\n"
        "arm_from('run-begun:2')\n"
        "for number in (1, 2, 3):\n"
        "    print(number, flush=True)\n"
        "    crash_point('run-begun')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"1\n2\n")
