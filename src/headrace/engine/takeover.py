"""Take-over: any living worker finds out which ones have died, and hands their runs back to the queues."""

import threading
from collections.abc import Callable

import structlog

from headrace.core.crashpoints import crash_point
from headrace.core.errors import Problem
from headrace.core.queueing import queue_of
from headrace.engine.configuration import EngineConfig
from headrace.engine.handback import HandBack
from headrace.engine.ledger import Ledger

_log = structlog.get_logger(__name__)

_SWEEP_EVERY = 10
"""Looks between two searches for runs that nobody handed back."""


class Takeover:
    """A thread that looks for workers without a heartbeat.

    Declaring a worker dead and handing its runs back are two transactions, and this worker may die between them. So whoever declares one
    dead, and whoever starts, hands back what belongs to *any* worker that is not alive, and one of the living looks for such runs now and then.
    """

    def __init__(
        self,
        ledger: Ledger,
        hand_back: HandBack,
        config: EngineConfig,
        register_bounded: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._hand_back = hand_back
        self._config = config
        self._register_bounded = register_bounded
        self._known_queues: set[str] = set()
        self._looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-takeover", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except Problem as problem:
                _log.warning("the take-over could not look at the ledger", problem=problem.message)
            except Exception:  # noqa: BLE001 — this thread must outlive whatever the database's driver raises
                _log.exception("the take-over failed; it is tried again")
            if self._ended.wait(self._config.heartbeat_seconds):
                return

    def look(self) -> None:
        """Listen to new bounded queues, declare dead who is silent, and hand back what dead workers had."""
        self._listen_to_new_queues()
        dead = self._ledger.declare_dead(self._config.dead_after_seconds)
        if dead:
            _log.warning("workers were declared dead", workers=dead)
            crash_point("workers-declared-dead")
        if dead or self._looks == 0 or (self._looks % _SWEEP_EVERY == 0 and self._is_eldest()):
            self._hand_back.all_of_the_dead()
        self._looks += 1

    def _listen_to_new_queues(self) -> None:
        bounds = self._ledger.bounds()
        for name in map(queue_of, bounds):
            if name not in self._known_queues:
                self._register_bounded(name)
                self._known_queues.add(name)

    def _is_eldest(self) -> bool:
        """Say whether this is the one worker that looks for what was left lying: two at once would take runs from each other."""
        return self._ledger.is_eldest()
