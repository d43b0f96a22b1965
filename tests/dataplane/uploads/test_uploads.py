"""Files that clients send, whole or in parts, in any order and more than once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import Code, Problem
from headrace.dataplane import uploads
from headrace.dataplane.uploads import Incoming


def send(folder: Path, name: str, data: bytes, at: int | None = None) -> bool:
    """Send a file, or a part of one."""
    with Incoming(folder, name, None if at is None else (at, at + len(data))) as incoming:
        incoming.write(data[:1])
        incoming.write(data[1:])
        incoming.settle()
        return incoming.finish()


def content(folder: Path) -> dict[str, bytes]:
    """Return the complete files with their bytes."""
    return {file.name: (folder / file.file).read_bytes() for file in uploads.list_files(folder)}


def test_a_file_that_is_sent_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """Sending it is safe to repeat."""
    assert [send(tmp_path, "a/b.json", data) for data in (b"first", b"second one")] == [False, True]
    assert content(tmp_path) == {"a/b.json": b"second one"}


def test_a_file_that_breaks_off_is_not_there(tmp_path: Path) -> None:
    """Half of a file is no file, and leaves nothing behind."""
    with Incoming(tmp_path, "a.json") as incoming:
        incoming.write(b"half")
    assert (content(tmp_path), list(tmp_path.iterdir())) == ({}, [])


@given(order=st.permutations(range(6)), again=st.lists(st.integers(0, 5), max_size=4))
@settings(max_examples=25)
def test_parts_make_the_file_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], again: list[int]
) -> None:
    """Parts may come in any order, and again, and overlap."""
    folder, whole = tmp_path_factory.mktemp("up"), bytes(range(60))
    uploads.initialize(folder, "big.bin")
    for number in [*order, *again]:
        send(folder, "big.bin", whole[number * 10 : number * 10 + 12], number * 10)
    assert uploads.complete(folder, "big.bin") is False
    assert uploads.complete(folder, "big.bin") is True
    assert content(folder) == {"big.bin": whole}
    assert uploads.unfinished(folder) == ()


def test_missing_parts_are_named(tmp_path: Path) -> None:
    """Whoever lost a part learns which one."""
    uploads.initialize(tmp_path, "big.bin")
    send(tmp_path, "big.bin", b"xx", 2)
    send(tmp_path, "big.bin", b"xx", 8)
    with pytest.raises(Problem) as raised:
        uploads.complete(tmp_path, "big.bin")
    assert "missing are the bytes 0-1, 4-7" in raised.value.message
    assert uploads.unfinished(tmp_path) == ("big.bin",)
    assert content(tmp_path) == {}


def test_a_part_that_is_not_what_its_range_says_does_not_count(tmp_path: Path) -> None:
    """Too few bytes and too many are refused."""
    uploads.initialize(tmp_path, "big.bin")
    with Incoming(tmp_path, "big.bin", (0, 4)) as incoming:
        incoming.write(b"123")
        with pytest.raises(Problem):
            incoming.settle()
        with pytest.raises(Problem):
            incoming.write(b"45")
    sent = uploads.look(tmp_path, "big.bin")
    assert sent is not None
    assert (sent.complete, sent.ranges) == (False, ())


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "..", "a/../b", ".", "a\\b", "a:b", "a?b", "nul", "x/COM1.txt", "a\nb", "a" * 256]
)
def test_what_can_be_no_name_is_refused(name: str) -> None:
    """Contract 7.6; and no name that is taken is ever a path of ours."""
    with pytest.raises(Problem) as raised:
        uploads.check_name(name)
    assert raised.value.code is Code.INVALID
