"""A copy killed at every one of its crash points, and what the next worker makes of it."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

import warm
from headrace.core.crashpoints import names_in
from headrace.core.source import FileSource, TableSource
from headrace.dataplane import file_copy, landing, table_copy
from servers import PostgresServer

from .conftest import Copier

POINTS = sorted(names_in([Path(file_copy.__file__), Path(landing.__file__)]))
PROGRAM = """
import sys
from pathlib import Path
from headrace.core.crashpoints import arm
from headrace.core.codec import encode
from headrace.core.settings import CopySettings
from headrace.core.source import FileSource, TableSource
from headrace.core.task import Cancellation, Task
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.copying import copy
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots

class Quiet:
    cancellation = Cancellation()
    def progress(self, figures): pass

home, point, passing, url = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
arm(point, passing)
source = TableSource("db", "t", None, (), None, "n", 2) if url else FileSource((home / "data").as_uri())
roots = Roots(home / "landing", home / "lake", home / "quarantine", home / "work", None)
task = Task("local", "flow", "run-1", "run-1", "Copy", 1, 1, "copy", {"source": encode(source)}, "key")
copy(CopySettings(source), task, Quiet(), roots=roots, connect=lambda _: ConnectionInfo("postgres", url), limits=Limits(threads=1), clock=None)
"""


def test_the_copy_has_crash_points() -> None:
    """They are enumerated from the code; a renamed module must not make the tests below empty."""
    assert len(POINTS) >= 6


@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_copy_is_finished_by_the_next_worker(copier: Copier, data: Path, point: str, passing: int) -> None:
    """Every file lands once and whole; finished ones are not read again; the dead try is found as an orphan."""
    contents = {name: name.encode() * 100_000 for name in ("a", "b", "c")}
    for name, content in contents.items():
        (data / name).write_bytes(content)
    command = [sys.executable, "-c", PROGRAM, str(copier.home), point, str(passing), ""]
    died = warm.run(command, env=os.environ, cwd=data).returncode == -9
    assert died or passing > 1
    finished = list((copier.roots.landing / "run-1" / "Copy" / "1.1").glob(landing.MANIFEST))
    outcome = copier(FileSource(data.as_uri()), epoch=2)
    assert copier.contents(outcome) == contents
    noted = point in ("copy-after-file-noted", "copy-before-manifest", "copy-before-manifest-rename")
    if noted and died and not finished:
        assert (outcome.figures.bytes_read or 0) <= 100_000 * (3 - passing if point == "copy-after-file-noted" else 0)
    used = {landing.folder_of(file) for file in copier.landed(outcome).files}
    for orphan in landing.orphans(copier.roots, lambda _: False, lambda folder: folder in used):
        landing.remove_try(copier.roots, orphan)
    assert copier.contents(outcome) == contents
    assert len(list((copier.roots.landing / "run-1" / "Copy").iterdir())) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point", sorted(names_in([Path(table_copy.__file__)])))
def test_a_killed_copy_of_a_table_is_read_anew(
    copier: Copier, postgres_server: PostgresServer, point: str, passing: int
) -> None:
    """Another snapshot would not fit to the partitions of the first, so all of them are read again: each row once."""
    name = f"crash_{point.replace('-', '_')}_{passing}"
    url = postgres_server.create_database(name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT n FROM generate_series(1, 100) n")
    command = [sys.executable, "-c", PROGRAM, str(copier.home), point, str(passing), url]
    assert warm.run(command, env=os.environ, cwd=copier.home).returncode == -9
    copier.urls = {"db": url}
    outcome = copier(TableSource("db", "t", None, (), None, "n", 2), epoch=2)
    files = [copier.roots.landing / file.path for file in copier.landed(outcome).files]
    assert sorted(n for file in files for n in pq.read_table(file)["n"].to_pylist()) == list(range(1, 101))
    postgres_server.drop_database(name)


def test_two_workers_never_write_into_one_folder(copier: Copier, data: Path) -> None:
    """A worker that was declared dead and wakes finishes its own try; the newer one's landing stays as it is."""
    (data / "a").write_bytes(b"a")
    source = FileSource(data.as_uri())
    task = copier.task(source)
    woken = landing.begin(copier.roots, task)
    newer = copier(source, epoch=2)
    (woken.path / "000001").write_bytes(b"late")
    woken.finish(replace(copier.landed(newer), files=()), newer.figures)
    assert copier.contents(newer) == {"a": b"a"}
