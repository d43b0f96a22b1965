"""Copying files: windows, what may go wrong, and what a second try takes from the first."""

import gzip
import os
from itertools import pairwise
from pathlib import Path
from threading import Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.clock import Instant
from headrace.core.codec import decode, encode
from headrace.core.errors import Code
from headrace.core.landing import Landing
from headrace.core.outcome import Figures, Outcome
from headrace.core.source import Compression, FileSource
from headrace.core.window import Window
from headrace.dataplane.connectors.files import Entry
from headrace.dataplane.file_copy import safe_suffix, split
from headrace.dataplane.limits import Limits
from users import as_nobody

from .conftest import Copier, Quiet, Still

SECOND = 1_000_000


def put(folder: Path, name: str, data: bytes = b"x\n1\n", micros: int | None = None) -> Path:
    """Write a file, with a modification time."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    if micros is not None:
        os.utime(file, ns=(micros * 1000, micros * 1000))
    return file


def failed(outcome: Outcome) -> tuple[Code, str]:
    """Return why it failed."""
    assert outcome.failure is not None
    return outcome.failure.code, outcome.failure.message


def test_every_file_of_a_folder_lands_with_its_bytes(copier: Copier, data: Path) -> None:
    """Files land as they came, under names of ours, in the order of their names."""
    put(data, "b.csv", b"x\n2\n")
    put(data, "a.csv.gz", b"\x1f\x8b")
    outcome = copier(FileSource(data.as_uri()))
    assert copier.contents(outcome) == {"a.csv.gz": b"\x1f\x8b", "b.csv": b"x\n2\n"}
    names = [file.path for file in copier.landed(outcome).files]
    assert names == ["run-1/Copy/1.1/000001.csv.gz", "run-1/Copy/1.1/000002.csv"]
    assert outcome.figures == Figures(bytes_read=6, bytes_written=6, files_read=2, files_written=2)


def test_a_file_of_no_bytes_lands(copier: Copier, data: Path) -> None:
    """Whether it is too little is for the promotion to say."""
    put(data, "empty.csv", b"")
    assert copier.contents(copier(FileSource(data.as_uri(), "empty.csv"))) == {"empty.csv": b""}


def test_a_broken_archive_fails_the_copy_and_is_read_again_by_the_next_try(copier: Copier, data: Path) -> None:
    """Landed bytes are not read from the source again, so what is known to be packed lands only if it is whole."""
    copier.packed = Compression.GZIP
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    (data / "a.csv.gz").write_bytes(whole)
    (data / "b.csv.gz").write_bytes(whole[:-9])
    (data / "empty.csv.gz").write_bytes(b"")
    broken = copier(FileSource(data.as_uri()))
    code, message = failed(broken)
    assert (code, "'b.csv.gz'" in message) == (Code.SOURCE_UNREADABLE, True)
    (data / "b.csv.gz").write_bytes(whole)
    again = copier(FileSource(data.as_uri()), run_id="run-2", previous=broken.output)
    assert copier.contents(again) == {"a.csv.gz": whole, "b.csv.gz": whole, "empty.csv.gz": b""}


def test_many_files_land(copier: Copier, data: Path) -> None:
    """In the order of their names, all of them durable at once."""
    contents = {f"{number:03d}.csv": b"%d" % number for number in range(150)}
    for name, content in contents.items():
        put(data, name, content)
    outcome = copier(FileSource(data.as_uri()))
    assert list(copier.contents(outcome).items()) == list(contents.items())


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.csv", ".csv"),
        ("a.CSV.GZ", ".csv.gz"),
        ("x/.hidden", ""),
        ("a", ""),
        ("a.b.c.d", ".c.d"),
        ("a.2024", ""),
        ("a.csv/../x;y", ""),
        ("a. csv", ""),
        ("a.averyveryverylongsuffix", ""),
    ],
)
def test_a_landed_name_takes_only_a_plain_suffix_of_the_sources_name(name: str, suffix: str) -> None:
    """Names of sources are never paths of ours."""
    assert safe_suffix(name) == suffix


def test_a_window_of_modification_times_is_half_open_to_the_microsecond(copier: Copier, data: Path) -> None:
    """A file at the start is in, one at the end is not, and a microsecond tells."""
    start, end = 1_600_000_000_000_001, 1_600_000_000_000_002
    for micros in range(start - 1, end + 2):
        put(data, f"{micros - start}", micros=micros)
    source = FileSource(data.as_uri(), by_modification_time=True)
    outcome = copier(source, Window(Instant(start), Instant(end)))
    assert list(copier.contents(outcome)) == ["0"]
    assert copier.landed(outcome).window == Window(Instant(start), Instant(end))


@given(st.lists(st.integers(-5, 25), max_size=12), st.lists(st.integers(-5, 25), min_size=2, max_size=6))
def test_windows_that_tile_take_every_file_once(times: list[int], cuts: list[int]) -> None:
    """The oracle of all windows: nothing lost, nothing twice, whatever the edges and the equal times."""
    entries = [Entry(f"{n}", f"{n}", 1, Instant(time), time * 1000) for n, time in enumerate(times)]
    edges = [None, *sorted(cuts), None]
    windows = [Window(None if a is None else Instant(a), None if b is None else Instant(b)) for a, b in pairwise(edges)]
    taken = sorted(item.entry.name for window in windows for item in split(entries, window))
    assert taken == sorted(entry.name for entry in entries)


def test_a_window_without_an_end_ends_before_the_listing(copier: Copier, data: Path) -> None:
    """The end is fixed first, a little in the past: what is written while we list belongs to the next window."""
    now = 1_600_000_000 * SECOND
    copier.clock = Still(Instant(now))
    put(data, "old", micros=now - SECOND)
    put(data, "now", micros=now)
    source = FileSource(data.as_uri(), by_modification_time=True)
    first = copier(source, Window(Instant(0)))
    window = copier.landed(first).window
    assert window is not None
    assert list(copier.contents(first)) == ["old"]
    assert window.end is not None
    assert window.end < now
    copier.clock, copier.run_id = Still(Instant(now + SECOND)), "run-2"
    assert list(copier.contents(copier(source, Window(window.end)))) == ["now"]


def test_a_window_that_ends_at_this_moment_is_waited_for(copier: Copier, data: Path) -> None:
    """A store's clock may be a little behind ours: a file that it dates before the end is in this window, since no later one has it."""
    now = 1_600_000_000 * SECOND
    copier.clock = Still(Instant(now))
    late = Timer(0.05, put, (data, "late"), {"micros": now + SECOND - 1})
    late.start()
    outcome = copier(FileSource(data.as_uri(), by_modification_time=True), Window(Instant(0), Instant(now + SECOND)))
    late.join()
    assert list(copier.contents(outcome)) == ["late"]


def test_a_window_that_is_waited_for_is_left_when_the_copy_has_to_stop(copier: Copier, data: Path) -> None:
    """Nobody waits for the end of a wait."""
    context = Quiet()
    copier.clock = Still(Instant(1_600_000_000 * SECOND))
    end = Instant(copier.clock.now() + 20 * SECOND)
    stop = Timer(0.05, context.cancellation.stop, (Code.CANCELLED, "enough"))
    stop.start()
    outcome = copier(FileSource(data.as_uri(), by_modification_time=True), Window(Instant(0), end), context=context)
    stop.join()
    assert outcome.failure is not None
    assert outcome.failure.code is Code.CANCELLED


def test_an_empty_window_succeeds_without_files(copier: Copier, data: Path) -> None:
    """Nothing new is no failure."""
    put(data, "a", micros=5)
    outcome = copier(FileSource(data.as_uri(), by_modification_time=True), Window(Instant(7), Instant(7)))
    assert copier.landed(outcome).files == ()


def test_a_missing_single_file_fails_unless_it_may_be_missing(copier: Copier, data: Path) -> None:
    """The message has a similar name; with ``missing_ok`` the selection is empty."""
    put(data, "flights.csv")
    code, message = failed(copier(FileSource(data.as_uri(), "flihgts.csv")))
    assert (code, "did you mean 'flights.csv'" in message) == (Code.SOURCE_NOT_FOUND, True)
    outcome = copier(FileSource(data.as_uri(), "flihgts.csv", missing_ok=True), run_id="run-2")
    assert copier.landed(outcome).files == ()


def test_every_file_that_fails_is_named_and_the_good_ones_are_kept(copier: Copier, data: Path) -> None:
    """A link out, a pipe and a link to nowhere among good files; the next try reads only what is still missing."""
    put(data, "a.csv", b"aa")
    put(data, "z.csv", b"zz")
    (data / "b.csv").symlink_to("/etc/passwd")
    (data / "c.csv").symlink_to(data / "nowhere")
    os.mkfifo(data / "d.csv")
    first = copier(FileSource(data.as_uri()))
    assert first.failure is not None
    assert "3 of 5 files could not be copied: 'b.csv', 'c.csv', 'd.csv'" in first.failure.message
    assert [error.path for error in first.failure.fields] == ["b.csv", "c.csv", "d.csv"]
    for name in ("b.csv", "c.csv", "d.csv"):
        (data / name).unlink()
    put(data, "b.csv", b"b")
    second = copier(FileSource(data.as_uri()), run_id="run-2", previous=first.output)
    assert copier.contents(second) == {"a.csv": b"aa", "b.csv": b"b", "z.csv": b"zz"}
    assert second.figures.bytes_read == 1


def test_an_unreadable_file_among_good_ones_is_named(copier: Copier, data: Path) -> None:
    """As an ordinary user; root may read everything."""
    put(data, "a.csv", b"aa")
    put(data, "b.csv", b"bb").chmod(0)
    copier.roots.landing.chmod(0o777)
    with as_nobody(copier.home, data):
        outcome = copier(FileSource(data.as_uri()))
    assert failed(outcome)[0] is Code.SOURCE_DENIED
    assert "1 of 2 files could not be copied: 'b.csv'" in failed(outcome)[1]


def test_a_kept_file_is_not_taken_when_the_source_has_a_newer_version(copier: Copier, data: Path) -> None:
    """Size and modification time decide; the first try's landing may be removed afterwards."""
    put(data, "a.csv", b"old", micros=1)
    os.mkfifo(data / "pipe")
    first = copier(FileSource(data.as_uri()))
    (data / "pipe").unlink()
    put(data, "a.csv", b"new", micros=2)
    second = copier(FileSource(data.as_uri()), run_id="run-2", previous=first.output)
    assert copier.contents(second) == {"a.csv": b"new"}


@pytest.mark.parametrize("partial", ["../../etc", "/etc/x/1.1", "a/b", 7, "no/such/1.1"])
def test_a_previous_output_that_leads_nowhere_is_left_out(copier: Copier, data: Path, partial: str | int) -> None:
    """What an earlier try left is a help, never a condition."""
    put(data, "a.csv", b"x")
    assert copier.contents(copier(FileSource(data.as_uri()), previous={"partial": partial})) == {"a.csv": b"x"}


def test_a_finished_copy_reads_nothing_again(copier: Copier, data: Path) -> None:
    """The same call again gives the same outcome, even when the source is gone; and so does the next epoch's."""
    file = put(data, "a.csv")
    first = copier(FileSource(data.as_uri()))
    file.unlink()
    assert copier(FileSource(data.as_uri())) == first
    assert copier(FileSource(data.as_uri()), epoch=2) == first


def test_a_source_that_changes_while_it_is_read_is_told_and_left(copier: Copier, data: Path) -> None:
    """A file that grows: the copy fails with a code that is worth a retry, and nothing of it is left."""
    file = put(data, "a.csv", b"x" * 3_000_000)

    def grow(_: Figures) -> None:
        with file.open("ab") as stream:
            stream.write(b"y")

    outcome = copier(FileSource(data.as_uri()), context=Quiet(on_progress=grow))
    code, message = failed(outcome)
    assert (code, "'a.csv' changed while it was read" in message) == (Code.SOURCE_CHANGED, True)
    assert not list((copier.roots.landing / "run-1" / "Copy" / "1.1").glob("0*"))


def test_a_file_that_is_rewritten_with_the_same_size_is_told(copier: Copier, data: Path) -> None:
    """The modification time tells, where the size does not."""
    file = put(data, "a.csv", b"x" * 3_000_000, micros=1)
    context = Quiet(on_progress=lambda _: os.utime(file, ns=(0, 2_000)))
    assert failed(copier(FileSource(data.as_uri()), context=context))[0] is Code.SOURCE_CHANGED


def test_a_file_that_vanishes_after_the_listing_is_told(copier: Copier, data: Path) -> None:
    """The first file's progress removes the second."""
    put(data, "a.csv")
    gone = put(data, "b.csv")
    copier.limits = Limits(threads=1)
    context = Quiet(on_progress=lambda _: gone.unlink(missing_ok=True))
    code, message = failed(copier(FileSource(data.as_uri()), context=context))
    assert (code, "'b.csv'" in message) == (Code.SOURCE_CHANGED, True)


def test_a_cancellation_stops_between_two_chunks(copier: Copier, data: Path) -> None:
    """The outcome says so, and where finished files lie."""
    put(data, "a.csv", b"x" * 3_000_000)
    context = Quiet()
    context.on_progress = lambda _: context.cancellation.stop(Code.CANCELLED, "a person stopped it")
    outcome = copier(FileSource(data.as_uri()), context=context)
    assert failed(outcome) == (Code.CANCELLED, "a person stopped it")
    assert (outcome.figures.bytes_read or 0) <= 1_048_576
    assert outcome.output == {"partial": "run-1/Copy/1.1"}


@pytest.mark.parametrize(("most", "said"), [({"max_files": 1}, "max_files"), ({"max_bytes": 7}, "max_bytes")])
def test_more_than_the_settings_allow_is_refused_before_it_is_read(
    copier: Copier, data: Path, most: dict[str, int], said: str
) -> None:
    """The limit is named, and no byte is read."""
    put(data, "a.csv")
    put(data, "b.csv")
    for name, value in most.items():
        setattr(copier, name, value)
    outcome = copier(FileSource(data.as_uri()))
    assert failed(outcome)[0] is Code.LIMIT_EXCEEDED
    assert said in failed(outcome)[1]
    assert outcome.figures.bytes_read is None


def test_a_landing_survives_the_ledger(copier: Copier, data: Path) -> None:
    """Its JSON form is read back as it was, modification times included."""
    put(data, "a.csv", micros=1_600_000_000_123_456)
    landed = copier.landed(copier(FileSource(data.as_uri())))
    assert decode(Landing, encode(landed), what="it") == landed
    assert landed.files[0].modified_at == 1_600_000_000_123_456


def test_a_disk_without_room_is_told_before_anything_is_read(copier: Copier, data: Path, small_disk: Path) -> None:
    """With the bytes that are free and those that are needed."""
    put(data, "a.csv", b"x" * 300_000)
    object.__setattr__(copier.roots, "landing", small_disk)
    outcome = copier(FileSource(data.as_uri()))
    assert failed(outcome)[0] is Code.DISK_FULL
    assert "300,000 bytes are needed" in failed(outcome)[1]
    assert outcome.figures.bytes_read is None


def test_a_disk_that_fills_up_while_we_copy_is_told_and_finished_files_stay(
    copier: Copier, data: Path, small_disk: Path
) -> None:
    """Many small files need more blocks than bytes; no half of a file is left."""
    for number in range(100):
        put(data, f"{number:03d}", b"x" * 10)
    object.__setattr__(copier.roots, "landing", small_disk)
    outcome = copier(FileSource(data.as_uri()))
    assert failed(outcome)[0] is Code.DISK_FULL
    sizes = {file.stat().st_size for file in (small_disk / "run-1" / "Copy" / "1.1").glob("0*")}
    assert sizes == {10}


def test_several_paths_are_one_landing_and_each_file_is_taken_once(copier: Copier, data: Path) -> None:
    """A list of paths selects what each of them selects; overlapping patterns do not double rows."""
    (data / "in").mkdir()
    for name in ("a.csv", "b.csv", "in/c.csv", "other.txt"):
        (data / name).write_bytes(name.encode())
    source = FileSource(data.as_uri(), "*.csv", also=("a.csv", "in/"))
    assert set(copier.contents(copier(source))) == {"a.csv", "b.csv", "in/c.csv"}
