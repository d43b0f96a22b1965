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


def test_a_part_that_comes_late_is_not_taken_for_one_of_the_file_begun_anew(tmp_path: Path) -> None:
    """Its bytes lie in what was given up: counted as come, they would be a hole in the file."""
    uploads.initialize(tmp_path, "big.bin")
    with Incoming(tmp_path, "big.bin", (0, 2)) as late:
        late.write(b"xx")
        late.settle()
        uploads.initialize(tmp_path, "big.bin")
        with pytest.raises(Problem, match="begun anew") as raised:
            late.finish()
    assert raised.value.code is Code.ILLEGAL_STATE
    send(tmp_path, "big.bin", b"yy", 0)
    uploads.complete(tmp_path, "big.bin")
    assert content(tmp_path) == {"big.bin": b"yy"}


def test_a_part_that_is_sent_again_and_ends_late_does_not_open_a_complete_file(tmp_path: Path) -> None:
    """A client that did not wait for the first answer completes the file; what ends afterwards changes nothing."""
    uploads.initialize(tmp_path, "big.bin")
    with Incoming(tmp_path, "big.bin", (0, 2)) as late:
        late.write(b"xx")
        send(tmp_path, "big.bin", b"xx", 0)
        uploads.complete(tmp_path, "big.bin")
        late.settle()
        with pytest.raises(Problem, match="was completed"):
            late.finish()
    assert (uploads.unfinished(tmp_path), content(tmp_path)) == ((), {"big.bin": b"xx"})


def test_completing_that_broke_off_is_done_again(tmp_path: Path) -> None:
    """The file stands in its place, and its parts are not forgotten yet: asked again, it is complete."""
    uploads.initialize(tmp_path, "big.bin")
    send(tmp_path, "big.bin", b"xx", 0)
    key = uploads.key_of("big.bin")
    (tmp_path / f"{key}.partial").rename(tmp_path / f"{key}.data")
    assert uploads.complete(tmp_path, "big.bin") is True
    assert (uploads.unfinished(tmp_path), content(tmp_path)) == ((), {"big.bin": b"xx"})


@pytest.mark.parametrize("torn", ["1", "\n1", "\n10 ", "x\n", "\n"])
def test_a_torn_line_of_the_journal_says_nothing(tmp_path: Path, torn: str) -> None:
    """A full disk or a loss of power may leave half of a line: it is no part, and the next one is read as it was written."""
    uploads.initialize(tmp_path, "big.bin")
    with (tmp_path / f"{uploads.key_of('big.bin')}.parts").open("a") as journal:
        journal.write(torn)
    send(tmp_path, "big.bin", b"xx", 2)
    sent = uploads.look(tmp_path, "big.bin")
    assert sent is not None
    assert sent.ranges == ((2, 4),)


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
