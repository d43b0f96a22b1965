"""Webhooks are made where an address answers, and what they were told can be looked at and told again."""

from collections.abc import Iterator

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.native.installation import ListAudit
from headrace.core.native.places import AddWebhook, AskDelivery, AskWebhook, ListDeliveries, ListWebhooks, WebhookLine
from headrace.core.native.table import (
    ADD_WEBHOOK,
    LIST_AUDIT,
    LIST_DELIVERIES,
    LIST_WEBHOOKS,
    REDELIVER,
    REMOVE_WEBHOOK,
)
from headrace.core.run import RunStatus
from headrace.service.webhooks import deliver_due
from headrace.store import runs
from ledger_rows import SCOPE, a_run, finish
from listeners import Listener, listening
from native_house import OPERATOR, NativeHouse


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Return a server that listens."""
    with listening() as made:
        yield made


def add(native: NativeHouse, listener: Listener, **given: object) -> WebhookLine:
    """Add a webhook, which answers the challenge."""
    asked = AddWebhook(**{"scope": SCOPE, "url": listener.url + "?key=hunter2", "secret": "hunter2", **given})  # type: ignore[arg-type]  # what a test gives
    return native.ask(ADD_WEBHOOK, asked, OPERATOR)


def test_a_webhook_is_listed_with_how_its_deliveries_stand(native: NativeHouse, listener: Listener) -> None:
    """And its deliveries with their tries; nothing of its query or its secret."""
    made = add(native, listener)
    assert (made.events, made.flows, made.created_by) == (("failed", "succeeded"), (), "op")
    assert "hunter2" not in made.address
    with native.database.transaction() as tx:
        runs.insert(tx, a_run())
        finish(tx, "run-1", RunStatus.FAILED)
    assert [line.pending for line in native.ask(LIST_WEBHOOKS, ListWebhooks()).items] == [1]
    listener.answer = lambda _heard: (500, {}, b"")
    for _ in range(7):
        deliver_due(native.desk.webhooks)
        native.clock.advance(2 * 86_400_000_000)
    (line,) = native.ask(LIST_WEBHOOKS, ListWebhooks(scope="flowservice"), OPERATOR).items
    assert (line.pending, line.given_up) == (0, 1)
    (delivery,) = native.ask(LIST_DELIVERIES, ListDeliveries(webhook=made.id, status=("given_up",))).items
    assert (delivery.run, delivery.event, delivery.status, delivery.attempts) == ("run-1", "failed", "given_up", 7)
    assert [(one.status, one.took, one.message) for one in delivery.tries] == [(500, 0, "")] * 7
    assert delivery.tries[0].at < delivery.tries[1].at
    again = native.ask(REDELIVER, AskDelivery(delivery=delivery.id), OPERATOR)
    assert (again.status, again.attempts, again.next_at) == ("pending", 0, native.clock.now())


def test_an_address_that_does_not_answer_the_challenge_is_refused(small: NativeHouse, listener: Listener) -> None:
    """So is an event that there is not."""
    listener.answer = lambda _heard: (200, {}, b"no")
    with pytest.raises(Problem) as caught:
        add(small, listener)
    assert caught.value.code is Code.EXTERNAL_FAILED
    with pytest.raises(Problem, match="'began' is no event"):
        add(small, listener, events=("began",))
    with pytest.raises(Problem, match="is no status of deliveries"):
        small.ask(LIST_DELIVERIES, ListDeliveries(webhook="w", status=("lost",)))


def test_a_webhook_is_removed_with_its_deliveries(small: NativeHouse, listener: Listener) -> None:
    """Who did it stands in the audit."""
    made = add(small, listener, events=("sources_flow_run_success",), flows=("flow-1",))
    assert (made.events, made.flows) == (("succeeded",), ("flow-1",))
    small.ask(REMOVE_WEBHOOK, AskWebhook(webhook=made.id), OPERATOR)
    assert small.ask(LIST_WEBHOOKS, ListWebhooks()).items == ()
    told = small.ask(LIST_AUDIT, ListAudit(action="webhook.*")).items
    assert [(entry.action, entry.who) for entry in told] == [("webhook.remove", "op"), ("webhook.create", "op")]
