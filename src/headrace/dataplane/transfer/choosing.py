"""Which files of a place are meant (contract 9.3).

In order of precedence: a list of files, a prefix of keys, wildcards, one file, all files of a folder. Every name is taken like any other, those that
begin with a dot or an underscore, too; only unfinished files of ours (``PART``) are left alone.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Child, Entry, Refusal, shown
from headrace.dataplane.connectors.objects import Objects
from headrace.dataplane.connectors.walking import Found
from headrace.dataplane.connectors.writing import PART, WritableStore
from headrace.dataplane.limits import MIB, Limits
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.partitions import below_bucket, names_of, root_of, values_of
from headrace.dataplane.transfer.places import meant, missing, on_side
from headrace.dataplane.transfer.request import Choice, Place, StoreType
from headrace.dataplane.transfer.wildcards import Segment, segment

_LONGEST_LIST = 256 * MIB


class NotThere(TransferProblem):
    """The one file that is named is not there, or was not modified in the time that is asked for."""


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """A file that is meant. ``path`` is relative to the dataset's folder. ``values`` are those of ``Chosen.partitions``, in their order."""

    entry: Entry
    path: str
    values: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files that are meant, in the order of their names.

    ``missing``: paths of a list of files that nothing is at. ``refused``: what is meant and cannot be taken. ``partitions``: names of the columns
    from folders. ``folder``: what ``ChosenFile.path`` is relative to.
    """

    files: tuple[ChosenFile, ...] = ()
    missing: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    partitions: tuple[str, ...] = ()
    folder: str = ""


def choose(
    store: WritableStore,
    place: Place,
    choice: Choice,
    cancellation: Cancellation,
    limits: Limits,
    partition_root: str | None = None,
) -> Chosen:
    """Return the files of ``place``, which ``store`` is, that ``choice`` means; ``partition_root`` as in ``FilesSource``.

    Raises:
        TransferProblem: on the source's side: ``OBJECT_NOT_FOUND`` or ``FILE_NOT_FOUND`` for the one file that is named (``NotThere``), the list
            of files, a bucket, or the root of the place; ``ACCESS_DENIED``; ``STORE_FAILED``; ``REQUEST_INVALID``.
        Problem: ``LIMIT_EXCEEDED``; what the cancellation says.
    """
    _check(choice, place)
    looking = _Looking(store, place, choice, Found(limits, cancellation))
    with on_side(place, Side.SOURCE):
        chosen = looking.chosen()
    return chosen if partition_root is None else _partitioned(chosen, root_of(partition_root, chosen.folder, place))


def _check(choice: Choice, place: Place) -> None:
    texts = (choice.folder, choice.file, choice.list_path, choice.wildcard_folder or "", choice.wildcard_file or "")
    for text in texts:
        if ".." in text.split("/") or "\0" in text:
            raise TransferProblem(
                Reason.ACCESS_DENIED, Side.SOURCE, f"the path {text!r} leads out of its place", Code.SOURCE_DENIED
            )
    if choice.prefix is not None and not choice.list_path and place.type is not StoreType.OBJECTS:
        message = "a prefix is of keys of an object store; give a wildcard for files of this one"
        raise TransferProblem(Reason.REQUEST_INVALID, Side.SOURCE, message)


def _partitioned(chosen: Chosen, root: str) -> Chosen:
    # All files of a folder share their values.
    folders = {file.entry.name.rpartition("/")[0] for file in chosen.files}
    found = {folder: values_of(f"{folder}/", root) for folder in folders}
    names = names_of(found[file.entry.name.rpartition("/")[0]] for file in chosen.files)
    rows = {folder: tuple(values.get(name) for name in names) for folder, values in found.items()}
    files = (replace(file, values=rows[file.entry.name.rpartition("/")[0]]) for file in chosen.files)
    return replace(chosen, files=tuple(files), partitions=names)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Files below the folder ``base``: in the folders that the segments ``folders`` mean, and with ``recursive`` those below."""

    base: str
    folders: tuple[Segment, ...]
    name: Segment | None
    recursive: bool

    def takes_name(self, name: str) -> bool:
        """Say whether a file of this name is meant, in a folder that is."""
        return not name.startswith(PART) and (self.name is None or self.name.takes(name))

    def takes_path(self, segments: Sequence[str]) -> bool:
        """Say whether the file is meant whose path below ``base`` has these segments."""
        depth, wanted = len(segments) - 1, len(self.folders)
        if depth < wanted or (depth > wanted and not self.recursive):
            return False
        in_folders = all(part.takes(found) for part, found in zip(self.folders, segments, strict=False))
        return in_folders and self.takes_name(segments[-1])

    @property
    def literal(self) -> str:
        """Return what the keys of all meant files begin with."""
        first = self.folders[0] if self.folders else self.name if not self.recursive else None
        return _below(self.base, "" if first is None else first.literal)


@dataclass(slots=True)
class _Looking:
    """One choice under way."""

    store: WritableStore
    place: Place
    choice: Choice
    found: Found
    missing: list[str] = field(default_factory=list)

    def chosen(self) -> Chosen:
        """Return what is meant."""
        choice = self.choice
        folder = choice.folder.strip("/")
        if choice.list_path:
            self._listed(folder)
            return self._result(folder)
        if choice.prefix is not None:
            above = choice.prefix.rpartition("/")[0]
            self._prefixed(choice.prefix, above)
            return self._result(above)
        if choice.wildcard_folder is None and choice.wildcard_file is None and choice.file:
            self._named(_below(folder, choice.file))
            return self._result(folder)
        pattern = self._pattern(folder)
        if isinstance(self.store, Objects) and pattern.recursive:
            self._flat(self.store, pattern)
        else:
            self._walk(pattern)
        return self._result(pattern.base)

    def _result(self, folder: str) -> Chosen:
        listing = self.found.listing()
        start = len(folder) + 1 if folder else 0
        files = tuple(ChosenFile(entry, entry.name[start:]) for entry in listing.entries)
        return Chosen(files, tuple(self.missing), listing.refused, folder=folder)

    def _pattern(self, folder: str) -> _Pattern:
        choice = self.choice
        name = segment(choice.wildcard_file) if choice.wildcard_file else None
        if name is None and choice.file:
            name = Segment(choice.file)
        if choice.wildcard_folder is None:
            return _Pattern(folder, (), name, choice.recursive)
        segments = [segment(part) for part in choice.wildcard_folder.split("/") if part]
        literal = next((n for n, part in enumerate(segments) if part.pattern is not None), len(segments))
        base = "/".join(part.literal for part in segments[:literal])
        return _Pattern(base, tuple(segments[literal:]), name, choice.recursive)

    def _take(self, child: Child) -> None:
        """Take a file that is meant, if its time is."""
        choice, at = self.choice, child.modified_at
        if at is not None:
            if choice.modified_from is not None and at < choice.modified_from:
                return
            if choice.modified_until is not None and at >= choice.modified_until:
                return
        self.found.take(child)

    def _named(self, path: str) -> None:
        child = self._looked_up(path)
        if child is None:
            raise self._not_there(path, "there is no file {}", NotThere)
        self._take(child)
        if self.found.refused:
            raise self.found.refused[0].problem
        if not self.found.entries:
            raise self._not_there(path, "the file {} was not modified in the time that is asked for", NotThere)

    def _looked_up(self, path: str) -> Child | None:
        child = self.store.look(path, self.found.cancellation)
        return None if child is None or child.is_folder else child

    def _not_there(
        self, path: str, message: str, kind: type[TransferProblem] = TransferProblem
    ) -> TransferProblem:  # fmt: skip
        return kind(missing(self.place), Side.SOURCE, message.format(repr(shown(path))), Code.SOURCE_NOT_FOUND)

    def _listed(self, folder: str) -> None:
        paths = list(dict.fromkeys(self._lines()))

        def look(path: str) -> Child | Problem | None:
            try:
                return self._looked_up(path)
            except Problem as problem:
                # What cannot be had by itself is no reason to leave the others.
                if meant(problem, self.place, Side.SOURCE) is problem or problem.code is Code.SOURCE_UNAVAILABLE:
                    raise
                return problem

        whole = [_below(folder, path) for path in paths]
        with ThreadPoolExecutor(self.found.limits.store_connections, thread_name_prefix="choose") as threads:
            for path, child in zip(paths, threads.map(look, whole), strict=True):
                if isinstance(child, Problem):
                    self.found.refused.append(Refusal(shown(path), child))
                elif child is None:
                    self.missing.append(path)
                else:
                    self._take(child)

    def _lines(self) -> Iterator[str]:
        """Yield the paths of the list of files."""
        given = self.choice.list_path.strip("/")
        # With the bucket before it, as people know it from elsewhere, or without.
        tried = (self._looked_up(path) for path in dict.fromkeys((given, below_bucket(given, self.place))))
        child = next((child for child in tried if child is not None), None)
        if child is None:
            raise self._not_there(given, "there is no file {} with the list of files")
        for line in self._text_of(child).split("\n"):
            path = line.rstrip("\r").strip("/")
            if ".." in path.split("/") or "\0" in path:
                message = f"the list of files {given!r} has a path that leads out of its folder: {path!r}"
                raise TransferProblem(Reason.ACCESS_DENIED, Side.SOURCE, message, Code.SOURCE_DENIED)
            if path.strip():
                self.found.look()
                yield path

    def _text_of(self, child: Child) -> str:
        reading = Found(self.found.limits, self.found.cancellation)
        reading.take(child)
        if reading.refused:
            raise reading.refused[0].problem
        if child.size > _LONGEST_LIST:
            message = f"the list of files {child.name!r} has {child.size:,} bytes; at most {_LONGEST_LIST:,} are read"
            raise Problem(Code.LIMIT_EXCEEDED, message)
        data = bytearray(child.size)
        at, window = 0, memoryview(data)
        with self.store.open(reading.entries[0]) as file:
            while at < len(data) and (count := file.readinto(window[at:])):
                self.found.cancellation.check()
                at += count
            file.finish()
        try:
            return data[:at].decode("utf-8-sig")
        except UnicodeDecodeError as error:
            message = f"the list of files {child.name!r} is no UTF-8"
            raise TransferProblem(Reason.UNREADABLE, Side.SOURCE, message, Code.SOURCE_UNREADABLE) from error

    def _prefixed(self, prefix: str, above: str) -> None:
        if not isinstance(self.store, Objects):
            raise Problem(Code.INVALID, "only the keys of an object store have prefixes")
        for child in self.store.keys(prefix, self.found.cancellation):
            self.found.look()
            below = child.place[len(above) + 1 :] if above else child.place
            if (self.choice.recursive or "/" not in below) and not child.name.startswith(PART):
                self._take(child)

    def _flat(self, store: Objects, pattern: _Pattern) -> None:
        """Take what is meant of all keys: one request for a thousand, whatever their folders are."""
        start = len(pattern.base) + 1 if pattern.base else 0
        for child in store.keys(pattern.literal, self.found.cancellation):
            self.found.look()
            if pattern.takes_path(child.place[start:].split("/")):
                self._take(child)

    def _walk(self, pattern: _Pattern) -> None:
        """Take what is meant, folder by folder. Folders that links lead to are walked, but none inside of itself."""
        above: frozenset[str] = frozenset()
        if not isinstance(self.store, Objects):
            child = self.store.look(pattern.base, self.found.cancellation)
            if child is None and not pattern.base:
                raise self._not_there("/", "there is no folder {}, which the place begins at")
            if child is None:
                return
            above = frozenset({child.real})
        first = (_below(pattern.base, ""), 0, above)
        waiting = [first]
        while waiting:
            here = waiting.pop()
            try:
                waiting += self._folder(pattern, *here)
            except Problem as problem:
                if here is first or problem.code not in {Code.SOURCE_DENIED, Code.SOURCE_NOT_FOUND}:
                    raise
                if problem.code is Code.SOURCE_DENIED:
                    self.found.refused.append(Refusal(shown(here[0].rstrip("/")), problem))

    def _folder(
        self, pattern: _Pattern, folder: str, depth: int, above: frozenset[str]
    ) -> list[tuple[str, int, frozenset[str]]]:
        below = []
        for child in self._children(folder):
            self.found.look()
            is_deep = depth == len(pattern.folders)
            if not child.is_folder:
                if is_deep and pattern.takes_name(child.name):
                    self._take(child)
            elif (pattern.recursive if is_deep else pattern.folders[depth].takes(child.name)) and (
                child.real not in above
            ):
                if child.problem is not None:
                    self.found.take(child)
                    continue
                deeper = above | {child.real} if child.real else above
                below.append((child.place, depth if is_deep else depth + 1, deeper))
        return below

    def _children(self, folder: str) -> Iterator[Child]:
        if isinstance(self.store, Objects):
            return self.store.keys(folder, self.found.cancellation, flat=False)
        return self.store.children(folder, self.found.cancellation)


def _below(folder: str, rest: str) -> str:
    """Return a path in ``folder``, which may be the root."""
    return f"{folder}/{rest}" if folder else rest
