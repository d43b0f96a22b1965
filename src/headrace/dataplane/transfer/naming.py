"""What files are called in the sink, and which slices go into which of them.

A unit is what becomes one file of the sink, or a numbered row of files: it is what is finished, or done again, as a whole. Names are told from the
commit key and the slice alone, or are decided once and noted in the journal, so that a later try replaces what an earlier one left.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import (
    Arrangement,
    Bytes,
    FilesSink,
    FilesSource,
    Pack,
    Packing,
    QuerySource,
    Source,
)
from headrace.dataplane.transfer.rows import Slice

ENDINGS = {
    Packing.NONE: "",
    Packing.GZIP: ".gz",
    Packing.BZIP2: ".bz2",
    Packing.DEFLATE: ".deflate",
    Packing.ZIP: ".zip",
    Packing.TAR: ".tar",
    Packing.TAR_GZIP: ".tar.gz",
}
"""What a packed file's name ends in."""
_ALSO = {Packing.GZIP: (".gzip",), Packing.BZIP2: (".bzip2",), Packing.DEFLATE: (".zz",), Packing.TAR_GZIP: (".tgz",)}
_WILDCARD = re.compile(r"[*?]")
_UNFIT = re.compile(r'[/\\\x00-\x1f<>:"|?*]')

Decide = Callable[[str, str], str]
"""Returns the name that was decided on first for something: that of an earlier try, else the one that is given."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Slices that become one file, in order; or several, with numbers in their names, when ``numbered``.

    ``stem`` and ``ending`` are the two halves of the path in the sink's place.
    """

    id: str
    slices: tuple[Slice, ...]
    stem: str
    ending: str
    numbered: bool = False

    def path(self, number: int = 0) -> str:
        """Return the path of the file with this number (from 0)."""
        return f"{self.stem}_{number:05d}{self.ending}" if self.numbered else f"{self.stem}{self.ending}"


@dataclass(frozen=True, slots=True)
class Naming:
    """All that names hang on. ``ending`` is the format's (with the packing's); ``blind``: the sink takes no notice of upper and lower case."""

    source: Source
    sink: FilesSink
    key: str
    activity_run: str
    ending: str
    decide: Decide
    blind: bool = False

    def units(self, slices: Sequence[Slice]) -> tuple[Unit, ...]:
        """Return the units of a transfer, in order; no two of them have the same file.

        Raises:
            TransferProblem: ``WILDCARD_SINK``; ``REQUEST_INVALID``: settings that contradict each other, or names that cannot be told apart.
        """
        check_names(self.sink)
        if not slices:
            return ()
        merged = self.sink.arrangement is Arrangement.MERGE
        if self.sink.max_rows is not None and (self.sink.prefix or merged or not self._is_files):
            return (
                Unit(_together(slices), tuple(slices), self._in_folder(self._prefix()), self.ending, numbered=True),
            )
        if self.sink.file or merged:
            return (self._one(slices),)
        if not self._is_files:
            return self._of_rows(slices)
        return self._of_files(slices)

    @property
    def _is_files(self) -> bool:
        return isinstance(self.source, FilesSource)

    def _one(self, slices: Sequence[Slice]) -> Unit:
        table = self._table()
        name = self.sink.file or (f"{table}{self.ending}" if table else self._generated("merged", self.ending))
        return Unit(_together(slices), tuple(slices), self._in_folder(name), "")

    def _prefix(self) -> str:
        return self.sink.prefix or self._table() or self._generated("prefix", "")

    def _of_rows(self, slices: Sequence[Slice]) -> tuple[Unit, ...]:
        """Name the files of a table or a query: the parts of a split one are numbered."""
        name = self._table() or self._generated("rows", "")
        if len(slices) == 1:
            return (Unit(slices[0].id, tuple(slices), self._in_folder(name), self.ending),)
        return tuple(
            Unit(item.id, (item,), self._in_folder(f"{name}_{number:05d}"), self.ending)
            for number, item in enumerate(slices)
        )

    def _of_files(self, slices: Sequence[Slice]) -> tuple[Unit, ...]:
        numbered = self.sink.max_rows is not None
        return tuple(
            Unit(item.id, (item,), stem, ending, numbered)
            for item, (stem, ending) in zip(slices, self._paths(slices), strict=True)
        )

    def _paths(self, slices: Sequence[Slice]) -> list[tuple[str, str]]:
        """Return the halves of each slice's path; where two would be the same, each keeps the ending that it has in the source."""
        plain = [self._path(item) for item in slices]
        clashes = {path for path, count in Counter(map(self._seen, plain)).items() if count > 1}
        halves = [
            (self._in_folder(item.path), self.ending) if self._seen(path) in clashes and self.ending else path
            for item, path in zip(slices, plain, strict=True)
        ]
        again = [path for path, count in Counter(map(self._seen, halves)).items() if count > 1]
        if again:
            both = [repr(item.path) for item, path in zip(slices, halves, strict=True) if self._seen(path) == again[0]]
            message = f"{' and '.join(both[:3])} would become the same file {again[0]!r} of the sink; rename one, or copy them apart"
            raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)
        return halves

    def _path(self, item: Slice) -> tuple[str, str]:
        pack = self.source.pack if isinstance(self.source, FilesSource) else Pack()
        path = unpacked_name(item.path, pack)
        if self.sink.arrangement is Arrangement.FLATTEN:
            digest = hashlib.sha256(f"{self.key}\x1f{item.path}".encode("utf-8", "surrogatepass")).hexdigest()
            kept = "".join(PurePosixPath(path).suffixes[-1:]) if isinstance(self.sink.format, Bytes) else ""
            return self._in_folder(f"data_{digest[:32]}"), kept + self.ending
        if isinstance(self.sink.format, Bytes):
            return self._in_folder(path), self.ending
        pure = PurePosixPath(path)
        return self._in_folder(str(pure.with_name(pure.stem))), self.ending

    def _seen(self, halves: tuple[str, str]) -> str:
        return "".join(halves).casefold() if self.blind else "".join(halves)

    def _table(self) -> str:
        source = self.source
        if not isinstance(source, QuerySource) or not source.table:
            return ""
        return _UNFIT.sub("_", f"{source.schema}.{source.table}" if source.schema else source.table)

    def _generated(self, what: str, ending: str) -> str:
        digest = hashlib.sha256(f"{self.key}\x1f{what}".encode()).hexdigest()[:8]
        return self.decide(f"name of {what}", f"data_{self.activity_run or self.key}_{digest}{ending}")

    def _in_folder(self, path: str) -> str:
        return joined(self.sink.folder, path)


def check_names(sink: FilesSink) -> None:
    """Look at what a sink says of names.

    Raises:
        TransferProblem: ``WILDCARD_SINK``; ``REQUEST_INVALID``: a number of rows a file for a sink that is one file.
    """
    for what, name in (("folder", sink.folder), ("file", sink.file), ("prefix", sink.prefix)):
        if _WILDCARD.search(name):
            message = (
                f"the {what} {name!r} of the sink has a wildcard; a sink is one folder or one file, so give its name"
            )
            raise TransferProblem(Reason.WILDCARD_SINK, Side.SINK, message)
    if sink.max_rows is not None and sink.file:
        message = (
            f"rows are to be dealt out to files of {sink.max_rows:,}, and the sink is the one file {sink.file!r}; "
            "give a folder only"
        )
        raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)


def unpacked_name(path: str, pack: Pack) -> str:
    """Return what a packed file is called when it is unpacked: without the ending of its packing, if it has it."""
    for ending in (ENDINGS[pack.type], *_ALSO.get(pack.type, ())):
        rest = path[: -len(ending)]
        if ending and path.lower().endswith(ending) and rest and not rest.endswith("/"):
            return rest
    return path


def joined(folder: str, path: str) -> str:
    """Return the path of a file in a folder of a place."""
    return "/".join(segment for segment in (*folder.split("/"), *path.split("/")) if segment)


def _together(slices: Iterable[Slice]) -> str:
    digest = hashlib.sha256()
    for item in slices:
        digest.update(item.id.encode("utf-8", "surrogatepass") + b"\0")
    return f"all-{digest.hexdigest()[:32]}"
