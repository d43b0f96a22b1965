"""Copy, Lookup, Script and procedures through the real door and the real engine."""

import sqlite3
from collections.abc import Iterator

import duckdb
import pytest

from headrace.service.quarantine import list_files, rejected_rows
from headrace.store import batches
from headrace.store.batches import BatchQuery
from moving_factory import MovingFactory, copy, databases, moving_factory, reference

DELIMITED = {"type": "DelimitedTextSource", "storeSettings": {"type": "FileServerReadSettings", "recursive": True}}
TO_DELIMITED = {
    "type": "DelimitedTextSink",
    "storeSettings": {"type": "FileServerWriteSettings"},
    "formatSettings": {"type": "DelimitedTextWriteSettings", "fileExtension": ".csv"},
}
TO_PARQUET = {"type": "ParquetSink", "storeSettings": {"type": "FileServerWriteSettings"}}


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MovingFactory]:
    """Return a factory with a database of its own, which stands for one in Azure."""
    folder = tmp_path_factory.mktemp("moving")
    urls = databases(**{"sql.example": f"sqlite:///{folder}/data/sales.db"})
    with moving_factory(folder, HEADRACE_DATAFACTORY_DATABASES=urls) as factory:
        factory.service("sales", "AzureSqlDatabase", server="sql.example", database="sales", userName="u")
        yield factory


@pytest.fixture
def sales(factory: MovingFactory) -> Iterator[sqlite3.Connection]:
    """Return the database."""
    connection = sqlite3.connect(factory.data / "sales.db")
    yield connection
    connection.close()


def test_files_are_copied_to_files_and_the_output_tells_all(factory: MovingFactory) -> None:
    """Rows and their values are the same on the other side, under the same names; the figures are true."""
    for number in range(3):
        factory.text(f"in/f{number}.csv", f"id,name\n{number},n{number}\n{number + 10},\n")
    factory.files("source", "DelimitedText", "in", firstRowAsHeader=True)
    factory.files("sink", "DelimitedText", "out", firstRowAsHeader=True)
    row = factory.run(copy("Copy", DELIMITED, TO_DELIMITED))["Copy"]
    assert (row["status"], row["error"]["message"]) == ("Succeeded", "")
    output = row["output"]
    assert {name: output[name] for name in ("filesRead", "filesWritten", "rowsRead", "rowsCopied")} == {
        "filesRead": 3,
        "filesWritten": 3,
        "rowsRead": 6,
        "rowsCopied": 6,
    }
    assert output["dataRead"] == sum(path.stat().st_size for path in (factory.data / "in").iterdir())
    assert output["dataWritten"] == sum(path.stat().st_size for path in (factory.data / "out").iterdir())
    assert "rowsSkipped" not in output
    assert output["errors"] == []
    assert [output["executionDetails"][0][end] for end in ("source", "sink")] == [{"type": "FileServer"}] * 2
    assert (factory.data / "out" / "f1.csv").read_bytes() == b"id,name\r\n1,n1\r\n11,\r\n"
    assert row["input"]["source"] == DELIMITED


def test_faulty_rows_are_left_out_told_of_and_kept(factory: MovingFactory, sales: sqlite3.Connection) -> None:
    """A value that does not convert, a row of too many cells and a key that is there: counted, logged, and in the quarantine, to be downloaded."""
    sales.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER)")
    sales.commit()
    factory.text("orders/a.csv", "id,amount\n1,10\n2,many\n3,30,40\n1,50\n4,60\n")
    factory.files("orders", "DelimitedText", "orders", firstRowAsHeader=True)
    factory.dataset("table", "AzureSqlTable", "sales", tableName="orders")
    log = {"linkedServiceName": reference("files", "LinkedServiceReference"), "path": "logs"}
    activity = copy(
        "Load",
        DELIMITED,
        {"type": "AzureSqlSink"},
        ("orders", "table"),
        enableSkipIncompatibleRow=True,
        logSettings={"enableCopyActivityLog": True, "logLocationSettings": log},
    )
    row = factory.run(activity)["Load"]
    assert (row["status"], row["error"]["message"]) == ("Succeeded", "")
    output = row["output"]
    assert (output["rowsRead"], output["rowsCopied"], output["rowsSkipped"]) == (5, 2, 3)
    assert output["logFilePath"] == f"logs/copyactivity-logs/Load/{row['activityRunId']}/"
    (file,) = (factory.data / output["logFilePath"]).iterdir()
    told = file.read_text(encoding="utf-8")
    assert told.count("TabularRowSkip") == 3
    assert "UserErrorInvalidDataValue" in told
    assert sales.execute("SELECT id, amount FROM orders ORDER BY id").fetchall() == [(1, 10), (4, 60)]
    application = factory.application
    with application.database.reading() as tx:
        (batch,) = batches.page(tx, BatchQuery(has_rejects=True), limit=5, cursor=None).items
    assert (batch.run_id, batch.path, batch.figures.rows_rejected) == (row["pipelineRunId"], "Load", 3)
    kept = list(rejected_rows(application.database, application.roots, None, batch.id))
    assert len(kept) == 3
    assert list_files(application.database, application.roots, None, batch.id)


def test_a_table_is_copied_to_files_in_parts(factory: MovingFactory, sales: sqlite3.Connection) -> None:
    """Ranges of a column become slices; every row is in one file of the folder."""
    sales.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, label TEXT)")
    sales.executemany("INSERT INTO events VALUES (?, ?)", [(number, f"t{number}") for number in range(100)])
    sales.commit()
    factory.dataset("events", "AzureSqlTable", "sales", schema="main", table="events")
    factory.files("parts", "Parquet", "parts")
    source = {
        "type": "AzureSqlSource",
        "partitionOption": "DynamicRange",
        "partitionSettings": {"partitionColumnName": "id"},
    }
    row = factory.run(copy("Read", source, TO_PARQUET, ("events", "parts"), parallelCopies=2))["Read"]
    assert (row["status"], row["error"]["message"]) == ("Succeeded", "")
    output = row["output"]
    assert (output["rowsRead"], output["rowsCopied"], output["usedParallelCopies"]) == (100, 100, 2)
    assert "filesRead" not in output
    found = duckdb.execute(
        "SELECT id, label FROM read_parquet(?) ORDER BY id", [f"{factory.data}/parts/*.parquet"]
    ).fetchall()
    assert found == [(number, f"t{number}") for number in range(100)]


def test_a_recovery_copies_the_files_that_are_missing(factory: MovingFactory) -> None:
    """What the failed run has finished stays as it is, untouched; the figures are those of the whole copy."""
    for number in range(3):
        factory.text(f"again/f{number}.csv", f"id,n\n{number},{number}\n")
    factory.text("again/f1.csv", "id,n\n1,1,1\n")
    factory.files("again", "DelimitedText", "again", firstRowAsHeader=True)
    factory.files("done", "Parquet", "done")
    activity = copy("Copy", DELIMITED, TO_PARQUET, ("again", "done"), parallelCopies=1)
    failed = factory.run(activity, name="again")["Copy"]
    assert failed["status"] == "Failed"
    assert failed["error"]["errorCode"] == "2200"
    assert failed["error"]["failureType"] == "UserError"
    expected = (
        "Failure happened on 'Source' side. ErrorCode=DelimitedTextMoreColumnsThanDefined,'Type=Microsoft.DataTransfer."
    )
    assert failed["error"]["message"].startswith(expected)
    assert "f1.csv" in failed["error"]["message"]
    assert failed["output"]["errors"][0]["Message"] == failed["error"]["message"]
    written = {path.name: path.stat().st_mtime_ns for path in (factory.data / "done").iterdir()}
    assert written
    factory.text("again/f1.csv", "id,n\n1,1\n")
    query = {"referencePipelineRunId": failed["pipelineRunId"], "isRecovery": "true", "startFromFailure": "true"}
    run_id = factory.start("again", **query)
    factory.ended(run_id)
    row = factory.rows(run_id)["Copy"]
    assert (row["status"], row["error"]["message"]) == ("Succeeded", "")
    assert (row["output"]["filesRead"], row["output"]["rowsCopied"]) == (3, 3)
    now = {path.name: path.stat().st_mtime_ns for path in (factory.data / "done").iterdir()}
    assert sorted(now) == ["f0.parquet", "f1.parquet", "f2.parquet"]
    assert {name: now[name] for name in written} == written


def test_a_lookup_gives_rows_and_a_script_runs(factory: MovingFactory, sales: sqlite3.Connection) -> None:
    """A high-water mark is read, used by expressions, and moved on: types are kept, and what was affected is counted."""
    sales.executescript(
        "CREATE TABLE marks (name TEXT, mark INTEGER, rate NUMERIC, bytes BLOB); INSERT INTO marks VALUES ('a', 5, 1.5, x'00ff')"
    )
    factory.dataset("marks", "AzureSqlTable", "sales", tableName="marks")
    service = reference("sales", "LinkedServiceReference")
    look = {
        "name": "Old",
        "type": "Lookup",
        "typeProperties": {
            "dataset": reference("marks"),
            "source": {"type": "AzureSqlSource", "sqlReaderQuery": "SELECT name, mark, bytes FROM marks"},
        },
    }
    move = {
        "name": "Move",
        "type": "Script",
        "linkedServiceName": service,
        "dependsOn": [{"activity": "Old", "dependencyConditions": ["Succeeded"]}],
        "typeProperties": {
            "scripts": [
                {"type": "NonQuery", "text": "UPDATE marks SET mark = @{add(activity('Old').output.firstRow.mark, 1)}"},
                {"type": "Query", "text": "SELECT mark FROM marks"},
            ]
        },
    }
    rows = factory.run(look, move, name="marks")
    assert [(name, row["status"], row["error"]["message"]) for name, row in sorted(rows.items())] == [
        ("Move", "Succeeded", ""),
        ("Old", "Succeeded", ""),
    ]
    assert rows["Old"]["output"]["firstRow"] == {"name": "a", "mark": 5, "bytes": "AP8="}
    output = rows["Move"]["output"]
    assert output["resultSets"] == [{"rowCount": 1, "rows": [{"mark": 6}]}]
    assert (output["resultSetCount"], output["recordsAffected"], output["outputTruncated"]) == (1, 1, False)
    assert output["effectiveIntegrationRuntime"] == "DefaultIntegrationRuntime (Local)"


def test_rows_of_files_are_looked_up(factory: MovingFactory) -> None:
    """Cells of text are strings; all rows come with their count, and a file without rows gives no first one."""
    factory.text("list/all.csv", "id,name\n1,a\n2,\n")
    factory.text("list/none.csv", "id,name\n")

    def look(name: str, file: str, *, first: bool) -> dict[str, object]:
        factory.files(f"list_{name}", "DelimitedText", "list", file, firstRowAsHeader=True)
        given = {"dataset": reference(f"list_{name}"), "source": DELIMITED, "firstRowOnly": first}
        return {"name": name, "type": "Lookup", "typeProperties": given}

    factory.text("list/deep.json", f'{{"a": {"[" * 5000}{"]" * 5000}}}')
    factory.files("list_deep", "Json", "list", "deep.json")
    deep = {"dataset": reference("list_deep"), "source": {"type": "JsonSource"}}
    factory.text("list/wide.csv", "a\n" + f"{'x' * 1_000_000}\n" * 70)
    looks = (
        look("Wide", "wide.csv", first=False),
        look("All", "all.csv", first=False),
        look("None", "none.csv", first=True),
    )
    rows = factory.run(*looks, {"name": "Deep", "type": "Lookup", "typeProperties": deep}, name="list")
    assert "more than 67,108,864 bytes" in rows["Wide"]["error"]["message"]
    assert "deep.json' has an object with objects in one another that is too deep" in rows["Deep"]["error"]["message"]
    assert rows["All"]["error"]["message"] == ""
    output = rows["All"]["output"]
    assert (output["count"], output["value"]) == (2, [{"id": "1", "name": "a"}, {"id": "2", "name": None}])
    assert rows["None"]["status"] == "Succeeded"
    assert "firstRow" not in rows["None"]["output"]
