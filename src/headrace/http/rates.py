"""How often who may ask: a bucket for each caller, which fills again evenly."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CALLERS = 10_000
"""Callers whose buckets are kept; the one that has been silent the longest is forgotten, which only gives it a full one."""
LONGEST_NAME = 200
"""Characters of a caller that are kept; who is called longer is kept by a digest: names may be whatever somebody unknown has sent."""


class Rates:
    """At most ``per_minute`` requests of one caller in a minute, in a burst or evenly; 0: no limit. Safe for threads."""

    def __init__(self, per_minute: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, caller: str) -> bool:
        """Count a request of ``caller``; return whether it may be answered."""
        if self._per_minute <= 0:
            return True
        if len(caller) > LONGEST_NAME:
            caller = hashlib.sha256(caller.encode(errors="replace")).hexdigest()
        with self._lock:
            now = self._clock()
            left, since = self._left.pop(caller, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - since) * self._per_minute / 60)
            admitted = left >= 1
            self._left[caller] = (left - 1 if admitted else left, now)
            if len(self._left) > MAX_CALLERS:
                self._left.popitem(last=False)
        return admitted
