"""The door on a real ledger behind a real server on loopback, and a client that speaks its dialect."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from fakes import CountingIds, ManualClock
from headrace.api.flowservice.app import make_app
from headrace.api.flowservice.door import FlowServiceDoor
from headrace.bootstrap.answering import Desk
from headrace.bootstrap.language import mapping_language
from headrace.dataplane.landing_zone import folder_of
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from headrace.service.connections import resolve
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk
from headrace.store.database import Database
from waiting import until

HTTP = httpx.Client(verify=False, trust_env=False, timeout=30)  # noqa: S501 — plain HTTP on loopback
HEADERS = {
    "authorization": "Bearer t",
    "x-api-key": "key",
    "x-gw-ims-org-id": "acme@AdobeOrg",
    "x-sandbox-name": "prod",
}
FS = "/data/foundation/flowservice"
LOCAL_FILES = "6f0b0c1e-2f5c-4b7e-9d55-0a1a5f3c7e01"
POSTGRE_SQL = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
FILE_FLOW = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
TABLE_FLOW = "14518937-270c-4525-bdec-c2ba7cce3860"


@pytest.fixture(scope="session", autouse=True)
def _closed_connections() -> Iterator[None]:
    """Close the connections of all tests at their end."""
    yield
    HTTP.close()


@dataclass
class Client:
    """A client of the door."""

    base: str
    files: Path
    clock: ManualClock
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Return the answer; a name in ``headers`` has ``_`` for ``-``."""
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = self.base + (path if path.startswith(("/data", "/ims")) else FS + path)
        content = None if body is None else json.dumps(body)
        if body is not None:
            given.setdefault("content-type", "application/json")
        return HTTP.request(method, url, headers=given, content=content)

    def one(self, path: str) -> dict[str, Any]:
        """Return the one entity at ``path``."""
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["items"][0])

    def make(self, path: str, body: Any) -> str:
        """Return the id of what a POST of ``body`` made."""
        answer = self("POST", path, body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def serve(app: Any) -> Iterator[str]:
    """Serve ``app`` on a free port of loopback; yield where."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, seconds=20, what="the server's start")
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def make_door(sqlite_database: Database, tmp_path: Path, clock: ManualClock) -> Callable[..., FlowServiceDoor]:
    """Return what makes a door on a fresh ledger; keywords overrule."""
    ids = CountingIds()
    sealer = Sealer([b"k" * 32])
    files = tmp_path / "files"
    files.mkdir()
    zone = tmp_path / "landing-zone"
    roots = Roots(tmp_path / "landing", tmp_path / "lake", tmp_path / "quarantine", tmp_path / "work", (files,))
    roots.make()

    def make(**given: Any) -> FlowServiceDoor:
        values = {
            "database": sqlite_database,
            "clock": clock,
            "ids": ids,
            "sealer": sealer,
            "tokens": TokenDesk(sqlite_database, sealer, clock, ids),
            "roots": roots,
            "outcome_lost": lambda _row: "",
            "explore": Desk(
                roots,
                lambda scope: replace(roots, file_roots=(files, folder_of(zone, scope))),
                lambda scope, subject: resolve(sqlite_database, scope, subject, sealer),
                Limits(),
                mapping_language(),
            ),
            "landing_zone": zone,
            "dev": True,
        }
        return FlowServiceDoor(**{**values, **given})

    return make


@pytest.fixture
def client(make_door: Callable[..., FlowServiceDoor], tmp_path: Path, clock: ManualClock) -> Iterator[Client]:
    """Return a client of a door in development mode."""
    for base in serve(make_app(make_door())):
        yield Client(base, tmp_path / "files", clock)


def make_schema(client: Client) -> str:
    """Return the ``$id`` of a new schema of leads."""
    properties = {
        "_id": {"type": "string"},
        "email": {"type": "string", "format": "email"},
        "age": {"type": "integer", "meta:xdmType": "int", "minimum": 0},
    }
    body = {"type": "object", "title": "Leads", "allOf": [], "properties": properties, "required": ["_id"]}
    answer = client("POST", "/data/foundation/schemaregistry/tenant/schemas", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["$id"])


def make_ends(client: Client) -> dict[str, str]:
    """Return the ids of a schema, dataset, mapping set, connection, source and target for files."""
    schema = make_schema(client)
    ref = {"id": schema, "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    dataset = client("POST", "/data/foundation/catalog/dataSets", {"name": "Leads", "schemaRef": ref})
    assert dataset.status_code == 201, dataset.text
    dataset_id = dataset.json()[0].removeprefix("@/dataSets/")
    mappings = [
        {"sourceType": "ATTRIBUTE", "source": "Id", "destination": "_id"},
        {"sourceType": "EXPRESSION", "source": "lower(Email)", "destination": "email"},
        {"sourceType": "ATTRIBUTE", "source": "Age", "destination": "age"},
    ]
    body = {"name": "m", "outputSchema": {"schemaRef": ref}, "mappings": mappings}
    mapping = client("POST", "/data/foundation/conversion/mappingSets", body)
    assert mapping.status_code == 200, mapping.text
    auth = {"specName": "Directory", "params": {"rootPath": str(client.files)}}
    spec = {"id": LOCAL_FILES, "version": "1.0"}
    base = client.make("/connections", {"name": "files", "auth": auth, "connectionSpec": spec})
    source = client.make(
        "/sourceConnections",
        {
            "name": "leads",
            "baseConnectionId": base,
            "connectionSpec": spec,
            "data": {"format": "delimited"},
            "params": {"path": "leads.csv", "type": "file"},
        },
    )
    target = client.make("/targetConnections", target_body(schema, dataset_id))
    return {
        "schema": schema,
        "dataset": dataset_id,
        "mapping": mapping.json()["id"],
        "base": base,
        "source": source,
        "target": target,
    }


def target_body(schema: str, dataset: str) -> dict[str, Any]:
    """Return the body of a target connection."""
    return {
        "name": "lake",
        "connectionSpec": {"id": DATA_LAKE, "version": "1.0"},
        "data": {"schema": {"id": schema}},
        "params": {"dataSetId": dataset},
    }


def flow_body(ends: dict[str, str], **given: Any) -> dict[str, Any]:
    """Return the body of a flow of files that runs once."""
    return {
        "name": "Leads",
        "flowSpec": {"id": FILE_FLOW, "version": "1.0"},
        "sourceConnectionIds": [ends["source"]],
        "targetConnectionIds": [ends["target"]],
        "transformations": [{"name": "Mapping", "params": {"mappingId": ends["mapping"], "mappingVersion": "0"}}],
        "scheduleParams": {"startTime": "1597784298", "frequency": "once"},
        **given,
    }


def run_body(flow: str, **params: Any) -> dict[str, Any]:
    """Return the body of the tutorial's request for a run."""
    times = {"startTime": "1663735590", "windowStartTime": "1651584991", "windowEndTime": "16515859567"}
    return {"flowId": flow, "params": {**times, **params}}
