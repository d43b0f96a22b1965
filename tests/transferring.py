"""An installation in a temporary folder that transfers files between folders of this machine, in this process or in one that is killed."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headrace.core.clock import Instant
from headrace.core.crashpoints import arm, names_in
from headrace.core.outcome import Figures
from headrace.core.task import Cancellation, Task
from headrace.dataplane import transfer as package
from headrace.dataplane.connectors import local_writing
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.connectors.writing import PART
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from headrace.dataplane.transfer.conduct import Ends, Means, TransferFailed, transfer
from headrace.dataplane.transfer.report import TransferReport
from headrace.dataplane.transfer.request import Place, StoreType, Transfer

POINTS = sorted(names_in([*Path(package.__file__).parent.rglob("*.py"), Path(local_writing.__file__)]))
"""Every place where a process can be made to die while it transfers files and rows between folders of this machine and databases."""
_PRELOADED = [
    f"headrace.dataplane.transfer.{name}" for name in ("conduct", "files", "formats.delimited", "formats.parquet")
]


@dataclass
class Quiet:
    """A context that keeps what it was told; ``on_progress`` may act on it."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    reported: list[Figures] = field(default_factory=list)
    on_progress: Callable[[Figures], None] = lambda _: None

    def progress(self, figures: Figures) -> None:
        """Keep the figures."""
        self.reported.append(figures)
        self.on_progress(figures)


@dataclass
class Now:
    """The machine's clock; ``asked`` is called whenever it is looked at, which is when each unit begins and ends."""

    asked: Callable[[], None] = lambda: None

    def now(self) -> Instant:
        """Return the present."""
        self.asked()
        return Instant(time.time_ns() // 1000)


@dataclass(frozen=True)
class Desk:
    """Transfers of one task: ``data`` is the root that files lie below."""

    home: Path
    limits: Limits = field(default_factory=Limits)
    clock: Now = field(default_factory=Now)
    ends: Ends = field(default_factory=Ends)

    @property
    def data(self) -> Path:
        """Return the folder of all files."""
        return self.home / "data"

    @property
    def place(self) -> Place:
        """Return ``data`` as a place."""
        return Place(StoreType.FOLDER, None, self.data.as_uri(), "FileServer")

    @property
    def roots(self) -> Roots:
        """Return the installation's own folders."""
        home = self.home / "home"
        return Roots(home / "landing", home / "lake", home / "quarantine", home / "work", (self.data,))

    def make(self) -> "Desk":
        """Make all folders."""
        self.roots.make()
        self.data.mkdir(exist_ok=True)
        return self

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file below ``data``."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def files(self, folder: str = "") -> dict[str, bytes]:
        """Return the files of a folder and all below, by their paths."""
        root = self.data / folder
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def parts(self) -> list[Path]:
        """Return the files that are still under their temporary names."""
        return list(self.data.rglob(f"*{PART}*"))

    def run(self, request: Transfer, context: Quiet | None = None, **changes: Any) -> TransferReport:
        """Do a transfer; ``changes`` are fields of the task."""
        task = replace(Task("local", "f", "run-1", "run-1", "Copy", 1, 1, "copy_data", {}, "key"), **changes)
        means = Means(self.roots, self.limits, self.clock, Egress(("*",)), batch_id="batch-1", ends=self.ends)
        return transfer(request, task, context or Quiet(), means)

    def fails(self, request: Transfer, context: Quiet | None = None, **changes: Any) -> TransferFailed:
        """Do a transfer that fails; return how."""
        try:
            report = self.run(request, context, **changes)
        except TransferFailed as failed:
            return failed
        message = f"it did not fail: {report}"
        raise AssertionError(message)

    def killed(self, request: Transfer, point: str, passing: int = 1, **changes: Any) -> bool:
        """Do a transfer in a process that dies at a crash point; return False when it came to its end instead."""
        processes = multiprocessing.get_context("forkserver")
        processes.set_forkserver_preload(_PRELOADED)
        process = processes.Process(target=_run_armed, args=(self.home, request, point, passing, changes))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -9), process.exitcode
        return process.exitcode == -9


def _run_armed(home: Path, request: Transfer, point: str, passing: int, changes: dict[str, Any]) -> None:
    arm(point, passing)
    Desk(home).run(request, **changes)
