"""SFTP: keys, the server's own key, links, and how many connections there are."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Listing, select
from headrace.dataplane.connectors.sftp import Sftp
from headrace.dataplane.connectors.stores import open_store
from headrace.dataplane.limits import Limits
from stores import Shelf, with_key

FAST = Limits(store_pause_seconds=0.01)


@pytest.fixture
def shelf(sftp_store: Shelf) -> Shelf:
    """Return a new folder with one file."""
    shelf = sftp_store.fresh()
    shelf.put("in/a.csv", b"1")
    return shelf


def find(info: ConnectionInfo | None, path: str = "", *, recursive: bool = False) -> Listing:
    """List a path."""
    with closing(open_store("", info, None, FAST)) as store:
        return store.list(select(path, recursive=recursive), Cancellation())


def names(listing: Listing) -> list[str]:
    """Return the names of a listing."""
    return [entry.name for entry in listing.entries]


def test_a_private_key_with_its_passphrase_lets_us_in(shelf: Shelf) -> None:
    """And the server's own key is looked at, where the connection says it."""
    info = with_key(shelf)
    assert names(find(info, "in/")) == ["in/a.csv"]
    for option, code in (("passphrase", Code.INVALID), ("host_key", Code.SOURCE_DENIED)):
        wrong = replace(info, options={**info.options, option: "SHA256:wrong"})
        with pytest.raises(Problem) as caught:
            find(wrong, "in/")
        assert caught.value.code is code
        assert "PRIVATE" not in str(caught.value)


def test_links_are_followed_within_the_folder_of_the_connection_only(shelf: Shelf) -> None:
    """The server says where they lead; what leads out is refused by name, and a circle is walked once."""
    home = Path(shelf.root.removeprefix("file://")) / shelf.folder
    (home / "secret").mkdir()
    (home / "secret" / "s.csv").write_bytes(b"secret")
    for name, target in (
        ("file.csv", "a.csv"),
        ("up", ".."),
        ("out.csv", "../secret/s.csv"),
        ("gone", "nowhere"),
        ("me", "."),
    ):
        (home / "in" / name).symlink_to(target)
    jailed = shelf.with_options(folder=f"{shelf.folder}/in")
    listing = find(jailed, recursive=True)
    assert [name for name in names(listing) if not name.startswith("me/")] == ["a.csv", "file.csv"]
    refused = {refusal.name: refusal.problem.code for refusal in listing.refused if not refusal.name.startswith("me/")}
    assert refused == {"up": Code.SOURCE_DENIED, "out.csv": Code.SOURCE_DENIED, "gone": Code.SOURCE_CHANGED}
    for path in ("out.csv", "up/secret/s.csv", "up/secret/"):
        with pytest.raises(Problem) as caught:
            find(jailed, path)
        assert caught.value.code is Code.SOURCE_DENIED
    whole = find(shelf.info, recursive=True)
    assert "in/a.csv" in names(whole)
    assert "secret/s.csv" in names(whole)


def test_no_more_connections_are_made_than_the_connection_allows(shelf: Shelf) -> None:
    """One that is busy is waited for; one that is given back is used again."""
    for number in range(4):
        shelf.put(f"in/{number}.csv", b"1")
    store = open_store("", shelf.with_options(max_connections="1"), None, FAST)
    assert isinstance(store, Sftp)
    with closing(store):
        for entry in store.list(select("in/"), Cancellation()).entries:
            with store.open(entry) as file:
                assert file.readinto(memoryview(bytearray(5))) == 1
                file.finish()
        first = store.pool.take()
        store.pool.give(first)
        assert store.pool.take() is first
        store.pool.give(first)
