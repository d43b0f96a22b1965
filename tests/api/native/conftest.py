"""The native API of a whole installation, asked in this process, by clients of every role."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from headrace.api.native.app import make_app
from headrace.api.native.door import NativeDoor
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.doors import Unasked, make_native_door
from headrace.bootstrap.native import make_native_desk
from headrace.config import load
from headrace.core.client import Identity, Role, digest_of
from headrace.core.run_log import Line
from headrace.http.event_stream import Streams
from headrace.service.clients import ClientRequest, create_client
from headrace.service.tokens import TokenDesk
from headrace.store import activity_runs, batches, flows, run_logs, runs
from headrace.store.database import Database
from ledger_rows import NOW, a_batch, a_flow, a_retry, a_run, activities, finish
from native_house import NativeHouse, native_house
from servers import free_port
from waiting import until

STATIC = "static-token-of-a-reader-0123456789"
PREFIX = "/native/v1"
ACME, OTHER = "token-of-acme-0123456789", "token-of-other-0123456789"
REJECT = {
    "_reject": 1,
    "_filename": "a.csv",
    "_line": 7,
    "_errors": [{"code": "type", "column": "id", "message": "no number"}],
    "id": "x",
}


@dataclass(frozen=True)
class Api:
    """A client of the door. Paths are those below ``/native/v1``, unless they begin with two slashes."""

    runner: asyncio.Runner
    app: FastAPI
    door: NativeDoor
    token: str = field(default="", repr=False)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Return the answer; a name in ``headers`` has ``_`` for ``-``. A body that is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"authorization": f"Bearer {self.token}"} if self.token else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.runner.run(
            self._asked(method, path[1:] if path.startswith("//") else PREFIX + path, content, given)
        )

    def holding(self, token: str) -> "Api":
        """Return a client that shows ``token``."""
        return replace(self, token=token)

    def of(self, role: Role, *scopes: str) -> "Api":
        """Return a client of this role, which reaches ``scopes``, or everything."""
        desk = self.door.desk
        asked = ClientRequest(name=f"a {role}", role=role, scopes=scopes or ("*",))
        made = create_client(desk.database, asked, desk.clock, desk.ids)
        form = {"client_id": made.client.id, "client_secret": made.secret}
        answer = self("POST", "/token", form, content_type="application/json")
        return self.holding(answer.json()["access_token"])

    async def _asked(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
            return await http.request(method, "http://127.0.0.1:8080" + path, content=content, headers=headers)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """Return what the requests of this session run in."""
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Return an installation whose settings name a static token."""
    folder = tmp_path_factory.mktemp("native")
    settings = {"HEADRACE_NATIVE_TOKENS": f"watcher:reader:{STATIC}", "HEADRACE_NATIVE_MAX_UPLOAD_BYTES": "200000"}
    with open_application(load({**settings, "HEADRACE_MAX_BODY_BYTES": "100000"}, folder / "home", folder)) as opened:
        yield opened


@pytest.fixture(scope="session")
def nobody(runner: asyncio.Runner, application: Application) -> Api:
    """Return a client without a token."""
    desk = make_native_desk(application, Unasked())
    door = make_native_door(application, desk, Streams(3))
    return Api(runner, make_app(door), door)


@pytest.fixture(scope="session")
def admin(nobody: Api) -> Api:
    """Return a client that may do everything."""
    return nobody.of(Role.ADMIN)


@pytest.fixture(scope="session")
def reader(nobody: Api) -> Api:
    """Return a client that may look at everything."""
    return nobody.of(Role.READER)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeHouse]:
    """Return such an installation, for all who change little of it."""
    with installed(tmp_path_factory.mktemp("answers")) as made:
        yield made


@contextmanager
def installed(folder: Path) -> Iterator[NativeHouse]:
    """Yield an installation with a failed run, its retry, a batch with rejects, and log lines."""
    with open_application(load({}, folder / "home", folder)) as opened:
        made = native_house(opened.database, folder)
        # Its flow has no document that a door could read it from anew.
        made = replace(made, desk=replace(make_native_desk(opened, made.explorer), remakers={}))
        _fill(opened.database)
        made.keep_rejects("batch-1", REJECT)
        yield made


def _fill(database: Database) -> None:
    with database.transaction() as tx:
        flows.put(tx, a_flow(), NOW)
        for run in (a_run(), a_retry()):
            runs.insert(tx, run)
            activity_runs.insert_all(tx, activities(run.id))
            finish(tx, run.id)
        batches.save(tx, a_batch())
        run_logs.append(tx, [Line("run-1", NOW, 20, "it began", "Copy", 1, {"rows": 7})], limit=100)


@pytest.fixture(scope="session")
def acme(runner: asyncio.Runner, house: NativeHouse) -> Api:
    """Return an operator of the ledger's organisation."""
    return api_of(runner, house)


def api_of(runner: asyncio.Runner, house: NativeHouse) -> Api:
    """Return an operator of the organisation in ``house``; a client that holds ``OTHER`` is one of another organisation."""
    desk = house.desk
    door = NativeDoor(
        desk=desk,
        tokens=TokenDesk(desk.database, desk.sealer, desk.clock, desk.ids),
        streams=Streams(2),
        static_tokens={
            digest_of(ACME): Identity("acme", Role.ADMIN, ("flowservice/acme",)),
            digest_of(OTHER): Identity("other", Role.ADMIN, ("flowservice/other",)),
        },
    )
    return Api(runner, make_app(door), door, ACME)


@contextmanager
def served(api: Api) -> Iterator[str]:
    """Yield the address at which the door is served until the end of the block."""
    port = free_port()
    options = uvicorn.Config(api.app, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
    server = uvicorn.Server(options)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, seconds=20, what="the server")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the error of a refusal, whose form is checked."""
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "fields", "request_id"}
    return error
