"""What Copies ask for, on a bench with a linked service of each sort."""

from pathlib import Path
from typing import Any

from headrace.activities.datafactory.attempt import Attempt, Refused, Result
from headrace.activities.datafactory.copying.asking import Asked, ask
from headrace.core.outcome import Outcome
from moving_desk import Bench

FILES = {"type": "FileServerLocation", "folderPath": "in"}
BLOBS = {"type": "AzureBlobStorageLocation", "container": "c", "folderPath": "in"}
ACCOUNT = {"connectionString": "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a"}
DATABASE = {"server": "127.0.0.1", "username": "u", "database": "d", "password": "secret-word"}
REST = {"url": "http://127.0.0.1:1/api/", "authenticationType": "Basic", "userName": "u", "password": "secret-word"}
IN, OUT = {"type": "DelimitedTextSource"}, {"type": "DelimitedTextSink"}


def asking_bench(tmp_path: Path) -> Bench:
    """Return a bench with a linked service of each sort."""
    bench = Bench(tmp_path)
    bench.service("blobs", "AzureBlobStorage", **ACCOUNT)
    bench.service("pg", "PostgreSqlV2", **DATABASE)
    bench.service("rest", "RestService", **REST)
    bench.service("http", "HttpServer", url="http://127.0.0.1:1/files", authenticationType="Anonymous")
    bench.dataset("text", FILES, kind="DelimitedText", firstRowAsHeader=True)
    bench.dataset("table", {}, kind="PostgreSqlV2Table", service="pg", schema="s", table="t")
    bench.dataset("items", {}, kind="RestResource", service="rest", relativeUrl="items?x=1")
    return bench


def asked(bench: Bench, source: Any, sink: Any, ends: tuple[str, str] = ("text", "text"), **more: Any) -> Asked:
    """Return what a Copy asks for."""
    found: list[Asked] = []

    def act(attempt: Attempt) -> Result:
        found.append(ask(attempt, bench.moving.connecting, attempt.given()))
        return Outcome({})

    references = [[{"referenceName": name, "type": "DatasetReference"}] for name in ends]
    settings = {"type": "Copy", "inputs": references[0], "outputs": references[1]}
    outcome = bench.desk.act(act, {"source": source, "sink": sink, **more}, path="Load", settings=settings)
    if outcome.failure is not None:
        raise Refused(outcome.failure)
    return found[0]
