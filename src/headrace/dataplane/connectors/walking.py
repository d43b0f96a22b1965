"""Listing by folders: what a selection takes, in stores that can be asked what lies in one folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Protocol

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import (
    Child,
    Entry,
    Listing,
    Refusal,
    Selection,
    has_wildcard,
    listing_of,
    shown,
)
from headrace.dataplane.connectors.resuming import attempt
from headrace.dataplane.connectors.sockets import Sockets
from headrace.dataplane.limits import Limits


class Tree(Protocol):
    """A store whose folders can be listed."""

    def children(self, folder: str, cancellation: Cancellation) -> Iterator[Child]:
        """As ``FileStore.children``."""
        ...


def literal_folder(selection: Selection) -> tuple[str, int]:
    """Return the folder (with a trailing ``/``, ``""`` for the root) that all selected files lie below, and its depth."""
    literal = tuple(takewhile(lambda segment: not has_wildcard(segment), selection.folders))
    return "".join(f"{segment}/" for segment in literal), len(literal)


@dataclass(slots=True)
class Found:
    """A listing under way: what was found so far, within the limits."""

    limits: Limits
    cancellation: Cancellation
    entries: list[Entry] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    looked_at: int = 0

    def look(self) -> None:
        """Count one thing that was looked at.

        Raises:
            Problem: ``LIMIT_EXCEEDED``, and what the cancellation says.
        """
        self.cancellation.check()
        self.looked_at += 1
        most = self.limits.max_listed_files
        if self.looked_at > most:
            message = f"there are more than {most} files to look at (max_listed_files); select fewer"
            raise Problem(Code.LIMIT_EXCEEDED, message)

    def take(self, child: Child) -> None:
        """Take a file that is wanted, or note why it cannot be taken."""
        name, longest = shown(child.place), self.limits.max_file_name
        size = len(name.encode())
        problem = child.problem
        if problem is None and size > longest:
            message = f"the name {name[:80]!r}… has {size} bytes; at most {longest} are allowed (max_file_name)"
            problem = Problem(Code.LIMIT_EXCEEDED, message)
        if problem is None and child.modified_at is None:
            problem = Problem(Code.SOURCE_UNREADABLE, f"the store does not say when {name!r} was modified")
        if problem is not None:
            self.refused.append(Refusal(name, problem))
        elif child.modified_at is not None:
            self.entries.append(Entry(name, child.place, child.size, child.modified_at, child.stamp, child.version))

    def listing(self) -> Listing:
        """Return what was found."""
        return listing_of(self.entries, self.refused)


@dataclass(frozen=True, slots=True)
class _Here:
    """A folder to be listed: ``depth`` segments of the selection are behind it; ``above`` are the real folders that led to it."""

    folder: str
    depth: int
    above: frozenset[str] = frozenset()


def walk(tree: Tree, selection: Selection, found: Found, sockets: Sockets | None = None) -> None:
    """Take what ``selection`` (not a single file) names, folder by folder.

    The first folder must be there; a folder below that cannot be listed is a refusal. A link to a folder above is not followed again. With
    ``sockets``, a folder whose listing breaks off is listed again, as their limits say.

    Raises:
        Problem: as ``FileStore.list``.
    """
    first = _Here(*literal_folder(selection))
    waiting = [first]
    seen = {(first.folder, first.depth)}
    while waiting:
        here = waiting.pop()
        try:
            list_it = partial(_folder, tree, selection, here, found)
            below = list_it() if sockets is None else attempt(sockets, list_it)
        except Problem as problem:
            stops = problem.code is Code.LIMIT_EXCEEDED or found.cancellation.problem is not None
            if stops or here is first:
                raise
            found.refused.append(Refusal(shown(here.folder.rstrip("/")), problem))
            continue
        for further in below:
            if (further.folder, further.depth) not in seen:
                seen.add((further.folder, further.depth))
                waiting.append(further)


def _folder(tree: Tree, selection: Selection, here: _Here, found: Found) -> Sequence[_Here]:
    """Take the wanted files of one folder; return the folders in it that are wanted."""
    below = []
    for child in tree.children(here.folder, found.cancellation):
        found.look()
        if not child.is_folder:
            if selection.ends_at(here.depth) and selection.takes(child.name):
                found.take(child)
        elif child.problem is not None:
            if selection.below(child.name, here.depth):
                found.take(child)
        elif child.real not in here.above:
            above = here.above | {child.real} if child.real else here.above
            below += [_Here(child.place, depth, above) for depth in selection.below(child.name, here.depth)]
    return below
