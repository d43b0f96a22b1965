"""A factory that moves data: files into files, files into tables, tables into files; and what has to be in each sink, row by row."""

import csv
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from e2e.house import House
from e2e.pipelines import Factory, activity, expression

FILES = 4
ROWS = 25
"""Rows of each file."""
BATCH = 10
"""Rows that are written to a table at a time: two whole batches and a part of one for each file."""

Json = Any


def reference(name: str, kind: str = "DatasetReference", **parameters: Json) -> dict[str, Json]:
    """Return a reference to a dataset."""
    return {"referenceName": name, "type": kind, **({"parameters": parameters} if parameters else {})}


def copy(
    name: str, source: Mapping[str, Json], sink: Mapping[str, Json], *, after: str | None = None, **settings: Json
) -> dict[str, Json]:
    """Return a Copy: ``source`` and ``sink`` with their datasets under ``of``."""
    ends = [{key: value for key, value in end.items() if key != "of"} for end in (source, sink)]
    made = activity(name, "Copy", after, source=ends[0], sink=ends[1], **settings)
    return {**made, "inputs": [source["of"]], "outputs": [sink["of"]], "policy": {"retry": 0, "timeout": "0.01:00:00"}}


def files(kind: str, folder: str, **more: Json) -> dict[str, Json]:
    """Return a source of all files of a folder."""
    settings = {"type": "FileServerReadSettings", "recursive": True, "wildcardFileName": "*", **more}
    return {
        "type": f"{kind}Source",
        "storeSettings": settings,
        "of": reference(f"{kind.lower()}_folder", folder=folder),
    }


def folder(kind: str, name: str, **more: Json) -> dict[str, Json]:
    """Return a sink that is a folder."""
    settings = {"type": "FileServerWriteSettings"}
    form = {"formatSettings": {"type": f"{kind}WriteSettings", **more}} if more else {}
    return {
        "type": f"{kind}Sink",
        "storeSettings": settings,
        **form,
        "of": reference(f"{kind.lower()}_folder", folder=name),
    }


def table_source(name: str) -> dict[str, Json]:
    """Return a table as a source."""
    return {"type": "AzureSqlSource", "of": reference("table", table=name)}


def table(name: str, **more: Json) -> dict[str, Json]:
    """Return a table as a sink, written a few rows at a time."""
    return {"type": "AzureSqlSink", "writeBatchSize": BATCH, "of": reference("table", table=name), **more}


COPIES: dict[str, dict[str, Json]] = {
    "rows_to_files": copy("Copy", files("DelimitedText", "in"), folder("Parquet", "out")),
    "rows_to_one_file": copy(
        "Copy",
        files("DelimitedText", "in"),
        {
            **folder("DelimitedText", "out", fileExtension=".csv"),
            "storeSettings": {"type": "FileServerWriteSettings", "copyBehavior": "MergeFiles"},
        },
    ),
    "bytes_moved": copy("Copy", files("Binary", "in", deleteFilesAfterCompletion=True), folder("Binary", "out")),
    "append": copy("Copy", files("DelimitedText", "in"), table("taken")),
    # What the expression gives is another instant each time: after a crash the copy is the same all the same.
    "append_as_of_now": copy(
        "Copy", files("DelimitedText", "in", modifiedDatetimeEnd=expression("@addDays(utcnow(), 1)")), table("taken")
    ),
    "append_at_once": copy("Copy", files("DelimitedText", "in"), table("taken", transactional=True)),
    "upsert": copy(
        "Copy",
        files("DelimitedText", "in"),
        table("taken", writeBehavior="upsert", upsertSettings={"useTempDB": True, "keys": ["id"]}),
    ),
    "table_to_files": copy("Copy", table_source("given"), folder("Parquet", "out")),
    "table_to_table": copy("Copy", table_source("given"), table("taken")),
}
"""Copies by what they do. Of each, every row has to be in its sink once."""


def settle(house: House) -> Factory:
    """Return the house's factory with its linked services and datasets, and make the sources: files, and a table with the same rows."""
    house.settings["HEADRACE_EGRESS_ALLOW"] = "127.0.0.1"
    database = house.folder / "data.db"
    house.settings["HEADRACE_DATAFACTORY_DATABASES"] = json.dumps({"database": f"sqlite:///{database}"})
    factory = Factory(house)
    services = {
        "files": {"type": "FileServer", "typeProperties": {"host": str(house.folder / "data")}},
        "database": {"type": "AzureSqlDatabase", "typeProperties": {"server": "nowhere", "database": "any"}},
    }
    for name, properties in services.items():
        factory.ask("PUT", f"/linkedservices/{name}", {"properties": properties})
    for kind in ("DelimitedText", "Parquet", "Binary"):
        text = {"firstRowAsHeader": True} if kind == "DelimitedText" else {}
        location = {"type": "FileServerLocation", "folderPath": {"value": "@dataset().folder", "type": "Expression"}}
        properties = {
            "type": kind,
            "linkedServiceName": reference("files", "LinkedServiceReference"),
            "parameters": {"folder": {"type": "String"}},
            "typeProperties": {"location": location, **text},
        }
        factory.ask("PUT", f"/datasets/{kind.lower()}_folder", {"properties": properties})
    named = {
        "type": "AzureSqlTable",
        "linkedServiceName": reference("database", "LinkedServiceReference"),
        "parameters": {"table": {"type": "String"}},
        "typeProperties": {"table": {"value": "@dataset().table", "type": "Expression"}},
    }
    factory.ask("PUT", "/datasets/table", {"properties": named})
    make_sources(house.folder / "data" / "in", database)
    return factory


def make_sources(place: Path, database: Path) -> None:
    """Write the files below ``place``, and the tables ``given`` (the same rows) and ``taken`` (none)."""
    for number in range(FILES):
        path = place / f"part{number % 2}" / f"file{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("id", "name"))
            writer.writerows(rows_of(number))
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE given (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO given VALUES (?, ?)", [row for n in range(FILES) for row in rows_of(n)])
        # Without a key: a row that comes twice would be there twice.
        connection.execute("CREATE TABLE taken (id INTEGER, name TEXT)")
    connection.close()


def rows_of(number: int) -> list[tuple[int, str]]:
    """Return the rows of a file."""
    return [(number * ROWS + row, f"name, of\n{number}/{row}") for row in range(ROWS)]


def expected() -> Counter[tuple[str, str]]:
    """Return the rows that have to be in every sink."""
    return Counter((str(id_), name) for number in range(FILES) for id_, name in rows_of(number))


def found(house: House, what: str) -> Counter[tuple[str, str]]:
    """Return the rows that are in the sink of a copy."""
    sink = COPIES[what]["outputs"][0]["referenceName"]
    if sink == "table":
        with sqlite3.connect(house.folder / "data.db") as connection:
            rows: Iterable[Sequence[object]] = connection.execute("SELECT id, name FROM taken").fetchall()
        connection.close()
        return Counter((str(id_), str(name)) for id_, name in rows)
    place = house.folder / "data" / "out"
    return Counter(
        row for path in sorted(place.rglob("*")) if path.is_file() for row in _rows_in(path, bytes_only=what)
    )


def _rows_in(path: Path, *, bytes_only: str) -> list[tuple[str, str]]:
    assert not path.name.startswith((".", "~")), f"{path} was left behind by {bytes_only}"
    if path.suffix == ".parquet":
        found_rows = duckdb.connect().execute("SELECT id::VARCHAR, name FROM read_parquet(?)", [str(path)]).fetchall()
        return [(str(id_), str(name)) for id_, name in found_rows]
    with path.open(newline="", encoding="utf-8") as stream:
        _header, *rows = csv.reader(stream)
    return [(id_, name) for id_, name in rows]


def left_in_source(house: House) -> list[str]:
    """Return the names of the files that are in the source still."""
    return sorted(path.name for path in (house.folder / "data" / "in").rglob("*") if path.is_file())
