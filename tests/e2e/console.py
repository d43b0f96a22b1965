"""An installation with a console, for a browser: ``headrace serve`` with its gates closed, a run that left rows behind, and who may come in."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from headrace import config
from headrace.bootstrap.application import open_application
from headrace.core.client import Role
from headrace.service.clients import ClientRequest, create_client
from servers import free_port
from waiting import until

HEADRACE = str(Path(sys.executable).with_name("headrace"))
FACTORY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/mill"
_VERSION = {"api-version": "2018-06-01"}
_FLOW = """
name: customers
source: {files: customers.csv}
mapping: {id: to_integer(id), name: name, points: to_integer(points)}
target:
  table: customers
  schema:
    id: {type: integer, required: true}
    name: {type: string}
    points: {type: integer, required: true, minimum: 0}
  rejects: {at_most: 60%}
"""
_ROWS = "id,name,points\n1,Ann,7\n2,Bob,many\n3,Cid,-4\n4,Dee,9\n"


@dataclass(frozen=True)
class Person:
    """Somebody who may come in."""

    id: str
    secret: str


@dataclass(frozen=True)
class ConsoleHouse:
    """A server that runs, the folder that its pipelines read, and who may come in."""

    base: str
    folder: Path
    files: Path
    operator: Person
    reader: Person
    environment: Mapping[str, str]

    @property
    def log(self) -> str:
        """Return what the server wrote."""
        return (self.folder / "server.log").read_text()

    def run_pipeline(self) -> str:
        """Run the pipeline ``nightly``; return the run's id."""
        answer = httpx.post(f"{self.base}{FACTORY}/pipelines/nightly/createRun", params=_VERSION, timeout=30)
        return str(answer.raise_for_status().json()["runId"])

    def ended(self, run_id: str) -> str:
        """Return the pipeline run's status when it has ended."""

        def status() -> str:
            answer = httpx.get(f"{self.base}{FACTORY}/pipelineruns/{run_id}", params=_VERSION, timeout=30)
            found = str(answer.raise_for_status().json()["status"])
            return found if found in {"Succeeded", "Failed", "Cancelled"} else ""

        return until(status, seconds=60, what="the end of the pipeline's run", every=0.1)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the home."""
        return subprocess.run(
            [HEADRACE, *arguments],
            env=dict(self.environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@contextmanager
def console_house(folder: Path) -> Iterator[ConsoleHouse]:
    """Serve from ``folder`` until the end of the block. The flow ``customers`` has run and left two rows behind."""
    files = folder / "files"
    (files / "inbox").mkdir(parents=True)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HEADRACE_")},
        "HEADRACE_HOME": str(folder / "home"),
        "HEADRACE_FILE_ROOTS": str(files),
    }
    (folder / "customers.yaml").write_text(_FLOW)
    (folder / "customers.csv").write_text(_ROWS)
    first = subprocess.run(
        [HEADRACE, "run", "customers.yaml"], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert first.returncode == 2, first.stdout + first.stderr
    people = _people(environment, folder)
    base = f"http://127.0.0.1:{free_port()}"
    with (folder / "server.log").open("wb") as log:
        command = [HEADRACE, "serve", "--port", base.rpartition(":")[2], "--workers", "1"]
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        until(lambda: _answers(base), seconds=60, what="the server's first answer", every=0.1)
        house = ConsoleHouse(base, folder, files, people[0], people[1], environment)
        _define(house)
        yield house
    finally:
        process.terminate()
        process.wait(60)


def _people(environment: Mapping[str, str], folder: Path) -> list[Person]:
    asked = (ClientRequest(name="Olga", role=Role.OPERATOR), ClientRequest(name="Rita", role=Role.READER))
    with open_application(config.load(environment, directory=folder)) as app:
        made = [create_client(app.database, request, app.clock, app.ids) for request in asked]
    return [Person(one.client.id, one.secret) for one in made]


def _answers(base: str) -> bool:
    try:
        return httpx.get(base + "/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _define(house: ConsoleHouse) -> None:
    """Make the pipeline: it copies a file, waits a little, and copies another one, which is not there yet."""
    (house.files / "inbox" / "people.csv").write_text("id\n1\n")
    _put(house, "", {"location": "local", "properties": {}})
    _put(house, "/linkedservices/files", {"type": "FileServer", "typeProperties": {"host": str(house.files)}})
    for name, folder, file in (
        ("people", "inbox", "people.csv"),
        ("orders", "inbox", "orders.csv"),
        ("archive", "archive", ""),
    ):
        location = {"type": "FileServerLocation", "folderPath": folder, **({"fileName": file} if file else {})}
        dataset = {"type": "Binary", "typeProperties": {"location": location}}
        _put(house, f"/datasets/{name}", dataset | {"linkedServiceName": _refers("files", "LinkedServiceReference")})
    settle = {
        "name": "Settle",
        "type": "Wait",
        "dependsOn": _after("Fetch"),
        "typeProperties": {"waitTimeInSeconds": 2},
    }
    _put(
        house,
        "/pipelines/nightly",
        {"activities": [_copy("Fetch", "people"), settle, _copy("Load", "orders", "Settle")]},
    )


def _copy(name: str, source: str, *after: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "Copy",
        "dependsOn": _after(*after),
        "inputs": [_refers(source, "DatasetReference")],
        "outputs": [_refers("archive", "DatasetReference")],
        "typeProperties": {"source": {"type": "BinarySource"}, "sink": {"type": "BinarySink"}},
    }


def _after(*names: str) -> list[dict[str, Any]]:
    return [{"activity": name, "dependencyConditions": ["Succeeded"]} for name in names]


def _refers(name: str, kind: str) -> dict[str, str]:
    return {"referenceName": name, "type": kind}


def _put(house: ConsoleHouse, path: str, document: Mapping[str, Any]) -> None:
    body = dict(document) if not path else {"properties": document}
    answer = httpx.put(house.base + FACTORY + path, params=_VERSION, content=json.dumps(body), timeout=30)
    assert answer.status_code in {200, 201}, answer.text
