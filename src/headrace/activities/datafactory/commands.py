"""Local commands: run without a shell, with little of this process's environment, bounded in what they say, and ended with all that they started."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from headrace.activities.datafactory.attempt import MAX_PAYLOAD, too_long
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What of this process's environment a command sees: nothing that could be a secret."""
_SHOWN_COMPLAINT = 4096
_CHUNK = 1 << 16
_LINGER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its status, what it answered, and the end of what it complained of."""

    status: int
    answer: str = field(repr=False)
    complaint: str


def run_command(
    command: Sequence[str], given: bytes, variables: Mapping[str, str], cancellation: Cancellation
) -> Ended:
    """Return how ``command`` ended; ``given`` is its standard input, ``variables`` are its environment.

    When ``cancellation`` says so, the command is killed, and what it has started with it.

    Raises:
        Problem: ``UNAVAILABLE``: it cannot be started; whatever ``cancellation`` says. Refused: it answers more than may be kept.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(  # noqa: S603 — the operator names it, nobody else
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(variables), start_new_session=True
        )
    except OSError as error:
        message = f"the command {command[0]!r} cannot be started: {error.strerror}"
        raise Problem(Code.UNAVAILABLE, message) from error

    def kill() -> None:
        # Its own session is a group of processes: with what it has started. Once it is taken off the table, its number may be another's.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    with process:
        heard = _Heard(kill)
        threads = heard.listen(process, given)
        forget = cancellation.on_stop(kill)
        try:
            # It is not taken off the table of processes yet: until then its number is nobody else's, and the group can be killed by it.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            forget()
            kill()
        status = process.wait()
        for thread in threads:
            # What has left the group may hold the pipes open; nobody waits for that.
            thread.join(_LINGER_SECONDS)
    cancellation.check()
    if heard.too_much:
        raise too_long()
    return Ended(status, heard.answer.decode("utf-8", "replace"), heard.complaint.decode("utf-8", "replace"))


@dataclass(slots=True)
class _Heard:
    """What a command has said so far."""

    kill: Callable[[], None]
    answer: bytearray = field(default_factory=bytearray)
    complaint: bytes = b""
    too_much: bool = False

    def listen(self, process: "subprocess.Popen[bytes]", given: bytes) -> list[threading.Thread]:
        """Write and read in threads of their own; a pipe that is full stops nobody else."""
        into, out, complaints = process.stdin, process.stdout, process.stderr
        if into is None or out is None or complaints is None:
            raise Problem(Code.INTERNAL, "a command was started without its pipes")
        works: tuple[Callable[[], None], ...] = (
            lambda: self._write(into, given),
            lambda: self._read_all(out),
            lambda: self._read_end(complaints),
        )
        threads = [threading.Thread(target=work, name="headrace-command", daemon=True) for work in works]
        for thread in threads:
            thread.start()
        return threads

    def _write(self, stream: IO[bytes], content: bytes) -> None:
        # A command need not read what it is given.
        with contextlib.suppress(OSError, ValueError):
            stream.write(content)
        with contextlib.suppress(OSError, ValueError):
            stream.close()

    def _read_all(self, stream: IO[bytes]) -> None:
        while chunk := _some(stream):
            self.answer += chunk
            if len(self.answer) > MAX_PAYLOAD:
                self.too_much = True
                self.kill()
                return

    def _read_end(self, stream: IO[bytes]) -> None:
        while chunk := _some(stream):
            self.complaint = (self.complaint + chunk)[-_SHOWN_COMPLAINT:]


def _some(stream: IO[bytes]) -> bytes:
    # One that is closed under the reader has nothing more to say.
    with contextlib.suppress(OSError, ValueError):
        return os.read(stream.fileno(), _CHUNK)
    return b""
