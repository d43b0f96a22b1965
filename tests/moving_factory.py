"""A factory that moves data, in this process: the real door, the real engine, real files and databases."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from headrace import config
from headrace.api.datafactory.app import make_app
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.doors import make_data_factory_door
from headrace.bootstrap.working import working
from waiting import until

FACTORY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/moving"
EVER = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
FINAL = {"Succeeded", "Failed", "Cancelled"}

Json = Any


@dataclass
class MovingFactory:
    """The factory; ``data`` is the folder that pipelines may read and write, with a linked service ``files`` for it."""

    application: Application
    data: Path
    app: Any

    def ask(self, method: str, path: str, body: Json = None, **query: str) -> httpx.Response:
        """Return the door's answer."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 50000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                asked = {"api-version": "2018-06-01", **query}
                return await client.request(method, FACTORY + path, params=asked, json={} if body is None else body)

        return asyncio.run(send())

    def put(self, path: str, properties: Mapping[str, Json]) -> None:
        """Store a document."""
        answer = self.ask("PUT", f"/{path}", {"properties": properties})
        assert answer.status_code == 200, answer.text

    def service(self, name: str, kind: str, **properties: Json) -> None:
        """Store a linked service."""
        self.put(f"linkedservices/{name}", {"type": kind, "typeProperties": properties})

    def dataset(self, name: str, kind: str, service: str = "files", **properties: Json) -> None:
        """Store a dataset."""
        self.put(
            f"datasets/{name}",
            {
                "type": kind,
                "linkedServiceName": reference(service, "LinkedServiceReference"),
                "typeProperties": properties,
            },
        )

    def files(self, name: str, kind: str, folder: str, file: str = "", **properties: Json) -> None:
        """Store a dataset of files below ``data``."""
        location = {"type": "FileServerLocation", "folderPath": folder, **({"fileName": file} if file else {})}
        self.dataset(name, kind, location=location, **properties)

    def start(self, name: str, parameters: Json = None, **query: str) -> str:
        """Create a run."""
        answer = self.ask("POST", f"/pipelines/{name}/createRun", parameters, **query)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["runId"])

    def ended(self, run_id: str) -> dict[str, Json]:
        """Return the run once it has ended."""

        def final() -> Json:
            found = self.ask("GET", f"/pipelineruns/{run_id}").json()
            return found if found["status"] in FINAL else None

        return dict(until(final, seconds=60, what=f"the end of the run {run_id}"))

    def rows(self, run_id: str) -> dict[str, dict[str, Json]]:
        """Return the newest activity runs of a run by their names."""
        answer = self.ask("POST", f"/pipelineruns/{run_id}/queryActivityruns", EVER)
        return {row["activityName"]: row for row in answer.json()["value"]}

    def run(self, *activities: Mapping[str, Json], name: str = "p", **query: str) -> dict[str, dict[str, Json]]:
        """Store a pipeline, run it to its end, and return its activity runs."""
        self.put(f"pipelines/{name}", {"activities": list(activities)})
        run_id = self.start(name, **query)
        self.ended(run_id)
        return self.rows(run_id)

    def text(self, name: str, text: str) -> None:
        """Write a file below ``data``."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")


def reference(name: str, kind: str = "DatasetReference", **parameters: Json) -> dict[str, Json]:
    """Return a reference."""
    return {"referenceName": name, "type": kind, **({"parameters": parameters} if parameters else {})}


def copy(
    name: str, source: Json, sink: Json, ends: tuple[str, str] = ("source", "sink"), **more: Json
) -> dict[str, Json]:
    """Return a Copy between two datasets."""
    return {
        "name": name,
        "type": "Copy",
        "inputs": [reference(ends[0])],
        "outputs": [reference(ends[1])],
        "typeProperties": {"source": source, "sink": sink, **more},
    }


@contextmanager
def moving_factory(folder: Path, **settings: str) -> Iterator[MovingFactory]:
    """Open an installation in ``folder`` that does runs until the end of the block."""
    data = folder / "data"
    data.mkdir()
    given = {"HEADRACE_FILE_ROOTS": str(data), **settings}
    with open_application(config.load(given, home=folder / "home", directory=folder)) as application:
        app = make_app(make_data_factory_door(application, anonymous=True))
        factory = MovingFactory(application, data, app)
        assert factory.ask("PUT", "", {"location": "here"}).status_code == 200
        factory.service("files", "FileServer", host=str(data))
        with working(application):
            yield factory


def databases(**urls: str) -> str:
    """Return the setting that says which databases stand for linked services."""
    return json.dumps(urls)
