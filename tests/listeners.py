"""An HTTP server on loopback that a test tells how to behave."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Heard:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Listener:
    """What was heard, and how it is answered: ``answer`` gives status, headers and body."""

    url: str = ""
    answer: Callable[[Heard], tuple[int, Mapping[str, str], bytes]] = lambda heard: (200, {}, echo(heard))
    heard: list[Heard] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """What a listener that hangs waits for."""

    @property
    def posts(self) -> list[Heard]:
        """Return what was posted."""
        return [heard for heard in self.heard if heard.method == "POST"]

    def hang(self, _heard: Heard) -> tuple[int, Mapping[str, str], bytes]:
        """Answer when the test is over."""
        self.released.wait(20)
        return 200, {}, b""


def echo(heard: Heard) -> bytes:
    """Return the challenge's token."""
    return parse_qs(urlsplit(heard.path).query).get("challenge", [""])[0].encode()


@contextmanager
def listening(port: int = 0) -> Iterator[Listener]:
    """Yield a listener on ``port`` of loopback (0: a free one)."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Hear a GET."""
            self._hear()

        def do_POST(self) -> None:
            """Hear a POST."""
            self._hear()

        do_PUT = do_DELETE = do_PATCH = do_HEAD = do_POST  # noqa: N815 — the names that http.server calls

        def _hear(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            heard = Heard(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            listener.heard.append(heard)
            status, headers, content = listener.answer(heard)
            try:
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else content)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the name in the class that it overrides
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: clients of these tests go away."""

    server = Server(("127.0.0.1", port), Handler)
    listener.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
