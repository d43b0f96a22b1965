"""The watcher: the worker's heartbeat, deadlines of activities, runs that somebody cancelled, and signals to what waits."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from headrace.core.errors import Code, Problem
from headrace.engine.configuration import EngineConfig
from headrace.engine.hands import Hands
from headrace.engine.ledger import Ledger
from headrace.engine.writer import STOPPING

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class News:
    """Whom the watcher tells: that this worker was declared dead; that runs are to be cancelled which stand in a queue."""

    fenced: Callable[[], None]
    cancelled_in_queue: Callable[[Collection[str]], None]


class Watch:
    """Two threads that look after what is in hand. A slow ledger delays one of them only."""

    def __init__(
        self,
        ledger: Ledger,
        hands: Hands,
        config: EngineConfig,
        news: News,
    ) -> None:
        self._ledger = ledger
        self._hands = hands
        self._config = config
        self._news = news
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._beat, name="headrace-heartbeat", daemon=True),
            threading.Thread(target=self._look, name="headrace-watch", daemon=True),
        ]

    def start(self) -> None:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5)

    def _beat(self) -> None:
        while not self._ended.wait(self._config.heartbeat_seconds):
            try:
                self._ledger.heartbeat()
            except Problem as problem:
                if problem.code is Code.FENCED:
                    self._news.fenced()
                    return
                _log.warning("the heartbeat could not be written", problem=problem.message)

    def _look(self) -> None:
        asked = time.monotonic()
        pause = self._config.watch_seconds
        while not self._ended.wait(pause):
            due = self._hands.keep_time()
            left = self._config.watch_seconds - (time.monotonic() - asked)
            if left <= 0:
                asked = time.monotonic()
                self._cancel_what_is_to_be()
                self._wake_what_has_a_signal()
                left = self._config.watch_seconds
            pause = max(min(left, due if due is not None else left), 0.01)

    def _cancel_what_is_to_be(self) -> None:
        held, moved = self._hands.looked_after()
        if not held and not moved:
            return
        try:
            statuses = self._ledger.statuses(held | moved)
        except Problem as problem:
            _log.warning("the watcher could not look at the ledger", problem=problem.message)
            return
        stopping = frozenset(run_id for run_id, status in statuses.items() if status in STOPPING)
        self._hands.cancel(stopping & held)
        if stopping & moved:
            self._news.cancelled_in_queue(stopping & moved)
        self._hands.forget(run_id for run_id in moved if run_id not in statuses or statuses[run_id].is_final)

    def _wake_what_has_a_signal(self) -> None:
        listening = self._hands.listening()
        if not listening:
            return
        try:
            signalled = self._ledger.signalled(listening)
        except Problem as problem:
            _log.warning("the watcher could not look for signals", problem=problem.message)
            return
        for run_id, path, attempt in signalled:
            self._hands.signal(run_id, path, attempt)
