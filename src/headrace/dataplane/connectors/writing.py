"""Writing into file stores: what transfers need of them besides reading.

WritableStore   put, look, remove: for local folders, object stores and SFTP
PutOptions      what may be said about one file
Stored          what the store says of a file that it has taken
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from headrace.core.clock import Instant
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Child, FileStore, shown

PART = ".headrace-part-"
"""What the names of unfinished files begin with; sources leave such files alone."""


_CODES: Mapping[Code, Code] = {
    Code.SOURCE_UNAUTHENTICATED: Code.TARGET_DENIED,
    Code.SOURCE_DENIED: Code.TARGET_DENIED,
    Code.SOURCE_NOT_FOUND: Code.NOT_FOUND,
    Code.SOURCE_UNAVAILABLE: Code.TARGET_UNAVAILABLE,
    Code.SOURCE_TIMEOUT: Code.TARGET_UNAVAILABLE,
    Code.SOURCE_UNREADABLE: Code.TARGET_UNAVAILABLE,
    Code.SOURCE_CHANGED: Code.TARGET_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class PutOptions:
    """What may be said about one file.

    ``metadata``: kept with an object. ``block_bytes``: of the parts that a large object is sent in. ``temporary_name`` False: the file is written
    under its own name at once, for servers that do not rename (SFTP). ``part``: the last segment of the temporary name, beginning with ``PART``;
    empty: one is chosen. ``move``: the source may be renamed into its place (local folders). ``durable``: the file survives a loss of power.
    Stores leave alone what they do not know.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    block_bytes: int | None = None
    temporary_name: bool = True
    part: str = ""
    move: bool = False
    durable: bool = False


PLAIN = PutOptions()
"""Nothing is said."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that a store has taken. ``md5``: of its bytes, where the store has checked or computed it. ``etag``: empty where there is none."""

    size: int
    md5: bytes | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """What stores may know of a file besides its size and its time. None: this store does not."""

    created_at: Instant | None = None
    md5: bytes | None = None


class WritableStore(FileStore, Protocol):
    """A file store that can be written to. Paths are relative to its root, with ``/`` between segments; several threads may use it at a time."""

    def put(self, path: str, source: Path, cancellation: Cancellation, options: PutOptions = PLAIN) -> Stored:
        """Write the file ``source`` to ``path``, whole or not at all; what is there is replaced, missing folders are made.

        Raises:
            Problem: ``TARGET_DENIED``, ``TARGET_UNAVAILABLE``, ``DISK_FULL``, ``INVALID``: the store takes no such name or metadata;
                ``NOT_FOUND``: no such bucket; what the cancellation says.
        """
        ...

    def look(self, path: str, cancellation: Cancellation) -> Child | None:
        """Return the file or folder at ``path``; None: there is none. ``Child.problem`` is set where it cannot be taken.

        Raises:
            Problem: as ``FileStore.list``, but for ``SOURCE_NOT_FOUND``, which is a bucket that is not there.
        """
        ...

    def describe(self, path: str, cancellation: Cancellation) -> Described:
        """Return what else the store knows of the file or folder at ``path``, which is there.

        Raises:
            Problem: as ``look``.
        """
        ...

    def remove(self, path: str, cancellation: Cancellation) -> bool:
        """Remove a file; return False when it was not there (stores that do not tell return True).

        Raises:
            Problem: as ``put``.
        """
        ...

    def remove_folder(self, path: str, cancellation: Cancellation) -> None:
        """Remove a folder with nothing in it. One that has something in it, or is not there, stays as it is.

        Raises:
            Problem: as ``put``.
        """
        ...

    def staging(self, path: str, cancellation: Cancellation) -> Path | None:
        """Return the folder of this machine that ``path`` is going to lie in, and make it; None: it does not lie on this machine.

        Raises:
            Problem: as ``put``.
        """
        ...


@contextmanager
def for_target() -> Iterator[None]:
    """Say what problems of reading are for whoever writes."""
    try:
        yield
    except Problem as problem:
        if problem.code not in _CODES:
            raise
        raise Problem(_CODES[problem.code], problem.message, problem.fields, problem.context) from problem


def checked_path(path: str) -> tuple[str, ...]:
    """Return the segments of the path of a file or folder to be written or removed.

    Raises:
        Problem: ``INVALID``: it leads, or could lead, elsewhere; ``TARGET_DENIED``: out of the root.
    """
    segments = tuple(path.split("/"))
    if ".." in segments or path.startswith("/"):
        raise Problem(Code.TARGET_DENIED, f"the path {shown(path)!r} leads out of the root of the store")
    if "\0" in path or "." in segments or "" in segments:
        raise invalid_name(path, "has an empty segment, '.', or a NUL character")
    return segments


def invalid_name(path: str, why: str) -> Problem:
    """Return the problem of a name that a store does not take."""
    label = shown(path)
    label = label if len(label) <= 120 else f"{label[:120]}…"
    return Problem(Code.INVALID, f"the name {label!r} {why}", (FieldError("name", why),))


def part_name(options: PutOptions) -> str:
    """Return the last segment of the name that a file has until it is finished."""
    return options.part or f"{PART}{uuid.uuid4().hex}"
