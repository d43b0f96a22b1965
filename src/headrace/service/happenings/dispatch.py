"""The dispatcher: gives happenings their place in the order of their environment, and wakes who waits for them.

Each process that answers over HTTP has one. They may all look at the same environment: whoever holds its counter gives numbers.
"""

import asyncio
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from headrace.core.clock import SECOND, Clock, Instant
from headrace.core.errors import Problem
from headrace.core.job_limits import JobLimits
from headrace.service.happenings.open_requests import STALLED, OpenRequests
from headrace.store import happenings
from headrace.store.database import Database, Transaction
from headrace.store.happenings import Unnumbered

LOOK_SECONDS = 0.2
"""How often the outbox is looked at while somebody listens."""
IDLE_SECONDS = 2.0
"""How often it is looked at while nobody does."""
LISTENING_SECONDS = 30.0
"""How long after somebody asked last it is taken that somebody listens."""
AWAY_SECONDS = 1.0
"""How long the ledger is left alone when it could not be reached."""
PRUNE_SECONDS = 60.0

_BATCH = 1000
"""Rows that get numbers in one transaction."""
_WINDOW = 20
"""Batches that are looked through for rows that may be told, when the first ones may not."""
_PRUNED = 1000
_PRUNES = 20
_STOP_SECONDS = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """What may be told now (``written`` of each row, in order), and when more may be (None: nothing that is known of)."""

    rows: tuple[int, ...]
    next_at: Instant | None


class Dispatcher:
    """See the module. ``start`` and ``stop`` are its thread's; ``hand_out`` may be called without one."""

    def __init__(self, database: Database, clock: Clock, limits: JobLimits, open_requests: OpenRequests) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._open_requests = open_requests
        self._delay = limits.event_delay_ms * 1000
        self._next_at: Instant | None = None
        self._lock = threading.Lock()
        self._newest: dict[str, int] = {}
        self._waiters: dict[str, set[_Waiter]] = {}
        self._asked_at = float("-inf")
        self._stopped = False
        self._bell = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to hand out in a thread."""
        self._thread = threading.Thread(target=self._work, name="headrace-happenings", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wake all who wait: they are told that nothing has come."""
        with self._lock:
            self._stopped = True
            waiters = [waiter for group in self._waiters.values() for waiter in group]
        self._over.set()
        self._bell.set()
        for waiter in waiters:
            waiter.wake()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def hand_out(self) -> int:
        """Give numbers to everything that may be told now; return to how many.

        Raises:
            Problem: ``UNAVAILABLE``.
        """
        with self._database.reading() as tx:
            waiting = {
                scope: happenings.unnumbered(tx, scope, 0, _BATCH) for scope in happenings.scopes_with_unnumbered(tx)
            }
        now = self._clock.now()
        count, next_at = 0, []
        for scope, rows in waiting.items():
            seen = self._due(rows, now)
            if seen.rows or (seen.next_at is None and len(rows) == _BATCH):
                count += self._number(scope)
            self._release(rows[len(seen.rows) :], now)
            if seen.next_at is not None:
                next_at.append(seen.next_at)
        self._next_at = min(next_at, default=None)
        return count

    async def wait(self, scope: str, number: int, seconds: float) -> None:
        """Return when ``scope`` may have something behind ``number``, or after ``seconds``."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, loop.create_future(), number)
        with self._lock:
            self._asked_at = time.monotonic()
            if self._stopped or self._newest.get(scope, 0) > number:
                return
            slow = not self._waiters
            self._waiters.setdefault(scope, set()).add(waiter)
        if slow:
            self._bell.set()
        try:
            async with asyncio.timeout(seconds):
                await waiter.future
        except TimeoutError:
            return
        finally:
            self._forget(scope, waiter)

    def asked(self) -> bool:
        """Note that somebody polls, who will come again soon. Say whether what is due may not be handed out yet.

        So it is when nobody had listened, and when there is no thread.
        """
        with self._lock:
            slow = not self._is_listened_to()
            self._asked_at = time.monotonic()
        if slow:
            self._bell.set()
        return slow or self._thread is None

    @property
    def is_stopped(self) -> bool:
        """Say whether nobody should wait any more."""
        return self._stopped

    def _forget(self, scope: str, waiter: "_Waiter") -> None:
        with self._lock:
            group = self._waiters.get(scope, set())
            group.discard(waiter)
            if not group:
                self._waiters.pop(scope, None)
                self._newest.pop(scope, None)

    def _is_listened_to(self) -> bool:
        return bool(self._waiters) or time.monotonic() - self._asked_at < LISTENING_SECONDS

    def _due(self, rows: list[Unnumbered], now: Instant) -> Due:
        """Say what of ``rows`` may be told. What has to wait keeps what was written behind it waiting, but not for long."""
        due: list[int] = []
        for row in rows:
            at = self._open_requests.released_at(row.request, row.created_at, self._delay)
            if at is not None and at <= now:
                due.append(row.written)
            elif at is not None:
                return Due(tuple(due), at)
            elif now - row.created_at < STALLED:
                return Due(tuple(due), Instant(now + round(LOOK_SECONDS * SECOND)))
            # Else the answer takes long (to a large upload): others go on, and what that request has changed comes behind them.
        return Due(tuple(due), None)

    def _number(self, scope: str) -> int:
        """Give numbers in one environment, a batch at a time; return to how many."""
        count = 0
        while True:
            with self._database.transaction() as tx:
                newest = happenings.hold_counter(tx, scope)
                due = self._all_due(tx, scope)
                if due:
                    newest = happenings.number_them(tx, scope, newest, due)
            if due:
                self._tell(scope, newest)
            count += len(due)
            if len(due) < _BATCH:
                return count

    def _release(self, rows: list[Unnumbered], now: Instant) -> None:
        """Let others give numbers to ``rows`` of which only this process knows that they may be told, where rows of others stand between them.

        Else two busy processes would hand out one row by turns.
        """
        requests = self._open_requests
        if not any(requests.is_of_others(row.request) for row in rows):
            return
        ours = [row for row in rows if row.request and not requests.is_of_others(row.request)]
        due = [(row.written, requests.released_at(row.request, row.created_at, self._delay)) for row in ours]
        released = [written for written, at in due if at is not None and at <= now]
        if released:
            with self._database.transaction() as tx:
                happenings.release(tx, released)

    def _all_due(self, tx: Transaction, scope: str) -> list[int]:
        """Return which rows of ``scope`` get numbers now, about a batch; those that wait for long answers may stand before them."""
        due: list[int] = []
        last, now = 0, self._clock.now()
        for _ in range(_WINDOW):
            rows = happenings.unnumbered(tx, scope, last, _BATCH)
            seen = self._due(rows, now)
            due += seen.rows
            if seen.next_at is not None or len(rows) < _BATCH or len(due) >= _BATCH:
                break
            last = rows[-1].written
        return due

    def _tell(self, scope: str, newest: int) -> None:
        """Wake who waits for something that is there now."""
        with self._lock:
            group = self._waiters.get(scope)
            if group is None:
                return
            self._newest[scope] = max(newest, self._newest.get(scope, 0))
            waiters = [waiter for waiter in group if waiter.number < newest]
        for waiter in waiters:
            waiter.wake()

    def _work(self) -> None:
        pruned_at = time.monotonic()
        while not self._stopped:
            self._bell.clear()
            try:
                self.hand_out()
                self._look(self._listened_scopes())
                if time.monotonic() - pruned_at >= PRUNE_SECONDS:
                    prune(self._database, self._clock, self._limits)
                    pruned_at = time.monotonic()
            except Problem as problem:
                # The ledger is busy or away; it is asked again at the next look.
                _log.warning("happenings cannot be handed out now", problem=problem.message)
                self._next_at = None
                self._over.wait(AWAY_SECONDS)
            except Exception:  # noqa: BLE001 — a bug must not end what all listeners depend on
                _log.exception("handing out happenings failed unexpectedly")
            self._bell.wait(self._pause())

    def _look(self, scopes: Collection[str]) -> None:
        """See what other processes have given numbers to."""
        if not scopes:
            return
        with self._database.reading() as tx:
            newest = happenings.newest_numbers(tx, scopes)
        for scope, number in newest.items():
            self._tell(scope, number)

    def _listened_scopes(self) -> list[str]:
        with self._lock:
            return list(self._waiters)

    def _pause(self) -> float:
        with self._lock:
            pause = LOOK_SECONDS if self._is_listened_to() else IDLE_SECONDS
        if self._next_at is None:
            return pause
        return min(pause, max((self._next_at - self._clock.now()) / SECOND, 0.001))


class _Waiter:
    """Somebody who waits, in an event loop, for what comes behind ``number``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None], number: int) -> None:
        self.future = future
        self.number = number
        self._loop = loop

    def wake(self) -> None:
        """Let it go on; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            # The loop has been closed, and nobody waits there any more.
            return

    def _set(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


def prune(database: Database, clock: Clock, limits: JobLimits) -> int:
    """Remove what is older than ``limits.event_retention``, a bounded number; return how many."""
    count = 0
    for _ in range(_PRUNES):
        with database.transaction() as tx:
            removed = happenings.delete_old(tx, Instant(clock.now() - limits.event_retention), _PRUNED)
        count += removed
        if removed < _PRUNED:
            break
    return count
