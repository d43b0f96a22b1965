"""Local folders as a file store: what is listed, and what nobody gets out of the jail."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Listing, select
from headrace.dataplane.connectors.local import LocalFiles, open_store
from headrace.dataplane.limits import Limits
from users import as_nobody

List = Callable[..., Listing]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the allowed root, with some files; a secret lies beside it."""
    for name in ("a.csv", "b.txt", ".hidden.csv", "sub/c.csv", "sub/deep/d.csv", ".git/e.csv", "year=1/f.csv"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(name)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "passwords.csv").write_text("secret")
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> LocalFiles:
    """Return the store of the root, jailed to it."""
    return open_store(root.as_uri(), (root,), Limits())


@pytest.fixture
def find(store: LocalFiles) -> Callable[..., list[str]]:
    """Return a function that lists names."""

    def names(path: str, *, recursive: bool = False) -> list[str]:
        listing = store.list(select(path, recursive=recursive), Cancellation())
        assert listing.refused == ()
        return [entry.name for entry in listing.entries]

    return names


@pytest.mark.parametrize(
    ("path", "recursive", "names"),
    [
        ("", False, ["a.csv", "b.txt"]),
        ("", True, ["a.csv", "b.txt", "sub/c.csv", "sub/deep/d.csv", "year=1/f.csv"]),
        ("sub/", False, ["sub/c.csv"]),
        ("*.csv", False, ["a.csv"]),
        ("*.csv", True, ["a.csv", "sub/c.csv", "sub/deep/d.csv", "year=1/f.csv"]),
        ("**/*.csv", False, ["a.csv", "sub/c.csv", "sub/deep/d.csv", "year=1/f.csv"]),
        ("sub/**", False, ["sub/c.csv", "sub/deep/d.csv"]),
        ("**/deep/*", False, ["sub/deep/d.csv"]),
        ("year=?/[e-g].csv", False, ["year=1/f.csv"]),
        ("sub/c.csv", False, ["sub/c.csv"]),
        (".hidden.csv", False, [".hidden.csv"]),
        (".*", False, [".hidden.csv"]),
        (".git/", False, [".git/e.csv"]),
        ("*.parquet", False, []),
    ],
)
def test_a_path_selects_files_in_the_order_of_their_names(
    find: Callable[..., list[str]], path: str, recursive: bool, names: list[str]
) -> None:
    """Folders, wildcards, any depth and single files; hidden names only where the path says them."""
    assert find(path, recursive=recursive) == names


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a.cvs", "did you mean 'a.csv'"),
        ("sup/", "no folder 'sup'; did you mean 'sub'"),
        ("sub", "is a folder, not a file; write 'sub/'"),
        ("sub/deeq/*.csv", "did you mean 'deep'"),
    ],
)
def test_what_is_missing_is_told_with_a_similar_name(store: LocalFiles, path: str, said: str) -> None:
    """A missing file or folder is not an empty selection."""
    with pytest.raises(Problem, match=said) as caught:
        store.list(select(path), Cancellation())
    assert caught.value.code is Code.SOURCE_NOT_FOUND


@pytest.mark.parametrize("path", ["link.csv", "*.csv", "folder/passwords.csv", "folder/", "folder/*"])
def test_links_out_of_the_roots_are_refused_by_name(root: Path, store: LocalFiles, path: str) -> None:
    """A file or a folder that is a link to the outside is never read, and never silently left out."""
    (root / "link.csv").symlink_to(root.parent / "secret" / "passwords.csv")
    (root / "folder").symlink_to(root.parent / "secret")
    try:
        listing = store.list(select(path), Cancellation())
    except Problem as problem:
        problems = [problem]
    else:
        problems = [refusal.problem for refusal in listing.refused]
    assert [problem.code for problem in problems] == [Code.SOURCE_DENIED]
    assert path.split("/", maxsplit=1)[0].strip("*.") in problems[0].message or "link.csv" in problems[0].message


def test_links_within_the_roots_are_followed_and_circles_end(root: Path, find: Callable[..., list[str]]) -> None:
    """A link to a folder above does not list its files again and again."""
    (root / "sub" / "again").symlink_to(root)
    (root / "sub" / "same.csv").symlink_to(root / "a.csv")
    again = ["sub/again/a.csv", "sub/again/b.txt", "sub/again/year=1/f.csv"]
    assert find("sub/", recursive=True) == [*again, "sub/c.csv", "sub/deep/d.csv", "sub/same.csv"]


def test_a_file_that_becomes_a_link_after_the_listing_is_refused(root: Path, store: LocalFiles) -> None:
    """The descriptor is checked after the opening, so a swap in between gains nothing."""
    entry = store.list(select("a.csv"), Cancellation()).entries[0]
    (root / "a.csv").unlink()
    (root / "a.csv").symlink_to(root.parent / "secret" / "passwords.csv")
    with pytest.raises(Problem, match=r"'a\.csv' is, or leads through, a link out") as caught, store.open(entry):
        pass
    assert caught.value.code is Code.SOURCE_DENIED


def test_a_folder_that_becomes_a_link_after_the_listing_is_refused(root: Path, store: LocalFiles) -> None:
    """The same for a folder on the way."""
    entry = store.list(select("sub/c.csv"), Cancellation()).entries[0]
    (root / "sub").rename(root / "old")
    (root.parent / "secret" / "c.csv").write_text("secret!!!")
    (root / "sub").symlink_to(root.parent / "secret")
    with pytest.raises(Problem) as caught, store.open(entry):
        pass
    assert caught.value.code is Code.SOURCE_DENIED


def test_a_root_outside_of_the_allowed_ones_is_refused(root: Path) -> None:
    """The setting is named, so that the operator knows what to change."""
    with pytest.raises(Problem, match="HEADRACE_FILE_ROOTS") as caught:
        open_store((root.parent / "secret").as_uri(), (root,), Limits())
    assert caught.value.code is Code.SOURCE_DENIED


def test_a_root_that_only_begins_like_an_allowed_one_is_refused(root: Path) -> None:
    """``/data-private`` is not below ``/data``."""
    (root.parent / "rootless").mkdir()
    with pytest.raises(Problem, match="outside"):
        open_store((root.parent / "rootless").as_uri(), (root,), Limits())


@pytest.mark.parametrize("url", ["file://server/share", "file:relative", "file:///a%00b"])
def test_urls_of_other_machines_or_none_are_refused(root: Path, url: str) -> None:
    """Only folders of this machine, written absolutely."""
    with pytest.raises(Problem) as caught:
        open_store(url, (root,), Limits())
    assert caught.value.code is Code.SOURCE_DENIED


def test_an_object_store_is_told_as_unsupported(root: Path) -> None:
    """Its time comes later; the message says what is possible."""
    with pytest.raises(Problem, match="'s3'") as caught:
        open_store("s3://bucket/x", (root,), Limits())
    assert caught.value.code is Code.UNSUPPORTED


def test_without_roots_a_person_may_read_what_the_process_may(root: Path) -> None:
    """A flow file has the rights of the person who runs it; links are theirs to follow."""
    (root / "link.csv").symlink_to(root.parent / "secret" / "passwords.csv")
    store = open_store(root.as_uri(), None, Limits())
    assert [entry.name for entry in store.list(select("l*"), Cancellation()).entries] == ["link.csv"]


def test_pipes_and_sockets_are_refused_without_waiting_for_them(root: Path, store: LocalFiles) -> None:
    """What is no file is named, and nothing blocks on it."""
    os.mkfifo(root / "pipe.x")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket.x"))
        refused = store.list(select("*.x"), Cancellation()).refused
    assert [str(refusal.problem) for refusal in refused] == [
        "'pipe.x' is a named pipe, not a file",
        "'socket.x' is a socket, not a file",
    ]


def test_a_device_is_refused() -> None:
    """Opening one may do things; it is never opened."""
    with pytest.raises(Problem, match="is a device"):
        open_store("file:///dev", None, Limits()).list(select("zero"), Cancellation())


def test_a_name_that_is_no_utf8_is_listed_under_a_name_that_json_takes(root: Path, store: LocalFiles) -> None:
    """Bytes that are no text are shown escaped, and the file can still be opened."""
    (root / os.fsdecode(b"bad\xff.csv")).write_bytes(b"x")
    entry = store.list(select("bad*"), Cancellation()).entries[0]
    with store.open(entry) as file:
        assert file.readinto(memoryview(bytearray(9))) == 1
    assert entry.name == "bad\\xff.csv"


def test_a_folder_with_too_many_entries_stops_at_the_limit(root: Path) -> None:
    """The limit is named."""
    store = open_store(root.as_uri(), (root,), Limits(max_listed_files=3))
    with pytest.raises(Problem, match="max_listed_files"):
        store.list(select("", recursive=True), Cancellation())


def test_a_listing_stops_when_it_is_cancelled(store: LocalFiles) -> None:
    """Listing a large tree must not keep a cancellation waiting."""
    cancellation = Cancellation()
    cancellation.stop(Code.CANCELLED, "stopped")
    with pytest.raises(Problem, match="stopped"):
        store.list(select(""), cancellation)


def test_what_may_not_be_read_is_told_by_name(root: Path, store: LocalFiles) -> None:
    """A closed folder is refused by name, and the files beside it are still found."""
    (root / "sub").chmod(0)
    with as_nobody(root):
        listing = store.list(select("", recursive=True), Cancellation())
    assert [(refusal.name, refusal.problem.code) for refusal in listing.refused] == [("sub", Code.SOURCE_DENIED)]
    assert "a.csv" in [entry.name for entry in listing.entries]
