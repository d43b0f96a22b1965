"""Copying from file stores: many packed files with a broken one among them, tries that go on, and stopping at once."""

import bz2
import gzip
import io
import tarfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.landing import Landing
from headrace.core.source import Compression, FileFormat, FileSource, FileType
from headrace.core.target import RejectRule
from headrace.core.window import Window
from headrace.dataplane.limits import Limits
from promoting import make_bench
from stores import Cutter, Shelf

from .conftest import Copier, Quiet, Still

FAST = Limits(store_pause_seconds=0.01)
ROWS = 3


def _tar(data: bytes, mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  # every mode is a text
        info = tarfile.TarInfo("in/rows")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows", data)
    return out.getvalue()


def _parquet(first: int) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"n": [str(first + n) for n in range(ROWS)]}), out)
    return out.getvalue()


PACKED: dict[Compression, tuple[str, Callable[[bytes], bytes]]] = {
    Compression.NONE: ("", bytes),
    Compression.GZIP: (".gz", gzip.compress),
    Compression.BZIP2: (".bz2", bz2.compress),
    Compression.DEFLATE: (".deflate", zlib.compress),
    Compression.ZIP: (".zip", _zip),
    Compression.TAR: (".tar", lambda data: _tar(data, "w")),
    Compression.TAR_GZIP: (".tar.gz", lambda data: _tar(data, "w:gz")),
}
FORMATS: dict[str, tuple[FileFormat, Callable[[int], bytes]]] = {
    "csv": (FileFormat(), lambda first: b"n,x\n" + b"".join(b"%d,a\n" % (first + n) for n in range(ROWS))),
    "tsv": (FileFormat(delimiter="\t"), lambda first: b"n\tx\n" + b"".join(b"%d\ta\n" % (first + n) for n in range(ROWS))),
    "json": (FileFormat(FileType.JSON), lambda first: b"".join(b'{"n": %d}\n' % (first + n) for n in range(ROWS))),
    "parquet": (FileFormat(FileType.PARQUET), _parquet),
}  # fmt: skip


@pytest.fixture(params=["s3", "sftp"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """Return a new folder on an S3 server, and on an SFTP server."""
    found: Shelf = request.getfixturevalue(f"{request.param}_store")
    return found.fresh()


@pytest.fixture
def here(copier: Copier, shelf: Shelf) -> Copier:
    """Return a copier that knows the shelf as the connection ``c``."""
    assert shelf.info is not None
    copier.connections["c"] = shelf.info
    copier.limits = FAST
    return copier


def promoted(
    copier: Copier, landing: Landing, format_: FileFormat, tmp_path: Path
) -> tuple[int, tuple[Code, str] | None]:
    """Promote what landed; return the accepted rows, and why it failed."""
    bench = make_bench(tmp_path / f"bench-{copier.run_id}")
    bench.roots = replace(bench.roots, landing=copier.roots.landing)
    try:
        outcome = bench.promote(landing, format=format_, rejects=RejectRule(0))
    except Problem as problem:
        return 0, (problem.code, problem.message)
    failure = outcome.failure
    return outcome.figures.rows_accepted or 0, None if failure is None else (failure.code, failure.message)


def one_of_many_is_broken(
    copier: Copier, shelf: Shelf, files: dict[str, bytes], format_: FileFormat, tmp_path: Path
) -> None:
    """Copy ``files`` with a broken one among them, and again when it is whole."""
    broken = sorted(files)[57]
    source = FileSource("", "in/", connection="c")
    for name, data in files.items():
        shelf.put(f"in/{name}", data[:-5] + b"\xff\x00\xff" if name == broken else data)
    copied = copier(source, run_id=f"{copier.run_id}-1")
    copier.run_id += "-1"
    assert len(copier.contents(copied)) == 100
    accepted, failure = promoted(copier, copier.landed(copied), format_, tmp_path)
    assert failure is not None
    assert failure[0] in {Code.SOURCE_UNREADABLE, Code.TOO_MANY_REJECTS}
    if failure[0] is Code.SOURCE_UNREADABLE:
        assert broken in failure[1]
    assert accepted == 0
    shelf.put(f"in/{broken}", files[broken])
    copier.run_id += "-2"
    again = copier(source)
    assert copier.contents(again) == {f"in/{name}": data for name, data in files.items()}
    assert promoted(copier, copier.landed(again), format_, tmp_path) == (100 * ROWS, None)


def test_one_broken_file_of_a_hundred_is_named_and_the_rest_waits_for_it(
    here: Copier, shelf: Shelf, tmp_path: Path
) -> None:
    """Every compression among the hundred; nothing is committed until all of them are whole, and then every row is."""
    packings = list(PACKED.values())
    files = {}
    for number in range(100):
        suffix, pack = packings[number % len(packings) if number != 57 else 1]
        files[f"{number:03d}.csv{suffix}"] = pack(FORMATS["csv"][1](number * ROWS))
    one_of_many_is_broken(here, shelf, files, FileFormat(), tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("compression", list(PACKED))
@pytest.mark.parametrize("form", list(FORMATS))
def test_one_broken_file_of_a_hundred_in_every_format_and_compression(
    here: Copier, shelf: Shelf, tmp_path: Path, form: str, compression: Compression
) -> None:
    """A hundred files of each format in each compression."""
    if form == "parquet" and compression is not Compression.NONE:
        pytest.skip("Parquet is not packed (7.4 of the Flow Service contract)")
    format_, rows = FORMATS[form]
    suffix, pack = PACKED[compression]
    files = {f"{number:03d}.{form}{suffix}": pack(rows(number * ROWS)) for number in range(100)}
    one_of_many_is_broken(here, shelf, files, replace(format_, compression=compression), tmp_path)


def test_a_try_takes_what_an_earlier_one_finished(here: Copier, shelf: Shelf) -> None:
    """Only the version that is there now: what was replaced is read again."""
    for name in ("a", "b", "c"):
        shelf.put(f"in/{name}.csv", name.encode())
    here.max_bytes = 1_000
    here.limits = replace(FAST, threads=1)
    gone = Quiet(on_progress=lambda figures: shelf.remove("in/c.csv") if figures.files_read == 1 else None)
    first = here(FileSource("", "in/", connection="c"), context=gone)
    assert first.failure is not None
    assert first.failure.code is Code.SOURCE_CHANGED
    shelf.put("in/c.csv", b"new")
    second = here(FileSource("", "in/", connection="c"), run_id="run-2", previous=first.output)
    assert here.contents(second) == {"in/a.csv": b"a", "in/b.csv": b"b", "in/c.csv": b"new"}
    assert (second.figures.files_read, second.figures.bytes_read) == (1, 3)


def test_a_copy_that_waits_for_its_server_stops_at_once(here: Copier, shelf: Shelf) -> None:
    """Within two seconds, whatever the read timeout is; the outcome says why, not that the connection broke."""
    shelf.put("in/a.bin", b"x" * 3_000_000)
    info = here.connections["c"]
    port = int(info.url.rpartition(":")[2])
    with closing(Cutter(port, 900_000, 10, stalls=True)) as cutter:
        here.connections["c"] = replace(info, url=info.url.replace(f":{port}", f":{cutter.port}"))
        context = Quiet()
        timer = threading.Timer(0.5, context.cancellation.stop, (Code.CANCELLED, "a person stopped it"))
        timer.start()
        begun = time.monotonic()
        outcome = here(FileSource("", "in/", connection="c"), context=context)
        assert time.monotonic() - begun < 2.5
        timer.join()
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.message) == (Code.CANCELLED, "a person stopped it")


def test_a_window_takes_the_files_of_its_time_and_ends_where_the_next_begins(here: Copier, shelf: Shelf) -> None:
    """Its end is a whole second, for that is how the store dates its files."""
    shelf.put("in/a.csv", b"a")
    later = Instant((time.time_ns() // 1000) + 2 * SECOND)
    here.clock = Still(later)
    source = FileSource("", "in/", by_modification_time=True, connection="c")
    first = here(source)
    window = here.landed(first).window
    assert window is not None
    assert window.end is not None
    assert window.end % SECOND == 0
    names = set(here.contents(first))
    rest = here(source, Window(window.end, None), run_id="run-2")
    assert names | set(here.contents(rest)) <= {"in/a.csv"}
    assert here.contents(here(source, Window(None, later), run_id="run-3")) == {"in/a.csv": b"a"}


def test_a_missing_file_fails_unless_it_may_be_missing(here: Copier, shelf: Shelf) -> None:
    """As for local files."""
    shelf.put("in/a.csv")
    failed = here(FileSource("", "in/b.csv", connection="c"))
    assert failed.failure is not None
    assert failed.failure.code is Code.SOURCE_NOT_FOUND
    assert here.contents(here(FileSource("", "in/b.csv", missing_ok=True, connection="c"), run_id="run-2")) == {}
