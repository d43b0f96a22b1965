"""The landing zone: a folder of each tenant, files that are there whole or not at all, and nothing older than it may be."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.clock import DAY, Instant
from headrace.core.errors import Code, Problem
from headrace.dataplane.landing_zone import Incoming, folder_of, place, sweep

NOW = Instant(1_800_000_000_000_000)


def put(folder: Path, path: str, data: bytes) -> Path:
    """Put a file in."""
    target = place(folder, path)
    incoming = Incoming(target)
    incoming.write(data)
    incoming.finish()
    incoming.drop()
    return target


def test_a_scope_names_one_folder_that_nobody_else_can_name() -> None:
    """Organisations that differ only in what cannot stand in a name are still told apart."""
    base = Path("/zone")
    scopes = ["flowservice/a@b/prod", "flowservice/a-b/prod", "flowservice/A@B/prod", "flowservice/../prod", "/" * 300]
    folders = [folder_of(base, scope) for scope in scopes]
    assert len(set(folders)) == len(scopes)
    assert all(folder.parent == base and len(folder.name) < 100 for folder in folders)


@given(st.text(max_size=30))
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    """Whatever its characters are."""
    folder = Path("/zone/tenant")
    with suppress(Problem):
        target = place(folder, path)
        assert target.is_relative_to(folder)
        assert target != folder


@pytest.mark.parametrize(
    "path", ["", "a/", "../x", "a//b", "a/./b", "nul.txt", "CON", "a:b", "a*", "x" * 256, "\0", "a\\b"]
)
def test_a_name_that_no_file_may_have_is_refused(path: str) -> None:
    """The rules of 7.6."""
    with pytest.raises(Problem) as caught:
        place(Path("/zone"), path)
    assert caught.value.code is Code.INVALID


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """However it came there."""
    (tmp_path / "tenant").mkdir()
    (tmp_path / "tenant" / "out").symlink_to("/etc")
    with pytest.raises(Problem):
        place(tmp_path / "tenant", "out/passwd")


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """What breaks off leaves nothing, and what was there stays."""
    target = put(tmp_path, "a/b.csv", b"old")
    broken = Incoming(target)
    broken.write(b"new")
    assert target.read_bytes() == b"old"
    broken.drop()
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b.csv"]
    assert put(tmp_path, "a/b.csv", b"new").read_bytes() == b"new"


def test_what_is_in_the_way_is_told(tmp_path: Path) -> None:
    """A folder where the file should go, a file where the folder should be."""
    put(tmp_path, "a/b.csv", b"x")
    for path in ("a", "a/b.csv/c"):
        with pytest.raises(Problem) as caught:
            put(tmp_path, path, b"x")
        assert caught.value.code is Code.INVALID


def test_old_files_are_removed_and_young_ones_stay(tmp_path: Path) -> None:
    """Folders that are empty then go too, but for the tenants' own; links are removed, not followed."""
    outside = tmp_path / "outside"
    outside.write_text("x")
    base = tmp_path / "zone"
    for name, age in (("t/old.csv", 8), ("t/a/b/old.csv", 8), ("t/young.csv", 6)):
        target = put(base, name, b"x")
        os.utime(target, ns=(0, (NOW - age * DAY) * 1000))
    (base / "t" / "link").symlink_to(outside)
    os.utime(base / "t" / "link", ns=(0, 0), follow_symlinks=False)
    for folder in (base / "t/a/b", base / "t/a", base / "t"):
        os.utime(folder, ns=(0, 0))
    assert sweep(base, Instant(NOW - 7 * DAY)) == 3
    assert [path.name for path in (base / "t").rglob("*.csv")] == ["young.csv"]
    assert outside.exists()
    assert sweep(tmp_path / "nothing", NOW) == 0
