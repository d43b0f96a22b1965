"""Looking at a queue without looking: most looks find nothing, and DBOS has no way to say cheaply that there is nothing.

DBOS's queue threads read the queue's settings (``get_queue``) and ask for ``dequeue_scopes`` before they look, and for ``_is_latest_version`` while
they do. The last one alone takes longer than the rest of a look, and its answer is of no use here: runs are queued for every version. All of them are
private to DBOS, which is pinned below its next minor version. A test asserts that they are there; were they gone, looks would be as dear as DBOS
makes them, and nothing else would change.
"""

import threading
import time
from collections.abc import Callable

from dbos import DBOS

from headrace.core.queueing import RUNS_QUEUE, bound_of
from headrace.store.database import Database
from headrace.store.queue_looks import queue_looks

OVERRIDDEN = ("get_queue", "dequeue_scopes", "_is_latest_version")
_SETTINGS_EVERY = 2.0
"""Seconds for which a queue's settings are remembered; they change when a worker starts."""
_AT_LEAST_EVERY = 0.25
"""Seconds after which a queue is looked at whatever the database says: a place in this worker may have become free since."""
_DEAR_EVERY = 0.1
"""Seconds between two looks at a queue of bounded or waiting runs where each of them is dear."""


class Glance:
    """Says whether a queue has to be looked at: not if nobody has committed anything since the last look, nor if that would find nothing to start.

    On SQLite that is known from the file, in microseconds. PostgreSQL does not tell: there every look is one, and there are fewer of them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = threading.local()

    def is_due(self, queue: str) -> bool:
        """Say whether the calling thread, which looks after ``queue``, has to look. Called before each look."""
        seen, now = self._seen, time.monotonic()
        if not hasattr(seen, "looks"):
            seen.looks, seen.last, seen.at = queue_looks(self._database), None, 0.0
        if seen.looks is None:
            if queue != RUNS_QUEUE and now - seen.at < _DEAR_EVERY:
                return False
            seen.at = now
            return True
        version = seen.looks.version()
        if version == seen.last and now - seen.at < _AT_LEAST_EVERY:
            return False
        seen.last, seen.at = version, now
        return bool(seen.looks.finds(queue, bound_of(queue)))


class Looks:
    """The looks of an instance's queue threads: only those that are due, and only while this worker ``takes`` runs."""

    def __init__(self, instance: DBOS, database: Database, takes: Callable[[], bool]) -> None:
        """Take effect at once; ``instance`` was launched."""
        system = instance._sys_db  # noqa: SLF001 — see above
        self._glance = Glance(database)
        self._takes = takes
        self._get_queue: Callable[..., object] = system.get_queue
        self._scopes: Callable[[str], list[str | None]] = system.dequeue_scopes
        self._known: dict[str, tuple[float, object]] = {}
        self._looking: set[str] = set()
        for name, function in zip(OVERRIDDEN, (self._settings, self._begin, lambda *_: True), strict=True):
            setattr(system, name, function)

    def wait_until_over(self, seconds: float) -> bool:
        """Wait until no look goes on, at most for ``seconds``; say whether that is so. None begins when the worker takes no runs."""
        deadline = time.monotonic() + seconds
        while self._looking and time.monotonic() < deadline:
            time.sleep(0.005)
        return not self._looking

    def _settings(self, name: str, **options: object) -> object:
        # A queue's thread comes here when its look is over.
        self._looking.discard(name)
        at, queue = self._known.get(name, (-_SETTINGS_EVERY, None))
        if options or queue is None or time.monotonic() - at > _SETTINGS_EVERY:
            at, queue = time.monotonic(), self._get_queue(name, **options)
            self._known.update({} if options else {name: (at, queue)})
        return queue

    def _begin(self, name: str) -> list[str | None]:
        if name in self._known:  # DBOS's own queue has no settings
            self._looking.add(name)
        if self._takes() and self._glance.is_due(name):
            return self._scopes(name)
        self._looking.discard(name)
        return []
