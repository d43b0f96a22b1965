"""Folders of this machine as a file store, and the jail around them.

Every folder is listed and every file read through a descriptor whose real path, as the kernel tells it after the opening, lies below an
allowed root. So neither ``..``, nor a symbolic link, nor a folder that is swapped for a link at the wrong moment leads out.
Links that stay within the roots are followed. Names that begin with a dot are taken only where the path says them.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import (
    Child,
    Entry,
    Listing,
    Refusal,
    Selection,
    has_wildcard,
    listing_of,
    shown,
    similar,
)
from headrace.dataplane.limits import Limits

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
CLOCK_GRAIN = SECOND // 50
"""How far a file system's clock may lag behind the machine's: a file written now can bear a time this much earlier."""

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_store(root: str, file_roots: tuple[Path, ...] | None, limits: Limits) -> "LocalFiles":
    """Return the store of the folder that the URL ``root`` (``file:///…``) names.

    Raises:
        Problem: as ``located``; ``SOURCE_NOT_FOUND``: no such folder.
    """
    real, jail = located(root, file_roots)
    if not real.is_dir():
        raise Problem(Code.SOURCE_NOT_FOUND, f"there is no folder {str(real)!r}{_similar(real)}")
    return LocalFiles(real, jail, limits)


def located(root: str, file_roots: tuple[Path, ...] | None) -> tuple[Path, tuple[Path, ...] | None]:
    """Return the real path that the URL ``root`` (``file:///…``) names, whether or not something is there, and those of ``file_roots``.

    Raises:
        Problem: ``UNSUPPORTED``: another scheme; ``SOURCE_DENIED``: outside of ``file_roots``.
    """
    parts = urlsplit(root)
    if parts.scheme != "file":
        raise Problem(Code.UNSUPPORTED, f"files cannot be read from {parts.scheme or root!r}; give a file:///… URL")
    folder = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not folder.is_absolute() or "\0" in parts.path or "%00" in parts.path:
        raise Problem(Code.SOURCE_DENIED, f"{root!r} names no folder of this machine; give a file:///… URL")
    jail = None if file_roots is None else tuple(allowed.resolve() for allowed in file_roots)
    real = folder.resolve()
    if not _inside(real, jail):
        raise Problem(
            Code.SOURCE_DENIED,
            f"the folder {str(folder)!r} lies outside of the folders that flows may read (setting HEADRACE_FILE_ROOTS)",
        )
    return real, jail


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """The files below ``root``; ``jail`` None: whatever this process may read. Both are real paths."""

    root: Path
    jail: tuple[Path, ...] | None
    limits: Limits

    def list(self, selection: Selection, cancellation: Cancellation) -> Listing:
        """Return the files that ``selection`` names; see ``FileStore.list``."""
        walk = _Walk(self, selection, cancellation)
        if selection.single:
            walk.one_file()
        else:
            walk.folders()
        return listing_of(walk.entries, walk.refused)

    @contextmanager
    def open(self, entry: Entry, at: int = 0) -> Iterator["LocalFile"]:
        """Open the file that ``entry`` is; see ``FileStore.open``."""
        path = self.root / entry.place
        try:
            descriptor = os.open(os.path.realpath(path), _OPEN)
        except OSError as error:
            raise problem_of(error, entry.name) from error
        try:
            self.check_descriptor(descriptor, entry.name)
            file = LocalFile(descriptor, entry)
            file.finish()
            os.lseek(descriptor, at, os.SEEK_SET)
            yield file
        finally:
            os.close(descriptor)

    def children(self, folder: str, cancellation: Cancellation) -> Iterator[Child]:
        """Yield what lies in ``folder``; see ``FileStore.children``."""
        name = folder.rstrip("/")
        with self.folder(name) as (descriptor, real), os.scandir(descriptor) as found:
            for item in found:
                cancellation.check()
                yield self._child(name, item, f"{real}/{item.name}")

    def _child(self, folder: str, item: os.DirEntry[str], real: str) -> Child:
        name = f"{folder}/{item.name}" if folder else item.name
        try:
            if item.is_symlink():
                real = os.path.realpath(self.root / name)
                self.check_inside(Path(real), shown(name))
            status = item.stat()
        except OSError as error:
            return Child(shown(item.name), name, False, problem=problem_of(error, name))
        except Problem as problem:
            return Child(shown(item.name), name, False, problem=problem)
        if stat.S_ISDIR(status.st_mode):
            return Child(shown(item.name), f"{name}/", True, real=real)
        wrong = None if stat.S_ISREG(status.st_mode) else not_a_file(shown(name), status.st_mode)
        modified = Instant(status.st_mtime_ns // 1000)
        return Child(shown(item.name), name, False, status.st_size, modified, status.st_mtime_ns, problem=wrong)

    def horizon(self, now: Instant) -> Instant:
        """Return the instant before which no new file will be dated; see ``FileStore.horizon``."""
        return Instant(now - CLOCK_GRAIN)

    def close(self) -> None:
        """Nothing is kept open."""

    @contextmanager
    def folder(self, name: str) -> Iterator[tuple[int, Path]]:
        """Open the folder ``name``; yield its descriptor and its real path.

        Raises:
            Problem: as ``list``.
        """
        path = self.root / name
        try:
            descriptor = os.open(os.path.realpath(path), _OPEN | os.O_DIRECTORY)
        except FileNotFoundError:
            raise Problem(Code.SOURCE_NOT_FOUND, f"there is no folder {shown(name)!r}{_similar(path)}") from None
        except OSError as error:
            raise problem_of(error, name) from error
        try:
            yield descriptor, self.check_descriptor(descriptor, name)
        finally:
            os.close(descriptor)

    def check_descriptor(self, descriptor: int, name: str) -> Path:
        """Return where an open descriptor really is.

        Raises:
            Problem: ``SOURCE_DENIED``: not below an allowed root.
        """
        real = Path(f"/proc/self/fd/{descriptor}").readlink()
        self.check_inside(real, name)
        return real

    def check_inside(self, real: Path, name: str) -> None:
        """Raise ``SOURCE_DENIED`` when a real path is not below an allowed root."""
        if not _inside(real, self.jail):
            raise Problem(
                Code.SOURCE_DENIED, f"{name!r} is, or leads through, a link out of the folders that flows may read"
            )


@dataclass(frozen=True, slots=True)
class LocalFile:
    """An opened local file."""

    descriptor: int
    entry: Entry

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer``; return the count of bytes, 0 at the end."""
        try:
            return os.readv(self.descriptor, [buffer])
        except OSError as error:
            raise problem_of(error, self.entry.name) from error

    def finish(self) -> None:
        """Check that the file is the one that was listed: a regular file, of the same size and modification time."""
        found = os.fstat(self.descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise not_a_file(self.entry.name, found.st_mode)
        if (found.st_size, found.st_mtime_ns) != (self.entry.size, self.entry.stamp):
            raise Problem(
                Code.SOURCE_CHANGED,
                f"{self.entry.name!r} changed while it was read (it had {self.entry.size} bytes, and has {found.st_size}); "
                "try again when nobody writes to it",
            )


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be listed: ``depth`` segments of the selection are behind it; ``above`` are the real folders that led to it."""

    name: str
    depth: int
    above: frozenset[Path]


@dataclass(slots=True)
class _Walk:
    """One listing under way."""

    store: LocalFiles
    selection: Selection
    cancellation: Cancellation
    entries: list[Entry] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    seen: set[tuple[str, int]] = field(default_factory=set)
    waiting: list["_Folder"] = field(default_factory=list)
    looked_at: int = 0

    def one_file(self) -> None:
        """Take the one file that the selection names."""
        name = "/".join((*self.selection.folders, self.selection.name or ""))
        path = self.store.root / name
        real = Path(os.path.realpath(path))
        self.store.check_inside(real, name)
        try:
            found = real.lstat()
        except FileNotFoundError:
            raise Problem(Code.SOURCE_NOT_FOUND, f"there is no file {name!r}{_similar(path)}") from None
        except OSError as error:
            raise problem_of(error, name) from error
        if stat.S_ISDIR(found.st_mode):
            message = f"{name!r} is a folder, not a file; write '{name}/' for the files in it"
            raise Problem(Code.SOURCE_NOT_FOUND, message)
        self._take(name, found)
        if self.refused:
            raise self.refused[0].problem

    def folders(self) -> None:
        """Take what the selection names, folder by folder: no recursion, and one open descriptor at a time."""
        literal = tuple(takewhile(lambda segment: not has_wildcard(segment), self.selection.folders))
        first = _Folder("/".join(literal), len(literal), frozenset())
        self._folder(first)
        while self.waiting:
            self._try_folder(self.waiting.pop())

    def _try_folder(self, folder: "_Folder") -> None:
        try:
            self._folder(folder)
        except Problem as problem:
            if problem.code is Code.LIMIT_EXCEEDED or self.cancellation.problem is not None:
                raise
            self.refused.append(Refusal(shown(folder.name), problem))

    def _folder(self, folder: "_Folder") -> None:
        if (folder.name, folder.depth) in self.seen:
            return
        self.seen.add((folder.name, folder.depth))
        with self.store.folder(folder.name) as (descriptor, real):
            if real in folder.above:
                return  # a link to a folder above: its files are being listed already
            with os.scandir(descriptor) as children:
                for child in children:
                    self._child(folder, child, folder.above | {real})

    def _child(self, folder: "_Folder", child: os.DirEntry[str], above: frozenset[Path]) -> None:
        self.cancellation.check()
        self.looked_at += 1
        if self.looked_at > self.store.limits.max_listed_files:
            most = self.store.limits.max_listed_files
            raise Problem(
                Code.LIMIT_EXCEEDED, f"there are more than {most} files to look at (max_listed_files); select fewer"
            )
        name = f"{folder.name}/{child.name}" if folder.name else child.name
        try:
            is_folder = child.is_dir()
        except OSError as error:
            self.refused.append(Refusal(shown(name), problem_of(error, name)))
            return
        if is_folder:
            below = self.selection.below(child.name, folder.depth)
            self.waiting.extend(_Folder(name, depth, above) for depth in below)
        elif self.selection.ends_at(folder.depth) and self.selection.takes(child.name):
            self._file(name, child)

    def _file(self, name: str, child: os.DirEntry[str]) -> None:
        try:
            if child.is_symlink():
                self.store.check_inside(Path(os.path.realpath(self.store.root / name)), shown(name))
            self._take(name, child.stat())
        except OSError as error:
            self.refused.append(Refusal(shown(name), problem_of(error, name)))
        except Problem as problem:
            self.refused.append(Refusal(shown(name), problem))

    def _take(self, name: str, found: os.stat_result) -> None:
        label = shown(name)
        longest = self.store.limits.max_file_name
        if not stat.S_ISREG(found.st_mode):
            self.refused.append(Refusal(label, not_a_file(label, found.st_mode)))
        elif len(label.encode()) > longest:
            message = f"the name {label[:80]!r}… has {len(label.encode())} bytes; at most {longest} are allowed (max_file_name)"
            self.refused.append(Refusal(label, Problem(Code.LIMIT_EXCEEDED, message)))
        else:
            modified = Instant(found.st_mtime_ns // 1000)
            self.entries.append(Entry(label, name, found.st_size, modified, found.st_mtime_ns))


def _inside(real: Path, jail: tuple[Path, ...] | None) -> bool:
    return jail is None or any(real.is_relative_to(allowed) for allowed in jail)


def _similar(path: Path) -> str:
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 — names are wanted, not paths
    except OSError:
        return ""
    return similar(path.name, names[:10_000])


def not_a_file(name: str, mode: int) -> Problem:
    """Return the problem of something that is no regular file."""
    kind = next((word for is_kind, word in _KINDS if is_kind(mode)), "no regular file")
    return Problem(Code.SOURCE_UNREADABLE, f"{name!r} is {kind}, not a file")


def problem_of(error: OSError, name: str) -> Problem:
    """Return what an error of the system means for the file or folder ``name`` that is being read."""
    label = repr(shown(name))
    match error.errno:
        case errno.ENOENT | errno.ESTALE:
            return Problem(Code.SOURCE_CHANGED, f"{label} was listed and is gone, or is a link to nowhere")
        case errno.EACCES | errno.EPERM:
            return Problem(Code.SOURCE_DENIED, f"{label} may not be read by this process: {error.strerror}")
        case errno.ELOOP:
            return Problem(
                Code.SOURCE_DENIED, f"{label} is a link that leads in a circle, or was made one while it was opened"
            )
        case errno.ENOTDIR | errno.ENXIO | errno.ENODEV:
            return Problem(Code.SOURCE_UNREADABLE, f"{label} is no readable file or folder: {error.strerror}")
        case errno.ENAMETOOLONG:
            return Problem(Code.LIMIT_EXCEEDED, f"the name {label[:80]}… is longer than the file system allows")
        case _:
            return Problem(Code.SOURCE_UNAVAILABLE, f"{label} cannot be read: {error.strerror or error}")
