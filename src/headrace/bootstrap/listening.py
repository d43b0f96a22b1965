"""Connections of clients: who sends the head of a request slowly, or none at all, is not waited for without end."""

import asyncio
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from headrace.core.errors import Code, Problem

HEAD_SECONDS = 30.0
"""Seconds from a connection, or the first byte of a further request on it, to the end of the request's head."""


class Listening(H11Protocol):
    """uvicorn's connection, which is closed when no request has come on it for ``head_seconds``.

    Between two requests uvicorn's own limit holds (``timeout_keep_alive``) until the first byte of the next one.
    """

    head_seconds = HEAD_SECONDS
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; wait on for what of a head is missing, from the first byte and not from the last one."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._late is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; 0 takes a free port.

    Raises:
        Problem: ``CONFLICT``: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Problem(Code.CONFLICT, f"cannot listen on {host} port {port}: {error.strerror}") from error
    # Connections inherit it. An answer goes out in two pieces, its head and its body: else the second one waits until the client has
    # acknowledged the first, which takes its system 40 ms. asyncio sets it only for sockets that were made with the protocol's number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
