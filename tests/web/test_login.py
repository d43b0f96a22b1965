"""Logging in and out: who gets a session, what it is worth, and where it leads."""

import httpx
import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.clock import HOUR
from headrace.service.tokens import issue_token


def _login(visitor: Visitor, house: House, **fields: str) -> httpx.Response:
    made = house.clients[Role.READER]
    return visitor.post("/login", {"client": made.client.id, "secret": made.secret, **fields}).response


def test_every_page_leads_to_the_login_and_back(stranger: Visitor) -> None:
    """Nothing is shown without a session; after logging in one is where one wanted to be."""
    page = stranger.get("/runs?status=failed&scope=flowservice%2Facme%2Fprod")
    assert page.status == 303
    assert page.location == "/login?next=%2Fruns%3Fstatus%3Dfailed%26scope%3Dflowservice%252Facme%252Fprod"


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(stranger: Visitor, console_house: House) -> None:
    """The cookie is for this server's own pages only, and for no script."""
    cookie = _login(stranger, console_house).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_a_session_over_tls_is_sent_over_tls_only(stranger: Visitor, console_house: House) -> None:
    """Who comes through a proxy that speaks TLS gets a cookie that is never sent in the clear."""
    made = console_house.clients[Role.READER]
    fields = {"client": made.client.id, "secret": made.secret}
    answer = stranger.post("/login", fields, x_forwarded_proto="https", x_forwarded_for="127.0.0.1")
    assert "Secure" in answer.response.headers["set-cookie"]


def test_logging_in_leads_to_where_one_wanted_to_be(stranger: Visitor, console_house: House) -> None:
    """The path that the login was asked with is gone on with."""
    assert _login(stranger, console_house, next="/runs?status=failed").headers["location"] == "/runs?status=failed"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/runs",
        "//evil.example/runs",
        "/\\evil.example",
        "\\/evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/runs\r\nset-cookie: a=b",
        "/data/foundation/flowservice/flows",
        "/login?next=/runs",
        "/logout",
        "/" + "a" * 3000,
    ],
)
def test_nobody_is_led_to_another_site(stranger: Visitor, console_house: House, elsewhere: str) -> None:
    """A link to the login cannot send people anywhere but to the console's pages."""
    assert _login(stranger, console_house, next=elsewhere).headers["location"] == "/"


def test_a_wrong_secret_and_an_unknown_client_are_told_alike(stranger: Visitor, console_house: House) -> None:
    """Nobody learns which clients there are."""
    known = console_house.clients[Role.READER].client.id
    wrong = stranger.post("/login", {"client": known, "secret": "wrong"})
    unknown = stranger.post("/login", {"client": "nobody", "secret": "wrong"})
    assert (wrong.status, unknown.status) == (401, 401)
    assert "do not belong together" in wrong.text
    assert wrong.text == unknown.text
    assert "set-cookie" not in wrong.response.headers


def test_who_guesses_has_to_wait(console_house: House, stranger: Visitor) -> None:
    """Tries are counted by address and client."""
    answers = [
        stranger.post("/login", {"client": "guessed", "secret": str(number)}, csrf=stranger.get("/login").csrf).status
        for number in range(25)
    ]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert console_house.visitor(None).get("/login").status == 200


def test_logging_out_ends_the_session_on_the_server_too(console_house: House) -> None:
    """A cookie that was copied before is worth nothing after."""
    visitor = console_house.visitor(Role.READER)
    kept = visitor.client.cookies["headrace_session"]
    assert visitor.post("/logout", {}).location == "/login"
    assert "headrace_session" not in visitor.client.cookies
    visitor.client.cookies.set("headrace_session", kept)
    assert visitor.get("/runs").location.startswith("/login")


def test_a_session_that_is_over_leads_back(console_house: House) -> None:
    """After its hours one logs in again, and is where one was; a part of a page has the whole page go there."""
    visitor = console_house.visitor(Role.READER)
    console_house.clock.advance(13 * HOUR)
    try:
        assert visitor.get("/runs?text=a").location == "/login?next=%2Fruns%3Ftext%3Da"
        part = visitor.get("/runs", hx_request="true", hx_current_url=f"{console_house.base}/runs?text=a")
        assert part.response.headers["hx-redirect"] == "/login?next=%2Fruns%3Ftext%3Da"
    finally:
        console_house.clock.advance(-13 * HOUR)


def test_who_is_logged_in_is_not_asked_again(reader: Visitor) -> None:
    """The login leads on who has a session."""
    assert reader.get("/login?next=/flows").location == "/flows"


def test_a_token_of_another_door_is_no_session(console_house: House, stranger: Visitor) -> None:
    """What scripts hold does not open the console."""
    desk = console_house.application.token_desk(60)
    token = issue_token(desk, console_house.clients[Role.ADMIN].client.id, "native")
    for text in (token.text, "eyJhbGciOiJIUzI1NiJ9.e30.x", "", "a" * 10_000):
        assert stranger.get("/runs", cookie=f"headrace_session={text}").status == 303
