"""A proxy before the server that loses answers: the request arrives and is carried out, and the caller is told 503."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Losing:
    """The proxy: ``base`` is its address; an answer to a call in ``lose`` (``POST /path``) is lost, once. ``calls`` are all that came."""

    base: str
    lose: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


@contextmanager
def losing(target: str) -> Iterator[Losing]:
    """Stand before the server at ``target`` until the end of the block."""
    host = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            call = f"{self.command} {urlsplit(self.path).path}"
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            answer, content = _asked(host, self.command, self.path, dict(self.headers), body)
            proxy.calls.append(call)
            if call in proxy.lose:
                proxy.lose.remove(call)
                self._say(503, {"Retry-After": "0"}, b"")
                return
            self._say(answer.status, {k: v for k, v in answer.getheaders() if k.lower() not in _HOP}, content)

        def _say(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = forward  # noqa: N815 — the names that http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the name that http.server gives
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Losing(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _asked(
    host: str, method: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        kept = {name: value for name, value in headers.items() if name.lower() not in {"connection", "accept-encoding"}}
        connection.request(method, path, body=body or None, headers=kept)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()
