"""Answers, counted and written down."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from headrace.core.traffic import Traffic
from headrace.http.edge import Edge
from headrace.http.measuring import Measured
from headrace.http.problems import Renderer


def _render(_request: Request, _problem: Exception) -> PlainTextResponse:
    return PlainTextResponse("no", 500)


async def _inner(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/broken":
        raise RuntimeError("a bug")
    words = structlog.contextvars.get_contextvars().get("request_id", "")
    await PlainTextResponse(str(words), 404 if scope["path"] == "/missing" else 200)(scope, receive, send)


def _ask(app: ASGIApp, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


@pytest.fixture
def traffic() -> Traffic:
    """Return counts of nothing."""
    return Traffic()


def _measured(traffic: Traffic, *, log: bool = False, edge: bool = True) -> ASGIApp:
    render: Renderer = _render
    app: ASGIApp = Edge(_inner, render=render) if edge else _inner
    return Measured(app, traffic, lambda path: "jobs" if path.startswith("/jobs") else "other", log=log)


def test_answers_are_counted_by_door_and_class(traffic: Traffic) -> None:
    """What breaks beyond every edge is counted too."""
    app = _measured(traffic)
    for path in ("/a", "/jobs/1", "/jobs/2", "/missing", "/broken"):
        _ask(app, path)
    _ask(_measured(traffic, edge=False), "/broken")
    assert traffic.answers() == {
        ("other", "2xx"): 1,
        ("jobs", "2xx"): 2,
        ("other", "4xx"): 2,
        ("other", "5xx"): 1,
    }
    assert sum(traffic.durations()["jobs"].buckets) == 2


def test_a_line_for_each_answer_tells_no_query_and_no_token(traffic: Traffic) -> None:
    """What is secret in an address stays out of the log: its query, and parts of its path that are as long as a token."""
    with capture_logs() as lines:
        _ask(_measured(traffic, log=True), f"/jobs/{'x' * 200}/end?token=hunter2", {"x-request-id": "mine"})
    (line,) = lines
    assert 0 <= line.pop("ms") < 10_000
    expected: dict[str, Any] = {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/jobs/…/end",
        "status": 200,
        "door": "jobs",
        "client": "127.0.0.1",
        "request_id": "mine",
    }
    assert line == expected


def test_what_is_logged_while_a_request_is_answered_has_its_id(traffic: Traffic) -> None:
    """One id leads from the answer that a client got to all that was logged for it."""
    answer = _ask(_measured(traffic), "/a", {"x-request-id": "mine"})
    assert (answer.text, answer.headers["x-request-id"]) == ("mine", "mine")
    assert structlog.contextvars.get_contextvars() == {}
