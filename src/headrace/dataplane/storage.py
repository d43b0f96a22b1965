"""Where the data plane keeps its bytes: four folders that belong to Headrace, and the folders that flows may read."""

import ctypes
import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import Code, Problem

_FEW = 100


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders of an installation, all absolute; bootstrap makes them from the home.

    ``landing``: what copies laid down, ``<run>/<activity>/<attempt>.<epoch>/``. ``lake``: target tables. ``quarantine``: rejects by batch.
    ``work``: spill files and unpacked archives of running activities; anything in it may be removed when nothing runs.
    ``uploads``: files that clients send for batches, until a run has laid them down; beside the quarantine.
    ``file_roots``: the folders that file sources may lie in; None: every folder (a flow file has the rights of the person who runs it).
    """

    landing: Path
    lake: Path
    quarantine: Path
    work: Path
    file_roots: tuple[Path, ...] | None

    @property
    def transfers(self) -> Path:
        """Return the folder of journals: which parts of a transfer are finished, by its commit key."""
        return self.landing.parent / "transfers"

    @property
    def uploads(self) -> Path:
        """Return the folder of uploads."""
        return self.quarantine.parent / "uploads"

    @property
    def files(self) -> Path:
        """Return the folder of the files of workspaces: what was uploaded to a space, and what was exported. Flows never read it."""
        return self.quarantine.parent / "space-files"

    def make(self) -> None:
        """Make Headrace's own folders, readable by nobody else; those that exist are left as they are."""
        for folder in (self.landing, self.lake, self.quarantine, self.work, self.uploads, self.transfers, self.files):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def disk_full(error: OSError, folder: Path, needed: int | None = None) -> Problem | None:
    """Return what to tell when ``error`` means that no room is left where ``folder`` lies, else None.

    ``needed``: the bytes that are still to be written, where that is known.
    """
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return no_room(folder, needed)


def no_room(folder: Path, needed: int | None = None) -> Problem:
    """Return the problem ``DISK_FULL`` for the disk of ``folder``, with the bytes that are free and those that are needed."""
    free = shutil.disk_usage(folder).free
    need = "" if needed is None else f", {needed:,} bytes are needed"
    return Problem(
        Code.DISK_FULL,
        f"no room left on the disk of {str(folder)!r}: {free:,} bytes are free{need}; free some, or move the home to a larger disk",
    )


def make_durable(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_all_durable(folder: Path, names: Sequence[str]) -> None:
    """Make the bytes of the named files in ``folder`` survive a loss of power.

    Many are made durable at once, with all else that waits to be written to that disk: that takes a fiftieth of the time.
    """
    if len(names) <= _FEW or not _sync_disk(folder):
        for name in names:
            make_durable(folder / name)


def _sync_disk(folder: Path) -> bool:
    """Write all that waits for the disk of ``folder``; return False where the system cannot do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "cannot write to the disk", str(folder))
    finally:
        os.close(descriptor)
    return True
