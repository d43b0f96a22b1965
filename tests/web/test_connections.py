"""Connections: listed without secrets, and tried where one looks at them."""

from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.service.connections import ConnectionDraft, put_connection

SCOPE, OTHER = "flowservice/gee/prod", "flowservice/other/prod"


@pytest.fixture(scope="module")
def path(console_house: House) -> str:
    """Return the page of a connection whose name and secret are hostile."""
    application = console_house.application
    draft = ConnectionDraft(
        scope=SCOPE,
        name="<b>db</b>",
        kind="postgres",
        url="postgresql://u:hunter2@h:5432/d",
        options={"sslkey": "hunter2"},
    )
    made = put_connection(application.database, draft, "tester", application.sealer, console_house.clock)
    return f"/connections/{made.id}?scope={SCOPE}"


@pytest.fixture(scope="module")
def outsider(console_house: House) -> Iterator[Visitor]:
    """Return an operator who sees one other scope only."""
    made = console_house.add(Role.OPERATOR, OTHER)
    visitor = console_house.visitor(None)
    visitor.post("/login", {"client": made.client.id, "secret": made.secret})
    yield visitor
    visitor.client.close()


def test_connections_are_listed_with_where_they_lead(path: str, reader: Visitor) -> None:
    """A name stays text; of secrets nothing is shown."""
    page = reader.get("/connections?text=db&scope=")
    assert f'href="{path.replace(SCOPE, "flowservice%2Fgee%2Fprod")}"' in page.html
    assert "<b>db</b>" in page.text
    assert "hunter2" not in page.html
    assert "No connection has this in its name" in reader.get("/connections?text=nothing").text


def test_a_connection_is_shown_with_its_secrets_masked(path: str, reader: Visitor) -> None:
    """Its options, and who uses it."""
    page = reader.get(path)
    assert "No flow that the ledger knows uses it" in page.text
    assert "hunter2" not in page.html
    assert "h:5432" in page.text


def test_whether_it_can_be_reached_is_told_where_one_asks(path: str, operator: Visitor) -> None:
    """On the page, and as a part of it for scripts."""
    where = path.split("?", maxsplit=1)[0] + "/test"
    page = operator.post(where, {"scope": SCOPE})
    assert page.status == 200
    assert "It cannot be reached: this process does not look into sources" in page.text
    part = operator.post(where, {"scope": SCOPE}, hx_request="true")
    assert "<h1>" not in part.html
    assert "It cannot be reached" in part.text


def test_who_may_only_look_cannot_try_it(path: str, reader: Visitor) -> None:
    """There is no button, and a form that is sent is refused."""
    assert "/test" not in reader.get(path).html
    assert reader.post(path.split("?", maxsplit=1)[0] + "/test", {"scope": SCOPE}).status == 403


def test_connections_of_other_scopes_are_not_there(path: str, outsider: Visitor) -> None:
    """Whichever scope one says."""
    assert outsider.get(path).status == 404
    assert outsider.get(path.replace(SCOPE, OTHER)).status == 404
    assert outsider.post(path.split("?", maxsplit=1)[0] + "/test", {"scope": SCOPE}).status == 404
    assert "<b>db</b>" not in outsider.get("/connections").text
