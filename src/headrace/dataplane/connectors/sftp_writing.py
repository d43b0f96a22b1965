"""SFTP servers as a file store that can be written to: under a temporary name, then renamed over what is there."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Child, shown
from headrace.dataplane.connectors.resuming import attempt
from headrace.dataplane.connectors.sftp import Session, Sftp, log_in, open_sftp
from headrace.dataplane.connectors.sockets import Sockets
from headrace.dataplane.connectors.writing import (
    PLAIN,
    Described,
    PutOptions,
    Stored,
    checked_path,
    for_target,
    invalid_name,
    part_name,
)
from headrace.dataplane.limits import KIB, Limits

try:
    import paramiko  # type: ignore[import-untyped]  # it has none
except ImportError:  # an extra of this package: missing until somebody uses it
    paramiko = None

_CHUNK = 32 * KIB
_TIDY_SECONDS = 5.0
_LONGEST_SEGMENT = 255


def open_writable(info: ConnectionInfo, folder: str, limits: Limits) -> "SftpFolder":
    """Return the store of a connection; nothing is connected yet.

    Raises:
        Problem: as ``sftp.open_sftp``.
    """
    store = open_sftp(info, folder, limits)
    return SftpFolder(store.login, store.pool, store.limits, store.root)


class SftpFolder(Sftp):
    """The files of a server below ``root`` (empty: all of them)."""

    __slots__ = ()

    def children(self, folder: str, cancellation: Cancellation) -> Iterator[Child]:
        """Yield what lies in ``folder``, which is listed again where that breaks off; see ``FileStore.children``."""
        above = super().children
        yield from attempt(self.pool.sockets, lambda: list(above(folder, cancellation)))

    def put(self, path: str, source: Path, cancellation: Cancellation, options: PutOptions = PLAIN) -> Stored:
        """Write a file; see ``WritableStore.put``."""
        *folders, name = checked_path(path)
        if any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST_SEGMENT for part in (*folders, name)):
            raise invalid_name(path, f"has a segment of more than {_LONGEST_SEGMENT} bytes")
        above = "".join(f"{folder}/" for folder in folders)
        part = f"{above}{part_name(options)}" if options.temporary_name else path

        def once() -> int:
            cancellation.check()
            with self.session(repr(shown(path))) as session:
                self._make(session, folders)
                try:
                    size = _send(session, self.path_of(part), source, cancellation)
                    if part != path:
                        _rename(session, self.path_of(part), self.path_of(path))
                except BaseException:
                    self._tidy(part)
                    raise
                return size

        with for_target():
            return Stored(attempt(self.pool.sockets, once))

    def _make(self, session: Session, folders: list[str]) -> None:
        """Make the folders that are missing, none of them out of the connection's folder."""
        whole = self.path_of("/".join(folders))
        if _is_folder(session, whole):
            self.real(session, whole)
            return
        # The connection's own folder may be missing, too.
        depth = len([part for part in self.root.split("/") if part])
        steps = [part for part in whole.split("/") if part]
        for count in range(1, len(steps) + 1):
            step = "/" + "/".join(steps[:count])
            if not _is_folder(session, step):
                with suppress(OSError):  # somebody else was faster, or the next step says why not
                    session.client.mkdir(step)
            if count > depth:
                self.real(session, step)
        if not _is_folder(session, whole):
            message = f"the folder {whole!r} cannot be made on {self.login.name} by this user"
            raise Problem(Code.SOURCE_DENIED, message)

    def _tidy(self, part: str) -> None:
        """Remove what was begun, over a connection of its own: the one that wrote it may have been cut."""
        limits = replace(self.limits, store_connect_seconds=_TIDY_SECONDS, store_read_seconds=_TIDY_SECONDS)
        with suppress(Problem, OSError, paramiko.SSHException, EOFError):
            session = log_in(self.login, Sockets(limits))
            try:
                session.client.remove(self.path_of(part))
            finally:
                session.end()

    def look(self, path: str, cancellation: Cancellation) -> Child | None:
        """Return the file or folder at ``path``; see ``WritableStore.look``."""
        cancellation.check()
        place = path.strip("/")

        def once() -> Child | None:
            with self.session(repr(shown(place or "/"))) as session:
                try:
                    found = session.client.stat(self.path_of(place))
                except FileNotFoundError:
                    return None
                real = self.real(session, self.path_of(place))
                folder, slash, name = place.rpartition("/")
                child = self.child_of(folder + slash, name, found, real)
                if not child.is_folder:
                    return child
                at = None if found.st_mtime is None else Instant(int(found.st_mtime) * SECOND)
                return replace(child, place=f"{place}/" if place else "", modified_at=at)

        return attempt(self.pool.sockets, once)

    def describe(self, path: str, cancellation: Cancellation) -> Described:
        """Return nothing: servers tell no more than ``look``."""
        del path, cancellation
        return Described()

    def remove(self, path: str, cancellation: Cancellation) -> bool:
        """Remove a file; see ``WritableStore.remove``."""
        cancellation.check()
        folder = "/".join(checked_path(path)[:-1])

        def once() -> bool:
            with self.session(repr(shown(path))) as session:
                try:
                    self.real(session, self.path_of(folder))
                    session.client.remove(self.path_of(path))
                except FileNotFoundError:
                    return False
                return True

        with for_target():
            return attempt(self.pool.sockets, once)

    def remove_folder(self, path: str, cancellation: Cancellation) -> None:
        """Remove an empty folder; see ``WritableStore.remove_folder``."""
        cancellation.check()
        *folders, _ = checked_path(path.rstrip("/"))

        def once() -> None:
            with self.session(repr(shown(path))) as session:
                self.real(session, self.path_of("/".join(folders)))
                try:
                    session.client.rmdir(self.path_of(path))
                except FileNotFoundError:
                    return
                except PermissionError:
                    raise
                except OSError as error:
                    # The protocol has one word for all failures; a folder that is not empty is one of them.
                    if error.errno is not None:
                        raise

        with for_target():
            attempt(self.pool.sockets, once)

    def staging(self, path: str, cancellation: Cancellation) -> Path | None:
        """Return None: files lie elsewhere."""
        del path, cancellation
        return None


def _is_folder(session: Session, path: str) -> bool:
    try:
        return stat.S_ISDIR(session.client.stat(path).st_mode or 0)
    except FileNotFoundError:
        return False


def _send(session: Session, path: str, source: Path, cancellation: Cancellation) -> int:
    """Write a file; return its size, which the server has confirmed."""
    size = 0
    with source.open("rb") as local, session.client.open(path, "wb") as file:
        file.set_pipelined(True)
        while data := local.read(_CHUNK):
            cancellation.check()
            file.write(data)
            size += len(data)
    found = session.client.stat(path).st_size
    if found != size:
        message = f"{path!r} has {found} bytes after {size} were sent; is the server's disk full?"
        raise Problem(Code.TARGET_UNAVAILABLE, message)
    return size


def _rename(session: Session, old: str, new: str) -> None:
    """Rename a file over what is there: at once where the server can do that, else what is there is removed before."""
    try:
        session.client.posix_rename(old, new)
    except (FileNotFoundError, PermissionError):
        raise
    except OSError:
        with suppress(OSError):
            session.client.remove(new)
        session.client.rename(old, new)
