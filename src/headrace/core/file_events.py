"""What happened in a store between two looks, and which of it a trigger fires on.

Stores tell nobody what changes in them, so a watcher lists them again and again. A file that is new, or another one than at the look before, is
*unsettled*: somebody may still write it. It counts as created when the next look finds it as it was. What a trigger knows of a store is kept, so that
nothing is missed while nobody looks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.clock import SECOND, Instant


class FileChange(StrEnum):
    """What happened to a file."""

    CREATED = "created"
    """It is new, or its content is."""
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which changes are wanted. Paths have the form ``/container/blobs/folder/file``; ``begins`` and ``ends`` are plain text, empty for any."""

    changes: frozenset[FileChange]
    begins: str = ""
    ends: str = ""
    ignore_empty: bool = True

    def takes(self, path: str) -> bool:
        """Say whether a file of this path is looked at."""
        return path.startswith(self.begins) and path.endswith(self.ends)


@dataclass(frozen=True, slots=True)
class FileWatch:
    """What a trigger watches: ``store`` is what the door calls it (a linked service, or an account that the operator has mapped to one)."""

    store: str
    wanted: FileFilter


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as a listing has it: its path (see ``event_path``), its bytes, and what is another one for another version of it.

    ``modified_at``: when it was written by the store's clock, which may count whole seconds only (None: nobody knows).
    """

    path: str
    size: int
    stamp: str
    modified_at: Instant | None = None

    def is_later_than(self, since: Instant) -> bool:
        """Say whether it was, or may have been, written after ``since``."""
        if self.modified_at is None:
            return False
        is_whole = self.modified_at % SECOND == 0
        return self.modified_at + (SECOND if is_whole else 0) > since


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was at the look before.

    ``settled``: this version of it was told of, or need not be. ``noticed``: so was some version, and that it goes has to be told.
    """

    path: str
    size: int
    stamp: str
    settled: bool
    noticed: bool


@dataclass(frozen=True, slots=True)
class FileEvent:
    """A change that is to be told. ``key`` tells it from every other change of the same trigger."""

    change: FileChange
    path: str
    size: int
    key: str

    @property
    def container(self) -> str:
        """Return the first part of the path."""
        return self.path.split("/", 3)[1]

    @property
    def folder(self) -> str:
        """Return the container and the folders below it, with ``/`` between them."""
        inside = self.path.split("/", 3)[3].rpartition("/")[0]
        return f"{self.container}/{inside}" if inside else self.container

    @property
    def file(self) -> str:
        """Return the file's own name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Difference:
    """What follows from a look: the events, and how the files are known from now on."""

    events: tuple[FileEvent, ...]
    put: tuple[KnownFile, ...]
    gone: tuple[str, ...]

    @property
    def unsettled(self) -> bool:
        """Say whether some file has to be looked at once more."""
        return any(not file.settled for file in self.put)


def event_path(container: str, inside: str) -> str:
    """Return the path by which a file is told of: ``inside`` is its path below the container."""
    return f"/{container}/blobs/{inside}"


def difference(
    known: Mapping[str, KnownFile],
    seen: Iterable[SeenFile],
    wanted: FileFilter,
    *,
    first: bool = False,
    since: Instant | None = None,
) -> Difference:
    """Return what happened since the look at which the files were ``known``.

    ``first``: nobody has looked before, so what is there was there, but for what was written after ``since`` (the trigger's start, which may be long
    ago). Only what ``wanted.takes`` may be in ``seen``, each path once.
    """
    events: list[FileEvent] = []
    put: list[KnownFile] = []
    left = set(known)
    for file in seen:
        left.discard(file.path)
        was_there = first and (since is None or not file.is_later_than(since))
        change = _look(known.get(file.path), file, first=was_there)
        if change is None:
            continue
        put.append(change)
        if change.settled and not was_there and FileChange.CREATED in wanted.changes and _counts(file, wanted):
            events.append(
                FileEvent(FileChange.CREATED, file.path, file.size, f"created {file.stamp} {file.size} {file.path}")
            )
    gone = tuple(sorted(left))
    events.extend(_deleted(known, gone, wanted))
    return Difference(tuple(events), tuple(put), gone)


def _look(known: KnownFile | None, file: SeenFile, *, first: bool) -> KnownFile | None:
    """Return how the file is known from now on; None: as before."""
    if first or (known is not None and (known.size, known.stamp) == (file.size, file.stamp)):
        is_new = known is None or not known.settled
        return KnownFile(file.path, file.size, file.stamp, settled=True, noticed=True) if is_new else None
    return KnownFile(file.path, file.size, file.stamp, settled=False, noticed=known is not None and known.noticed)


def _counts(file: SeenFile, wanted: FileFilter) -> bool:
    return file.size > 0 or not wanted.ignore_empty


def _deleted(known: Mapping[str, KnownFile], gone: Iterable[str], wanted: FileFilter) -> Iterator[FileEvent]:
    if FileChange.DELETED not in wanted.changes:
        return
    for path in gone:
        file = known[path]
        # What nobody was told of need not be told to be gone.
        if file.noticed:
            yield FileEvent(FileChange.DELETED, path, file.size, f"deleted {file.stamp} {file.size} {path}")
