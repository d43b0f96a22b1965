"""Connections that are used one thing at a time, and no more of them than a server allows."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from headrace.dataplane.connectors.sockets import Sockets

S = TypeVar("S")

_LOOK_SECONDS = 0.5


class Pool(Generic[S]):
    """At most ``most`` sessions, made by ``make`` and ended by ``end`` (which never raises); several threads may use it."""

    def __init__(self, sockets: Sockets, most: int, make: Callable[[], S], end: Callable[[S], None]) -> None:
        self.sockets = sockets
        self._make = make
        self._end = end
        self._places = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: list[S] = []

    def take(self) -> S:
        """Return a session, when one is free; hand it back with ``give`` or ``drop``.

        Raises:
            Problem: what ``make`` raises; ``SOURCE_UNAVAILABLE``: the store was closed.
        """
        while not self._places.acquire(timeout=_LOOK_SECONDS):
            self.sockets.check()
        try:
            self.sockets.check()
            with self._lock:
                idle = self._idle.pop() if self._idle else None
            return self._make() if idle is None else idle
        except BaseException:
            self._places.release()
            raise

    def give(self, session: S) -> None:
        """Hand back a session that can be used again."""
        with self._lock:
            self._idle.append(session)
        self._places.release()

    def drop(self, session: S) -> None:
        """Hand back a session that is of no use any more."""
        self._end(session)
        self._places.release()

    @contextmanager
    def session(self) -> Iterator[S]:
        """Return a session for one thing; it is not used again when that fails."""
        session = self.take()
        try:
            yield session
        except BaseException:
            self.drop(session)
            raise
        self.give(session)

    def close(self) -> None:
        """End the idle sessions."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            self._end(session)
