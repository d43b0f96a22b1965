"""Rows into files: one unit written under temporary names, checked, and put in its place."""

import contextlib
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Figures
from headrace.dataplane.connectors.writing import PART, PutOptions, WritableStore
from headrace.dataplane.transfer.conducting import Conducting
from headrace.dataplane.transfer.counting import Counted
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.journal import Done
from headrace.dataplane.transfer.mapping.stream import SinkShape
from headrace.dataplane.transfer.naming import Unit
from headrace.dataplane.transfer.opening import counted, opened
from headrace.dataplane.transfer.places import on_side
from headrace.dataplane.transfer.refusing.spool import Spool
from headrace.dataplane.transfer.request import Delimited, Documents, FilesSink, StoreType
from headrace.dataplane.transfer.rows import Part, Slice, SourceReader, Writer, Writing
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field


@dataclass
class FileSink:
    """The files of one transfer's sink. ``put`` may be called from several threads."""

    sink: FilesSink
    store: WritableStore
    conducting: Conducting

    @property
    def is_here(self) -> bool:
        """Say whether the files lie on this machine."""
        return self.sink.place.type is StoreType.FOLDER and self.sink.place.connection is None

    def part_of(self, path: str, number: int) -> str:
        """Return the last segment of the temporary name of a file, which no other try uses."""
        text = f"{self.conducting.work.key}\x1f{self.conducting.journal.tried}\x1f{path}\x1f{number}"
        return PART + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def place(self, path: str, number: int) -> Path:
        """Return where the file for ``path`` is written before it is put there; noted, so that whoever comes later removes it."""
        name = self.part_of(path, number)
        folder = self.store.staging(path, self.conducting.work.context.cancellation)
        self.note_part(path, name)
        return (self.conducting.work.folder if folder is None else folder) / name

    def note_part(self, path: str, name: str) -> None:
        """Note the temporary name of a file of the sink."""
        above, slash, _ = path.rpartition("/")
        self.conducting.journal.note_part(f"{above}{slash}{name}", path)

    def put(
        self, path: str, source: Path, number: int, *, move: bool, durable: bool = False
    ) -> tuple[int, bytes | None]:
        """Put a finished file in its place; return its size, and its MD5 where the store tells.

        Raises:
            TransferProblem: the store does not take it. Problem: ``DISK_FULL``, what the cancellation says.
        """
        options = PutOptions(
            metadata=self.sink.metadata,
            block_bytes=self.sink.block_bytes,
            temporary_name=self.sink.temporary_name,
            part=self.part_of(path, number),
            move=move,
            durable=durable,
        )
        cancellation = self.conducting.work.context.cancellation
        cancellation.check()
        tally = self.conducting.tally
        with tally.sinks.one_more(), tally.spending("writing"), on_side(self.sink.place, Side.SINK):
            stored = self.store.put(path, source, cancellation, options)
        return stored.size, stored.md5

    def remove(self, path: str) -> None:
        """Remove a file that is not to be there."""
        with on_side(self.sink.place, Side.SINK):
            self.store.remove(path, self.conducting.work.context.cancellation)


@dataclass
class _Unit:
    """One unit under way."""

    unit: Unit
    source: SourceReader
    files: FileSink
    spool: Spool
    placed: list[Path] = field(default_factory=list)
    live: Counted | None = None
    read: int = 0
    delivered: int = 0
    bytes: int = 0

    def place(self, number: int) -> Path:
        path = self.files.place(self.unit.path(number), number)
        self.placed.append(path)
        return path

    def so_far(self) -> Figures:
        now = self.live
        return Figures(rows_read=self.read + (now.read if now else 0), bytes_read=self.bytes)


def write_unit(unit: Unit, source: SourceReader, files: FileSink, conducting: Conducting) -> None:
    """Write one unit: its file is in its place, whole, when this returns, and noted.

    Raises:
        TransferProblem: what is wrong. Problem: ``COUNTS_DIFFER``, ``DISK_FULL``, what the cancellation says.
    """
    began = conducting.means.clock.now()
    doing = _Unit(unit, source, files, conducting.spool(unit.id))
    try:
        with conducting.tally.watching(doing.so_far):
            parts = _written(doing, conducting)
            paths, size = _put(doing, parts)
    finally:
        name = doing.spool.close()
        for path in doing.placed:
            path.unlink(missing_ok=True)
    crash_point("transfer-after-rename")
    conducting.finish(
        Done(
            unit.id,
            tuple(item.id for item in unit.slices),
            tuple(item.path for item in unit.slices if item.path),
            doing.read,
            doing.delivered,
            doing.spool.refused,
            doing.bytes,
            size,
            paths,
            name,
            doing.spool.reasons(),
            began=began,
            ended=conducting.means.clock.now(),
        )
    )
    crash_point("transfer-after-noted")


def _written(doing: _Unit, conducting: Conducting) -> Sequence[Part]:
    """Write all slices of a unit under temporary names; the sources are closed, and so were unchanged, when this returns."""
    sink = doing.files.sink
    with ExitStack() as stack:
        session = stack.enter_context(conducting.engine.session())
        writer: Writer | None = None
        shape = SinkShape(documents=isinstance(sink.format, Documents), text=isinstance(sink.format, Delimited))
        for item in doing.unit.slices:
            crash_point("transfer-before-slice")
            with opened(item, doing.source, session, conducting) as rows:
                if not rows.fields and not rows.documents:
                    continue  # a file of no bytes
                stream = counted(item, rows, shape, doing.spool, session, conducting)
                if writer is None:
                    writer = stack.enter_context(_begun(stream.fields, stream.documents, doing, session, conducting))
                    shape = shape if stream.documents else replace(shape, fields=stream.fields)
                _add(item, stream, writer, doing, conducting)
                doing.bytes += (rows.taken() if rows.taken is not None else item.bytes) or 0
        if writer is None:
            writer = stack.enter_context(_begun((), False, doing, session, conducting))
        parts = writer.close()
    crash_point("transfer-after-write")
    return parts


@contextlib.contextmanager
def _begun(
    fields: tuple[Field, ...], documents: bool, doing: _Unit, session: TransferSession, conducting: Conducting
) -> Iterator[Writer]:
    sink, unit = doing.files.sink, doing.unit
    inner = unit.path().rpartition("/")[2]
    packed = conducting.means.ends.extension_of(sink.format, sink.pack)
    bare = conducting.means.ends.extension_of(sink.format, type(sink.pack)())
    writing = Writing(
        doing.place,
        conducting.work,
        documents=documents,
        max_rows=sink.max_rows if unit.numbered else None,
        alone=len(unit.slices) == 1,
        pack=sink.pack,
        inner_name=inner.removesuffix(packed[len(bare) :]) if packed != bare else inner,
        conversion=conducting.request.mapping.conversion,
    )
    with conducting.means.ends.writer_of(sink.format)(sink.format, fields, session, writing) as writer:
        yield writer


def _add(item: Slice, stream: Counted, writer: Writer, doing: _Unit, conducting: Conducting) -> None:
    before = (doing.spool.refused, doing.spool.by_sink)
    begun = time.monotonic()
    doing.live = stream
    try:
        writer.add(stream)
    finally:
        stream.leave()
        doing.live = None
        conducting.tally.spent("reading", stream.waited)
        conducting.tally.spent("writing", time.monotonic() - begun - stream.waited)
    stream.check(item, before, None)
    doing.read += stream.read
    doing.delivered += stream.delivered


def _put(doing: _Unit, parts: Sequence[Part]) -> tuple[tuple[str, ...], int]:
    """Put the finished files in their places; return their paths and sizes."""
    written = sum(part.rows for part in parts)
    if written != doing.delivered:
        message = f"{doing.delivered:,} rows were delivered to {doing.unit.path()!r}, and {written:,} were written"
        raise Problem(Code.COUNTS_DIFFER, message)
    paths = tuple(doing.unit.path(number) for number in range(len(parts)))
    known = doing.files.conducting.journal.decide_all(f"files of {doing.unit.stem}", paths)
    size = 0
    for number, (path, part) in enumerate(zip(paths, parts, strict=True)):
        crash_point("transfer-before-rename")
        size += doing.files.put(path, part.path, number, move=True)[0]
    for stale in known - set(paths):
        doing.files.remove(stale)
    return paths, size
