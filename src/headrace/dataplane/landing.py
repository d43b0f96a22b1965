"""What a copy laid down: one folder a try, with a journal of what is finished and, at the very end, a manifest.

    <landing>/<run>/<activity>/<attempt>.<epoch>/
        000001.csv.gz …      landed files, under names of ours
        finished.ndjson      one line for each finished file: what it was in the source
        manifest.json        written last, by renaming: its presence says that all of it is there

A folder without a manifest is a try under way or a failed one: nothing reads it but a later try, which takes finished files from it.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from threading import Lock

from headrace.core.codec import Json, JsonObject, decode, encode
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.landing import LandedFile, Landing
from headrace.core.outcome import Figures
from headrace.core.task import Task
from headrace.dataplane.storage import Roots, make_all_durable, make_durable

MANIFEST = "manifest.json"
JOURNAL = "finished.ndjson"
PARTIAL = "partial"
"""Key of a failed copy's output: the folder that its finished files lie in."""

_TRY = re.compile(r"(\d+)\.(\d+)")
_SEGMENT = re.compile(r"[^/\0]+")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A finished copy: what landed, what was moved for it, and a digest of what was asked for."""

    asked: str
    landing: Landing
    figures: Figures = Figures()


@dataclass(frozen=True, slots=True)
class Finished:
    """A line of the journal: the version of a file (``name``, ``size``, ``stamp``) that lies in ``file`` of this folder.

    ``boot`` tells since when the machine has been up: the bytes were handed to it, and survive a killed process, not a loss of power.
    """

    name: str
    size: int
    stamp: int
    file: str
    boot: str | None


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one try, open for writing. Its methods may be called from several threads."""

    path: Path
    name: str
    asked: str
    lock: Lock = field(default_factory=Lock)

    def landed(self, file: str) -> str:
        """Return the path below the landing root of a file of this folder."""
        return f"{self.name}/{file}"

    def note(self, finished: Finished) -> None:
        """Write down that a file is finished."""
        line = json.dumps(encode(finished)) + "\n"
        with self.lock, (self.path / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(line)

    def finish(self, landing: Landing, figures: Figures) -> Manifest:
        """Make the landed files durable, and write the manifest: the copy is done once this returns, and not before."""
        manifest = Manifest(self.asked, landing, figures)
        make_all_durable(self.path, [PurePosixPath(file.path).name for file in landing.files])
        crash_point("copy-before-manifest")
        new = self.path / f"{MANIFEST}.new"
        with new.open("w", encoding="utf-8") as stream:
            json.dump(encode(manifest), stream)
            stream.flush()
            os.fsync(stream.fileno())
        make_durable(self.path)
        crash_point("copy-before-manifest-rename")
        new.replace(self.path / MANIFEST)
        make_durable(self.path)
        crash_point("copy-after-manifest")
        return manifest


def asked_for(task: Task) -> str:
    """Return a digest of what a copy is asked for: its settings and its window."""
    text = json.dumps([encode(task.settings), encode(task.window)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def begin(roots: Roots, task: Task) -> Folder:
    """Make the folder of this try, empty; what an interrupted call of the same try left in it is removed."""
    path = roots.landing / task.folder
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(mode=0o700, parents=True)
    for folder in (path.parent, path.parent.parent, roots.landing):
        make_durable(folder)
    return Folder(path, task.folder, asked_for(task))


def finished(roots: Roots, task: Task) -> Manifest | None:
    """Return the complete manifest of this try, or of an earlier one of the same activity run that was asked for the same; else None.

    A worker that dies between the manifest and the ledger's update leaves such a one: its copy is not read from the source again.
    """
    own = roots.landing / task.folder
    for folder in (own, *earlier_tries(roots, task)):
        manifest = read_manifest(folder)
        if manifest is not None and manifest.asked == asked_for(task) and exists(roots, manifest.landing):
            return manifest
    return None


def earlier_tries(roots: Roots, task: Task) -> tuple[Path, ...]:
    """Return the folders of earlier tries (lower attempt, or same attempt and lower epoch) of this activity run, newest first."""
    mine = (task.attempt, task.epoch)
    parent = (roots.landing / task.folder).parent
    tries = [(number, folder) for folder in _children(parent) if (number := _number_of(folder.name)) is not None]
    return tuple(folder for number, folder in sorted(tries, reverse=True) if number < mine)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a try's folder; None when it has none."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return decode(Manifest, json.loads(text), what=f"the manifest of {folder.name}")


def reusable(roots: Roots, task: Task) -> dict[tuple[str, int, int], Path]:
    """Return the landed files of tries that did not finish, by the version (name, size, stamp) of the source's file."""
    folders = list(earlier_tries(roots, task))
    partial = task.previous.get(PARTIAL)
    if isinstance(partial, str) and _is_try(partial):
        folders.append(roots.landing / partial)
    found: dict[tuple[str, int, int], Path] = {}
    for folder in folders:
        for line in _journal(folder):
            file = folder / PurePosixPath(line.file).name
            if line.boot is not None and line.boot == boot_id() and file.is_file() and file.stat().st_size == line.size:
                found.setdefault((line.name, line.size, line.stamp), file)
    return found


def locate(roots: Roots, file: LandedFile) -> Path:
    """Return where a landed file lies.

    Raises:
        Problem: ``LANDING_GONE``: it is not there any more, or its size is not what the manifest says.
    """
    relative = PurePosixPath(file.path)
    path = roots.landing / relative
    inside = not relative.is_absolute() and ".." not in relative.parts
    if not inside or not path.is_file() or path.stat().st_size != file.bytes:
        raise Problem(
            Code.LANDING_GONE,
            f"the landed data of {file.name!r} have been removed or cut ({file.path}); retry the run from its copy",
        )
    return path


def exists(roots: Roots, landing: Landing) -> bool:
    """Say whether every file of a landing is still there, whole."""
    try:
        for file in landing.files:
            locate(roots, file)
    except Problem:
        return False
    return True


def remove(roots: Roots, run_id: str, path: str | None = None) -> None:
    """Remove what the copies of a run laid down; with ``path``, only that below the activity's (or the try's) folder.

    ``path`` is as in ``LandedFile.path`` without the run: ``Copy`` or ``Copy/1.1``. What is gone already is no failure.

    Raises:
        Problem: ``INVALID``: the names could lead elsewhere.
    """
    names = [run_id, *([] if path is None else path.split("/"))]
    if any(name in ("", ".", "..") or _SEGMENT.fullmatch(name) is None for name in names):
        raise Problem(Code.INVALID, f"{'/'.join(names)!r} names no folder of the landing")
    shutil.rmtree(roots.landing.joinpath(*names), ignore_errors=True)


def orphans(
    roots: Roots, is_live: Callable[[str], bool], is_referenced: Callable[[str], bool] = lambda _: False
) -> tuple[str, ...]:
    """Return the tries' folders (``<run>/<activity>/<attempt>.<epoch>``) that nobody owns, in order.

    ``is_live`` is asked with a run's id: everything of a live run stays. ``is_referenced`` is asked with a try's folder: one that an
    outcome in the ledger refers to stays. Remove each with ``remove_try``.
    """
    found: list[str] = []
    for run in _children(roots.landing):
        if is_live(run.name):
            continue
        for activity in _children(run):
            names = (f"{run.name}/{activity.name}/{folder.name}" for folder in _children(activity))
            found.extend(name for name in names if not is_referenced(name))
    return tuple(found)


def remove_try(roots: Roots, folder: str) -> None:
    """Remove one try's folder, as ``orphans`` names it, and its parents when nothing else is in them.

    Raises:
        Problem: ``INVALID``: it is no such name.
    """
    run_id, _, path = folder.partition("/")
    remove(roots, run_id, path)
    for parent in list((roots.landing / folder).parents)[:2]:
        if not any(_children(parent)):
            shutil.rmtree(parent, ignore_errors=True)


def folder_of(file: LandedFile) -> str:
    """Return the try's folder that a landed file lies in, as ``orphans`` names it."""
    return str(PurePosixPath(file.path).parent)


@cache
def boot_id() -> str | None:
    """Return what is another one after each start of the machine; None where nobody knows."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _journal(folder: Path) -> Iterator[Finished]:
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return
    for line in lines:
        if line.endswith("\n"):  # the last one may be torn
            yield decode(Finished, _parsed(line), what="the journal")


def _parsed(line: str) -> JsonObject:
    value: Json = json.loads(line)
    return value if isinstance(value, dict) else {}


def _children(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(child for child in folder.iterdir() if child.is_dir() and not child.is_symlink()))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _number_of(name: str) -> tuple[int, int] | None:
    match = _TRY.fullmatch(name)
    return None if match is None else (int(match[1]), int(match[2]))


def _is_try(folder: str) -> bool:
    parts = folder.split("/")
    return len(parts) == 3 and _number_of(parts[2]) is not None and not {"", ".", ".."} & set(parts)
