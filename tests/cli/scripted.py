"""A server that answers what a test has written down, and loses what it should: real bytes on a real socket."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Scripted:
    """The server's address, and the requests that it was sent, whole."""

    url: str
    requests: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Return the first line of each request, without the protocol."""
        return [one.partition(" HTTP/")[0] for one in self.requests]

    def header(self, number: int, name: str) -> str | None:
        """Return a header of a request."""
        head = self.requests[number].partition("\r\n\r\n")[0].split("\r\n")[1:]
        return dict(line.lower().split(": ", 1) for line in head).get(name)


def answer(body: str, status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer; a name in ``headers`` has ``_`` for ``-``."""
    content = body.encode()
    given = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    head = "".join(f"{name}: {text}\r\n" for name, text in given.items())
    return f"HTTP/1.1 {status}\r\n{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content


LOST = b""
"""The connection ends without an answer."""


@contextmanager
def scripted(answers: Sequence[bytes]) -> Iterator[Scripted]:
    """Answer one connection after the other with ``answers``; further ones lose theirs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Scripted(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=_serve, args=(listener, server, iter(answers)), daemon=True)
        thread.start()
        yield server
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _serve(listener: socket.socket, server: Scripted, answers: Iterator[bytes]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            server.requests.append(_request(connection))
            connection.sendall(next(answers, LOST))


def _request(connection: socket.socket) -> str:
    connection.settimeout(10)
    text = b""
    while b"\r\n\r\n" not in text or not _is_whole(text):
        piece = connection.recv(65536)
        if not piece:
            break
        text += piece
    return text.decode()


def _is_whole(text: bytes) -> bool:
    head, _, body = text.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return body.endswith(b"0\r\n\r\n") if b"chunked" in head.lower() else len(body) >= sum(lengths)
