"""Who gets in, in which role, and what everybody may ask."""

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute

from api.native.conftest import STATIC, Api, error_of
from headrace.api.native.app import OPEN, make_app
from headrace.core.client import Role
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import members_of
from headrace.http.rates import Rates
from headrace.service.clients import ClientRequest, create_client, revoke_client
from headrace.service.tokens import issue_token


def _routes(api: Api) -> Iterator[tuple[str, str]]:
    opened = [route for router in OPEN for route in router.routes]
    for route in api.app.state.offered:
        if not any(route is one for one in opened):
            yield from ((method, route.path) for method in route.methods or ())


def test_every_route_wants_to_know_who_asks(nobody: Api) -> None:
    """Also those that nobody offers: an unknown caller does not learn what there is."""
    asked = [*_routes(nobody), ("GET", "/native/v1/nothing"), ("DELETE", "/native/v1/runs"), ("GET", "/native")]
    answers = {(method, path): nobody(method, "/" + path) for method, path in asked}
    assert {key: answer.status_code for key, answer in answers.items() if answer.status_code != 401} == {}
    assert all("www-authenticate" in answer.headers for answer in answers.values())
    assert len(asked) > len(OPERATIONS)


def test_three_routes_are_open_and_no_other() -> None:
    """Opened by their own route objects, counted here so that none comes along unnoticed."""
    paths = {route.path for router in OPEN for route in router.routes if isinstance(route, APIRoute)}
    assert paths == {"/native/v1/token", "/healthz", "/readyz"}


@pytest.mark.parametrize("way", ["form", "json", "basic"])
def test_a_token_is_given_for_an_id_and_a_secret(nobody: Api, way: str) -> None:
    """In the three ways that clients know; and it says for how long it is good."""
    desk = nobody.door.desk
    made = create_client(desk.database, ClientRequest(name="x", role=Role.READER), desk.clock, desk.ids)
    form = f"grant_type=client_credentials&client_id={made.client.id}&client_secret={made.secret}".encode()
    given = {"client_id": made.client.id, "client_secret": made.secret}
    basic = base64.b64encode(f"{made.client.id}:{made.secret}".encode()).decode()
    answer = {
        "form": lambda: nobody("POST", "/token", form, content_type="application/x-www-form-urlencoded"),
        "json": lambda: nobody("POST", "/token", given, content_type="application/json"),
        "basic": lambda: nobody("POST", "/token", authorization=f"Basic {basic}"),
    }[way]()
    assert (answer.status_code, answer.json()["token_type"], answer.json()["expires_in"]) == (200, "Bearer", 3599)
    assert nobody.holding(answer.json()["access_token"])("GET", "/me").json()["client"] == made.client.id


def test_wrong_secrets_and_requests_get_no_token(nobody: Api) -> None:
    """401 without saying what is wrong of the two; what is missing is said."""
    wrong = {"client_id": "nobody\0", "client_secret": "x" * 10_000}
    refused = [
        nobody("POST", "/token", {**wrong, "client_id": "nobody"}, content_type="application/json"),
        nobody("POST", "/token", b"client_id=%00&client_secret=x"),
        nobody("POST", "/token", authorization="Basic !!!"),
        nobody("POST", "/token", authorization="Basic " + base64.b64encode(b"\xff:\xff").decode()),
    ]
    assert [answer.status_code for answer in refused] == [401] * 4
    assert nobody("POST", "/token", wrong, content_type="application/json").status_code == 400
    missing = nobody("POST", "/token", b"grant_type=client_credentials")
    assert [field["path"] for field in error_of(missing)["fields"]] == ["client_id", "client_secret"]
    assert nobody("POST", "/token", b"grant_type=password&client_id=a&client_secret=b").status_code == 422
    assert nobody("POST", "/token", [1], content_type="application/json").status_code == 422
    assert nobody("POST", "/token", b"x" * 70_000).status_code == 413


def test_a_revoked_client_is_out_at_once(nobody: Api) -> None:
    """Its token was good a moment ago."""
    client = nobody.of(Role.READER)
    me = client("GET", "/me").json()
    revoke_client(nobody.door.desk.database, me["client"], "test", nobody.door.desk.clock)
    assert client("GET", "/me").status_code == 401


def test_tokens_are_for_one_door(nobody: Api, admin: Api) -> None:
    """One of the console, or of another door, opens nothing here."""
    client = admin("GET", "/me").json()["client"]
    token = issue_token(nobody.door.tokens, client, "console").text
    assert nobody.holding(token)("GET", "/me").status_code == 401
    assert nobody.holding(token + "x")("GET", "/me").status_code == 401


def test_a_static_token_has_the_role_that_the_settings_say(nobody: Api) -> None:
    """And no more."""
    watcher = nobody.holding(STATIC)
    assert watcher("GET", "/me").json() == {"client": "watcher", "name": "watcher", "role": "reader", "scopes": ["*"]}
    assert watcher("GET", "/clients").status_code == 403


def test_roles_are_looked_at_before_anything_is_done(reader: Api) -> None:
    """A reader is refused by every operation that needs more, whatever it names."""
    more = [one for one in OPERATIONS if one.role is not Role.READER]
    for one in more:
        path = one.path.replace("{", "").replace("}", "")
        body = {"name": "x", "scope": "a", "url": "http://x", "runs": []}
        known = {key: value for key, value in body.items() if key in members_of(one.asked)}
        query = "?scope=a" if one.method == "DELETE" and "scope" in known else ""
        answer = reader(one.method, path + query, None if one.sends or one.method == "DELETE" else known)
        assert (one.name, answer.status_code) == (one.name, 403), answer.text
    assert len(more) > 15


def test_in_development_any_token_is_taken_and_only_localhost_is_answered(nobody: Api) -> None:
    """A page whose name was rebound to this machine gets nothing."""
    door = replace(nobody.door, dev=True)
    api = replace(nobody, app=make_app(door), door=door)
    assert api("GET", "/me").json()["client"] == "dev"
    assert api.holding("whatever")("GET", "/me").json()["role"] == "admin"
    assert api("POST", "/token").json()["access_token"].startswith("dev-")
    assert api("GET", "/me", host="evil.example").status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:8080", "sec_fetch_site": "same-origin"}, 404),
        ({"origin": "https://evil.example", "authorization": "Bearer x"}, 404),
        ({}, 404),
    ],
)
def test_pages_of_other_sites_press_nothing_in_development(nobody: Api, headers: dict[str, str], status: int) -> None:
    """A form on any page could post to this machine, and no token would be asked for."""
    door = replace(nobody.door, dev=True)
    api = replace(nobody, app=make_app(door), door=door)
    assert api("POST", "/runs/nix/cancel", b"{}", content_type="text/plain", **headers).status_code == status


def test_who_asks_too_often_comes_again_later(nobody: Api) -> None:
    """Each caller has a bucket of its own; guesses of secrets count, too."""
    door = replace(nobody.door, rates=Rates(2))
    api = replace(nobody, app=make_app(door), door=door)
    answers = [api.holding(STATIC)("GET", "/me") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (error_of(answers[2])["code"], answers[2].headers["retry-after"]) == ("limit_exceeded", "2")
    guesses = [api("POST", "/token", b"client_id=a&client_secret=b").status_code for _ in range(3)]
    assert guesses == [401, 401, 429]
