"""Workers on the same machine."""

import os
import subprocess
import sys

from headrace.core.clock import Instant
from headrace.engine.neighbours import gone, here
from headrace.store.workers import ALIVE, Worker


def _worker(host: str, pid: int) -> Worker:
    return Worker("w", 1, ALIVE, host, pid, Instant(0), Instant(0), None)


def _ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_neighbour_whose_process_has_ended_is_gone() -> None:
    """Nobody needs to wait for its heartbeat."""
    worker = _worker(here(), _ended())
    assert gone([worker]) == [worker]


def test_a_neighbour_that_lives_is_not_gone() -> None:
    """Whatever it does."""
    assert gone([_worker(here(), os.getpid())]) == []


def test_of_another_machine_or_container_nothing_is_concluded() -> None:
    """Process ids mean something else there: only the heartbeat counts (C3)."""
    assert gone([_worker("elsewhere", _ended()), _worker(here() + "x", _ended())]) == []
