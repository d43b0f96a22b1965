"""What a place or a source has, without moving anything: one file or folder, what lies in a folder, and columns."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.task import Cancellation, Context, Task
from headrace.dataplane.connectors.files import Child
from headrace.dataplane.connectors.writing import PART, Described, WritableStore
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Side, TransferProblem
from headrace.dataplane.transfer.files import read_files
from headrace.dataplane.transfer.means import Means
from headrace.dataplane.transfer.peeking import working_for
from headrace.dataplane.transfer.places import folders_of, missing, on_side, open_place
from headrace.dataplane.transfer.request import FilesSource, Place
from headrace.dataplane.transfer.session import TransferEngine
from headrace.dataplane.transfer.values import Field


@dataclass(frozen=True, slots=True)
class PlaceLook:
    """A place that is being looked at."""

    place: Place
    store: WritableStore
    limits: Limits
    cancellation: Cancellation

    def look(self, path: str) -> Child | None:
        """Return the file or folder at ``path``, relative to the place; None: there is none.

        Raises:
            TransferProblem: on the source's side; also for a bucket that is not there, and for what cannot be taken.
        """
        with on_side(self.place, Side.SOURCE):
            child = self.store.look(path, self.cancellation)
            if child is not None and child.problem is not None:
                raise child.problem
            return child

    def missing(self, path: str) -> TransferProblem:
        """Return the problem of a path that nothing is at."""
        message = f"there is no file or folder {path or '/'!r}"
        return TransferProblem(missing(self.place), Side.SOURCE, message, Code.SOURCE_NOT_FOUND)

    def describe(self, path: str) -> Described:
        """Return what else the store knows of the file or folder at ``path``, which is there.

        Raises:
            TransferProblem: as ``look``.
        """
        with on_side(self.place, Side.SOURCE):
            return self.store.describe(path, self.cancellation)

    def children(self, path: str, since: Instant | None, until: Instant | None, most: int) -> tuple[list[Child], bool]:
        """Return what lies in the folder ``path``, by name, and whether there is more than ``most``; with a time, only files of that time.

        What cannot be taken (a link out of the roots), and unfinished files, are left out.

        Raises:
            TransferProblem: as ``look``.
        """
        found: list[Child] = []
        with on_side(self.place, Side.SOURCE):
            for child in self.store.children(f"{path}/" if path else "", self.cancellation):
                if child.problem is None and not child.name.startswith(PART) and _is_of(child, since, until):
                    found.append(child)
                if len(found) > most:
                    break
        return sorted(found, key=lambda child: child.name)[:most], len(found) > most


@contextmanager
def place_look(
    place: Place, file_roots: tuple[Path, ...] | None, limits: Limits, cancellation: Cancellation
) -> Iterator[PlaceLook]:
    """Open a place to be looked at.

    Raises:
        TransferProblem: as ``places.open_place``.
    """
    with closing(open_place(place, file_roots, limits)) as store:
        forget = cancellation.on_stop(store.close)
        try:
            yield PlaceLook(place, store, limits, cancellation)
        finally:
            forget()


def _is_of(child: Child, since: Instant | None, until: Instant | None) -> bool:
    if since is None and until is None:
        return True
    at = None if child.is_folder else child.modified_at
    return at is not None and (since is None or at >= since) and (until is None or at < until)


def fields_of(source: FilesSource, task: Task, context: Context, means: Means) -> tuple[Field, ...]:
    """Return the columns of the first file of a source; none where it has none, or there is no file.

    Raises:
        TransferProblem: it is not there, or cannot be read. Problem: ``DISK_FULL``, ``LIMIT_EXCEEDED``; being told to stop.
    """
    with working_for(task, context, means) as work:
        engine = TransferEngine(
            context.cancellation, means.limits, work.folder, folders_of(source.place, work.file_roots)
        )
        with closing(read_files(source, work)) as reader, engine:
            for item in reader.slices():
                with engine.session() as session, reader.open(item, session) as rows:
                    return rows.fields
    return ()
