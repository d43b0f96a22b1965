"""The main loop of a worker process."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

from headrace.engine.engine import Engine

_log = structlog.get_logger(__name__)

FENCED_EXIT = 75
"""Exit status of a worker that was declared dead (``EX_TEMPFAIL``): its supervisor starts another one."""


def run_worker(make_engine: Callable[[Callable[[], None]], Engine], parent_pid: int | None = None) -> int:
    """Work until SIGTERM or SIGINT, and return the exit status; called in the main thread.

    ``make_engine`` is given what the engine is to call when this worker was declared dead. The first signal drains: no new runs, activities
    at work may end. The second one hands back at once. The end of the parent process ``parent_pid`` is a first signal too, so that
    nothing outlives its supervisor. Does not return when a thread cannot be stopped: the process ends then, whatever it does.
    """
    told = threading.Event()
    fenced = threading.Event()

    def when_fenced() -> None:
        fenced.set()
        told.set()

    engine = make_engine(when_fenced)
    signals = 0

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        _log.info("the worker was told to stop", signal=signal.Signals(number).name)
        told.set()
        if signals > 1:
            engine.hurry()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    engine.start()
    _log.info("the worker takes runs", worker=engine.executor_id)
    while not told.wait(timeout=1):
        if parent_pid is not None and os.getppid() != parent_pid:
            _log.warning("the supervisor has gone; the worker stops")
            break
    if fenced.is_set():
        # Threads of activities may be deep in a library; nothing that they do counts any more.
        os._exit(FENCED_EXIT)
    clean = engine.drain()
    if not clean:
        os._exit(0)
    return 0
