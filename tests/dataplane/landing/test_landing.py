"""Landings: there or gone, removed or found without an owner."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.landing import LandedFile, Landing
from headrace.core.outcome import Figures
from headrace.core.task import Task
from headrace.dataplane import landing
from headrace.dataplane.storage import Roots

TASK = Task("local", "flow", "run-1", "run-1", "Each/3/Copy", 1, 1, "copy", {"a": 1}, "key")


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    """Return the folders of an installation."""
    roots = Roots(tmp_path / "landing", tmp_path / "lake", tmp_path / "quarantine", tmp_path / "work", None)
    roots.make()
    return roots


def lay(roots: Roots, task: Task = TASK) -> Landing:
    """Lay down one small file and finish."""
    folder = landing.begin(roots, task)
    (folder.path / "000001.csv").write_bytes(b"x\n")
    landed = Landing((LandedFile(folder.landed("000001.csv"), "x.csv", 2),))
    folder.finish(landed, Figures(files_read=1))
    return landed


def test_a_finished_copy_is_found_again(roots: Roots) -> None:
    """The same try, called again, finds what it did."""
    landed = lay(roots)
    found = landing.finished(roots, TASK)
    assert found is not None
    assert (found.landing, found.figures) == (landed, Figures(files_read=1))


def test_a_finished_copy_of_a_lost_worker_is_taken_by_the_next(roots: Roots) -> None:
    """It died between the manifest and the ledger's update; the next epoch reads nothing again."""
    landed = lay(roots)
    found = landing.finished(roots, replace(TASK, epoch=2))
    assert found is not None
    assert found.landing == landed


@pytest.mark.parametrize("change", [{"settings": {"a": 2}}, {"run_id": "run-2"}, {"epoch": 0}, {"path": "Each/4/Copy"}])
def test_a_finished_copy_of_something_else_is_not_taken(roots: Roots, change: Mapping[str, Json]) -> None:
    """Other settings, another run, another activity, or a newer worker's folder."""
    lay(roots)
    assert landing.finished(roots, replace(TASK, **change)) is None  # type: ignore[arg-type] # fields of Task


@pytest.mark.parametrize("data", [None, b"", b"longer"])
def test_a_landing_is_gone_when_a_file_is_missing_or_cut(roots: Roots, data: bytes | None) -> None:
    """Promotion is told before it reads half of the data."""
    landed = lay(roots)
    assert landing.exists(roots, landed)
    file = roots.landing / landed.files[0].path
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    assert not landing.exists(roots, landed)
    assert landing.finished(roots, TASK) is None
    with pytest.raises(Problem, match="retry the run from its copy") as caught:
        landing.locate(roots, landed.files[0])
    assert caught.value.code is Code.LANDING_GONE


@pytest.mark.parametrize("path", ["/etc/hostname", "../outside", "run-1/../../outside"])
def test_a_landed_path_that_leads_out_is_not_there(roots: Roots, path: str) -> None:
    """The ledger's text is no reason to read elsewhere."""
    (roots.landing.parent / "outside").write_bytes(b"x")
    assert not landing.exists(roots, Landing((LandedFile(path, "x", 1),)))


def test_a_broken_try_is_begun_anew(roots: Roots) -> None:
    """Leftovers of an interrupted call are no part of the next one's landing."""
    first = landing.begin(roots, TASK)
    (first.path / "leftover").write_bytes(b"")
    assert list(landing.begin(roots, TASK).path.iterdir()) == []


def test_a_torn_line_of_the_journal_is_left_out(roots: Roots) -> None:
    """A worker killed while it wrote a line loses that file only."""
    folder = landing.begin(roots, TASK)
    (folder.path / "000001").write_bytes(b"xx")
    folder.note(landing.Finished("a", 2, 7, "000001", landing.boot_id()))
    with (folder.path / landing.JOURNAL).open("a") as journal:
        journal.write('{"name": "b", "si')
    found = landing.reusable(roots, replace(TASK, epoch=2))
    assert found == {("a", 2, 7): folder.path / "000001"}


@pytest.mark.parametrize("boot", [None, "another"])
def test_a_finished_file_of_before_a_loss_of_power_is_not_taken(roots: Roots, boot: str | None) -> None:
    """Its name may be there and its bytes not."""
    folder = landing.begin(roots, TASK)
    (folder.path / "000001").write_bytes(b"xx")
    folder.note(landing.Finished("a", 2, 7, "000001", boot))
    assert landing.reusable(roots, replace(TASK, epoch=2)) == {}


def test_what_a_run_laid_down_is_removed_whole_or_by_activity(roots: Roots) -> None:
    """Removing twice is no failure."""
    lay(roots)
    lay(roots, replace(TASK, path="Other"))
    landing.remove(roots, "run-1", "Other")
    assert [folder.name for folder in (roots.landing / "run-1").iterdir()] == ["Each~2f~3~2f~Copy"]
    landing.remove(roots, "run-1")
    landing.remove(roots, "run-1")
    assert list(roots.landing.iterdir()) == []


@pytest.mark.parametrize(("run_id", "path"), [("", None), ("..", None), ("a/b", None), ("a", "../x"), ("a", "")])
def test_removal_never_leads_out(roots: Roots, run_id: str, path: str | None) -> None:
    """Ids are never taken as paths."""
    with pytest.raises(Problem) as caught:
        landing.remove(roots, run_id, path)
    assert caught.value.code is Code.INVALID


def test_orphans_are_the_tries_that_nobody_owns(roots: Roots) -> None:
    """A live run keeps everything; of an ended one stays what an outcome refers to."""
    kept = lay(roots)
    lay(roots, replace(TASK, epoch=2))
    lay(roots, replace(TASK, run_id="live"))
    referenced = {landing.folder_of(file) for file in kept.files}
    orphans = landing.orphans(roots, lambda run: run == "live", lambda folder: folder in referenced)
    assert orphans == ("run-1/Each~2f~3~2f~Copy/1.2",)
    for orphan in landing.orphans(roots, lambda run: run == "live"):
        landing.remove_try(roots, orphan)
    assert [folder.name for folder in roots.landing.iterdir()] == ["live"]
