"""The program behind ``warm``: it imports what commands and workers need, once, and forks a process for each that is asked for.

``warm_server.py SOCKET``: each message is what a process is to be, with its standard streams and the pipe to which its id and,
at its end, its status are told. A forked process ends as any other: killed, or by itself: it waits for its threads and does what it has
registered for its end. Only the modules are not taken apart one by one.
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

MODULES = (
    "headrace.cli.main",
    "headrace.bootstrap.native",
    "headrace.bootstrap.upkeep",
    "headrace.bootstrap.working",
    "headrace.activities.copy",
    "headrace.activities.promote",
    "headrace.activities.replay",
    "headrace.flowfile",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
)
"""What nearly every process needs; what one needs besides it imports itself, as it would otherwise."""
LARGEST = 1 << 18
STREAMS = 4


class Server:
    """Forks what the ``control`` socket asks for, until its other end is closed."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._children: dict[int, tuple[int, int]] = {}

    def serve(self) -> Callable[[], None] | None:
        """Return, in each forked process, what it is to do; in the server None, when nobody asks any more."""
        while True:
            for ready, _ in self._poll.poll():
                if ready != self._control.fileno():
                    self._tell(ready)
                    continue
                message, streams, _, _ = socket.recv_fds(self._control, LARGEST, STREAMS)
                if not message:
                    return None
                child = os.fork()
                if child == 0:
                    self._forget()
                    return partial(become, json.loads(message), streams)
                self._keep(child, streams)

    def _keep(self, child: int, streams: list[int]) -> None:
        *others, report = streams
        for stream in others:
            os.close(stream)
        handle = os.pidfd_open(child)
        self._children[handle] = (child, report)
        self._poll.register(handle, select.POLLIN)
        os.write(report, f"{child}\n".encode())

    def _tell(self, handle: int) -> None:
        child, report = self._children.pop(handle)
        self._poll.unregister(handle)
        _, status = os.waitpid(child, 0)
        with suppress(BrokenPipeError):  # nobody may wait for it any more
            os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(report)
        os.close(handle)

    def _forget(self) -> None:
        self._control.close()
        for handle, (_, report) in self._children.items():
            os.close(handle)
            os.close(report)


def become(wanted: dict[str, Any], streams: list[int]) -> None:
    """Be the process that is wanted, as ``python ARGUMENTS`` is one."""
    *standard, report = streams
    for number, stream in enumerate(standard):
        os.dup2(stream, number)
        os.close(stream)
    os.close(report)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    time.tzset()
    first, *arguments = wanted["arguments"]
    found = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if first == "-c":
        text, *arguments = arguments
        sys.path[:0] = ["", *filter(None, found)]
        sys.argv = ["-c", *arguments]
        exec(compile(text, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 — it is what `python -c` is for
        return
    sys.path[:0] = [str(Path(first).parent), *filter(None, found)]
    sys.argv = [first, *arguments]
    runpy.run_path(first, run_name="__main__")


def main() -> Callable[[], None] | None:
    """Import what is needed, and serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in MODULES:
        import_module(name)
    commands = import_module("headrace.cli")
    for module in pkgutil.iter_modules(commands.__path__, "headrace.cli."):
        import_module(module.name)
    # What is there now is not looked at by the collections of any process, so that they share its memory.
    gc.collect()
    gc.freeze()
    return Server(control).serve()


def end(program: Callable[[], None]) -> NoReturn:
    """Run the program of a forked process, and end the process with its exit code."""
    code: object = 0
    try:
        program()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001 — as Python itself does with whatever a program lets fly
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # what Python does first at its end, and multiprocessing too
    atexit._run_exitfuncs()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    wanted_program = main()
    if wanted_program is not None:
        end(wanted_program)
    os._exit(0)
