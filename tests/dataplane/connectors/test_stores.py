"""One behaviour of all file stores: local folders, S3, Azure Blob, GCS, SFTP, FTP, each with its real server."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Entry, FileStore, Listing, select
from headrace.dataplane.connectors.objects import Objects
from headrace.dataplane.connectors.stores import open_store
from headrace.dataplane.limits import Limits
from servers import free_port
from stores import Cutter, Shelf

KINDS = ("local", "s3", "azure", "gcs", "sftp", "ftp", "old_ftp")
REMOTE = KINDS[1:]
FAST = Limits(store_pause_seconds=0.01)
NAMES = ("a.csv", "b.txt", ".hidden.csv", "sub/c.csv", "sub/deep/d.csv", ".git/e.csv", "year=1/f.csv", "empty.csv")


@pytest.fixture(params=KINDS)
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """Return a new folder of each kind of store."""
    found = request.getfixturevalue(f"{request.param}_store")
    assert isinstance(found, Shelf)
    return found.fresh()


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest) -> Shelf:
    """Return a new folder of each kind of server."""
    found = request.getfixturevalue(f"{request.param}_store")
    assert isinstance(found, Shelf)
    return found.fresh()


@pytest.fixture
def store(shelf: Shelf) -> Iterator[FileStore]:
    """Return the store of the new folder."""
    shelf.put("a.csv", b"first")
    with closing(opened(shelf)) as store:
        yield store


def opened(shelf: Shelf, info: ConnectionInfo | None = None) -> FileStore:
    """Open a shelf."""
    info = info or shelf.info
    return open_store("" if info else shelf.root, info, None, FAST)


def find(store: FileStore, path: str, *, recursive: bool = False) -> Listing:
    """List a path."""
    return store.list(select(path, recursive=recursive), Cancellation())


def names(store: FileStore, path: str, *, recursive: bool = False) -> list[str]:
    """Return the names of a listing in which nothing was refused."""
    listing = find(store, path, recursive=recursive)
    assert listing.refused == ()
    return [entry.name for entry in listing.entries]


def read(
    store: FileStore, entry: Entry, meanwhile: Callable[[], None] = lambda: None, *, piece: int = 100_000
) -> bytes:
    """Read a file; ``meanwhile`` happens after the first piece."""
    buffer, data = memoryview(bytearray(piece)), b""
    with store.open(entry) as file:
        while count := file.readinto(buffer):
            data += buffer[:count]
            meanwhile()
        file.finish()
    return data


def test_a_path_selects_the_same_files_in_every_store(shelf: Shelf) -> None:
    """Folders, wildcards, any depth and single files, in the order of their names; hidden names only where the path says them."""
    for name in NAMES:
        shelf.put(name, b"" if name == "empty.csv" else name.encode())
    with closing(opened(shelf)) as store:
        assert names(store, "") == ["a.csv", "b.txt", "empty.csv"]
        below = ["a.csv", "b.txt", "empty.csv", "sub/c.csv", "sub/deep/d.csv", "year=1/f.csv"]
        assert names(store, "", recursive=True) == below
        assert names(store, "**/*.csv") == [name for name in below if name != "b.txt"]
        assert names(store, "*.csv", recursive=True) == [name for name in below if name != "b.txt"]
        assert names(store, "sub/**") == ["sub/c.csv", "sub/deep/d.csv"]
        assert names(store, "sub/") == ["sub/c.csv"]
        assert names(store, "year=?/[e-g].csv") == ["year=1/f.csv"]
        assert names(store, ".*") == [".hidden.csv"]
        assert names(store, ".git/") == [".git/e.csv"]
        assert names(store, "sub/deep/d.csv") == ["sub/deep/d.csv"]
        assert names(store, "*.parquet") == []
        (entry,) = find(store, "empty.csv").entries
        assert (entry.size, read(store, entry)) == (0, b"")
        found = {child.place: child.is_folder for child in store.children("sub/", Cancellation())}
        assert found == {"sub/c.csv": False, "sub/deep/": True}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a.cvs", "no file 'a.cvs'.*did you mean 'a.csv'"),
        ("sup/", "no folder 'sup'.*did you mean 'sub'"),
        ("sup/*.csv", "no folder 'sup'.*did you mean 'sub'"),
        ("sub", "'sub' is a folder, not a file; write 'sub/'"),
    ],
)
def test_what_is_missing_is_told_with_a_similar_name(shelf: Shelf, path: str, said: str) -> None:
    """A wrong path is the most frequent mistake of all."""
    shelf.put("a.csv")
    shelf.put("sub/c.csv")
    with closing(opened(shelf)) as store, pytest.raises(Problem, match=said) as caught:
        find(store, path)
    assert caught.value.code is Code.SOURCE_NOT_FOUND


def test_names_of_any_letters_are_listed_and_read(shelf: Shelf) -> None:
    """Spaces, umlauts, percent signs, plus signs, quotes and emojis travel through every protocol."""
    odd = sorted(
        ("a b.csv", "größe & co.csv", "50%.csv", "1+1=2#x.csv", "it's; (ok) [x].csv", "données/été 🌞.csv", "50%25.csv")
    )
    for name in odd:
        shelf.put(name, name.encode())
    with closing(opened(shelf)) as store:
        listing = find(store, "", recursive=True)
        assert [entry.name for entry in listing.entries] == odd
        assert [read(store, entry).decode() for entry in listing.entries] == odd
        assert names(store, "données/été 🌞.csv") == ["données/été 🌞.csv"]


def test_a_file_is_read_whole_with_its_size_and_its_time(shelf: Shelf) -> None:
    """Every byte comes, in pieces; the time is now, to the precision of the store."""
    before = datetime.now(UTC).timestamp()
    data = bytes(range(256)) * 9_000  # larger than one window, and no multiple of it
    shelf.put("large.bin", data)
    with closing(opened(shelf)) as store:
        (entry,) = find(store, "large.bin").entries
        assert entry.size == len(data)
        assert int(before) * SECOND - SECOND <= entry.modified_at <= datetime.now(UTC).timestamp() * SECOND
        assert find(store, "*.bin").entries == (entry,)
        assert read(store, entry, piece=70_001) == data


def test_a_file_that_changes_after_it_was_listed_is_not_read(shelf: Shelf, store: FileStore) -> None:
    """Another size or another version: the listing's is what was asked for."""
    (entry,) = find(store, "a.csv").entries
    shelf.put("a.csv", b"longer than before")
    with pytest.raises(Problem) as caught:
        read(store, entry)
    assert caught.value.code is Code.SOURCE_CHANGED
    assert find(store, "a.csv").entries[0].stamp != entry.stamp or "ftp" in shelf.kind


def test_a_file_that_is_removed_after_it_was_listed_is_told(shelf: Shelf, store: FileStore) -> None:
    """It is no missing file: the source changed."""
    (entry,) = find(store, "a.csv").entries
    shelf.remove("a.csv")
    with pytest.raises(Problem) as caught:
        read(store, entry)
    assert caught.value.code is Code.SOURCE_CHANGED


def test_a_file_that_changes_while_it_is_read_is_never_read_as_two_halves(shelf: Shelf) -> None:
    """Either all of it is the version that was listed, or it fails."""
    old, new = b"o" * 3_000_000, b"n" * 3_000_001
    shelf.put("a.csv", old)
    with closing(opened(shelf)) as store:
        (entry,) = find(store, "a.csv").entries
        changes = [new]
        try:
            assert read(store, entry, lambda: shelf.put("a.csv", changes.pop()) if changes else None) == old
        except Problem as problem:
            assert problem.code is Code.SOURCE_CHANGED  # noqa: PT017 — an object store may well give the old version to its end


def test_a_large_folder_comes_page_by_page(shelf: Shelf) -> None:
    """No page is lost and none comes twice, with folders among the files."""
    wanted = [f"{number:04d}.csv" for number in range(23)]
    for name in wanted:
        shelf.put(name, b"1")
        shelf.put(f"{name}.d/x", b"1")
    with closing(opened(shelf)) as store:
        paged = store
        if isinstance(store, Objects):
            paged = replace(store, service=replace(store.service, page_size=5))  # type: ignore[type-var]  # every service is a dataclass
        assert names(paged, "") == wanted
        assert len(names(paged, "", recursive=True)) == 46


def test_a_listing_stops_at_its_limit_and_when_it_is_cancelled(shelf: Shelf, store: FileStore) -> None:
    """A root with a million files is no reason to run out of memory."""
    del store
    for number in range(4):
        shelf.put(f"{number}.csv")
    few = open_store("" if shelf.info else shelf.root, shelf.info, None, replace(FAST, max_listed_files=3))
    with closing(few), pytest.raises(Problem, match="more than 3 files") as caught:
        find(few, "", recursive=True)
    assert caught.value.code is Code.LIMIT_EXCEEDED
    cancelled = Cancellation()
    cancelled.stop(Code.CANCELLED, "enough")
    with closing(opened(shelf)) as again, pytest.raises(Problem, match="enough"):
        again.list(select(""), cancelled)


def test_no_file_that_is_written_later_is_dated_before_the_horizon(shelf: Shelf, store: FileStore) -> None:
    """A window without an end ends there, and the next one begins there: nothing falls between them."""
    now = Instant(time.time_ns() // 1000)
    horizon = store.horizon(now)
    shelf.put("later.csv")
    (entry,) = find(store, "later.csv").entries
    assert now - 3 * SECOND < horizon <= entry.modified_at


@pytest.mark.parametrize("path", ["", "a.csv"])
def test_unknown_credentials_are_told_as_such(remote: Shelf, path: str) -> None:
    """Not as a missing file, and not as a missing permission; nothing of them is in the message."""
    if not remote.wrong:
        pytest.skip("the emulator of GCS asks for no credentials")
    remote.put("a.csv")
    info = remote.with_options(**remote.wrong)
    with closing(opened(remote, info)) as store, pytest.raises(Problem) as caught:
        find(store, path)
    # Azurite has one word for a wrong signature and a missing permission; Azure itself has two.
    assert caught.value.code is (Code.SOURCE_DENIED if remote.kind == "azure" else Code.SOURCE_UNAUTHENTICATED)
    assert not any(secret in str(caught.value) for secret in remote.wrong.values())


def _elsewhere(shelf: Shelf, port: int) -> ConnectionInfo:
    assert shelf.info is not None
    old = shelf.info.url.rpartition(":")[2].partition("/")[0]
    return replace(shelf.info, url=shelf.info.url.replace(f":{old}", f":{port}"))


def test_a_host_that_nobody_answers_on_is_unavailable(remote: Shelf) -> None:
    """After as many attempts as the limits allow."""
    with closing(opened(remote, _elsewhere(remote, free_port()))) as store, pytest.raises(Problem) as caught:
        find(store, "")
    assert caught.value.code is Code.SOURCE_UNAVAILABLE


def test_a_server_that_says_nothing_is_a_timeout(remote: Shelf) -> None:
    """Waiting has an end."""
    limits = replace(FAST, store_read_seconds=0.2, store_connect_seconds=0.2, store_attempts=2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = open_store("", _elsewhere(remote, silent.getsockname()[1]), None, limits)
        with closing(store), pytest.raises(Problem) as caught:
            find(store, "")
    assert caught.value.code in {Code.SOURCE_TIMEOUT, Code.SOURCE_UNAVAILABLE}


def test_closing_a_store_ends_what_waits_for_its_server(remote: Shelf) -> None:
    """A cancellation does not wait for a read timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = open_store("", _elsewhere(remote, silent.getsockname()[1]), None, Limits())
        closer = threading.Timer(0.1, store.close)
        closer.start()
        begun = time.monotonic()
        with pytest.raises(Problem):
            find(store, "")
        assert time.monotonic() - begun < 2
        closer.join()


@pytest.mark.parametrize("kind", ["s3", "azure", "gcs", "sftp"])
def test_a_read_that_breaks_off_goes_on_where_it_was(request: pytest.FixtureRequest, kind: str) -> None:
    """Attempts are few, so nothing is read twice; with the last one it fails."""
    shelf: Shelf = request.getfixturevalue(f"{kind}_store").fresh()
    data = bytes(range(256)) * 8_000
    shelf.put("a.bin", data)
    assert shelf.info is not None
    port = int(shelf.info.url.rpartition(":")[2].partition("/")[0])
    with closing(opened(shelf)) as store:
        (entry,) = find(store, "a.bin").entries
    for cuts, comes in ((2, True), (3, False)):
        with (
            closing(Cutter(port, 600_000, cuts)) as cutter,
            closing(opened(shelf, _elsewhere(shelf, cutter.port))) as store,
        ):
            if comes:
                assert read(store, entry) == data
            else:
                with pytest.raises(Problem) as caught:
                    read(store, entry)
                assert caught.value.code is Code.SOURCE_UNAVAILABLE
            assert cutter.made >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_store_can_read_on_from_the_middle(request: pytest.FixtureRequest, kind: str) -> None:
    """Ranges, REST, seeking: by whatever the protocol has."""
    shelf: Shelf = request.getfixturevalue(f"{kind}_store").fresh()
    shelf.put("a.bin", b"0123456789")
    with closing(opened(shelf)) as store:
        (entry,) = find(store, "a.bin").entries
        buffer = memoryview(bytearray(10))
        with store.open(entry, 7) as file:
            assert bytes(buffer[: file.readinto(buffer)]) == b"789"
            assert file.readinto(buffer) == 0
            file.finish()
        with store.open(entry, 10) as file:
            assert file.readinto(buffer) == 0


def test_a_folder_of_the_connection_cannot_be_left(remote: Shelf) -> None:
    """Its name goes before every path, and no path leads upwards."""
    remote.put("in/a.csv", b"in")
    remote.put("out.csv", b"out")
    with closing(opened(remote, remote.with_options(folder=f"/{remote.folder}/in/"))) as store:
        assert names(store, "", recursive=True) == ["a.csv"]
        assert names(store, "a.csv") == ["a.csv"]
        for path in ("out.csv", "../out.csv"):
            with pytest.raises(Problem):
                find(store, path)
    with pytest.raises(Problem, match="upwards"):
        opened(remote, remote.with_options(folder="in/../.."))


@pytest.mark.soak
def test_thousands_of_files_of_one_folder_are_listed(shelf: Shelf) -> None:
    """Servers page by the thousand."""
    for number in range(2_100):
        shelf.put(f"{number:04d}.csv", b"1")
    with closing(opened(shelf)) as store:
        assert len(names(store, "")) == 2_100
        assert len(names(store, "", recursive=True)) == 2_100
