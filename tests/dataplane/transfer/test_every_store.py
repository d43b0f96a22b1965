"""Every format from and to every store, once, over real servers: each file goes to the next store, in a format that can be written."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import fastavro
import openpyxl  # type: ignore[import-untyped]  # it has none
import pyarrow as pa
import pyarrow.orc as po
import pyarrow.parquet as pq
import pytest

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Entry
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.places import open_place
from headrace.dataplane.transfer.request import (
    Avro,
    Bytes,
    Choice,
    Delimited,
    Documents,
    FilesSink,
    FilesSource,
    Format,
    Markup,
    Orc,
    Parquet,
    Place,
    StoreType,
    Transfer,
    Workbook,
)
from stores import Shelf, local_shelf
from transferring import Desk

ROWS = [{"name": "ä,b", "size": "1"}, {"name": 'c "d"', "size": "22"}]
CSV = Delimited(header=True, extension=".csv", row_delimiter="\n", escape='"')
NEXT = {
    "local": "s3_store",
    "s3_store": "azure_store",
    "azure_store": "sftp_store",
    "sftp_store": "local",
}
Content = Callable[[list[dict[str, str]]], bytes]


def as_csv(rows: list[dict[str, str]]) -> bytes:
    """Return rows as lines."""
    text = io.StringIO()
    lines = csv.DictWriter(text, ["name", "size"], lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return text.getvalue().encode()


def as_arrow(write: Callable[[Any, Any], object]) -> Content:
    """Return what makes rows a file of Arrow's."""

    def made(rows: list[dict[str, str]]) -> bytes:
        file = io.BytesIO()
        write(pa.Table.from_pylist(rows), file)
        return file.getvalue()

    return made


def as_avro(rows: list[dict[str, str]]) -> bytes:
    """Return rows as records."""
    fields = [{"name": name, "type": ["null", "string"]} for name in ("name", "size")]
    file = io.BytesIO()
    fastavro.writer(file, {"type": "record", "name": "r", "fields": fields}, rows)
    return file.getvalue()


def as_workbook(rows: list[dict[str, str]]) -> bytes:
    """Return rows as cells."""
    book = openpyxl.Workbook()
    for cells in (["name", "size"], *(list(row.values()) for row in rows)):
        book.active.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_lines(rows: list[dict[str, str]]) -> bytes:
    """Return rows as objects."""
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def of_csv(data: bytes) -> list[Any]:
    """Return the rows of lines."""
    return list(csv.DictReader(io.StringIO(data.decode())))


def of_lines(data: bytes) -> list[Any]:
    """Return objects."""
    return [json.loads(line) for line in data.splitlines()]


READERS: Mapping[str, Callable[[bytes], list[Any]]] = {
    "csv": of_csv,
    "json": of_lines,
    "parquet": lambda data: pq.read_table(io.BytesIO(data)).to_pylist(),
    "orc": lambda data: po.read_table(io.BytesIO(data)).to_pylist(),
    "avro": lambda data: list(fastavro.reader(io.BytesIO(data))),
    "bin": of_csv,
}
FORMATS: Mapping[str, tuple[Format, Content, Format, str]] = {
    "csv": (CSV, as_csv, CSV, "csv"),
    "json": (Documents(), as_lines, Documents(), "json"),
    "parquet": (Parquet(), as_arrow(pq.write_table), Parquet(), "parquet"),
    "orc": (Orc(), as_arrow(po.write_table), Orc(), "orc"),
    "avro": (Avro(), as_avro, Avro(), "avro"),
    "xlsx": (Workbook(header=True), as_workbook, CSV, "csv"),
    "xml": (Markup(detect_types=False), lambda _: b"<r><name>x</name><size>1</size></r>", Documents(), "json"),
    "bin": (Bytes(), as_csv, Bytes(), "bin"),
}


def shelf_of(request: pytest.FixtureRequest, desk: Desk, name: str) -> Shelf:
    """Return a new folder of a store; of this machine, one that the desk may use."""
    shelf: Shelf = local_shelf(desk.data) if name == "local" else request.getfixturevalue(name)
    return shelf.fresh()


def place_of(shelf: Shelf) -> Place:
    """Return a shelf as a place."""
    kind = {"local": StoreType.FOLDER, "sftp": StoreType.SFTP}.get(shelf.kind, StoreType.OBJECTS)
    return Place(kind, shelf.info, shelf.root if shelf.info is None else "", shelf.kind)


def content(place: Place, path: str) -> bytes:
    """Return a file of a place."""
    with closing(open_place(place, None, Limits())) as store:
        child = store.look(path, Cancellation())
        assert child is not None, path
        assert child.modified_at is not None
        entry = Entry(child.place, child.place, child.size, child.modified_at, child.stamp, child.version)
        data, at = bytearray(child.size), 0
        with store.open(entry) as file:
            while at < len(data):
                at += file.readinto(memoryview(data)[at:])
    return bytes(data)


@pytest.mark.parametrize("store", NEXT)
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_goes_from_each_store_to_the_next(
    request: pytest.FixtureRequest, desk: Desk, store: str, form: str
) -> None:
    """The same rows, or bytes, are there, in the folder that the source had."""
    shelves = [shelf_of(request, desk, name) for name in (store, NEXT[store])]
    source, sink = map(place_of, shelves)
    reads, make, writes, extension = FORMATS[form]
    data = make(ROWS)
    shelves[0].put(f"in/deep ä/x y.{form}", data)
    asked = Transfer(FilesSource(source, Choice("in"), reads), FilesSink(sink, writes, "out"), f"{store}/{form}")
    report = desk.run(asked)
    assert report.files == (f"out/deep ä/x y.{extension}",)
    expected = [{"r": {"name": "x", "size": "1"}}] if form == "xml" else ROWS
    assert READERS[extension](content(sink, report.files[0])) == expected
    assert report.figures.bytes_read == len(data)
