"""What can happen to a promotion: it is killed, stopped, runs out of disk, or others write at the same time."""

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import warm
from headrace.core.clock import Instant
from headrace.core.crashpoints import names_in
from headrace.core.errors import Code, Problem
from headrace.dataplane import promotion
from headrace.dataplane.lake.garbage import collect
from headrace.dataplane.storage import Roots
from promoting import Bench, make_bench, schema

POINTS = sorted(names_in(Path(promotion.__file__).parent.rglob("*.py")))
DATA = b"k,v\n1,a\nx,b\n2,c\n3\n"
PROGRAM = """
import sys
from pathlib import Path
from headrace.core.crashpoints import arm
from headrace.dataplane.storage import Roots
from promoting import make_bench, schema

bench = make_bench(Path(sys.argv[1]))
arm(sys.argv[2])
bench.promote(Path(sys.argv[3]).read_bytes(), schema=schema(k="integer", v="string"))
"""
LATER = Instant(4_000_000_000_000_000)


def test_the_promotion_has_crash_points() -> None:
    """They are enumerated from the code; a renamed module must not make the test below empty."""
    assert len(POINTS) == 6


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_promotion_is_finished_by_the_next_worker(tmp_path: Path, point: str) -> None:
    """Each row is there once, and nothing of the dead try is left after garbage collection."""
    (tmp_path / "in.csv").write_bytes(DATA)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "home"), point, str(tmp_path / "in.csv")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert warm.run(command, env=environment, cwd=tmp_path).returncode == -9
    bench = make_bench(tmp_path / "home")
    bench.epoch = 2
    outcome = bench.promote(DATA, schema=schema(k="integer", v="string"))
    assert outcome.output["already_committed"] == (point == "promote-after-commit")
    assert (outcome.figures.rows_accepted, outcome.figures.rows_rejected) == (2, 2)
    collect(bench.roots, lambda _: False, LATER)
    assert bench.table() == [(1, "a"), (2, "c")]
    assert len(bench.rejects()) == 2
    assert len(list((bench.roots.lake / "rows").glob("*.parquet"))) == 1


def test_a_running_promotion_stops_when_it_is_told_to(bench: Bench) -> None:
    """A query is interrupted within two seconds, and leaves no data files behind."""
    bench.limits = replace(bench.limits, threads=1)
    landing = bench.land({"in.csv": b"k\n" + b"123456789\n" * 3_000_000})
    slow = {"v": 'matches_regex(concat(k, k, k, k, k), "(1|2|3|4|5|6|7|8|9)*(12|34|56)*(1|2|3|4|5|6|7|8|9)+")'}
    stopped: list[float] = []

    def stop() -> None:
        stopped.append(time.monotonic())
        bench.context.cancellation.stop(Code.CANCELLED, "somebody asked for it")

    timer = threading.Timer(0.6, stop)
    timer.start()
    with pytest.raises(Problem) as raised:
        bench.promote(landing, mapping=slow)
    timer.join()
    assert raised.value.code is Code.CANCELLED
    assert time.monotonic() - stopped[0] < 2
    assert list(bench.roots.lake.rglob("*.parquet")) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """Return a disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    return folder


def _with(roots: Roots, name: str, folder: Path) -> Roots:
    folders = {key: getattr(roots, key) for key in ("landing", "lake", "quarantine", "work")}
    return Roots(**{**folders, name: folder}, file_roots=None)


@pytest.mark.parametrize("full", ["lake", "quarantine", "work"])
def test_a_full_disk_is_told_and_nothing_is_half_committed(tmp_path: Path, small_disk: Path, full: str) -> None:
    """Once there is room, the same promotion succeeds."""
    try:
        bench = make_bench(tmp_path / "home")
        bench.roots = _with(bench.roots, full, small_disk)
        noise = "".join(f"{n},{'x' if full == 'quarantine' else n},{os.urandom(30).hex()}\n" for n in range(60_000))
        data = ("k,n,v\n" + noise).encode(encoding="utf-16" if full == "work" else "utf-8")
        with pytest.raises(Problem) as raised:
            bench.promote(data, schema=schema(k="integer", n="integer", v="string"))
        assert raised.value.code is Code.DISK_FULL
        assert f"'{small_disk}" in raised.value.message
        bench.roots = _with(bench.roots, full, tmp_path / "home" / "larger")
        bench.roots.make()
        figures = bench.promote(data, schema=schema(k="integer", n="integer", v="string")).figures
        assert (figures.rows_accepted, figures.rows_rejected) == ((0, 60_000) if full == "quarantine" else (60_000, 0))
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def test_a_lost_lake_is_made_again_or_told(bench: Bench) -> None:
    """A directory that vanished is no crash of ours."""
    shutil.rmtree(bench.roots.lake)
    assert bench.promote(b"k\n1\n").output["version"] == 0


def test_progress_is_reported_while_rows_are_read(bench: Bench) -> None:
    """The last report is what the outcome says."""
    outcome = bench.promote(b"k\n1\n2\n")
    assert bench.context.reports[-1] == outcome.figures
