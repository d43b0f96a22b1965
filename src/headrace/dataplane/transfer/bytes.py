"""Files as they are: bytes from one store into another, packed or unpacked on the way as asked, and removed at the source when the sink has them."""

import hashlib
import importlib
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.writing import WritableStore
from headrace.dataplane.limits import MIB
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.choosing import ChosenFile, choose
from headrace.dataplane.transfer.conducting import Conducting, digest
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.files import check_all_there, fetched, slice_of
from headrace.dataplane.transfer.journal import Done, Skipped
from headrace.dataplane.transfer.naming import ENDINGS, Unit, joined
from headrace.dataplane.transfer.places import meant, missing, on_side
from headrace.dataplane.transfer.request import FilesSource, HttpRequestOptions, Packing, StoreType
from headrace.dataplane.transfer.rows import LocalFile, Slice
from headrace.dataplane.transfer.rows_to_files import FileSink

_ARCHIVES = frozenset({Packing.ZIP, Packing.TAR, Packing.TAR_GZIP})
_CHUNK = 8 * MIB
_GONE = frozenset({Reason.OBJECT_NOT_FOUND, Reason.FILE_NOT_FOUND})


@dataclass
class FileBytes:
    """The files of a source whose bytes are copied. ``store`` None: an HTTP server, which has one file."""

    source: FilesSource
    store: WritableStore | None
    conducting: Conducting
    taken: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def slices(self) -> Sequence[Slice]:
        """Return a slice for each file, by name; those that cannot be taken are skipped, where that is asked for.

        Raises:
            TransferProblem: as ``choosing.choose`` and ``files.check_all_there``.
        """
        if self.store is None:
            options = self.source.http or HttpRequestOptions()
            name = options.url.partition("?")[0].rstrip("/").rpartition("/")[2] or "data"
            return [Slice(digest(f"{options.method} {options.url}"), name, name)]
        work = self.conducting.work
        chosen = choose(self.store, self.source.place, self.source.choice, work.context.cancellation, work.limits)
        kept = replace(chosen, missing=self._unless_missing(chosen.missing), refused=())
        for one in chosen.refused:
            problem = meant(one.problem, self.source.place, Side.SOURCE)
            if not self._skips(problem, one.name, single=False):
                raise problem
        check_all_there(kept, self.source.place)
        return [slice_of(file) for file in chosen.files]

    def copy(self, unit: Unit, files: FileSink) -> Done | None:
        """Copy one unit: it is in the sink when this returns. None: it is left out, which is noted.

        Raises:
            TransferProblem: what is wrong. Problem: ``DISK_FULL``, what the cancellation says.
        """
        try:
            return self._copied(unit, files)
        except Problem as problem:
            self.conducting.work.context.cancellation.check()
            item = unit.slices[0]
            if len(unit.slices) != 1 or not self._skips(problem, item.path, single=self._names_one, item=item):
                raise
            return None

    def delete(self, done: Done, items: dict[str, Slice]) -> None:
        """Remove the source's files of a finished unit, if that is asked for; one that is another one by now stays."""
        journal = self.conducting.journal
        if not self.source.delete_after or self.store is None:
            return
        cancellation = self.conducting.work.context.cancellation
        for slice_id in done.slices:
            if slice_id in journal.deleted:
                continue
            item = items.get(slice_id)
            if item is not None and isinstance(item.data, ChosenFile):
                entry = item.data.entry
                path = entry.place if self.source.place.type is StoreType.FOLDER else entry.name
                with on_side(self.source.place, Side.SOURCE):
                    now = self.store.look(path, cancellation)
                    crash_point("transfer-before-delete")
                    if now is not None and (now.size, now.stamp) == (entry.size, entry.stamp):
                        self.store.remove(path, cancellation)
                crash_point("transfer-after-delete")
            journal.note_deleted(slice_id)
            crash_point("transfer-after-delete-noted")

    @property
    def _names_one(self) -> bool:
        choice = self.source.choice
        by_other = choice.list_path or choice.prefix is not None or choice.wildcard_file is not None
        return bool(choice.file) and not by_other and choice.wildcard_folder is None

    def _unless_missing(self, names: Sequence[str]) -> tuple[str, ...]:
        problem = TransferProblem(
            missing(self.source.place), Side.SOURCE, "there is no such file", Code.SOURCE_NOT_FOUND
        )
        return tuple(name for name in names if not self._skips(problem, name, single=False))

    def _copied(self, unit: Unit, files: FileSink) -> Done:
        began = self.conducting.means.clock.now()
        # One folder for each thread, not for each file: a folder takes longer to remove than a small file to copy.
        folder = self.conducting.work.folder / f"bytes-{threading.get_ident()}"
        folder.mkdir(exist_ok=True)
        try:
            crash_point("transfer-before-slice")
            if len(unit.slices) > 1:
                read, placed = self._merged(unit, files, folder)
            elif self.source.pack.type is files.sink.pack.type is Packing.NONE and files.is_here:
                read, placed = self._as_it_is(unit, files, folder)
            else:
                # A file that lies here is put from where it lies, so whether it has changed shows after that.
                placed = _Placed()
                with placed.removed_if_raises(files), self._fetched(unit.slices[0], folder) as file:
                    read = file.bytes
                    for number, (path, local) in enumerate(self._unpacked(file, unit, folder)):
                        self._put(path, self._packed(local, path, unit, folder), number, unit, files, placed)
        finally:
            _empty(folder)
        crash_point("transfer-after-rename")
        ended = self.conducting.means.clock.now()
        slices, names = tuple(item.id for item in unit.slices), tuple(item.path for item in unit.slices)
        return Done(
            unit.id, slices, names, bytes_read=read, bytes_written=placed.bytes, files=tuple(placed.paths),
            began=began, ended=ended, durable=self.source.delete_after,
        )  # fmt: skip

    def _fetched(self, item: Slice, folder: Path) -> AbstractContextManager[LocalFile]:
        if self.store is None:
            fetching = importlib.import_module(f"{__package__}.services.fetching")
            lent: AbstractContextManager[LocalFile] = fetching.fetch_http(self.source, folder, self.conducting.work)
            return lent
        return self._counted(item, folder, self.store)

    @contextmanager
    def _counted(self, item: Slice, folder: Path, store: WritableStore) -> Iterator[LocalFile]:
        tally, begun = self.conducting.tally, time.monotonic()
        with (
            tally.sources.one_more(),
            fetched(store, self.source.place, item.data, folder, self.conducting.work) as file,
        ):
            tally.spent("reading", time.monotonic() - begun)
            tally.came()
            yield file

    def _unpacked(self, file: LocalFile, unit: Unit, folder: Path) -> Iterator[tuple[str, Path]]:
        """Yield the files that a source's file contains, one by one, and what each is called in the sink."""
        pack, work = self.source.pack, self.conducting.work
        if pack.type is Packing.NONE:
            yield unit.path(), file.path
            return
        packing: Any = importlib.import_module(f"{__package__}.packing")
        inside = folder / "unpacked"
        inside.mkdir()
        archive = unit.stem if pack.own_folder else unit.stem.rpartition("/")[0]
        for member in packing.unpack(file.path, pack, inside, work.limits, work.context.cancellation, name=file.name):
            path = joined(archive, member.name) + unit.ending if pack.type in _ARCHIVES else unit.path()
            yield path, member.path
            member.path.unlink(missing_ok=True)

    def _packed(self, path: Path, name: str, unit: Unit, folder: Path) -> Path:
        """Pack a file as the sink asks; return where it lies."""
        sink = self.conducting.request.sink
        pack = getattr(sink, "pack", None)
        if pack is None or pack.type is Packing.NONE:
            return path
        packing: Any = importlib.import_module(f"{__package__}.packing")
        inner = name.rpartition("/")[2].removesuffix(ENDINGS[pack.type]) or unit.slices[0].name
        target = folder / "packed"
        packing.pack_file(path, target, pack, inner, self.conducting.work.context.cancellation)
        return target

    def _as_it_is(self, unit: Unit, files: FileSink, folder: Path) -> tuple[int, "_Placed"]:
        """Copy a file to the folder that it is going to lie in, and put it in its place when the source is known not to have changed."""
        placed, path = _Placed(), unit.path()
        self._claim(path, unit)
        target = files.place(path, 0)
        try:
            with self._fetched(unit.slices[0], folder) as file:
                read = file.bytes
                self._copy(file.path, target)
            crash_point("transfer-after-write")
            stored = files.put(path, target, 0, move=True, durable=self.source.delete_after)[0]
            if stored != read:
                message = f"{path!r} has {stored:,} bytes in the sink, and {read:,} were read"
                raise TransferProblem(Reason.INCONSISTENT, Side.SINK, message)
            placed.add(path, stored)
        finally:
            target.unlink(missing_ok=True)
        return read, placed

    def _merged(self, unit: Unit, files: FileSink, folder: Path) -> tuple[int, "_Placed"]:
        """Put the bytes of several files behind one another."""
        whole, read, placed = folder / "merged", 0, _Placed()
        for number, item in enumerate(unit.slices):
            inside = folder / str(number)
            inside.mkdir()
            with self._fetched(item, inside) as file:
                read += file.bytes
                for _, path in self._unpacked(file, unit, inside):
                    self._copy(path, whole)
            shutil.rmtree(inside)
        self._put(unit.path(), self._packed(whole, unit.path(), unit, folder), 0, unit, files, placed)
        return read, placed

    def _copy(self, path: Path, target: Path) -> None:
        """Put the bytes of a file behind those of another one, which is made if it is not there."""
        begun = time.monotonic()
        try:
            target.touch(mode=0o666)
            with path.open("rb", buffering=0) as source, target.open("r+b", buffering=0) as end:
                end.seek(0, os.SEEK_END)
                _copy_all(source.fileno(), end.fileno(), self.conducting.work.context.cancellation)
        except OSError as error:
            raise disk_full(error, target.parent) or error from error
        self.conducting.tally.spent("writing", time.monotonic() - begun)

    def _put(self, path: str, local: Path, number: int, unit: Unit, files: FileSink, placed: "_Placed") -> None:
        """Put a file in its place, and compare what is there with what was read where that is asked for."""
        self._claim(path, unit)
        files.note_part(path, files.part_of(path, number))
        crash_point("transfer-before-rename")
        stored, md5 = files.put(path, local, number, move=False, durable=self.source.delete_after)
        placed.add(path, stored)
        crash_point("transfer-after-put")
        if self.conducting.request.tolerance.verify:
            _compare(path, local, stored, md5)

    def _claim(self, path: str, unit: Unit) -> None:
        """Take a path of the sink for a unit; two must not have the same."""
        with self._lock:
            other = self.taken.setdefault(path, unit.slices[0].path)
        if other != unit.slices[0].path:
            message = f"two files would become {path!r} of the sink: parts of {other!r} and {unit.slices[0].path!r}; keep folders of archives apart"
            raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)

    def _skips(self, problem: Problem, path: str, *, single: bool, item: Slice | None = None) -> bool:
        """Say whether a file with this problem is left out, and note it then."""
        skipped = self.conducting.request.tolerance.files
        if skipped is None or single or not isinstance(problem, TransferProblem):
            return False
        reason = problem.reason
        if reason is Reason.SOURCE_CHANGED:
            reason = missing(self.source.place) if self._is_gone(item) else Reason.INCONSISTENT
        at_source = problem.side is Side.SOURCE
        wanted = {
            Reason.ACCESS_DENIED: skipped.forbidden and at_source,
            Reason.INVALID_FILE_NAME: skipped.invalid_name,
            Reason.INCONSISTENT: skipped.inconsistent,
            **dict.fromkeys(_GONE, skipped.missing and at_source),
        }
        if not wanted.get(reason, False):
            return False
        now = self.conducting.means.clock.now()
        self.conducting.journal.note_skipped(Skipped(digest(path), path, reason.value, problem.message, now))
        return True

    def _is_gone(self, item: Slice | None) -> bool:
        if item is None or self.store is None or not isinstance(item.data, ChosenFile):
            return False
        entry = item.data.entry
        path = entry.place if self.source.place.type is StoreType.FOLDER else entry.name
        return self.store.look(path, self.conducting.work.context.cancellation) is None


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@dataclass
class _Placed:
    """What one unit has put into the sink."""

    paths: list[str] = field(default_factory=list)
    bytes: int = 0

    def add(self, path: str, size: int) -> None:
        self.paths.append(path)
        self.bytes += size

    @contextmanager
    def removed_if_raises(self, files: FileSink) -> Iterator[None]:
        """Remove what was put when something is wrong with where it came from: it may be parts of two versions."""
        try:
            yield
        except TransferProblem as problem:
            if problem.reason in {Reason.SOURCE_CHANGED, Reason.INCONSISTENT}:
                for path in self.paths:
                    files.remove(path)
            raise


def _copy_all(source: int, end: int, cancellation: Cancellation) -> None:
    """Copy from where one open file stands to where another does: by the system, which may share blocks, or by reading and writing."""
    with suppress(OSError):
        while os.copy_file_range(source, end, _CHUNK):
            cancellation.check()
    # What the system could not do (another file system, no room) is done, or fails, here.
    while chunk := os.read(source, _CHUNK):
        cancellation.check()
        _write_all(end, memoryview(chunk))


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _compare(path: str, local: Path, stored: int, md5: bytes | None) -> None:
    """Compare what the sink has with what was read.

    Raises:
        TransferProblem: ``INCONSISTENT``.
    """
    size = local.stat().st_size
    if stored != size:
        message = f"{path!r} has {stored:,} bytes in the sink, and {size:,} were read"
        raise TransferProblem(Reason.INCONSISTENT, Side.SINK, message)
    if md5 is None:
        return
    with local.open("rb") as stream:
        read = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).digest()
    if read != md5:
        message = f"the checksum of {path!r} in the sink ({md5.hex()}) is not that of what was read ({read.hex()})"
        raise TransferProblem(Reason.INCONSISTENT, Side.SINK, message)
