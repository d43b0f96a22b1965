"""Opening packed files: what is in them comes out whole, and what is made to do harm is refused."""

import bz2
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.source import Compression
from headrace.core.task import Cancellation
from headrace.dataplane.archives import detect, extract_to, open_members
from headrace.dataplane.limits import Limits

DEFAULTS = Limits()
Read = Callable[..., dict[str, bytes]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that writes a file and reads its members."""

    def members(
        name: str, data: bytes, compression: Compression = Compression.AUTO, limits: Limits = DEFAULTS
    ) -> dict[str, bytes]:
        path = tmp_path / "landed"
        path.write_bytes(data)
        opened = open_members(path, name, compression, limits, Cancellation(), scratch=tmp_path)
        return {member.name: member.stream.read() for member in opened}

    return members


def zip_of(members: dict[str, bytes], **settings: int) -> bytes:
    """Return a zip of ``members``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data, **settings)
    return stream.getvalue()


def tar_of(members: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w") -> bytes:
    """Return a tar of ``members``, then of headers without content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload] # a mode as text
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return stream.getvalue()


def raw_deflate(data: bytes) -> bytes:
    """Return ``data`` deflated without any header."""
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.csv", lambda data: data),
        ("a.csv.gz", gzip.compress),
        ("a.csv.bz2", bz2.compress),
        ("a.csv.deflate", zlib.compress),
        ("a.csv.deflate", raw_deflate),
        ("a.csv", gzip.compress),
    ],
)
def test_a_packed_file_is_one_member_with_its_own_name(read: Read, name: str, pack: Callable[[bytes], bytes]) -> None:
    """Whatever it is packed with, by name or by its first bytes, the content comes out."""
    data = b"x,y\n1,2\n" * 100_000
    assert read(name, pack(data)) == {name: data}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_contributes_every_file(read: Read, mode: str) -> None:
    """Folders and hidden files are left out; a packed file in it is unpacked."""
    folder = tarfile.TarInfo("d")
    folder.type = tarfile.DIRTYPE
    data = tar_of({"d/a.csv": b"a", "d/b.csv.gz": gzip.compress(b"b"), "d/._a.csv": b"x"}, folder, mode=mode)
    name = "all.tar" if mode == "w" else "all.tgz"
    assert read(name, data) == {f"{name}/d/a.csv": b"a", f"{name}/d/b.csv.gz": b"b"}


def test_a_zip_contributes_every_file_and_every_file_of_archives_in_it(read: Read) -> None:
    """Nested archives are read as deep as the limit allows."""
    inner = zip_of({"b.csv": b"b"})
    data = zip_of({"a.csv": b"a", "inner.zip": inner, "__MACOSX/x": b"", ".DS_Store": b""})
    assert read("all.zip", data) == {"all.zip/a.csv": b"a", "all.zip/inner.zip/b.csv": b"b"}


def test_concatenated_gzip_is_read_whole(read: Read) -> None:
    """A gzip file may have many parts, and padding of zeros at its end."""
    data = gzip.compress(b"a\n") + gzip.compress(b"b\n") + b"\0" * 100
    assert read("a.gz", data) == {"a.gz": b"a\nb\n"}


def test_concatenated_bzip2_is_read_whole(read: Read) -> None:
    """Parallel bzip2 writes many parts."""
    assert read("a.bz2", bz2.compress(b"a") + bz2.compress(b"b")) == {"a.bz2": b"ab"}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.gz", gzip.compress(b"a" * 100_000)[:-9], "cut off"),
        ("a.gz", gzip.compress(b"a") + b"garbage", "other bytes behind its end"),
        ("a.bz2", bz2.compress(b"a" * 100_000)[:-9], "cut off"),
        ("a.gz", gzip.compress(b"a" * 1000)[:-8] + b"\0" * 8, "incorrect data check"),
        ("a.zip", zip_of({"b": b"a" * 1000})[:-30], "not a zip file"),
        ("a.zip", zip_of({"b": b"a" * 1000}).replace(b"\x4b\x4c", b"\x4b\x4d", 1), "'a.zip/b'"),
        ("a.tar", tar_of({"b": b"a" * 20_000})[:5_000], "cut off"),
        ("a.tar", tar_of({"b": b"a" * 512})[:1024], "end mark"),
        ("a.tar", tar_of({"b": b"a", "c": b"c"}).replace(b"c\0", b"d\0", 1), "bad checksum"),
        ("a.tar", tar_of({"b": b"a"}) + tar_of({"c": b"c"}), "behind its end mark"),
        ("a.csv.gz", b"a,b\n", "set compression to none"),
    ],
)
def test_broken_archives_are_refused_with_the_place(read: Read, name: str, data: bytes, said: str) -> None:
    """Nothing of a cut or damaged archive is silently taken for all of it."""
    with pytest.raises(Problem, match=said) as caught:
        read(name, data)
    assert caught.value.code is Code.SOURCE_UNREADABLE
    assert name in caught.value.message


def linked(kind: bytes) -> tarfile.TarInfo:
    """Return a tar header of ``kind`` that leads to a password file."""
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(read: Read, kind: bytes) -> None:
    """An archive's member never leads anywhere else."""
    with pytest.raises(Problem, match="'link' is a link, a device") as caught:
        read("a.tar", tar_of({"a": b""}, linked(kind)))
    assert caught.value.code is Code.SOURCE_UNREADABLE


def test_a_link_in_a_zip_is_refused(read: Read) -> None:
    """Zip keeps links in the attributes of a member."""
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(Problem, match="is a link or a device"):
        read("a.zip", stream.getvalue())


@pytest.mark.parametrize("name", ["../a", "/etc/a", "a/../../b", "C:/a", "..\\a", "a\\..\\..\\b"])
def test_names_that_lead_out_are_refused(read: Read, name: str) -> None:
    """Names of members are never paths of ours, and bad ones are not even labels."""
    for data in (zip_of({name: b"x"}), tar_of({name: b"x"})):
        with pytest.raises(Problem, match="leads out of the archive"):
            read("a", data)


def test_an_encrypted_member_is_told_as_such(read: Read) -> None:
    """The flag of encryption is enough: no password is ever asked for."""
    data = bytearray(zip_of({"a.csv": b"a"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Problem, match=r"'a\.csv' is encrypted"):
        read("a.zip", bytes(data))


def test_a_nested_zip_bomb_stops_at_the_ratio(read: Read) -> None:
    """Ten copies of forty megabytes of zeros in some hundred bytes: unpacking stops long before all of it."""
    inner = zip_of({"zeros": b"\0" * 40_000_000})
    bomb = zip_of({f"{number}.zip": inner for number in range(10)})
    assert len(bomb) < 10_000
    with pytest.raises(Problem, match="made to fill disks") as caught:
        read("bomb.zip", bomb, limits=Limits(archive_ratio_from=1_000_000))
    assert caught.value.code is Code.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(max_archive_bytes=999), "more than 999 bytes"),
        (Limits(max_archive_members=1), "max_archive_members"),
        (Limits(max_archive_depth=1), "max_archive_depth"),
        (Limits(max_file_name=5), "max_file_name"),
    ],
)
def test_each_limit_is_named_when_it_is_reached(read: Read, limits: Limits, said: str) -> None:
    """Members, bytes, depth and names are bounded."""
    data = zip_of({"a": b"a" * 600, "b.gz": gzip.compress(b"b" * 600), "longer.csv": b""})
    with pytest.raises(Problem, match=said) as caught:
        read("a.zip", data, limits=limits)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_a_huge_header_of_a_tar_is_not_read_into_memory(read: Read) -> None:
    """Tarfile reads extended headers whole; ours stops after four megabytes."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 50_000_000
    data = gzip.compress(info.tobuf() + b"\0" * 50_000_512)
    with pytest.raises(Problem, match="header of more than 4 MiB"):
        read("a.tar.gz", data)


def test_unpacking_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    """A cancellation is seen between two chunks."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a" * 5_000_000))
    cancellation = Cancellation()
    members = open_members(path, "a.gz", Compression.AUTO, Limits(), cancellation)
    stream = next(members).stream
    stream.read(10)
    cancellation.stop(Code.CANCELLED, "stopped by a person")
    with pytest.raises(Problem, match="stopped by a person"):
        stream.read()


def test_members_are_unpacked_under_names_of_ours(tmp_path: Path) -> None:
    """A member's name gives nothing but its suffix."""
    path = tmp_path / "landed"
    path.write_bytes(zip_of({"x/a b.CSV": b"1", "y;rm -rf.x;y": b"2"}))
    found = extract_to(tmp_path / "out", path, "in.zip", Compression.AUTO, Limits(), Cancellation())
    assert [file.path.name for file in found] == ["000001.csv", "000002"]
    assert [file.path.read_bytes() for file in found] == [b"1", b"2"]
    assert [file.name for file in found] == ["in.zip/x/a b.CSV", "in.zip/y;rm -rf.x;y"]


def test_what_is_not_packed_is_not_copied(tmp_path: Path) -> None:
    """A plain file is read where it landed."""
    path = tmp_path / "landed"
    path.write_bytes(b"a,b\n")
    found = extract_to(tmp_path / "out", path, "a.csv", Compression.AUTO, Limits(), Cancellation())
    assert [file.path for file in found] == [path]
    assert detect(path, "a.csv", Compression.AUTO) is Compression.NONE
