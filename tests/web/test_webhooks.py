"""Webhooks: who is told, what each was told, told again, added and removed."""

from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.run import RunStatus
from headrace.service.webhooks import Webhook
from headrace.store import runs, webhooks
from ledger_rows import a_run, finish

SCOPE = "flowservice/hooked/prod"
ADDRESS = "http://hooks.example/<runs>"


@pytest.fixture(scope="module")
def house(console_house: House) -> House:
    """Return the console with a webhook that has a delivery, and one that is to be removed."""
    now = console_house.clock.now()
    with console_house.application.database.transaction() as tx:
        for name in ("hook-1", "hook-2"):
            events = frozenset((RunStatus.FAILED,))
            made = Webhook(
                id=name, scope=SCOPE, address=ADDRESS, events=events, flow_ids=None, created_by="t", created_at=now
            )
            webhooks.insert(tx, made, b"")
        runs.insert(tx, a_run("hooked-run", scope=SCOPE, created_at=now))
        finish(tx, "hooked-run", now=now)
    return console_house


@pytest.fixture(scope="module")
def outsider(house: House) -> Iterator[Visitor]:
    """Return an operator who sees one other scope only."""
    made = house.add(Role.OPERATOR, "flowservice/other")
    visitor = house.visitor(None)
    visitor.post("/login", {"client": made.client.id, "secret": made.secret})
    yield visitor
    visitor.client.close()


@pytest.mark.usefixtures("house")
def test_webhooks_are_listed_with_how_their_deliveries_stand(reader: Visitor) -> None:
    """An address stays text; readers see no form."""
    page = reader.get(f"/webhooks?scope={SCOPE}")
    assert ADDRESS in page.text
    assert "<runs>" not in page.html
    assert 'href="/webhooks/hook-1"' in page.html
    assert "Add the webhook" not in page.text


@pytest.mark.usefixtures("house")
def test_what_a_webhook_was_told_is_shown_and_told_again(operator: Visitor, reader: Visitor) -> None:
    """By status; who may only look sees no button."""
    page = operator.get("/webhooks/hook-1")
    assert 'href="/runs/hooked-run"' in page.html
    assert "pending" in page.text
    assert "No delivery with this status" in operator.get("/webhooks/hook-1?status=given_up&status=delivered").text
    delivery = page.html.split('name="delivery" value="')[1].split('"')[0]
    told = operator.post("/webhooks/hook-1/redeliver", {"delivery": delivery})
    assert (told.status, told.location) == (303, "/webhooks/hook-1")
    assert "Send again" not in reader.get("/webhooks/hook-1").text
    assert reader.post("/webhooks/hook-1/redeliver", {"delivery": delivery}).status == 403


@pytest.mark.usefixtures("house")
def test_a_webhook_is_removed_only_after_a_question(operator: Visitor, reader: Visitor) -> None:
    """The page that asks says what is lost; looking at it removes nothing."""
    question = operator.get("/webhooks/hook-2/remove")
    assert "Remove this webhook?" in question.text
    assert ADDRESS in question.text
    assert operator.get("/webhooks/hook-2").status == 200
    assert reader.post("/webhooks/hook-2/remove", {}).status == 403
    assert operator.post("/webhooks/hook-2/remove", {}).location == "/webhooks"
    assert operator.get("/webhooks/hook-2").status == 404


@pytest.mark.usefixtures("house")
def test_a_webhook_that_cannot_be_added_is_refused_on_its_form(operator: Visitor, reader: Visitor) -> None:
    """What was typed stays, but for the secret."""
    fields = {"scope": SCOPE, "url": "http://127.0.0.1:1/<x>", "events": "failed", "flows": "a, b", "secret": "hunter2"}
    page = operator.post("/webhooks", fields)
    assert page.status == 400
    assert 'role="alert"' in page.html
    assert 'value="http://127.0.0.1:1/&lt;x&gt;"' in page.html
    assert 'value="a b"' in page.html
    assert "hunter2" not in page.html
    assert reader.post("/webhooks", fields).status == 403


def test_webhooks_of_other_scopes_are_not_there(outsider: Visitor) -> None:
    """Neither the page nor its question nor its verbs."""
    assert "hook-1" not in outsider.get("/webhooks").html
    assert outsider.get("/webhooks/hook-1").status == 404
    assert outsider.get("/webhooks/hook-1/remove").status == 404
    assert outsider.post("/webhooks/hook-1/remove", {}).status == 404
    assert outsider.post("/webhooks", {"scope": SCOPE, "url": "http://x.example/"}).status == 404
