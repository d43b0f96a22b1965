"""The audit log: who did what to what."""

from dataclasses import replace

import pytest

import told_samples as told
from console_house import House, Visitor
from headrace.store import audit
from headrace.web.pages.audit import path_of

SCOPE = "flowservice/audited/prod"


@pytest.fixture(scope="module", autouse=True)
def deeds(console_house: House) -> None:
    """Write three deeds."""
    now = console_house.clock.now()
    with console_house.application.database.transaction() as tx:
        audit.record(tx, SCOPE, "<u>ann</u>", "run.retry", "run-9", now)
        audit.record(tx, SCOPE, "<u>ann</u>", "batch.replay", "batch-9", now, {"run_id": "run-10"})
        audit.record(tx, SCOPE, "bob", "flow.put", "flow-9", now, {"was": "<b>x</b>"})


def test_deeds_are_listed_with_links_to_what_they_were_done_to(reader: Visitor) -> None:
    """Whatever a client is called stays text."""
    page = reader.get(f"/audit?scope={SCOPE}")
    assert page.status == 200
    assert 'href="/runs/run-9"' in page.html
    assert 'href="/rejects/batch-9"' in page.html
    assert 'href="/runs/run-10"' in page.html
    assert 'href="/flows/flow-9?scope=flowservice%2Faudited%2Fprod"' in page.html
    assert "<u>ann</u>" in page.text
    assert "was <b>x</b>" in page.text


def test_filters_stand_in_the_address_and_in_the_form(reader: Visitor) -> None:
    """By who, by action with all of a noun, by time; what is no time is refused."""
    page = reader.get(f"/audit?scope={SCOPE}&who=bob&action=flow.*&object=&since=2020-01-01&until=")
    assert 'value="bob"' in page.html
    assert ("flow.put" in page.text, "run.retry" in page.text) == (True, False)
    assert "Nobody did such a thing" in reader.get(f"/audit?scope={SCOPE}&until=2001-01-01").text
    assert reader.get("/audit?since=yesterday").status == 400


def test_the_next_page_has_the_same_filters(reader: Visitor) -> None:
    """One goes on where one was."""
    page = reader.get(f"/audit?scope={SCOPE}&limit=1")
    onward = page.html.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert "scope=flowservice%2Faudited%2Fprod" in onward
    assert "batch.replay" in reader.get(onward + "&limit=1").text


def test_what_has_no_page_has_no_link() -> None:
    """What was removed, and what is a part of something else."""
    line = told.audit_list().items[0]
    paths = {
        action: path_of(replace(line, action=action, object="x/y"))
        for action in (
            "run.create",
            "activity.tell",
            "webhook.remove",
            "webhook.redeliver",
            "webhook.create",
            "trigger.stop",
            "upload.create",
            "pipeline.put",
            "linked_service.put",
            "client.create",
        )
    }
    assert paths == {
        "run.create": "/runs/x%2Fy",
        "activity.tell": "/runs/x",
        "webhook.remove": None,
        "webhook.redeliver": None,
        "webhook.create": "/webhooks/x%2Fy",
        "trigger.stop": "/schedules?scope=flowservice%2Facme%2Fprod",
        "upload.create": None,
        "pipeline.put": "/flows/x%2Fy?scope=flowservice%2Facme%2Fprod",
        "linked_service.put": "/connections/x%2Fy?scope=flowservice%2Facme%2Fprod",
        "client.create": "/clients",
    }
