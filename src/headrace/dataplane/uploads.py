"""Files that clients send, on disk, until a run has laid them down.

    <uploads>/<scope's digest>/<batch>/
        <digest>.name       what the client calls the file
        <digest>.data       all of its bytes; the file is there as soon as this is
        <digest>.partial    the bytes of a large file that comes in parts, each in its place
        <digest>.parts      one line for each part that has come whole: its first and its last byte

The digest is that of the file's name: no name that a client gives ever becomes a path.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.core.clock import Instant
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.landing import LandedFile
from headrace.core.upload import UploadedFile
from headrace.dataplane import landing
from headrace.dataplane.storage import Roots, disk_full, make_durable

MAX_NAME = 255
"""Characters of a file's name (contract 7.6)."""
MAX_SEGMENTS = 20
MAX_FILES = 25_000
"""Files of one upload."""
MAX_SHOWN_GAPS = 10

_FORBIDDEN = re.compile(r'["\\:|<>*?\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_FOLDER = re.compile(r"[0-9a-f]{16}/[0-9A-Za-z]{1,64}")
_LINE = re.compile(r"(\d+) (\d+)\n")
_DATA, _NAME, _PARTIAL, _PARTS = ".data", ".name", ".partial", ".parts"

Ranges = tuple[tuple[int, int], ...]
"""Half-open ranges of bytes, in order, without touching each other."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What has come of a file. ``complete``: all of it; ``ranges``: what there is of one that comes in parts."""

    complete: bool
    ranges: Ranges
    path: Path

    @property
    def bytes(self) -> int:
        """Return how many bytes have come."""
        return sum(end - start for start, end in self.ranges)


class Incoming:
    """Bytes on their way to the disk. Use it in a ``with``; without ``finish`` nothing of it stays visible."""

    def __init__(self, folder: Path, name: str, part: tuple[int, int] | None = None) -> None:
        self._folder, self._name, self._part = folder, name, part
        self._key = key_of(name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = f"{self._key}.{secrets.token_hex(8)}.new" if part is None else self._key + _PARTIAL
        self._file = folder / own
        self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._at = 0 if part is None else part[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        if self._part is None:
            self._file.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Write what came next.

        Raises:
            Problem: ``INVALID``: more than the part should have; ``DISK_FULL``.
        """
        if self._part is not None and self._at + len(data) > self._part[1]:
            raise Problem(Code.INVALID, f"the part has more bytes than its Content-Range says ({_shown([self._part])})")
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._descriptor, view, self._at)
                self._at, view = self._at + count, view[count:]
        except OSError as error:
            raise disk_full(error, self._folder) or error from error

    def settle(self) -> None:
        """Make the bytes survive a loss of power; that may take a while, and comes before ``finish``.

        Raises:
            Problem: ``INVALID``: fewer bytes than the part should have.
        """
        if self._part is not None and self._at != self._part[1]:
            came, said = self._at - self._part[0], self._part[1] - self._part[0]
            what = f"the part has {came} bytes, and its Content-Range ({_shown([self._part])}) says {said}"
            raise Problem(Code.INVALID, what)
        os.fsync(self._descriptor)

    def finish(self) -> bool:
        """Make the settled bytes count; return whether they are in the place of others that were there."""
        if self._part is not None:
            return self._finish_part(self._part)
        target = self._folder / (self._key + _DATA)
        replaced = target.exists()
        _write_name(self._folder, self._name)
        crash_point("upload-before-rename")
        self._file.replace(target)
        make_durable(self._folder)
        _forget_parts(self._folder, self._key)
        return replaced

    def _finish_part(self, part: tuple[int, int]) -> bool:
        if not self._is_current():
            what = f"the file {self._name[:100]!r} was completed, or begun anew, while the part {_shown([part])} came"
            raise Problem(Code.ILLEGAL_STATE, what)
        had = any(start <= part[0] and part[1] <= end for start, end in _ranges(self._folder, self._key))
        # The end of a line that was torn comes first: what was written after it would be read as part of it.
        line = f"\n{part[0]} {part[1]}\n".encode("ascii")
        try:
            with (self._folder / (self._key + _PARTS)).open("ab", buffering=0) as journal:
                journal.write(line)
                os.fsync(journal.fileno())
        except OSError as error:
            raise disk_full(error, self._folder) or error from error
        crash_point("upload-part-noted")
        return had

    def _is_current(self) -> bool:
        """Say whether the bytes went where the file's parts are gathered now."""
        try:
            current = self._file.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._descriptor)
        begun = (self._folder / (self._key + _PARTS)).exists()
        return begun and (current.st_dev, current.st_ino) == (mine.st_dev, mine.st_ino)


def scope_folder(roots: Roots, scope: str) -> Path:
    """Return the folder below which all uploads of a scope lie."""
    return roots.uploads / hashlib.sha256(scope.encode()).hexdigest()[:16]


def folder_name(scope: str, batch_id: str) -> str:
    """Return the name, below the folder of uploads, of an upload's folder."""
    return f"{hashlib.sha256(scope.encode()).hexdigest()[:16]}/{batch_id}"


def folder_of(roots: Roots, folder: str) -> Path:
    """Return the folder that ``folder_name`` names.

    Raises:
        Problem: ``INVALID``: it names none.
    """
    if _FOLDER.fullmatch(folder) is None:
        raise Problem(Code.INVALID, f"{folder!r} is no folder of an upload")
    return roots.uploads / folder


def check_name(name: str) -> None:
    """Refuse what can be no name of a file (contract 7.6); ``/`` parts folders.

    Raises:
        Problem: ``INVALID``.
    """
    segments = name.split("/")
    wrong = ""
    if len(name) > MAX_NAME or len(segments) > MAX_SEGMENTS:
        wrong = f"has more than {MAX_NAME} characters or {MAX_SEGMENTS} folders"
    elif "" in segments or any(set(segment) <= {".", " "} for segment in segments):
        wrong = "has an empty folder, . or .. in it, or ends with /"
    elif _FORBIDDEN.search(name):
        wrong = 'has one of " \\ : | < > * ? or a control character in it'
    elif any(_DEVICE.fullmatch(segment) for segment in segments):
        wrong = "is the name of a device"
    if wrong:
        raise Problem(Code.INVALID, f"the file name {name[:100]!r} {wrong}")


def key_of(name: str) -> str:
    """Return how the files of ``name`` are called on disk."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def initialize(folder: Path, name: str) -> None:
    """Begin a large file that comes in parts, or begin it anew."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = key_of(name)
    _forget_parts(folder, key)
    _write_name(folder, name)
    (folder / (key + _PARTIAL)).touch(mode=0o600)
    (folder / (key + _PARTS)).touch(mode=0o600)


def is_begun(folder: Path, name: str) -> bool:
    """Say whether the file comes in parts, and is not complete."""
    return (folder / (key_of(name) + _PARTS)).exists()


def complete(folder: Path, name: str) -> bool:
    """Make a file of its parts; return whether it is in the place of another. One that is complete already stays so.

    Raises:
        Problem: ``NOT_FOUND``: it was never begun; ``INVALID``: parts are missing, each named.
    """
    key = key_of(name)
    target = folder / (key + _DATA)
    if not is_begun(folder, name):
        if target.exists():
            return True
        raise Problem(Code.NOT_FOUND, f"no file {name[:100]!r} was begun; send action=INITIALIZE first")
    ranges = _ranges(folder, key)
    partial = folder / (key + _PARTIAL)
    if not partial.exists() and target.exists():
        # Who completed it died before the parts were forgotten.
        _forget_parts(folder, key)
        return True
    starts = [0, *(end for _, end in ranges)]
    gaps = [(before, start) for before, (start, _) in zip(starts, ranges, strict=False) if before < start]
    if not ranges:
        raise Problem(Code.INVALID, f"the file {name[:100]!r} has no parts yet")
    if gaps:
        raise Problem(Code.INVALID, f"the file {name[:100]!r} is not whole; missing are the bytes {_shown(gaps)}")
    os.truncate(partial, ranges[-1][1])  # a part that broke off may reach beyond
    make_durable(partial)
    replaced = target.exists()
    partial.replace(target)
    make_durable(folder)
    crash_point("upload-parts-joined")
    _forget_parts(folder, key)
    return replaced


def look(folder: Path, name: str) -> Sent | None:
    """Return what has come of a file; None: nothing is known of it."""
    key = key_of(name)
    if is_begun(folder, name):
        return Sent(complete=False, ranges=_ranges(folder, key), path=folder / (key + _PARTIAL))
    data = folder / (key + _DATA)
    try:
        size = data.stat().st_size
    except FileNotFoundError:
        return None
    return Sent(complete=True, ranges=((0, size),) if size else (), path=data)


def list_files(folder: Path) -> tuple[UploadedFile, ...]:
    """Return the files that are there whole, by name."""
    return tuple(sorted(_files(folder), key=lambda file: file.name))


def unfinished(folder: Path) -> tuple[str, ...]:
    """Return the names of files that were begun and are not complete."""
    return tuple(sorted(_name(path) for path in _glob(folder, _PARTS)))


def lay_down(roots: Roots, folder: str, file: UploadedFile, into: landing.Folder, number: int) -> LandedFile:
    """Put an uploaded file into a landing; return it as landed.

    Raises:
        Problem: ``LANDING_GONE``: it is not there any more, or has another size than when the upload was completed.
    """
    source = folder_of(roots, folder) / Path(file.file).name
    try:
        same = source.stat().st_size == file.bytes
    except FileNotFoundError:
        same = False
    if not same:
        raise Problem(Code.LANDING_GONE, f"the uploaded file {file.name!r} is not there any more, or was changed")
    name = f"{number:06d}"
    target = into.path / name
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)  # another disk, or a file system without links
    crash_point("upload-after-file")
    return LandedFile(into.landed(name), file.name, file.bytes, file.modified_at)


def remove(roots: Roots, folder: str) -> None:
    """Remove an upload's folder; what is gone already is no failure."""
    shutil.rmtree(folder_of(roots, folder), ignore_errors=True)


def _files(folder: Path) -> Iterator[UploadedFile]:
    for data in _glob(folder, _DATA):
        facts = data.stat()
        yield UploadedFile(data.name, _name(data), facts.st_size, Instant(facts.st_mtime_ns // 1000))


def _glob(folder: Path, suffix: str) -> Iterator[Path]:
    return folder.glob(f"*{suffix}") if folder.is_dir() else iter(())


def _name(path: Path) -> str:
    return str(json.loads(path.with_suffix(_NAME).read_text(encoding="utf-8")))


def _write_name(folder: Path, name: str) -> None:
    # Always the same text under the same key: what is there is right, since it appears whole.
    target = folder / (key_of(name) + _NAME)
    if target.exists():
        return
    fresh = target.with_suffix(f".{secrets.token_hex(8)}.new")
    try:
        fresh.write_text(json.dumps(name), encoding="utf-8")
        make_durable(fresh)
        fresh.replace(target)
    except OSError as error:
        raise disk_full(error, folder) or error from error
    finally:
        fresh.unlink(missing_ok=True)


def _forget_parts(folder: Path, key: str) -> None:
    for suffix in (_PARTS, _PARTIAL):
        (folder / (key + suffix)).unlink(missing_ok=True)


def _ranges(folder: Path, key: str) -> Ranges:
    """Return the parts that have come, put together."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(_journal(folder / (key + _PARTS))):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _journal(file: Path) -> Iterator[tuple[int, int]]:
    try:
        lines = file.read_text(encoding="ascii").splitlines(keepends=True)
    except FileNotFoundError:
        return
    for line in lines:
        whole = _LINE.fullmatch(line)
        if whole is not None:  # one may be torn
            yield int(whole[1]), int(whole[2])


def _shown(ranges: Sequence[tuple[int, int]]) -> str:
    """Return ranges as HTTP writes them, both ends included."""
    shown = ", ".join(f"{start}-{end - 1}" for start, end in ranges[:MAX_SHOWN_GAPS])
    return shown + (f" and {len(ranges) - MAX_SHOWN_GAPS} more" if len(ranges) > MAX_SHOWN_GAPS else "")
