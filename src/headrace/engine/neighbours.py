"""Workers on the same machine: that one of them has died can be seen at once, without waiting for its heartbeat."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from headrace.store.workers import Worker

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")


def here() -> str:
    """Return the name under which this process registers: the host's, and what tells apart where process ids mean the same.

    That is this boot of the machine and this namespace of processes: two containers of one host name, or two machines called ``localhost``, are no
    neighbours. Where the system does not tell, there is only the host's name, and nobody has neighbours.
    """
    host = socket.gethostname()
    try:
        return f"{host} {_BOOT.read_text().strip()} {_PROCESSES.readlink()}"
    except OSError:
        return host


def gone(workers: Iterable[Worker]) -> list[Worker]:
    """Return those of the workers that are neighbours and whose process does not exist any more."""
    mine = here()
    return [worker for worker in workers if worker.host == mine and " " in mine and not _exists(worker.pid)]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
