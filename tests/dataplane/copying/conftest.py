"""What every test of copying stands on: an installation in a temporary folder, and a way to run a copy."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from headrace.core.clock import Instant
from headrace.core.codec import Json, decode, encode
from headrace.core.landing import Landing
from headrace.core.outcome import Figures, Outcome
from headrace.core.settings import CopySettings
from headrace.core.source import Compression, FileSource, TableSource
from headrace.core.task import Cancellation, Task
from headrace.core.window import Window
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.copying import copy
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots


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
class Still:
    """A clock that stands where it was put."""

    instant: Instant

    def now(self) -> Instant:
        """Return that instant."""
        return self.instant


@dataclass
class Copier:
    """Runs copies of ``run`` and looks at what they laid down."""

    home: Path
    roots: Roots
    urls: Mapping[str, str] = field(default_factory=dict)
    connections: dict[str, ConnectionInfo] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    clock: Still = field(default_factory=lambda: Still(Instant(2_000_000_000_000_000)))
    run_id: str = "run-1"
    max_bytes: int = 1_000_000_000
    max_files: int = 25_000
    kind: str = "postgres"
    packed: Compression = Compression.NONE

    def task(self, source: FileSource | TableSource, window: Window | None = None, **changes: object) -> Task:
        """Return the task of the first try."""
        settings: Mapping[str, Json] = {"source": encode(source)}
        task = Task("local", "flow", self.run_id, self.run_id, "Copy", 1, 1, "copy", settings, "key", window=window)
        return replace(task, **changes)  # type: ignore[arg-type] # changes are fields of Task

    def __call__(
        self,
        source: FileSource | TableSource,
        window: Window | None = None,
        context: Quiet | None = None,
        **changes: object,
    ) -> Outcome:
        """Copy, and return the outcome."""
        settings = CopySettings(source, self.max_files, self.max_bytes, self.packed)
        task = self.task(source, window, **changes)
        connect = self.connection
        return copy(
            settings, task, context or Quiet(), roots=self.roots, connect=connect, limits=self.limits, clock=self.clock
        )

    def connection(self, connection_id: str) -> ConnectionInfo:
        """Return the connection that a test has named."""
        return self.connections.get(connection_id) or ConnectionInfo(self.kind, self.urls[connection_id])

    def landed(self, outcome: Outcome) -> Landing:
        """Return the landing of an outcome that succeeded."""
        assert outcome.failure is None, outcome.failure
        return decode(Landing, outcome.output["landing"], what="the landing")

    def contents(self, outcome: Outcome) -> dict[str, bytes]:
        """Return the landed bytes by the source's names."""
        return {file.name: (self.roots.landing / file.path).read_bytes() for file in self.landed(outcome).files}

    def path_of(self, name: str) -> str:
        """Return the URL of a folder of the test's home."""
        return (self.home / name).as_uri()


@pytest.fixture
def copier(tmp_path: Path) -> Copier:
    """Return a copier whose flows may read ``data`` below the test's folder only."""
    (tmp_path / "data").mkdir()
    landing, lake, quarantine, work = (tmp_path / name for name in ("landing", "lake", "quarantine", "work"))
    roots = Roots(landing, lake, quarantine, work, (tmp_path / "data",))
    roots.make()
    return Copier(tmp_path, roots)


@pytest.fixture
def data(copier: Copier) -> Path:
    """Return the folder that flows may read."""
    return copier.home / "data"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 200 KiB; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)
