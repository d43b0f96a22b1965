"""Processes that die at a line."""

import os
import signal
from collections.abc import Callable

from headrace.core import crashpoints


def die_at(point: str, work: Callable[[], object]) -> None:
    """Do ``work`` in a process of its own, which is killed at ``point``."""
    child = os.fork()
    if child == 0:
        # Nothing of the tests is to be done twice: whatever happens, this process ends here.
        try:
            crashpoints.arm(point)
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), point
    assert os.WTERMSIG(status) == signal.SIGKILL
