"""Files as they are, from folder to folder."""

import gzip
import io
import os
import zipfile
from dataclasses import replace

import pytest

from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.request import (
    Arrangement,
    Bytes,
    Choice,
    FilesSink,
    FilesSource,
    LogPlace,
    Pack,
    Packing,
    SessionLog,
    SkippedFiles,
    Tolerance,
    Transfer,
)
from transferring import Desk, Now


def bytes_of(desk: Desk, *, pack: Packing = Packing.NONE, to: Packing = Packing.NONE, delete: bool = False) -> Transfer:
    """Return a transfer of all bytes of ``in``."""
    source = FilesSource(desk.place, Choice(folder="in"), Bytes(), Pack(pack), delete_after=delete)
    return Transfer(
        source, FilesSink(desk.place, Bytes(), "out", pack=Pack(to)), "asked", activity="C", activity_run="r"
    )


def zipped(**members: str) -> bytes:
    """Return an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.txt", text)
    return out.getvalue()


def test_names_and_bytes_stay_as_they_are(desk: Desk) -> None:
    """Also of empty files, hidden ones, and those with unusual names."""
    content = {"a": b"1", "x/.b": b"", "x/ü %20.bin": bytes(range(256)) * 999}
    for name, data in content.items():
        desk.write(f"in/{name}", data)
    report = desk.run(bytes_of(desk))
    assert desk.files("out") == content
    assert (report.figures.files_read, report.figures.files_written, report.figures.rows_read) == (3, 3, None)
    assert report.figures.bytes_read == report.figures.bytes_written == 256 * 999 + 1


def test_files_are_unpacked_and_packed(desk: Desk) -> None:
    """The ending of a packing comes and goes with it."""
    desk.write("in/a.csv.gz", gzip.compress(b"text"))
    desk.run(bytes_of(desk, pack=Packing.GZIP))
    assert desk.files("out") == {"a.csv": b"text"}
    desk.write("in2/b.csv", b"more")
    request = bytes_of(desk, to=Packing.GZIP)
    desk.run(replace(request, source=FilesSource(desk.place, Choice(folder="in2"), Bytes())), commit_key="2")
    assert gzip.decompress(desk.files("out")["b.csv.gz"]) == b"more"


@pytest.mark.parametrize("own_folder", [True, False])
def test_archives_become_folders(desk: Desk, own_folder: bool) -> None:
    """Their members lie in a folder named after them, or beside it where that is asked for."""
    desk.write("in/x/a.zip", zipped(p="1", q="2"))
    request = bytes_of(desk)
    source = FilesSource(desk.place, Choice(folder="in"), Bytes(), Pack(Packing.ZIP, own_folder=own_folder))
    desk.run(replace(request, source=source))
    folder = "x/a/" if own_folder else "x/"
    assert desk.files("out") == {f"{folder}p.txt": b"1", f"{folder}q.txt": b"2"}


def test_members_of_two_archives_never_become_one_file(desk: Desk) -> None:
    """It is told, instead of one replacing the other."""
    desk.write("in/a.zip", zipped(p="1"))
    desk.write("in/b.zip", zipped(p="2"))
    source = FilesSource(desk.place, Choice(folder="in"), Bytes(), Pack(Packing.ZIP, own_folder=False))
    assert "two files would become" in desk.fails(replace(bytes_of(desk), source=source)).problem.message


def test_files_are_put_behind_one_another(desk: Desk) -> None:
    """In the order of their names."""
    desk.write("in/b", b"2")
    desk.write("in/a", b"1")
    sink = FilesSink(desk.place, Bytes(), "out", "all", arrangement=Arrangement.MERGE)
    report = desk.run(replace(bytes_of(desk), sink=sink))
    assert desk.files("out") == {"all": b"12"}
    assert (report.figures.files_read, report.figures.files_written) == (2, 1)


def test_sources_are_removed_when_the_sink_has_them(desk: Desk) -> None:
    """Each one after it was copied."""
    desk.write("in/a", b"1")
    desk.write("in/x/b", b"2")
    desk.run(bytes_of(desk, delete=True))
    assert (desk.files("in"), desk.files("out")) == ({}, {"a": b"1", "x/b": b"2"})


def test_a_source_that_was_written_again_is_not_removed(desk: Desk) -> None:
    """The sink does not have what came after it was copied, so that stays, and the next transfer takes it."""
    desk.write("in/a", b"1")

    def write_again() -> None:
        if (desk.data / "out/a").exists():
            desk.write("in/a", b"new")

    replace(desk, clock=Now(write_again)).run(bytes_of(desk, delete=True))
    assert (desk.files("in"), desk.files("out")) == ({"a": b"new"}, {"a": b"1"})


def test_a_new_version_after_a_crash_is_copied_and_then_removed(desk: Desk) -> None:
    """What a killed try had copied but not removed is not taken for it."""
    desk.write("in/a", b"1")
    assert desk.killed(bytes_of(desk, delete=True), "transfer-after-noted")
    desk.write("in/a", b"new")
    desk.run(bytes_of(desk, delete=True), epoch=2)
    assert (desk.files("in"), desk.files("out")) == ({}, {"a": b"new"})


def test_what_came_after_a_merge_is_not_merged_over_it(desk: Desk) -> None:
    """Files whose sources are gone are only in the merged one: a later try leaves it alone, and what came since, too."""
    desk.write("in/a", b"1")
    desk.write("in/b", b"2")
    request = replace(bytes_of(desk, delete=True), sink=FilesSink(desk.place, Bytes(), "out", "all"))
    assert desk.killed(request, "transfer-after-delete", 1)
    desk.write("in/c", b"3")
    desk.run(request, epoch=2)
    assert (desk.files("in"), desk.files("out")) == ({"c": b"3"}, {"all": b"12"})


def test_a_file_is_not_moved_onto_itself(desk: Desk) -> None:
    """Copied there and removed then, it would be lost."""
    desk.write("in/a", b"1")
    request = replace(bytes_of(desk, delete=True), sink=FilesSink(desk.place, Bytes(), "in"))
    assert "onto itself" in desk.fails(request).problem.message
    assert desk.files("in") == {"a": b"1"}


def vanishing(desk: Desk) -> Desk:
    """Return a desk whose file ``in/b`` goes when the first unit has begun."""
    return replace(desk, clock=Now(lambda: (desk.data / "in/b").unlink(missing_ok=True)))


def test_a_file_that_vanished_is_left_out_where_that_is_allowed(desk: Desk) -> None:
    """It is counted and told in the log; the others are copied."""
    for name in "abc":
        desk.write(f"in/{name}", name)
    log = SessionLog(LogPlace(desk.place, "logs"))
    tolerance = Tolerance(files=SkippedFiles(), log=log)
    report = vanishing(desk).run(replace(bytes_of(desk), tolerance=tolerance, parallel=1))
    assert desk.files("out") == {"a": b"a", "c": b"c"}
    assert (report.files_skipped, report.figures.files_read) == (1, 2)
    (text,) = desk.files("logs").values()
    assert text.count(b"FileSkip,b,") == 1


@pytest.mark.parametrize("tolerance", [Tolerance(), Tolerance(files=SkippedFiles(missing=False))])
def test_a_file_that_vanished_fails_the_transfer_else(desk: Desk, tolerance: Tolerance) -> None:
    """Nobody is told of a success that left something out unasked."""
    for name in "abc":
        desk.write(f"in/{name}", name)
    problem = vanishing(desk).fails(replace(bytes_of(desk), tolerance=tolerance, parallel=1)).problem
    assert isinstance(problem, TransferProblem)
    assert problem.reason is Reason.SOURCE_CHANGED


def test_one_named_file_that_vanished_fails_the_transfer_whatever_is_allowed(desk: Desk) -> None:
    """There would be nothing left."""
    desk.write("in/b", "b")
    request = replace(bytes_of(desk), tolerance=Tolerance(files=SkippedFiles()))
    named = FilesSource(desk.place, Choice(folder="in", file="b"), Bytes())
    vanishing(desk).fails(replace(request, source=named))


def test_a_file_that_may_not_be_read_is_left_out_where_that_is_allowed(desk: Desk) -> None:
    """Here: a link that leads out of the allowed folders."""
    desk.write("in/a", "a")
    (desk.data / "in/b").symlink_to("/etc/hostname")
    request = replace(bytes_of(desk), tolerance=Tolerance(files=SkippedFiles(forbidden=True)))
    report = desk.run(request)
    assert (report.files_skipped, desk.files("out")) == (1, {"a": b"a"})
    problem = desk.fails(replace(request, tolerance=Tolerance(files=SkippedFiles()), asked="2")).problem
    assert isinstance(problem, TransferProblem)
    assert problem.reason is Reason.ACCESS_DENIED


def test_what_was_written_is_compared_where_that_is_asked_for(desk: Desk) -> None:
    """The report says so."""
    desk.write("in/a", "a")
    report = desk.run(replace(bytes_of(desk), tolerance=Tolerance(verify=True)))
    assert (report.consistency, report.inconsistent) == ("verified", "none")


def test_a_name_that_is_no_text_is_copied_or_told(desk: Desk) -> None:
    """File systems take bytes that are no UTF-8."""
    (desk.data / "in").mkdir()
    name = os.fsdecode(b"caf\xe9")
    (desk.data / "in" / name).write_bytes(b"1")
    desk.run(bytes_of(desk))
    assert list(desk.files("out").values()) == [b"1"]
