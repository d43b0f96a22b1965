"""Where the data plane keeps its bytes: four folders that belong to Headrace, and the folders that flows may read."""

from dataclasses import dataclass
from pathlib import Path


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
