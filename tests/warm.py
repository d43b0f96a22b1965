"""Processes of Python that begin warm: forked from one that has imported Headrace, which takes two seconds of CPU each time else.

They are processes like others, with their own ids, environments, folders and streams, and die of ``kill -9`` alike. How a command or a
worker begins cold, is what the tests of servers, clients and guides see.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

_SERVER = Path(__file__).with_name("warm_server.py")


class Process:
    """A process that was started warm; its methods are those of ``subprocess.Popen``."""

    def __init__(self, arguments: Sequence[str], pid: int, report: IO[bytes]) -> None:
        self.args = list(arguments)
        self.pid = pid
        self.returncode: int | None = None
        self._report = report

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when the process has ended: the negative number of the signal that killed it."""
        if self.returncode is None:
            told = select.poll()
            told.register(self._report, select.POLLIN)
            if not told.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._report.readline())
            self._report.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process."""
        self.send_signal(signal.SIGKILL)


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
) -> Process:
    """Start ``python -c TEXT …`` or ``python FILE …``; streams that are not given lead nowhere."""
    program, *arguments = command
    assert program == sys.executable, f"{program} is no Python: start it with subprocess"
    wanted = json.dumps({"arguments": arguments, "env": dict(env), "cwd": str(cwd)}).encode()
    told, report = os.pipe()
    with Path(os.devnull).open("r+b") as nowhere:
        streams = [(one or nowhere).fileno() for one in (stdin, stdout, stderr)]
        socket.send_fds(_server(), [wanted], [*streams, report])
    os.close(report)
    answers = os.fdopen(told, "rb", buffering=0)
    return Process(command, int(answers.readline()), answers)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout: float = 120,
    stdin: str = "",
    stdout: IO[bytes] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -c TEXT …`` or ``python FILE …`` to its end, and return what it wrote, without what went to a ``stdout`` of its own."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        process = start(command, env=env, cwd=cwd, stdin=given, stdout=stdout or out, stderr=err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(process.args, code, out.read().decode(), err.read().decode())


@cache
def _server() -> socket.socket:
    """Return the socket of this process's server, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # One thread for linear algebra, since a process with several is no good to fork.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, str(_SERVER), str(theirs.fileno())],
        env=environment,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
