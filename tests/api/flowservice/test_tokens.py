"""The token endpoints and the sandboxes, which every client asks first."""

import contextlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from api.flowservice.conftest import HEADERS, HTTP, Client, serve
from headrace.api.flowservice.app import make_app
from headrace.api.flowservice.door import FlowServiceDoor

SB = "/data/foundation/sandbox-management"
GOOD = {"grant_type": "client_credentials", "client_id": "key", "client_secret": "s", "scope": "openid,AdobeID"}


@pytest.mark.parametrize("path", ["/ims/token", "/ims/token/v2", "/ims/token/v3", "/ims/token/v3/"])
@pytest.mark.parametrize("place", ["body", "query", "both"])
def test_a_token_comes_from_every_path_and_place(client: Client, path: str, place: str) -> None:
    """Form and query string are equal; where both say something the body wins."""
    query = {} if place == "body" else GOOD if place == "query" else {**GOOD, "grant_type": "password"}
    answer = HTTP.post(f"{client.base}{path}?{urlencode(query)}", data={} if place == "query" else GOOD)
    body = answer.json()
    assert (answer.status_code, set(body)) == (200, {"access_token", "token_type", "expires_in"})
    assert (body["token_type"], type(body["expires_in"]), body["expires_in"] > 500) == ("bearer", int, True)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"client_id": None}, "invalid_request"),
        ({"client_secret": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_request_that_cannot_be_has_its_error(client: Client, change: dict[str, Any], error: str) -> None:
    """The errors of the identity service have a form of their own."""
    form = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    answer = HTTP.post(f"{client.base}/ims/token/v3", data=form)
    assert (answer.status_code, answer.json()["error"], set(answer.json())) == (
        400,
        error,
        {"error", "error_description"},
    )


def test_a_client_that_cannot_be_is_no_client(make_door: Callable[..., FlowServiceDoor]) -> None:
    """Ids with what no ledger keeps are refused as wrong ones, in this service's form, and bodies are small."""
    with contextlib.contextmanager(serve)(make_app(make_door(dev=False))) as base:
        nul = HTTP.post(f"{base}/ims/token/v3", data={**GOOD, "client_id": "a\0b"})
        large = HTTP.post(f"{base}/ims/token/v3", data={**GOOD, "scope": "x" * 70_000})
    assert (nul.status_code, nul.json()["error"]) == (401, "invalid_client")
    assert (large.status_code, large.json()["error"]) == (413, "invalid_request")


def test_tokens_for_a_jwt_are_not_offered(client: Client) -> None:
    """The retired way in is 404, not a question for a token."""
    assert HTTP.post(f"{client.base}/ims/exchange/jwt", data={"jwt_token": "x"}).status_code == 404


def test_sandboxes_are_listed_and_cannot_be_changed(client: Client) -> None:
    """No sandbox has to be named for it; what is not there is 404 with a message."""
    headers = {name: value for name, value in HEADERS.items() if name != "x-sandbox-name"}
    lists = [HTTP.get(client.base + SB + path, headers=headers).json() for path in ("", "/", "/sandboxes")]
    one = HTTP.get(f"{client.base}{SB}/sandboxes/prod", headers=headers).json()
    assert lists == [{"sandboxes": [one], "_page": {"limit": 20, "count": 1}, "_links": {}}] * 3
    assert (one["name"], one["type"], one["state"], one["isDefault"], one["etag"]) == (
        "prod",
        "production",
        "active",
        True,
        1,
    )
    types = HTTP.get(f"{client.base}{SB}/sandboxTypes", headers=headers).json()["sandboxTypes"]
    assert types[0] == {"id": "production", "title": "production"}
    missing = HTTP.get(f"{client.base}{SB}/sandboxes/none", headers=headers)
    assert (missing.status_code, "none" in missing.json()["message"]) == (404, True)
    for method, path in (
        ("POST", "/sandboxes"),
        ("PUT", "/sandboxes/prod"),
        ("PATCH", "/sandboxes/prod"),
        ("DELETE", "/sandboxes/prod"),
    ):
        assert client(method, SB + path, {} if method != "DELETE" else None).status_code == 403, method
