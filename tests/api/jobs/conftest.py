"""The Jobs door on a real ledger, asked in this process, and a client that speaks its dialect.

``client``: with a secret key, on both databases. ``jobs_door``: its door. ``Client.holding(token)``: the same door with another token.
"""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from fakes import ManualClock
from headrace.api.jobs.app import make_app
from headrace.api.jobs.door import JobsDoor
from headrace.bootstrap.application import SystemIds
from headrace.core.job import Actor
from headrace.core.job_limits import JobLimits, ScriptLimits
from headrace.core.workspace import KeyKind
from headrace.dataplane.scripts.runner import Scripts
from headrace.dataplane.storage import Roots
from headrace.service.happenings.desk import make_desk
from headrace.service.happenings.listening import Listening
from headrace.service.happenings.open_requests import OpenRequests
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk
from headrace.service.workspace.accounts import the_account
from headrace.service.workspace.keys import create_key
from headrace.store.database import Database

SEALER = Sealer([b"k" * 32])
SCRIPTS = Scripts(ScriptLimits())
"""Runs the scripts of all tests; it has a process only when one is run."""

MakeDoor = Callable[..., JobsDoor]


@dataclass(frozen=True)
class Client:
    """A client of the door. Paths are those of the contract, without the mount: ``/jobs``."""

    runner: asyncio.Runner
    app: ASGIApp
    door: JobsDoor
    clock: ManualClock
    headers: Mapping[str, str] = field(default_factory=dict)
    base: str = "http://127.0.0.1:8080"

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Return the answer to a request below ``/v1``; a name in ``headers`` has ``_`` for ``-``."""
        return self.raw(method, "/v1" + path, None if body is None else json.dumps(body).encode(), **headers)

    def raw(self, method: str, url: str, content: bytes | None = None, **headers: str) -> httpx.Response:
        """Return the answer to a request of exactly this path, query and body."""
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.runner.run(self._asked(method, url, content, given))

    def get(self, path: str) -> Any:
        """Return the ``data`` of a GET that is answered."""
        return self.done("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Return the ``data`` of a POST that is answered."""
        return self.done("POST", path, body)

    def done(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the ``data`` of a request that is answered (of one without an envelope: all of it)."""
        answer = self(method, path, body, **headers)
        assert answer.status_code == 200, answer.text
        value = answer.json()
        return value["data"] if isinstance(value, dict) and "data" in value else value

    def holding(self, token: str) -> "Client":
        """Return a client that shows ``token``."""
        return replace(self, headers={**self.headers, "authorization": f"Bearer {token}"})

    @property
    def actor(self) -> Actor:
        """Return somebody who works in the environment, for calls of services."""
        return Actor("us_key_test0001", self.door.account.environment_scope)

    async def _asked(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
            return await http.request(method, self.base + url, content=content, headers=headers)


@pytest.fixture(scope="session", autouse=True)
def _end_scripts() -> Iterator[None]:
    yield
    SCRIPTS.close()


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """Return what the requests of this session run in."""
    with asyncio.Runner() as one:
        yield one


@pytest.fixture
def make_jobs_door(database: Database, clock: ManualClock, tmp_path: Path) -> MakeDoor:
    """Return what makes a door on a fresh ledger; keywords overrule."""
    return door_maker(database, clock, tmp_path)


@pytest.fixture
def jobs_door(make_jobs_door: MakeDoor) -> JobsDoor:
    """Return a door on a fresh ledger: the test runs once for each kind of database."""
    return make_jobs_door()


@pytest.fixture
def client(runner: asyncio.Runner, jobs_door: JobsDoor, clock: ManualClock) -> Client:
    """Return a client with a secret key: the test runs once for each kind of database."""
    return client_of(runner, jobs_door, clock)


@pytest.fixture
def sqlite_client(runner: asyncio.Runner, sqlite_database: Database, clock: ManualClock, tmp_path: Path) -> Client:
    """Return a client with a secret key, for what does not depend on the kind of database."""
    return client_of(runner, door_maker(sqlite_database, clock, tmp_path)(), clock)


@pytest.fixture(scope="session")
def shared_client(
    runner: asyncio.Runner, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """Return a client of one door for all tests that only ask whether a request is taken."""
    home = tmp_path_factory.mktemp("shared")
    shutil.copy(_sqlite_template, home / "ledger.db")
    database, clock = Database(f"sqlite:///{home / 'ledger.db'}"), ManualClock()
    yield client_of(runner, door_maker(database, clock, home)(), clock)
    database.dispose()


def door_maker(database: Database, clock: ManualClock, home: Path) -> MakeDoor:
    """Return what makes doors on ``database``, with their folders in ``home``."""
    ids = SystemIds()
    names = ("landing", "lake", "quarantine", "work")
    roots = Roots(**{name: home / name for name in names}, file_roots=())
    roots.make()

    def make(**given: Any) -> JobsDoor:
        values = {
            "database": database,
            "clock": clock,
            "ids": ids,
            "sealer": SEALER,
            "tokens": TokenDesk(database, SEALER, clock, ids),
            "account": the_account(database, clock, ids),
            "roots": roots,
            "scripts": SCRIPTS,
        }
        limits = given.get("limits", JobLimits())
        values["listening"] = Listening(make_desk(database, clock, ids, limits, SEALER, OpenRequests(clock)))
        return JobsDoor(**{**values, **given})

    return make


def client_of(runner: asyncio.Runner, door: JobsDoor, clock: ManualClock) -> Client:
    """Return a client of ``door`` with a new secret key of the first environment."""
    made = create_key(door.keys, door.account.environment_scope, KeyKind.SECRET, "us_usr_test0001")
    return Client(runner, make_app(door), door, clock).holding(made.token)


def errors_of(answer: httpx.Response) -> tuple[int, list[tuple[str | None, str]]]:
    """Return status, and key and message of every entry of a refusal."""
    errors = answer.json()["errors"]
    assert errors
    assert all(set(error) <= {"key", "message"} for error in errors)
    return answer.status_code, [(error.get("key"), error["message"]) for error in errors]
