"""Which requests are still being answered: what they have changed is told to nobody before their answer is out."""

import itertools
import os
import socket
import threading
import uuid
from collections import OrderedDict
from contextlib import suppress

from headrace.core.clock import SECOND, Clock, Instant

STALLED = 10 * SECOND
"""How long a happening waits for a process that nobody here can look at, and how long it keeps others waiting behind it."""

_REMEMBERED = 10_000
"""Requests whose end is known for a while: their happenings are released some time after it."""
_SEPARATOR = "/"


class OpenRequests:
    """The requests that this process is answering. Each has a word that no other request has, in whichever process.

    The word begins with what the process can be found by, so that others see whether it is still there: if it has died, nobody will say
    that its requests have ended.
    """

    def __init__(self, clock: Clock, pid: int | None = None) -> None:
        """Begin with none. ``pid``: of the process whose requests these are (None: this one)."""
        self._clock = clock
        self._pid = os.getpid() if pid is None else pid
        self._host = socket.gethostname().replace(_SEPARATOR, "_")
        self._process = _SEPARATOR.join((self._host, str(self._pid), uuid.uuid4().hex))
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._ended: OrderedDict[str, Instant] = OrderedDict()

    def begin(self) -> str:
        """Note a request; return its word, for ``Actor.request`` and ``end``."""
        word = f"{self._process}{_SEPARATOR}{next(self._numbers)}"
        with self._lock:
            self._open.add(word)
        return word

    def end(self, word: str) -> None:
        """Note that the answer to it is out, or never will be."""
        with self._lock:
            self._open.discard(word)
            self._ended[word] = self._clock.now()
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)

    def released_at(self, word: str, created_at: Instant, delay: int) -> Instant | None:
        """Return when what request ``word`` has changed at ``created_at`` may be told; None: not as long as it is being answered.

        It is ``delay`` after the change and after the end of the answer, whichever is later: the client has to have read it.
        """
        if not word:
            return Instant(created_at + delay)
        with self._lock:
            if word in self._open:
                return None
            ended = self._ended.get(word, created_at)
        if word.startswith(self._process) or not self._may_live(word):
            return Instant(max(ended, created_at) + delay)
        if self._is_here(word):
            # Its own process knows, and tells; when it dies, its requests are released here.
            return None
        return Instant(created_at + max(delay, STALLED))

    def is_of_others(self, word: str) -> bool:
        """Say whether only another process, which lives, knows of it."""
        return bool(word) and not word.startswith(self._process) and self._may_live(word)

    def _is_here(self, word: str) -> bool:
        return word.startswith(self._host + _SEPARATOR)

    def _may_live(self, word: str) -> bool:
        """Say whether the process that has begun the request may still be there."""
        if not self._is_here(word):
            return True
        pid = word.split(_SEPARATOR)[1]
        if not pid.isdecimal() or int(pid) == self._pid:
            # It had our number before us (in a container, everybody has the same).
            return False
        with suppress(PermissionError):
            try:
                os.kill(int(pid), 0)
            except (ProcessLookupError, OverflowError):
                return False
        return True
