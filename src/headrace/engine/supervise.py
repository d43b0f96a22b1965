"""The supervisor of worker processes: starts them, starts again what died, and stops them."""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.1


@dataclass(eq=False)
class _Slot:
    number: int
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = 0


class Supervisor:
    """Keeps ``count`` processes of ``command`` alive, each in a process group of its own (a terminal's Ctrl-C is the supervisor's to hand on).

    A worker that dies is started again: at once the first time, then after ``backoff_seconds``, doubled each time up to
    ``max_backoff_seconds``; one that lived for ``healthy_seconds`` begins anew. All of it happens in a thread: the process that supervises
    goes on with its own work.
    """

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        *,
        grace_seconds: float = 40.0,
        backoff_seconds: float = 0.5,
        max_backoff_seconds: float = 30.0,
        healthy_seconds: float = 30.0,
    ) -> None:
        self._command = list(command)
        self._slots = [_Slot(number) for number in range(count)]
        self._grace = grace_seconds
        self._backoff = backoff_seconds
        self._max_backoff = max_backoff_seconds
        self._healthy = healthy_seconds
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="headrace-supervisor", daemon=True)

    def start(self) -> None:
        """Start the workers."""
        self._look()
        self._thread.start()

    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the workers that are alive now."""
        with self._lock:
            return tuple(
                slot.process.pid for slot in self._slots if slot.process is not None and slot.process.poll() is None
            )

    def stop(self) -> None:
        """Let the workers drain (SIGTERM), kill after ``grace_seconds`` what is still there, and return when all have ended."""
        self._stopping.set()
        self._thread.join()
        processes = [slot.process for slot in self._slots if slot.process is not None]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + self._grace
        for process in processes:
            try:
                process.wait(timeout=max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                _log.warning("a worker did not stop in time and is killed", pid=process.pid)
                process.kill()
                process.wait()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        with self._lock:
            for slot in self._slots:
                if slot.process is not None and slot.process.poll() is not None:
                    self._mourn(slot, slot.process.returncode, now)
                if slot.process is None and now >= slot.start_at:
                    self._begin(slot, now)

    def _mourn(self, slot: _Slot, status: int, now: float) -> None:
        lived = now - slot.started_at
        slot.process = None
        slot.failures = 0 if lived >= self._healthy else slot.failures + 1
        pause = 0.0 if slot.failures <= 1 else min(self._backoff * 2 ** (slot.failures - 2), self._max_backoff)
        slot.start_at = now + pause
        _log.warning("a worker died and is started again", status=status, lived=round(lived, 1), pause=pause)

    def _begin(self, slot: _Slot, now: float) -> None:
        try:
            slot.process = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 — the program is ours
        except OSError as error:
            slot.failures += 1
            slot.start_at = now + self._max_backoff
            _log.error("a worker could not be started", problem=str(error))
            return
        slot.started_at = now
