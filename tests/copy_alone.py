"""Copies from a store in a process of its own, and tells its peak of memory: ``python copy_alone.py HOME`` with a connection on its input.

It prints one JSON object: seconds, bytes, peak_mib, and what failed.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.clock import Instant
from headrace.core.codec import encode
from headrace.core.outcome import Figures
from headrace.core.settings import CopySettings
from headrace.core.source import FileSource
from headrace.core.task import Cancellation, Task
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.copying import copy
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots


@dataclass
class Alone:
    """A context that nobody watches."""

    cancellation: Cancellation = field(default_factory=Cancellation)

    def progress(self, _: Figures, /) -> None:
        """Report to nobody."""


class Now:
    """The clock."""

    def now(self) -> Instant:
        """Return the present."""
        return Instant(time.time_ns() // 1000)


def main(home: Path, info: ConnectionInfo) -> None:
    """Copy everything of the connection."""
    roots = Roots(home / "landing", home / "lake", home / "quarantine", home / "work", None)
    roots.make()
    source = FileSource("", "", connection="c")
    task = Task("local", "f", "r", "r", "Copy", 1, 1, "copy", {"source": encode(source)}, "k")
    begun = time.monotonic()
    outcome = copy(
        CopySettings(source, 100, 10**13),
        task,
        Alone(),
        roots=roots,
        connect=lambda _: info,
        limits=Limits(),
        clock=Now(),
    )
    told = {
        "seconds": time.monotonic() - begun,
        "bytes": outcome.figures.bytes_read,
        "peak_mib": _peak_mib(),
        "failure": None if outcome.failure is None else outcome.failure.message,
    }
    print(json.dumps(told))  # noqa: T201 — the answer


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    told_info = json.load(sys.stdin)
    main(Path(sys.argv[1]), ConnectionInfo(told_info["kind"], told_info["url"], told_info["options"]))
