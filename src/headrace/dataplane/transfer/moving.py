"""The way of one transfer from its source into its sink: which units there are, which of them are finished, and how the others are done."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.dataplane.storage import make_all_durable
from headrace.dataplane.transfer.bytes import FileBytes
from headrace.dataplane.transfer.choosing import ChosenFile
from headrace.dataplane.transfer.conducting import Conducting, cut_off, side_by_side
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.journal import Done
from headrace.dataplane.transfer.naming import ENDINGS, Naming, Unit, check_names, joined
from headrace.dataplane.transfer.places import open_place
from headrace.dataplane.transfer.request import (
    Bytes,
    FilesSink,
    FilesSource,
    Place,
    QuerySource,
    StoreType,
    TableSink,
)
from headrace.dataplane.transfer.rows import Slice, SourceReader
from headrace.dataplane.transfer.rows_to_files import FileSink, write_unit
from headrace.dataplane.transfer.rows_to_sink import RowSink, write_slice

_USUAL = 4
"""Slices side by side where the request does not say."""
_PLAN = "plan"


def move(conducting: Conducting) -> None:
    """Bring all of the source into the sink; units that an earlier try finished are counted, and not done again.

    Raises:
        TransferProblem: what is wrong. Problem: ``COUNTS_DIFFER``, ``DISK_FULL``, what the cancellation says.
    """
    source, sink = conducting.request.source, conducting.request.sink
    is_bytes = isinstance(source, FilesSource) and isinstance(source.format, Bytes)
    if is_bytes != (isinstance(sink, FilesSink) and isinstance(sink.format, Bytes)):
        message = "bytes go only where bytes come from: a Binary source needs a Binary sink, and the other way round"
        raise TransferProblem(Reason.REQUEST_INVALID, Side.NEITHER, message)
    if isinstance(source, FilesSource) and source.delete_after and not is_bytes:
        message = "files are removed after they were copied only when their bytes are copied (Binary to Binary)"
        raise TransferProblem(Reason.DELETE_UNSUPPORTED, Side.SOURCE, message)
    if isinstance(sink, FilesSink):
        check_names(sink)
        _into_files(sink, conducting)
    else:
        _into_rows(conducting)


def _into_files(sink: FilesSink, conducting: Conducting) -> None:
    source, work = conducting.request.source, conducting.work
    with ExitStack() as stack:
        store = open_place(sink.place, work.file_roots, work.limits)
        stack.enter_context(cut_off(work, store.close))
        files = FileSink(sink, store, conducting)
        # The source is listed before anything is written: a folder may be both.
        if isinstance(sink.format, Bytes) and isinstance(source, FilesSource):
            held = (
                None if source.place.type is StoreType.HTTP else open_place(source.place, work.file_roots, work.limits)
            )
            if held is not None:
                stack.enter_context(cut_off(work, held.close))
            _copy_bytes(FileBytes(source, held, conducting), files)
        else:
            reader = conducting.means.ends.read(source, work)
            stack.enter_context(cut_off(work, reader.close))
            slices = _slices(reader, conducting)
            units = _named(sink, slices, conducting)
            _clean(files)
            left = _left(units, files)
            threads = _threads(conducting, len(left))
            side_by_side(left, lambda unit: _write(unit, reader, files), threads, work)
        _settle(files)
        crash_point("transfer-after-settled")


def _write(unit: Unit, reader: SourceReader, files: FileSink) -> None:
    conducting = files.conducting
    conducting.again(lambda: write_unit(unit, reader, files, conducting))


def _into_rows(conducting: Conducting) -> None:
    work, sink = conducting.work, conducting.request.sink
    if isinstance(sink, FilesSink):
        return
    with ExitStack() as stack:
        reader = conducting.means.ends.read(conducting.request.source, work)
        stack.enter_context(cut_off(work, reader.close))
        slices = _slices(reader, conducting)
        writer = conducting.means.ends.write(sink, work)
        stack.enter_context(cut_off(work, writer.close))
        rows = RowSink(writer, conducting, writer.columns())
        writer.expect(slices)
        done = conducting.journal.done
        left = [item for item in slices if item.id not in done]
        for item in slices:
            if item.id in done:
                conducting.count(done[item.id])

        def one(item: Slice) -> None:
            conducting.again(lambda: write_slice(item, reader, rows, conducting))

        in_turn = isinstance(sink, TableSink) and sink.transactional
        side_by_side(left, one, 1 if in_turn else _threads(conducting, len(left)), work)
        if rows.is_begun():
            crash_point("transfer-before-finish")
            with conducting.tally.spending("writing"):
                conducting.again(writer.finish)
            crash_point("transfer-after-finish")


def _slices(reader: SourceReader, conducting: Conducting) -> Sequence[Slice]:
    """Return the slices of the source. Those of a query are noted: bounds that are asked for again would be others, and rows come twice."""
    journal, is_query = conducting.journal, isinstance(conducting.request.source, QuerySource)
    planned = journal.told.get(_PLAN) if is_query else None
    if isinstance(planned, list):
        return [_slice_of(one) for one in planned if isinstance(one, Mapping)]
    with conducting.tally.spending("listing"):
        slices = reader.slices()
    if is_query:
        plan: list[Json] = [
            {"id": one.id, "name": one.name, "path": one.path, "bytes": one.bytes, "data": one.data} for one in slices
        ]
        journal.tell(_PLAN, plan)
        journal.make_durable()  # the marks in a database are those of these slices
        crash_point("transfer-after-plan")
    return slices


def _slice_of(value: Mapping[str, Json]) -> Slice:
    size = value.get("bytes")
    return Slice(
        str(value["id"]), str(value["name"]), str(value["path"]), size if isinstance(size, int) else None, value["data"]
    )


def _named(sink: FilesSink, slices: Sequence[Slice], conducting: Conducting) -> Sequence[Unit]:
    ends, request = conducting.means.ends, conducting.request
    packed = isinstance(sink.format, Bytes)
    ending = ENDINGS[sink.pack.type] if packed else ends.extension_of(sink.format, sink.pack)

    def decide(what: str, name: str) -> str:
        return conducting.journal.decide(what, (name,))[0]

    naming = Naming(
        request.source,
        sink,
        conducting.work.key,
        request.activity_run,
        ending,
        decide,
        _is_blind(sink.place, conducting),
    )
    return naming.units(slices)


def _is_blind(place: Place, conducting: Conducting) -> bool:
    """Say whether a folder of this machine takes no notice of upper and lower case."""
    if place.type is not StoreType.FOLDER or place.connection is not None:
        return False
    folder = conducting.journal.folder.parent  # the file system of the home, where the sink's is not there yet
    root = next((one for one in (_path_of(place), folder) if one.exists()), folder)
    other = root.with_name(root.name.swapcase())
    return other.name != root.name and other.exists() and other.samefile(root)


def _path_of(place: Place) -> Path:
    return Path(unquote(urlsplit(place.root).path))


def _clean(files: FileSink) -> None:
    """Remove what earlier tries began in the sink and left there."""
    journal, place = files.conducting.journal, files.sink.place
    if place.type is StoreType.OBJECTS:
        return
    for parts in journal.parts.values():
        for part in parts:
            if part.tried != journal.tried:
                files.remove(part.path)
    crash_point("transfer-after-cleaning")


def _left(units: Sequence[Unit], files: FileSink) -> Sequence[Unit]:
    """Return the units that are still to be done; those that are in the sink are counted."""
    conducting, left = files.conducting, []
    for unit in units:
        done = conducting.journal.done.get(unit.id)
        if done is None or not _is_there(done, files):
            left.append(unit)
        else:
            conducting.count(done)
    return left


def _is_there(done: Done, files: FileSink) -> bool:
    """Say whether the sink still has what it had; that is asked of folders of this machine only, where it costs nothing."""
    if files.sink.place.type is not StoreType.FOLDER:
        return True
    found = [files.store.look(path, files.conducting.work.context.cancellation) for path in done.files]
    return all(one is not None and not one.is_folder for one in found) and (
        len(found) != 1 or found[0] is None or found[0].size == done.bytes_written
    )


def _threads(conducting: Conducting, items: int) -> int:
    request = conducting.request
    asked = request.parallel or _USUAL
    bounds = [getattr(end, "connections", None) for end in (request.source, request.sink)]
    return max(1, min([asked, items, *(bound for bound in bounds if isinstance(bound, int) and bound > 0)]))


def _settle(files: FileSink) -> None:
    """Make the files of a folder of this machine survive a loss of power."""
    if files.sink.place.type is not StoreType.FOLDER or files.sink.place.connection is not None:
        return
    root = _path_of(files.sink.place)
    names = [name for done in files.conducting.journal.done.values() for name in done.files]
    if names and root.is_dir():
        make_all_durable(root, [name for name in names if (root / name).is_file()])


def _copy_bytes(source: FileBytes, files: FileSink) -> None:
    conducting = files.conducting
    with conducting.tally.spending("listing"):
        slices = source.slices()
    items = {item.id: item for item in slices}
    _clean(files)
    gone = _move_on(source, items, files)
    units = () if gone is None else _named(files.sink, [item for item in slices if item.id not in gone], conducting)
    _check_apart(units, source, files)
    left = _left(units, files)
    for done in conducting.journal.counted.values():
        source.taken.update(dict.fromkeys(done.files, done.paths[0]))

    def one(unit: Unit) -> None:
        done = conducting.again(lambda: source.copy(unit, files))
        if done is not None:
            conducting.finish(done)
            crash_point("transfer-after-noted")
            source.delete(done, {item.id: item for item in unit.slices})

    side_by_side(left, one, _threads(conducting, len(left)), conducting.work)


def _check_apart(units: Sequence[Unit], source: FileBytes, files: FileSink) -> None:
    """Check that no file is its own copy where the source's files are removed.

    Raises:
        TransferProblem: ``REQUEST_INVALID``.
    """
    if not source.source.delete_after:
        return
    for unit in units:
        for item in unit.slices:
            name = item.data.entry.name if isinstance(item.data, ChosenFile) else item.path
            if _located(source.source.place, name) == _located(files.sink.place, unit.path()):
                message = f"{item.path!r} would be copied onto itself, and removed then; give the sink another folder"
                raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)


def _located(place: Place, path: str) -> str:
    if place.connection is None:
        return os.path.realpath(_path_of(place) / path)
    connection = place.connection
    others = sorted((name, value) for name, value in connection.options.items() if name != "folder")
    return f"{connection.kind} {connection.url} {others} {joined(connection.options.get('folder', ''), path)}"


def _move_on(source: FileBytes, items: Mapping[str, Slice], files: FileSink) -> frozenset[str] | None:
    """Finish what an earlier try began to remove; return the ids of slices that are not to be planned, since the sink has them for good.

    None: nothing is to be planned. A merged file whose sources are being removed must not be replaced by one of what came since.
    """
    if not source.source.delete_after:
        return frozenset()
    conducting = files.conducting
    gone: set[str] = set()
    for done in list(conducting.journal.done.values()):
        source.delete(done, dict(items))
        gone.update(done.slices)
        conducting.count(done)
    merged = any(len(done.slices) > 1 for done in conducting.journal.done.values())
    return None if merged else frozenset(gone)
