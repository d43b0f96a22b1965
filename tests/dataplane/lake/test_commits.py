"""Commits that happen once, whoever else commits, and what is left behind when they do not happen."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.schema import Schema
from headrace.core.target import WriteMode
from headrace.dataplane.lake import delta
from headrace.dataplane.lake.files import DataFile, data_file
from headrace.dataplane.lake.garbage import collect, part_prefix
from promoting import Bench, schema

COLUMNS = schema(k="integer")
LATER = Instant(4_000_000_000_000_000)


def part(folder: Path, name: str) -> DataFile:
    """Write a data file of one row."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1::INTEGER AS k) TO '{folder / name}'")
    return data_file(name, (folder / name).stat().st_size, 1, {}, COLUMNS)


def asked(folder: Path, key: str, mode: WriteMode = WriteMode.APPEND, columns: Schema = COLUMNS) -> delta.Commit:
    """Return a commit of one new data file."""
    return delta.Commit(key, (part(folder, f"part-{key}.parquet"),), columns, mode, {"batch": key})


def test_a_key_commits_once_and_tells_what_it_was(tmp_path: Path) -> None:
    """Whoever comes second gets the first one's version and details."""
    first = delta.commit(tmp_path, asked(tmp_path, "a"))
    again = delta.commit(tmp_path, replace(asked(tmp_path, "a"), details={"batch": "other"}))
    assert first == (delta.Committed(0, {"batch": "a", "commit_key": "a"}), False)
    assert again == (first[0], True)
    assert DeltaTable(tmp_path).version() == 0


def test_a_key_is_found_behind_later_commits_and_a_checkpoint(tmp_path: Path) -> None:
    """A retry may come long after its commit."""
    for key in ("a", "b", "c"):
        delta.commit(tmp_path, asked(tmp_path, key))
    DeltaTable(tmp_path).create_checkpoint()
    assert delta.committed(tmp_path, "b") == delta.Committed(1, {"batch": "b", "commit_key": "b"})
    assert delta.committed(tmp_path, "d") is None


@pytest.mark.parametrize("mode", list(WriteMode))
def test_commits_at_the_same_time_all_happen_once(tmp_path: Path, mode: WriteMode) -> None:
    """Eight writers on a table that does not exist yet, two for each key."""
    commits = [asked(tmp_path, key, mode) for key in "abcd"]
    start = threading.Barrier(8)
    results: list[tuple[str, bool]] = []

    def write(what: delta.Commit) -> None:
        start.wait()
        results.append((what.key, delta.commit(tmp_path, what)[1]))

    threads = [threading.Thread(target=write, args=(what,)) for what in commits * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(key, already) for key in "abcd" for already in (False, True)]
    assert DeltaTable(tmp_path).version() == 3
    assert len(DeltaTable(tmp_path).file_uris()) == (4 if mode is WriteMode.APPEND else 1)


def test_a_folder_that_is_no_table_is_told(tmp_path: Path) -> None:
    """The message is about the target; the library's words go to the operator."""
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / f"{0:020d}.json").write_text("{broken")
    with pytest.raises(Problem) as raised:
        delta.committed(tmp_path, "a")
    assert raised.value.code is Code.TARGET_UNAVAILABLE


def test_only_files_that_nobody_needs_are_collected(bench: Bench) -> None:
    """Committed ones, older versions' ones, live runs' ones, young ones and others' ones stay."""
    folder = bench.roots.lake / "a" / "b"
    names = {run: part_prefix(f"{run}/Promote/1.1", "key") + "-0.parquet" for run in ("new", "old", "live", "dead")}
    for run, mode in (("old", WriteMode.APPEND), ("new", WriteMode.OVERWRITE)):
        delta.commit(folder, delta.Commit(run, (part(folder, names[run]),), COLUMNS, mode, {}))
    for name in (names["live"], names["dead"], "part-of-somebody-else.parquet"):
        part(folder, name)
    assert collect(bench.roots, lambda run: run == "live", Instant(0)) == ()
    assert collect(bench.roots, lambda run: run == "live", LATER) == (folder / names["dead"],)
    assert collect(bench.roots, lambda _: False, LATER, timedelta(0)) == (folder / names["live"],)
    assert len(DeltaTable(folder, version=0).file_uris()) == 1


def test_files_of_a_table_that_was_never_made_are_collected(bench: Bench) -> None:
    """A first promotion that was killed before its commit leaves a folder without a log."""
    name = part_prefix("dead/Each~2f~3/2.1", "key") + "-0.parquet"
    part(bench.roots.lake / "t", name)
    assert collect(bench.roots, lambda _: False, LATER) == (bench.roots.lake / "t" / name,)
