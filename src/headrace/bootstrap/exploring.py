"""Processes that answer questions about sources, as the process that serves sees them (``core.explore.Explorer``).

The process that serves loads no data plane and opens nothing that a tenant names: it hands each question to a process of its own
(``bootstrap.answering``), started when one is asked and kept for a while. What takes too long is killed; what crashes says so, and the next question
gets a new process.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from headrace.config import Settings
from headrace.config import environment as process_environment
from headrace.core.codec import decode, encode
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.explore import (
    Check,
    ListPlaces,
    Peek,
    PeekFile,
    PeekLake,
    PeekTable,
    Places,
    Tried,
    TryMapping,
)

_COMMAND = (sys.executable, "-c", "from headrace.bootstrap.answering import main; main()")
_CHUNK = 1 << 16
_DYING_SECONDS = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on its way to the process that answers."""

    question: Check | ListPlaces | PeekFile | PeekTable | PeekLake | TryMapping


@dataclass(frozen=True, slots=True)
class Told:
    """A problem on its way back; what is for the operator only stays where it happened."""

    code: Code
    message: str
    fields: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many, and how long: ``patience_seconds`` for an answer, ``wait_seconds`` for a free process, ``idle_seconds`` without a question."""

    processes: int = 2
    patience_seconds: float = 60.0
    wait_seconds: float = 20.0
    idle_seconds: float = 60.0
    answer_bytes: int = 64 << 20


class ProcessExplorer:
    """An ``Explorer`` that asks processes of its own. Close it: nothing of it is left then."""

    def __init__(
        self, environment: Mapping[str, str], bounds: Bounds | None = None, command: Sequence[str] = _COMMAND
    ) -> None:
        self._environment = dict(environment)
        self._command = list(command)
        self._bounds = bounds or Bounds()
        self._places = threading.BoundedSemaphore(self._bounds.processes)
        self._lock = threading.Lock()
        self._idle: list[_Answerer] = []
        self._alive: set[_Answerer] = set()
        self._closed = False

    def __call__(self, question: Any, /) -> Any:
        """Answer a question.

        Raises:
            Problem: as the source says; ``SOURCE_TIMEOUT``: it took too long; ``UNAVAILABLE``: too many are asked at once, or this is being closed;
                ``SOURCE_UNREADABLE``: the process that looked died of it.
        """
        line = json.dumps(encode(Asked(question))).encode() + b"\n"
        if not self._places.acquire(timeout=self._bounds.wait_seconds):
            most = self._bounds.processes
            raise Problem(Code.UNAVAILABLE, f"{most} sources are being looked into already; try again in a moment")
        try:
            return _read_reply(question, self._asked(line))
        finally:
            self._places.release()

    def pids(self) -> tuple[int, ...]:
        """Return the ids of the processes that are alive now."""
        with self._lock:
            return tuple(answerer.process.pid for answerer in self._alive)

    def close(self) -> None:
        """End every process, whatever it is doing; questions under way end as ``UNAVAILABLE``."""
        with self._lock:
            self._closed = True
            answerers = list(self._alive)
            self._idle.clear()
        for answerer in answerers:
            self._bury(answerer)

    def _asked(self, line: bytes) -> bytes:
        while True:
            answerer, is_new = self._take()
            try:
                reply = answerer.ask(line, self._bounds)
            except _Gone:
                status = self._bury(answerer)
                if self._closed:
                    raise Problem(Code.UNAVAILABLE, "the server is stopping; try again later") from None
                # An older one may have died of something else, just before: a question only looks, so it is asked once more.
                if not is_new:
                    continue
                raise _died(status) from None
            except Problem:
                self._bury(answerer)
                raise
            self._give_back(answerer)
            return reply

    def _take(self) -> "tuple[_Answerer, bool]":
        with self._lock:
            if self._closed:
                raise Problem(Code.UNAVAILABLE, "the server is stopping; try again later")
            while self._idle:
                answerer = self._idle.pop()
                answerer.rest_is_over()
                if answerer.process.poll() is None:
                    return answerer, False
                self._alive.discard(answerer)
                answerer.bury()
            answerer = _Answerer(self._command, self._environment)
            self._alive.add(answerer)
            return answerer, True

    def _give_back(self, answerer: "_Answerer") -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(answerer)
                answerer.rest(self._bounds.idle_seconds, lambda: self._retire(answerer))

    def _retire(self, answerer: "_Answerer") -> None:
        with self._lock:
            if answerer not in self._idle:
                return
            self._idle.remove(answerer)
        self._bury(answerer)

    def _bury(self, answerer: "_Answerer") -> int:
        status = answerer.bury()
        with self._lock:
            self._alive.discard(answerer)
        return status


class _Gone(Exception):
    """The process ended instead of answering."""


class _Answerer:
    """One process that answers."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        try:
            self.process = subprocess.Popen(  # noqa: S603 — the program is ours
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=dict(environment),
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise Problem(
                Code.UNAVAILABLE, f"no process can be started to look into sources: {error.strerror}"
            ) from error
        assert self.process.stdin is not None  # noqa: S101 — both were asked for
        assert self.process.stdout is not None  # noqa: S101 — as above
        self._in, self._out = self.process.stdin, self.process.stdout
        for stream in (self._in, self._out):
            os.set_blocking(stream.fileno(), False)
        self._timer: threading.Timer | None = None
        self._burying = threading.Lock()
        self._asking = threading.Lock()

    def ask(self, line: bytes, bounds: Bounds) -> bytes:
        """Return the line that answers ``line``."""
        deadline = time.monotonic() + bounds.patience_seconds
        reply = bytearray()
        left = memoryview(line)
        with self._asking, selectors.DefaultSelector() as selector:
            if self._in.closed:
                raise _Gone
            selector.register(self._out, selectors.EVENT_READ)
            selector.register(self._in, selectors.EVENT_WRITE)
            while not reply.endswith(b"\n"):
                ready = selector.select(max(deadline - time.monotonic(), 0))
                if not ready and time.monotonic() >= deadline:
                    raise Problem(
                        Code.SOURCE_TIMEOUT, f"the source did not answer within {bounds.patience_seconds:g} s"
                    )
                for key, _ in ready:
                    if key.fileobj is self._out:
                        reply += self._read()
                    elif left:
                        left = left[self._write(left) :]
                        if not left:
                            selector.unregister(self._in)
                if len(reply) > bounds.answer_bytes:
                    raise Problem(
                        Code.LIMIT_EXCEEDED,
                        f"the answer has more than {bounds.answer_bytes} bytes; ask for less of the source",
                    )
        return bytes(reply)

    def rest(self, seconds: float, over: Any) -> None:
        """Call ``over`` when nothing was asked for ``seconds``."""
        self._timer = threading.Timer(seconds, over)
        self._timer.daemon = True
        self._timer.start()

    def rest_is_over(self) -> None:
        """Forget what ``rest`` was told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def bury(self) -> int:
        """Kill the process, unless it has ended; return its status."""
        with self._burying:
            self.rest_is_over()
            # It ends by itself where its pipe was closed at the other end; its status then says of what.
            if not self._in.closed:
                status = self.process.poll()
                if status is None:
                    self.process.kill()
                    status = self.process.wait(_DYING_SECONDS)
                self._close_streams()
            return self.process.returncode if self.process.returncode is not None else -signal.SIGKILL

    def _close_streams(self) -> None:
        # A selector forgets a stream that is closed under it, and who waits there would not hear of the end: the streams stay until the end was
        # read. Only a process that the dead one left behind could hold them open for longer.
        has_read = self._asking.acquire(timeout=_DYING_SECONDS)
        self._in.close()
        self._out.close()
        if has_read:
            self._asking.release()

    def _read(self) -> bytes:
        try:
            chunk = os.read(self._out.fileno(), _CHUNK)
        except BlockingIOError:
            return b""
        except (OSError, ValueError):
            chunk = b""
        if not chunk:
            raise _Gone
        return chunk

    def _write(self, left: memoryview) -> int:
        try:
            return os.write(self._in.fileno(), left[:_CHUNK])
        except BlockingIOError:
            return 0
        except (OSError, ValueError):
            raise _Gone from None


def make_explorer(settings: Settings) -> ProcessExplorer:
    """Return an explorer whose processes open the installation that ``settings`` describe."""
    return ProcessExplorer({**process_environment(), **settings.to_environment()})


def _read_reply(question: Any, line: bytes) -> Any:
    reply = json.loads(line)
    if "problem" in reply:
        told = decode(Told, reply["problem"], what="a problem")
        raise Problem(told.code, told.message, told.fields)
    match question:
        case Check() | ListPlaces():
            return decode(Places, reply["answer"], what="an answer")
        case TryMapping():
            return decode(Tried, reply["answer"], what="an answer")
        case _:
            return decode(Peek, reply["answer"], what="an answer")


def _died(status: int) -> Problem:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    _log.warning("a process that looks into sources died", status=status)
    return Problem(
        Code.SOURCE_UNREADABLE,
        f"the process that looked into the source ended unexpectedly ({how}): what it read may be too large or broken",
    )
