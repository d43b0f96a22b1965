"""Slow clients: a connection is held open by what comes on it, not by what may come one day."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from headrace.bootstrap.listening import Listening, listen
from waiting import until

_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


class _Short(Listening):
    head_seconds = 0.3


@contextmanager
def _serving() -> Iterator[int]:
    options = uvicorn.Config(PlainTextResponse("hello"), port=0, http=_Short, log_level="critical", lifespan="off")
    server = uvicorn.Server(options)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, seconds=20, what="the server's start")
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize("head", [b"", b"GET / HT", _HEAD + b"x-a: b"])
def test_a_head_that_does_not_come_is_given_up(head: bytes) -> None:
    """Thousands of connections that say nothing, or a byte now and then, would leave none for others."""
    with _serving() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        begun = time.monotonic()
        client.sendall(head)
        assert client.recv(100) == b""
        assert time.monotonic() - begun >= 0.2


def test_who_trickles_is_given_up_too() -> None:
    """The time is that of the whole head, not that of its next byte."""
    with _serving() as port, socket.create_connection(("127.0.0.1", port), timeout=0.05) as client:

        def closed() -> bool:
            try:
                client.sendall(b"x")
                return client.recv(100) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        until(closed, seconds=5, what="the end of the connection", every=0.01)


def test_requests_on_a_connection_are_answered_as_long_as_they_come() -> None:
    """A client that keeps its connection, and lets time pass between two requests, notices nothing."""
    with _serving() as port, closing(HTTPConnection("127.0.0.1", port, timeout=10)) as client:
        client.connect()
        first, begun = client.sock, time.monotonic()
        while time.monotonic() - begun < 0.7:
            client.request("GET", "/")
            assert client.getresponse().read() == b"hello"
            threading.Event().wait(0.2)
        assert client.sock is first


def test_the_second_piece_of_an_answer_does_not_wait_for_the_first() -> None:
    """On a connection that is kept, each answer would take its client's 40 ms more."""
    with closing(listen("127.0.0.1", 0)) as listener, closing(socket.create_connection(listener.getsockname())):
        taken, _ = listener.accept()
        with closing(taken):
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
