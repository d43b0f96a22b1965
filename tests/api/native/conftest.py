"""The native API of a whole installation, asked in this process, by clients of every role."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from headrace.api.native.app import make_app
from headrace.api.native.door import NativeDoor
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.doors import Unasked, make_native_door
from headrace.bootstrap.native import make_native_desk
from headrace.config import load
from headrace.core.client import Role
from headrace.http.event_stream import Streams
from headrace.service.clients import ClientRequest, create_client

STATIC = "static-token-of-a-reader-0123456789"
PREFIX = "/native/v1"


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


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the error of a refusal, whose form is checked."""
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "fields", "request_id"}
    return error
