"""Where the data plane keeps its bytes: four folders that belong to Headrace, and the folders that flows may read."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from headrace.core.errors import Code, Problem


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders of an installation, all absolute; bootstrap makes them from the home.

    ``landing``: what copies laid down, ``<run>/<activity>/<attempt>.<epoch>/``. ``lake``: target tables. ``quarantine``: rejects by batch.
    ``work``: spill files and unpacked archives of running activities; anything in it may be removed when nothing runs.
    ``file_roots``: the folders that file sources may lie in; None: every folder (a flow file has the rights of the person who runs it).
    """

    landing: Path
    lake: Path
    quarantine: Path
    work: Path
    file_roots: tuple[Path, ...] | None

    def make(self) -> None:
        """Make Headrace's own folders, readable by nobody else; those that exist are left as they are."""
        for folder in (self.landing, self.lake, self.quarantine, self.work):
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


def make_durable(folder: Path) -> None:
    """Make the names in ``folder`` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
