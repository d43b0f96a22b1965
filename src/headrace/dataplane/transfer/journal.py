"""What of a transfer is finished: one folder for each commit key, which outlives tries, with a journal that every try adds to.

    <transfers>/<digest of the commit key>/
        journal.ndjson       one line for each fact; lines of another ``asked`` do not count
        refused-….ndjson     rows that were left out of one unit, as ``refusing.spool`` writes them
        landed-….parquet     rows that cannot be read twice, until they are in the sink

A line is written after what it tells is true (``done``, ``landed``, ``deleted``), or before it is begun (``decided``, ``part``), so a killed try
leaves nothing that the next one does not know of. Lines are handed to the machine one by one and not forced to the disk: they survive a killed
process. After a loss of power only those count that tell of what was durable by itself (``Done.durable``, names that were decided). What the
marks in a database refer to (the slices of a query, rows that were laid down) is forced to the disk before the first row goes there.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Self

from headrace.core.clock import Instant
from headrace.core.codec import Json, JsonObject, decode, encode
from headrace.core.outcome import ReasonCount
from headrace.dataplane.landing import boot_id
from headrace.dataplane.storage import Roots, disk_full, make_durable

JOURNAL = "journal.ndjson"


@dataclass(frozen=True, slots=True)
class Done:
    """A unit that is in the sink: which slices it has, and what was counted.

    ``read``, ``delivered``, ``refused`` None: bytes, which have no rows. ``paths`` are those of its slices. ``spool`` is the file of refused rows
    in the journal's folder, if any were. ``durable``: the sink has it even after a loss of power.
    """

    unit: str
    slices: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    read: int | None = None
    delivered: int | None = None
    refused: int | None = None
    bytes_read: int = 0
    bytes_written: int = 0
    files: tuple[str, ...] = ()
    spool: str = ""
    rejects: tuple[ReasonCount, ...] = ()
    checked: str = ""
    began: int = 0
    ended: int = 0
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why."""

    id: str
    path: str
    reason: str
    message: str
    at: int


@dataclass(frozen=True, slots=True)
class Part:
    """A temporary file that a try began in the sink: to be removed by the next one, should it still be there."""

    path: str
    tried: str


@dataclass
class Journal:
    """The journal of one transfer, as it was found and as this try adds to it. Its methods may be called from several threads.

    ``tried`` names this try. ``done`` has the finished units by their id, in the order in which they were finished; ``counted`` are those that are
    a part of the source as it is now (others are of older versions). ``parts``: what earlier tries began in the sink and may have left there, by
    the file that it was to become.
    """

    folder: Path
    asked: str
    tried: str
    done: dict[str, Done] = field(default_factory=dict)
    counted: dict[str, Done] = field(default_factory=dict)
    skipped: dict[str, Skipped] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    landed: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told: dict[str, Json] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()
    _lock: Lock = field(default_factory=Lock)
    _descriptor: int = -1
    _torn: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def note_done(self, done: Done) -> None:
        """Note that a unit is in the sink."""
        self._write("done", encode(done))
        with self._lock:
            self.done.pop(done.unit, None)
            self.done[done.unit] = done

    def note_skipped(self, skipped: Skipped) -> None:
        """Note that a file was left out."""
        self._write("skipped", encode(skipped))
        with self._lock:
            self.skipped[skipped.id] = skipped

    def note_deleted(self, slice_id: str) -> None:
        """Note that the source's file is gone, since the sink has it."""
        self._write("deleted", slice_id)
        with self._lock:
            self.deleted.add(slice_id)

    def note_landed(self, slice_id: str, landed: Mapping[str, Json]) -> None:
        """Note that the rows of a slice lie here; it survives a loss of power, since a sink that does may have some of them then."""
        self._write("landed", [slice_id, landed])
        self.make_durable()
        with self._lock:
            self.landed[slice_id] = landed

    def forget_landed(self, slice_id: str) -> None:
        """Let the rows of a slice be read again; where that does not come about, the next try finds what was noted."""
        with self._lock:
            self.landed.pop(slice_id, None)

    def note_part(self, path: str, target: str) -> None:
        """Note a temporary file that is about to be made in the sink, and the file that it is going to be."""
        self._write("part", [self.tried, path, target])

    def decide(self, what: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names that were decided on first for ``what``: those of an earlier try, else ``names``, which are noted."""
        with self._lock:
            known = self.names.get(what)
        if known is not None:
            return known
        self._write("decided", [what, *names])
        with self._lock:
            return self.names.setdefault(what, tuple(names))

    def decide_all(self, what: str, names: Sequence[str]) -> frozenset[str]:
        """Note names that are about to be used for ``what``; return them, and all that were noted before."""
        with self._lock:
            known = self.names.get(what, ())
            added = tuple(name for name in names if name not in set(known))
            self.names[what] = (*known, *added)
        if added:
            self._write("used", [what, *added])
        return frozenset((*known, *names))

    def tell(self, what: str, value: Json) -> None:
        """Note one value under a name; the newest counts."""
        self._write("told", [what, value])
        with self._lock:
            self.told[what] = value

    def make_durable(self) -> None:
        """Make what was noted survive a loss of power."""
        os.fsync(self._descriptor)
        make_durable(self.folder)
        make_durable(self.folder.parent)

    def forget(self) -> None:
        """Remove what lies beside the journal and is not needed any more, since the transfer has ended."""
        for path in self.folder.iterdir():
            if path.name != JOURNAL:
                path.unlink(missing_ok=True)

    def _write(self, kind: str, value: Json) -> None:
        entry = {"asked": self.asked, "boot": boot_id(), "kind": kind, "value": value}
        line = (json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "surrogatepass")
        try:
            with self._lock:
                # A line that the disk had no room for must not spoil the next one, which another thread may write.
                torn, self._torn = self._torn, True
                _write_all(self._descriptor, b"\n" + line if torn else line)
                self._torn = False
        except OSError as error:
            raise disk_full(error, self.folder) or error from error

    def _take(self, kind: str, value: Json, *, fresh: bool) -> None:
        """Take in a line that was found; ``fresh``: the machine has not been started anew since."""
        match kind, value:
            case "done", Mapping():
                done = decode(Done, value, what="the journal")
                for file in done.files:
                    self.parts.pop(file, None)
                if fresh or done.durable:
                    self.done.pop(done.unit, None)
                    self.done[done.unit] = done
            case "skipped", Mapping():
                skipped = decode(Skipped, value, what="the journal")
                self.skipped[skipped.id] = skipped
            case "deleted", str():
                self.deleted.add(value)
            case "landed", [str() as name, Mapping() as landed]:
                self.landed[name] = landed
            case "part", [str() as tried, str() as path, str() as target]:
                self.parts.setdefault(target, []).append(Part(path, tried))
            case "decided", [str() as what, *names]:
                self.names.setdefault(what, tuple(map(str, names)))
            case "used", [str() as what, *names]:
                self.names[what] = (*self.names.get(what, ()), *map(str, names))
            case "told", [str() as what, told]:
                self.told[what] = told
            case _:
                pass


def folder_of(roots: Roots, key: str) -> Path:
    """Return the folder of the transfer with this commit key."""
    return roots.transfers / hashlib.sha256(key.encode()).hexdigest()[:40]


def open_journal(roots: Roots, key: str, asked: str, tried: str) -> Journal:
    """Open the journal of a transfer, new or found, for the try ``tried``. It is a context manager.

    Raises:
        Problem: ``DISK_FULL``.
    """
    folder = folder_of(roots, key)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / JOURNAL
        torn = _is_torn(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if torn:
            _write_all(descriptor, b"\n")
    except OSError as error:
        raise disk_full(error, roots.landing.parent) or error from error
    journal = Journal(folder, asked, tried, _descriptor=descriptor)
    for entry in _lines(path):
        if entry.get("asked") == asked:
            fresh = entry.get("boot") is not None and entry.get("boot") == boot_id()
            journal._take(str(entry.get("kind")), entry.get("value"), fresh=fresh)  # noqa: SLF001 — it is being made
    journal.earlier = frozenset(journal.done)
    path.touch()  # the age of a journal is that of its newest try
    return journal


def sweep(roots: Roots, before: Instant) -> int:
    """Remove journals that nothing was added to since ``before``; return how many."""
    removed = 0
    for folder in sorted(roots.transfers.iterdir()) if roots.transfers.is_dir() else ():
        with contextlib.suppress(OSError):
            # One that a try is removing or making at this moment is looked at by the next sweep.
            newest = max(path.stat().st_mtime_ns for path in (folder, *folder.iterdir()))
            if newest // 1000 < before:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _is_torn(path: Path) -> bool:
    """Say whether the last line of the journal has no end, since whoever wrote it was stopped."""
    try:
        with path.open("rb") as stream:
            if stream.seek(0, os.SEEK_END) == 0:
                return False
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except FileNotFoundError:
        return False


def _lines(path: Path) -> Iterator[JsonObject]:
    with path.open("rb") as stream:
        for line in stream:
            try:
                value: Json = json.loads(line.decode("utf-8", "surrogatepass"))
            except ValueError:
                continue  # the torn line of a killed try: what it would have told is done again
            if isinstance(value, dict):
                yield value
