"""Packed files: gzip, bzip2 and deflate streams, zip and tar archives; opened with the guards of ``dataplane.archives``, and written.

Unpacked is what is asked for and no more: an archive in an archive stays one. Deflate is read with and without the header of zlib, and written
without, as .NET has it.
"""

import bz2
import io
import shutil
import tarfile
import uuid
import zipfile
import zlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from headrace.core.errors import Code, Problem
from headrace.core.source import Compression
from headrace.core.task import Cancellation
from headrace.dataplane.archives import open_members
from headrace.dataplane.limits import MIB, Limits
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Pack, Packing

_READ_AS: Mapping[Packing, Compression] = {
    Packing.GZIP: Compression.GZIP,
    Packing.BZIP2: Compression.BZIP2,
    Packing.DEFLATE: Compression.DEFLATE,
    Packing.ZIP: Compression.ZIP,
    Packing.TAR: Compression.TAR,
    Packing.TAR_GZIP: Compression.TAR_GZIP,
}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One file that was packed. ``name``: its path in the archive; empty for what is packed alone."""

    path: Path
    name: str


def unpack(
    path: Path, pack: Pack, folder: Path, limits: Limits, cancellation: Cancellation, name: str = ""
) -> Iterator[Unpacked]:
    """Yield the files that ``path`` contains, each unpacked into ``folder`` before the next one; ``path`` itself if it is not packed.

    ``name``: what the packed file is called in its store, for messages.

    Raises:
        TransferProblem: ``UNREADABLE``: it is not packed in this way, it is broken, or it holds links, encrypted members or names that lead out.
        Problem: ``LIMIT_EXCEEDED``, ``UNSUPPORTED``, ``DISK_FULL``, what the cancellation says.
    """
    if pack.type is Packing.NONE:
        yield Unpacked(path, "")
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    label = name or path.name
    with _on_the_source_side():
        members = open_members(path, label, _READ_AS[pack.type], limits, cancellation, scratch=folder, one_layer=True)
        for member in members:
            target = folder / f"unpacked-{uuid.uuid4().hex}"
            _spool(member.stream, target, limits)
            yield Unpacked(target, member.name[len(label) + 1 :])


def pack_file(path: Path, target: Path, pack: Pack, inner_name: str, cancellation: Cancellation) -> None:
    """Pack the file ``path`` as ``target``; it is called ``inner_name`` inside of an archive.

    Raises:
        Problem: ``DISK_FULL``, what the cancellation says.
    """
    try:
        with path.open("rb") as source, open_packed(target, pack, inner_name, path.stat().st_size) as out:
            while data := source.read(MIB):
                cancellation.check()
                out.write(data)
    except OSError as error:
        raise disk_full(error, target.parent) or error from error


def open_packed(path: Path, pack: Pack, inner_name: str, size: int | None = None) -> BinaryIO:
    """Return a file to be written, which is packed on the way; it is whole when it has been closed.

    ``inner_name``: what it is called inside of an archive. ``size``: how many bytes will be written; without it, what goes into a tar is kept beside
    ``path`` until it is closed.
    """
    level = 1 if pack.fastest else 6
    match pack.type:
        case Packing.NONE:
            return path.open("wb")
        case Packing.GZIP:
            return cast("BinaryIO", _Deflated(path, zlib.compressobj(level, wbits=31)))
        case Packing.DEFLATE:
            return cast("BinaryIO", _Deflated(path, zlib.compressobj(level, wbits=-15)))
        case Packing.BZIP2:
            return cast("BinaryIO", bz2.BZ2File(path, "wb", compresslevel=1 if pack.fastest else 9))
        case Packing.ZIP:
            return cast("BinaryIO", _Zipped(path, inner_name, level))
        case Packing.TAR:
            return cast("BinaryIO", _Tarred(path.open("wb"), path, inner_name, size))
        case Packing.TAR_GZIP:
            out = cast("BinaryIO", _Deflated(path, zlib.compressobj(level, wbits=31)))
            return cast("BinaryIO", _Tarred(out, path, inner_name, size))


class _Packed(io.RawIOBase):
    """A file to be written, of which the parts are closed from the innermost on."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Write the end, and close the file."""
        if not self.closed:
            try:
                self._end()
            finally:
                super().close()

    @abstractmethod
    def _end(self) -> None:
        """Write the end."""


class _Deflated(_Packed):
    """A gzip or deflate stream. It has no time in it, so equal bytes give equal files."""

    def __init__(self, path: Path, machine: Any) -> None:
        super().__init__()
        self._out = path.open("wb")
        self._machine = machine

    def write(self, data: Any) -> int:
        """Write all of ``data``."""
        self._out.write(self._machine.compress(data))
        return len(data)

    def _end(self) -> None:
        with self._out:
            self._out.write(self._machine.flush())


class _Zipped(_Packed):
    """A zip archive with one member, which has no time of its own."""

    def __init__(self, path: Path, name: str, level: int) -> None:
        super().__init__()
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level)
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        self._member = self._archive.open(info, "w", force_zip64=True)

    def write(self, data: Any) -> int:
        """Write all of ``data``."""
        return self._member.write(data)

    def _end(self) -> None:
        with self._archive:
            self._member.close()


class _Tarred(_Packed):
    """A tar archive with one member. Its header tells the size, so without one the bytes are gathered first."""

    def __init__(self, out: BinaryIO, path: Path, name: str, size: int | None) -> None:
        super().__init__()
        self._out, self._name = out, name
        self._spool: Path | None = None
        self._gathered: BinaryIO = out
        self._written = 0
        if size is None:
            self._spool = path.with_name(f"{path.name}.member")
            self._gathered = self._spool.open("w+b")
        else:
            self._begin(size)

    def write(self, data: Any) -> int:
        """Write all of ``data``."""
        self._gathered.write(data)
        self._written += len(data)
        return len(data)

    def _begin(self, size: int) -> None:
        info = tarfile.TarInfo(self._name)
        info.size = size
        self._out.write(info.tobuf(tarfile.GNU_FORMAT))

    def _end(self) -> None:
        with self._out:
            if self._spool is not None:
                with self._gathered as gathered:
                    self._begin(self._written)
                    gathered.seek(0)
                    shutil.copyfileobj(gathered, self._out, MIB)
                self._spool.unlink()
            self._out.write(bytes(-self._written % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE))


def _spool(stream: BinaryIO, target: Path, limits: Limits) -> None:
    try:
        with target.open("xb", buffering=0) as out:
            while data := stream.read(limits.read_chunk):
                out.write(data)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise disk_full(error, target.parent) or error from error


@contextmanager
def _on_the_source_side() -> Iterator[None]:
    try:
        yield
    except TransferProblem:
        raise
    except Problem as problem:
        if problem.code is not Code.SOURCE_UNREADABLE:
            raise
        raise TransferProblem(Reason.UNREADABLE, Side.SOURCE, problem.message, problem.code) from problem
