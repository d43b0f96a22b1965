"""Copying files: list, select by the window, and lay down each as it came."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import structlog

from headrace.core.clock import MINUTE
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.landing import LandedFile, Landing
from headrace.core.outcome import Figures
from headrace.core.settings import CopySettings
from headrace.core.source import Compression, FileSource
from headrace.core.window import Window
from headrace.dataplane import landing
from headrace.dataplane.archives import open_members
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Entry, FileStore, Listing, SourceFile, listing_of, select
from headrace.dataplane.connectors.stores import open_store
from headrace.dataplane.slices import Copying, one_problem, run_slices
from headrace.dataplane.storage import disk_full, no_room

_log = structlog.get_logger(__name__)

_SUFFIXES = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]{0,9}){1,2}$")


_CLOSE = MINUTE
"""A window that ended longer ago has ended by the store's clock too, which need not be asked."""


@dataclass(frozen=True, slots=True)
class FileSlice:
    """One file to be copied, and the name under which it is to land."""

    entry: Entry
    file: str


def copy_files(
    settings: CopySettings, source: FileSource, work: Copying, connect: Callable[[str], ConnectionInfo]
) -> Landing:
    """Copy what ``source`` selects; return the landing.

    Raises:
        Problem: one for everything that could not be copied, naming every failing file.
    """
    with _opened(source, work, connect) as store:
        return _copied(settings, source, store, work)


@contextmanager
def _opened(source: FileSource, work: Copying, connect: Callable[[str], ConnectionInfo]) -> Iterator[FileStore]:
    """Open the source's store; it is cut off at once when the copy has to stop."""
    info = None if source.connection is None else connect(source.connection)
    store = open_store(source.root, info, work.roots.file_roots, work.limits)
    forget = work.context.cancellation.on_stop(store.close)
    try:
        yield store
    except Problem:
        # What broke since it was cut off is not what was wrong.
        work.context.cancellation.check()
        raise
    finally:
        forget()
        store.close()


def _copied(settings: CopySettings, source: FileSource, store: FileStore, work: Copying) -> Landing:
    limits = work.limits
    window = _window_of(source, store, work)
    listing = _listing(source, store, work)
    slices = split(listing.entries, window)
    _check_amount(settings, slices)
    earlier = landing.reusable(work.roots, work.task)
    _check_room(work.folder.path, (s.entry.size for s in slices if _version(s.entry) not in earlier))
    kept = sum(_version(s.entry) in earlier for s in slices)
    _log.info("files were found", files=len(slices), bytes=sum(s.entry.size for s in slices), copied_before=kept)
    done = run_slices(
        slices,
        lambda s: copy_slice(s, store, work, earlier, settings.packed),
        lambda s: s.entry.name,
        threads=limits.threads,
    )
    failures = (*((r.name, r.problem) for r in listing.refused), *done.failures)
    if failures:
        raise one_problem(failures, len(slices) + len(listing.refused), "files")
    return Landing(done.results, window=window)


def _listing(source: FileSource, store: FileStore, work: Copying) -> Listing:
    """Return what all of the source's paths select, each file once."""
    found: list[Listing] = []
    for path in (source.path, *source.also):
        selection = select(path, recursive=source.recursive, longest=work.limits.max_file_name)
        try:
            found.append(store.list(selection, work.context.cancellation))
        except Problem as problem:
            if problem.code is not Code.SOURCE_NOT_FOUND or not source.missing_ok or not selection.single:
                raise
    return listing_of(
        chain.from_iterable(one.entries for one in found), chain.from_iterable(one.refused for one in found)
    )


def split(entries: Iterable[Entry], window: Window | None) -> tuple[FileSlice, ...]:
    """Return the slices of a listing: the files whose modification time lies in ``window`` (None: all), numbered in their order."""
    taken = [entry for entry in entries if window is None or window.contains(entry.modified_at)]
    return tuple(FileSlice(entry, f"{number:06d}{safe_suffix(entry.name)}") for number, entry in enumerate(taken, 1))


def safe_suffix(name: str) -> str:
    """Return the last one or two suffixes of a file's name (``.csv.gz``) in lower case; empty when they are not plain."""
    match = _SUFFIXES.search(name.rpartition("/")[2].lstrip("."))
    return match[0].lower() if match else ""


def copy_slice(
    item: FileSlice,
    store: FileStore,
    work: Copying,
    earlier: Mapping[tuple[str, int, int], Path],
    packed: Compression = Compression.NONE,
) -> LandedFile:
    """Lay down one file, or take it from an ``earlier`` try; return what landed. ``packed``: it is unpacked once, to see that it is whole.

    Raises:
        Problem: what is wrong with this file; nothing of it is left then.
    """
    entry, target = item.entry, work.folder.path / item.file
    finished = earlier.get(_version(entry))
    if finished is not None and _link(finished, target):
        work.tally.add(Figures(files_written=1))
    else:
        crash_point("copy-before-file")
        try:
            with store.open(entry) as opened:
                _write(opened, entry, target, work)
                opened.finish()
            _check_whole(target, entry, packed, work)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        work.tally.add(Figures(bytes_read=0, bytes_written=entry.size, files_read=1, files_written=1))
    crash_point("copy-after-file")
    work.folder.note(landing.Finished(entry.name, entry.size, entry.stamp, item.file, landing.boot_id()))
    crash_point("copy-after-file-noted")
    return LandedFile(work.folder.landed(item.file), entry.name, entry.size, entry.modified_at)


def _check_whole(target: Path, entry: Entry, packed: Compression, work: Copying) -> None:
    """Read through what a landed file contains: one that is broken would be broken for every later try, too, if it stayed."""
    # A file of no bytes is told by who reads it.
    if packed is Compression.NONE or entry.size == 0:
        return
    for member in open_members(target, entry.name, packed, work.limits, work.context.cancellation):
        while member.stream.read(work.limits.read_chunk):
            pass


def _write(opened: SourceFile, entry: Entry, target: Path, work: Copying) -> None:
    buffer = memoryview(bytearray(max(1, min(work.limits.read_chunk, entry.size + 1))))
    copied = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while count := opened.readinto(buffer):
            copied += count
            if copied > entry.size:
                break
            _write_all(descriptor, buffer[:count])
            work.tally.add(Figures(bytes_read=count))
    except OSError as error:
        raise disk_full(error, target.parent, entry.size - copied) or error from error
    finally:
        os.close(descriptor)
    if copied != entry.size:
        message = f"{entry.name!r} changed while it was read: {entry.size} bytes were listed, {copied} or more came; try again"
        raise Problem(Code.SOURCE_CHANGED, message)


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _link(finished: Path, target: Path) -> bool:
    try:
        os.link(finished, target)
    except OSError:
        return False  # removed meanwhile, or a file system without links: it is read again
    return True


def _window_of(source: FileSource, store: FileStore, work: Copying) -> Window | None:
    """Return the window of modification times, its end fixed and past before anything is listed; None: files are not selected by time."""
    if not source.by_modification_time:
        return None
    asked = work.task.window
    start, end = (None, None) if asked is None else (asked.start, asked.end)
    now = work.clock.now()
    if end is None:
        end = store.horizon(now)
        end = end if start is None else max(start, end)
    elif end > now - _CLOSE:
        work.let_pass(end, store.horizon(now))
    return Window(start, end)


def _check_amount(settings: CopySettings, slices: tuple[FileSlice, ...]) -> None:
    if len(slices) > settings.max_files:
        message = f"the source has {len(slices):,} files, and at most {settings.max_files:,} are copied (max_files)"
        raise Problem(Code.LIMIT_EXCEEDED, message)
    total = sum(item.entry.size for item in slices)
    if total > settings.max_bytes:
        message = f"the source has {total:,} bytes, and at most {settings.max_bytes:,} are copied (max_bytes)"
        raise Problem(Code.LIMIT_EXCEEDED, message)


def _check_room(folder: Path, sizes: Iterable[int]) -> None:
    needed = sum(sizes)
    if needed > os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize:
        raise no_room(folder, needed)


def _version(entry: Entry) -> tuple[str, int, int]:
    return entry.name, entry.size, entry.stamp
