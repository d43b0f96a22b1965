"""One behaviour of all stores that can be written to, each a real server."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Entry
from headrace.dataplane.connectors.object_services import Ask
from headrace.dataplane.connectors.object_writing import ObjectFolder
from headrace.dataplane.connectors.stores import open_writable
from headrace.dataplane.connectors.writing import PART, PutOptions, WritableStore
from headrace.dataplane.limits import MIB, Limits
from stores import BUCKET, Cutter, Shelf
from waiting import until

STORES = ["local_store", "s3_store", "azure_store", "sftp_store"]
LIMITS = Limits(store_pause_seconds=0.01, store_connect_seconds=5, store_read_seconds=10)
NAMES = [
    "a b.csv",
    "dä/ß 日本.csv",
    "50%25 #1+2&3=4?.csv",
    "it's (1) [2]~!@$,;.csv",
    'quote".csv',
    ".hidden/_under.csv",
    f"{'n' * 120}/{'m' * 200}.csv",
]


@pytest.fixture(params=STORES)
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """A new folder of each kind of store; nobody has made it."""
    found: Shelf = request.getfixturevalue(request.param)
    return found.fresh()


@pytest.fixture
def store(shelf: Shelf) -> Iterator[WritableStore]:
    """The shelf, opened."""
    with closing(open_writable(shelf.root, shelf.info, None, LIMITS)) as opened:
        yield opened


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to be written."""
    file = tmp_path / "source"
    file.write_bytes(b"id\n1\n")
    return file


def content(store: WritableStore, path: str) -> bytes:
    """Return what a store has at a path."""
    child = store.look(path, Cancellation())
    assert child is not None
    assert child.modified_at is not None
    assert child.problem is None
    entry = Entry(child.place, child.place, child.size, child.modified_at, child.stamp, child.version)
    data, at = memoryview(bytearray(child.size + 1)), 0
    with store.open(entry) as file:
        while count := file.readinto(data[at:]):
            at += count
        file.finish()
    return bytes(data[:at])


def names(store: WritableStore, folder: str = "") -> list[str]:
    """Return what lies in a folder."""
    try:
        return sorted(child.name for child in store.children(folder, Cancellation()))
    except Problem as problem:
        if problem.code is not Code.SOURCE_NOT_FOUND:
            raise
        return []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_written_replaced_looked_at_and_removed_under_any_name(
    store: WritableStore, source: Path, name: str
) -> None:
    """Folders are made; nothing else stays; what is gone can be removed again."""
    stopped = Cancellation()
    assert store.look(name, stopped) is None
    assert store.put(name, source, stopped).size == 5
    assert content(store, name) == b"id\n1\n"
    source.write_bytes(b"")
    assert store.put(name, source, stopped).size == 0
    assert content(store, name) == b""
    folder, _, last = name.rpartition("/")
    assert names(store, f"{folder}/" if folder else "") == [last]
    if folder:
        found = store.look(folder, stopped)
        assert found is not None
        assert found.is_folder
    assert store.remove(name, stopped)
    assert store.look(name, stopped) is None
    store.remove(name, stopped)
    if folder:
        store.remove_folder(folder, stopped)
        assert store.look(folder, stopped) is None
        store.remove_folder(folder, stopped)


def test_a_large_file_is_sent_in_parts_and_is_the_same(shelf: Shelf, store: WritableStore, tmp_path: Path) -> None:
    """Parts keep their order; the digest is that of the whole."""
    block = b"".join(number.to_bytes(4) for number in range(MIB // 4))
    large = tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(11):
            file.write(block)
        file.write(b"end")
    stored = store.put("large.bin", large, Cancellation(), PutOptions(block_bytes=5 * MIB, metadata={"made_by": "us"}))
    assert stored.size == 11 * MIB + 3
    expected = large.read_bytes()
    assert content(store, "large.bin") == expected
    if shelf.kind in {"s3", "azure"}:
        assert stored.md5 == hashlib.md5(expected, usedforsecurity=False).digest()
        assert stored.etag
    if shelf.kind == "azure":
        described = store.describe("large.bin", Cancellation())
        assert described.md5 == stored.md5
        assert described.created_at is not None


class Stopping(Cancellation):
    """Stops whoever asks for the ``at``-th time."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def check(self) -> None:
        """Count, and stop."""
        self.left -= 1
        if self.left == 0:
            self.stop(Code.CANCELLED, "enough")
        super().check()


@pytest.mark.parametrize("temporary", [True, False])
def test_what_is_stopped_in_the_middle_leaves_the_old_file_and_nothing_else(
    shelf: Shelf, store: WritableStore, source: Path, tmp_path: Path, temporary: bool
) -> None:
    """Whole or not at all: also where a server is told to write under the file's own name, nothing broken stays."""
    store.put("folder/a.csv", source, Cancellation())
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(20 * MIB)
    # Local files are copied 8 MiB at a time, SFTP's 32 KiB, objects 256 KiB (read twice).
    cancellation = Stopping({"local": 3, "sftp": 20}.get(shelf.kind, 50))
    with pytest.raises(Problem, match="enough"):
        store.put("folder/a.csv", large, cancellation, PutOptions(block_bytes=5 * MIB, temporary_name=temporary))
    assert names(store, "folder/") in (["a.csv"], [])
    if temporary:
        assert content(store, "folder/a.csv") == b"id\n1\n"
    if isinstance(store, ObjectFolder) and shelf.kind == "s3":
        answer = store.send("GET", Ask(f"/{BUCKET}", (("uploads", ""),)))
        assert b"<Upload>" not in answer.document()
        answer.close()


@pytest.mark.parametrize("path", ["../a.csv", "b/../../a.csv", "/etc/a.csv"])
def test_no_path_leads_out_of_the_root(store: WritableStore, source: Path, path: str) -> None:
    """Neither of writing nor of removing."""
    with pytest.raises(Problem) as caught:
        store.put(path, source, Cancellation())
    assert caught.value.code is Code.TARGET_DENIED


@pytest.mark.parametrize("path", ["a//b.csv", "a/./b.csv", "a\0.csv", f"{'x' * 2000}.csv"])
def test_a_name_that_no_file_can_have_is_refused_as_such(store: WritableStore, source: Path, path: str) -> None:
    """Whoever may leave out files with such names knows it by the field."""
    with pytest.raises(Problem) as caught:
        store.put(path, source, Cancellation())
    assert caught.value.code is Code.INVALID
    assert [error.path for error in caught.value.fields] == ["name"]
    assert names(store) == []


@pytest.mark.parametrize("kind", STORES[1:])
def test_wrong_credentials_are_denied(request: pytest.FixtureRequest, kind: str, source: Path) -> None:
    """Also when the body is long, and the server answers before it has read it."""
    shelf: Shelf = request.getfixturevalue(kind).fresh()
    source.write_bytes(bytes(2 * MIB))
    with closing(open_writable("", shelf.with_options(**shelf.wrong), None, LIMITS)) as store:
        with pytest.raises(Problem) as caught:
            store.put("a.csv", source, Cancellation())
        assert caught.value.code is Code.TARGET_DENIED
        assert all(secret not in caught.value.message for secret in shelf.wrong.values() if secret != "wrong")


@pytest.mark.parametrize(("kind", "option"), [("s3_store", "bucket"), ("azure_store", "container")])
def test_a_bucket_that_is_not_there_is_told(
    request: pytest.FixtureRequest, kind: str, option: str, source: Path
) -> None:
    """It is not made: who may write objects often may not make buckets."""
    shelf: Shelf = request.getfixturevalue(kind).fresh()
    with closing(open_writable("", shelf.with_options(**{option: "nowhere"}), None, LIMITS)) as store:
        for act in (
            lambda: store.put("a.csv", source, Cancellation()),
            lambda: store.remove("a.csv", Cancellation()),
            lambda: store.look("a.csv", Cancellation()),
        ):
            with pytest.raises(Problem) as caught:
                act()
            assert caught.value.code in {Code.NOT_FOUND, Code.SOURCE_NOT_FOUND}


def test_metadata_that_no_header_can_have_is_refused(s3_store: Shelf, azure_store: Shelf, source: Path) -> None:
    """Before anything is sent."""
    for shelf in (s3_store.fresh(), azure_store.fresh()):
        with closing(open_writable("", shelf.info, None, LIMITS)) as store:
            for metadata in ({"a": "ü"}, {"a": "x\r\nHost: y"}, {"a b": "x"}, {"": "x"}):
                with pytest.raises(Problem, match="metadata"):
                    store.put("a.csv", source, Cancellation(), PutOptions(metadata=metadata))


def test_a_server_that_breaks_off_is_tried_again(s3_store: Shelf, source: Path) -> None:
    """A connection that nobody answers is not the end."""
    shelf = s3_store.fresh()
    assert shelf.info is not None
    gone = replace(shelf.info, url="http://127.0.0.1:9")
    with closing(open_writable("", gone, None, LIMITS)) as store, pytest.raises(Problem) as caught:
        store.put("a.csv", source, Cancellation())
    assert caught.value.code is Code.TARGET_UNAVAILABLE


def folder_of(shelf: Shelf) -> Path:
    """Return the folder of a local shelf."""
    return Path(unquote(urlsplit(shelf.root).path))


def test_no_link_leads_out_of_the_roots_and_a_link_in_the_last_place_is_replaced(
    local_store: Shelf, source: Path, tmp_path: Path
) -> None:
    """Writing, removing and making folders go through folders that lie below the roots."""
    shelf = local_store.fresh()
    root = folder_of(shelf)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.csv").write_bytes(b"kept")
    root.mkdir()
    (root / "away").symlink_to(outside)
    (root / "last.csv").symlink_to(outside / "kept.csv")
    (root / "nowhere").symlink_to(outside / "none")
    store = open_writable(shelf.root, None, (root,), LIMITS)
    acts = (
        lambda: store.put("away/kept.csv", source, Cancellation()),
        lambda: store.put("away/new/kept.csv", source, Cancellation()),
        lambda: store.put("nowhere/kept.csv", source, Cancellation()),
        lambda: store.remove("away/kept.csv", Cancellation()),
        lambda: store.staging("away/kept.csv", Cancellation()),
    )
    for act in acts:
        with pytest.raises(Problem) as caught:
            act()
        assert caught.value.code is Code.TARGET_DENIED
    store.put("last.csv", source, Cancellation())
    assert not (root / "last.csv").is_symlink()
    assert [path.name for path in outside.iterdir()] == ["kept.csv"]
    assert (outside / "kept.csv").read_bytes() == b"kept"


def test_a_file_of_the_same_disk_is_moved_into_its_place(local_store: Shelf) -> None:
    """What was written beside is not written again."""
    shelf = local_store.fresh()
    store = open_writable(shelf.root, None, None, LIMITS)
    folder = store.staging("deep/a.csv", Cancellation())
    assert folder == folder_of(shelf) / "deep"
    part = folder / f"{PART}1"
    part.write_bytes(b"x")
    number = part.stat().st_ino
    store.put("deep/a.csv", part, Cancellation(), PutOptions(move=True, durable=True))
    assert [(path.name, path.stat().st_ino) for path in folder.iterdir()] == [("a.csv", number)]


def test_a_folder_is_no_file(local_store: Shelf, sftp_store: Shelf, source: Path) -> None:
    """Neither is it replaced by one, nor removed as one, nor is a folder made in a file."""
    for shelf in (local_store.fresh(), sftp_store.fresh()):
        with closing(open_writable(shelf.root if shelf.info is None else "", shelf.info, None, LIMITS)) as store:
            store.put("folder/a.csv", source, Cancellation())
            for act in (
                lambda: store.put("folder", source, Cancellation()),
                lambda: store.remove("folder", Cancellation()),
                lambda: store.put("folder/a.csv/b.csv", source, Cancellation()),
            ):
                with pytest.raises(Problem):
                    act()
            store.remove_folder("folder", Cancellation())
            assert names(store, "folder/") == ["a.csv"]
            assert names(store) == ["folder"]


def test_several_threads_may_write_at_a_time(store: WritableStore, source: Path) -> None:
    """The last one wins; nobody sees half a file."""
    threads = [
        threading.Thread(target=store.put, args=(f"a{number % 3}.csv", source, Cancellation())) for number in range(9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: names(store) == ["a0.csv", "a1.csv", "a2.csv"], seconds=5, what="three files")


@pytest.mark.parametrize(
    ("kind", "after"), [("s3_store", 121), ("s3_store", 1201), ("azure_store", 301), ("sftp_store", 4000)]
)
def test_an_answer_that_is_cut_off_is_no_loss(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, after: int
) -> None:
    """The request is sent again; where the parts were put together already, that is found out."""
    shelf: Shelf = request.getfixturevalue(kind).fresh()
    assert shelf.info is not None
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * (6 * MIB // 256))
    parts = urlsplit(shelf.info.url)
    cutter = Cutter(parts.port or 0, after, cuts=1)
    cut = replace(shelf.info, url=shelf.info.url.replace(f":{parts.port}", f":{cutter.port}"))
    with closing(cutter), closing(open_writable("", cut, None, LIMITS)) as store:
        assert store.put("a.bin", large, Cancellation(), PutOptions(block_bytes=5 * MIB)).size == 6 * MIB
        assert cutter.made > 1
        assert content(store, "a.bin") == large.read_bytes()
        assert names(store) == ["a.bin"]
