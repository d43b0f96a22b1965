"""What GetMetadata tells."""

import os
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.get_metadata import get_metadata
from moving_desk import Bench, told
from pipeline_desk import failure_of
from stores import BUCKET, Shelf


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder with files."""
    made = Bench(tmp_path)
    for name in ("in/b.csv", "in/a.csv", "in/.hidden", "in/deep/c.csv"):
        os.utime(made.put(name), ns=(0, 1_700_000_000_999_000_000))
    return made


def ask(bench: Bench, location: dict[str, Any], *fields: Any, **more: Any) -> Any:
    """Return the outcome for a dataset at ``location``."""
    kind = more.pop("kind", "DelimitedText")
    reference = bench.dataset("d", location, kind=kind, **more.pop("dataset", {}))
    properties = {"dataset": reference, "fieldList": list(fields), **more}
    return bench.desk.act(lambda attempt: get_metadata(attempt, bench.moving), properties)


def test_of_a_file_all_its_fields_are_told_and_no_others(bench: Bench) -> None:
    """The output has the fields that were asked for, as they were written; times have whole seconds."""
    where = {"folderPath": "in", "fileName": "a.csv"}
    outcome = ask(bench, where, "itemName", "itemtype", "size", "lastModified", "exists", {"name": "x", "value": [1]})
    assert outcome.failure is None
    assert told(outcome) == {
        "itemName": "a.csv",
        "itemtype": "File",
        "size": 8,
        "lastModified": "2023-11-14T22:13:20Z",
        "exists": True,
        "x": [1],
    }
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", ask(bench, where, "created").output["created"])
    assert told(ask(bench, where)) == {}


def test_of_a_folder_its_children_are_told_by_name(bench: Bench) -> None:
    """Hidden names like any other; with a time only files of that time."""
    outcome = ask(bench, {"folderPath": "in"}, "childItems", "itemType", "itemName")
    assert told(outcome) == {
        "childItems": [
            {"name": ".hidden", "type": "File"},
            {"name": "a.csv", "type": "File"},
            {"name": "b.csv", "type": "File"},
            {"name": "deep", "type": "Folder"},
        ],
        "itemType": "Folder",
        "itemName": "in",
    }
    os.utime(bench.files / "in/b.csv", ns=(0, 1_800_000_000_000_000_000))
    settings = {"modifiedDatetimeStart": "2023-11-14T22:13:20Z", "modifiedDatetimeEnd": "2024-01-01T00:00:00Z"}
    outcome = ask(bench, {"folderPath": "in"}, "childItems", storeSettings=settings)
    assert [child["name"] for child in outcome.output["childItems"]] == [".hidden", "a.csv"]


def test_what_is_not_there_fails_unless_it_is_asked_whether_it_exists(bench: Bench) -> None:
    """A wildcard is a name like any other, and so not there; a folder is no file."""
    for where in ({"fileName": "none.csv"}, {"folderPath": "in", "fileName": "*.csv"}, {"fileName": "in"}):
        code, message = failure_of(ask(bench, where, "size"))
        assert code == "2011"
        assert "UserErrorFileNotFound" in message
        assert told(ask(bench, where, "size", "exists")) == {"exists": False}


def test_columns_of_tabular_files_are_told(bench: Bench) -> None:
    """With a header by its names, without by number; the format settings of the activity count."""
    where = {"folderPath": "in", "fileName": "a.csv"}
    outcome = ask(bench, where, "structure", "columnCount", dataset={"firstRowAsHeader": True})
    assert told(outcome) == {
        "structure": [{"name": "a", "type": "String"}, {"name": "b", "type": "String"}],
        "columnCount": 2,
    }
    assert ask(bench, where, "structure").output["structure"][1] == {"name": "Prop_1", "type": "String"}
    bench.put("in/a.csv", b"about\nx,y,z\n")
    settings = {"type": "DelimitedTextReadSettings", "skipLineCount": 1}
    outcome = ask(bench, where, "columnCount", formatSettings=settings, dataset={"firstRowAsHeader": True})
    assert told(outcome) == {"columnCount": 3}
    assert [path for path in (bench.home / "own/work").rglob("*") if path.is_file()] == []


def test_columns_of_a_table_are_told_with_their_types(bench: Bench) -> None:
    """A table that is not there fails, or does not exist."""
    with closing(sqlite3.connect(bench.files / "x.db")) as database:
        database.execute("CREATE TABLE t (id INTEGER, name TEXT, price DOUBLE)")
    connecting = replace(bench.moving.connecting, databases={"sql": f"sqlite:///{bench.files}/x.db"})
    moving = replace(bench.moving, connecting=connecting)
    bench.service("sql", "AzureSqlDatabase", server="s", database="d")

    def look(table: str, *fields: str) -> Any:
        reference = bench.dataset("t", {}, kind="AzureSqlTable", service="sql", table=table)
        properties = {"dataset": reference, "fieldList": list(fields)}
        return bench.desk.act(lambda attempt: get_metadata(attempt, moving), properties)

    assert told(look("t", "structure", "columnCount", "exists")) == {
        "structure": [
            {"name": "id", "type": "Int64"},
            {"name": "name", "type": "String"},
            {"name": "price", "type": "Double"},
        ],
        "columnCount": 3,
        "exists": True,
    }
    assert told(look("none", "structure", "exists")) == {"exists": False}
    assert "SqlOperationFailed" in failure_of(look("none", "structure"))[1]
    assert failure_of(look("t", "size"))[0] == "BadRequest"


@pytest.mark.parametrize(
    ("location", "field", "kind", "said"),
    [
        ({"folderPath": "in", "fileName": "a.csv"}, "childItems", "Binary", "ask for it of a folder"),
        ({"folderPath": "in"}, "size", "Binary", "ask for it of a file"),
        ({"folderPath": "in"}, "structure", "DelimitedText", "ask for it of a file"),
        ({"folderPath": "in", "fileName": "a.csv"}, "contentMD5", "Binary", "does not know it"),
        ({"folderPath": "in", "fileName": "a.csv"}, "structure", "Json", "other than JSON and XML"),
        ({"folderPath": "in", "fileName": "a.csv"}, "columnCount", "Binary", "no columns"),
        ({"folderPath": "in", "fileName": "a.csv"}, "colour", "Binary", "none of itemName"),
    ],
)
def test_what_cannot_be_told_fails_with_what_can(
    bench: Bench, location: dict[str, Any], field: str, kind: str, said: str
) -> None:
    """Rather than a null that nobody expects."""
    code, message = failure_of(ask(bench, location, field, kind=kind))
    assert code == "BadRequest"
    assert said in message


def test_a_place_out_of_the_roots_is_denied(bench: Bench) -> None:
    """Whatever the linked service says."""
    bench.service("disk", "FileServer", host="/etc")
    outcome = ask(bench, {"fileName": "passwd"}, "exists")
    assert "UserErrorFileAccessDenied" in failure_of(outcome)[1]
    (bench.files / "out").symlink_to("/etc")
    bench.service("disk", "FileServer", host=str(bench.files))
    assert "UserErrorFileAccessDenied" in failure_of(ask(bench, {"folderPath": "out"}, "childItems"))[1]


def test_objects_and_their_folders_are_told_and_a_bucket_may_be_missing(bench: Bench, s3: Shelf) -> None:
    """A folder of keys has no time, and this store no digest of its own."""
    s3.put_file("told/a.csv", b"x")
    s3.put_file("told/deep/b.csv", b"x")
    bench.amazon(s3)
    where = {"bucketName": BUCKET, "folderPath": "told"}
    on_s3: dict[str, Any] = {"dataset": {"service": "s3"}}
    assert told(ask(bench, where, "childItems", "itemName", **on_s3)) == {
        "childItems": [{"name": "a.csv", "type": "File"}, {"name": "deep", "type": "Folder"}],
        "itemName": "told",
    }
    assert told(ask(bench, {**where, "fileName": "a.csv"}, "size", "exists", **on_s3)) == {"size": 1, "exists": True}
    assert "does not know it" in failure_of(ask(bench, where, "lastModified", **on_s3))[1]
    assert "does not know it" in failure_of(ask(bench, {**where, "fileName": "a.csv"}, "contentMD5", **on_s3))[1]
    nowhere = {"bucketName": "nowhere"}
    assert told(ask(bench, nowhere, "exists", **on_s3)) == {"exists": False}
    assert "UserErrorSourceBlobNotExist" in failure_of(ask(bench, nowhere, "itemName", **on_s3))[1]
    assert told(ask(bench, {"bucketName": BUCKET}, "itemName", "itemType", **on_s3)) == {
        "itemName": BUCKET,
        "itemType": "Folder",
    }


def test_an_output_that_is_too_long_fails(bench: Bench) -> None:
    """4 MB are the most that an attempt may give."""
    for number in range(100):
        bench.put(f"many/{number:03}")
    properties = {"dataset": bench.dataset("d", {"folderPath": "many"}), "fieldList": ["childItems"]}

    def act(attempt: Attempt) -> Result:
        attempt.max_payload = 2000
        return get_metadata(attempt, bench.moving)

    assert failure_of(bench.desk.act(act, properties))[0] == "2001"
