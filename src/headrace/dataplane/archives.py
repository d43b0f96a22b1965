"""Landed files opened safely, whatever they are packed with: streams, never names as paths, and limits on all of it.

    detect        what a file is packed with, by its name and its first bytes
    open_members  every contained file as a stream, one after the other
    extract_to    every contained file unpacked into a folder, under names of ours

Archives contribute every contained file. What is packed in an archive is unpacked too, as deep as the limit allows. Left out are folders, names
that begin with a dot, and ``__MACOSX``. Refused are links, devices, sparse files, encrypted members, and names that are absolute or lead upwards.
"""

import io
import os
import re
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tarfile import (  # type: ignore[attr-defined] # the stubs leave out the errors of headers
    EmptyHeaderError,
    InvalidHeaderError,
    ReadError,
    TruncatedHeaderError,
)
from typing import Any, BinaryIO, Self

from headrace.core.errors import Code, Problem
from headrace.core.source import Compression
from headrace.core.task import Cancellation
from headrace.dataplane.limits import MIB, Limits
from headrace.dataplane.storage import disk_full
from headrace.dataplane.unpacking import Budget, Guarded, Unpacked, broken

_SUFFIXES: tuple[tuple[str, Compression], ...] = (
    (".tar.gz", Compression.TAR_GZIP),
    (".tgz", Compression.TAR_GZIP),
    (".gz", Compression.GZIP),
    (".gzip", Compression.GZIP),
    (".bz2", Compression.BZIP2),
    (".deflate", Compression.DEFLATE),
    (".zz", Compression.DEFLATE),
    (".zip", Compression.ZIP),
    (".tar", Compression.TAR),
)
_MAGIC: tuple[tuple[int, bytes, Compression], ...] = (
    (0, b"\x1f\x8b", Compression.GZIP),
    (0, b"BZh", Compression.BZIP2),
    (0, b"PK\x03\x04", Compression.ZIP),
    (0, b"PK\x05\x06", Compression.ZIP),
    (257, b"ustar", Compression.TAR),
)
_HEAD = 512
_HEADERS = 4 * MIB
_BLOCK = 512
_ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
_ZIP_ENTRY = 46
_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")


@dataclass(frozen=True, slots=True)
class Member:
    """One contained file. ``name`` is for people: the landed file's name, then the member's path. Read ``stream`` before the next member."""

    name: str
    stream: BinaryIO


@dataclass(frozen=True, slots=True)
class Extracted:
    """One contained file, unpacked to ``path``; the landed file itself when it was not packed."""

    name: str
    path: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """One stream to be opened: its label for people, and its own name, which its suffix is taken from."""

    stream: BinaryIO
    label: str
    name: str
    depth: int


def detect(path: Path, name: str, compression: Compression) -> Compression:
    """Return what the file at ``path``, called ``name`` in its source, is packed with; never ``AUTO``.

    Raises:
        Problem: ``SOURCE_UNREADABLE``: its name says one thing and its first bytes another.
    """
    with path.open("rb") as stream:
        return _detect(stream.read(_HEAD), name, name) if compression is Compression.AUTO else compression


def open_members(  # noqa: PLR0913 — two of them are switches
    path: Path,
    name: str,
    compression: Compression,
    limits: Limits,
    cancellation: Cancellation,
    *,
    scratch: Path | None = None,
    one_layer: bool = False,
) -> Iterator[Member]:
    """Yield every file that the landed file at ``path`` contains; itself, when it is not packed.

    ``name`` is the source's name for it. Archives in archives that cannot be read as a stream are unpacked in ``scratch`` (None: the system's
    temporary folder). ``one_layer``: what is packed in the file is not unpacked in turn, and of its members only ``__MACOSX`` is left out. Streams
    raise the same problems as this.

    Raises:
        Problem: ``SOURCE_UNREADABLE`` (broken, cut off, encrypted, links in it; names the member and the position), ``LIMIT_EXCEEDED``,
            ``UNSUPPORTED``, and what ``cancellation`` says.
    """
    budget = Budget(name, path.stat().st_size, limits, cancellation, scratch, one_layer)
    with path.open("rb") as stream:
        yield from _opened(_Layer(stream, name, name, 0), compression, budget)


def extract_to(
    folder: Path, path: Path, name: str, compression: Compression, limits: Limits, cancellation: Cancellation
) -> tuple[Extracted, ...]:  # fmt: skip
    """Unpack every file that the landed file at ``path`` contains into ``folder``; what is not packed stays where it is.

    Raises:
        Problem: as ``open_members``; ``DISK_FULL``.
    """
    if detect(path, name, compression) is Compression.NONE:
        return (Extracted(name, path, path.stat().st_size),)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = []
    members = open_members(path, name, compression, limits, cancellation, scratch=folder)
    for number, member in enumerate(members, 1):
        suffix = _PLAIN_SUFFIX.search(_unpacked_name(member.name))
        target = folder / f"{number:06d}{suffix[0].lower() if suffix else ''}"
        found.append(Extracted(member.name, target, _spool(member.stream, target, limits)))
    return tuple(found)


def _spool(stream: BinaryIO, target: Path, limits: Limits) -> int:
    size = 0
    try:
        with target.open("xb", buffering=0) as out:
            while data := stream.read(limits.read_chunk):
                size += out.write(data)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise disk_full(error, target.parent) or error from error
    return size


def _opened(layer: _Layer, compression: Compression, budget: Budget) -> Iterator[Member]:
    budget.cancellation.check()
    if compression is Compression.AUTO and budget.one_layer and layer.depth:
        compression = Compression.NONE
    if compression is Compression.AUTO:
        head, layer = _peeked(layer)
        compression = _detect(head, layer.name, layer.label)
    if compression is not Compression.NONE and layer.depth >= budget.limits.max_archive_depth:
        raise budget.exceeded(
            f"{layer.label!r} is packed more than {budget.limits.max_archive_depth} times (max_archive_depth)"
        )
    match compression:
        case Compression.NONE | Compression.AUTO:
            yield Member(layer.label, layer.stream)
        case Compression.ZIP:
            yield from _zip_members(layer, budget)
        case Compression.TAR:
            yield from _tar_members(layer, budget)
        case Compression.GZIP | Compression.TAR_GZIP | Compression.BZIP2 | Compression.DEFLATE:
            packed = Compression.GZIP if compression is Compression.TAR_GZIP else compression
            unpacked = io.BufferedReader(Unpacked(layer.stream, packed, layer.label, budget), budget.limits.read_chunk)
            below = _Layer(unpacked, layer.label, _unpacked_name(layer.name), layer.depth + 1)
            yield from _opened(
                below, Compression.TAR if compression is Compression.TAR_GZIP else Compression.AUTO, budget
            )


def _zip_members(layer: _Layer, budget: Budget) -> Iterator[Member]:
    with _seekable(layer, budget) as stream, broken(layer.label, "the archive"):
        _check_directory(stream, layer.label, budget)
        archive = zipfile.ZipFile(stream)
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > budget.limits.max_archive_bytes:
            raise budget.exceeded(
                f"{layer.label!r} says that it unpacks to more than {budget.limits.max_archive_bytes:,} bytes"
            )
        for info in infos:
            budget.member()
            name = _safe_name(info.filename, layer.label, budget)
            if info.is_dir() or _left_out(name, budget):
                continue
            _check_zip_member(info, layer.label)
            with archive.open(info) as raw:
                label = f"{layer.label}/{name}"
                guarded = io.BufferedReader(Guarded(raw, label, budget, expands=True), budget.limits.read_chunk)
                yield from _opened(_Layer(guarded, label, name, layer.depth + 1), Compression.AUTO, budget)


def _seekable(layer: _Layer, budget: Budget) -> BinaryIO:
    """Return the stream itself when it is the landed file, else a copy of it that can be read from its end."""
    if layer.depth == 0:
        layer.stream.seek(0)
        return io.FileIO(os.dup(layer.stream.fileno()))
    spooled = tempfile.TemporaryFile(dir=budget.scratch)  # noqa: SIM115 — the caller closes it
    try:
        while data := layer.stream.read(budget.limits.read_chunk):
            spooled.write(data)
    except OSError as error:
        spooled.close()
        raise disk_full(error, budget.scratch or Path(tempfile.gettempdir())) or error from error
    return spooled


def _check_directory(stream: BinaryIO, label: str, budget: Budget) -> None:
    """Refuse a directory of members that is too large, before it is read into memory."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, end - (1 << 16) - 98))
    tail = stream.read()
    last = tail.rfind(b"PK\x05\x06")
    size = int.from_bytes(tail[last + 12 : last + 16], "little") if last >= 0 else 0
    large = tail.rfind(b"PK\x06\x06")
    if size == 0xFFFFFFFF and large >= 0:
        size = int.from_bytes(tail[large + 40 : large + 48], "little")
    stream.seek(0)
    most = budget.limits.max_archive_members * (_ZIP_ENTRY + budget.limits.max_file_name)
    if min(size, end) > most:
        raise budget.exceeded(f"the directory of {label!r} has {size:,} bytes, more than {most:,}: too many members")


def _check_zip_member(info: zipfile.ZipInfo, label: str) -> None:
    mode = info.external_attr >> 16
    if info.flag_bits & 1:
        message = f"{label!r}: the member {info.filename!r} is encrypted; only archives without a password can be read"
        raise Problem(Code.SOURCE_UNREADABLE, message)
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _refused(label, info.filename, "is a link or a device")
    if info.compress_type not in _ZIP_METHODS:
        message = f"{label!r}: the member {info.filename!r} is packed with method {info.compress_type}; deflate, bzip2 or none can be read"
        raise Problem(Code.UNSUPPORTED, message)


class _Header(tarfile.TarInfo):
    """A header of a tar; a broken or missing one is an error wherever it stands (tarfile takes it for the end)."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Self:  # the parameter's name is the library's
        """Return the next header."""
        try:
            return super().fromtarfile(tarfile)
        except (InvalidHeaderError, TruncatedHeaderError) as error:
            raise ReadError(str(error)) from error
        except EmptyHeaderError as error:
            raise ReadError("its end mark is missing") from error


def _tar_members(layer: _Layer, budget: Budget) -> Iterator[Member]:
    counted = Guarded(layer.stream, layer.label, budget, expands=False)
    counted.allow(_HEADERS)
    with broken(layer.label, "the archive"):
        archive = tarfile.open(fileobj=counted, mode="r|", tarinfo=_Header)  # noqa: SIM115 — the stream is the caller's
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined] # tarfile would keep every header
            budget.member()
            counted.allow(None)
            yield from _tar_member(archive, info, layer, budget)
            counted.allow(_HEADERS)
        counted.allow(None)
        _check_end(counted, layer.label)


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, layer: _Layer, budget: Budget) -> Iterator[Member]:
    name = _safe_name(info.name, layer.label, budget)
    if info.isdir():
        return
    if not info.isreg() or info.issparse():
        raise _refused(layer.label, info.name, "is a link, a device or a sparse file")
    raw = archive.extractfile(info)
    if raw is None:
        raise _refused(layer.label, info.name, "has no content")
    label = f"{layer.label}/{name}"
    guarded = io.BufferedReader(Guarded(raw, label, budget, expands=False), budget.limits.read_chunk)
    if not _left_out(name, budget):
        yield from _opened(_Layer(guarded, label, name, layer.depth + 1), Compression.AUTO, budget)
    while guarded.read(budget.limits.read_chunk):
        pass


def _check_end(counted: Guarded, label: str) -> None:
    """Refuse an archive that has something behind its end mark: tarfile would not read it."""
    ended = counted.ends_in_zeros
    while data := counted.read(MIB):
        ended = ended and not data.strip(b"\0")
    if not ended:
        message = f"{label!r} is broken: there are other bytes behind its end mark, before byte {counted.handed:,}"
        raise Problem(Code.SOURCE_UNREADABLE, message)


def _peeked(layer: _Layer) -> tuple[bytes, _Layer]:
    if isinstance(layer.stream, io.BufferedReader):
        head = b""
        if layer.stream.seekable():
            head = layer.stream.read(_HEAD)
            layer.stream.seek(-len(head), os.SEEK_CUR)
            return head, layer
        return layer.stream.peek(_HEAD)[:_HEAD], layer
    raise TypeError(type(layer.stream).__name__)


def _detect(head: bytes, name: str, label: str) -> Compression:
    by_name = next((kind for suffix, kind in _SUFFIXES if name.lower().endswith(suffix)), Compression.NONE)
    by_bytes = next((kind for at, magic, kind in _MAGIC if head[at : at + len(magic)] == magic), Compression.NONE)
    if not head:
        return Compression.NONE
    if by_bytes is Compression.GZIP and by_name is Compression.TAR_GZIP:
        return Compression.TAR_GZIP
    if by_bytes is Compression.NONE and by_name in (Compression.DEFLATE, Compression.TAR):
        return by_name
    if by_bytes is Compression.NONE and by_name is not Compression.NONE:
        message = f"the name of {label!r} says {by_name}, but its first bytes do not; if it is not packed, set compression to none"
        raise Problem(Code.SOURCE_UNREADABLE, message)
    return by_bytes


def _unpacked_name(name: str) -> str:
    lower = name.lower()
    for suffix, kind in _SUFFIXES:
        if kind not in (Compression.ZIP, Compression.TAR) and lower.endswith(suffix):
            return name[: -len(suffix)] + (".tar" if kind is Compression.TAR_GZIP else "")
    return name


def _safe_name(name: str, label: str, budget: Budget) -> str:
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\\", "/")
    if len(shown.encode()) > budget.limits.max_file_name:
        raise budget.exceeded(
            f"{label!r} has a member whose name has over {budget.limits.max_file_name} bytes (max_file_name)"
        )
    if shown.startswith("/") or re.match("[A-Za-z]:", shown) or ".." in shown.split("/") or "\0" in shown:
        raise _refused(label, name, "has a name that leads out of the archive")
    return "/".join(segment for segment in shown.split("/") if segment not in ("", "."))


def _left_out(name: str, budget: Budget) -> bool:
    segments = name.split("/")
    hidden = not budget.one_layer and any(segment.startswith(".") for segment in segments)
    return hidden or "__MACOSX" in segments


def _refused(label: str, member: str, why: str) -> Problem:
    return Problem(Code.SOURCE_UNREADABLE, f"{label!r}: the member {member[:200]!a} {why}; such archives are not read")
