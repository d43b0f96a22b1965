"""What files are called in the sink."""

from dataclasses import replace

import pytest

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.naming import Naming, unpacked_name
from headrace.dataplane.transfer.request import (
    Arrangement,
    Bytes,
    Choice,
    Delimited,
    FilesSink,
    FilesSource,
    Pack,
    Packing,
    Parquet,
    Place,
    QuerySource,
    StoreType,
)
from headrace.dataplane.transfer.rows import Slice

PLACE = Place(StoreType.FOLDER, None, "file:///data")
FILES = FilesSource(PLACE, Choice(), Delimited())
SINK = FilesSink(PLACE, Parquet(), "out")
TABLE = QuerySource(ConnectionInfo("sqlite", "", {}), "dbo", "Orders")


def naming(
    source: FilesSource | QuerySource = FILES, sink: FilesSink = SINK, ending: str = ".parquet", *, blind: bool = False
) -> Naming:
    """Return the naming of a transfer whose journal is empty."""
    return Naming(source, sink, "key", "run", ending, lambda _, name: name, blind)


def slices(*paths: str) -> list[Slice]:
    """Return slices of files."""
    return [Slice(f"id-{path}", path, path) for path in paths]


def paths(found: Naming, *names: str) -> list[str]:
    """Return what files become."""
    return [unit.path() for unit in found.units(slices(*names))]


def test_folders_are_kept_and_endings_are_the_sinks() -> None:
    """The path relative to the source's folder stays; the last ending goes, and that of a packing, if it was packed."""
    assert paths(naming(), "a.csv", "x/y/b.c.csv", "plain", ".hidden") == [
        "out/a.parquet",
        "out/x/y/b.c.parquet",
        "out/plain.parquet",
        "out/.hidden.parquet",
    ]
    packed = replace(FILES, pack=Pack(Packing.GZIP))
    assert paths(naming(packed, ending=".csv"), "a.csv.gz", "b.csv") == ["out/a.csv", "out/b.csv"]


def test_files_that_would_get_one_name_keep_their_endings() -> None:
    """No two slices ever write one file; others are named as if the two were not there."""
    assert paths(naming(), "a.csv", "a.txt", "b.csv") == ["out/a.csv.parquet", "out/a.txt.parquet", "out/b.parquet"]


def test_names_that_cannot_be_told_apart_are_refused() -> None:
    """Where the sink takes no notice of upper and lower case, two files would become one."""
    assert paths(naming(), "A.csv", "a.csv") == ["out/A.parquet", "out/a.parquet"]
    with pytest.raises(TransferProblem, match="same file"):
        naming(blind=True).units(slices("A.csv", "a.csv"))


def test_flattened_files_have_generated_names_in_one_folder() -> None:
    """They are the same for each try, and others for each path and each commit key; bytes keep their endings."""
    flat = naming(sink=replace(SINK, arrangement=Arrangement.FLATTEN))
    first, second = paths(flat, "x/a.csv", "y/a.csv")
    assert first != second
    assert first.count("/") == 1
    assert paths(flat, "x/a.csv", "y/a.csv") == [first, second]
    assert paths(replace(flat, key="other"), "x/a.csv") != [first]
    sink = FilesSink(PLACE, Bytes(), "out", arrangement=Arrangement.FLATTEN)
    (name,) = paths(naming(replace(FILES, format=Bytes()), sink, ""), "x/a.csv")
    assert name.endswith(".csv")


@pytest.mark.parametrize("sink", [replace(SINK, file="all.parquet"), replace(SINK, arrangement=Arrangement.MERGE)])
def test_several_files_become_one_in_the_order_of_their_names(sink: FilesSink) -> None:
    """A named sink merges, and so does the arrangement."""
    (unit,) = naming(sink=sink).units(slices("a", "b"))
    assert [item.name for item in unit.slices] == ["a", "b"]
    assert unit.path() == ("out/all.parquet" if sink.file else unit.path())


def test_generated_names_are_decided_once() -> None:
    """A later try has another activity run, and takes the name that the journal has."""
    found = replace(naming(sink=replace(SINK, arrangement=Arrangement.MERGE)), decide=lambda _, __: "noted.parquet")
    assert paths(found, "a") == ["out/noted.parquet"]


def test_tables_give_their_names_and_parts_are_numbered() -> None:
    """A split table is a row of files; a query has a generated name."""
    assert paths(naming(TABLE), "") == ["out/dbo.Orders.parquet"]
    assert paths(naming(TABLE), "", "") == ["out/dbo.Orders_00000.parquet", "out/dbo.Orders_00001.parquet"]
    (name,) = paths(naming(replace(TABLE, schema="", table="", query="SELECT 1")), "")
    assert name.startswith("out/data_run_")


def test_rows_are_dealt_out_to_numbered_files() -> None:
    """With a prefix all are numbered through; without one each file of the source is."""
    (unit,) = naming(sink=replace(SINK, max_rows=10, prefix="p")).units(slices("a", "b"))
    assert [unit.path(0), unit.path(1)] == ["out/p_00000.parquet", "out/p_00001.parquet"]
    found = naming(sink=replace(SINK, max_rows=10)).units(slices("x/a.csv", "b.csv"))
    assert [unit.path(7) for unit in found] == ["out/x/a_00007.parquet", "out/b_00007.parquet"]


def test_a_sink_with_a_wildcard_is_refused() -> None:
    """Nobody can tell which file is meant."""
    for sink in (replace(SINK, file="*.csv"), replace(SINK, folder="a?")):
        with pytest.raises(TransferProblem) as caught:
            naming(sink=sink).units(slices("a"))
        assert caught.value.reason is Reason.WILDCARD_SINK


def test_rows_cannot_be_dealt_out_to_one_file() -> None:
    """Settings that contradict each other are told."""
    with pytest.raises(TransferProblem, match="one file"):
        naming(sink=replace(SINK, file="a.parquet", max_rows=5)).units(slices("a"))


@pytest.mark.parametrize(
    ("path", "packing", "bare"),
    [
        ("a.tgz", Packing.TAR_GZIP, "a"),
        ("x/.gz", Packing.GZIP, "x/.gz"),
        ("A.GZ", Packing.GZIP, "A"),
        ("a.gz", Packing.NONE, "a.gz"),
    ],
)
def test_the_ending_of_a_packing_goes_with_it(path: str, packing: Packing, bare: str) -> None:
    """Only where a name is left."""
    assert unpacked_name(path, Pack(packing)) == bare
