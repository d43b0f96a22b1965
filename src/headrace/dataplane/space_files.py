"""The bytes of the files of spaces, on disk: ``<files>/<file id>``, written once and never changed.

A file's bytes are there before its row, and go after it. What a crash leaves between the two has no row, and is collected when it is old enough.
"""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.dataplane.storage import Roots, disk_full, make_durable

_ID = re.compile(r"us_fl_[0-9A-Za-z]{1,64}")
_BEGUN = ".begun"
_AT_ONCE = 500


class Incoming:
    """Bytes on their way to the disk. Use it in a ``with``; unless ``keep`` is called, nothing of them stays."""

    def __init__(self, roots: Roots) -> None:
        roots.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._roots = roots
        self._path = roots.files / f"{secrets.token_hex(16)}{_BEGUN}"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Write what came next.

        Raises:
            Problem: ``DISK_FULL``.
        """
        view = memoryview(data)
        try:
            while view:
                count = os.write(self._descriptor, view)
                self.size, view = self.size + count, view[count:]
        except OSError as error:
            raise disk_full(error, self._roots.files) or error from error

    def keep(self, file_id: str) -> Path:
        """Make the bytes those of a file, so that they survive a loss of power, and return where they are."""
        os.fsync(self._descriptor)
        return put(self._roots, file_id, self._path)


def place(roots: Roots, file_id: str) -> Path:
    """Return where the bytes of a file are."""
    if _ID.fullmatch(file_id) is None:
        message = f"{file_id!r} is no id of a file"
        raise ValueError(message)
    return roots.files / file_id


def put(roots: Roots, file_id: str, path: Path) -> Path:
    """Make the bytes at ``path``, which are durable, on the same disk, and nobody else's, those of a file; return where they are."""
    target = place(roots, file_id)
    path.replace(target)
    make_durable(roots.files)
    return target


def copy(roots: Roots, file_id: str, copy_id: str) -> Path:
    """Give another file the same bytes.

    Raises:
        Problem: ``NOT_FOUND``: there are none; ``DISK_FULL``.
    """
    source, target = place(roots, file_id), place(roots, copy_id)
    try:
        # Nobody changes bytes that are there: two names for them are as good as two copies.
        os.link(source, target)
    except FileNotFoundError as error:
        raise Problem(Code.NOT_FOUND, "the bytes of the file are not there any more") from error
    except OSError:
        _copied(roots, source, target)
    make_durable(roots.files)
    return target


def discard(roots: Roots, file_ids: Collection[str]) -> None:
    """Remove the bytes of files that have no row any more."""
    for file_id in file_ids:
        place(roots, file_id).unlink(missing_ok=True)


def collect(roots: Roots, has_row: Callable[[Collection[str]], Collection[str]], before: Instant) -> int:
    """Remove bytes that came before ``before`` and belong to no file, and return how many files that were. ``has_row`` says which ids files have."""
    removed = 0
    old = _old(roots, before)
    while some := list(islice(old, _AT_ONCE)):
        known = set(has_row([path.name for path in some if not path.name.endswith(_BEGUN)]))
        for path in some:
            if path.name not in known:
                path.unlink(missing_ok=True)
                removed += 1
    return removed


def _old(roots: Roots, before: Instant) -> Iterator[Path]:
    if not roots.files.is_dir():
        return
    for entry in os.scandir(roots.files):
        if not entry.is_file(follow_symlinks=False):
            continue
        if not entry.name.endswith(_BEGUN) and _ID.fullmatch(entry.name) is None:
            # Somebody else put it here.
            continue
        status = entry.stat(follow_symlinks=False)
        # Moving a file into its place changes its status, not the time at which it was written.
        if max(status.st_mtime, status.st_ctime) * SECOND < before:
            yield Path(entry.path)


def _copied(roots: Roots, source: Path, target: Path) -> None:
    draft = roots.files / f"{secrets.token_hex(16)}{_BEGUN}"
    try:
        shutil.copyfile(source, draft)
        make_durable(draft)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise disk_full(error, roots.files) or error from error
