"""What is told of a ledger with runs, rejects and logs in it: every answer is what the document says."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.native.conftest import ACME, OTHER, Api
from headrace.api.native.app import make_app
from headrace.api.native.document import document
from headrace.http.event_stream import Streams
from ledger_rows import SCOPE

CANARY = "c4n4ry-s3cr3t"


READ = [
    "/runs",
    "/runs?status=failed&status=queued&limit=1",
    "/throughput?since=2023-11-01&until=2023-12-01&buckets=3",
    "/runs/run-1",
    "/runs/@latest",
    "/runs/run-1/activities",
    "/runs/run-1/activity?path=Copy",
    "/runs/run-1/logs",
    "/runs/run-1/errors",
    "/runs/run-1/diff/run-2",
    "/quarantine",
    "/quarantine/batch-1",
    "/quarantine/batch-1/rows",
    "/flows",
    "/flows/flow-1",
    "/schedules",
    "/connections",
    "/webhooks",
    "/workers",
    "/clients",
    "/keys",
    "/audit",
    "/me",
    "/about",
]


def _schema(method: str, template: str, status: str = "200") -> dict[str, Any]:
    whole: dict[str, Any] = document()
    content = whole["paths"]["/native/v1" + template][method]["responses"][status]["content"]
    return {"components": whole["components"], **content["application/json"]["schema"]}


def _template(api: Api, method: str, path: str) -> str:
    plain = "/native/v1" + path.partition("?")[0]
    exact = [route.path for route in api.app.state.offered if route.path == plain]
    matching = [
        route.path
        for route in api.app.state.offered
        if method in route.methods and route.path_regex.fullmatch(plain) is not None
    ]
    return str([*exact, *matching][0]).removeprefix("/native/v1")


@pytest.mark.parametrize("path", READ)
def test_every_answer_is_what_the_document_says(acme: Api, path: str) -> None:
    """All members are there, of the kinds that are written down."""
    answer = acme("GET", path)
    assert answer.status_code == 200, answer.text
    Draft202012Validator(_schema("get", _template(acme, "GET", path))).validate(answer.json())


@pytest.mark.parametrize("path", [path for path in READ if path.count("/") > 1])
def test_a_stranger_finds_nothing_of_it(acme: Api, path: str) -> None:
    """By no name, in no list."""
    assert acme.holding(OTHER)("GET", path).status_code == 404


def test_a_plan_says_what_a_retry_would_do_and_a_retry_does_it_once(acme: Api) -> None:
    """However often it is asked for under one key."""
    plan = acme("POST", "/runs/run-2/retry-plan", {})
    assert plan.status_code == 200, plan.text
    Draft202012Validator(_schema("post", "/runs/{run}/retry-plan")).validate(plan.json())
    made = [acme("POST", "/runs/run-2/retry", {}, idempotency_key="once").json()["id"] for _ in range(2)]
    assert made[0] == made[1]
    many = acme("POST", "/runs/cancel", {"runs": [made[0], "nix"]})
    Draft202012Validator(_schema("post", "/runs/cancel")).validate(many.json())
    assert [item["reason"] is None for item in many.json()["items"]] == [True, False]


def test_rejects_are_downloaded_as_a_file_that_nothing_opens(acme: Api) -> None:
    """An attachment, of a name that every system takes, and of the type that it says."""
    for form, media_type in (("ndjson", "application/x-ndjson"), ("csv", "text/csv")):
        answer = acme("GET", f"/quarantine/batch-1/file?format={form}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert acme("GET", "/quarantine/batch-1/file?format=exe").status_code == 422


def test_a_run_that_has_ended_is_followed_to_its_end_at_once(acme: Api) -> None:
    """And one that is not there is refused instead of followed."""
    answer = acme("GET", "/runs/run-1/events")
    assert (answer.headers["content-type"], answer.text) == (
        "text/event-stream; charset=utf-8",
        "retry: 2000\n\nevent: ended\ndata: \n\n",
    )
    assert acme("GET", "/runs/nix/events").status_code == 404
    assert acme.holding(OTHER)("GET", "/runs/run-1/events").status_code == 404


def test_rights_that_are_taken_end_what_is_followed(acme: Api) -> None:
    """The stream does not outlive the token: here it is one that the door forgets."""
    tokens = dict(acme.door.static_tokens)
    door = replace(acme.door, static_tokens=tokens, streams=Streams(1))
    api = replace(acme, app=make_app(door), door=door)

    async def follow() -> str:
        said: list[str] = []
        ended = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message.get("body", b"").decode())
            if "changed" in said[-1]:
                tokens.clear()

        headers = [(b"authorization", f"Bearer {ACME}".encode()), (b"host", b"127.0.0.1")]
        path = "/native/v1/runs/events"
        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
        about = {"headers": headers, "http_version": "1.1", "scheme": "http", "asgi": {"spec_version": "2.0"}}
        await asyncio.wait_for(api.app({**scope, **about}, receive, send), 20)
        return "".join(said)

    assert acme.runner.run(follow()).endswith("event: ended\ndata: \n\n")


def test_secrets_are_in_no_answer(acme: Api) -> None:
    """Not what a definition has, not in what a webhook's address says besides."""
    hook = {"scope": SCOPE, "url": f"http://127.0.0.1:1/hook?key={CANARY}", "events": [], "secret": CANARY}
    assert acme("POST", "/webhooks", hook).status_code >= 400
    told = "".join(acme("GET", path).text for path in READ)
    assert CANARY not in told
    assert CANARY not in json.dumps(document())
