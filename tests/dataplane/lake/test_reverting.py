"""Batches are taken back out of a table's newest version, once, whoever else commits."""

from pathlib import Path

import duckdb
from deltalake import DeltaTable

from dataplane.lake.test_commits import COLUMNS, asked, part
from headrace.core.target import WriteMode
from headrace.dataplane.lake import delta
from headrace.dataplane.lake.reverting import take_back


def names(folder: Path, version: int | None = None) -> set[str]:
    """Return the data files of a version of the table."""
    return {Path(uri).name for uri in DeltaTable(folder, version=version).file_uris()}


def test_only_the_files_of_the_batch_leave_the_newest_version(tmp_path: Path) -> None:
    """Readers see the other batches; who reads an older version sees all."""
    for key in ("a", "b"):
        delta.commit(tmp_path, asked(tmp_path, key))
    assert take_back(tmp_path, ["part-a.parquet"], ["A"])
    assert (names(tmp_path), names(tmp_path, 1)) == ({"part-b.parquet"}, {"part-a.parquet", "part-b.parquet"})
    with duckdb.connect() as reader:
        uris = [uri.removeprefix("file://") for uri in DeltaTable(tmp_path).file_uris()]
        assert reader.execute("SELECT count(*) FROM read_parquet(?)", [uris]).fetchall() == [(1,)]


def test_what_is_not_there_any_more_is_not_removed_again(tmp_path: Path) -> None:
    """Done twice, or after all rows were overwritten, it commits nothing; a table that there is not has nothing to take back."""
    assert not take_back(tmp_path / "none", ["part-a.parquet"], ["A"])
    delta.commit(tmp_path, asked(tmp_path, "a"))
    delta.commit(tmp_path, asked(tmp_path, "b", WriteMode.OVERWRITE))
    assert not take_back(tmp_path, ["part-a.parquet"], ["A"])
    assert take_back(tmp_path, ["part-b.parquet"], ["B"])
    assert not take_back(tmp_path, ["part-b.parquet"], ["B"])
    assert (DeltaTable(tmp_path).version(), names(tmp_path)) == (2, set())


def test_commit_keys_are_found_behind_it(tmp_path: Path) -> None:
    """A batch that was taken back stays committed: a late retry of its run does not write it again."""
    delta.commit(tmp_path, asked(tmp_path, "a"))
    take_back(tmp_path, ["part-a.parquet"], ["A"])
    again = delta.Commit("a", (part(tmp_path, "part-again.parquet"),), COLUMNS, WriteMode.APPEND, {})
    assert delta.commit(tmp_path, again) == (delta.Committed(0, {"batch": "a", "commit_key": "a"}), True)
    delta.commit(tmp_path, asked(tmp_path, "c"))
    assert names(tmp_path) == {"part-c.parquet"}
