"""Files of a store as a source of rows: chosen, fetched, unpacked, and read by the reader of their format.

A slice is a file. Files of this machine are read where they lie, through a descriptor that is opened once: whatever happens to their names
meanwhile, it is the chosen file that is read. What lies elsewhere is downloaded first, in the version that was listed.
"""

import importlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.files import Entry, SourceFile
from headrace.dataplane.connectors.local import LocalFiles
from headrace.dataplane.connectors.writing import WritableStore
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer import formats, packing
from headrace.dataplane.transfer.choosing import Chosen, ChosenFile, choose
from headrace.dataplane.transfer.combining import nothing, one_after_the_other, with_values
from headrace.dataplane.transfer.faults import Side, TransferProblem
from headrace.dataplane.transfer.places import meant, missing, on_side, open_place
from headrace.dataplane.transfer.request import FilesSource, HttpRequestOptions, Place, StoreType
from headrace.dataplane.transfer.rows import LocalFile, Rows, Slice, Working
from headrace.dataplane.transfer.session import TransferSession

_HTTP = f"{__package__}.services.fetching"


def read_files(source: FilesSource, work: Working) -> "FilesReader":
    """Return the reader of a source's files; nothing is asked of the store yet.

    Raises:
        TransferProblem: as ``places.open_place``.
    """
    store = None if source.place.type is StoreType.HTTP else open_place(source.place, work.file_roots, work.limits)
    return FilesReader(source, work, store)


class FilesReader:
    """A ``SourceReader`` of files. ``store`` None: they come from an HTTP server."""

    def __init__(self, source: FilesSource, work: Working, store: WritableStore | None) -> None:
        self.source, self.work, self.store = source, work, store
        self._chosen = Chosen()
        self._forget: Callable[[], None] | None = None
        if store is not None:
            self._forget = work.context.cancellation.on_stop(store.close)

    def slices(self) -> Sequence[Slice]:
        """Return a slice for each file, by name.

        Raises:
            TransferProblem: as ``choose``; for files of a list that are not there, and for those that cannot be taken.
        """
        if self.store is None:
            return [_of_request(self.source.http or HttpRequestOptions())]
        source, work = self.source, self.work
        cancellation = work.context.cancellation
        chosen = choose(self.store, source.place, source.choice, cancellation, work.limits, source.partition_root)
        check_all_there(chosen, source.place)
        self._chosen = chosen
        return [slice_of(file) for file in chosen.files]

    @contextmanager
    def open(self, item: Slice, session: TransferSession) -> Iterator[Rows]:
        """Fetch and open one file; see ``SourceReader.open``. Left without an exception, it checks that one version of the file was read.

        Raises:
            TransferProblem: ``SOURCE_CHANGED``, ``UNREADABLE``, ``STORE_FAILED``, ``OBJECT_NOT_FOUND``, …
        """
        folder = Path(tempfile.mkdtemp(prefix="file-", dir=self.work.folder))
        try:
            with self._fetched(item, folder) as file, self._rows(file, folder, session) as rows:
                found = self._with_partitions(rows, item)
                # The size of an answer is known when it is here.
                yield replace(found, taken=lambda: file.bytes) if item.bytes is None else found
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _fetched(self, item: Slice, folder: Path) -> Any:
        if self.store is None:
            return importlib.import_module(_HTTP).fetch_http(self.source, folder, self.work)
        return fetched(self.store, self.source.place, item.data, folder, self.work)

    @contextmanager
    def _rows(self, file: LocalFile, folder: Path, session: TransferSession) -> Iterator[Rows]:
        read, work, form = formats.reader_of(self.source.format), self.work, self.source.format
        with ExitStack() as stack:
            members = (member for member in self._members(file, folder) if member.bytes)
            parts = [stack.enter_context(read(member, form, session, work)) for member in members]
            yield one_after_the_other(parts) if parts else nothing()

    def _members(self, file: LocalFile, folder: Path) -> Iterator[LocalFile]:
        """Yield the files that are packed in one, or itself."""
        if file.bytes == 0:
            return
        work, pack = self.work, self.source.pack
        for member in packing.unpack(file.path, pack, folder, work.limits, work.context.cancellation, file.name):
            is_itself = member.path == file.path
            name = file.name if is_itself or not member.name else f"{file.name}/{member.name}"
            yield LocalFile(member.path, name, member.path.stat().st_size, file.modified_at)

    def _with_partitions(self, rows: Rows, item: Slice) -> Rows:
        names = self._chosen.partitions
        if not names or not rows.fields or not isinstance(item.data, ChosenFile):
            return rows
        return with_values(rows, dict(zip(names, item.data.values, strict=True)))

    def close(self) -> None:
        """Let go of the store; also from another thread."""
        forget, self._forget = self._forget, None
        if forget is not None:
            forget()
        if self.store is not None:
            self.store.close()


def slice_of(file: ChosenFile) -> Slice:
    """Return the slice that a file is: its id is that of this version of it."""
    entry = file.entry
    said = f"{entry.name}\n{entry.size}\n{entry.stamp}\n{entry.version}"
    return Slice(_digest(said), entry.name, file.path, entry.size, file)


def _of_request(options: HttpRequestOptions) -> Slice:
    address, _, _ = options.url.partition("?")
    name = address.rstrip("/").rpartition("/")[2] or "data"
    said = f"{options.method}\n{options.url}\n{sha256(options.body).hexdigest()}"
    return Slice(_digest(said), name, name)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def check_all_there(chosen: Chosen, place: Place) -> None:
    """Check that all that is meant can be taken.

    Raises:
        TransferProblem: ``OBJECT_NOT_FOUND``, ``FILE_NOT_FOUND``; why the first of them cannot be taken. Problem: a limit.
    """
    if chosen.missing:
        name = chosen.missing[0]
        others = f", and {len(chosen.missing) - 1} others" if len(chosen.missing) > 1 else ""
        message = f"the list of files names {name!r}{others}, and there is no such file"
        raise TransferProblem(missing(place), Side.SOURCE, message, Code.SOURCE_NOT_FOUND)
    if chosen.refused:
        raise meant(chosen.refused[0].problem, place, Side.SOURCE)


@contextmanager
def fetched(store: WritableStore, place: Place, file: ChosenFile, folder: Path, work: Working) -> Iterator[LocalFile]:
    """Lend a file of ``store`` on this machine: where it lies, else downloaded to ``folder``, where it is the caller's to remove.

    Left without an exception, it checks that one version of the file was there all the time.

    Raises:
        TransferProblem: on the source's side: ``SOURCE_CHANGED`` (also: gone), ``ACCESS_DENIED``, ``STORE_FAILED``. Problem: ``DISK_FULL``; what
            the cancellation says.
    """
    entry = file.entry
    path = folder / "fetched"
    with ExitStack() as stack:
        with on_side(place, Side.SOURCE):
            opened = stack.enter_context(store.open(entry))
            lies_here = isinstance(store, LocalFiles) and _linked(store, opened, path)
            if not lies_here:
                _downloaded(opened, path, entry, work)
        yield LocalFile(path, entry.name, entry.size, entry.modified_at)
        if lies_here:
            with on_side(place, Side.SOURCE):
                opened.finish()


def _linked(store: LocalFiles, opened: Any, path: Path) -> bool:
    """Let ``path`` lead to an open file below the store's root; return False for one elsewhere (a link leads there), which is copied.

    DuckDB asks where a path leads, and lets only known folders be read.
    """
    real = store.check_descriptor(opened.descriptor, opened.entry.name)
    if not real.is_relative_to(store.root):
        return False
    path.symlink_to(f"/proc/self/fd/{opened.descriptor}")
    return True


def _downloaded(opened: SourceFile, path: Path, entry: Entry, work: Working) -> None:
    cancellation = work.context.cancellation
    buffer = memoryview(bytearray(work.limits.read_chunk))
    total = 0
    try:
        with path.open("xb", buffering=0) as target:
            while count := opened.readinto(buffer):
                cancellation.check()
                total += count
                if total > entry.size:
                    break
                target.write(buffer[:count])
    except OSError as error:
        raise disk_full(error, path.parent, entry.size - total) or error from error
    opened.finish()
    if total != entry.size:
        message = f"{entry.name!r} changed while it was read (it had {entry.size:,} bytes); try again when nobody writes to it"
        raise Problem(Code.SOURCE_CHANGED, message)
