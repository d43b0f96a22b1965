"""What doors are given, and which of them answers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.doors import Unasked, make_data_factory_door
from headrace.bootstrap.mounting import Doors, Later
from headrace.bootstrap.serving import make_api
from headrace.config import load
from headrace.core.errors import Code, Problem

FACTORIES = "/subscriptions/s/providers/Microsoft.DataFactory/factories?api-version=2018-06-01"


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """Return an installation whose settings name two factories."""
    settings = {"HEADRACE_DATAFACTORY_FACTORIES": "S/Rg/One, s/rg/two"}
    with open_application(load(settings, tmp_path / "home", tmp_path)) as opened:
        yield opened


def asked(application: Any, path: str, **headers: str) -> httpx.Response:
    """Return the answer of an ASGI application."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
            return await http.get(f"http://127.0.0.1{path}", headers=headers)

    return asyncio.run(ask())


def test_each_door_answers_its_own_paths(application: Application) -> None:
    """One address has them all, and each refuses in its own words."""
    api = make_api(application, Unasked(), local=True)
    factories = asked(api, FACTORIES)
    assert [item["name"] for item in factories.json()["value"]] == ["One", "two"]
    assert asked(api, "/data/foundation/flowservice/flows").json()["error_code"] == "403010"


def test_the_native_api_and_the_console_answer_before_the_other_doors(application: Application) -> None:
    """At their own paths, each asking who comes; the console is made with its first page, once."""
    api = make_api(application, Unasked())
    assert asked(api, "/healthz").json() == {"status": "ok"}
    assert asked(api, "/native/v1/me").json()["error"]["code"] == "unauthenticated"
    assert asked(api, "/metrics").status_code == 401
    assert [asked(api, "/runs").headers["location"].partition("?")[0] for _ in range(2)] == ["/login"] * 2


def test_an_application_is_made_when_it_is_first_asked_for() -> None:
    """And then it is there."""
    made: list[int] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"made"})

    def make() -> Any:
        made.append(1)
        return app

    later = Later(make)
    assert made == []
    assert [asked(later, "/").text for _ in range(2)] == ["made", "made"]
    assert made == [1]


def test_a_factory_of_the_settings_is_made_once(application: Application) -> None:
    """A restart leaves it as it is."""
    answers = [asked(make_api(application, Unasked(), local=True), FACTORIES).json() for _ in range(2)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("settings", "local", "status"),
    [
        ({}, True, 200),
        ({}, False, 401),
        ({"HEADRACE_DATAFACTORY_TOKENS": f"ci:reader:{'x' * 20}"}, True, 401),
        ({"HEADRACE_PUBLIC_URL": "https://headrace.example"}, True, 401),
        ({"HEADRACE_PUBLIC_URL": "http://127.0.0.1:8080"}, True, 200),
    ],
)
def test_a_token_is_needed_as_soon_as_others_can_ask(
    tmp_path: Path, settings: dict[str, str], local: bool, status: int
) -> None:
    """On a loopback address nobody else can, unless a proxy stands before it."""
    with open_application(load(settings, tmp_path / "home", tmp_path)) as opened:
        api = make_api(opened, Unasked(), local=local)
        assert asked(api, FACTORIES).status_code == status
        assert asked(api, FACTORIES, authorization=f"Bearer {'x' * 20}").status_code == (
            200 if "HEADRACE_DATAFACTORY_TOKENS" in settings else status
        )


def test_bodies_have_the_smaller_of_two_limits(tmp_path: Path) -> None:
    """The dialect's, or the installation's."""
    with open_application(load({"HEADRACE_MAX_BODY_BYTES": "2048"}, tmp_path / "home", tmp_path)) as opened:
        assert make_data_factory_door(opened).max_body_bytes == 2048


@pytest.mark.parametrize("path", ["s/rg", "s/rg/f", "s/rg/a_b", "s/r g/abc", "/rg/abc", "s/rg/abc/d"])
def test_a_factory_that_cannot_be_is_refused_at_the_start(tmp_path: Path, path: str) -> None:
    """Before anything is served."""
    with pytest.raises(Problem) as refused:
        load({"HEADRACE_DATAFACTORY_FACTORIES": path}, tmp_path / "home", tmp_path)
    assert refused.value.code is Code.INVALID


def test_what_is_nobodys_goes_to_the_last_door() -> None:
    """There is always an answer."""

    def answering(text: str) -> Any:
        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": text.encode()})

        return app

    doors = Doors([(lambda path: path.startswith("/a"), answering("a"))], answering("last"))
    assert [asked(doors, path).text for path in ("/a/b", "/b")] == ["a", "last"]
