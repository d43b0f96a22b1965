"""What Delete removes, and what it says of that."""

import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest

from headrace.activities.datafactory.delete import delete
from headrace.activities.datafactory.system import activity_run_id
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from moving_desk import Bench, told
from pipeline_desk import RUN_ID, failure_of
from stores import BUCKET, Shelf

FOLDER = {"folderPath": "in"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder with files."""
    made = Bench(tmp_path)
    for name in ("in/a.csv", "in/.b.csv", "in/c.txt", "in/deep/d.csv", "in/deep/er/e.csv", "kept.csv"):
        made.put(name)
    return made


def run(bench: Bench, location: dict[str, Any], *, task: dict[str, Any] | None = None, **more: Any) -> Any:
    """Return the outcome for a dataset at ``location``."""
    properties = {"dataset": bench.dataset("d", location, **more.pop("dataset", {})), **more}
    return bench.desk.act(lambda attempt: delete(attempt, bench.moving), properties, **(task or {}))


def test_the_files_of_a_folder_go_and_with_recursive_all_that_is_below_it_and_the_folder(bench: Bench) -> None:
    """Not deep unless that is asked for; the output is exactly this."""
    outcome = run(bench, FOLDER)
    assert told(outcome) == {
        "datasetName": "d",
        "type": "FileServer",
        "path": "in",
        "recursive": False,
        "isWildcardUsed": False,
        "maxConcurrentConnections": 4,
        "filesDeleted": 3,
        "executionDuration": 0,
    }
    assert bench.names() == ["in", "in/deep", "in/deep/d.csv", "in/deep/er", "in/deep/er/e.csv", "kept.csv"]
    (bench.files / "in/empty/er").mkdir(parents=True)
    settings = {"type": "FileServerReadSettings", "recursive": True, "maxConcurrentConnections": 2}
    outcome = run(bench, FOLDER, storeSettings=settings)
    assert (outcome.output["filesDeleted"], outcome.output["maxConcurrentConnections"]) == (2, 2)
    assert bench.names() == ["kept.csv"]
    assert run(bench, FOLDER, recursive=True).output["filesDeleted"] == 0


def test_the_root_of_a_linked_service_stays(bench: Bench) -> None:
    """However deep everything in it is removed."""
    assert run(bench, {}, recursive=True).output["filesDeleted"] == 6
    assert bench.names() == []
    assert bench.files.is_dir()


def test_wildcards_a_list_and_times_choose(bench: Bench) -> None:
    """As in a copy; folders stay where files are chosen by name."""
    settings = {"wildcardFileName": "*.csv", "recursive": True}
    outcome = run(bench, FOLDER, storeSettings=settings)
    assert (outcome.output["filesDeleted"], outcome.output["isWildcardUsed"]) == (4, True)
    assert outcome.output["path"] == "in/*.csv"
    assert bench.names() == ["in", "in/c.txt", "in/deep", "in/deep/er", "kept.csv"]
    bench.put("list.txt", b"c.txt\nnot there.txt\n")
    assert run(bench, FOLDER, storeSettings={"fileListPath": "list.txt"}).output["filesDeleted"] == 1
    os.utime(bench.put("in/old.csv"), (1, 1))
    bench.put("in/new.csv")
    settings = {"modifiedDatetimeEnd": "2000-01-01T00:00:00Z", "recursive": True}
    assert run(bench, FOLDER, storeSettings=settings).output["filesDeleted"] == 1
    assert "in/new.csv" in bench.names()
    settings = {"wildcardFolderPath": "i?", "recursive": True}
    assert run(bench, {}, storeSettings=settings).output["filesDeleted"] == 1
    assert bench.names() == ["kept.csv", "list.txt"]


def test_nothing_to_remove_is_no_failure_but_a_place_that_is_not_there_is(bench: Bench) -> None:
    """A file may be gone already; a linked service to nowhere is a mistake."""
    assert run(bench, {"folderPath": "in", "fileName": "none.csv"}).output["filesDeleted"] == 0
    assert run(bench, {"folderPath": "none"}, recursive=True).output["filesDeleted"] == 0
    assert run(bench, {"folderPath": "in", "fileName": "a.csv"}).output["filesDeleted"] == 1
    bench.service("disk", "FileServer", host=str(bench.files / "nowhere"))
    assert "UserErrorFileNotFound" in failure_of(run(bench, {}))[1]


def test_a_log_tells_of_every_file(bench: Bench) -> None:
    """What could not be removed, too, and then the activity fails when all else is gone."""
    (bench.files / "in/out.csv").symlink_to("/etc/passwd")
    bench.put('in/x,"y".csv')
    reference = {"referenceName": "disk", "type": "LinkedServiceReference"}
    logging = {"linkedServiceName": reference, "path": "logs/deleted"}
    outcome = run(bench, FOLDER, enableLogging=True, logStorageSettings=logging)
    code, message = failure_of(outcome)
    assert code == "3704"
    assert "UserErrorFileAccessDenied" in message
    run_id = activity_run_id(RUN_ID, "A", 1)
    assert (outcome.output["filesDeleted"], outcome.output["logPath"]) == (4, f"logs/deleted/{run_id}")
    (log,) = (bench.files / "logs/deleted" / run_id).iterdir()
    rows = list(csv.reader(io.StringIO(log.read_text())))
    assert rows[0] == ["Name", "Category", "Status", "Error"]
    assert [row[:3] for row in rows[1:]] == [
        ["in/.b.csv", "File", "Deleted"],
        ["in/a.csv", "File", "Deleted"],
        ["in/c.txt", "File", "Deleted"],
        ['in/x,"y".csv', "File", "Deleted"],
        ["in/out.csv", "File", "Failed"],
    ]
    assert rows[-1][3].startswith("UserErrorFileAccessDenied: ")
    assert os.path.lexists(bench.files / "in/out.csv")
    assert failure_of(run(bench, FOLDER, enableLogging=True))[0] == "BadRequest"


class Stopping(Cancellation):
    """Stops whoever asks for the ``at``-th time."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def check(self) -> None:
        """Count, and stop."""
        self.left -= 1
        if self.left == 0:
            self.stop(Code.FENCED, "another one took over")
        super().check()


@pytest.mark.parametrize("at", [18, 20, 22])
def test_an_attempt_that_is_done_again_removes_what_was_left_and_nothing_that_came_later(bench: Bench, at: int) -> None:
    """Whoever goes on after a crash counts what the first one removed; a new file with an old name stays."""
    asked: dict[str, Any] = {"recursive": True, "maxConcurrentConnections": 1}
    bench.desk.cancellation = Stopping(at)
    with pytest.raises(Problem, match="took over"):
        run(bench, FOLDER, **asked)
    bench.desk.cancellation = Cancellation()
    left = [name for name in bench.names() if name.startswith("in/") and Path(name).suffix]
    assert 0 < len(left) < 5
    bench.put("in/.b.csv", b"new\n")
    bench.put("in/later.csv", b"later\n")
    again = run(bench, FOLDER, task={"epoch": 2}, **asked)
    assert again.output["filesDeleted"] == 5
    assert bench.names() == ["in", "in/.b.csv", "in/later.csv", "kept.csv"]
    assert run(bench, FOLDER, task={"epoch": 3}, **asked).output["filesDeleted"] == 5
    assert run(bench, FOLDER, task={"attempt": 2}, **asked).output["filesDeleted"] == 2


def test_objects_go_by_prefix_and_the_output_names_the_bucket(bench: Bench, s3: Shelf) -> None:
    """The form that Amazon's store has."""
    for name in ("test/1.csv", "test/deep/2.csv", "tester.csv"):
        s3.put_file(name, b"x")
    bench.amazon(s3)
    where = {"bucketName": BUCKET, "folderPath": "test"}
    outcome = run(bench, where, recursive=True, dataset={"service": "s3"})
    assert told(outcome) == {
        "datasetName": "d",
        "type": "AmazonS3Object",
        "prefix": "test",
        "bucketName": BUCKET,
        "recursive": True,
        "isWildcardUsed": False,
        "maxConcurrentConnections": 4,
        "filesDeleted": 2,
        "executionDuration": 0,
    }
    nowhere = run(bench, {"bucketName": "nowhere"}, recursive=True, dataset={"service": "s3"})
    assert "UserErrorSourceBlobNotExist" in failure_of(nowhere)[1]
