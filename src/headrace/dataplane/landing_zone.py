"""The landing zone: a folder of each tenant, below one folder that belongs to Headrace, where files are dropped for flows to take.

A tenant's folder has a name that a person recognises and that no tenant can choose: what of the scope can stand in a name, and a digest of all of
it. Whoever asks gives paths within the folder; ``place`` is the only way from a path to a file.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.dataplane.storage import disk_full, make_durable

MAX_NAME = 255
"""Characters (and bytes) of one segment of a path."""
MAX_PATH = 1024
_PART = ".headrace-part-"
_FORBIDDEN = re.compile(r'["\\:|<>*?\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def folder_of(base: Path, scope: str) -> Path:
    """Return the folder of ``scope`` below ``base``; it need not be there."""
    readable = re.sub(r"[^a-z0-9]+", "-", scope.lower()).strip("-")[:60]
    return base / f"{readable}-{hashlib.sha256(scope.encode()).hexdigest()[:12]}"


def place(folder: Path, path: str) -> Path:
    """Return where the file ``path`` lies below ``folder``.

    Raises:
        Problem: ``INVALID``: a path that leads elsewhere, or a name that is none (7.6 of the Flow Service contract).
    """
    segments = path.strip("/").split("/")
    if path.endswith("/") or len(path) > MAX_PATH:
        raise Problem(
            Code.INVALID, f"the path {path[:100]!r} names no file (at most {MAX_PATH} characters, no / at its end)"
        )
    for segment in segments:
        if (
            segment in {"", ".", ".."}
            or len(segment.encode()) > MAX_NAME
            or segment.startswith(_PART)
            or _FORBIDDEN.search(segment)
            or _DEVICE.fullmatch(segment)
        ):
            raise Problem(Code.INVALID, f"{segment[:100]!r} in the path {path[:100]!r} cannot be the name of a file")
    target = folder.joinpath(*segments)
    if not Path(os.path.realpath(target)).is_relative_to(Path(os.path.realpath(folder))):
        raise Problem(Code.INVALID, f"the path {path[:100]!r} leads out of the landing zone through a link")
    return target


class Incoming:
    """A file on its way in: it is ``target`` once ``finish`` returns, whole and durable; until then nothing of it is seen there.

    Raises:
        Problem: ``DISK_FULL``; ``INVALID``: something else is in the way. Every method but ``drop`` may.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f"{_PART}{secrets.token_hex(8)}")
        with self._told():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._stream = self._part.open("xb")
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        with self._told():
            self._stream.write(chunk)
        self.size += len(chunk)

    def finish(self) -> None:
        """Put the file in its place."""
        with self._told():
            self._stream.close()
            make_durable(self._part)
            self._part.replace(self._target)
            make_durable(self._target.parent)

    def drop(self) -> None:
        """Remove what has come in, unless it is in its place already."""
        # Closing writes what is held back, for which there may be no room; nobody wants it any more.
        with suppress(OSError):
            self._stream.close()
        self._part.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = disk_full(error, self._target.parent)
            if full is not None:
                raise full from error
            raise Problem(
                Code.INVALID, f"the file {self._target.name!r} cannot be written: {error.strerror}"
            ) from error


def sweep(base: Path, before: Instant) -> int:
    """Remove files that were last changed before ``before``, and folders that are empty then; return how many files went. Links are not followed."""
    removed = 0
    for tenant in sorted(base.iterdir()) if base.is_dir() else ():
        for folder, _, names in os.walk(tenant, topdown=False):
            removed += sum(_removed(Path(folder, name), before) for name in names)
            if Path(folder) != tenant:
                _remove_if_empty(Path(folder), before)
    return removed


def _removed(file: Path, before: Instant) -> bool:
    try:
        if file.lstat().st_mtime_ns // 1000 >= before:
            return False
        file.unlink()
    except OSError:
        # Somebody else was faster, or holds it: the next sweep comes by.
        return False
    return True


def _remove_if_empty(folder: Path, before: Instant) -> None:
    try:
        if folder.lstat().st_mtime_ns // 1000 < before:
            folder.rmdir()
    except OSError:
        return
