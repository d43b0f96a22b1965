"""File stores: what copying needs of them, and how a source's path selects files.

Selection     which files are wanted: a parsed path and what may be missing
FileStore     list, open: one protocol for local folders, object stores, SFTP and FTP
Entry         one file as the listing saw it
Listing       the entries, in the order of their names, and what was found but cannot be taken
Child         what lies in one folder: a file, or a folder
"""

import difflib
import fnmatch
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from headrace.core.clock import Instant
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.task import Cancellation

_WILDCARD = re.compile(r"[*?\[]")
_DRIVE = re.compile(r"^[A-Za-z]:")
ANY_DEPTH = "**"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as the listing saw it.

    ``name`` is its path below the source's root, fit for people and JSON; ``place`` is what the store opens it by.
    ``stamp`` is the modification time in the store's own unit, or a digest of what the store calls its version: two stamps that differ are
    two versions. ``version`` is that (an etag), for stores that can be asked for it; empty for others.
    """

    name: str
    place: str
    size: int
    modified_at: Instant
    stamp: int
    version: str = ""


@dataclass(frozen=True, slots=True)
class Child:
    """What lies in one folder: ``name`` is its last segment, ``place`` what the store opens it by (of a folder: with a trailing ``/``).

    ``problem``: why it cannot be taken, if it is wanted. ``real``: where a folder is at the end of all links, in stores that have links and tell.
    """

    name: str
    place: str
    is_folder: bool
    size: int = 0
    modified_at: Instant | None = None
    stamp: int = 0
    version: str = ""
    problem: Problem | None = None
    real: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that the selection names and that cannot be taken, and why."""

    name: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Listing:
    """What a selection found, ordered by name."""

    entries: tuple[Entry, ...]
    refused: tuple[Refusal, ...] = ()


class SourceFile(Protocol):
    """An opened file of a store."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` from its start; return how many bytes came, 0 at the end."""
        ...

    def finish(self) -> None:
        """Check, after the last byte, that one version of the file was read.

        Raises:
            Problem: ``SOURCE_CHANGED``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files are wanted, parsed from a source's ``path`` by ``select``.

    ``folders`` are the segments before the file's name, each literal, a wildcard, or ``**``. ``name`` None: every file.
    ``single``: the path names one file, without wildcards.
    """

    folders: tuple[str, ...]
    name: str | None
    recursive: bool = False

    @property
    def single(self) -> bool:
        """Say whether exactly one file is named."""
        return self.name is not None and not any(map(has_wildcard, (*self.folders, self.name)))

    def takes(self, name: str) -> bool:
        """Say whether a file of this name is wanted, in a folder that is."""
        return segment_takes(self.name or "*", name)

    def below(self, folder: str, depth: int) -> tuple[int, ...]:
        """Return how many segments are behind the folder ``folder`` for each way in which it can be wanted, ``depth`` being behind its parent."""
        if depth == len(self.folders):
            return (depth,) if self.recursive and not folder.startswith(".") else ()
        if self.folders[depth] != ANY_DEPTH:
            return (depth + 1,) if segment_takes(self.folders[depth], folder) else ()
        stays = () if folder.startswith(".") else (depth,)
        return stays + self.below(folder, depth + 1)

    def ends_at(self, depth: int) -> bool:
        """Say whether files are wanted in a folder that ``depth`` segments are behind."""
        return all(segment == ANY_DEPTH for segment in self.folders[depth:])

    def takes_path(self, segments: tuple[str, ...]) -> bool:
        """Say whether the file whose path has these segments is wanted."""
        depths = {0}
        for folder in segments[:-1]:
            depths = {below for depth in depths for below in self.below(folder, depth)}
        return any(map(self.ends_at, depths)) and self.takes(segments[-1])


class FileStore(Protocol):
    """Files below one root; several threads may use it at a time."""

    def list(self, selection: Selection, cancellation: Cancellation) -> Listing:
        """Return the files that ``selection`` names.

        Raises:
            Problem: ``SOURCE_NOT_FOUND`` (the named file or folder, with a similar name where there is one), ``SOURCE_UNAUTHENTICATED``,
                ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_TIMEOUT``, ``LIMIT_EXCEEDED``.
        """
        ...

    def children(self, folder: str, cancellation: Cancellation) -> Iterator[Child]:
        """Yield what lies in ``folder`` (``""``: the root; else as in ``Child.place``), in no order, little by little.

        Raises:
            Problem: as ``list``.
        """
        ...

    def open(self, entry: Entry, at: int = 0) -> AbstractContextManager[SourceFile]:
        """Open the file that ``entry`` is, to be read once from the offset ``at``.

        Raises:
            Problem: ``SOURCE_CHANGED`` (it is another one now, or gone), ``SOURCE_DENIED``, ``SOURCE_UNREADABLE``, ``SOURCE_UNAVAILABLE``.
        """
        ...

    def horizon(self, now: Instant) -> Instant:
        """Return the instant before which no file that is written from ``now`` on will be dated, as far as the store's clock is known."""
        ...

    def close(self) -> None:
        """Cut all connections, at once and from any thread: what is being read fails."""
        ...


def select(path: str, *, recursive: bool = False, longest: int = 1024) -> Selection:
    """Return the selection that ``path`` stands for.

    ``path`` is relative, with ``/`` between segments. It names a file; or a folder (it ends in ``/``, or is empty); or, with ``*``, ``?`` and
    ``[…]`` in any segment, every file that matches; a segment ``**`` stands for any depth.

    Raises:
        Problem: ``SOURCE_DENIED`` for what leads, or could lead, out of the root; ``LIMIT_EXCEEDED`` for a path over ``longest`` bytes.
    """
    _check_form(path, longest)
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    if ".." in segments:
        raise _denied(path, "leads upwards with '..'")
    is_folder = path == "" or path.endswith(("/", "/.")) or path == "."
    name = None if is_folder else segments.pop()
    if name == ANY_DEPTH:
        name, recursive = None, True
    folders = [s for n, s in enumerate(segments) if not (s == ANY_DEPTH and n > 0 and segments[n - 1] == ANY_DEPTH)]
    return Selection(tuple(folders), name, recursive)


def _check_form(path: str, longest: int) -> None:
    if "\0" in path:
        raise _denied(path.replace("\0", "\\0"), "has a NUL character")
    if path.startswith("/"):
        raise _denied(path, "is absolute")
    if "\\" in path or _DRIVE.match(path):
        raise _denied(path, "has the form of a Windows path")
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise _denied(ascii(path), "is no text (it has half of a surrogate pair)") from None
    if size > longest:
        raise Problem(Code.LIMIT_EXCEEDED, f"the path has {size} bytes; at most {longest} are allowed (max_file_name)")


def _denied(path: str, why: str) -> Problem:
    hint = "a path below the source's root, like 'folder/file.csv' or 'folder/*.csv'"
    return Problem(Code.SOURCE_DENIED, f"the path {path!r} {why}; give {hint}", (FieldError("path", why, hint),))


def has_wildcard(segment: str) -> bool:
    """Say whether a segment matches more than itself."""
    return _WILDCARD.search(segment) is not None


def segment_takes(pattern: str, name: str) -> bool:
    """Say whether one segment of a pattern takes ``name``; wildcards leave hidden names (``.x``) alone unless they say the dot."""
    if not has_wildcard(pattern):
        return pattern == name
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, pattern)


def listing_of(entries: Iterable[Entry], refused: Iterable[Refusal]) -> Listing:
    """Return a listing in the order that every store keeps: by name."""
    by_name = {entry.name: entry for entry in entries}
    refusals = {refusal.name: refusal for refusal in refused}
    return Listing(tuple(by_name[name] for name in sorted(by_name)), tuple(refusals[name] for name in sorted(refusals)))


def similar(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean …?`` for the names that are like ``name``; empty when none is."""
    matches = difflib.get_close_matches(name, list(names), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(shown(match)) for match in matches)}?" if matches else ""


def shown(name: str) -> str:
    """Return a name as people and JSON can have it.

    File systems allow bytes that are no UTF-8; Python smuggles them as half surrogates, which no JSON and no database takes.
    """
    if name.isascii():
        return name  # the same text, so that a million of them are not kept twice
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
