"""Files of a place removed, so that a try that was killed is gone on with, and removes nothing that came later.

What is to be removed is written down before the first file is. Whoever does the same attempt again removes what is left of that, each file in the
version that was chosen, and counts what is gone as removed by it: nobody else can be told from it.

    <transfers>/<digest of the commit key>-delete/plan.ndjson    one line for the attempt, then one for each file
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation, Task
from headrace.dataplane.connectors.files import Refusal
from headrace.dataplane.connectors.writing import WritableStore
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots, disk_full, make_durable
from headrace.dataplane.transfer.choosing import NotThere, choose
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.journal import folder_of
from headrace.dataplane.transfer.places import meant, on_side, open_place
from headrace.dataplane.transfer.request import Choice, Place, StoreType

_PLAN = "plan.ndjson"
_THREADS = 4
_STOPS = frozenset({Code.CANCELLED, Code.TIMED_OUT, Code.FENCED})


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is asked for. ``folders``: folders that become empty go, too, but never the root of the place. ``connections``: at a time."""

    place: Place
    choice: Choice
    folders: bool = False
    connections: int | None = None


@dataclass(frozen=True, slots=True)
class Doomed:
    """A file that is to be removed: ``name`` for people, ``path`` for the store, and the version that is meant."""

    name: str
    path: str
    size: int
    stamp: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """How a file ended: ``problem`` None: it is removed. ``gone``: it was not there any more when its turn came."""

    name: str
    problem: Problem | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class DeletionReport:
    """What was done: every file in order. ``problem``: the first that kept one from being removed."""

    files: tuple[Deleted, ...] = ()

    @property
    def count(self) -> int:
        """Return how many files were removed."""
        return sum(file.problem is None and not file.gone for file in self.files)

    @property
    def problem(self) -> Problem | None:
        """Return the first problem; None: there was none."""
        return next((file.problem for file in self.files if file.problem is not None), None)


def delete_files(
    deletion: Deletion, asked: str, task: Task, roots: Roots, limits: Limits, cancellation: Cancellation
) -> DeletionReport:
    """Remove files, going on with what a killed try of the same attempt has left; ``asked`` is a digest of what is asked for.

    What cannot be removed is told in the report, and is no reason to leave the others. What was written down stays until ``journal.sweep`` takes it.

    Raises:
        TransferProblem: on the source's side: they cannot be listed. Problem: ``LIMIT_EXCEEDED``, ``DISK_FULL``; being told to stop.
    """
    plan = _folder(roots, task) / _PLAN
    head = {"run": task.run_id, "path": task.path, "attempt": task.attempt, "asked": asked}
    with closing(open_place(deletion.place, roots.file_roots, limits)) as store:
        forget_store = cancellation.on_stop(store.close)
        try:
            known = _read(plan, head)
            doomed, refused = (known, ()) if known is not None else _chosen(store, deletion, limits, cancellation)
            if known is None:
                _write(plan, head, doomed)
            work = _Removing(store, deletion, cancellation, again=known is not None)
            report = DeletionReport((*work.all(doomed, limits), *(_refused(deletion.place, one) for one in refused)))
            if deletion.folders:
                work.folders([file.path for file in doomed])
            return report
        finally:
            forget_store()


def _folder(roots: Roots, task: Task) -> Path:
    found = folder_of(roots, task.commit_key)
    return found.with_name(f"{found.name}-delete")


def _chosen(
    store: WritableStore, deletion: Deletion, limits: Limits, cancellation: Cancellation
) -> tuple[list[Doomed], tuple[Refusal, ...]]:
    try:
        chosen = choose(store, deletion.place, deletion.choice, cancellation, limits)
    except NotThere:
        return [], ()  # nothing to remove is no error, also where it has a name
    entries = (file.entry for file in chosen.files)
    return [Doomed(entry.name, entry.place, entry.size, entry.stamp) for entry in entries], chosen.refused


def _refused(place: Place, refusal: Refusal) -> Deleted:
    return Deleted(refusal.name, meant(refusal.problem, place, Side.SOURCE))


@dataclass(slots=True)
class _Removing:
    """Files on their way out. ``again``: an earlier try may have removed some."""

    store: WritableStore
    deletion: Deletion
    cancellation: Cancellation
    again: bool
    stopped: Problem | None = None
    lock: Lock = field(default_factory=Lock)

    def all(self, doomed: Sequence[Doomed], limits: Limits) -> list[Deleted]:
        """Remove files; return how each ended.

        Raises:
            Problem: being told to stop.
        """
        threads = min(self.deletion.connections or min(_THREADS, limits.store_connections), max(1, len(doomed)))
        with ThreadPoolExecutor(threads, thread_name_prefix="delete") as pool:
            return list(pool.map(self._one, doomed))

    def _one(self, file: Doomed) -> Deleted:
        self.cancellation.check()
        try:
            with on_side(self.deletion.place, Side.SOURCE):
                return self._removed(file)
        except Problem as problem:
            self.cancellation.check()
            if problem.code in _STOPS:
                raise
            return Deleted(file.name, problem)

    def _removed(self, file: Doomed) -> Deleted:
        if self.again:
            child = self.store.look(file.path, self.cancellation)
            if child is None:
                return Deleted(file.name)
            if child.is_folder or (child.size, child.stamp) != (file.size, file.stamp):
                # It was removed, and somebody has put another one there.
                return Deleted(file.name)
        return Deleted(file.name, gone=not self.store.remove(file.path, self.cancellation))

    def folders(self, paths: Sequence[str]) -> None:
        """Remove the folders that have nothing in them any more: those of the files, and all below the folder that is asked for.

        Raises:
            TransferProblem, Problem: as ``all``.
        """
        least = self._least_depth()
        found = {
            "/".join(segments[:count])
            for segments in (path.split("/")[:-1] for path in paths)
            for count in range(max(1, least), len(segments) + 1)
        }
        with on_side(self.deletion.place, Side.SOURCE):
            found.update(self._below())
            for folder in sorted(found, key=lambda name: (-name.count("/"), name)):
                self.store.remove_folder(folder, self.cancellation)

    def _least_depth(self) -> int:
        """Return how many segments a folder has at least that may be removed."""
        choice = self.deletion.choice
        text = choice.prefix.rpartition("/")[0] if choice.prefix is not None else choice.wildcard_folder
        return len([part for part in (choice.folder if text is None else text).split("/") if part])

    def _below(self) -> Iterator[str]:
        """Yield the folders below the one that is asked for, with it, where files are asked for by their folder alone."""
        choice = self.deletion.choice
        is_narrowed = choice.prefix is not None or choice.wildcard_folder is not None
        if is_narrowed or self.deletion.place.type is StoreType.OBJECTS:
            return
        waiting = [choice.folder.strip("/")]
        if self.store.look(waiting[0], self.cancellation) is None:
            return
        while waiting:
            folder = waiting.pop()
            if folder:
                yield folder
            # A link to a folder is none that becomes empty, and may lead in a circle.
            waiting += [
                child.place.rstrip("/")
                for child in self.store.children(f"{folder}/" if folder else "", self.cancellation)
                if child.is_folder and child.problem is None and child.real.endswith(f"{folder}/{child.name}")
            ]


def _write(plan: Path, head: dict[str, object], doomed: Sequence[Doomed]) -> None:
    try:
        shutil.rmtree(plan.parent, ignore_errors=True)
        plan.parent.mkdir(mode=0o700, parents=True)
        part = plan.with_suffix(".part")
        with part.open("w", encoding="utf-8", errors="surrogatepass") as file:
            for line in ([head], *([one.name, one.path, one.size, one.stamp] for one in doomed)):
                file.write(f"{json.dumps(line)}\n")
        make_durable(part)
        part.rename(plan)
    except OSError as error:
        raise disk_full(error, plan.parent.parent) or error from error


def _read(plan: Path, head: dict[str, object]) -> list[Doomed] | None:
    """Return what an earlier try of the same attempt has written down; None: there was none."""
    try:
        with plan.open(encoding="utf-8", errors="surrogatepass") as file:
            if json.loads(next(file, "[]")) != [head]:
                return None
            return [Doomed(*json.loads(line)) for line in file]
    except FileNotFoundError:
        return None
