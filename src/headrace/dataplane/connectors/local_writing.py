"""Folders of this machine as a file store that can be written to.

Every name is made, renamed and removed through the descriptor of its folder, whose real path lies below an allowed root (see ``local``): neither
``..`` nor a link leads out. A link in the last place is replaced or removed itself, never followed.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headrace.core.clock import Instant
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.birth import born_at
from headrace.dataplane.connectors.files import Child, shown
from headrace.dataplane.connectors.local import LocalFiles, located, not_a_file, problem_of
from headrace.dataplane.connectors.writing import (
    PLAIN,
    Described,
    PutOptions,
    Stored,
    checked_path,
    invalid_name,
    part_name,
)
from headrace.dataplane.limits import MIB, Limits
from headrace.dataplane.storage import disk_full

_CHUNK = 8 * MIB
_READ = os.O_RDONLY | os.O_CLOEXEC
_FOLDER = _READ | os.O_DIRECTORY | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_NO_RANGES = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.ETXTBSY})
_GONE = (FileNotFoundError, NotADirectoryError)


def open_writable(root: str, file_roots: tuple[Path, ...] | None, limits: Limits) -> "LocalFolder":
    """Return the store of the folder that the URL ``root`` (``file:///…``) names; it need not be there yet.

    Raises:
        Problem: as ``local.located``.
    """
    return LocalFolder(*located(root, file_roots), limits)


class LocalFolder(LocalFiles):
    """The files below ``root``."""

    __slots__ = ()

    def put(self, path: str, source: Path, cancellation: Cancellation, options: PutOptions = PLAIN) -> Stored:
        """Write a file; see ``WritableStore.put``."""
        cancellation.check()
        segments = checked_path(path)
        with _writing(path, self.root), self._made(segments[:-1], durable=options.durable) as folder:
            size = self._put(folder, segments[-1], source, cancellation, options)
            if options.durable:
                os.fsync(folder)
        return Stored(size)

    def _put(self, folder: int, name: str, source: Path, cancellation: Cancellation, options: PutOptions) -> int:
        part = part_name(options)
        with _opened(source) as descriptor:
            if options.durable and options.move:
                os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
            if options.move and _moved(source, folder, name):
                return size
            try:
                copied = _copy(descriptor, folder, part, cancellation, durable=options.durable)
                crash_point("put-before-rename")
                os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
        return copied

    def look(self, path: str, cancellation: Cancellation) -> Child | None:
        """Return what is at ``path``; see ``WritableStore.look``."""
        cancellation.check()
        name = path.strip("/")
        label = shown(name.rpartition("/")[2])
        real = os.path.realpath(self.root / name)
        self.check_inside(Path(real), shown(name))
        try:
            status = os.lstat(real)
        except _GONE:
            return None
        except OSError as error:
            raise problem_of(error, name) from error
        if stat.S_ISDIR(status.st_mode):
            return Child(label, f"{name}/" if name else "", True, modified_at=_modified(status), real=real)
        wrong = None if stat.S_ISREG(status.st_mode) else not_a_file(shown(name), status.st_mode)
        return Child(label, name, False, status.st_size, _modified(status), status.st_mtime_ns, problem=wrong)

    def describe(self, path: str, cancellation: Cancellation) -> Described:
        """Return when a file was made; see ``WritableStore.describe``."""
        cancellation.check()
        name = path.strip("/")
        real = os.path.realpath(self.root / name)
        self.check_inside(Path(real), shown(name))
        try:
            return Described(born_at(real))
        except OSError as error:
            raise problem_of(error, name) from error

    def remove(self, path: str, cancellation: Cancellation) -> bool:
        """Remove a file; see ``WritableStore.remove``."""
        cancellation.check()
        *above, name = checked_path(path)
        with _writing(path, self.root):
            try:
                with self._found(above) as folder:
                    os.unlink(name, dir_fd=folder)
            except _GONE:
                return False
        return True

    def remove_folder(self, path: str, cancellation: Cancellation) -> None:
        """Remove an empty folder; see ``WritableStore.remove_folder``."""
        cancellation.check()
        *above, name = checked_path(path.rstrip("/"))
        with _writing(path, self.root), suppress(*_GONE), self._found(above) as folder:
            try:
                os.rmdir(name, dir_fd=folder)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY}:
                    raise

    def staging(self, path: str, cancellation: Cancellation) -> Path | None:
        """Make the folder of ``path``, and return where it really is; see ``WritableStore.staging``."""
        cancellation.check()
        with _writing(path, self.root), self._made(checked_path(path)[:-1], durable=False) as folder:
            return self.check_descriptor(folder, shown(path))

    @contextmanager
    def _found(self, segments: list[str]) -> Iterator[int]:
        """Open a folder below the root."""
        descriptor = os.open(os.path.realpath(self.root.joinpath(*segments)), _FOLDER | os.O_NOFOLLOW)
        try:
            self._check(descriptor, "/".join(segments))
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _made(self, segments: tuple[str, ...], *, durable: bool) -> Iterator[int]:
        """Open a folder below the root, which is made, as the root is, where it is missing."""
        start = self.root
        while not start.exists():
            start = start.parent
        below = (*self.root.relative_to(start).parts, *segments)
        descriptor = os.open(start, _FOLDER)
        try:
            self._check(descriptor, str(start))
            for segment in below:
                deeper = _entered(descriptor, segment, durable=durable)
                os.close(descriptor)
                descriptor = deeper
                self._check(descriptor, "/".join(segments))
            yield descriptor
        finally:
            os.close(descriptor)

    def _check(self, descriptor: int, name: str) -> None:
        try:
            self.check_descriptor(descriptor, shown(name))
        except Problem as problem:
            raise Problem(Code.TARGET_DENIED, problem.message) from problem


def _entered(folder: int, segment: str, *, durable: bool) -> int:
    """Return the descriptor of a folder's folder, which is made when it is missing."""
    with suppress(FileNotFoundError):
        return os.open(segment, _FOLDER, dir_fd=folder)
    with suppress(FileExistsError):  # somebody else was faster; a link to nowhere says so below
        os.mkdir(segment, dir_fd=folder)
        if durable:
            os.fsync(folder)
    return os.open(segment, _FOLDER, dir_fd=folder)


@contextmanager
def _opened(source: Path) -> Iterator[int]:
    descriptor = os.open(source, _READ)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _moved(source: Path, folder: int, name: str) -> bool:
    """Rename a file into its place; return whether that was possible."""
    try:
        os.rename(source, name, dst_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy(source: int, folder: int, name: str, cancellation: Cancellation, *, durable: bool) -> int:
    """Copy an open file to a new one in ``folder``; return the count of bytes."""
    target = os.open(name, _NEW, 0o666, dir_fd=folder)
    try:
        total = 0
        while count := _chunk(source, target):
            total += count
            cancellation.check()
        if durable:
            os.fsync(target)
        return total
    finally:
        os.close(target)


def _chunk(source: int, target: int) -> int:
    """Copy some bytes from where ``source`` stands to where ``target`` stands; return their count."""
    try:
        # Within one disk the bytes need not be moved at all.
        count = os.copy_file_range(source, target, _CHUNK)
    except OSError as error:
        if error.errno not in _NO_RANGES:
            raise
        count = 0
    if count:
        return count
    # Files of some file systems (/proc) have bytes, and say that they have none.
    data = memoryview(os.read(source, _CHUNK))
    written = 0
    while written < len(data):
        written += os.write(target, data[written:])
    return written


def _modified(status: os.stat_result) -> Instant:
    return Instant(status.st_mtime_ns // 1000)


@contextmanager
def _writing(path: str, root: Path) -> Iterator[None]:
    """Say what errors of the system mean."""
    try:
        yield
    except _GONE as error:
        raise Problem(Code.TARGET_DENIED, f"a folder of {shown(path)!r} is a file, or a link to nowhere") from error
    except OSError as error:
        raise _problem(error, path, root) from error


def _problem(error: OSError, path: str, root: Path) -> Problem:
    label = repr(shown(path))
    full = disk_full(error, next(folder for folder in (root, *root.parents) if folder.exists()))
    if full is not None:
        return full
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Problem(Code.TARGET_DENIED, f"{label} may not be written by this process: {error.strerror}")
        case errno.ELOOP:
            return Problem(Code.TARGET_DENIED, f"{label} leads through a link in a circle")
        case errno.ENAMETOOLONG:
            return invalid_name(path, "is longer than the file system allows")
        case errno.EISDIR:
            return invalid_name(path, "is that of a folder")
        case errno.EILSEQ | errno.EINVAL:
            return invalid_name(path, f"is none that the file system takes: {error.strerror}")
        case _:
            return Problem(Code.TARGET_UNAVAILABLE, f"{label} cannot be written: {error.strerror or error}")
