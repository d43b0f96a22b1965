"""Packed files: opened safely, and written so that anybody opens them."""

import bz2
import gzip
import io
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.packing import open_packed, pack_file, unpack
from headrace.dataplane.transfer.request import Pack, Packing

TEXT = b"id,name\n1,a\n" * 1000


def unpacked(path: Path, packing: Packing, limits: Limits | None = None) -> dict[str, bytes]:
    """Return the files that a packed one contains."""
    folder = path.parent / "inside"
    found = unpack(path, Pack(packing), folder, limits or Limits(), Cancellation(), "x.packed")
    return {member.name: member.path.read_bytes() for member in found}


def file_of(folder: Path, data: bytes) -> Path:
    """Write a file."""
    path = folder / "packed"
    path.write_bytes(data)
    return path


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("packing", "data"),
    [
        (Packing.GZIP, gzip.compress(TEXT)),
        (Packing.GZIP, gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:])),
        (Packing.BZIP2, bz2.compress(TEXT)),
        (Packing.DEFLATE, zlib.compress(TEXT)),
        (Packing.DEFLATE, zlib.compressobj(wbits=-15).compress(TEXT) + b""),
    ],
    ids=["gzip", "gzip of two", "bzip2", "zlib", "deflate"],
)
def test_a_stream_is_unpacked(tmp_path: Path, packing: Packing, data: bytes) -> None:
    """All members of a gzip, and deflate with and without a header."""
    if packing is Packing.DEFLATE and data[:1] != b"\x78":
        machine = zlib.compressobj(wbits=-15)
        data = machine.compress(TEXT) + machine.flush()
    assert unpacked(file_of(tmp_path, data), packing) == {"": TEXT}


def test_members_of_archives_come_with_their_paths(tmp_path: Path) -> None:
    """Hidden ones are members like any other; what is packed in a member stays so."""
    members = {"a.csv": TEXT, "sub/.b": b"x", "c.csv.gz": gzip.compress(b"y"), "__MACOSX/._a": b"z"}
    found = unpacked(file_of(tmp_path, zipped(members)), Packing.ZIP)
    assert found == {name: data for name, data in members.items() if "MACOSX" not in name}


@pytest.mark.parametrize("packing", list(Packing))
@pytest.mark.parametrize("fastest", [True, False])
def test_what_is_packed_unpacks_to_the_same(tmp_path: Path, packing: Packing, *, fastest: bool) -> None:
    """Of a known size or not; twice the same bytes."""
    source, target, piecewise = tmp_path / "source", tmp_path / "one", tmp_path / "two"
    source.write_bytes(TEXT)
    pack = Pack(packing, fastest=fastest)
    pack_file(source, target, pack, "ä.csv", Cancellation())
    with open_packed(piecewise, pack, "ä.csv") as out:
        for start in range(0, len(TEXT), 700):
            out.write(memoryview(TEXT)[start : start + 700])
    name = "ä.csv" if packing in (Packing.ZIP, Packing.TAR, Packing.TAR_GZIP) else ""
    assert unpacked(target, packing) == unpacked(piecewise, packing) == {name: TEXT}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["one", "source", "two"]


def test_others_open_what_is_packed(tmp_path: Path) -> None:
    """The libraries of the world do."""
    source = tmp_path / "source"
    source.write_bytes(TEXT)
    for packing in (Packing.ZIP, Packing.TAR_GZIP):
        pack_file(source, tmp_path / packing, Pack(packing), "a.csv", Cancellation())
    with zipfile.ZipFile(tmp_path / "zip") as archive:
        assert archive.read("a.csv") == TEXT
        assert archive.testzip() is None
    with tarfile.open(tmp_path / "tar_gzip") as tar:
        assert [(member.name, member.size) for member in tar] == [("a.csv", len(TEXT))]


@pytest.mark.parametrize(
    ("packing", "data"),
    [
        (Packing.GZIP, TEXT),
        (Packing.GZIP, gzip.compress(TEXT)[:-9]),
        (Packing.BZIP2, gzip.compress(TEXT)),
        (Packing.ZIP, TEXT),
        (Packing.TAR, TEXT),
        (Packing.ZIP, zipped({"../../etc/x": b"1"})),
        (Packing.ZIP, zipped({"/etc/x": b"1"})),
    ],
)
def test_what_is_broken_or_leads_out_is_refused(tmp_path: Path, packing: Packing, data: bytes) -> None:
    """By the name that it has in its store."""
    with pytest.raises(TransferProblem) as caught:
        unpacked(file_of(tmp_path, data), packing)
    assert caught.value.reason is Reason.UNREADABLE
    assert "x.packed" in caught.value.message


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    """By the limits that landed files have."""
    limits = Limits(max_archive_bytes=100_000)
    with pytest.raises(Problem) as caught:
        unpacked(file_of(tmp_path, gzip.compress(bytes(1_000_000))), Packing.GZIP, limits)
    assert caught.value.code is Code.LIMIT_EXCEEDED
