"""Local commands: run without a shell, with little of this process's environment, bounded in what they say, and ended with all that they started."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrace.activities.datafactory.attempt import MAX_PAYLOAD, too_long
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.web import unless_stopped

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What of this process's environment a command sees: nothing that could be a secret."""
_SHOWN_COMPLAINT = 4096
_CHUNK = 1 << 16


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
    return asyncio.run(unless_stopped(_run(command, given, variables), cancellation))


async def _run(command: Sequence[str], given: bytes, variables: Mapping[str, str]) -> Ended:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(variables), start_new_session=True
        )
    except OSError as error:
        message = f"the command {command[0]!r} cannot be started: {error.strerror}"
        raise Problem(Code.UNAVAILABLE, message) from error
    into, out, complaints = process.stdin, process.stdout, process.stderr
    if into is None or out is None or complaints is None:
        raise Problem(Code.INTERNAL, "a command was started without its pipes")
    try:
        _, answer, complaint = await asyncio.gather(_write(into, given), _read_all(out), _read_end(complaints))
        status = await process.wait()
    finally:
        # It may have started others, which would outlive it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return Ended(status, answer.decode("utf-8", "replace"), complaint.decode("utf-8", "replace"))


async def _write(stream: asyncio.StreamWriter, content: bytes) -> None:
    # A command need not read what it is given.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(content)
        await stream.drain()
    stream.close()


async def _read_all(stream: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while chunk := await stream.read(_CHUNK):
        found += chunk
        if len(found) > MAX_PAYLOAD:
            raise too_long()
    return bytes(found)


async def _read_end(stream: asyncio.StreamReader) -> bytes:
    found = b""
    while chunk := await stream.read(_CHUNK):
        found = (found + chunk)[-_SHOWN_COMPLAINT:]
    return found
