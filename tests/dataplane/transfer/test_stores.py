"""Transfers from and to stores over a network, each a real server."""

from contextlib import closing
from dataclasses import replace

import pytest

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Entry, select
from headrace.dataplane.connectors.stores import open_writable
from headrace.dataplane.connectors.writing import PART
from headrace.dataplane.transfer.request import (
    Bytes,
    Choice,
    ColumnMap,
    ColumnMapping,
    Delimited,
    End,
    FilesSink,
    FilesSource,
    LogPlace,
    Place,
    SessionLog,
    StoreType,
    Tolerance,
    Transfer,
)
from headrace.dataplane.transfer.values import ValueType
from stores import Shelf
from transferring import Desk

TYPES = {"s3": StoreType.OBJECTS, "azure": StoreType.OBJECTS, "sftp": StoreType.SFTP}
NUMBERS = ColumnMap((ColumnMapping(End("n"), End("n", type=ValueType.INT64)),))


@pytest.fixture(params=["s3_store", "azure_store", "sftp_store"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """A new folder of each kind of store."""
    found: Shelf = request.getfixturevalue(request.param)
    return found.fresh()


def place_of(shelf: Shelf) -> Place:
    """Return the shelf as a place."""
    return Place(TYPES[shelf.kind], shelf.info, shelf.root, shelf.kind)


def found_in(desk: Desk, shelf: Shelf) -> dict[str, bytes]:
    """Return the files of a shelf."""
    found = {}
    with closing(open_writable(shelf.root, shelf.info, None, desk.limits)) as store:
        for entry in store.list(select("", recursive=True), Cancellation()).entries:
            found[entry.name] = _read(store, entry)
    return found


def _read(store: object, entry: Entry) -> bytes:
    buffer = bytearray(entry.size)
    with store.open(entry) as opened:  # type: ignore[attr-defined] # every store has it
        view = memoryview(buffer)
        while view and (count := opened.readinto(view)):
            view = view[count:]
    return bytes(buffer)


def test_bytes_are_moved_within_a_store(desk: Desk, shelf: Shelf) -> None:
    """Each file is in the sink, and gone at the source; nothing unfinished is left; also after a crash in the middle."""
    for name in ("a", "x/b", "x/c"):
        shelf.put(f"in/{name}", name.encode())
    place = place_of(shelf)
    source = FilesSource(place, Choice(folder="in"), Bytes(), delete_after=True)
    request = Transfer(source, FilesSink(place, Bytes(), "out"), "asked", tolerance=Tolerance(verify=True), parallel=1)
    assert desk.killed(request, "transfer-after-delete", 2)
    report = desk.run(request, epoch=2)
    assert found_in(desk, shelf) == {f"out/{name}": name.encode() for name in ("a", "x/b", "x/c")}
    assert (report.figures.files_read, report.figures.bytes_written) == (3, 7)


def test_rows_are_read_from_and_written_to_a_store_with_their_log(desk: Desk, shelf: Shelf) -> None:
    """What a killed try had begun in the store is removed, and the log of refused rows lies there, too."""
    shelf.put("in/a.csv", b"n\n1\nbad\n2\n")
    shelf.put("in/b.csv", b"n\n3\n")
    place = place_of(shelf)
    form = Delimited(header=True, extension=".csv")
    tolerance = Tolerance(skip_rows=True, log=SessionLog(LogPlace(place, "logs")))
    request = Transfer(
        FilesSource(place, Choice(folder="in"), form),
        FilesSink(place, form, "out"),
        "asked",
        NUMBERS,
        tolerance=tolerance,
        parallel=1,
        activity="C",
        activity_run="r",
    )
    assert desk.killed(request, "transfer-before-rename", 2)
    report = desk.run(request, epoch=2)
    found = found_in(desk, shelf)
    assert {name: data for name, data in found.items() if name.startswith("out/")} == {
        "out/a.csv": b"n\r\n1\r\n2\r\n",
        "out/b.csv": b"n\r\n3\r\n",
    }
    assert not [name for name in found if PART in name]
    (log,) = [data for name, data in found.items() if name.startswith("logs/copyactivity-logs/C/r/")]
    assert log.count(b"TabularRowSkip") == 1
    assert (report.figures.rows_read, report.figures.rows_rejected, report.resumed) == (4, 1, 1)


def test_a_file_is_not_moved_onto_itself_in_a_store(desk: Desk, s3_store: Shelf) -> None:
    """However the two ends say where it is."""
    shelf = s3_store.fresh()
    shelf.put("in/a", b"1")
    place = place_of(shelf)
    deeper = replace(place, connection=shelf.with_options(folder=f"{shelf.folder}/in"))
    source = FilesSource(place, Choice(folder="in"), Bytes(), delete_after=True)
    failed = desk.fails(Transfer(source, FilesSink(deeper, Bytes()), "asked"))
    assert "onto itself" in failed.problem.message
