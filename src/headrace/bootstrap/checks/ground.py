"""What checks of a home look at. Nothing here makes or changes anything."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.bootstrap.checks.finding import Unknown
from headrace.config import Settings
from headrace.core.clock import Clock, Instant
from headrace.core.errors import Problem
from headrace.store import inspection, schema_version
from headrace.store.database import Database, Transaction, file_of

LOOK_SECONDS = 8.0
"""What a look at the ledger may take."""


def is_installed(module: str) -> bool:
    """Say whether a Python module can be imported here."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def free_at(folder: Path) -> int:
    """Return how many bytes are free on the disk of a folder."""
    return shutil.disk_usage(folder).free


@dataclass(slots=True)
class Ground:
    """An installation as the settings describe it. ``faults``: what is wrong with the settings themselves; those that are wrong have their defaults.

    ``option``: what a command is to be given to mean this home (`` --home /x``). ``has_module`` says whether a Python module is installed,
    ``free_bytes`` how much room is left on the disk of a folder.
    """

    settings: Settings
    clock: Clock
    faults: tuple[Problem, ...] = ()
    option: str = ""
    has_module: Callable[[str], bool] = is_installed
    free_bytes: Callable[[Path], int] = free_at
    out_of_reach: str = ""
    """Why the database cannot be read, once that is known: no other check waits for it again."""

    @property
    def now(self) -> Instant:
        """Return the present instant."""
        return self.clock.now()

    @property
    def ledger_file(self) -> Path | None:
        """Return the file of a SQLite ledger; None: it is another, or its URL is none."""
        try:
            return file_of(self.database())
        except Problem:
            return None

    def command(self, words: str) -> str:
        """Return a command of ours for this home."""
        return f"headrace {words}{self.option}"

    def database(self) -> Database:
        """Return the database of the ledger, unopened.

        Raises:
            Problem: ``INVALID``: the URL is none.
        """
        return Database(self.settings.database_url)

    @contextmanager
    def looking(self, seconds: float = LOOK_SECONDS) -> Iterator[Transaction]:
        """Begin to read the database, whatever is in it.

        Raises:
            Unknown: it cannot be read, as was found before.
            Problem: ``INVALID``: its URL; ``TIMED_OUT``: the look took longer; ``UNAVAILABLE``: it cannot be read.
        """
        if self.out_of_reach:
            raise Unknown(self.out_of_reach)
        with inspection.looking(self.database(), seconds) as tx:
            yield tx

    @contextmanager
    def reading(self, seconds: float = LOOK_SECONDS) -> Iterator[Transaction]:
        """Begin to read a ledger of this release's schema.

        Raises:
            Unknown: it cannot be read, or has another schema.
            Problem: ``TIMED_OUT``: the look took longer.
        """
        with self.looking(seconds) as tx:
            if schema_version.current(tx) != schema_version.NEWEST:
                why = "the ledger is not at this release's schema"
                raise Unknown(why)
            yield tx
