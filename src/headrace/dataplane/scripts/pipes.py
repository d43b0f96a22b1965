"""One process that runs scripts, and how it is talked to. Nothing that it answers is believed here; it is killed rather than waited for."""

import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from headrace.core.errors import Code, Problem

_CHUNK = 1 << 16
_DYING_SECONDS = 5.0
_STARTING_SECONDS = 30.0
_COMMAND = (sys.executable, "-I", "-B", str(Path(__file__).with_name("process.py")))


class Gone(Exception):
    """The process ended instead of answering."""


class Late(Exception):
    """The process did not answer in time."""


class ScriptProcess:
    """One process. One request at a time; after ``Gone``, ``Late`` or any other end before the last answer, it is only good for ``kill``.

    ``heap_bytes``: what a script may take; ``answer_bytes``: of the longest answer.

    Raises:
        Problem: ``UNAVAILABLE``: no process can be started.
    """

    def __init__(self, heap_bytes: int, answer_bytes: int) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 — the program is ours
                (*_COMMAND, str(heap_bytes)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={},
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise Problem(Code.UNAVAILABLE, f"no process can be started to run scripts: {error.strerror}") from error
        assert self._process.stdin is not None  # noqa: S101 — both were asked for
        assert self._process.stdout is not None  # noqa: S101 — as above
        self._in, self._out = self._process.stdin, self._process.stdout
        for stream in (self._in, self._out):
            os.set_blocking(stream.fileno(), False)
        self._answer_bytes = answer_bytes
        self._read = bytearray()
        self._killing = threading.Lock()
        self._is_ready = False

    @property
    def pid(self) -> int:
        """Return the process's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Say whether it has not ended."""
        return self._process.poll() is None

    def ask(self, frames: Sequence[bytes], seconds: float) -> Generator[bytes]:
        """Send ``frames`` and return what it answers, as long as the caller wants more, at most ``seconds`` in all.

        Raises:
            Gone: it ended. Late: it took too long.
        """
        if not self._is_ready:
            starting = time.monotonic() + _STARTING_SECONDS
            for _ready in self._answers(memoryview(b""), starting):
                break
            self._is_ready = True
        request = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
        yield from self._answers(memoryview(request), time.monotonic() + seconds)

    def kill(self) -> int:
        """End the process, whatever it does; return its status, which is of its own end if it had ended before. From any thread."""
        with self._killing:
            status = self._process.poll()
            if status is None:
                self._process.kill()
                status = self._process.wait(_DYING_SECONDS)
            return status

    def stop(self) -> None:
        """Have the process end, without waiting for it: whoever asks it hears that it is gone. From any thread."""
        with self._killing:
            if self._process.poll() is None:
                self._process.kill()

    def close(self) -> None:
        """Close the pipes of a process that was killed; not while somebody asks."""
        self._in.close()
        self._out.close()

    def _answers(self, left: memoryview, deadline: float) -> Generator[bytes]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if left:
                selector.register(self._in, selectors.EVENT_WRITE)
            while True:
                while (frame := self._frame()) is not None:
                    yield frame
                ready = selector.select(max(deadline - time.monotonic(), 0))
                if not ready and time.monotonic() >= deadline:
                    raise Late
                for key, _ in ready:
                    if key.fileobj is self._out:
                        self._receive()
                    else:
                        left = left[self._send(left) :]
                        if not left:
                            selector.unregister(self._in)

    def _frame(self) -> bytes | None:
        if len(self._read) < 4:
            return None
        end = 4 + int.from_bytes(self._read[:4], "big")
        if end > self._answer_bytes:
            # It is no longer the program that was started.
            raise Gone
        if len(self._read) < end:
            return None
        frame = bytes(self._read[4:end])
        del self._read[:end]
        return frame

    def _receive(self) -> None:
        try:
            chunk = os.read(self._out.fileno(), _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            raise Gone
        self._read += chunk

    def _send(self, left: memoryview) -> int:
        try:
            return os.write(self._in.fileno(), left[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError:
            raise Gone from None
