"""Forms: only a page of one's own session can press a button."""

import pytest

from console_house import House, Visitor
from headrace.core.client import Role

FIELDS = {"do": "cancel", "run": "0" * 8}


def test_a_form_without_its_token_is_refused(operator: Visitor) -> None:
    """A page of another site cannot know the token."""
    page = operator.post("/runs/selection", FIELDS, csrf="")
    assert page.status == 403
    assert "does not belong to your session" in page.text


def test_a_token_of_another_session_is_refused(operator: Visitor, reader: Visitor) -> None:
    """What one session's pages bring is good for no other session."""
    assert operator.post("/runs/selection", FIELDS, csrf=reader.get("/runs").csrf).status == 403


def test_a_token_is_another_text_on_every_page_and_good_on_all(operator: Visitor) -> None:
    """Packed pages do not tell by their length what stands in a token."""
    tokens = [operator.get("/runs").csrf for _ in range(2)]
    assert tokens[0] != tokens[1]
    assert [operator.post("/runs/selection", FIELDS, csrf=token).status for token in tokens] == [200, 200]
    changed = tokens[0][:-1] + ("0" if tokens[0][-1] != "0" else "1")
    for wrong in (changed, tokens[0][:64], tokens[0][:-2], "0" * 128, "é" * 128):
        assert operator.post("/runs/selection", FIELDS, csrf=wrong).status == 403, wrong


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "", "origin": "https://evil.example"},
    ],
)
def test_a_form_of_another_site_is_refused(operator: Visitor, headers: dict[str, str]) -> None:
    """Browsers say where a form was sent from; one with the right token is refused too."""
    page = operator.post("/runs/selection", FIELDS, **headers)
    assert page.status == 403
    assert "another site" in page.text


def test_an_origin_is_compared_where_a_browser_says_no_more(console_house: House) -> None:
    """Over plain HTTP browsers send ``Origin`` alone."""
    visitor = console_house.visitor(Role.OPERATOR)
    csrf = visitor.get("/runs").csrf
    for origin, status in ((console_house.base, 200), ("http://evil.example", 403), ("null", 403)):
        sent = visitor.client.post(
            f"{console_house.base}/runs/selection", data={**FIELDS, "csrf": csrf}, headers={"origin": origin}
        )
        assert sent.status_code == status, origin


def test_a_token_may_come_in_a_header(operator: Visitor) -> None:
    """Parts of pages that are live send it so."""
    token = operator.get("/runs").csrf
    assert operator.post("/runs/selection", FIELDS, csrf="", x_csrf_token=token).status == 200
    assert operator.post("/runs/selection", FIELDS, csrf=token, x_csrf_token="wrong").status == 403


def test_a_reader_has_no_buttons_and_cannot_press_them(reader: Visitor) -> None:
    """What a role may not do is not offered, and refused whoever asks."""
    page = reader.get("/runs")
    assert "Retry" not in page.text
    assert 'type="checkbox" name="run"' not in page.html
    refused = reader.post("/runs/selection", {"do": "retry", "run": "0" * 8})
    assert refused.status == 403
    assert "needs the role operator" in refused.text
    assert reader.get("/runs/selection?do=retry&run=00000000").status == 403


def test_a_revoked_client_is_out_at_once(console_house: House) -> None:
    """The next request of a client that was revoked leads to the login."""
    gone = console_house.add(Role.READER, name="gone")
    visitor = console_house.visitor(None)
    visitor.post("/login", {"client": gone.client.id, "secret": gone.secret})
    assert visitor.get("/runs").status == 200
    console_house.revoke(gone)
    assert visitor.get("/runs").status == 303


def test_characters_that_no_database_keeps_are_refused(operator: Visitor) -> None:
    """A NUL in an address or a form is told, and reaches no query."""
    assert operator.get("/runs?text=a%00b").status == 400
    assert operator.post("/runs/selection", {"do": "retry", "run": "a\0b"}).status == 400
