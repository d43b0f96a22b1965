"""Files of stores as a source of rows."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from headrace.core.errors import Code
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.choosing import choose
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.files import fetched, read_files
from headrace.dataplane.transfer.places import folders_of, open_place
from headrace.dataplane.transfer.request import Choice, Delimited, FilesSource, Pack, Packing, Place, StoreType
from headrace.dataplane.transfer.rows import Rows
from headrace.dataplane.transfer.session import TransferEngine, TransferSession
from stores import Shelf
from transfer_files import working

CSV = Delimited(header=True)


def source_of(shelf: Shelf, **given: Any) -> FilesSource:
    """Return the files of a shelf as a source of CSV with a header."""
    kind = {"local": StoreType.FOLDER, "sftp": StoreType.SFTP}.get(shelf.kind, StoreType.OBJECTS)
    place = Place(kind, shelf.info, shelf.root if shelf.info is None else "")
    return replace(FilesSource(place, Choice(), CSV), **given)


def read(source: FilesSource, folder: Path) -> dict[str, tuple[list[str], list[Any]]]:
    """Return columns and rows of each slice, by path."""
    work, found = working(folder), {}
    places = folders_of(source.place, None)
    with (
        closing(read_files(source, work)) as reader,
        TransferEngine(Cancellation(), Limits(threads=1), work.folder, places) as engine,
    ):
        for item in reader.slices():
            with engine.session() as session, reader.open(item, session) as rows:
                found[item.path] = ([field.name for field in rows.fields], rows_of(session, rows))
    assert list(work.folder.glob("file-*")) == []
    return found


def rows_of(session: TransferSession, rows: Rows) -> list[Any]:
    """Return the rows."""
    return session.rows(f"SELECT * FROM {rows.relation}")


@pytest.mark.parametrize("kind", ["local_store", "s3_store", "azure_store", "sftp_store"])
def test_files_of_every_store_are_read_with_the_columns_of_their_folders(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """In place or downloaded; whatever the file is called; files of no bytes have no rows and no columns."""
    shelf: Shelf = request.getfixturevalue(kind).fresh()
    shelf.put("in/year=2025/a*[1].csv", b"id,year\n1,x\n2,y\n")
    shelf.put("in/year=2026/month=07/b.csv", b"id\n3\n")
    shelf.put("in/year=2026/empty.csv", b"")
    found = read(source_of(shelf, choice=Choice("in"), partition_root=""), tmp_path)
    assert found == {
        "year=2025/a*[1].csv": (["id", "year", "month"], [("1", "2025", None), ("2", "2025", None)]),
        "year=2026/empty.csv": ([], []),
        "year=2026/month=07/b.csv": (["id", "year", "month"], [("3", "2026", "07")]),
    }


def test_the_members_of_an_archive_are_the_rows_of_one_slice(local_store: Shelf, tmp_path: Path) -> None:
    """One after the other, columns by name."""
    shelf = local_store.fresh()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("1.csv", "a,b\n1,2\n")
        archive.writestr("2.csv", "b,c\n3,4\n")
        archive.writestr("3.csv", "")
    shelf.put("in/x.zip", packed.getvalue())
    shelf.put("in/y.csv.gz", gzip.compress(b"a\n5\n"))
    archives = source_of(shelf, choice=Choice("in", "x.zip"), pack=Pack(Packing.ZIP))
    assert read(archives, tmp_path) == {"x.zip": (["a", "b", "c"], [("1", "2", None), (None, "3", "4")])}
    single = source_of(shelf, choice=Choice("in", "y.csv.gz"), pack=Pack(Packing.GZIP))
    assert read(single, tmp_path) == {"y.csv.gz": (["a"], [("5",)])}


@contextmanager
def opened(source: FilesSource, folder: Path) -> Iterator[tuple[Any, Any, Any]]:
    """Open the first slice; yield reader, rows and session."""
    work = working(folder)
    with ExitStack() as stack:
        reader = stack.enter_context(closing(read_files(source, work)))
        places = folders_of(source.place, None)
        engine = stack.enter_context(TransferEngine(Cancellation(), Limits(threads=1), work.folder, places))
        session = stack.enter_context(engine.session())
        rows = stack.enter_context(reader.open(reader.slices()[0], session))
        yield reader, rows, session


def test_a_local_file_that_is_written_to_while_it_is_read_fails(local_store: Shelf, tmp_path: Path) -> None:
    """Rows of two versions are never taken for one file."""
    shelf = local_store.fresh()
    shelf.put("a.csv", b"id\n1\n")
    with pytest.raises(TransferProblem) as caught, opened(source_of(shelf), tmp_path):
        shelf.put("a.csv", b"id\n1\n2\n")
    assert caught.value.reason is Reason.SOURCE_CHANGED


def test_a_local_file_that_is_replaced_while_it_is_read_is_read_as_it_was(local_store: Shelf, tmp_path: Path) -> None:
    """Whoever writes beside and renames disturbs nobody: the chosen version stays open."""
    shelf = local_store.fresh()
    shelf.put("a.csv", b"id\n1\n")
    with opened(source_of(shelf), tmp_path) as (_, rows, session):
        shelf.put("b.csv", b"id\n2\n")
        root = Path(unquote(urlsplit(shelf.root).path))
        (root / "b.csv").rename(root / "a.csv")
        assert rows_of(session, rows) == [("1",)]


def test_a_file_that_is_replaced_after_the_listing_fails(s3_store: Shelf, tmp_path: Path) -> None:
    """The version that was chosen is the one that is read, or none."""
    shelf = s3_store.fresh()
    shelf.put("a.csv", b"id\n1\n")
    source = source_of(shelf)
    work = working(tmp_path)
    with closing(open_place(source.place, None, Limits())) as store:
        (file,) = choose(store, source.place, source.choice, Cancellation(), Limits()).files
        shelf.put("a.csv", b"id\n2\n")
        with pytest.raises(TransferProblem) as caught, fetched(store, source.place, file, work.folder, work):
            pass
    assert caught.value.reason is Reason.SOURCE_CHANGED


def test_a_local_file_behind_a_link_out_of_its_place_is_copied_first(local_store: Shelf, tmp_path: Path) -> None:
    """DuckDB may read below the place only; links within the roots may lead anywhere in them."""
    shelf = local_store.fresh()
    shelf.put("in/x.csv", b"id\n1\n")
    other = tmp_path / "other.csv"
    other.write_bytes(b"id\n7\n")
    (Path(unquote(urlsplit(shelf.root).path)) / "in/link.csv").symlink_to(other)
    assert read(source_of(shelf, choice=Choice("in", "link.csv")), tmp_path) == {"link.csv": (["id"], [("7",)])}


def test_slices_are_told_apart_by_what_they_are(local_store: Shelf, tmp_path: Path) -> None:
    """The id is that of a version of a file: what a later try finds finished is not done again, what is new is."""
    shelf = local_store.fresh()
    shelf.put("a.csv", b"id\n1\n")

    def slices() -> list[str]:
        with closing(read_files(source_of(shelf), working(tmp_path))) as reader:
            return [item.id for item in reader.slices()]

    first = slices()
    assert slices() == first
    shelf.put("a.csv", b"id\n12\n")
    assert slices() != first


def test_files_of_a_list_that_are_not_there_fail(local_store: Shelf, tmp_path: Path) -> None:
    """What is named is meant."""
    shelf = local_store.fresh()
    shelf.put("list.txt", b"a.csv\nb.csv\n")
    source = source_of(shelf, choice=Choice(list_path="list.txt"))
    with (
        closing(read_files(source, working(tmp_path))) as reader,
        pytest.raises(TransferProblem, match=r"'a\.csv', and 1 others") as caught,
    ):
        reader.slices()
    assert (caught.value.reason, caught.value.code) == (Reason.FILE_NOT_FOUND, Code.SOURCE_NOT_FOUND)
