"""The connections of one file store: made in time, and all of them cut when the store is closed.

No proxy of the environment is asked and no name is looked up but the one that is given, so that a connection leads where ``Egress`` has looked.
"""

import socket
import threading
from contextlib import suppress
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.dataplane.limits import Limits

_LOOK_SECONDS = 0.2
_Address = tuple[int, int, int, str, Any]


class Sockets:
    """Makes the connections of one store; several threads may use it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = threading.Event()

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection whose reads time out as the limits say.

        Raises:
            Problem: ``SOURCE_UNAVAILABLE``: nobody answers there, or the store was closed; ``SOURCE_TIMEOUT``.
        """
        place = f"{host}:{port}"
        failure: OSError | None = None
        for family, kind, protocol, _, address in self._addresses(host, port):
            self.check()
            made = socket.socket(family, kind, protocol)
            with self._lock:
                self._open.add(made)
            try:
                made.settimeout(self.limits.store_connect_seconds)
                self.check()  # closed before it was noted: nobody else will cut it
                made.connect(address)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.settimeout(self.limits.store_read_seconds)
            except OSError as error:
                self.forget(made)
                failure = error
            except Problem:
                self.forget(made)
                raise
            else:
                return made
        self.check()
        if isinstance(failure, TimeoutError):
            message = f"{place} did not accept a connection within {self.limits.store_connect_seconds:g} s"
            raise Problem(Code.SOURCE_TIMEOUT, message) from failure
        why = "" if failure is None or failure.strerror is None else f": {failure.strerror}"
        raise Problem(Code.SOURCE_UNAVAILABLE, f"{place} cannot be reached{why}") from failure

    def _addresses(self, host: str, port: int) -> list[_Address]:
        # A name server may be slow, and nothing interrupts a look-up: it is done beside, and left alone when the store is closed.
        found: list[list[_Address]] = []

        def look_up() -> None:
            with suppress(OSError, UnicodeError):
                found.append(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))

        thread = threading.Thread(target=look_up, name="look-up", daemon=True)
        thread.start()
        waited = 0.0
        while thread.is_alive() and waited < self.limits.store_connect_seconds:
            thread.join(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
            self.check()
        if not found:
            raise Problem(Code.SOURCE_UNAVAILABLE, f"the host {host!r} has no address")
        return found[0]

    def forget(self, made: socket.socket) -> None:
        """Close one connection."""
        with self._lock:
            self._open.discard(made)
        made.close()

    def adopt(self, made: socket.socket) -> None:
        """Cut ``made``, which somebody else has made, with the others."""
        with self._lock:
            self._open.add(made)
        if self._closed.is_set():
            _cut(made)

    def replace(self, old: socket.socket, new: socket.socket) -> None:
        """Cut ``new``, which speaks TLS over ``old``, in its place."""
        with self._lock:
            self._open.discard(old)
        self.adopt(new)

    def check(self) -> None:
        """Raise ``SOURCE_UNAVAILABLE`` when the store was closed."""
        if self._closed.is_set():
            raise Problem(Code.SOURCE_UNAVAILABLE, "the connection to the store was closed")

    def pause(self, seconds: float) -> None:
        """Wait, unless the store is closed meanwhile.

        Raises:
            Problem: as ``check``.
        """
        self._closed.wait(seconds)
        self.check()

    def close(self) -> None:
        """Cut every connection; none can be made any more. It does not wait."""
        self._closed.set()
        with self._lock:
            sockets = list(self._open)
        for made in sockets:
            _cut(made)


def _cut(made: socket.socket) -> None:
    # Not closed here: whoever reads from it would then read from whatever gets its number next.
    with suppress(OSError, ValueError):
        socket.socket.shutdown(made, socket.SHUT_RDWR)
