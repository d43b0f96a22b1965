"""The beginning of a file, wherever it lies: bounded bytes of it, unpacked, and random access to a file that has its directory at its end."""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from headrace.core.errors import Code, Problem
from headrace.core.source import Compression
from headrace.core.task import Cancellation
from headrace.dataplane.archives import detect, open_members
from headrace.dataplane.connectors.files import Entry, FileStore, SourceFile
from headrace.dataplane.limits import MIB, Limits

MAX_PREFIX = 4 * MIB
"""Bytes of a file that are read to look at its first rows."""
MAX_ZIP = 64 * MIB
"""Largest zip that is looked into: its directory is at its end, so all of it is read."""
MAX_SAMPLE = MIB
"""Unpacked bytes that are looked at."""
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """The first bytes of a file, or of the first file of an archive; ``whole``: there are no more. ``name`` is that file's, for people."""

    name: str
    data: bytes
    whole: bool
    compression: Compression


def take_sample(store: FileStore, entry: Entry, compression: Compression, work: Path, limits: Limits) -> Sample:
    """Return a sample of the file ``entry``, unpacked; ``work`` takes its packed bytes.

    Raises:
        Problem: ``SOURCE_EMPTY``, ``SOURCE_UNREADABLE``, ``LIMIT_EXCEEDED`` (a zip over ``MAX_ZIP``), and what the store raises.
    """
    if entry.size == 0:
        raise Problem(Code.SOURCE_EMPTY, f"{entry.name!r} has 0 bytes")
    path = work / "prefix"
    cut = _fetch(store, entry, path, MAX_PREFIX)
    found = detect(path, entry.name, compression)
    if found is Compression.ZIP and cut:
        if entry.size > MAX_ZIP:
            message = f"{entry.name!r} is a zip of {entry.size:,} bytes; those up to {MAX_ZIP:,} bytes can be looked into before a run"
            raise Problem(Code.LIMIT_EXCEEDED, message)
        path.unlink()
        cut = _fetch(store, entry, path, MAX_ZIP)
    name, data, ended = _unpacked(path, entry, found, cut, limits)
    return Sample(name, data, ended, found)


def _fetch(store: FileStore, entry: Entry, path: Path, most: int) -> bool:
    """Write the first ``most`` bytes of a file to ``path``; return whether there are more."""
    left = most
    buffer = memoryview(bytearray(_PIECE))
    with path.open("xb") as out, store.open(entry) as file:
        while left and (count := file.readinto(buffer[: min(left, _PIECE)])):
            out.write(buffer[:count])
            left -= count
    return entry.size > most


def _unpacked(path: Path, entry: Entry, compression: Compression, cut: bool, limits: Limits) -> tuple[str, bytes, bool]:
    data = bytearray()
    name, ended = entry.name, False
    try:
        for member in open_members(path, entry.name, compression, limits, Cancellation(), scratch=path.parent):
            name = member.name
            while len(data) <= MAX_SAMPLE and (piece := member.stream.read(_PIECE)):
                data += piece
            ended = len(data) <= MAX_SAMPLE and not cut
            break
    except Problem as problem:
        # A packed file that we have cut ourselves breaks off somewhere.
        if not cut or not data or problem.code is not Code.SOURCE_UNREADABLE:
            raise
    if not data:
        raise Problem(Code.SOURCE_EMPTY, f"{name!r} has 0 bytes, or contains no file")
    return name, bytes(data[:MAX_SAMPLE]), ended


class RandomAccess(io.RawIOBase):
    """A file of a store that is read at any place: going on where it stands costs nothing, going elsewhere opens it anew."""

    def __init__(self, store: FileStore, entry: Entry) -> None:
        super().__init__()
        self._store = store
        self._entry = entry
        self._opened: AbstractContextManager[SourceFile] | None = None
        self._file: SourceFile | None = None
        self._at = 0
        self._read_to = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; see ``io.IOBase``."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._entry.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; see ``io.RawIOBase``."""
        view = memoryview(buffer).cast("B")[: max(0, self._entry.size - self._at)]
        if not view:
            return 0
        if self._file is None or self._read_to != self._at:
            self._let_go()
            self._opened = self._store.open(self._entry, self._at)
            self._file = self._opened.__enter__()
            self._read_to = self._at
        count = self._file.readinto(view)
        self._at += count
        self._read_to = self._at
        return count

    def _let_go(self) -> None:
        opened, self._opened, self._file = self._opened, None, None
        if opened is not None:
            opened.__exit__(None, None, None)

    def close(self) -> None:
        """Give back what reading took."""
        if not self.closed:
            with suppress(Problem):
                self._let_go()
        super().close()


@contextmanager
def random_access(store: FileStore, entry: Entry) -> Iterator[BinaryIO]:
    """Open a file of a store for reading at any place."""
    with io.BufferedReader(RandomAccess(store, entry), _PIECE) as stream:
        yield stream
