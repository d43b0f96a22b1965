"""Clients and keys: made with a secret that is shown once, revoked after a question, by administrators alone."""

import re

import pytest

from console_house import House, Visitor
from headrace.core.client import Role

_SECRET = re.compile(r'data-copy="([^"]+)"')


def test_clients_are_listed_with_their_roles(console_house: House, admin: Visitor) -> None:
    """Each with what it may reach."""
    page = admin.get("/clients")
    assert page.status == 200
    for role in Role:
        assert console_house.clients[role].client.id in page.text
    assert "every scope" in page.text


def test_a_clients_secret_is_shown_once_and_lets_it_in(console_house: House, admin: Visitor) -> None:
    """The list does not have it; a name stays text."""
    made = admin.post("/clients", {"name": "<i>ops</i>", "role": "reader", "scopes": "local flowservice/gee"})
    assert made.status == 200
    client, secret = _SECRET.findall(made.html)
    assert "<i>ops</i>" in made.text
    assert secret not in admin.get("/clients").html
    visitor = console_house.visitor(None)
    assert visitor.post("/login", {"client": client, "secret": secret}).status == 303
    assert visitor.get("/flows").status == 200
    question = admin.get(f"/clients/{client}/revoke")
    assert "loses all its rights at once" in question.text
    assert visitor.get("/flows").status == 200
    assert admin.post(f"/clients/{client}/revoke", {}).location == "/clients"
    assert visitor.get("/flows").location.startswith("/login")
    assert "revoked" in admin.get("/clients").text


def test_a_client_that_cannot_be_made_is_refused_on_its_form(admin: Visitor) -> None:
    """What was typed stays."""
    page = admin.post("/clients", {"name": "<x>", "role": "king", "scopes": "*"})
    assert (page.status, "'king' is no role (one of reader, operator, admin)" in page.text) == (400, True)
    assert 'value="&lt;x&gt;"' in page.html
    assert admin.post("/clients", {"name": "x", "role": "reader", "scopes": "a*"}).status == 400


def test_a_key_is_made_shown_once_and_revoked(admin: Visitor) -> None:
    """Its token stands on no other page."""
    made = admin.post("/clients/keys", {"name": "ci <1>", "kind": "secret"})
    assert made.status == 200, made.text
    (token,) = _SECRET.findall(made.html)
    listed = admin.get("/clients")
    assert token not in listed.html
    assert "ci <1>" in listed.text
    path = re.findall(r'href="(/clients/keys/[^"]+/revoke)"', listed.html)[-1]
    assert "Revoke this key?" in admin.get(path).text
    assert admin.post(path, {}).location == "/clients"
    assert "ci <1>" not in admin.get("/clients").text
    assert admin.post("/clients/keys", {"kind": "golden"}).status == 400


@pytest.mark.parametrize("path", ["/clients", "/clients/x/revoke", "/clients/keys/x/revoke"])
def test_who_is_no_administrator_has_no_such_page(path: str, operator: Visitor) -> None:
    """Neither to look at nor to press; there is no link to it."""
    assert operator.get(path).status == 403
    assert operator.post(path, {"name": "x", "role": "admin"}).status == 403
    assert 'href="/clients"' not in operator.get("/workers").html


def test_who_is_not_there_cannot_be_revoked(admin: Visitor) -> None:
    """An id that nobody has."""
    assert admin.get("/clients/nobody/revoke").status == 404
    assert admin.get("/clients/keys/nothing/revoke").status == 404
