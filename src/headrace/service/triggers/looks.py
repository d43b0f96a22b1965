"""Looks at many stores at once: one that hangs keeps a thread, and no other store waits for it.

Nobody can end a thread that a store does not answer. It is left alone, and while it is there its trigger is not looked at by this process; its lease
is kept up for ``LONGEST`` only, so that another process may try.
"""

import threading
from dataclasses import dataclass, field

import structlog

from headrace.core.clock import MINUTE, SECOND, Instant
from headrace.core.errors import Problem
from headrace.core.trigger import Trigger
from headrace.service.triggers.watching import LEASE, Watching, due_stores, keep_lease, look_at_store

_log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Looks that go on at once, but for those that take so long that they may hang."""
AT_MOST = 64
"""Threads of all looks."""
LONG = 30 * SECOND
"""A look that takes longer keeps no other from beginning."""
LONGEST = 30 * MINUTE
"""So long a look keeps its trigger from other processes."""


@dataclass(slots=True)
class _Look:
    """A look under way; ``trigger`` as its store is listed, ``until``: when its lease ends by this process's clock."""

    since: Instant
    thread: threading.Thread | None = None
    trigger: Trigger | None = None
    until: int = 0


@dataclass(slots=True)
class StoreLooks:
    """The looks of one process."""

    watching: Watching
    at_once: int = AT_ONCE
    at_most: int = AT_MOST
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: dict[str, _Look] = field(default_factory=dict)

    def begin_due(self) -> int:
        """Begin to look at stores that are due, as many as there is room for; keep up the leases of others. Return how many looks began.

        Raises:
            Problem: ``UNAVAILABLE``: the ledger cannot be reached.
        """
        now = self.watching.desk.clock.now()
        self._keep_leases(now)
        begun = 0
        for trigger_id in due_stores(self.watching, limit=self.at_most + self.at_once):
            with self._lock:
                if trigger_id in self._under_way or not self._has_room(now):
                    continue
                look = self._under_way[trigger_id] = _Look(now)
                name = f"headrace-store-{trigger_id[:8]}"
                look.thread = threading.Thread(target=self._look, args=(trigger_id, look), name=name, daemon=True)
            look.thread.start()
            begun += 1
        return begun

    @property
    def under_way(self) -> frozenset[str]:
        """Return the ids of the triggers whose stores are looked at now."""
        with self._lock:
            return frozenset(self._under_way)

    def wait(self, seconds: float) -> None:
        """Wait for each of the looks that are under way for at most so long."""
        with self._lock:
            threads = [look.thread for look in self._under_way.values()]
        for thread in threads:
            if thread is not None:
                thread.join(seconds)

    def _has_room(self, now: Instant) -> bool:
        quick = sum(now - look.since < LONG for look in self._under_way.values())
        return quick < self.at_once and len(self._under_way) < self.at_most

    def _look(self, trigger_id: str, look: _Look) -> None:
        def leased(trigger: Trigger) -> None:
            look.until, look.trigger = self.watching.desk.clock.now() + LEASE, trigger

        try:
            look_at_store(self.watching, trigger_id, leased)
        except Problem as problem:
            # The ledger is busy, or the trigger's row is of another version: the next look finds it again.
            _log.warning("a store could not be looked at now", trigger=trigger_id, problem=problem.message)
        except Exception:  # noqa: BLE001 — the outermost edge of the thread: other stores are looked at, whatever the bug
            _log.exception("a look at a store failed", trigger=trigger_id)
        finally:
            with self._lock:
                del self._under_way[trigger_id]

    def _keep_leases(self, now: Instant) -> None:
        with self._lock:
            looks = list(self._under_way.values())
        for look in looks:
            ends_soon = look.trigger is not None and look.until - now < LEASE // 2
            if look.trigger is not None and ends_soon and now - look.since < LONGEST:
                # If it has told of something since, it has a new lease anyway.
                keep_lease(self.watching, look.trigger)
                look.until = now + LEASE
