"""Log lines of the runs that this worker has in hand, on their way to the ledger.

A line never waits and never fails what made it: it goes into a bounded queue, and a thread writes what is there twice a second, many runs' lines in
one transaction. What is in the queue when the process is killed is lost; numbers are given by the ledger, so a worker that takes a run over
goes on behind what is there.
"""

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import structlog

from headrace.core import run_log
from headrace.core.clock import Clock
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.run_log import LEVELS, Line, Place
from headrace.store import run_logs
from headrace.store.database import Database

_log = structlog.get_logger(__name__)

MAX_MESSAGE = 2_000
"""Characters of a line's message."""
MAX_FIELD = 1_000
"""Characters of a text among a line's fields."""
MAX_FIELDS = 20
MAX_WAITING = 20_000
"""Lines that wait to be written; when the ledger is away for longer, further ones are dropped, and counted."""
_AT_ONCE = 250
"""Lines in a transaction: short enough that nobody waits for it."""
_LINGER_SECONDS = 0.4
_AWAY_SECONDS = 2.0
_TRIES = 5
_STOP_SECONDS = 5.0
_NO_FIELDS = frozenset(
    {"event", "level", "run", "activity", "attempt", "worker", "trace", "exc_info", "stack_info", "timestamp"}
)
"""What stands in a line's other columns; and traces, which are for the operator only."""


class RunLines:
    """Collects lines, and writes them. ``limit``: how many of a run are kept; 0: none."""

    def __init__(self, database: Database, clock: Clock, limit: int, worker: str = "") -> None:
        self._database = database
        self._worker = worker
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[Line] = deque()
        self._lost: Counter[str] = Counter()
        self._something = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="headrace-run-logs", daemon=True)

    def start(self) -> None:
        """Begin to write. Where nobody has set up a logging chain with ``run_log.noted``, it is put into the one that there is."""
        if self._limit and not self._thread.is_alive():
            processors: Sequence[object] = structlog.get_config()["processors"]
            if run_log.noted not in processors:
                structlog.configure(processors=[run_log.noted, *processors])  # type: ignore[list-item]  # a processor by its shape
            self._thread.start()

    def stop(self) -> None:
        """Write what is there, and no more."""
        self._over.set()
        self._something.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def at(self, run_id: str, path: str = "", attempt: int = 0) -> AbstractContextManager[None]:
        """Let lines that this thread makes in the block belong to the run, or to one attempt at an activity of it."""
        return run_log.at(Place(self._keep, run_id, path, attempt, self._worker))

    def _keep(self, place: Place, method: str, event: Mapping[str, object]) -> None:
        if not self._limit:
            return
        line = Line(
            run_id=place.run_id,
            at=self._clock.now(),
            level=LEVELS.get(method, LEVELS["error"]),
            message=_text(event.get("event"), MAX_MESSAGE),
            path=place.path,
            attempt=place.attempt,
            fields=_fields(event),
        )
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._lost[place.run_id] += 1
                return
            self._waiting.append(line)
        # Who writes takes the flag away before the lines, so a line behind a standing flag is seen.
        if not self._something.is_set():
            self._something.set()

    def _work(self) -> None:
        while True:
            self._something.wait()
            # Others will come: one transaction for all of them.
            self._over.wait(_LINGER_SECONDS)
            self._something.clear()
            if not self._write_all():
                self._over.wait(_AWAY_SECONDS)
                self._something.set()
            if self._over.is_set():
                return

    def _write_all(self) -> bool:
        """Write what is there; False: the ledger is away, and it is still there."""
        while True:
            with self._lock:
                lines = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                lost, self._lost = self._lost, Counter()
            if not lines and not lost:
                return True
            try:
                self._write(lines, lost)
            except Problem as problem:
                _log.warning("log lines of runs could not be written", lines=len(lines), problem=problem.message)
                if problem.code is Code.UNAVAILABLE:
                    with self._lock:
                        self._waiting.extendleft(reversed(lines))
                        self._lost.update(lost)
                    return False
            except Exception:  # noqa: BLE001 — the outermost edge of the thread: lines are lost, and later ones are not
                _log.exception("log lines of runs were lost", lines=len(lines))

    def _write(self, lines: Sequence[Line], lost: Mapping[str, int]) -> None:
        for remaining in reversed(range(_TRIES)):
            try:
                with self._database.transaction() as tx:
                    run_logs.append(tx, lines, self._limit, lost)
            except Problem as problem:
                if problem.code is not Code.CONFLICT or not remaining:
                    raise
            else:
                return


def _fields(event: Mapping[str, object]) -> Mapping[str, Json]:
    names = [name for name in event if name not in _NO_FIELDS and not name.startswith("_")]
    return {name[:MAX_FIELD]: _value(event[name]) for name in names[:MAX_FIELDS] if event[name] is not None}


def _value(value: object) -> Json:
    if isinstance(value, bool | int | float) and value == value:  # noqa: PLR0124 — what is no number is not equal to itself
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return [_text(item, MAX_FIELD) for item in value[:MAX_FIELDS]]
    return _text(value, MAX_FIELD)


def _text(value: object, most: int) -> str:
    text = str(value)
    text = text if len(text) <= most else f"{text[: most - 1]}…"
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
