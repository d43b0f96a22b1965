"""The door on a real ledger, asked in this process, and a client that speaks its dialect."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from fakes import CountingIds, ManualClock
from headrace.api.datafactory.app import make_app
from headrace.api.datafactory.door import DataFactoryDoor
from headrace.service.documents import DocumentDraft, write_document
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk
from headrace.store.database import Database

VERSION = "?api-version=2018-06-01"
SUB = "/subscriptions/Sub-1"
GROUP = f"{SUB}/resourceGroups/Rg"
FACTORY = f"{GROUP}/providers/Microsoft.DataFactory/factories/Fac"
SCOPE = "datafactory/sub-1/rg/fac"
SEALER = Sealer([b"k" * 32])

MakeDoor = Callable[..., DataFactoryDoor]


@dataclass(frozen=True)
class Client:
    """A client of the door. Paths that begin with ``/subscriptions`` are whole ones, others are in the factory ``Fac``."""

    runner: asyncio.Runner
    app: ASGIApp
    door: DataFactoryDoor
    clock: ManualClock
    headers: Mapping[str, str] = field(default_factory=dict)
    base: str = "http://127.0.0.1:8080"

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Return the answer; a name in ``headers`` has ``_`` for ``-``. A path without a query gets the version."""
        whole = path if path.startswith(("/subscriptions", "/Subscriptions", "/SUBSCRIPTIONS")) else FACTORY + path
        url = whole if "?" in whole else whole + VERSION
        return self.raw(method, url, None if body is None else json.dumps(body).encode(), **headers)

    def raw(self, method: str, url: str, content: bytes | None = None, **headers: str) -> httpx.Response:
        """Return the answer to a request of exactly this path, query and body."""
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.runner.run(self._asked(method, url, content, given))

    def put(self, path: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the resource that a PUT of ``properties`` made."""
        answer = self("PUT", path, {"properties": properties})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def get(self, path: str = "") -> dict[str, Any]:
        """Return the resource at ``path``."""
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def holding(self, token: str) -> "Client":
        """Return a client that shows ``token``."""
        return replace(self, headers={**self.headers, "authorization": f"Bearer {token}"})

    async def _asked(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
            return await http.request(method, self.base + url, content=content, headers=headers)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """Return what the requests of this session run in."""
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="session")
def shared(
    runner: asyncio.Runner, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """Return a client of one door for all tests that only ask whether a document is taken."""
    file = tmp_path_factory.mktemp("shared") / "ledger.db"
    shutil.copy(_sqlite_template, file)
    database, clock = Database(f"sqlite:///{file}"), ManualClock()
    yield client_of(runner, door_maker(database, clock)(), clock)
    database.dispose()


@pytest.fixture
def make_door(sqlite_database: Database, clock: ManualClock) -> MakeDoor:
    """Return what makes a door on a fresh ledger, which takes everybody for an admin; keywords overrule."""
    return door_maker(sqlite_database, clock)


@pytest.fixture
def client(runner: asyncio.Runner, make_door: MakeDoor, clock: ManualClock) -> Client:
    """Return a client of a door with one factory, ``Fac``."""
    return client_of(runner, make_door(), clock)


def door_maker(database: Database, clock: ManualClock) -> MakeDoor:
    """Return what makes doors on ``database``."""
    ids = CountingIds()

    def make(**given: Any) -> DataFactoryDoor:
        values = {
            "database": database,
            "clock": clock,
            "ids": ids,
            "sealer": SEALER,
            "tokens": TokenDesk(database, SEALER, clock, ids),
            "anonymous": True,
        }
        return DataFactoryDoor(**{**values, **given})

    return make


def client_of(runner: asyncio.Runner, door: DataFactoryDoor, clock: ManualClock) -> Client:
    """Return a client of ``door``, in which the factory ``Fac`` was made (where nobody has to be known)."""
    client = Client(runner, make_app(door), door, clock)
    if door.anonymous:
        made = client("PUT", "", {"location": "eastus"})
        assert made.status_code == 200, made.text
    return client


def error_of(answer: httpx.Response) -> tuple[int, str, str, str | None]:
    """Return status, code, message and target of a refusal."""
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "target", "details"}
    return answer.status_code, error["code"], error["message"], error["target"]


def wait(name: str = "W", **given: Any) -> dict[str, Any]:
    """Return an activity that waits a second."""
    return {"name": name, "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}, **given}


def pipeline(*activities: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Return the properties of a pipeline."""
    return {"activities": list(activities or [wait()]), **given}


def fill(client: Client, kind: str, names: Sequence[str]) -> None:
    """Make documents of one kind in ``Fac`` all at once."""
    with client.door.database.transaction() as tx:
        for name in names:
            body = {"properties": pipeline()}
            draft = DocumentDraft(scope=SCOPE, kind=kind, id=name.lower(), name=name, body=body, who="test")
            write_document(tx, draft, client.clock.now())
