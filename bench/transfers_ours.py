"""Copy activities of the Data Factory door, over HTTP against ``headrace serve`` with one worker, on SQLite. Prints one JSON object.

python -m bench.transfers_ours MEASURE CSV FOLDER POSTGRES-URL
"""

import itertools
import json
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bench.pipelines_ours import Door, served

Document = Mapping[str, object]


def documents(folder: str, url: str) -> list[tuple[str, Document]]:
    """Return linked services and datasets: files of ``folder``, and the table ``orders`` in ``url`` (and one to be written)."""
    parts = urlsplit(url)
    files = {"referenceName": "files", "type": "LinkedServiceReference"}
    database = {"referenceName": "database", "type": "LinkedServiceReference"}
    server = {
        "server": parts.hostname,
        "port": parts.port,
        "username": parts.username,
        "database": parts.path.strip("/"),
        "authenticationType": "Basic",
        "sslMode": 0,
    }

    def at(kind: str, **more: object) -> Document:
        location = {"type": "FileServerLocation", "fileName": {"value": "@dataset().file", "type": "Expression"}}
        return {
            "type": kind,
            "linkedServiceName": files,
            "parameters": {"file": {"type": "String"}},
            "typeProperties": {"location": location, **more},
        }

    return [
        ("linkedservices/files", {"type": "FileServer", "typeProperties": {"host": folder}}),
        ("linkedservices/database", {"type": "PostgreSqlV2", "typeProperties": server}),
        ("datasets/csv", at("DelimitedText", firstRowAsHeader=True, escapeChar='"')),
        ("datasets/parquet", at("Parquet")),
        *(
            (
                f"datasets/{name}",
                {
                    "type": "PostgreSqlV2Table",
                    "linkedServiceName": database,
                    "typeProperties": {"schema": "public", "table": name},
                },
            )
            for name in ("orders", "copied")
        ),
    ]


READ_FILES = {"storeSettings": {"type": "FileServerReadSettings", "recursive": False}}
WRITE_FILES = {"storeSettings": {"type": "FileServerWriteSettings"}}
CSV_SOURCE = {"type": "DelimitedTextSource", **READ_FILES}
PARQUET_SINK = {"type": "ParquetSink", **WRITE_FILES}
TYPES = {
    "id": "Int64",
    "name": "String",
    "amount": "Decimal",
    "quantity": "Int32",
    "created_at": "DateTime",
    "day": "DateTime",
    "active": "Boolean",
    "ratio": "Double",
}
TYPED = {
    "type": "TabularTranslator",
    "mappings": [
        {
            "source": {"name": name},
            "sink": {"name": name, "type": kind, **({"precision": 12, "scale": 2} if kind == "Decimal" else {})},
        }
        for name, kind in TYPES.items()
    ],
}


def copies(csv: str) -> dict[str, Document]:
    """Return the Copy activities that are measured, by name."""

    def one(source: Document, sink: Document, given: str, taken: str, **more: object) -> Document:
        files = {"csv": csv, "parquet": "written.parquet"}

        def reference(name: str) -> Document:
            parameters = {"parameters": {"file": files[name]}} if name in files else {}
            return {"referenceName": name, "type": "DatasetReference", **parameters}

        return {
            "name": "Copy",
            "type": "Copy",
            "inputs": [reference(given)],
            "outputs": [reference(taken)],
            "typeProperties": {"source": source, "sink": sink, **more},
        }

    query = {"type": "PostgreSqlV2Source"}
    table = {"type": "PostgreSqlV2Sink"}
    return {
        "csv_parquet": one(CSV_SOURCE, PARQUET_SINK, "csv", "parquet"),
        "csv_parquet_typed": one(CSV_SOURCE, PARQUET_SINK, "csv", "parquet", translator=TYPED),
        "postgres_parquet": one(query, PARQUET_SINK, "orders", "parquet"),
        "csv_postgres": one(CSV_SOURCE, table, "csv", "copied"),
    }


def measure(door: Door, name: str, csv: Path, url: str) -> dict[str, float]:
    """Run one copy; return its seconds, rows and the worker's peak of memory."""
    for path, properties in documents(str(csv.parent), url):
        door.ask("PUT", f"/{path}", {"properties": properties})
    # The first copy of a worker loads what copies need; DuckDB alone is measured when it is loaded, too.
    small = csv.with_name("orders-small.csv")
    with csv.open(encoding="utf-8") as whole:
        small.write_text("".join(itertools.islice(whole, 1_000)), encoding="utf-8")
    door.put("warm", [copies(small.name)["csv_parquet"]])
    door.ended(door.run("warm"))
    door.put("copy", [copies(csv.name)[name]])
    run_id = door.run("copy")
    while door.ask("GET", f"/pipelineruns/{run_id}")["status"] not in {"Succeeded", "Failed"}:
        time.sleep(0.05)
    window = {"lastUpdatedAfter": "2020-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
    row = door.ask("POST", f"/pipelineruns/{run_id}/queryActivityruns", window)["value"][0]
    if row["status"] != "Succeeded":
        raise RuntimeError(json.dumps(row, indent=1))
    return {
        "seconds": row["durationInMs"] / 1000,
        "rows": row["output"]["rowsCopied"],
        "peak_mb": _peak_mb(door.pid),
    }


def _peak_mb(pid: int) -> float:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    peaks = (
        re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{child}/status").read_text(encoding="ascii")) for child in children
    )
    return max(int(found[1]) / 1024 for found in peaks if found)


def main() -> None:
    """Serve a fresh home, make a factory, and measure what the arguments name."""
    name, csv, url = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    with served(HEADRACE_FILE_ROOTS=str(csv.parent), HEADRACE_EGRESS_ALLOW="127.0.0.1") as door:
        print(json.dumps(measure(door, name, csv, url)))


if __name__ == "__main__":
    main()
