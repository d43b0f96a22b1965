"""The outside world of clients' pipelines: a loopback server that counts what it was asked, and fails what it is told to fail."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CountingWorld:
    """The server at ``base``; ``calls`` counts requests by ``METHOD /path``."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.calls: Counter[str] = Counter()
        self._fails: list[str] = []
        self._lock = threading.Lock()

    def fail(self, call: str, times: int = 1) -> None:
        """Answer the next such calls with 500."""
        self._fails += [call] * times

    def answer(self, call: str) -> int:
        """Note a call and return the status of its answer."""
        with self._lock:
            self.calls[call] += 1
            if call in self._fails:
                self._fails.remove(call)
                return 500
            return 200


@contextmanager
def counting_world() -> Iterator[CountingWorld]:
    """Stand on a free port of 127.0.0.1 until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(world.answer(f"{self.command} {self.path}"))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_PUT = serve  # noqa: N815 — the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    world = CountingWorld(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
