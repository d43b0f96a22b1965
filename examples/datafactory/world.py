"""The outside world of the examples: one loopback server that answers as an example says, and counts what it was asked."""

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = Mapping[str, Any]
"""What a call is answered: ``status`` (200), ``body`` (JSON), ``headers``, ``after`` (seconds), ``requires`` (headers without which it is 401),
``job`` (how often a 202 is to be looked at before it is done), ``callBack`` (what is posted to its ``callBackUri``, ``after`` seconds later).
"""


@dataclass
class Scene:
    """What one example sees of the world, below ``base``. ``calls`` counts requests by ``METHOD /path``, ``peaks`` how many ran at once."""

    base: str
    calls: Counter[str] = field(default_factory=Counter)
    peaks: Counter[str] = field(default_factory=Counter)
    _script: dict[str, list[Answer]] = field(default_factory=dict)
    _running: Counter[str] = field(default_factory=Counter)
    _jobs: list[tuple[int, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer_with(self, script: Mapping[str, list[Answer]]) -> None:
        """Answer the calls of ``script`` from now on with its answers in their order, and with the last one ever after."""
        with self._lock:
            self._script.update({call: list(answers) for call, answers in script.items()})

    def begin(self, call: str) -> tuple[int, Answer]:
        """Return how often ``call`` has come, this time included, and its answer."""
        with self._lock:
            self.calls[call] += 1
            self._running[call] += 1
            self.peaks[call] = max(self.peaks[call], self._running[call])
            answers = self._script.get(call) or [{}]
            return self.calls[call], answers.pop(0) if len(answers) > 1 else answers[0]

    def end(self, call: str) -> None:
        """Note that ``call`` is about to be answered."""
        with self._lock:
            self._running[call] -= 1

    def begin_job(self, looks: int, body: Any) -> str:
        """Return the address of a job that is done when it has been looked at ``looks`` times, and answers ``body`` then."""
        with self._lock:
            self._jobs.append((looks, body))
            return f"{self.base}/jobs/{len(self._jobs) - 1}"

    def look_at(self, job: int) -> tuple[bool, Any]:
        """Return whether the job is done, and what it answers."""
        with self._lock:
            looks, body = self._jobs[job]
            self._jobs[job] = (looks - 1, body)
            return looks <= 1, body


class World:
    """The scenes that stand on one server."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._scenes: dict[str, Scene] = {}

    def scene(self, name: str) -> Scene:
        """Return a new scene; its addresses begin with ``/{name}``."""
        scene = self._scenes[name] = Scene(f"{self.base}/{name}")
        return scene

    def at(self, path: str) -> tuple[Scene, str]:
        """Return the scene that a path leads into, and the rest of the path."""
        name, _, rest = path.lstrip("/").partition("/")
        return self._scenes[name], "/" + rest


@contextmanager
def open_world() -> Iterator[World]:
    """Stand on a free port of 127.0.0.1 until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            _serve(self, world)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 — the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    world = World(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _serve(request: BaseHTTPRequestHandler, world: World) -> None:
    scene, path = world.at(urlsplit(request.path).path)
    received = _body(request.rfile.read(int(request.headers.get("Content-Length") or 0)))
    if path.startswith("/jobs/"):
        done, body = scene.look_at(int(path.removeprefix("/jobs/")))
        _say(
            request, 200 if done else 202, body if done else {"state": "running"}, {} if done else {"Retry-After": "0"}
        )
        return
    call = f"{request.command} {path}"
    number, answer = scene.begin(call)
    time.sleep(answer.get("after", 0))
    seen = {"call": number, "received": received}
    if "Authorization" in request.headers:
        seen["authorization"] = request.headers["Authorization"]
    body = answer.get("body", seen)
    if "callBack" in answer:
        _call_back(received["callBackUri"], answer["callBack"])
    scene.end(call)
    if "job" in answer:
        _say(request, 202, {}, {"Location": scene.begin_job(answer["job"], body), "Retry-After": "0"})
    elif any(request.headers.get(name) != value for name, value in answer.get("requires", {}).items()):
        _say(request, 401, {}, {})
    else:
        _say(request, answer.get("status", 200), body, answer.get("headers", {}))


def _body(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode()


def _say(request: BaseHTTPRequestHandler, status: int, body: Any, headers: Mapping[str, str]) -> None:
    content = json.dumps(body).encode()
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(content))}.items():
        request.send_header(name, value)
    request.end_headers()
    # Who asked may have gone: it did not want to wait so long.
    with suppress(OSError):
        request.wfile.write(content)


def _call_back(address: str, said: Mapping[str, Any]) -> None:
    """Post what a webhook's callee says, a little later."""

    def post() -> None:
        content = json.dumps(said.get("body", {})).encode()
        request = urllib.request.Request(address, content, {"Content-Type": "application/json"})  # noqa: S310 — the server's own address
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 — the same
            pass

    threading.Timer(said.get("after", 0.1), post).start()
