"""The edge: what every answer has, and what no request gets past."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs

from headrace.core.errors import Code, Problem
from headrace.http.authentication import default_deny
from headrace.http.bodies import MAX_JSON_BYTES, json_body
from headrace.http.edge import Edge
from headrace.http.problems import answer_problems


def render(request: Request, problem: Problem) -> Response:
    """Answer with the code and the request's id."""
    status = {
        Code.NOT_FOUND: 404,
        Code.INTERNAL: 500,
        Code.UNAUTHENTICATED: 401,
        Code.UNAVAILABLE: 503,
    }.get(problem.code, 400)
    shown = "" if problem.code is Code.INTERNAL else problem.message
    return JSONResponse({"code": problem.code, "id": request.state.request_id, "text": shown}, status_code=status)


def refuse(request: Request) -> None:
    """Let nobody in without a key."""
    if "key" not in request.headers:
        raise Problem(Code.UNAUTHENTICATED, "who are you?")


class _Hasty(Edge):
    body_seconds = 0.1


def make_app(limit: int = 1000, *, loopback_only: bool = False, hasty: bool = False) -> FastAPI:
    """Return a small door."""
    opened, closed = APIRouter(), APIRouter()

    @opened.get("/open")
    def hello() -> Response:
        return JSONResponse("hello")

    @closed.get("/open-too")
    def closed_one() -> Response:
        return JSONResponse("secret")

    @closed.post("/echo")
    def echo(body: object = Depends(json_body)) -> Response:  # noqa: FAST002 — the test's own small door
        return JSONResponse(body)

    @closed.put("/files/a")
    async def take(request: Request) -> Response:
        return JSONResponse(len(await request.body()))

    @closed.get("/bug")
    def bug() -> Response:
        message = "the password is hunter2"
        raise RuntimeError(message)

    @closed.get("/away")
    def away() -> Response:
        raise Problem(Code.UNAVAILABLE, "the ledger cannot be reached now")

    guard = default_deny(refuse, open_routes=opened.routes)
    app = FastAPI(dependencies=[Depends(guard)], openapi_url=None, redirect_slashes=False)
    app.include_router(opened)
    app.include_router(closed)
    answer_problems(app, render)
    larger = {"/files/": 2 * limit}
    app.add_middleware(
        _Hasty if hasty else Edge,
        render=render,
        max_body_bytes=limit,
        larger=larger,
        loopback_only=loopback_only,
        once=frozenset({"key"}),
    )
    return app


def ask(method: str, path: str, **given: Any) -> httpx.Response:
    """Return the answer of the small door."""
    headers = given.pop("headers", {"key": "k"})
    limits = {name: given.pop(name) for name in ("limit", "loopback_only", "hasty") if name in given}
    app = make_app(**limits)

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            return await client.request(method, path, headers=headers, **given)

    return asyncio.run(call())


def test_only_the_named_route_is_open() -> None:
    """A path that looks like an open one is not."""
    answers = [ask("GET", path, headers={}).status_code for path in ("/open", "/open/", "/open-too", "/nothing")]
    assert answers == [200, 200, 401, 404]


def test_an_unexpected_failure_does_not_show_its_insides() -> None:
    """The caller gets the request's id, with which the log tells the rest."""
    answer = ask("GET", "/bug", headers={"key": "k", "x-request-id": "r-7"})
    assert (answer.status_code, answer.json()) == (500, {"code": "internal", "id": "r-7", "text": ""})
    assert "hunter2" not in answer.text


def test_a_body_over_the_limit_is_refused_however_it_comes() -> None:
    """By its declared length, and chunk by chunk."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"1" * 50

    declared = ask("POST", "/echo", content=b"1" * 1001)
    chunked = ask("POST", "/echo", content=chunks())
    assert [declared.json()["code"], chunked.json()["code"]] == ["limit_exceeded", "limit_exceeded"]
    assert ask("POST", "/echo", content=b"1" * 300).status_code == 200


def test_json_has_a_limit_of_its_own() -> None:
    """A door that takes large files does not read JSON of that size."""
    answer = ask("POST", "/echo", content=b'"' + b"x" * MAX_JSON_BYTES + b'"', limit=MAX_JSON_BYTES * 2)
    assert answer.json()["code"] == "limit_exceeded"


def test_a_large_body_is_read_beside_other_requests() -> None:
    """It is read in a thread, and comes back whole."""
    text = "x" * 200_000
    assert ask("POST", "/echo", json=text, limit=1 << 20).json() == text


def test_every_answer_has_the_safe_headers() -> None:
    """Also refusals and failures."""
    for path in ("/open", "/nothing", "/bug"):
        headers = ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert len(headers["x-request-id"]) == 36


def test_what_is_away_says_when_to_come_again() -> None:
    """Clients that repeat on 503 wait as long as they are told to."""
    assert int(ask("GET", "/away").headers["retry-after"]) > 0
    assert "retry-after" not in ask("GET", "/bug").headers


def test_a_client_that_goes_away_in_its_body_is_no_failure() -> None:
    """Nothing is answered, and nothing is logged as a bug of ours."""
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/echo", "query_string": b"", "headers": [(b"key", b"k")]}
    with capture_logs() as logged:
        asyncio.run(make_app()(scope, receive, send))
    assert (sent, logged) == ([], [])


def test_a_hostile_request_id_is_not_repeated() -> None:
    """Only printable ids of a bearable length come back."""
    answer = ask("GET", "/open", headers={"x-request-id": "x" * 500})
    assert len(answer.headers["x-request-id"]) == 36


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost@evil.example", "10.0.0.1", "", "[::2]:1"]
)
def test_a_name_that_was_rebound_to_loopback_gets_no_answer(host: str) -> None:
    """A page of another site must not speak to a server that takes any token, whatever its name resolves to."""
    assert ask("GET", "/open", headers={"host": host}, loopback_only=True).json()["code"] == "forbidden"


@pytest.mark.parametrize(
    "host", ["localhost:8080", "127.0.0.1:1", "127.8.8.8", "[::1]:8080", "LOCALHOST", "a.localhost"]
)
def test_loopback_names_are_answered(host: str) -> None:
    """A developer's own clients get in by any of the names of their machine."""
    assert ask("GET", "/open", headers={"host": host}, loopback_only=True).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(2000, 200), (2001, 400)])
def test_files_have_a_limit_of_their_own(size: int, status: int) -> None:
    """Where files are taken, bodies may be larger than elsewhere, and not without end."""
    assert ask("PUT", "/files/a", content=b"x" * size).status_code == status
    assert ask("POST", "/echo", content=b'"' + b"x" * 1500 + b'"').status_code == 400


def test_a_body_that_hardly_comes_is_given_up() -> None:
    """Each open body holds a connection, and an upload a file; how long is counted from what has come."""

    async def nothing() -> AsyncIterator[bytes]:
        yield b"[1"
        await asyncio.Event().wait()

    answer = ask("POST", "/echo", content=nothing(), hasty=True)
    assert (answer.status_code, "too slowly: 2 bytes" in answer.json()["text"]) == (400, True)


@pytest.mark.parametrize(
    "headers", [[("key", "k"), ("key", "l")], [("key", "k"), ("content-length", "2"), ("transfer-encoding", "chunked")]]
)
def test_what_two_readers_could_read_differently_is_refused(headers: list[tuple[str, str]]) -> None:
    """A proxy that looks at the one, and a server that takes the other, let in whom neither meant."""
    assert ask("POST", "/echo", headers=headers, content=b"{}").status_code == 400
