"""Looking into file stores: whether one lets us in, what lies in a folder, and the columns and first rows of a file.

Rows are read by the same readers as in a promotion, of a bounded beginning of the file.
"""

import heapq
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.core.codec import Json, JsonObject
from headrace.core.errors import Code, Problem
from headrace.core.explore import (
    MAX_PLACES,
    MAX_ROWS,
    ListPlaces,
    Peek,
    PeekedColumn,
    PeekFile,
    Place,
    Places,
    PlaceType,
    Where,
)
from headrace.core.schema import ColumnType
from headrace.core.settings import PromoteSettings
from headrace.core.source import Compression, FileFormat, FileType
from headrace.core.target import DeltaTarget
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Child, Entry, FileStore, select, shown
from headrace.dataplane.connectors.stores import open_store
from headrace.dataplane.exploring import values
from headrace.dataplane.exploring.alone import Alone
from headrace.dataplane.exploring.cutting import whole_documents, whole_rows
from headrace.dataplane.exploring.detecting import PARQUET, detect_format
from headrace.dataplane.exploring.opening import Opening
from headrace.dataplane.exploring.samples import random_access, take_sample
from headrace.dataplane.promotion.columnar import open_parquet
from headrace.dataplane.promotion.documents import open_json
from headrace.dataplane.promotion.reading import CORRUPT, Source, open_delimited
from headrace.dataplane.promotion.session import Session, identifier

_CONNECT_SECONDS = 20.0
_READ_SECONDS = 40.0
"""Somebody waits for the answer, and one minute at most: once is tried, and not for five minutes."""


@dataclass(frozen=True, slots=True)
class _Peeking:
    """One look at one file. ``work`` is a folder for what has to be written."""

    opened: Opening
    store: FileStore
    entry: Entry
    work: Path
    rows: int


def check(where: Where, opened: Opening) -> Places:  # noqa: ARG001 — every kind of source is asked alike
    """Connect as a copy would, and look into the root; return no places.

    Raises:
        Problem: why not, under the code that a copy would have.
    """
    with _store(opened) as store:
        next(iter(store.children("", Cancellation())), None)
    return Places()


def list_places(question: ListPlaces, opened: Opening) -> Places:
    """Return the files and folders of a folder, by name; of the root, the buckets where the connection leaves them open.

    Raises:
        Problem: why they cannot be listed.
    """
    selection = select(f"{question.folder.strip('/')}/" if question.folder.strip("/") else "")
    folder = "".join(f"{segment}/" for segment in selection.folders)
    with _store(opened) as store:
        children = store.children(folder, Cancellation())
        found = heapq.nsmallest(MAX_PLACES + 1, children, key=lambda child: child.place)
    places = tuple(_place(child) for child in found[:MAX_PLACES] if child.name)
    return Places(places, complete=len(found) <= MAX_PLACES)


def _place(child: Child) -> Place:
    if child.is_folder:
        return Place(PlaceType.FOLDER, shown(child.name), shown(child.place))
    known = child.problem is None
    size, modified = (child.size, child.modified_at) if known else (None, None)
    return Place(PlaceType.FILE, shown(child.name), shown(child.place), size, modified)


def peek_file(question: PeekFile, opened: Opening) -> Peek:
    """Return the columns of a file and its first rows, at most ``MAX_ROWS``; of several files that the path selects, of the first.

    Raises:
        Problem: ``SOURCE_NOT_FOUND``, ``SOURCE_EMPTY``, ``SOURCE_UNREADABLE`` (also: what it is cannot be told), and what the store raises.
    """
    with _store(opened) as store, tempfile.TemporaryDirectory(prefix="headrace-peek-") as work:
        entry = _entry(store, question.path)
        peeking = _Peeking(opened, store, entry, Path(work), max(0, min(question.rows, MAX_ROWS)))
        format_ = question.format
        if (format_ is None and _is_parquet(peeking)) or (format_ is not None and format_.type is FileType.PARQUET):
            return _peek_parquet(peeking, format_ or FileFormat(FileType.PARQUET, compression=Compression.NONE))
        compression = Compression.AUTO if format_ is None else format_.compression
        sample = take_sample(store, entry, compression, peeking.work, opened.limits)
        format_ = format_ or detect_format(sample)
        if format_.type is FileType.PARQUET:
            raise Problem(
                Code.UNSUPPORTED, f"{entry.name!r} has Parquet in {sample.compression}; Parquet is read unpacked"
            )
        path = peeking.work / "sample"
        if format_.type is FileType.JSON:
            path.write_bytes(whole_documents(sample, format_, peeking.rows or 1))
            # What was cut out of it is UTF-8, one document a line.
            return _peek(peeking, replace(format_, compression=Compression.NONE), path, sample.name, format_)
        path.write_bytes(whole_rows(sample, format_))
        return _peek(peeking, replace(format_, compression=Compression.NONE), path, sample.name, format_)


def _entry(store: FileStore, path: str) -> Entry:
    listing = store.list(select(path.lstrip("/")), Cancellation())
    if not listing.entries:
        if listing.refused:
            raise listing.refused[0].problem
        raise Problem(Code.SOURCE_NOT_FOUND, f"{path!r} selects no file")
    return listing.entries[0]


def _is_parquet(peeking: _Peeking) -> bool:
    with random_access(peeking.store, peeking.entry) as stream:
        return stream.read(len(PARQUET)) == PARQUET


def _peek_parquet(peeking: _Peeking, format_: FileFormat) -> Peek:
    """Read the footer and the first rows of a Parquet file, and nothing else of it."""
    if peeking.entry.size == 0:
        raise Problem(Code.SOURCE_EMPTY, f"{peeking.entry.name!r} has 0 bytes")
    path = peeking.work / "sample.parquet"
    try:
        with random_access(peeking.store, peeking.entry) as stream, pq.ParquetFile(stream) as file:
            batches = file.iter_batches(batch_size=max(1, peeking.rows), use_threads=False)
            first = list(islice(batches, 1)) if file.metadata.num_rows else []
            pq.write_table(pa.Table.from_batches(first, file.schema_arrow), path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise Problem(Code.SOURCE_UNREADABLE, f"{peeking.entry.name!r} cannot be read as Parquet: {reason}") from error
    return _peek(peeking, format_, path, peeking.entry.name, format_)


def _peek(peeking: _Peeking, read_as: FileFormat, path: Path, name: str, told: FileFormat) -> Peek:
    """Return what the readers of promotions make of ``path``."""
    settings = PromoteSettings("", DeltaTarget("peek"), read_as)
    scratch = peeking.work / "read"
    scratch.mkdir()
    limits = peeking.opened.limits
    try:
        with Session(Alone(), limits, scratch, (peeking.work,)) as session:
            source = _source(session, settings, iter([(name, path, None)]))
            types = source.columns
            columns = tuple(PeekedColumn(column, type_) for column, type_ in types.items())
            return Peek(columns, _rows(session, source, peeking.rows), told)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].replace(str(path), name)[:300]
        raise Problem(Code.SOURCE_UNREADABLE, f"{name!r} cannot be read as {told.type}: {reason}") from error


def _source(
    session: Session, settings: PromoteSettings, files: Iterator[tuple[str, Path, int | None]]
) -> Source:  # fmt: skip
    if settings.format.type is FileType.PARQUET:
        return open_parquet(session, files)
    if settings.format.type is FileType.JSON:
        return open_json(session, settings, files, exactly=False)
    return open_delimited(session, settings, files, exactly=False)


def _rows(session: Session, source: Source, count: int) -> tuple[JsonObject, ...]:
    if not count or not source.columns:
        return ()
    selected = ", ".join(f"to_json({identifier(column)})" for column in source.columns)
    query = f"SELECT {selected} FROM ({source.rows()})"
    if source.can_be_corrupt:
        query += f" WHERE {identifier(CORRUPT)} IS NULL"
    found = session.rows(f"{query} LIMIT {count}")
    types = tuple(source.columns.items())
    return tuple({name: _value(text, type_) for (name, type_), text in zip(types, row, strict=True)} for row in found)


def _value(text: str | None, type_: ColumnType) -> Json:
    return None if text is None else values.shown(json.loads(text), type_)


@contextmanager
def _store(opened: Opening) -> Iterator[FileStore]:
    limits = replace(
        opened.limits,
        store_attempts=1,
        store_connect_seconds=min(opened.limits.store_connect_seconds, _CONNECT_SECONDS),
        store_read_seconds=min(opened.limits.store_read_seconds, _READ_SECONDS),
    )
    with closing(open_store(opened.root, opened.info, opened.roots.file_roots, limits)) as store:
        yield store
